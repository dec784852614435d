r"""Filtering a log-light plane :math:`z` in the frequency domain: transfer functions and three ways to apply them.

A zero-phase isotropic filter with half-sample symmetric borders is diagonal in the DCT-II basis, so `dct` is exact without
padding. `rfft` does the same on the mirrored plane in double precision (the oracle, and the only way to wrap around).
`pyramid` computes Gaussians on a reduced plane. All frequencies are in cycles per pixel.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import area, linear_enlarge
from dancheong.params import Params

Plane = NDArray[np.float32]

# Standard deviation of the blur on the reduced plane: linear interpolation back then errs by about curvature / 16 of it.
REDUCED_SIGMA_PX = 20.0


def cutoff_frequency(height: int, width: int, params: Params) -> float:
    """HF_CUTOFF in cycles per pixel."""
    return params.hf_cutoff / max(height, width)


def transfer(frequency_squared: NDArray[np.floating], f0: float, params: Params) -> NDArray[np.floating]:
    r"""The gain :math:`H(f) = \gamma_L + (\gamma_H - \gamma_L) H_{hp}(f)`, with :math:`H(0) = 1` where HF_DC_KEEP.

    Args:
        frequency_squared: :math:`f^2` in (cycles/pixel)^2, any shape; 0 marks the constant.
        f0: cutoff in cycles/pixel.
    """
    ratio = frequency_squared / (f0 * f0)
    if params.hf_transfer == "gaussian":
        highpass = -np.expm1(-ratio / 2)
    elif params.hf_transfer == "butterworth":
        power = ratio**params.hf_order
        highpass = power / (1 + power)
    else:
        highpass = np.exp(-ratio / (2 * params.hf_dog_ratio**2)) - np.exp(-ratio / 2)
    gain = params.hf_gamma_low + (params.hf_gamma_high - params.hf_gamma_low) * highpass
    if params.hf_dc_keep:
        gain = np.where(frequency_squared == 0, 1.0, gain)
    result: NDArray[np.floating] = gain.astype(frequency_squared.dtype, copy=False)
    return result


def choose_backend(height: int, width: int, params: Params, backend: str | None = None) -> str:
    """The backend that will run: `dct`, `rfft` or `pyramid`.

    Raises:
        ValueError: the chosen backend cannot compute the chosen filter.
    """
    chosen = backend or params.hf_backend
    if chosen not in ("auto", "dct", "rfft", "pyramid"):
        raise ValueError(f"backend {chosen!r} does not exist; auto, dct, rfft or pyramid was expected")
    if params.hf_border == "none" and chosen in ("dct", "pyramid"):
        raise ValueError(f"HF_BACKEND {chosen} mirrors at the border; set HF_BORDER=symmetric, or HF_BACKEND=rfft")
    if params.hf_transfer == "butterworth" and chosen == "pyramid":
        raise ValueError("HF_BACKEND pyramid blurs with Gaussians only; set HF_TRANSFER gaussian or dog, or HF_BACKEND=dct")
    if chosen != "auto":
        return chosen
    if params.hf_border == "none":
        return "rfft"
    small = params.hf_transfer == "gaussian" and gaussian_sigma_px(height, width, params) >= 2 * REDUCED_SIGMA_PX
    return "pyramid" if small else "dct"


def log_filter(z_hw: NDArray[np.floating], params: Params, backend: str | None = None) -> NDArray[np.floating]:
    """Filter a plane of log light.

    Args:
        z_hw: finite log light, any size.
        backend: overrides HF_BACKEND.

    Returns:
        The filtered plane, float32 (float64 with `rfft`), the same size.

    Raises:
        ValueError: not a plane, not finite, or a backend that cannot compute the filter.
    """
    if z_hw.ndim != 2 or z_hw.size == 0:
        raise ValueError(f"a plane (h, w) of log light was expected, not an array of shape {z_hw.shape}")
    if not np.isfinite(z_hw).all():
        raise ValueError("the log light holds NaN or infinite values; add HF_EPSILON before the logarithm")
    height, width = z_hw.shape
    chosen = choose_backend(height, width, params, backend)
    if chosen == "rfft":
        return _by_rfft(z_hw, params)
    z = np.ascontiguousarray(z_hw, dtype=np.float32)
    if chosen == "pyramid":
        return _by_pyramid(z, params)
    # Without its mean the plane keeps two more digits in float32.
    mean = np.float32(z.mean(dtype=np.float64))
    gain = transfer(_dct_frequencies(height, width), cutoff_frequency(height, width, params), params)
    return np.asarray(idct2(dct2(z - mean) * gain) + mean * gain[0, 0], np.float32)


def gaussian_sigma_px(height: int, width: int, params: Params) -> float:
    r"""Spatial standard deviation :math:`\sigma = 1 / (2 \pi f_0)` of the Gaussian at the cutoff."""
    return float(1 / (2 * np.pi * cutoff_frequency(height, width, params)))


def reduced_shape(height: int, width: int, sigma_px: float) -> tuple[int, int]:
    """The size at which a blur of `sigma_px` has `REDUCED_SIGMA_PX`; never larger than the plane."""
    factor = sigma_px / REDUCED_SIGMA_PX
    if factor <= 1:
        return height, width
    # Even, where OpenCV transforms faster.
    rows, columns = (max(2, 2 * round(side / factor / 2)) for side in (height, width))
    return min(rows, height), min(columns, width)


def blur_reduced(small_hw: Plane, height: int, width: int, sigma_px: float) -> Plane:
    """Gaussian blur of a (height, width) plane from its area-averaged reduction, left at the reduced size.

    The averaging and the linear interpolation back each widen the kernel a little; the blur is narrowed by as much.
    """
    rows, columns = small_hw.shape
    across = _blur_gain(rows, height / rows, sigma_px)
    along = _blur_gain(columns, width / columns, sigma_px)
    return idct2(dct2(small_hw) * across[:, None] * along[None, :])


def blur(z_hw: Plane, sigma_px: float) -> Plane:
    """Gaussian blur with symmetric borders, on a reduced plane where `sigma_px` is large."""
    height, width = z_hw.shape
    small = area(z_hw, reduced_shape(height, width, sigma_px))
    return linear_enlarge(blur_reduced(small, height, width, sigma_px), (height, width))


def _blur_gain(count: int, step_px: float, sigma_px: float) -> Plane:
    variance = (sigma_px / step_px) ** 2
    if step_px > 1:
        # Box of one step: 1/12; tent of linear interpolation: 1/6.
        variance = max(variance - 1 / 12 - 1 / 6, 0.0)
    frequency = np.arange(count) / (2 * count)
    return np.asarray(np.exp(-2 * np.pi**2 * variance * frequency**2), np.float32)


def _by_pyramid(z: Plane, params: Params) -> Plane:
    height, width = z.shape
    low, high = params.hf_gamma_low, params.hf_gamma_high
    sigma_px = gaussian_sigma_px(height, width, params)
    fine = z if params.hf_transfer == "gaussian" else blur(z, sigma_px / params.hf_dog_ratio)
    filtered = np.asarray(np.float32(low) * z + np.float32(high - low) * (fine - blur(z, sigma_px)), np.float32)
    if params.hf_dc_keep:
        filtered += np.float32((1 - low) * z.mean(dtype=np.float64))
    return filtered


def _by_rfft(z_hw: NDArray[np.floating], params: Params) -> NDArray[np.float64]:
    z = z_hw.astype(np.float64)
    height, width = z.shape
    if params.hf_border == "symmetric":
        z = np.pad(z, ((0, height), (0, width)), mode="symmetric")
    squared = np.fft.fftfreq(z.shape[0])[:, None] ** 2 + np.fft.rfftfreq(z.shape[1])[None, :] ** 2
    gain = transfer(squared, cutoff_frequency(height, width, params), params)
    filtered: NDArray[np.float64] = np.fft.irfft2(np.fft.rfft2(z) * gain, s=z.shape)
    return filtered[:height, :width]


def _dct_frequencies(height: int, width: int) -> Plane:
    rows = np.arange(height, dtype=np.float32) / (2 * height)
    columns = np.arange(width, dtype=np.float32) / (2 * width)
    return np.asarray(rows[:, None] ** 2 + columns[None, :] ** 2, np.float32)


def dct2(plane_hw: Plane) -> Plane:
    """Orthonormal two-dimensional DCT-II of any size."""
    if plane_hw.shape[0] % 2 == 0 and plane_hw.shape[1] % 2 == 0:
        return np.asarray(cv2.dct(plane_hw), np.float32)
    return _dct_rows(_dct_rows(plane_hw).T).T


def idct2(spectrum_hw: Plane) -> Plane:
    """Inverse of `dct2`."""
    if spectrum_hw.shape[0] % 2 == 0 and spectrum_hw.shape[1] % 2 == 0:
        return np.asarray(cv2.idct(np.ascontiguousarray(spectrum_hw)), np.float32)
    return _idct_rows(_idct_rows(spectrum_hw).T).T


# OpenCV transforms even sizes only. Odd ones: one real FFT of the same length per row (Makhoul 1980).


def _dct_rows(plane: Plane) -> Plane:
    count = plane.shape[1]
    reordered = np.concatenate([plane[:, ::2], plane[:, 1::2][:, ::-1]], axis=1)
    spectrum = np.fft.rfft(reordered, axis=1) * _twiddle(count)
    result = np.empty(plane.shape, np.float32)
    half = spectrum.shape[1]
    result[:, :half] = spectrum.real
    # X[N - k] = -Im(...)
    result[:, half:] = -spectrum.imag[:, 1 : count - half + 1][:, ::-1]
    result *= _scale(count)
    return result


def _idct_rows(spectrum: Plane) -> Plane:
    count = spectrum.shape[1]
    unscaled = spectrum / _scale(count)
    half = count // 2 + 1
    mirrored = np.zeros((spectrum.shape[0], half), np.float32)
    mirrored[:, 1:] = unscaled[:, ::-1][:, : half - 1]
    reordered = np.fft.irfft((unscaled[:, :half] - 1j * mirrored) / _twiddle(count), n=count, axis=1)
    result = np.empty(spectrum.shape, np.float32)
    result[:, ::2] = reordered[:, : (count + 1) // 2]
    result[:, 1::2] = reordered[:, (count + 1) // 2 :][:, ::-1]
    return result


@lru_cache(maxsize=8)
def _twiddle(count: int) -> NDArray[np.complex64]:
    twiddle: NDArray[np.complex64] = np.exp(-1j * np.pi * np.arange(count // 2 + 1) / (2 * count)).astype(np.complex64)
    return twiddle


@lru_cache(maxsize=8)
def _scale(count: int) -> Plane:
    scale = np.full(count, np.sqrt(2 / count), np.float32)
    scale[0] = np.sqrt(1 / count)
    return scale
