r"""The homomorphic filter (Oppenheim, Schafer, Stockham 1968; Stockham 1972) of a whole picture.

.. math:: z = \ln(Y + \epsilon), \quad z' = \mathrm{IDCT}(H Z), \quad g = \min(e^{z' - z}, g_{max}), \quad l' = g\,l

with linear light :math:`l`, its luminance :math:`Y` (Rec. 709) and a high-pass :math:`H` of `dancheong.glare.transfer`.
One gain for the three channels keeps their ratios. docs/glare.md has the derivation.
"""

import numpy as np

from dancheong.glare.fast import filter_by_reduced_blur, fits_reduced_blur
from dancheong.glare.light import Float32, Pixels, check_pixels, luminance_of, multiply
from dancheong.glare.transfer import log_filter
from dancheong.imaging.color import decode, float01, lightness_of, linear_to_srgb, to_pixels
from dancheong.params import Params

__all__ = ["homomorphic", "is_identity", "log_filter"]


def homomorphic(pixels: Pixels, params: Params) -> Pixels:
    """Filter the light of a whole picture as the HF rows say.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded.

    Returns:
        The picture, same shape and type. With HF_STRENGTH 0, or HF_GAMMA_LOW = HF_GAMMA_HIGH = 1, the same bytes.

    Raises:
        ValueError: other pixels, or an HF_BACKEND that cannot compute the filter.
    """
    check_pixels(pixels)
    if is_identity(params):
        return pixels.copy()
    if fits_reduced_blur(pixels, params):
        return filter_by_reduced_blur(pixels, params)
    coded = params.hf_space == "coded" and params.hf_channel != "lstar"
    light = float01(pixels) if coded else decode(pixels)
    if params.hf_channel == "rgb" and light.ndim == 3:
        # Each channel for itself, clipped for itself: what the usual public recipe does to colors.
        planes = [np.clip(plane * plane_gain(plane, params), 0, 1) for plane in np.moveaxis(light, -1, 0)]
        filtered = np.stack(planes, axis=-1)
    else:
        luma = luminance_of(light)
        filtered = multiply(light, _gain(pixels, light, luma, params), luma)
    return to_pixels(filtered if coded else linear_to_srgb(filtered), pixels.dtype)


def is_identity(params: Params) -> bool:
    """Whether the filter changes nothing: strength 0, or gains of 1 for light and detail."""
    return params.hf_strength == 0 or params.hf_gamma_low == params.hf_gamma_high == 1


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


def _gain(pixels: Pixels, light: Float32, luma: Float32, params: Params) -> Float32:
    if params.hf_channel == "value":
        return plane_gain(light.max(axis=-1) if light.ndim == 3 else light, params)
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
