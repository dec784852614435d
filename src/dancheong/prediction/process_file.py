"""One photograph: read, colored or filtered, written; the result last, so that where it stands all of it does."""

import gc
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import split_halves
from dancheong.glare.control import control_glare
from dancheong.imaging.files import PHOTO_SUFFIXES, Photo, PhotoError, read_photo, write_photo
from dancheong.imaging.image_spec import ImageSpec, image_spec
from dancheong.imaging.xmp import Provenance
from dancheong.params import Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.confidence import SCALES, confidence_map
from dancheong.prediction.memory import Budget, bytes_needed, check_allowed, is_out_of_memory, rows_within
from dancheong.prediction.plan import Job
from dancheong.prediction.result import FileResult, told
from dancheong.upscaling.upscaler import Upscaler, upscaler_for

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Resources:
    """How much memory and how many cores a photograph may have: strips of `rows` (0: as is quick), `threads` at a time.

    `is_last`: it ran out of memory already.
    """

    rows: int = 0
    threads: int = 1
    is_last: bool = False


@dataclass(frozen=True, eq=False)
class Processed:
    """Pixels to write, the mask that was used (uint8, None for nothing), confidence, and the figures of the report."""

    pixels: Pixels
    mask_hw: Pixels | None
    figures: dict[str, Any]
    confidence_hw: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Processor:
    """What is done to each photograph: `apply(pixels, drawn mask, job, care)`; `params` for what memory it takes.

    `is_bounded`: a photograph that needs more than MEMORY_GB is refused. `provenance` is written into each result.
    `enlarging`: the bytes that enlarging a photograph takes, where that is done; `is_colored`: it is colored before.
    """

    apply: Callable[[Pixels, Pixels | None, Job, Resources], Processed]
    params: Params
    is_bounded: bool
    overwrite: bool = False
    tell: Callable[[str], None] = field(default=lambda text: None)
    provenance: Provenance | None = None
    enlarging: Callable[[ImageSpec], int] | None = None
    is_colored: bool = True


def coloring(
    model: Colorizer, overwrite: bool = False, tell: Callable[[str], None] | None = None, upscaler: Upscaler | None = None
) -> Processor:
    """Color at full size, then enlarge by SR_SCALE; of a side-by-side pair the input half.

    Args:
        upscaler: for SR_SCALE above 1; None: the one that comes with the program.

    Raises:
        ParamError: an upscaler that does not give SR_SCALE.
    """
    scale = int(model.params.sr_scale)
    upscaler = upscaler_for(scale, upscaler, model.threads)

    def apply(pixels: Pixels, drawn: Pixels | None, job: Job, care: Resources) -> Processed:
        if is_pair(pixels, model.params):
            pixels = split_halves(pixels, model.params)[0]
        prepared = model.prepare(pixels, drawn)
        looked = prepared.alpha_hw is not None
        figures: dict[str, Any] = {"glare_share": prepared.glare_share if looked else None, "abstained": prepared.abstained}
        mask = None if job.mask is None else mask_pixels(prepared.alpha_hw, pixels)
        input_hwc = prepared.input_hwc
        del pixels, prepared  # of a large photograph each of these counts
        predicted = model.predict(input_hwc)
        confidence = None
        if job.confidence is not None:
            confidence = confidence_map(model, input_hwc, predicted)
            figures["confidence"] = float(confidence.mean(dtype=np.float64)) / 255
        color = model.color(input_hwc, care.rows, care.threads, predicted)
        del input_hwc, predicted
        return Processed(color if upscaler is None else upscaler.enlarge(color, scale), mask, figures, confidence)

    provenance = Provenance(model.digest, params_digest(model.params))
    more = None if upscaler is None else lambda extent: upscaler.bytes_needed(replace(extent, color=True), scale)
    return Processor(apply, model.params, True, overwrite, tell or (lambda text: None), provenance, more)


def enlarging(upscaler: Upscaler, scale: int, params: Params, overwrite: bool = False) -> Processor:
    """Enlarge by `scale`, without coloring."""

    def enlarge(pixels: Pixels, drawn: Pixels | None, job: Job, care: Resources) -> Processed:
        return Processed(upscaler.enlarge(pixels, scale), None, {})

    provenance = Provenance(upscaler.digest, params_digest(params), "algorithmicallyEnhanced")
    return Processor(
        enlarge, params, True, overwrite, provenance=provenance, is_colored=False,
        enlarging=lambda extent: upscaler.bytes_needed(extent, scale),
    )


def filtering(
    params: Params, stage: Literal["train", "predict"], overwrite: bool, watch: Callable[[Pixels, Pixels, Pixels], None]
) -> Processor:
    """Light reflection alone. `watch` is shown each photograph, its mask and its result."""

    def treat_one(pixels: Pixels, drawn: Pixels | None, job: Job, care: Resources) -> Processed:
        treated = control_glare(pixels, params, stage, drawn)
        mask = treated.mask
        shown = mask_pixels(None if mask is None else mask.alpha_hw, pixels)
        watch(pixels, shown, treated.pixels)
        figures = {} if mask is None else {
            "glare_share": mask.share, "clip_share": mask.clip_share, "abstained": mask.abstained,
        }
        return Processed(treated.pixels, shown, figures)

    provenance = Provenance(None, params_digest(params), "algorithmicallyEnhanced")
    return Processor(treat_one, params, False, overwrite, provenance=provenance)


