r"""The homomorphic filter (Oppenheim, Schafer, Stockham 1968; Stockham 1972) of a whole picture.

.. math:: z = \ln(Y + \epsilon), \quad z' = \mathrm{IDCT}(H Z), \quad g = \min(e^{z' - z}, g_{max}), \quad l' = g\,l

with linear light :math:`l`, its luminance :math:`Y` (Rec. 709) and a high-pass :math:`H` of `dancheong.glare.transfer`.
One gain for the three channels keeps their ratios. docs/glare.md has the derivation.
"""

from functools import lru_cache

import cv2
import numpy as np

from dancheong.glare.light import area, desaturate, luminance_of, multiply
from dancheong.glare.transfer import blur_reduced, choose_backend, gaussian_sigma_px, log_filter, reduced_shape
from dancheong.imaging.color import decode, float01, lightness_of, linear_to_srgb, luminance, to_pixels
from dancheong.imaging.tiling import for_each_strip
from dancheong.params import Params
from dancheong.system.arrays import Float32, Pixels

STRIP_PIXELS = 1 << 16
THREADS = 2
_TOE, _ROOT = 0.0031308, np.float32(2.4)  # linear light where the straight part of the sRGB curve ends; its power above


def homomorphic(pixels: Pixels, params: Params) -> Pixels:
    """Filter the light of a whole picture as the HF rows say.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded, which is not checked here.

    Returns:
        The picture, same shape and type. With HF_STRENGTH 0, or HF_GAMMA_LOW = HF_GAMMA_HIGH = 1, the same bytes.

    Raises:
        ValueError: an HF_BACKEND that cannot compute the filter.
    """
    # Strength 0, or gains of 1 for light and detail, change nothing.
    if params.hf_strength == 0 or params.hf_gamma_low == params.hf_gamma_high == 1:
        return pixels.copy()
    if fits_reduced_blur(pixels, params):
        return filter_by_reduced_blur(pixels, params)
    keeps_srgb = params.hf_space == "coded" and params.hf_channel != "lstar"
    values = float01(pixels) if keeps_srgb else decode(pixels)
    if params.hf_channel == "rgb" and values.ndim == 3:
        # Each channel for itself, clipped for itself: what the usual public recipe does to colors.
        planes = [np.clip(plane * plane_gain(plane, params), 0, 1) for plane in np.moveaxis(values, -1, 0)]
        filtered = np.stack(planes, axis=-1)
    else:
        luma = luminance_of(values)
        filtered = multiply(values, _gain(values, luma, params), luma)
    return to_pixels(filtered if keeps_srgb else linear_to_srgb(filtered), pixels.dtype)


def plane_gain(plane_hw: Float32, params: Params) -> Float32:
    """The factor for each pixel of a plane in [0, 1], after HF_MAX_GAIN, HF_STRENGTH and HF_RENORM."""
    z = np.log(plane_hw + np.float32(params.hf_epsilon))
    change = np.minimum(log_filter(z, params).astype(np.float32, copy=False) - z, np.float32(np.log(params.hf_max_gain)))
    change *= np.float32(params.hf_strength)
    if params.hf_renorm == "geomean":
        change -= np.float32(change.mean(dtype=np.float64))
    gain = np.asarray(np.exp(change), np.float32)
    if params.hf_renorm == "minmax":
        return _stretch(plane_hw, gain)
    before, after = _level(plane_hw, params.hf_renorm), _level(plane_hw * gain, params.hf_renorm)
    return np.asarray(gain * np.float32(before / after), np.float32) if after > 0 else gain


def _gain(values: Float32, luma: Float32, params: Params) -> Float32:
    if params.hf_channel == "value":
        return plane_gain(values.max(axis=-1) if values.ndim == 3 else values, params)
    if params.hf_channel != "lstar":
        return plane_gain(luma, params)
    lightness = lightness_of(np.clip(linear_to_srgb(luma), 0, 1)) / np.float32(100)
    filtered = lightness * plane_gain(lightness, params)
    # The filtered lightness as luminance, so that one gain serves the three channels here too.
    gain = _luminance_of_lightness(filtered) / np.maximum(luma, np.float32(1e-9))
    return np.asarray(gain, np.float32)


def _luminance_of_lightness(lightness01: Float32) -> Float32:
    f = (lightness01 * np.float32(100) + np.float32(16)) / np.float32(116)
    return np.where(f > 6 / 29, f**3, (f - np.float32(4 / 29)) * np.float32(3 * (6 / 29) ** 2)).astype(np.float32)


