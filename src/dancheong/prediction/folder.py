"""Whole folders: every photograph is colored (or filtered) once, failures are reported, originals are never touched."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import split_halves
from dancheong.glare.control import treat
from dancheong.imaging.files import PHOTO_SUFFIXES, Photo, PhotoError, read_photo, write_photo
from dancheong.imaging.sheet import sheet
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.drawn import drawn_masks_of, why_unused
from dancheong.prediction.finish import check_memory
from dancheong.prediction.plan import Identity, Job, find_sources, identity, of_shard, plan

Pixels = NDArray[Any]
Progress = Callable[["FileResult", int, int], None]
Tell = Callable[[str], None]

SHEET_ROWS = 24


@dataclass(frozen=True)
class FileResult:
    """What became of one photograph.

    `status`: "ok"; "skipped", its result was there already; "failed", and `error` says why. `width`, `height` in px and
    `seconds` are those of the treatment, 0 where there was none. `glare_share` and `clip_share` are shares of the
    picture, None where nothing was looked for; `abstained`: so much glare was found that the picture was left alone.
    """

    input: Path
    output: Path
    status: Literal["ok", "skipped", "failed"] = "ok"
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    error: str | None = None
    mask: Path | None = None
    glare_share: float | None = None
    clip_share: float | None = None
    abstained: bool = False

    def record(self) -> dict[str, Any]:
        """The JSON object of one file in the output of a command."""
        record = asdict(self) | {"seconds": round(self.seconds, 4)}
        record |= {name: str(value) for name, value in record.items() if isinstance(value, Path)}
        return {name: value for name, value in record.items() if value is not None or name not in ("error", "mask")}


@dataclass(frozen=True)
class _Work:
    """What there is to do: jobs, the drawn masks by photograph, and the photographs that nothing may replace."""

    jobs: list[Job]
    drawings: dict[Path, Path]
    originals: frozenset[Identity]


@dataclass(frozen=True)
class _Done:
    """Pixels to write, the mask that was used, and the figures of the report."""

    pixels: Pixels
    alpha_hw: NDArray[np.float32] | None
    figures: dict[str, Any]


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
) -> list[FileResult]:
    """Color photographs at their full size into `out_dir`.

    Args:
        colorizer: a Colorizer, or a model file.
        inputs: photographs, and folders that are searched; subfolders are kept in `out_dir`.
        overwrite: do again what is there already. An input is never overwritten.
        mask_dir: each photograph's mask of light reflection is written here, 8-bit PNG of the same stem: 0 is untouched.
        drawn_masks: folder of masks drawn by hand, PNG of the same (subfolder and) stem; others are left to the detector.
        shard: (i, n): only the i-th of n parts, 1 <= i <= n.
        progress: called with each result, how many are done and how many there are.
        suffix: format of all results, such as ".png"; None: that of the input.
        tell: called with a sentence where drawn masks are not used or belong to no photograph.

    Returns:
        A result for each photograph of the shard, in order. One that fails does not stop the others.

    Raises:
        ParamError: folders that would mix masks and results or are not there, an unknown suffix, or a wrong shard.
        ArtifactError, ExtraMissing: the model cannot be opened.
    """
    model = colorizer if isinstance(colorizer, Colorizer) else Colorizer.open(colorizer)
    is_treated = model.params.pairing != "side_by_side"
    unused = why_unused(model.params, "predict") if is_treated else "PAIRING=side_by_side treats no light reflection"
    work = _plan(inputs, out_dir, mask_dir, drawn_masks, suffix, unused, tell)
    work = replace(work, jobs=of_shard(work.jobs, shard))

    def color(photo: Photo, drawn: Pixels | None) -> _Done:
        given = photo.pixels
        if is_pair(given, model.params):
            given = split_halves(given, model.params)[0]
        check_memory(given, model.params)
        pixels, prepared = model.colorize_with_mask(given, drawn)
        looked = prepared.alpha_hw is not None
        figures = {"glare_share": prepared.glare_share if looked else None, "abstained": prepared.abstained}
        return _Done(pixels, prepared.alpha_hw, figures)

    return _run(color, work, overwrite, progress)


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

    def treat_one(photo: Photo, drawn: Pixels | None) -> _Done:
        treated = treat(photo.pixels, params, stage, drawn)
        mask = treated.mask
        if sheet_path is not None and len(rows) < SHEET_ROWS:
            rows.append([photo.pixels, _mask_pixels(None if mask is None else mask.alpha_hw, photo.pixels), treated.pixels])
        if mask is None:
            return _Done(treated.pixels, None, {})
        figures = {"glare_share": mask.share, "clip_share": mask.clip_share, "abstained": mask.abstained}
        return _Done(treated.pixels, mask.alpha_hw, figures)

    results = _run(treat_one, work, overwrite, progress)
    if sheet_path is not None and rows:
        Path(sheet_path).parent.mkdir(parents=True, exist_ok=True)
        write_photo(sheet_path, sheet(rows, ["before", "mask", "after"]))
    return results


def is_pair(pixels: Pixels, params: Params) -> bool:
    """Whether a picture to predict is a side-by-side pair, of which only the input half is taken (INPUT_HALF)."""
    if params.pairing != "side_by_side":
        return False
    return params.input_half == "yes" or (params.input_half == "auto" and pixels.shape[1] == 2 * pixels.shape[0])


def _plan(
    inputs: Sequence[str | Path],
    out_dir: str | Path,
    mask_dir: str | Path | None,
    drawn_masks: str | Path | None,
    suffix: str | None,
    unused: str,
    tell: Tell | None,
) -> _Work:
    """What there is to do, found and checked before anything is done. `unused`: why drawn masks are not looked at."""
    out = Path(out_dir)
    masks, drawn = (None if folder is None else Path(folder) for folder in (mask_dir, drawn_masks))
    _check_folders(out, masks, drawn, suffix)
    sources = find_sources(inputs, [folder for folder in (out, masks, drawn) if folder is not None])
    drawings = {} if drawn is None else drawn_masks_of(drawn, sources, unused, tell or (lambda text: None))
    # The originals of all shards, and names that do not depend on the shard.
    originals = frozenset(identity(source.path) for source in sources)
    return _Work(plan(sources, out, masks, suffix), drawings, originals)


def _run(
    treatment: Callable[[Photo, Pixels | None], _Done], work: _Work, overwrite: bool, progress: Progress | None
) -> list[FileResult]:
    """One photograph after the other; what goes wrong with one is its result."""
    results = []
    for done, job in enumerate(work.jobs, 1):
        try:
            result = _do(treatment, job, work, overwrite)
        except Exception as error:  # whatever one photograph does, the others are done
            result = FileResult(job.source.path, job.output, "failed", error=told(error))
        results.append(result)
        if progress:
            progress(result, done, len(work.jobs))
    return results


def _do(treatment: Callable[[Photo, Pixels | None], _Done], job: Job, work: _Work, overwrite: bool) -> FileResult:
    for path in filter(None, (job.output, job.mask)):
        if identity(path) in work.originals:
            raise PhotoError(path, "would replace an original photograph; choose another folder for the results")
    result = FileResult(job.source.path, job.output, mask=job.mask)
    if job.output.exists() and not overwrite:
        return replace(result, status="skipped")
    if job.source.path.is_dir():
        raise PhotoError(job.source.path, f"no photographs ({', '.join(sorted(PHOTO_SUFFIXES))}) in this folder")
    began = time.perf_counter()
    photo = read_photo(job.source.path)
    drawing = work.drawings.get(job.source.path)
    done = treatment(photo, None if drawing is None else read_photo(drawing).pixels)
    # The mask first: where the result stands, all of it does.
    if job.mask is not None:
        job.mask.parent.mkdir(parents=True, exist_ok=True)
        write_photo(job.mask, _mask_pixels(done.alpha_hw, photo.pixels))
    job.output.parent.mkdir(parents=True, exist_ok=True)
    write_photo(job.output, done.pixels, like=photo)
    height, width = done.pixels.shape[:2]
    return replace(result, seconds=time.perf_counter() - began, width=width, height=height, **done.figures)


def _check_folders(out: Path, masks: Path | None, drawn: Path | None, suffix: str | None) -> None:
    if suffix is not None and suffix.lower() not in PHOTO_SUFFIXES:
        raise ParamError(f"suffix {suffix!r} came; one of {', '.join(sorted(PHOTO_SUFFIXES))} was expected")
    if masks is not None and masks.resolve() in {out.resolve(), None if drawn is None else drawn.resolve()}:
        raise ParamError(f"{masks}: masks are written beside other pictures there; give them a folder of their own")


def _check_sheet(path: Path, work: _Work, overwrite: bool) -> None:
    if path.suffix.lower() not in PHOTO_SUFFIXES:
        raise ParamError(f"{path}: a sheet is a picture; one of {', '.join(sorted(PHOTO_SUFFIXES))} was expected")
    if path.is_dir():
        raise ParamError(f"{path}: this is a folder; a file name for the sheet was expected")
    if identity(path) in work.originals:
        raise ParamError(f"{path}: the sheet would replace an original photograph; choose another name")
    if path.absolute() in {one.absolute() for job in work.jobs for one in (job.output, job.mask) if one is not None}:
        raise ParamError(f"{path}: the sheet would replace a result of the same name; choose another name")
    if path.exists() and not overwrite:
        raise ParamError(f"{path}: a file is there already; --overwrite replaces it")


def _mask_pixels(alpha_hw: NDArray[np.float32] | None, pixels: Pixels) -> NDArray[np.uint8]:
    """Alpha as 8-bit gray: 0 exactly where nothing was touched."""
    if alpha_hw is None:
        return np.zeros(pixels.shape[:2], np.uint8)
    rounded: NDArray[np.uint8] = np.rint(alpha_hw * 255).astype(np.uint8)
    return np.maximum(rounded, (alpha_hw > 0).astype(np.uint8))


def told(error: Exception) -> str:
    """What a person is told of an error: the message where it was written for a person; the kind as well where not."""
    if isinstance(error, ValueError) and str(error):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for a photograph of this size; close other programs, or make it smaller"
    return f"{type(error).__name__}: {error}"
