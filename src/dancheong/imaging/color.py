"""Color: sRGB, linear light and CIE L*a*b* under D65.

One decision holds everywhere: the gray of a color photograph is its linear luminance Y, encoded with the sRGB curve. So a
photograph and its gray have the same L*, and chroma predicted from the gray can be put back on it unchanged.

Sources: IEC 61966-2-1 (sRGB), ITU-R BT.709 (primaries), CIE 15 (L*a*b*).
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from dancheong.imaging.tiling import ByRows, map_strips, row_slices
from dancheong.system.arrays import Array, Float32
from dancheong.system.errors import ParamError

# Linear RGB (BT.709 primaries, D65) to XYZ. Each row is divided by its sum, which is the white point, so that equal
# channels are exactly neutral: a* = b* = 0.
_RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_RGB_TO_RELATIVE_XYZ = _RGB_TO_XYZ / _RGB_TO_XYZ.sum(axis=1, keepdims=True)
_RELATIVE_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_RELATIVE_XYZ)
_LUMINANCE = _RGB_TO_RELATIVE_XYZ[1:2].astype(np.float32)

_DELTA = 6 / 29  # CIE 15: below f = 6/29 the cube root is a straight line
_BLOCK_PX = 1 << 16  # pixels at a time: their arrays stay in the cache
_LEVELS = 1 << 16  # of linear light
_GAMUT_STEPS = 6
_ROUNDING = 1e-5  # of linear light, well above float32's error in a conversion there and back

LINEAR_RGB_TO_RELATIVE_XYZ = _RGB_TO_RELATIVE_XYZ.astype(np.float32)
_INVERSE = _RELATIVE_XYZ_TO_RGB.astype(np.float32)


def check_photo(pixels: Array | ByRows, what: str = "a photograph") -> None:
    """Check what a caller from outside hands in; the functions behind a public entry trust it.

    Raises:
        ParamError: `pixels` are not (h, w) gray or (h, w, 3) RGB of uint8 or uint16, or empty.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ParamError(f"{what} must be uint8 or uint16, not {pixels.dtype}: of [0, 255] give photo.round().astype('uint8')")
    if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ParamError(f"{what} must be (h, w) gray or (h, w, 3) RGB and not empty, not of shape {pixels.shape}")


def srgb_to_linear(srgb: Array) -> Float32:
    """Linear light of sRGB-coded values (IEC 61966-2-1).

    Args:
        srgb: floating point, any shape, [0, 1]; values below 0 follow the straight part, above 1 the power.

    Returns:
        float32 of the same shape.
    """
    x = np.asarray(srgb, np.float32)
    y = np.maximum(x, np.float32(0.04045))
    y += np.float32(0.055)
    y *= np.float32(1 / 1.055)
    np.power(y, np.float32(2.4), out=y)
    np.multiply(x, np.float32(1 / 12.92), out=y, where=x <= np.float32(0.04045))
    return y


def linear_to_srgb(linear: Array) -> Float32:
    """sRGB code of linear light, the inverse of `srgb_to_linear`: any shape, [0, 1], float32."""
    x = np.asarray(linear, np.float32)
    y = np.maximum(x, np.float32(0.0031308))
    np.power(y, np.float32(1 / 2.4), out=y)
    y *= np.float32(1.055)
    y -= np.float32(0.055)
    np.multiply(x, np.float32(12.92), out=y, where=x <= np.float32(0.0031308))
    return y


def decode(pixels: Array) -> Float32:
    """Linear light in [0, 1] of sRGB-coded pixels: uint8 and uint16 by table, floats in [0, 1] by formula.

    Raises:
        TypeError: pixels of another type.
    """
    if pixels.dtype in (np.uint8, np.uint16):
        return np.take(_linear_table(pixels.dtype.name), pixels)
    return srgb_to_linear(_floats(pixels))


def luminance(linear_hwc: Array) -> Float32:
    """Relative luminance Y in [0, 1] of linear RGB (h, w, 3), as float32 (h, w)."""
    return _transform(np.asarray(linear_hwc, np.float32), _LUMINANCE)


def gray_of(pixels: Any) -> Any:
    """The gray of a photograph: its luminance encoded with the sRGB curve, (h, w) in the type of `pixels`, array or `ByRows`.

    Gray pixels come back as they are; equal channels give that channel exactly.
    """
    if pixels.ndim == 2:
        return pixels
    if isinstance(pixels, ByRows):
        return pixels.then(lambda rows, _: gray_of(rows))
    # In blocks: the linear light of a large photograph would take many times its memory.
    return map_strips(_gray_of, pixels, max(1, _BLOCK_PX // max(1, pixels.shape[1])))


def _gray_of(pixels: Array) -> Array:
    return to_pixels(linear_to_srgb(luminance(decode(pixels))), pixels.dtype)


def as_rgb(pixels: Array) -> Array:
    """Gray (h, w) repeated in three channels, (h, w, 3) in the type of `pixels`; color comes back as it is."""
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def lightness_of(gray_hw: Array) -> Float32:
    """L* in [0, 100] of sRGB-coded gray, float32 of the same shape."""
    if gray_hw.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(gray_hw), _lightness_table("uint8")), np.float32).reshape(gray_hw.shape)
    if gray_hw.dtype == np.uint16:
        return np.take(_lightness_table("uint16"), gray_hw)
    return _lightness(srgb_to_linear(_floats(gray_hw)))


