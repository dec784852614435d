r"""Correcting light inside the mask only.

.. math:: d = \max(G_\sigma * (z - \tilde z), 0), \qquad z' = z - \alpha d

where :math:`\tilde z` continues the undamaged log light into the mask. Light is only ever taken away, and texture
finer than :math:`\sigma` (:math:`z - G_\sigma * z`) survives. Smooth fields (:math:`d`, fills) are computed on a picture of
at most `WORK_PX` and enlarged; the photograph's own pixels are changed where alpha is above 0 and nowhere else.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.fill import inpaint, push_pull
from dancheong.glare.light import Float32, Pixels, check_pixels, luminance_of
from dancheong.glare.mask import GlareMask, scale_px
from dancheong.glare.transfer import log_filter
from dancheong.imaging.color import (
    decode,
    float01,
    lab_to_rgb,
    lightness_of,
    linear_to_srgb,
    luminance,
    rgb_to_lab,
    to_pixels,
)
from dancheong.params import Params

WORK_PX = 1024


@dataclass(frozen=True, eq=False)
class _Reduced:
    """The picture at the size where smooth fields are computed."""

    linear: Float32
    z_hw: Float32
    known_hw: Float32
    alpha_hw: Float32


def correct(pixels: Pixels, mask: GlareMask, params: Params) -> Pixels:
    """Correct the masked part of a picture by FIX_METHOD.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded.
        mask: of the same size.

    Returns:
        The picture, same shape and type; the same bytes wherever alpha is 0. Nothing is changed where the whole picture is
        masked, since there is nothing to go by.

    Raises:
        ValueError: other pixels, or a mask of another size or with values outside [0, 1].
    """
    check_pixels(pixels)
    _check_mask(mask, pixels)
    damaged = mask.alpha_hw > 0
    if params.fix_method == "none" or params.fix_strength == 0 or not damaged.any() or damaged.all():
        return pixels.copy()
    alpha = mask.alpha_hw[damaged] * np.float32(params.fix_strength)
    small = _reduce(pixels, mask, params)
    if small.known_hw.max() == 0:
        return pixels.copy()
    if params.fix_method in ("inpaint_ns", "inpaint_telea"):
        fixed = _inpainted(pixels, damaged, alpha, small, params)
    else:
        log_gain = -alpha * _gather(_attenuation(small, params), damaged)
        if params.fix_method == "hybrid" and pixels.ndim == 3:
            fixed = _recolored(pixels, mask, damaged, alpha, log_gain, small, params)
        else:
            fixed = linear_to_srgb(_spread(np.exp(log_gain), pixels.ndim) * decode(pixels[damaged]))
    out = pixels.copy()
    out[damaged] = to_pixels(fixed, pixels.dtype)
    return out


def subtract_veil(pixels: Pixels, params: Params) -> Pixels:
    r"""Subtract stray light that lies over the whole picture: :math:`l' = l - k v`, v the smoothed local minimum.

    A veil below VEIL_GATE is left alone; above it the subtraction sets in smoothly until twice the gate.

    Returns:
        The picture, same shape and type; the same bytes with VEIL_K 0 or where the gate holds everywhere.
    """
    check_pixels(pixels)
    if params.veil_k == 0:
        return pixels.copy()
    height, width = pixels.shape[:2]
    longer = max(height, width)
    factor = min(1.0, 512 / longer)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    linear = decode(pixels)
    least = linear.min(axis=-1) if linear.ndim == 3 else linear
    small = cv2.resize(least, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0])
    window = 2 * round(params.veil_window * max(size) / 2) + 1
    eroded = cv2.erode(small, np.ones((window, window), np.uint8), borderType=cv2.BORDER_REFLECT)
    sigma_px = params.veil_smooth * max(size)
    veil = cv2.GaussianBlur(eroded, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
    if params.veil_gate > 0:
        ramp = np.clip(veil / np.float32(params.veil_gate) - 1, 0, 1)
        veil = veil * ramp * ramp * (3 - 2 * ramp)
    if not veil.any():
        return pixels.copy()
    full = cv2.resize(veil * np.float32(params.veil_k), (width, height), interpolation=cv2.INTER_LINEAR)
    full = np.minimum(full.reshape(height, width), least)
    return to_pixels(linear_to_srgb(linear - _spread(full, linear.ndim)), pixels.dtype)


def _check_mask(mask: GlareMask, pixels: Pixels) -> None:
    if mask.alpha_hw.shape != pixels.shape[:2] or mask.clip_hw.shape != pixels.shape[:2]:
        raise ValueError(f"the mask is {mask.alpha_hw.shape}, its picture {pixels.shape[:2]}: make it on this picture")
    # A NaN fails both comparisons, so this refuses it too.
    if not (mask.alpha_hw.min() >= 0 and mask.alpha_hw.max() <= 1):
        raise ValueError("alpha in [0, 1] was expected; the mask holds other values or NaN")


def _reduce(pixels: Pixels, mask: GlareMask, params: Params) -> _Reduced:
    height, width = pixels.shape[:2]
    factor = min(1.0, WORK_PX / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    linear, alpha = decode(_area(pixels, size)), _area(mask.alpha_hw, size)
    known = (alpha == 0).astype(np.float32)
    z = np.log(luminance_of(linear) + np.float32(params.hf_epsilon))
    return _Reduced(linear, z, known, alpha)


def _attenuation(small: _Reduced, params: Params) -> Float32:
    """How much log light a fully damaged pixel loses: a smooth plane at or above 0."""
    if params.fix_method == "attenuate":
        # The whole-picture filter, used inside the mask only and never to brighten.
        return np.maximum(small.z_hw - log_filter(small.z_hw, params).astype(np.float32), 0)
    excess = small.z_hw - push_pull(small.z_hw, small.known_hw)
    return np.maximum(_smooth(excess, params.fix_detail_sigma * scale_px(small.z_hw.shape)), 0)


def _inpainted(
    pixels: Pixels, damaged: NDArray[np.bool_], alpha: Float32, small: _Reduced, params: Params
) -> Float32:
    coded = to_pixels(linear_to_srgb(small.linear), np.uint8)
    radius_px = params.fix_inpaint_radius * scale_px(small.z_hw.shape)
    filled = inpaint(coded, small.known_hw == 0, radius_px, params.fix_method == "inpaint_telea")
    own, fill = float01(pixels[damaged]), _gather(float01(filled), damaged)
    share = _spread(alpha, pixels.ndim)
    return own + share * (fill - own)


def _recolored(
    pixels: Pixels,
    mask: GlareMask,
    damaged: NDArray[np.bool_],
    alpha: Float32,
    log_gain: Float32,
    small: _Reduced,
    params: Params,
) -> Float32:
    """Luminance from `log_gain`; color by subtracting light of the illuminant's color, from around where that is clipped."""
    light = decode(pixels[damaged])
    before = luminance(light)
    after = before * np.exp(log_gain)
    illuminant = np.array(params.illuminant, np.float32)
    illuminant /= luminance(illuminant)
    own = np.maximum(light - (before - after)[:, None] * illuminant, 0)
    own = rgb_to_lab(linear_to_srgb(own)[None])[0]
    chroma = push_pull(rgb_to_lab(linear_to_srgb(small.linear))[..., 1:], small.known_hw)
    lost = _smooth(mask.clip_hw.astype(np.float32), max(scale_px(pixels.shape), 0.5))[damaged, None]
    trust = (1 - alpha[:, None]) + alpha[:, None] * (1 - np.minimum(2 * lost, 1)) * np.float32(0.5)
    lab = np.empty_like(own)
    lab[:, 0] = lightness_of(linear_to_srgb(after))
    lab[:, 1:] = trust * own[:, 1:] + (1 - trust) * _gather(chroma, damaged)
    return lab_to_rgb(lab[None])[0]


def _gather(small: Float32, damaged: NDArray[np.bool_]) -> Float32:
    """A field of the reduced picture, enlarged, at the damaged pixels."""
    height, width = damaged.shape
    full = small
    if small.shape[:2] != damaged.shape:
        full = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, *small.shape[2:])
    return np.asarray(full[damaged], np.float32)


def _spread(values: Float32, ndim: int) -> Float32:
    return values[..., None] if ndim == 3 else values


def _smooth(plane: Float32, sigma_px: float) -> Float32:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.float32)


def _area(picture: Pixels, size: tuple[int, int]) -> Pixels:
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    return small.reshape(size[1], size[0], *picture.shape[2:])
