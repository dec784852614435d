"""Whole folders: every photograph is colored (or filtered) once, failures are reported, originals are never touched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from dancheong.imaging.files import PHOTO_SUFFIXES, PhotoError, write_photo
from dancheong.imaging.sheet import sheet
from dancheong.params import ParamError, Params
from dancheong.prediction.cluster import run_on_cluster, task_of
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.confidence import refuse_pairs
from dancheong.prediction.contact_sheet import contact_sheet
from dancheong.prediction.executor import Numbered, run_jobs
from dancheong.prediction.manifest import MODEL_LETTERS, Manifest
from dancheong.prediction.plan import Identity, Job, find_sources, identity, of_shard, plan
from dancheong.prediction.process_file import coloring, enlarging, failure, filtering, is_pair, params_digest
from dancheong.prediction.result import FileResult, told
from dancheong.prediction.user_masks import drawn_masks_of, why_unused
from dancheong.system.cores import cores
from dancheong.upscaling.upscaler import Upscaler

__all__ = ["FileResult", "Progress", "Tell", "filter_files", "is_pair", "predict_files", "told", "upscale_files"]

Pixels = NDArray[Any]
Progress = Callable[[FileResult, int, int], None]
Tell = Callable[[str], None]
Run = Callable[[Sequence[Job]], Iterator[Numbered]]

SHEET_ROWS = 24


@dataclass(frozen=True)
class _Work:
    """What there is to do: jobs, and the photographs that nothing may replace."""

    jobs: list[Job]
    originals: frozenset[Identity]


def predict_files(
    colorizer: Colorizer | str | Path,
    inputs: Sequence[str | Path],
    out_dir: str | Path,
    overwrite: bool = False,
    mask_dir: str | Path | None = None,
    drawn_masks: str | Path | None = None,
    shard: tuple[int, int] | None = None,
    progress: Progress | None = None,
    suffix: str | None = None,
    tell: Tell | None = None,
    *,
    confidence_dir: str | Path | None = None,
    manifest: str | Path | None = None,
    sheet_path: str | Path | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    upscaler: Upscaler | None = None,
) -> list[FileResult]:
    """Color photographs at their full size, or SR_SCALE times that, into `out_dir`.

    Args:
        colorizer: a Colorizer, or a model file.
        inputs: photographs, and folders that are searched; subfolders are kept in `out_dir`.
        overwrite: do again what is there already. An input is never overwritten.
        mask_dir: each photograph's mask of light reflection is written here, 8-bit PNG of the same stem: 0 is untouched.
        drawn_masks: folder of masks drawn by hand, PNG of the same (subfolder and) stem; others are left to the detector.
        shard: (i, n): only the i-th of n parts, 1 <= i <= n.
        progress: called with each result as it is done, how many are done and how many there are.
        suffix: format of all results, such as ".png"; None: that of the input.
        tell: called with a sentence where drawn masks are not used or belong to no photograph, where memory ran out and
            where results of another model stand. It may be called from any thread.
        confidence_dir: each photograph's map of confidence is written here, 8-bit gray PNG of the same stem: 255 is sure.
        manifest: a CSV of what became of each photograph, written as it goes; a run that is started again goes on with it.
        sheet_path: a contact sheet of the first photographs is written here: gray | color, with names.
        workers: photographs at a time, within MEMORY_GB; None: one more than there are cores, where the model was opened
            with one thread, else one. The results do not depend on it.
        cluster: address of a Dask scheduler, whose workers do the work; they see the same files.
        upscaler: for SR_SCALE above 1; None: the one that comes with the program; with `cluster` there is no other.

    Returns:
        A result for each photograph of the shard, in order. One that fails does not stop the others.

    Raises:
        ParamError: folders that would mix results or are not there, an unknown suffix, a wrong shard, or a manifest
            that another run is writing.
        ArtifactError, ExtraMissing: the model cannot be opened.
        DancheongError: the cluster does not answer, or has no workers.
    """
    model = colorizer if isinstance(colorizer, Colorizer) else Colorizer.open(colorizer)
    if confidence_dir is not None:
        refuse_pairs(model)
    is_treated = model.params.pairing != "side_by_side"
    unused = why_unused(model.params, "predict") if is_treated else "PAIRING=side_by_side treats no light reflection"
    work = _plan(inputs, out_dir, mask_dir, drawn_masks, suffix, unused, tell, confidence_dir)
    work = replace(work, jobs=of_shard(work.jobs, shard))
    if sheet_path is not None:
        # The run that goes on makes its sheet again.
        _check_sheet(Path(sheet_path), work, overwrite or (manifest is not None and Path(manifest).exists()))
    if workers is None:
        # One more than there are cores, as one mostly waits for the disk.
        workers = cores() + 1 if model.threads == 1 else 1
    treatment = coloring(model, overwrite, tell, upscaler)
    if cluster is not None and upscaler is not None:
        raise ParamError("workers of a cluster enlarge with the upscaler that comes with the program: leave --upscaler out")
    task = None if cluster is None else task_of(model, overwrite)

    def run(jobs: Sequence[Job]) -> Iterator[Numbered]:
        if cluster is not None and task is not None:
            return run_on_cluster(cluster, task, jobs, tell or (lambda text: None))
        return run_jobs(treatment, jobs, max(1, min(workers, len(jobs))), cores())

    results = _recorded(run, work, manifest, Path(out_dir), _recipe(model), overwrite, progress, tell)
    if sheet_path is not None and (page := contact_sheet(results)) is not None:
        _write_sheet(Path(sheet_path), page)
    return results


def filter_files(
    params: Params,
    inputs: Sequence[str | Path],
    out_dir: str | Path,
    overwrite: bool = False,
    mask_dir: str | Path | None = None,
    drawn_masks: str | Path | None = None,
    sheet_path: str | Path | None = None,
    progress: Progress | None = None,
    suffix: str | None = None,
    tell: Tell | None = None,
) -> list[FileResult]:
    """Glare control on its own, as `params` would have it in training or prediction. Arguments as `predict_files`.

    Args:
        sheet_path: a contact sheet of the first photographs is written here: before | mask | after.

    Raises:
        ParamError: also for a sheet that would replace a photograph, or (without `overwrite`) any file.
    """
    stage: Literal["train", "predict"] = "train" if params.glare_stage == "train" else "predict"
    work = _plan(inputs, out_dir, mask_dir, drawn_masks, suffix, why_unused(params, stage), tell)
    if sheet_path is not None:
        _check_sheet(Path(sheet_path), work, overwrite)
    rows: list[list[Pixels]] = []

    def watch(*pictures: Pixels) -> None:
        if sheet_path is not None and len(rows) < SHEET_ROWS:
            rows.append(list(pictures))

    treatment = filtering(params, stage, overwrite, watch)
    results = _collect(lambda jobs: run_jobs(treatment, jobs, 1), work, None, overwrite, progress)
    if sheet_path is not None and rows:
        _write_sheet(Path(sheet_path), sheet(rows, ["before", "mask", "after"]))
    return results


def upscale_files(
    upscaler: Upscaler,
    inputs: Sequence[str | Path],
    out_dir: str | Path,
    scale: int | None = None,
    params: Params | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    suffix: str | None = None,
) -> list[FileResult]:
    """Enlarge photographs as they are, without coloring. Arguments as `predict_files`.

    Args:
        scale: 2 or 4; None: the upscaler's.
        params: for MEMORY_GB.

    Raises:
        ParamError: also for a scale that this upscaler does not give.
    """
    scale = scale or upscaler.scale
    upscaler.passes(scale)
    work = _plan(inputs, out_dir, None, None, suffix, "", None)
    treatment = enlarging(upscaler, scale, params or Params(), overwrite)
    return _collect(lambda jobs: run_jobs(treatment, jobs, 1), work, None, overwrite, progress)


def _plan(
    inputs: Sequence[str | Path],
    out_dir: str | Path,
    mask_dir: str | Path | None,
    drawn_masks: str | Path | None,
    suffix: str | None,
    unused: str,
    tell: Tell | None,
    confidence_dir: str | Path | None = None,
) -> _Work:
    """What there is to do, found and checked before anything is done. `unused`: why drawn masks are not looked at."""
    out = Path(out_dir)
    masks, drawn, maps = (None if folder is None else Path(folder) for folder in (mask_dir, drawn_masks, confidence_dir))
    _check_folders(out, masks, drawn, maps, suffix)
    sources = find_sources(inputs, [folder for folder in (out, masks, drawn, maps) if folder is not None])
    drawings = {} if drawn is None else drawn_masks_of(drawn, sources, unused, tell or (lambda text: None))
    jobs = [replace(job, drawing=drawings.get(job.source.path)) for job in plan(sources, out, masks, suffix, maps)]
    # The originals of all shards, and names that do not depend on the shard.
    return _Work(jobs, frozenset(identity(source.path) for source in sources))


def _collect(
    run: Run, work: _Work, book: Manifest | None, overwrite: bool, progress: Progress | None
) -> list[FileResult]:
    """Results in the order of the jobs; each is in the manifest before the next is waited for."""
    standing = None if overwrite else book
    results: list[FileResult | None] = [_refusal(job, work.originals, standing) for job in work.jobs]
    done = 0

    def note(result: FileResult) -> None:
        nonlocal done
        done += 1
        if book is not None:
            book.add(result)
        if progress:
            progress(result, done, len(results))

    for refused in filter(None, results):
        note(refused)
    open_numbers = [number for number, result in enumerate(results) if result is None]
    for number, result in run([work.jobs[number] for number in open_numbers]):
        results[open_numbers[number]] = result
        note(result)
    return [result for result in results if result is not None]


def _refusal(job: Job, originals: frozenset[Identity], standing: Manifest | None) -> FileResult | None:
    """What keeps a photograph from being done: a name that an original, or the result of another photograph, has."""
    for path in job.results:
        if identity(path) in originals:
            return failure(
                job, PhotoError(path, "would replace an original photograph; choose another folder for the results")
            )
    other = standing.of_another(job.source.path, job.output) if standing is not None else ""
    if other and job.output.exists():
        return failure(job, PhotoError(job.output, f"is the result of {other}; choose another folder for the results"))
    return None


def _recipe(model: Colorizer) -> str:
    """Model and settings, as a manifest remembers them: six letters of each digest. Memory and strips change no picture."""
    params = model.params.model_copy(update={"memory_gb": 1.0, "tile_px": 0})
    return model.digest[: MODEL_LETTERS // 2] + params_digest(params)[: MODEL_LETTERS // 2]


def _recorded(
    run: Run,
    work: _Work,
    manifest: str | Path | None,
    out: Path,
    digest: str,
    overwrite: bool,
    progress: Progress | None,
    tell: Tell | None,
) -> list[FileResult]:
    if manifest is None:
        return _collect(run, work, None, overwrite, progress)
    with Manifest(Path(manifest), out, digest) as book:
        _look_back(book, work, overwrite, tell or (lambda text: None))
        results = _collect(run, work, book, overwrite, progress)
        # What a worker of a cluster left that was killed meanwhile.
        _sweep(book, work)
        return results


def _look_back(book: Manifest, work: _Work, overwrite: bool, tell: Tell) -> None:
    """What earlier runs left: half-written files are removed, results of another model are told."""
    if swept := _sweep(book, work):
        tell(f"{swept} half-written files of a run that was killed were removed")
    if not overwrite and (others := book.other_models()):
        tell(f"{others} results here were made with another model or other settings: they stay; --overwrite makes them again")


def _sweep(book: Manifest, work: _Work) -> int:
    return book.sweep(path.parent for job in work.jobs for path in job.results)


def _check_folders(out: Path, masks: Path | None, drawn: Path | None, maps: Path | None, suffix: str | None) -> None:
    if suffix is not None and suffix.lower() not in PHOTO_SUFFIXES:
        raise ParamError(f"suffix {suffix!r} came; one of {', '.join(sorted(PHOTO_SUFFIXES))} was expected")
    taken = {folder.resolve() for folder in (out, drawn) if folder is not None}
    for name, folder in (("masks", masks), ("maps of confidence", maps)):
        if folder is not None and folder.resolve() in taken:
            raise ParamError(f"{folder}: {name} are written beside other pictures there; give them a folder of their own")
        taken |= set() if folder is None else {folder.resolve()}


def _write_sheet(path: Path, page: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(path, page)


def _check_sheet(path: Path, work: _Work, overwrite: bool) -> None:
    if path.suffix.lower() not in PHOTO_SUFFIXES:
        raise ParamError(f"{path}: a sheet is a picture; one of {', '.join(sorted(PHOTO_SUFFIXES))} was expected")
    if path.is_dir():
        raise ParamError(f"{path}: this is a folder; a file name for the sheet was expected")
    if identity(path) in work.originals:
        raise ParamError(f"{path}: the sheet would replace an original photograph; choose another name")
    if path.absolute() in {one.absolute() for job in work.jobs for one in job.results}:
        raise ParamError(f"{path}: the sheet would replace a result of the same name; choose another name")
    if path.exists() and not overwrite:
        raise ParamError(f"{path}: a file is there already; --overwrite replaces it")