def rgb_to_lab(pixels: Array) -> Float32:
    """CIE L*a*b* (D65) of sRGB-coded pixels.

    Args:
        pixels: (h, w, 3) RGB or (h, w) gray; uint8, uint16, or floating point in [0, 1].

    Returns:
        float32 (h, w, 3): L* in [0, 100], a* and b* about [-110, 110].
    """
    if pixels.ndim == 2:
        lightness = lightness_of(pixels)
        return np.stack([lightness, np.zeros_like(lightness), np.zeros_like(lightness)], axis=-1)
    f = _f(_transform(decode(pixels), LINEAR_RGB_TO_RELATIVE_XYZ))
    lab = np.empty_like(f)
    np.multiply(f[..., 1], 116, out=lab[..., 0])
    lab[..., 0] -= 16
    np.subtract(f[..., 0], f[..., 1], out=lab[..., 1])
    lab[..., 1] *= 500
    np.subtract(f[..., 1], f[..., 2], out=lab[..., 2])
    lab[..., 2] *= 200
    return lab


def lab_to_rgb(lab_hwc: Array) -> Float32:
    """sRGB-coded color of CIE L*a*b* (D65), brought into the gamut by less chroma, not by clipped channels.

    A color outside keeps its L* and its hue angle and loses as much chroma as it must: bisection along the chroma
    brackets the gamut's border, and a blend in linear light across the bracket meets it, so that Y stays exact.
    L* outside [0, 100] is clipped.

    Args:
        lab_hwc: floating point (h, w, 3).

    Returns:
        float32 (h, w, 3) in [0, 1].
    """
    return map_strips(_lab_to_rgb, np.asarray(lab_hwc, np.float32), max(1, _BLOCK_PX // max(1, lab_hwc.shape[1])))


def lab_to_pixels(lightness_hw: Array, chroma_hwc: Array, dtype: DTypeLike) -> Array:
    """`to_pixels` of `lab_to_rgb`: L* (h, w) and a*, b* (h, w, 2) -> RGB (h, w, 3) of uint8 or uint16."""
    height, width = lightness_hw.shape
    pixels = np.empty((height, width, 3), dtype)
    for rows in row_slices(height, max(1, _BLOCK_PX // max(1, width))):
        linear = _linear_planes(np.asarray(lightness_hw[rows], np.float32), chroma_hwc[rows, :, 0], chroma_hwc[rows, :, 1])
        # Of 8 bits a table gives the code, true to .03 of one.
        codes = _code_of(linear) if pixels.dtype == np.uint8 else to_pixels(linear_to_srgb(linear), pixels.dtype)
        pixels[rows] = cv2.merge(list(codes))
    return pixels


def _code_of(linear: Float32) -> NDArray[np.uint8]:
    """8-bit sRGB code of linear light in [0, 1], which is overwritten."""
    linear *= np.float32(_LEVELS - 1)
    linear += np.float32(0.5)
    return np.take(_code_table(), linear.astype(np.uint16))


@cache
def _code_table() -> NDArray[np.uint8]:
    return to_pixels(linear_to_srgb(np.arange(_LEVELS) / (_LEVELS - 1)), np.uint8)


def to_pixels(float01: Array, dtype: DTypeLike) -> Array:
    """Values in [0, 1] (clipped to it) as pixels of `dtype`: rounded uint8 or uint16, or floats as they are."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.clip(float01, 0, 1).astype(kind, copy=False)
    if kind not in (np.uint8, np.uint16):
        raise TypeError(f"pixels are uint8, uint16 or floating point, not {kind}")
    scaled = np.clip(float01, 0, 1) * np.float32(np.iinfo(kind).max)
    return np.rint(scaled, out=scaled).astype(kind)


def float01(pixels: Array) -> Float32:
    """Pixels as float32 in [0, 1], still sRGB-coded; floats are taken as they are."""
    if pixels.dtype in (np.uint8, np.uint16):
        return np.multiply(pixels, np.float32(1 / np.iinfo(pixels.dtype).max), dtype=np.float32)
    return _floats(pixels).astype(np.float32, copy=False)


@cache
def _linear_table(dtype: str) -> Float32:
    top = int(np.iinfo(dtype).max)
    srgb = np.arange(top + 1) / top
    table = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    table.setflags(write=False)
    return table


@cache
def _lightness_table(dtype: str) -> Float32:
    table = _lightness(_linear_table(dtype))
    table.setflags(write=False)
    return table


def _lightness(y: Float32) -> Float32:
    return _f(y) * np.float32(116) - np.float32(16)


def _f(t: Float32) -> Float32:
    """The cube root of CIE 15 with its straight part near black."""
    f = np.cbrt(t)
    dark = t < np.float32(_DELTA**3)
    if dark.any():
        f[dark] = t[dark] * np.float32(1 / (3 * _DELTA**2)) + np.float32(4 / 29)
    return f


def _f_inverse(f: Float32) -> Float32:
    t = f * f
    t *= f
    if f.size and f.min() < np.float32(_DELTA):
        np.copyto(t, (f - np.float32(4 / 29)) * np.float32(3 * _DELTA**2), where=f < np.float32(_DELTA))
    return t


def _lab_to_rgb(lab: Float32) -> Float32:
    srgb = linear_to_srgb(_linear_planes(lab[..., 0], lab[..., 1], lab[..., 2]))
    return np.asarray(cv2.merge(list(np.clip(srgb, 0, 1, out=srgb))), np.float32)


def _linear_planes(lightness: Float32, a: Float32, b: Float32) -> Float32:
    """Linear RGB (3, h, w) in [0, 1]. Planes, because operations on interleaved colors take five times as long."""
    fy = np.clip(lightness, 0, 100)
    fy += np.float32(16)
    fy *= np.float32(1 / 116)
    a, b = a * np.float32(1 / 500), b * np.float32(1 / 200)
    linear = _linear_of(fy, a, b)
    low, high = _extremes(linear)
    outside = (low < 0) | (high > 1)
    if outside.any():
        linear[:, outside] = _in_gamut(fy[outside], a[outside], b[outside])
    return linear


def _linear_of(fy: Float32, a: Float32, b: Float32) -> Float32:
    """Linear RGB (3, ...), perhaps outside [0, 1], of f(Y), a*/500 and b*/200."""
    f = np.empty((3, *fy.shape), np.float32)
    np.add(fy, a, out=f[0])
    f[1] = fy
    np.subtract(fy, b, out=f[2])
    xyz = _f_inverse(f)
    term = np.empty_like(fy)
    for plane, (of_x, of_y, of_z) in zip(f, _INVERSE, strict=True):
        np.multiply(xyz[0], of_x, out=plane)
        plane += np.multiply(xyz[1], of_y, out=term)
        plane += np.multiply(xyz[2], of_z, out=term)
    return f


def _extremes(linear: Float32) -> tuple[Float32, Float32]:
    return linear.min(axis=0), linear.max(axis=0)


def _in_gamut(fy: Float32, a: Float32, b: Float32) -> Float32:
    """Linear RGB (3, n) in [0, 1] of colors outside: the same f(Y) and hue, less chroma."""
    inside = np.zeros_like(fy)
    beyond = np.ones_like(fy)
    half = np.float32(0.5)
    for _ in range(_GAMUT_STEPS):
        share: Float32 = (inside + beyond) * half
        low, high = _extremes(_linear_of(fy, a * share, b * share))
        fits = (low >= 0) & (high <= 1)
        inside = np.where(fits, share, inside)
        beyond = np.where(fits, beyond, share)
    # Colors on the border, outside by rounding only, stay: a ray through yellow leaves the gamut and returns to its edge.
    low, high = _extremes(_linear_of(fy, a, b))
    rounding = (low >= -_ROUNDING) & (high <= 1 + _ROUNDING)
    inside, beyond = np.where(rounding, np.float32(0), inside), np.where(rounding, np.float32(1), beyond)
    # The border lies between the two ends of the last step, all of one luminance: a straight blend of them meets it.
    start = np.clip(_linear_of(fy, a * inside, b * inside), 0, 1)
    way = _linear_of(fy, a * beyond, b * beyond) - start
    room = np.where(way < 0, start, 1 - start)
    share = np.min(room / np.maximum(np.abs(way), np.float32(1e-12)), axis=0)
    border: Float32 = np.clip(start + np.minimum(share, 1) * way, 0, 1)
    return border


def _transform(colors: Float32, matrix: Float32) -> Float32:
    """A matrix on each color (..., 3). OpenCV's, as a product by BLAS stalls when other threads keep the cores busy."""
    flat = np.ascontiguousarray(colors).reshape(1, -1, 3)
    shape = colors.shape if len(matrix) == 3 else colors.shape[:-1]
    return np.asarray(cv2.transform(flat, matrix), np.float32).reshape(shape)


def _floats(array: Array) -> Array:
    if array.dtype.kind != "f":
        raise TypeError(f"pixels are uint8, uint16 or floating point in [0, 1], not {array.dtype}")
    return array
