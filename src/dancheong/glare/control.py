"""The one policy of light reflection: what GLARE_MODE and GLARE_STAGE mean for a photograph."""

from dataclasses import dataclass
from typing import Any, Literal

from dancheong.glare.correct import correction, subtract_veil
from dancheong.glare.detect import detect
from dancheong.glare.homomorphic import homomorphic
from dancheong.glare.mask import GlareMask, mask_from_drawing
from dancheong.imaging.color import check_photo
from dancheong.params import ParamError, Params
from dancheong.system.arrays import Pixels


@dataclass(frozen=True, eq=False)
class GlareResult:
    """A photograph after light reflection was dealt with; `mask` is None where none was looked for."""

    pixels: Any
    mask: GlareMask | None


def control_glare(
    pixels: Any, params: Params, stage: Literal["train", "predict"], drawn_mask: Pixels | None = None
) -> GlareResult:
    """Apply GLARE_MODE if GLARE_STAGE includes `stage`.

    ============== ================================= =====================
    mode           training                          prediction
    ============== ================================= =====================
    off            unchanged                         unchanged
    global         whole picture filtered            whole picture filtered
    region         corrected, mask                   corrected, mask
    lossmask       unchanged, mask                   unchanged, mask
    region+lossmask corrected, mask                  corrected, mask
    ============== ================================= =====================

    A veil is subtracted first where VEIL_K is above 0 and the mode is not off.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded; or `ByRows` of it, of which the result is one too
            (without GLARE_MODE=global and VEIL_K, for which all of a picture has to be there).
        stage: where the photograph is going.
        drawn_mask: overrides the detector: white is damaged.

    Raises:
        ValueError: other pixels, another stage, or a drawn mask that does not fit or leaves nothing.
    """
    check_photo(pixels)
    if stage not in ("train", "predict"):
        raise ValueError(f"stage 'train' or 'predict' was expected, not {stage!r}")
    if params.glare_mode == "off" or params.glare_stage not in (stage, "both"):
        return GlareResult(pixels, None)
    clear = subtract_veil(pixels, params) if params.veil_k > 0 else pixels
    if params.glare_mode == "global":
        return GlareResult(homomorphic(clear, params), None)
    mask = detect(clear, params) if drawn_mask is None else mask_from_drawing(drawn_mask, clear, params)
    if params.glare_mode == "lossmask":
        return GlareResult(clear, mask)
    if drawn_mask is not None and mask.small_hw.min() > 0:
        raise ParamError("the drawn mask leaves too little black (0) to go by: black is what is not damaged")
    return GlareResult(*correction(clear, mask, params))
