"""Whole folders: every photograph is processed once, errors are reported in the results, originals are never changed."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from dancheong.imaging.files import write_photo
from dancheong.imaging.sheet import sheet
from dancheong.params import ParamError, Params
from dancheong.prediction.cluster import run_on_cluster, task_of
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.confidence import refuse_pairs
from dancheong.prediction.contact_sheet import contact_sheet
from dancheong.prediction.looks import likelihoods, refuse_without_chroma
from dancheong.prediction.manifest import MODEL_LETTERS, Manifest
from dancheong.prediction.options import FolderOptions
from dancheong.prediction.origin import settings_digest
from dancheong.prediction.plan import Job, Plan, plan_folder, why_coloring_uses_no_mask, why_masks_unused
from dancheong.prediction.process_file import Numbered, run_jobs
from dancheong.prediction.processors import Processor, coloring, enlarging, filtering, recoloring
from dancheong.prediction.result import FileResult
from dancheong.system.arguments import checked
from dancheong.system.arrays import Pixels
from dancheong.system.cores import cores
from dancheong.upscaling.upscaler import Upscaler

__all__ = ["FileResult", "FolderOptions", "apply_color_files", "filter_files", "predict_files", "upscale_files"]

Run = Callable[[Sequence[Job]], Generator[Numbered]]

SHEET_ROWS = 24
DEFAULTS = FolderOptions()


@checked
def predict_files(
    colorizer: Colorizer | str | Path | None,
    inputs: str | Path | Iterable[str | Path],
    out_dir: str | Path | None,
    options: FolderOptions = DEFAULTS,
    upscaler: Upscaler | None = None,
) -> list[FileResult]:
    """Color photographs at their full size, or SR_SCALE times that, into `out_dir` or beside each photograph.

    Args:
        colorizer: a Colorizer, or a model file; None: the colorizer that comes with the program.
        inputs: photographs, and folders that are searched, or one of them; subfolders are kept in `out_dir`.
        out_dir: None: `NAME_colored` beside each photograph (`dancheong.prediction.names.names_beside`).
        options: what else is wanted.
        upscaler: for SR_SCALE above 1; None: the one that comes with the program; with a cluster there is no other.

    Returns:
        A result for each photograph of the shard, in order; where `options.progress` stopped the run, for those that are
        done. One that fails does not stop the others.

    Raises:
        ParamError: folders that would mix results or are not there, an unknown suffix, a wrong shard, or a manifest
            that another run is writing.
        ArtifactError, ExtraMissing: the model cannot be opened.
        DancheongError: the cluster does not answer, or has no workers.
    """
    model = colorizer if isinstance(colorizer, Colorizer) else Colorizer.open(colorizer)
    noted = len(model.device_notes)
    # The plan: everything that can be refused is refused before anything is written.
    if options.confidence_dir is not None:
        refuse_pairs(model)
    if max(options.looks, options.look) != 1:
        likelihoods(max(options.looks, options.look))
        refuse_without_chroma(model.params, "--looks")
    if options.steady:
        refuse_without_chroma(model.params, "--steady")
        if options.hints is not None:
            options.tell("--steady with --hints: hints change the frames that they are given for, and no other")
    folder = None if out_dir is None else Path(out_dir)
    inputs = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    plan = plan_folder(inputs, folder, options, why_coloring_uses_no_mask(model.params))
    processor = coloring(model, options, upscaler)
    trained_px, px = model.params.resol, model.params.predict_px
    if not trained_px / 2 <= px <= 3 * trained_px:
        options.tell(f"photographs are colored at {px} px and the model was trained at {trained_px} px: look at the colors")

    # The workers: threads of this process, or those of a cluster.
    run: Run
    if options.cluster is None:
        # One more than there are cores, because one mostly waits for the disk.
        workers = options.workers or (cores() + 1 if model.threads == 1 else 1)
        run = partial(run_jobs, processor, workers=workers, threads=cores())
    else:
        if upscaler is not None:
            raise ParamError("workers of a cluster enlarge with the upscaler that comes with the program: leave --upscaler out")
        run = partial(run_on_cluster, options.cluster, task_of(model, options), tell=options.tell)

    results = _collect(run, plan, processor, folder)
    for note in dict.fromkeys(model.device_notes[noted:]):
        options.tell(note)
    if options.sheet_path is not None:
        _write_sheet(options.sheet_path, contact_sheet(results))
    return results


def filter_files(
    params: Params, inputs: Sequence[str | Path], out_dir: str | Path, options: FolderOptions = DEFAULTS
) -> list[FileResult]:
    """Glare control on its own, as `params` would have it in training or prediction. Arguments as `predict_files`.

    The sheet shows before | mask | after.

    Raises:
        ParamError: as `predict_files`, and for a sheet that would replace a photograph or (without `overwrite`) any file.
    """
    stage: Literal["train", "predict"] = "train" if params.glare_stage == "train" else "predict"
    plan = plan_folder(inputs, Path(out_dir), options, why_masks_unused(params, stage))
    rows: list[list[Pixels]] = []

    def watch(*pictures: Pixels) -> None:
        if options.sheet_path is not None and len(rows) < SHEET_ROWS:
            rows.append(list(pictures))

    processor = filtering(params, stage, options, watch)
    results = _collect(partial(run_jobs, processor, workers=1), plan, processor, Path(out_dir))
    if options.sheet_path is not None and rows:
        _write_sheet(options.sheet_path, sheet(rows, ["before", "mask", "after"]))
    return results


def apply_color_files(
    params: Params, inputs: Sequence[str | Path], colors: Path, out_dir: str | Path, options: FolderOptions = DEFAULTS
) -> list[FileResult]:
    """Give photographs the color of colored versions that another program or a person has made. Arguments as `predict_files`.

    Args:
        params: for light reflection, MEMORY_GB and OUTPUT_PROFILE.
        colors: the colored version of a single photograph, or a folder of versions of the same (subfolder and) stem, which
            may end in ``_colored``.

    Raises:
        ParamError: as `predict_files`, and where `colors` cannot be what was meant.
    """
    folder, options = Path(out_dir), replace(options, colors=colors)
    plan = plan_folder(inputs, folder, options, why_masks_unused(params, "predict"))
    processor = recoloring(params, options)
    run = partial(run_jobs, processor, workers=options.workers or cores() + 1, threads=cores())
    results = _collect(run, plan, processor, folder)
    if options.sheet_path is not None:
        _write_sheet(options.sheet_path, contact_sheet(results))
    return results


def upscale_files(
    upscaler: Upscaler,
    inputs: Sequence[str | Path],
    out_dir: str | Path,
    scale: int | None = None,
    params: Params | None = None,
    options: FolderOptions = DEFAULTS,
) -> list[FileResult]:
    """Enlarge photographs as they are, without coloring. Arguments as `predict_files`.

    Args:
        scale: 2 or 4; None: the upscaler's.
        params: for MEMORY_GB.

    Raises:
        ParamError: as `predict_files`, and for a scale that this upscaler does not give.
    """
    scale = scale or upscaler.scale
    upscaler.passes(scale)
    plan = plan_folder(inputs, Path(out_dir), options)
    processor = enlarging(upscaler, scale, params or Params(), options)
    return _collect(partial(run_jobs, processor, workers=1), plan, processor, Path(out_dir))


def _collect(run: Run, plan: Plan, processor: Processor, folder: Path | None) -> list[FileResult]:
    """Results in the order of the jobs; each is in the manifest, where one is wanted, before the next is waited for."""
    path, half = processor.options.manifest, MODEL_LETTERS // 2
    if path is None:
        return _each(run, plan, processor.options, None)
    recipe = (processor.model or "0" * half)[:half] + settings_digest(processor.params)[:half]
    with Manifest(path, folder or path.parent, recipe) as manifest:
        return _each(run, plan, processor.options, manifest)


def _each(run: Run, plan: Plan, options: FolderOptions, manifest: Manifest | None) -> list[FileResult]:
    jobs = plan.jobs
    # What earlier runs left, and what is no photograph.
    folders = {path.parent for job in jobs for path in job.results}
    if manifest is not None and (count := manifest.remove_leftovers(folders)):
        options.tell(f"{count} half-written files of a run that was killed were removed")
    for one in plan.left_out:
        options.left_out(one.path, one.reason)
    if manifest is not None:
        manifest.leave_out(plan.left_out)

    # Refused jobs are done at once, the others as they come.
    results: dict[int, FileResult] = {}
    open_numbers: list[int] = []

    def add(number: int, result: FileResult) -> bool:
        results[number] = result
        if manifest is not None:
            manifest.add(result)
        return options.progress(result, len(results), len(jobs)) is True

    for number, job in enumerate(jobs):
        refusal = job.refusal
        if not refusal and manifest is not None and not options.overwrite:
            refusal = manifest.result_of_another(job.photo, job.output)
        if refusal:
            add(number, FileResult(job.photo, job.output, "failed", error=refusal, page=job.page))
        else:
            open_numbers.append(number)
    with closing(run([jobs[number] for number in open_numbers])) as running:
        for index, result in running:
            if add(open_numbers[index], result):
                break

    # What a worker of a cluster left that was killed meanwhile.
    if manifest is not None:
        manifest.remove_leftovers(folders)
    return [results[number] for number in sorted(results)]


def _write_sheet(path: Path, page: Pixels | None) -> None:
    if page is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_photo(path, page)
