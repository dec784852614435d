r"""Correcting light inside the mask only.

.. math:: d = \max(G_\sigma * (z - \tilde z), 0), \qquad h = \min(Y (1 - e^{-d}), t), \qquad Y' = Y - \alpha h

where :math:`\tilde z` continues the log light from where :math:`\alpha < 1` into the mask, with the slope of a halo where there
is one, and lies nowhere above what is seen, since reflected light only adds; :math:`h` is the layer of reflected light, held
below the tail :math:`t` of a glint where alpha is less than 1. Light is only ever taken away, and texture finer than
:math:`\sigma` (:math:`z - G_\sigma * z`) survives, but at the rim of clipped pixels :math:`z` stands for :math:`G_\sigma * z`.
Smooth fields (:math:`d`, fills) are computed on a picture of at most `WORK_PX` and enlarged; the photograph's own pixels are
changed where alpha is above 0 and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.ground import halo, push_pull
from dancheong.glare.light import area, gaussian, linear_enlarge, luminance_of
from dancheong.glare.mask import GlareMask, Rows, clipped, components, nearest_inside, scale_px
from dancheong.glare.structure import fill_by_patches
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
from dancheong.imaging.resize import fit_size, linear_rows
from dancheong.imaging.tiling import ByRows
from dancheong.params import Params
from dancheong.system.arrays import Float32, Pixels

VEIL_WORK_PX = 512
INPAINTING = ("inpaint_ns", "inpaint_telea")
RIM_WEIGHT = np.float32(20)  # where a twentieth of a blur is clipped, a pixel's texture and color are the rim's
_ROUNDING = 1e-6  # of ones that were averaged

Picture = TypeVar("Picture", Pixels, ByRows)
# Gives what a plane has at the damaged pixels of some rows.
At = Callable[[Rows], Float32]
# Damaged pixels (n,) or (n, 3) and their alpha, corrected: sRGB-coded in [0, 1].
Fix = Callable[[Pixels, Float32, At], Float32]


@dataclass(frozen=True, eq=False)
class _Reduced:
    """The picture at the size where smooth fields are computed."""

    linear: Float32
    z_hw: Float32
    share_hw: Float32  # alpha as a share of the most in its area
    known_hw: Float32  # how much of what is seen counts as the ground
    clip_hw: Float32  # share of each pixel that is clipped


def correct(pixels: Picture, mask: GlareMask, params: Params) -> Picture:
    """The picture of `correction`."""
    return correction(pixels, mask, params)[0]


def correction(pixels: Picture, mask: GlareMask, params: Params) -> tuple[Picture, GlareMask]:
    """Correct the masked part of a picture by FIX_METHOD, and with FIX_CORES fill what is clipped in it from patches around.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded.
        mask: made on this picture.

    Returns:
        The picture, same shape and type; the same bytes wherever alpha is 0. Nothing is changed where the whole picture is
        masked, since there is nothing to go by. And the mask, with what was invented.
    """
    if params.fix_method == "none" or params.fix_strength == 0 or not mask.small_hw.any() or mask.small_hw.min() > 0:
        return pixels, mask
    small = _reduce(pixels, mask, params)
    fix = _fix(pixels, small, params)

    def corrected(rows: Pixels, part: slice) -> Pixels:
        alpha = mask.alpha(part)
        damaged = alpha > 0
        if not damaged.any():
            return rows
        out = rows.copy()
        share = alpha[damaged] * np.float32(params.fix_strength)
        out[damaged] = to_pixels(fix(rows[damaged], share, lambda plane_of: plane_of(part)[damaged]), rows.dtype)
        return out

    by_rows = ByRows.of(pixels).then(corrected, 3 if pixels.ndim == 3 else 0)
    if params.fix_method in INPAINTING:
        mask = replace(mask, invented_hw=small.share_hw > 0)
    elif params.fix_cores == "yes":
        by_rows, mask = _with_cores(by_rows, small.clip_hw, mask, params)
    return (by_rows if isinstance(pixels, ByRows) else by_rows.whole()), mask


def _with_cores(by_rows: ByRows, clip_hw: Float32, mask: GlareMask, params: Params) -> tuple[ByRows, GlareMask]:
    """A corrected picture whose clipped cores are filled, and the mask that says where."""
    core = (clip_hw > 0.5) & (mask.small_hw > 1 - _ROUNDING)
    if not core.any():
        return by_rows, replace(mask, invented_hw=core)
    # The rim of a clipped area has bloomed, and would be copied inward.
    core = cv2.dilate(core.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool) & (mask.small_hw > 0)
    picture = float01(area(by_rows, mask.small_hw.shape))
    filled = fill_by_patches(picture, core, mask.small_hw == 0)
    fill, share = (linear_rows(plane, (by_rows.shape[0], by_rows.shape[1])) for plane in (picture, filled.astype(np.float32)))

    def with_cores(rows: Pixels, part: slice) -> Pixels:
        # Where alpha is 0 nothing changes, however a small plane is enlarged.
        weight = share(part) * (mask.alpha(part) > 0) * np.float32(params.fix_strength)
        inside = weight > 0
        out, own = rows.copy(), float01(rows[inside])
        out[inside] = to_pixels(own + _spread(weight[inside], own.ndim) * (fill(part)[inside] - own), rows.dtype)
        return out

    return by_rows.then(with_cores, by_rows.shape[2] if by_rows.ndim == 3 else 0), replace(mask, invented_hw=filled)


def subtract_veil(pixels: Pixels, params: Params) -> Pixels:
    r"""Subtract stray light that lies over the whole picture: :math:`l' = l - k v`, v the smoothed local minimum.

    A veil below VEIL_GATE is left alone; above it the subtraction sets in smoothly until twice the gate.

    Returns:
        The picture, same shape and type; the same bytes with VEIL_K 0 or where the gate holds everywhere.
    """
    if params.veil_k == 0:
        return pixels.copy()
    size = fit_size(pixels.shape[0], pixels.shape[1], VEIL_WORK_PX)
    linear = decode(pixels)
    least = linear.min(axis=-1) if linear.ndim == 3 else linear
    small = area(least, size)
    window = 2 * round(params.veil_window * max(size) / 2) + 1
    eroded = cv2.erode(small, np.ones((window, window), np.uint8), borderType=cv2.BORDER_REFLECT)
    sigma_px = params.veil_smooth * max(size)
    veil = gaussian(np.asarray(eroded, np.float32).reshape(size), sigma_px)
    if params.veil_gate > 0:
        ramp = np.clip(veil / np.float32(params.veil_gate) - 1, 0, 1)
        veil = veil * ramp * ramp * (3 - 2 * ramp)
    if not veil.any():
        return pixels.copy()
    full = np.minimum(linear_enlarge(veil * np.float32(params.veil_k), least.shape), least)
    return to_pixels(linear_to_srgb(linear - _spread(full, linear.ndim)), pixels.dtype)


def _reduce(pixels: Pixels | ByRows, mask: GlareMask, params: Params) -> _Reduced:
    linear = decode(area(pixels, mask.small_hw.shape[:2]))
    z = np.log(luminance_of(linear) + np.float32(params.hf_epsilon))
    is_clipped = ByRows.of(pixels).then(lambda rows, _: clipped(rows, params).astype(np.float32), 0, np.float32)
    share = _share_of_most(mask.small_hw)
    # The tail of a glint is ground in part, or a halo that reaches beyond it would be left standing as a ring.
    known = np.square(1 - share)
    return _Reduced(linear, z, share, known, area(is_clipped, mask.small_hw.shape[:2]))


def _share_of_most(alpha_hw: Float32) -> Float32:
    """Alpha as a share of its most in each area, which is little where an area is uncertain or drawn in gray; 1 at the most."""
    labels, sizes = components(alpha_hw > 0)
    most = np.ones(len(sizes), np.float32)
    most[1:] = 0
    at = np.flatnonzero(labels)
    np.maximum.at(most, labels.ravel()[at], alpha_hw.ravel()[at])
    share = alpha_hw / most[labels]
    return np.where(share > 1 - _ROUNDING, np.float32(1), share)


def _fix(pixels: Pixels | ByRows, small: _Reduced, params: Params) -> Fix:
    shape = pixels.shape[0], pixels.shape[1]
    if params.fix_method in INPAINTING:
        return _inpainted(small, shape, params)
    attenuation = linear_rows(_attenuation(small, params), shape)
    if params.fix_method == "hybrid" and pixels.ndim == 3:
        return _recolored(attenuation, pixels, small, params)

    def darkened(own: Pixels, alpha: Float32, at: At) -> Float32:
        gain = 1 - alpha * (1 - np.exp(-at(attenuation)))
        return linear_to_srgb(_spread(gain, own.ndim) * decode(own))

    return darkened


def _attenuation(small: _Reduced, params: Params) -> Float32:
    """How much log light a fully damaged pixel loses: a plane at or above 0, smooth but for `attenuate`."""
    if params.fix_method == "attenuate":
        # A homomorphic filter with the continued surroundings as the light: of what stands out, HF_GAMMA_LOW stays.
        excess = small.z_hw - push_pull(small.z_hw, small.known_hw)
        return np.asarray(np.maximum(excess, 0) * (1 - params.hf_gamma_low), np.float32)
    sigma_px = params.fix_detail_sigma * scale_px(small.z_hw.shape)
    seen = gaussian(small.z_hw, sigma_px)
    # At clipped pixels and as far as G reaches from them `z - G * z` is no texture, but the rim of the clipped area.
    beside = np.minimum(RIM_WEIGHT * gaussian(small.clip_hw, sigma_px), 1)
    seen = seen + np.maximum(cv2.dilate(small.clip_hw, np.ones((3, 3), np.uint8)), beside) * (small.z_hw - seen)
    ground = push_pull(small.z_hw, small.known_hw, seen) + halo(small.z_hw, small.share_hw > 0)
    excess = np.maximum(seen - np.minimum(ground, seen), 0)
    return np.asarray(-np.log1p(-np.minimum(-np.expm1(-excess), _tail_share(small, excess))), np.float32)


def _tail_share(small: _Reduced, excess: Float32) -> Float32:
    """The most of a pixel's light that reflection may be: all inside of a glint, beyond as much as at its nearest pixel."""
    inside = small.share_hw == 1
    if inside.all():
        return np.full(excess.shape, 1 - 1e-6, np.float32)
    light = np.exp(small.z_hw)
    layer = gaussian(light * -np.expm1(-excess), scale_px(excess.shape))
    _, nearest = nearest_inside(inside)
    tail = layer.ravel()[nearest]
    return np.where(inside, np.float32(1 - 1e-6), np.minimum(tail / light, np.float32(1 - 1e-6)))