def params_digest(params: Params) -> str:
    """sha256 of the parameters in force, for the provenance of a result and for the manifest."""
    return hashlib.sha256(params.model_dump_json().encode()).hexdigest()


def process_file(treatment: Processor, job: Job, budget: Budget, threads: int = 1) -> FileResult:
    """One photograph within the budget of memory; what goes wrong with it is its result, never a gray or missing file.

    Where memory runs out all the same, it is tried once more with nothing beside it and in the smallest strips.

    Args:
        threads: for a photograph that fills most of the budget, so that no other can be done meanwhile.
    """
    try:
        if not treatment.overwrite and all(path.exists() for path in job.results):
            return FileResult(job.source.path, job.output, "skipped", mask=job.mask)
        rows, wanted = _needs(treatment, job)
        care = Resources(rows, threads if 2 * wanted > budget.total_bytes else 1)
        with suppress(_OutOfMemory), budget.share(wanted):
            return _attempt(treatment, job, care)
        treatment.tell(f"{job.source.path}: out of memory; tried again with nothing beside it, in the smallest strips")
        gc.collect()
        with budget.alone():
            return _attempt(treatment, job, Resources(rows=1, is_last=True))
    except Exception as error:  # whatever one photograph does, the others are done
        return failure(job, error)


def failure(job: Job, error: Exception) -> FileResult:
    """A photograph that could not be done, and why."""
    return FileResult(job.source.path, job.output, "failed", error=told(error))


class _OutOfMemory(Exception):
    """The first attempt failed for want of memory; nothing of it is held, not even by the error."""


def _needs(treatment: Processor, job: Job) -> tuple[int, int]:
    """Rows of a strip, and bytes; nothing for a file whose header cannot be read, as reading it will say why."""
    extent = image_spec(job.source.path)
    if extent is None:
        return 0, 0
    if _is_pair(extent.width_px, extent.height_px, treatment.params):
        extent = replace(extent, width_px=max(1, extent.width_px // 2))
    look = 1.0 if job.confidence is None else max(SCALES)
    rows = rows_within(extent, treatment.params, look) if treatment.is_bounded and treatment.is_colored else 0
    needed = bytes_needed(extent, treatment.params, rows, look) if treatment.is_colored else 0
    if treatment.enlarging is not None:
        needed = max(needed, treatment.enlarging(extent))
        check_allowed("enlarging", extent, needed, treatment.params)
    return rows, needed


def _attempt(treatment: Processor, job: Job, care: Resources) -> FileResult:
    try:
        return _do(treatment, job, care)
    except Exception as error:
        if care.is_last or not is_out_of_memory(error):
            raise
    raise _OutOfMemory


def _do(treatment: Processor, job: Job, care: Resources) -> FileResult:
    if job.source.path.is_dir():
        raise PhotoError(job.source.path, f"no photographs ({', '.join(sorted(PHOTO_SUFFIXES))}) in this folder")
    began = time.perf_counter()
    photo = read_photo(job.source.path)
    drawn = None if job.drawing is None else read_photo(job.drawing).pixels
    # What it says of itself is needed to the end; its pixels only by the treatment, which lets go of them.
    pixels = [photo.pixels]
    photo = replace(photo, pixels=np.empty((0, 0), np.uint8))
    done = treatment.apply(pixels.pop(), drawn, job, care)
    notes = (*photo.notes, *_write(treatment, job, done, photo))
    height, width = done.pixels.shape[:2]
    return FileResult(
        job.source.path, job.output, mask=job.mask, seconds=time.perf_counter() - began, width=width, height=height,
        notes=notes, **done.figures,
    )


def _write(treatment: Processor, job: Job, done: Processed, like: Photo) -> tuple[str, ...]:
    """What is there stays, unless it is to be overwritten: a mask that is asked for later leaves its result alone.

    Returns:
        What the result's format has no place for.
    """
    notes: tuple[str, ...] = ()
    blank = np.zeros(done.pixels.shape[:2], np.uint8)
    for path, pixels in ((job.mask, done.mask_hw), (job.confidence, done.confidence_hw), (job.output, done.pixels)):
        if path is None or (path.exists() and not treatment.overwrite):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path == job.output:
            notes = write_photo(path, done.pixels, like, treatment.provenance)
        else:
            write_photo(path, blank if pixels is None else pixels)
    return notes


def is_pair(pixels: Pixels, params: Params) -> bool:
    """Whether a picture to predict is a side-by-side pair, of which only the input half is taken (INPUT_HALF)."""
    return _is_pair(pixels.shape[1], pixels.shape[0], params)


def _is_pair(width_px: int, height_px: int, params: Params) -> bool:
    if params.pairing != "side_by_side":
        return False
    return params.input_half == "yes" or (params.input_half == "auto" and width_px == 2 * height_px)


def mask_pixels(alpha_hw: NDArray[np.float32] | None, pixels: Pixels) -> NDArray[np.uint8]:
    """Alpha as 8-bit gray: 0 exactly where nothing was touched."""
    if alpha_hw is None:
        return np.zeros(pixels.shape[:2], np.uint8)
    rounded: NDArray[np.uint8] = np.rint(alpha_hw * 255).astype(np.uint8)
    return np.maximum(rounded, (alpha_hw > 0).astype(np.uint8))
