"""What is done to one photograph in memory: coloring, filtering, color from elsewhere, enlarging."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import split_halves
from dancheong.data.same_view import looks_like_pair
from dancheong.glare.control import control_glare
from dancheong.glare.mask import GlareMask, clipped, nothing
from dancheong.imaging.color import gray_of, lightness_of
from dancheong.imaging.files import ImageSpec, PhotoError, image_spec, read_photo
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.imaging.resize import linear_rows, resize
from dancheong.imaging.tiling import ByRows
from dancheong.imaging.xmp import Provenance
from dancheong.params import Params
from dancheong.prediction.colored_versions import fitted_chroma
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.confidence import SCALES, confidence_map
from dancheong.prediction.full_resolution import Predicted, color_from_chroma
from dancheong.prediction.hint_spread import Canvas, refuse_repainting
from dancheong.prediction.hints import read_hints
from dancheong.prediction.looks import REACH_FRAMES, look, look_digest, steadied
from dancheong.prediction.memory import CHROMA_BYTES, VERSION_BYTES, Needs, check_allowed, how_to_fit
from dancheong.prediction.options import FolderOptions
from dancheong.prediction.origin import settings_digest
from dancheong.prediction.plan import Job
from dancheong.system.arrays import Float32, Pixels
from dancheong.system.whole_file import fingerprint
from dancheong.upscaling.upscaler import Upscaler, upscaler_for

BILEVEL = "it holds black and white alone: without grays the model hardly finds colors; scan it in gray"


@dataclass(frozen=True)
class Resources:
    """What one photograph may use: `rows` of a strip at a time (0: as is quick), on `threads` threads; how it is read."""

    rows: int = 0
    threads: int = 1
    is_by_rows: bool = False


@dataclass(frozen=True, eq=False)
class Processed:
    """What is to be written, the figures of the report, and what is to be told. `mask_hw` is uint8.

    `invented`: share of the picture that holds nothing of the photograph's own. `looks` are made one after the other as they
    are written, because each takes as much memory as the result.
    """

    result: Pixels | ByRows
    mask_hw: ByRows
    figures: dict[str, Any]
    confidence_hw: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    looks: tuple[Callable[[], Pixels | ByRows], ...] = ()
    invented: float = 0.0


@dataclass(frozen=True)
class Processor:
    """What is done to each photograph.

    Attributes:
        apply: (pixels as read, `ByRows` where `needs` says so; drawn mask, job, resources) -> what is to be written.
        needs: of a photograph; raises ParamError beyond MEMORY_GB.
        model: digest of the model that does it; None where there is none.
        model_name: for Content Credentials.
        source_type: of the results, as `Provenance.source_type`.
        more: what shapes the results beside the parameters and the options.
    """

    apply: Callable[[Any, Pixels | None, Job, Resources], Processed]
    needs: Callable[[ImageSpec, Job], Needs]
    params: Params
    options: FolderOptions
    model: str | None
    model_name: str = ""
    source_type: str = "algorithmicallyEnhanced"
    more: Mapping[str, Any] = field(default_factory=dict)

    def provenance(self, job: Job, sha256: str) -> Provenance:
        """What the results of a photograph (`sha256`: of its file) say of themselves, and must say where they are there."""
        drawn = None if job.drawn_mask is None else checked_fingerprint(job.drawn_mask)
        sign = self.options.sign
        signer = None if sign is None else sign.digest()
        color, hints = (None if file is None else checked_fingerprint(file) for file in (job.color, job.hints))
        more = {
            **self.more, "strip": self.options.strip, "signer": signer, "drawn_mask": drawn, "page": job.page,
            "frames": [frame.name for frame in job.frames],
        }
        digest = settings_digest(self.params, **more) + (f" steady over {len(job.frames) + 1} frames" if job.frames else "")
        params = look_digest(digest, job.look, bool(job.looks))
        return Provenance(self.model, params, self.source_type, sha256, color, hints)


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

    def finished(input_hwc: Pixels | ByRows, predicted: Predicted, resources: Resources) -> Pixels | ByRows:
        rgb = model.color_by_rows(input_hwc, resources.rows, resources.threads, predicted)
        return rgb if upscaler is None else upscaler.enlarge(rgb.whole(), scale)

    def apply(photo: Any, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        photo, notes = _input_half(photo, params)
        if is_bilevel(photo):
            notes += (BILEVEL,)
        # Of a large photograph each copy counts, so each is freed as soon as it is used.
        photo = photo if params.pairing == "side_by_side" else gray_of(photo)
        prepared = model.prepare(photo, drawn_mask)
        input_hwc, size_hw, mask = prepared.input_hwc, photo.shape[:2], next(iter(prepared.masks), None)
        figures: dict[str, Any] = {
            "glare_share": None if mask is None else mask.share, "abstained": prepared.abstained,
        }
        del photo, prepared
        predicted = model.predict(input_hwc)
        if job.frames:
            predicted, count = steadied(predicted, filter(None, map(frame, job.frames)))
            notes += (f"steady: its color is averaged with that of {count} of {len(job.frames)} frames around",)
        confidence_hw = None
        if job.confidence is not None:
            confidence_hw = confidence_map(model, input_hwc, predicted)
            figures["confidence"] = float(confidence_hw.mean(dtype=np.float64)) / 255
        hints = None if job.hints is None else read_hints(job.hints, size_hw)
        if hints is not None:
            figures["hints"] = len(hints)
            notes += hints.notes

        def in_look(number: int) -> Pixels | ByRows:
            # Hints come last, so that each look has their colors.
            answer = look(predicted, number)
            answer = answer if hints is None else Canvas.of(input_hwc, answer, params).hinted(hints)
            return finished(input_hwc, answer, resources)

        notes += (f"it is look {job.look} alone",) if job.look > 1 else ()
        looks = tuple(partial(in_look, number) for number in range(2, 2 + len(job.looks)))
        rgb = in_look(job.look)
        return Processed(rgb, _mask_image(mask, size_hw), figures, confidence_hw, notes, looks, _invented(mask))

    def needs(spec: ImageSpec, job: Job) -> Needs:
        if params.pairing == "side_by_side" and params.input_half == "yes":
            spec = replace(spec, width_px=max(1, spec.width_px // 2))
        network_scale = 1.0 if job.confidence is None else max(SCALES)
        needs = how_to_fit(spec, params, network_scale, _why_whole(params, job, scale))
        needed = needs.bytes
        if upscaler is not None:
            needed = max(needed, upscaler.bytes_needed(replace(spec, color=True), scale))
            check_allowed("enlarging", spec, needed, params)
        return needs._replace(bytes=needed * (1 + bool(job.frames)))  # a frame beside the photograph

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
        mask_hw = _mask_image(mask, photo.shape[:2])
        watch(photo, mask_hw.whole(), controlled.pixels)
        figures = {} if mask is None else {
            "glare_share": mask.share, "clip_share": float(clipped(photo, params).mean()), "abstained": mask.abstained,
        }
        return Processed(controlled.pixels, mask_hw, figures, invented=_invented(mask))

    # One photograph is filtered at a time, and none is refused, so that nothing depends on the memory it needs.
    return Processor(apply, lambda spec, job: Needs(), params, options, None)


def recoloring(params: Params, options: FolderOptions) -> Processor:
    """Give each photograph the color of its colored version (`Job.color`), after light reflection is corrected."""

    def apply(photo: Pixels, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        assert job.color is not None  # or the job would have been refused
        controlled = control_glare(gray_of(photo), params, "predict", drawn_mask)
        chroma_hwc, fit, notes = fitted_chroma(controlled.pixels, job.color)
        mask, size_hw = controlled.mask, photo.shape[:2]
        del photo
        guide_hw = lightness_of(resize(controlled.pixels, chroma_hwc.shape[:2]))
        rgb = color_from_chroma(chroma_hwc, guide_hw, controlled.pixels)
        rgb = replace(rgb, strip_px=resources.rows or params.tile_px, threads=resources.threads)
        glare = {} if mask is None else {"glare_share": mask.share, "abstained": mask.abstained}
        figures = {"misfit": None if np.isnan(fit.misfit) else fit.misfit} | glare
        return Processed(rgb, _mask_image(mask, size_hw), figures, notes=notes, invented=_invented(mask))

    def needs(spec: ImageSpec, job: Job) -> Needs:
        version = None if job.color is None else image_spec(job.color)
        extra = CHROMA_BYTES + (0 if version is None else version.pixels * VERSION_BYTES)
        needs = how_to_fit(spec, params, why_whole="the color of another picture is laid on all of it")
        needed = needs.bytes + extra
        check_allowed("coloring", spec, needed, params)
        return needs._replace(bytes=needed)

    return Processor(apply, needs, params, options, None, source_type="composite")


def enlarging(upscaler: Upscaler, scale: int, params: Params, options: FolderOptions) -> Processor:
    """Enlarge by `scale`, without coloring."""

    def apply(photo: Pixels, drawn_mask: Pixels | None, job: Job, resources: Resources) -> Processed:
        return Processed(upscaler.enlarge(photo, scale), _mask_image(None, photo.shape[:2]), {})

    def needs(spec: ImageSpec, job: Job) -> Needs:
        needed = upscaler.bytes_needed(spec, scale)
        check_allowed("enlarging", spec, needed, params)
        return Needs(0, needed)

    return Processor(apply, needs, params, options, upscaler.digest, more={"scale": scale})


def checked_fingerprint(photo: Path) -> str:
    """sha256 of a file. Raises PhotoError where it is none, or cannot be read."""
    try:
        if photo.is_dir():
            raise PhotoError(photo, f"no photographs ({', '.join(sorted(READ_SUFFIXES))}) in this folder")
        if not photo.is_file():  # a pipe would block the reader
            raise PhotoError(photo, "not a file" if photo.exists() else "no such file")
        return fingerprint(photo)
    except OSError as error:
        raise PhotoError(photo, f"the file cannot be read: {error.strerror}") from error


def is_bilevel(photo: Pixels | ByRows) -> bool:
    """Whether a picture holds black and white alone."""
    def holds_them(part: Pixels) -> bool:
        return bool(((part == 0) | (part == np.iinfo(part.dtype).max)).all())

    # A few pixels of almost any other picture say so.
    return all(holds_them(rows[::31, ::31]) and holds_them(rows) for _, rows in ByRows.of(photo).strips())


def _why_whole(params: Params, job: Job, scale: int) -> str:
    """What asks for planes of the whole photograph, in words; empty where nothing does."""
    reasons = {
        "PAIRING=side_by_side": params.pairing == "side_by_side", f"SR_SCALE={scale}": scale > 1,
        "GLARE_MODE=global": params.glare_mode == "global", "VEIL_K": params.glare_mode != "off" and params.veil_k > 0,
        "a drawn mask": job.drawn_mask is not None, "a map of confidence": job.confidence is not None,
        "--steady": bool(job.frames),
    }
    named = " and ".join(name for name, holds in reasons.items() if holds)
    return f"{named} asks for all of it in memory: leave it out" if named else ""


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


def _mask_image(mask: GlareMask | None, size_hw: tuple[int, ...]) -> ByRows:
    """Alpha as 8-bit gray: 0 exactly where nothing was touched. With invented pixels 255 stands for them alone."""
    shape = size_hw[0], size_hw[1]
    invented = None if mask is None or mask.invented_hw is None else linear_rows(mask.invented_hw.astype(np.float32), shape)

    def rounded(alpha: Float32, part: slice) -> Pixels:
        codes = np.maximum(np.rint(alpha * 255).astype(np.uint8), (alpha > 0).astype(np.uint8))
        return codes if invented is None else np.where((invented(part) > 0) & (alpha > 0), 255, np.minimum(codes, 254))

    return ByRows(shape, np.dtype(np.float32), nothing(shape) if mask is None else mask.alpha).then(rounded, dtype=np.uint8)


def _invented(mask: GlareMask | None) -> float:
    return 0.0 if mask is None else mask.invented_share