def _level(plane: Float32, kind: str) -> float:
    if kind == "mean":
        return float(plane.mean(dtype=np.float64))
    if kind == "geomean":
        return 1.0
    return float(np.percentile(plane, {"p50": 50, "p99": 99}[kind]))


def _stretch(plane: Float32, gain: Float32) -> Float32:
    filtered = plane * gain
    low, high = filtered.min(), filtered.max()
    if high - low < 1e-6:
        return np.ones_like(plane)
    return np.asarray((filtered - low) / ((high - low) * np.maximum(plane, np.float32(1e-9))), np.float32)


def fits_reduced_blur(pixels: Pixels, params: Params) -> bool:
    """Whether `filter_by_reduced_blur` computes what the parameters ask for."""
    plain = (
        params.hf_channel == "luma"
        and params.hf_space == "linear"
        and params.hf_transfer == "gaussian"
        and params.hf_gamma_high == 1
        and params.hf_renorm == "geomean"
    )
    return plain and choose_backend(pixels.shape[0], pixels.shape[1], params) == "pyramid"


def filter_by_reduced_blur(pixels: Pixels, params: Params) -> Pixels:
    r"""`homomorphic` where `fits_reduced_blur`, at speed: the same picture to one code.

    There :math:`z' - z = -(1 - \gamma_L)\,(\mathrm{blur}(z) - \mathrm{mean}(z))`: the gain is as smooth as the blur, so only
    a small plane is filtered. Strips keep the arrays in the cache and two threads busy.
    """
    height, width = pixels.shape[:2]
    strip_rows = max(1, STRIP_PIXELS // width)
    z = np.empty((height, width), np.float32)
    epsilon = np.float32(params.hf_epsilon)
    for_each_strip(lambda rows: _log_luminance(pixels[rows], epsilon, z[rows]), height, strip_rows, THREADS)
    sigma_px = gaussian_sigma_px(height, width, params)
    small = area(z, reduced_shape(height, width, sigma_px))
    kept = small.mean(dtype=np.float64) if params.hf_dc_keep else 0.0
    change = np.float32(params.hf_gamma_low - 1) * (blur_reduced(small, height, width, sigma_px) - np.float32(kept))
    change = np.minimum(change, np.float32(np.log(params.hf_max_gain))) * np.float32(params.hf_strength)
    change -= np.float32(change.mean(dtype=np.float64))
    # The plane of log luminance has done its work; its memory takes the gain.
    root_gain = np.asarray(cv2.resize(np.exp(change / _ROOT), (width, height), dst=z), np.float32)
    out = np.empty_like(pixels)
    for_each_strip(lambda rows: _multiply(pixels[rows], root_gain[rows], out[rows]), height, strip_rows, THREADS)
    return out


def _log_luminance(strip: Pixels, epsilon: np.float32, out: Float32) -> None:
    light = luminance_of(decode(strip))
    cv2.log(light + epsilon, dst=out)


def _multiply(strip: Pixels, root_gain: Float32, out: Pixels) -> None:
    """Write the pixels of `gain * linear`, where `root_gain` is the gain to the power 1/2.4.

    The roots of light are taken from a table, and above its straight part the sRGB curve is linear in them.
    """
    root = np.take(_roots(strip.dtype.name), strip)
    root *= root_gain[..., None] if strip.ndim == 3 else root_gain
    srgb = root * np.float32(1.055) - np.float32(0.055)
    dark = np.flatnonzero(root.ravel() < np.float32(_TOE) ** (1 / _ROOT))
    srgb.reshape(-1)[dark] = np.float32(12.92) * root.ravel()[dark] ** _ROOT
    if strip.ndim == 3 and root.max() > 1:
        over = np.unique(np.flatnonzero(root.ravel() > 1) // 3)
        light = root.reshape(-1, 3)[over] ** _ROOT
        srgb.reshape(-1, 3)[over] = linear_to_srgb(desaturate(light, luminance(light)))
    out[:] = to_pixels(srgb, strip.dtype)


@lru_cache(maxsize=2)
def _roots(dtype: str) -> Float32:
    """Linear light to the power 1/2.4, of every code."""
    return np.asarray(decode(np.arange(np.iinfo(dtype).max + 1, dtype=dtype)) ** (1 / _ROOT), np.float32)
