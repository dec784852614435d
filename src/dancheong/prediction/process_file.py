"""From a photograph's file to its result's file, and many of them at a time on one machine.

Photographs are done on threads, one photograph a thread, because OpenCV, numpy, Pillow, zlib and the networks' runtimes
release Python's lock while they compute. What is in memory at a time is bounded by the number of threads and by MEMORY_GB.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import looks_like_pair, split_halves
from dancheong.glare.control import control_glare
from dancheong.imaging.color import gray_of, lightness_of
from dancheong.imaging.files import CREDENTIALS, ImageSpec, Photo, PhotoError, image_spec, read_photo, write_photo
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.imaging.resize import resize
from dancheong.imaging.strip import stripped
from dancheong.imaging.xmp import Provenance
from dancheong.params import DancheongError, Params
from dancheong.prediction.colored_versions import Misfit, fitted_chroma
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.confidence import SCALES, confidence_map
from dancheong.prediction.credentials import Recipe, sign
from dancheong.prediction.full_resolution import Predicted, color_from_chroma, strip_rows
from dancheong.prediction.hint_spread import Canvas, refuse_repainting
from dancheong.prediction.hints import read_hints
from dancheong.prediction.looks import REACH_FRAMES, likelihoods, look, steadied
from dancheong.prediction.memory import (
    CHROMA_BYTES,
    VERSION_BYTES,
    Budget,
    bytes_needed,
    check_allowed,
    is_out_of_memory,
    rows_within,
)
from dancheong.prediction.origin import fingerprint, settings_digest, why_not_ours
from dancheong.prediction.plan import FolderOptions, Job
from dancheong.prediction.result import FileResult, error_message
from dancheong.system.whole_file import whole_file
from dancheong.upscaling.upscaler import Upscaler, upscaler_for

Pixels = NDArray[Any]
Numbered = tuple[int, FileResult]


@dataclass(frozen=True)
class Resources:
    """What one photograph may use: `rows` of a strip at a time (0: as is quick), on `threads` threads."""

    rows: int = 0
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Processed:
    """What is to be written, the figures of the report, and what is to be told. `mask_hw` is uint8.

    `looks` are made one after the other as they are written, because each takes as much memory as the result.
    """

    result: Pixels
    mask_hw: Pixels | None
    figures: dict[str, Any]
    confidence_hw: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    looks: tuple[Callable[[], Pixels], ...] = ()


@dataclass(frozen=True)
class Processor:
    """What is done to each photograph.

    Attributes:
        apply: (pixels as read, drawn mask, job, resources) -> what is to be written.
        needs: rows of a strip and bytes of memory that a photograph needs; raises ParamError beyond MEMORY_GB.
        model: digest of the model that does it; None where there is none.
        model_name: for Content Credentials.
        source_type: of the results, as `Provenance.source_type`.
        more: what shapes the results beside the parameters and the options.
    """

    apply: Callable[[Pixels, Pixels | None, Job, Resources], Processed]
    needs: Callable[[ImageSpec, Job], tuple[int, int]]
    params: Params
    options: FolderOptions
    model: str | None
    model_name: str = ""
    source_type: str = "algorithmicallyEnhanced"
    more: Mapping[str, Any] = field(default_factory=dict)

    def provenance(self, job: Job, sha256: str) -> Provenance:
        """What the results of a photograph (`sha256`: of its file) say of themselves, and must say where they are there."""
        drawn = None if job.drawn_mask is None else fingerprint(job.drawn_mask)
        sign = self.options.sign
        signer = None if sign is None else sign.digest()
        color, hints = (None if file is None else _fingerprint(file) for file in (job.color, job.hints))
        more = {
            **self.more, "strip": self.options.strip, "signer": signer, "drawn_mask": drawn, "page": job.page, "color": color,
            "hints": hints, "frames": [frame.name for frame in job.frames],
        }
        return Provenance(self.model, settings_digest(self.params, **more), self.source_type, sha256, color, hints)


def coloring(model: Colorizer, options: FolderOptions, upscaler: Upscaler | None = None) -> Processor:
    """Color at full size, then enlarge by SR_SCALE. Of a side-by-side pair the input half is colored.

    Args:
        upscaler: for SR_SCALE above 1; None: the one that comes with the program.

    Raises:
        ParamError: an upscaler that does not give SR_SCALE, or hints for a model that repaints.
    """
    params, scale = model.params, int(model.params.sr_scale)
    if options.hints is not None:
        refuse_repainting(params)
    upscaler = upscaler_for(scale, upscaler, model.threads)

    @lru_cache(maxsize=4 * REACH_FRAMES)
    def frame(photo: Path) -> Predicted | None:
        try:
            return model.predict(model.prepare(gray_of(read_photo(photo).pixels)).input_hwc)
        except PhotoError:  # its own result will say why
            return None

    def finished(input_hwc: Pixels, predicted: Predicted, resources: Resources) -> Pixels:
        rgb = model.color(input_hwc, resources.rows, resources.threads, predicted)
        return rgb if upscaler is None else upscaler.enlarge(rgb, scale)

    def apply(photo: Pixels, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        photo, notes = _input_half(photo, params)
        # Of a large photograph each copy counts, so each is freed as soon as it is used.
        photo = photo if params.pairing == "side_by_side" else gray_of(photo)
        prepared = model.prepare(photo, drawn_mask)
        input_hwc, size_hw = prepared.input_hwc, photo.shape[:2]
        was_looked_for = prepared.alpha_hw is not None
        figures: dict[str, Any] = {
            "glare_share": prepared.glare_share if was_looked_for else None, "abstained": prepared.abstained,
        }
        mask_hw = None if job.mask is None else _mask_image(prepared.alpha_hw, size_hw)
        del photo, prepared
        predicted = model.predict(input_hwc)
        if job.frames:
            predicted = steadied(predicted, filter(None, map(frame, job.frames)))
        confidence_hw = None
        if job.confidence is not None:
            confidence_hw = confidence_map(model, input_hwc, predicted)
            figures["confidence"] = float(confidence_hw.mean(dtype=np.float64)) / 255
        if job.hints is not None:
            hints = read_hints(job.hints, size_hw)
            figures["hints"] = len(hints)
            predicted = Canvas.of(input_hwc, predicted, params).hinted(hints)
        looks = tuple(
            partial(finished, input_hwc, look(predicted, number), resources) for number in range(2, 2 + len(job.looks))
        )
        rgb = finished(input_hwc, predicted, resources)
        return Processed(rgb, mask_hw, figures, confidence_hw, notes, looks)

    def needs(spec: ImageSpec, job: Job) -> tuple[int, int]:
        if params.pairing == "side_by_side" and params.input_half == "yes":
            spec = replace(spec, width_px=max(1, spec.width_px // 2))
        network_scale = 1.0 if job.confidence is None else max(SCALES)
        rows = rows_within(spec, params, network_scale)
        needed = bytes_needed(spec, params, rows, network_scale)
        if upscaler is not None:
            needed = max(needed, upscaler.bytes_needed(replace(spec, color=True), scale))
            check_allowed("enlarging", spec, needed, params)
        # A look beside the result and the gray; a frame beside the photograph.
        copies = bool(job.looks) * 4 * (1 + spec.deep) * spec.pixels * scale**2 + bool(job.frames) * needed
        return rows, needed + copies

    return Processor(
        apply, needs, params, options, model.digest, model.opened[0].name if model.opened else "", Provenance.source_type,
        {"upscaler": None if upscaler is None else upscaler.digest},
    )


def filtering(
    params: Params, stage: Literal["train", "predict"], options: FolderOptions, watch: Callable[[Pixels, Pixels, Pixels], None]
) -> Processor:
    """Correct light reflection alone. `watch` is called with each photograph, its mask and its result."""

    def apply(photo: Pixels, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        controlled = control_glare(photo, params, stage, drawn_mask)
        mask = controlled.mask
        mask_hw = _mask_image(None if mask is None else mask.alpha_hw, photo.shape[:2])
        watch(photo, mask_hw, controlled.pixels)
        figures = {} if mask is None else {
            "glare_share": mask.share, "clip_share": mask.clip_share, "abstained": mask.abstained,
        }
        return Processed(controlled.pixels, mask_hw, figures)

    # One photograph is filtered at a time, and none is refused, so that nothing depends on the memory it needs.
    return Processor(apply, lambda spec, job: (0, 0), params, options, None)


def recoloring(params: Params, options: FolderOptions) -> Processor:
    """Give each photograph the color of its colored version (`Job.color`), after light reflection is corrected."""

    def apply(photo: Pixels, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        assert job.color is not None  # or the job would have been refused
        controlled = control_glare(gray_of(photo), params, "predict", drawn_mask)
        colored = read_photo(job.color).pixels
        chroma_hwc, fit, notes = fitted_chroma(controlled.pixels, colored, job.color)
        mask = controlled.mask
        mask_hw = None if job.mask is None else _mask_image(None if mask is None else mask.alpha_hw, photo.shape[:2])
        del photo, colored
        guide_hw = lightness_of(resize(controlled.pixels, chroma_hwc.shape[:2]))
        rows = resources.rows or strip_rows(controlled.pixels.shape[1], params.tile_px)
        rgb = color_from_chroma(chroma_hwc, guide_hw, controlled.pixels, rows, resources.threads)
        figures = {"misfit": fit.misfit} | ({} if mask is None else {"glare_share": mask.share, "abstained": mask.abstained})
        return Processed(rgb, mask_hw, figures, notes=notes)

    def needs(spec: ImageSpec, job: Job) -> tuple[int, int]:
        version = None if job.color is None else image_spec(job.color)
        extra = CHROMA_BYTES + (0 if version is None else version.pixels * VERSION_BYTES)
        rows = rows_within(spec, params)
        needed = bytes_needed(spec, params, rows) + extra
        check_allowed("coloring", spec, needed, params)
        return rows, needed

    return Processor(apply, needs, params, options, None, source_type="composite")


def enlarging(upscaler: Upscaler, scale: int, params: Params, options: FolderOptions) -> Processor:
    """Enlarge by `scale`, without coloring."""

    def apply(photo: Pixels, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        return Processed(upscaler.enlarge(photo, scale), None, {})

    def needs(spec: ImageSpec, job: Job) -> tuple[int, int]:
        needed = upscaler.bytes_needed(spec, scale)
        check_allowed("enlarging", spec, needed, params)
        return 0, needed

    return Processor(apply, needs, params, options, upscaler.digest, more={"scale": scale})


def run_jobs(processor: Processor, jobs: Sequence[Job], workers: int, threads: int = 1) -> Iterator[Numbered]:
    """Do the jobs on `workers` threads; yields number and result as each is done.

    Args:
        threads: of a single large photograph, while there is no memory for others.
    """
    budget = Budget(int(processor.params.memory_gb * 1e9))
    numbered = enumerate(jobs)
    workers = min(workers, len(jobs))
    if workers <= 1:
        for number, job in numbered:
            yield number, process_file(processor, job, budget, threads)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        def submit(some: Iterable[tuple[int, Job]]) -> dict[Future[FileResult], int]:
            return {pool.submit(process_file, processor, job, budget, threads): number for number, job in some}

        # As many jobs wait as are under way: no thread is idle, and a million jobs are not queued at once.
        pending = submit(islice(numbered, 2 * workers))
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                number = pending.pop(future)
                pending |= submit(islice(numbered, 1))
                yield number, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def process_file(processor: Processor, job: Job, budget: Budget, threads: int = 1) -> FileResult:
    """Read, process and write one photograph within the budget of memory. An error becomes its result.

    Where memory runs out all the same, the photograph is tried once more, alone and in the smallest strips.

    Args:
        threads: for a photograph that needs more than half of the budget, so that no other like it runs beside it.
    """
    sha256 = ""
    try:
        sha256 = _fingerprint(job.photo)
        made = processor.provenance(job, sha256)
        options = processor.options
        there = [] if options.overwrite else [path for path in job.results if path.exists()]
        reason = next((reason for path in there if (reason := why_not_ours(path, _made(job, path, made)))), "")
        if reason and options.ours is not None and options.ours(job.photo, job.output):
            return process_file(replace(processor, options=replace(options, overwrite=True)), job, budget, threads)
        if reason:
            raise DancheongError(reason)
        if there == job.results:
            return FileResult(
                job.photo, job.output, "skipped", mask=job.mask, sha256=sha256, page=job.page, color=job.color,
                looks=_looks(job),
            )
        return replace(_within_budget(processor, job, made, budget, threads), sha256=sha256)
    except Exception as error:  # whatever one photograph does, the others are done
        return replace(failure(job, error), sha256=sha256)


def _within_budget(processor: Processor, job: Job, made: Provenance, budget: Budget, threads: int) -> FileResult:
    # A file whose header cannot be read needs nothing: reading it will say why.
    spec = image_spec(job.photo, job.page)
    rows, needed = (0, 0) if spec is None else processor.needs(spec, job)
    try:
        with budget.share(needed):
            return _process(processor, job, Resources(rows, threads if 2 * needed > budget.total_bytes else 1), made)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # The error and the arrays that its traceback held are gone here.
    processor.options.tell(f"{job.photo}: out of memory; tried again with nothing beside it, in the smallest strips")
    gc.collect()
    with budget.alone():
        return _process(processor, job, Resources(rows=1), made)


def failure(job: Job, error: Exception) -> FileResult:
    """The result of a photograph that could not be done."""
    misfit = error.misfit if isinstance(error, Misfit) else None
    return FileResult(
        job.photo, job.output, "failed", error=error_message(error), page=job.page, color=job.color, misfit=misfit
    )


def _fingerprint(photo: Path) -> str:
    try:
        if photo.is_dir():
            raise PhotoError(photo, f"no photographs ({', '.join(sorted(READ_SUFFIXES))}) in this folder")
        if not photo.is_file():  # a pipe would block the reader
            raise PhotoError(photo, "not a file" if photo.exists() else "no such file")
        return fingerprint(photo)
    except OSError as error:
        raise PhotoError(photo, f"the file cannot be read: {error.strerror}") from error


def _process(processor: Processor, job: Job, resources: Resources, made: Provenance) -> FileResult:
    began = time.perf_counter()
    original = read_photo(job.photo, job.page)
    drawn_mask = None if job.drawn_mask is None else read_photo(job.drawn_mask).pixels
    # The metadata is needed to the end. The pixels belong to `apply` alone, which frees them.
    pixels = [original.pixels]
    original = replace(original, pixels=np.empty((0, 0), np.uint8))
    if processor.options.strip is not None:
        original = stripped(original, processor.options.strip)
    done = processor.apply(pixels.pop(), drawn_mask, job, resources)
    # The reader does not know that they are kept, as a parent's.
    read = (note for note in original.notes if note != CREDENTIALS or processor.options.sign is None)
    notes = (*read, *done.notes, *_write(processor, job, done, original, made))
    height, width = done.result.shape[:2]
    return FileResult(
        job.photo, job.output, mask=job.mask, seconds=time.perf_counter() - began, width=width, height=height,
        notes=notes, page=job.page, color=job.color, looks=_looks(job), **done.figures,
    )


def _write(processor: Processor, job: Job, done: Processed, original: Photo, made: Provenance) -> tuple[str, ...]:
    """Write what is missing, or all of it to overwrite: a mask that is asked for later leaves its result alone.

    Returns:
        What the result's format has no place for.
    """
    notes: tuple[str, ...] = ()
    mask_hw = np.zeros(done.result.shape[:2], np.uint8) if done.mask_hw is None else done.mask_hw
    # The result is the last: where it stands, all of them do.
    looks = zip(job.looks, done.looks, strict=True)
    for path, pixels in ((job.mask, mask_hw), (job.confidence, done.confidence_hw), *looks, (job.output, done.result)):
        if path is None or pixels is None or (path.exists() and not processor.options.overwrite):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = pixels() if callable(pixels) else pixels
        now = _made(job, path, made)
        if path in (job.mask, job.confidence):
            write_photo(path, pixels, provenance=replace(made, source_type=""))
        elif processor.options.sign is None:
            notes = write_photo(path, pixels, original, now, processor.params.output_profile)
        else:
            recipe = Recipe(processor.model_name, processor.params, now)
            with whole_file(path) as unsigned:
                notes = write_photo(unsigned, pixels, original, now, processor.params.output_profile)
                notes += sign(processor.options.sign, recipe, unsigned, path.name, job.photo, original.format)
    return notes


def _made(job: Job, path: Path, made: Provenance) -> Provenance:
    """What the file at `path` says of itself: a look says which one it is."""
    return replace(made, params=f"{made.params} look {job.looks.index(path) + 2}") if path in job.looks else made


def _looks(job: Job) -> tuple[tuple[Path, float], ...]:
    return tuple(zip(job.looks, likelihoods(1 + len(job.looks))[1:], strict=True))


def _input_half(photo: Pixels, params: Params) -> tuple[Pixels, tuple[str, ...]]:
    """What a side-by-side model predicts from: a picture, or the input half of a pair (INPUT_HALF); and what to tell of it."""
    if params.pairing != "side_by_side" or params.input_half == "no":
        return photo, ()
    is_twice_as_wide = photo.shape[1] == 2 * photo.shape[0]
    is_pair = params.input_half == "yes" or looks_like_pair(photo)
    if is_pair and (is_twice_as_wide or params.input_half == "yes"):
        side = "left" if params.direction == "AtoB" else "right"
        note = f"a side-by-side pair: its {side} half alone was taken (INPUT_HALF={params.input_half})"
        return split_halves(photo, params)[0], (note,)
    if is_pair:
        why = "it looks like a side-by-side pair but is not twice as wide as high"
    elif is_twice_as_wide:
        why = "it is twice as wide as high, but no seam parts its halves"
    else:
        return photo, ()
    return photo, (f"{why}: taken as one picture; INPUT_HALF=yes takes the input half alone",)


def _mask_image(alpha_hw: NDArray[np.float32] | None, size_hw: tuple[int, ...]) -> NDArray[np.uint8]:
    """Alpha as 8-bit gray: 0 exactly where nothing was touched."""
    if alpha_hw is None:
        return np.zeros(size_hw, np.uint8)
    rounded: NDArray[np.uint8] = np.rint(alpha_hw * 255).astype(np.uint8)
    return np.maximum(rounded, (alpha_hw > 0).astype(np.uint8))
