"""The one preparation of a photograph, for training, prediction, evaluation and the web page alike.

photograph -> glare control -> what the network sees (and, in training, what it should answer) -> numbers in [-1, 1].
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.glare.control import control_glare
from dancheong.glare.mask import GlareMask
from dancheong.glare.transfer import choose_backend
from dancheong.imaging.color import (
    as_rgb,
    check_photo,
    gray_of,
    lab_to_rgb,
    lightness_of,
    linear_to_srgb,
    rgb_to_lab,
    srgb_to_linear,
    to_pixels,
)
from dancheong.imaging.tiling import ByRows
from dancheong.params import ParamError, Params
from dancheong.system.arrays import Float32, Pixels

Stage = Literal["train", "predict"]

# Chroma that maps to 1. sRGB reaches 108 at most, so nothing is cut.
AB_SCALE = 110.0
# Contrast turns around middle gray, as a photographer's does.
MIDDLE_GRAY = 0.18


@dataclass(frozen=True)
class Prepared:
    """A photograph ready for the network.

    `input_hwc`: (h, w, 1) gray or (h, w, 3) RGB pixels, or `ByRows` (h, w) where such came; `target_hwc`: (h, w, 3) or None;
    `masks`: where light reflection has damaged the input and the target, none where nothing was looked for.
    """

    input_hwc: Any
    target_hwc: Pixels | None
    masks: tuple[GlareMask, ...] = ()

    @cached_property
    def alpha_hw(self) -> Float32 | None:
        """float32 (h, w) in [0, 1], 1 where the pair is damaged; None where nothing was looked for."""
        # Damage in the input or in the target is damage to the pair.
        return np.max([mask.alpha_hw for mask in self.masks], axis=0) if self.masks else None

    @property
    def glare_share(self) -> float:
        """Share of the picture in which light reflection was found."""
        return max((mask.share for mask in self.masks), default=0.0)

    @property
    def abstained(self) -> bool:
        """It was so much that the detector left the picture alone: `alpha_hw` is 0 everywhere, `glare_share` is not."""
        return any(mask.abstained for mask in self.masks)


def prepare(
    pixels: Any, params: Params, stage: Stage, target: Pixels | None = None, drawn_mask: Pixels | None = None
) -> Prepared:
    """Treat light reflection and make the network's input from a photograph of any size.

    Args:
        pixels: (h, w) or (h, w, 3), uint8 or uint16, sRGB-coded; or `ByRows` of it, in prediction. In training without `target`
            it is the truth as well; else only its gray counts.
        stage: "train" also treats the target; "predict" leaves the truth as it is: filtered truth proves nothing.
        target: (h, w, 3) of the same size, where input and truth are two pictures.
        drawn_mask: (h, w) uint8, a person's mask instead of the detector's.

    Returns:
        Prepared, in the dtype that came. Side-by-side pairs, which may be of any kind, pass untouched.

    Raises:
        ValueError: naming the shape or dtype that came and what was expected.
    """
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    check_photo(pixels)
    if target is not None:
        check_photo(target, "a target")
        if target.shape[:2] != pixels.shape[:2]:
            raise ValueError(
                f"the target is {_size(target)} px but the photograph {_size(pixels)} px: "
                "both must show the same, pixel by pixel"
            )
    if params.pairing == "side_by_side":
        return Prepared(as_rgb(pixels), None if target is None else as_rgb(target))
    if stage == "predict" or target is not None:
        # The input is gray by definition. Whatever a color photograph shows beyond it, a gray one could not have shown.
        pixels = gray_of(pixels)
    source = control_glare(pixels, params, stage, drawn_mask)
    truth = target
    looks = [source]
    if stage == "train" and target is None and pixels.ndim == 3:
        truth = source.pixels
    elif stage == "train" and target is not None:
        looks.append(control_glare(target, params, stage, drawn_mask))
        truth = looks[1].pixels
    masks = tuple(look.mask for look in looks if look.mask is not None)
    truth = None if truth is None else as_rgb(truth)
    gray = gray_of(source.pixels)
    return Prepared(gray if isinstance(gray, ByRows) else gray[..., None], truth, masks)


def check_together(params: Params) -> None:
    """Refuse rows that are right each by itself but not together, before any photograph is read.

    Raises:
        ParamError: side-by-side pairs in LAB; an HF_BACKEND that cannot compute the filter; a PREDICT_RESOL too small.
    """
    channels(params)
    if 0 < params.predict_resol < 16:
        raise ParamError(f"PREDICT_RESOL={params.predict_resol}: 0 or at least 16 px was expected")
    if params.glare_mode == "global":
        try:
            choose_backend(params.resol, params.resol, params)
        except ValueError as error:
            raise ParamError(str(error)) from error


def channels(params: Params) -> tuple[int, int]:
    """Input and output channels of the generator: side by side 3 and 3, LAB 1 and 2, RGB from gray 1 and 3.

    Raises:
        ParamError: for side-by-side pairs in LAB, where the input's lightness need not be the target's.
    """
    if params.pairing == "side_by_side":
        if params.color_space == "LAB":
            raise ParamError(
                "PAIRING=side_by_side was given with COLOR_SPACE=LAB, which takes lightness from the input; "
                "halves of any kind need COLOR_SPACE=RGB: --set COLOR_SPACE=RGB"
            )
        return 3, 3
    return (1, 2) if params.color_space == "LAB" else (1, 3)


def to_network(input_hwc: Pixels, params: Params, exposure_stops: float = 0.0, contrast: float = 1.0) -> Float32:
    """Input pixels (h, w, c) uint8 or uint16 -> (c, h, w) float32 in [-1, 1].

    Gray in LAB is L*/50 - 1; gray in RGB is 2 g - 1 with the sRGB-coded gray g; side-by-side RGB is 2 x - 1.
    `exposure_stops` and `contrast` vary the light of a gray input in linear luminance, before the lightness is taken:
    Y' = min(1, 2^exposure_stops m (Y / m)^contrast), m = 0.18.

    Raises:
        ValueError: if the channels are not those of `channels(params)`.
    """
    expected = channels(params)[0]
    if input_hwc.ndim != 3 or input_hwc.shape[2] != expected:
        raise ValueError(f"an input of shape (h, w, {expected}) was expected, not {input_hwc.shape}")
    if expected == 3:
        return _symmetric_chw(input_hwc)
    build = tone_table if exposure_stops or contrast != 1.0 else _plain_table
    return build(params.color_space, input_hwc.dtype.name, exposure_stops, contrast)[input_hwc[None, :, :, 0]]


def target_to_network(target_hwc: Pixels, params: Params) -> Float32:
    """Target pixels (h, w, 3) uint8 or uint16 as float32: (2, h, w) a*/110, b*/110 in LAB; (3, h, w) 2 x - 1 in RGB."""
    if target_hwc.ndim != 3 or target_hwc.shape[2] != 3:
        raise ValueError(f"a target of shape (h, w, 3) was expected, not {target_hwc.shape}")
    if channels(params)[1] == 3:
        return _symmetric_chw(target_hwc)
    ab_chw = np.moveaxis(rgb_to_lab(target_hwc)[..., 1:], -1, 0)
    scaled = np.ascontiguousarray(ab_chw) * np.float32(1 / AB_SCALE)
    return np.clip(scaled, -1, 1, out=scaled)


def from_network(input_chw: Float32, output_chw: Float32, params: Params) -> NDArray[np.uint8]:
    """The picture (h, w, 3) uint8 RGB that an output (c_out, h, w) means for its input (c_in, h, w), all in [-1, 1]."""
    if channels(params)[1] == 3:
        rgb_hwc = np.moveaxis(output_chw, 0, -1) * np.float32(0.5) + np.float32(0.5)
    else:
        lab_chw = np.concatenate([(input_chw + 1) * np.float32(50), output_chw * np.float32(AB_SCALE)])
        rgb_hwc = lab_to_rgb(np.ascontiguousarray(np.moveaxis(lab_chw, 0, -1), dtype=np.float32))
    return to_pixels(np.clip(rgb_hwc, 0, 1), np.uint8)


def uses_loss_mask(params: Params) -> bool:
    """Whether damaged pixels are kept out of the training loss."""
    return (
        params.pairing != "side_by_side"
        and "lossmask" in params.glare_mode
        and params.glare_stage != "predict"
        and params.loss_mask != "off"
    )


def tone_table(color_space: str, dtype_name: str, exposure_stops: float = 0.0, contrast: float = 1.0) -> Float32:
    """What each gray code is to the network: (256,) or (65536,) float32 in [-1, 1]; see `to_network` for the light."""
    srgb = gray_tones(dtype_name, exposure_stops, contrast)
    table = lightness_of(srgb[None])[0] / 50 - 1 if color_space == "LAB" else srgb * 2 - 1
    return np.asarray(np.clip(table, -1, 1), dtype=np.float32)


def gray_tones(dtype_name: str, exposure_stops: float, contrast: float) -> Float32:
    """Each gray code under another light, sRGB-coded: (256,) or (65536,) float32 in [0, 1]; see `to_network`."""
    if dtype_name not in ("uint8", "uint16"):
        raise ValueError(f"gray pixels must be uint8 or uint16, not {dtype_name}")
    top = np.iinfo(dtype_name).max
    srgb = np.arange(top + 1, dtype=np.float32) / np.float32(top)
    if exposure_stops or contrast != 1.0:
        light = np.float32(2.0**exposure_stops * MIDDLE_GRAY) * (srgb_to_linear(srgb) / MIDDLE_GRAY) ** contrast
        srgb = linear_to_srgb(np.minimum(light, 1).astype(np.float32))
    return srgb


_plain_table = lru_cache(maxsize=8)(tone_table)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"


def _symmetric_chw(pixels_hwc: Pixels) -> Float32:
    scale = np.float32(2 / np.iinfo(pixels_hwc.dtype).max)
    return np.ascontiguousarray(np.moveaxis(pixels_hwc, -1, 0), dtype=np.float32) * scale - np.float32(1)