def _inpainted(small: _Reduced, shape: tuple[int, int], params: Params) -> Fix:
    small_u8 = to_pixels(linear_to_srgb(small.linear), np.uint8)
    radius_px = params.fix_inpaint_radius * scale_px(small.z_hw.shape)
    filled = inpaint(small_u8, small.share_hw > 0, radius_px, params.fix_method == "inpaint_telea")
    fill = linear_rows(float01(filled), shape)

    def filled_in(pixels: Pixels, alpha: Float32, at: At) -> Float32:
        own = float01(pixels)
        return np.asarray(own + _spread(alpha, own.ndim) * (at(fill) - own), np.float32)

    return filled_in


def _recolored(attenuation: Rows, pixels: Pixels | ByRows, small: _Reduced, params: Params) -> Fix:
    """Luminance by the gain; color by subtracting light of the illuminant's color, from around the less of its own is left.

    What is left after a subtraction has the errors of what was there, `1 / gain` times as large; a clipped pixel has no color.
    """
    shape = pixels.shape[0], pixels.shape[1]
    illuminant = np.array(params.illuminant, np.float32)
    illuminant /= luminance(illuminant)
    around = linear_rows(push_pull(rgb_to_lab(linear_to_srgb(small.linear))[..., 1:], small.known_hw), shape)
    clip = linear_rows(gaussian(small.clip_hw, max(scale_px(small.z_hw.shape), 0.5)), shape)

    def recolored(own: Pixels, alpha: Float32, at: At) -> Float32:
        gain = 1 - alpha * (1 - np.exp(-at(attenuation)))
        light = decode(own)
        before = luminance(light)
        after = before * gain
        lab = rgb_to_lab(linear_to_srgb(np.maximum(light - (before - after)[:, None] * illuminant, 0))[None])[0]
        lost = np.minimum(RIM_WEIGHT * at(clip), 1)
        trust = gain * gain * (3 - 2 * gain) * (1 - lost * (gain < 1))
        lab[:, 0] = lightness_of(linear_to_srgb(after))
        lab[:, 1:] = trust[:, None] * lab[:, 1:] + (1 - trust[:, None]) * at(around)
        return np.asarray(lab_to_rgb(lab[None])[0], np.float32)

    return recolored


def _spread(values: Float32, ndim: int) -> Float32:
    """Of the picture's pixels (n,) or (n, 3), or of the picture."""
    return values[..., None] if ndim > values.ndim else values


def inpaint(pixels_u8: NDArray[np.uint8], hole_hw: NDArray[np.bool_], radius_px: float, telea: bool) -> NDArray[np.uint8]:
    """OpenCV's inpainting: Telea 2004, or Bertalmio, Bertozzi and Sapiro 2001 (Navier-Stokes)."""
    method = cv2.INPAINT_TELEA if telea else cv2.INPAINT_NS
    height, width = hole_hw.shape
    # In a picture of one row or column OpenCV reads beyond it, and each time something else.
    image, hole = (
        cv2.copyMakeBorder(plane, 0, int(height == 1), 0, int(width == 1), cv2.BORDER_REPLICATE)
        for plane in (pixels_u8, hole_hw.astype(np.uint8))
    )
    return np.asarray(cv2.inpaint(image, hole, radius_px, method)[:height, :width], np.uint8)
