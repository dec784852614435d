r"""The homomorphic filter of whole photographs at speed: Gaussian, luminance, linear light, :math:`\gamma_H = 1`.

There :math:`z' - z = -(1 - \gamma_L)\,(\mathrm{blur}(z) - \mathrm{mean}(z))`: the gain is as smooth as the blur, so only a
small plane is filtered. The gain is then applied to the coded values: above the straight part of the sRGB curve
:math:`s = 1.055\,l^{1/2.4} - .055`, so :math:`g\,l` is coded :math:`a (s + .055) - .055` with :math:`a = g^{1/2.4}`. Strips
keep the arrays in the cache and two threads busy.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from dancheong.glare.light import Float32, Pixels, area, desaturate
from dancheong.glare.transfer import blur_reduced, choose_backend, gaussian_sigma_px, reduced_shape
from dancheong.imaging.color import decode, linear_to_srgb, luminance
from dancheong.params import Params

STRIP_PIXELS = 1 << 16
THREADS = 2
_TOE = 0.0031308  # linear light where the straight part of the sRGB curve ends


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
    """`homomorphic` where `fits_reduced_blur`: the same picture to one code."""
    height, width = pixels.shape[:2]
    z = np.empty((height, width), np.float32)
    epsilon = np.float32(params.hf_epsilon)
    in_strips(height, width, lambda rows: _log_light(pixels[rows], epsilon, z[rows]))
    sigma_px = gaussian_sigma_px(height, width, params)
    rows, columns = reduced_shape(height, width, sigma_px)
    small = area(z, (rows, columns))
    blurred = blur_reduced(small, height, width, sigma_px)
    kept = small.mean(dtype=np.float64) if params.hf_dc_keep else 0.0
    change = np.float32(params.hf_gamma_low - 1) * (blurred - np.float32(kept))
    change = np.minimum(change, np.float32(np.log(params.hf_max_gain))) * np.float32(params.hf_strength)
    change -= np.float32(change.mean(dtype=np.float64))
    # The plane of log light has done its work; its memory takes the gain.
    small_gain = np.exp(change / np.float32(2.4))
    coded_gain = np.asarray(cv2.resize(small_gain, (width, height), dst=z, interpolation=cv2.INTER_LINEAR), np.float32)
    out = np.empty_like(pixels)
    in_strips(height, width, lambda rows: _apply(pixels[rows], coded_gain[rows], out[rows]))
    return out


def in_strips(height: int, width: int, work: Callable[[slice], None]) -> None:
    """Call `work` on slices of rows that cover `height`, on two threads; an exception in one is raised here."""
    step = max(1, STRIP_PIXELS // max(width, 1))
    slices = [slice(start, min(start + step, height)) for start in range(0, height, step)]
    if len(slices) == 1:
        work(slices[0])
        return
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, slices))


def _log_light(strip: Pixels, epsilon: np.float32, out: Float32) -> None:
    if strip.dtype == np.uint8 and strip.ndim == 3:
        weighted = cv2.LUT(np.ascontiguousarray(strip), _weighted_table())
        light = np.asarray(cv2.transform(weighted, np.ones((1, 3), np.float32)), np.float32).reshape(out.shape)
    else:
        light = luminance(decode(strip)) if strip.ndim == 3 else decode(strip)
    light += epsilon
    cv2.log(light, dst=out)


def _apply(strip: Pixels, coded_gain: Float32, out: Pixels) -> None:
    """Code of `gain * light`, where `coded_gain` is the gain to the power 1/2.4."""
    peak = float(np.iinfo(strip.dtype).max)
    offset = np.float32(0.055 * peak)
    gain = np.asarray(cv2.merge([coded_gain] * 3), np.float32) if strip.ndim == 3 else coded_gain
    values = strip.astype(np.float32)
    values += offset
    values *= gain
    values -= offset
    least, most = float(coded_gain.min()) ** 2.4, float(coded_gain.max()) ** 2.4
    _mend_dark(strip, gain, values, least)
    if strip.ndim == 3 and most > 1:
        _mend_bright(strip, coded_gain, values)
    # Half a code more and the cut of the cast round to the nearest.
    np.clip(values, 0, peak, out=values)
    np.rint(values, out=values)
    np.copyto(out, values, casting="unsafe")


def _mend_dark(strip: Pixels, gain: Float32, values: Float32, least: float) -> None:
    """Where the light or its result lies on the straight part of the sRGB curve."""
    peak = np.iinfo(strip.dtype).max
    highest = int(np.ceil(float(linear_to_srgb(np.array([_TOE / min(least, 1.0)]))[0]) * peak))
    dark = np.flatnonzero(strip.ravel() <= highest) if strip.min() <= highest else ()
    if len(dark):
        light = decode(strip.ravel()[dark]) * gain.ravel()[dark] ** np.float32(2.4)
        values.reshape(-1)[dark] = linear_to_srgb(light) * np.float32(peak)


def _mend_bright(strip: Pixels, coded_gain: Float32, values: Float32) -> None:
    peak = np.iinfo(strip.dtype).max
    over = np.flatnonzero(values.ravel() > peak + 0.25)
    if not len(over):
        return
    pixel = np.unique(over // 3)
    light = decode(strip.reshape(-1, 3)[pixel]) * coded_gain.ravel()[pixel, None] ** np.float32(2.4)
    fitted = desaturate(light, luminance(light))
    values.reshape(-1, 3)[pixel] = linear_to_srgb(fitted) * np.float32(peak)


@lru_cache(maxsize=1)
def _weighted_table() -> Any:
    """Luminance of each channel alone, for cv2.LUT: (256, 1, 3)."""
    table = decode(np.arange(256, dtype=np.uint8))
    weights = luminance(np.eye(3, dtype=np.float32)[None])[0]
    return np.ascontiguousarray((table[:, None] * weights[None, :])[:, None, :])
