r"""Filtering a plane of log luminance :math:`z` in the frequency domain: the transfer function, and applying it.

A zero-phase isotropic filter with half-sample symmetric borders is diagonal in the DCT-II basis, so `apply_exactly` needs no
padding where both sides are even. Odd sides, double precision (HF_BACKEND=rfft) and borders that wrap around (HF_BORDER=none)
take a real FFT. Wide Gaussians are computed on a reduced plane (HF_BACKEND=pyramid). All frequencies are in cycles per pixel.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import area, linear_enlarge
from dancheong.params import Params
from dancheong.system.arrays import Float32

Floats = NDArray[np.floating]
Weigh = Callable[[Any, Floats, Floats], Any]  # of a spectrum and its frequencies

# Standard deviation of the blur on the reduced plane: linear interpolation back then errs by about curvature / 16 of it.
REDUCED_SIGMA_PX = 20.0


def transfer(frequency_squared: Floats, f0: float, params: Params) -> Floats:
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
    result: Floats = gain.astype(frequency_squared.dtype, copy=False)
    return result


def choose_backend(height: int, width: int, params: Params) -> str:
    """The backend that will run: `dct`, `rfft` or `pyramid`.

    Raises:
        ValueError: the chosen backend cannot compute the chosen filter.
    """
    chosen = params.hf_backend
    if params.hf_border == "none" and chosen in ("dct", "pyramid"):
        raise ValueError(f"HF_BACKEND {chosen} mirrors at the border; set HF_BORDER=symmetric, or HF_BACKEND=rfft")
    if params.hf_transfer == "butterworth" and chosen == "pyramid":
        raise ValueError("HF_BACKEND pyramid blurs with Gaussians only; set HF_TRANSFER gaussian or dog, or HF_BACKEND=dct")
    if chosen != "auto":
        return chosen
    if params.hf_border == "none":
        return "rfft"
    is_wide = params.hf_transfer == "gaussian" and gaussian_sigma_px(height, width, params) >= 2 * REDUCED_SIGMA_PX
    return "pyramid" if is_wide else "dct"


def log_filter(z_hw: Floats, params: Params) -> Floats:
    """Filter a plane of log luminance.

    Args:
        z_hw: finite, any size.

    Returns:
        The filtered plane, float32 (float64 with `rfft`), the same size.

    Raises:
        ValueError: a backend that cannot compute the filter.
    """
    height, width = z_hw.shape
    chosen = choose_backend(height, width, params)
    if chosen == "pyramid":
        return _by_gaussians(np.ascontiguousarray(z_hw, np.float32), params)

    z: Floats = z_hw.astype(np.float64) if chosen == "rfft" else np.ascontiguousarray(z_hw, np.float32)

    def weigh(spectrum: Any, rows: Floats, columns: Floats) -> Any:
        frequency_squared = rows.astype(z.dtype) ** 2 + columns.astype(z.dtype) ** 2
        return spectrum * transfer(frequency_squared, _cutoff(height, width, params), params)

    if chosen == "rfft":
        return apply_exactly(z, weigh, params.hf_border == "symmetric")
    # Without its mean the plane keeps two more digits in float32.
    mean = np.float32(z.mean(dtype=np.float64))
    gain_of_mean = transfer(np.zeros(1, np.float32), _cutoff(height, width, params), params)[0]
    return np.asarray(apply_exactly(z - mean, weigh) + mean * gain_of_mean, np.float32)


def apply_exactly(plane_hw: Floats, weigh: Weigh, is_mirrored: bool = True) -> Floats:
    """Transform a plane, weigh its spectrum, and transform it back.

    Args:
        plane_hw: float32 or float64.
        weigh: takes the spectrum and its frequencies, down the columns (h', 1) and along the rows (1, w'), float64.
        is_mirrored: symmetric borders; False: they wrap around.

    Returns:
        The plane, same size and type.
    """
    height, width = plane_hw.shape
    if is_mirrored and plane_hw.dtype == np.float32 and height % 2 == width % 2 == 0:
        rows, columns = (np.arange(count) / (2 * count) for count in plane_hw.shape)
        spectrum = weigh(np.asarray(cv2.dct(plane_hw)), rows[:, None], columns[None, :])
        return np.asarray(cv2.idct(np.ascontiguousarray(spectrum, np.float32)), np.float32)
    whole = np.pad(plane_hw, ((0, height), (0, width)), mode="symmetric") if is_mirrored else plane_hw
    rows, columns = np.fft.fftfreq(whole.shape[0])[:, None], np.fft.rfftfreq(whole.shape[1])[None, :]
    spectrum = weigh(np.fft.rfft2(whole), rows, columns)
    filtered: Floats = np.fft.irfft2(spectrum, s=whole.shape)[:height, :width]
    return filtered.astype(plane_hw.dtype, copy=False)


def gaussian_sigma_px(height: int, width: int, params: Params) -> float:
    r"""Spatial standard deviation :math:`\sigma = 1 / (2 \pi f_0)` of the Gaussian at the cutoff."""
    return float(1 / (2 * np.pi * _cutoff(height, width, params)))


def reduced_shape(height: int, width: int, sigma_px: float) -> tuple[int, int]:
    """The size at which a blur of `sigma_px` has `REDUCED_SIGMA_PX`; never larger than the plane."""
    factor = sigma_px / REDUCED_SIGMA_PX
    if factor <= 1:
        return height, width
    # Even, where OpenCV transforms.
    rows, columns = (max(2, 2 * round(side / factor / 2)) for side in (height, width))
    return min(rows, height), min(columns, width)


def blur_reduced(small_hw: Float32, height: int, width: int, sigma_px: float) -> Float32:
    """Gaussian blur of a (height, width) plane from its area-averaged reduction, left at the reduced size.

    The averaging and the linear interpolation back each widen the kernel a little; the blur is narrowed by as much.
    """
    steps_px = height / small_hw.shape[0], width / small_hw.shape[1]

    def weigh(spectrum: Any, rows: Floats, columns: Floats) -> Any:
        for frequency, step_px in zip((rows, columns), steps_px, strict=True):
            variance = (sigma_px / step_px) ** 2
            if step_px > 1:
                # Box of one step: 1/12; tent of linear interpolation: 1/6.
                variance = max(variance - 1 / 12 - 1 / 6, 0.0)
            spectrum = spectrum * np.exp(-2 * np.pi**2 * variance * frequency**2).astype(np.float32)
        return spectrum

    return np.asarray(apply_exactly(small_hw, weigh), np.float32)


def _by_gaussians(z: Float32, params: Params) -> Float32:
    low, high = params.hf_gamma_low, params.hf_gamma_high
    height, width = z.shape
    sigma_px = gaussian_sigma_px(height, width, params)

    def blur(sigma_px: float) -> Float32:
        small = area(z, reduced_shape(height, width, sigma_px))
        return linear_enlarge(blur_reduced(small, height, width, sigma_px), (height, width))

    fine = z if params.hf_transfer == "gaussian" else blur(sigma_px / params.hf_dog_ratio)
    filtered = np.asarray(np.float32(low) * z + np.float32(high - low) * (fine - blur(sigma_px)), np.float32)
    if params.hf_dc_keep:
        filtered += np.float32((1 - low) * z.mean(dtype=np.float64))
    return filtered


def _cutoff(height: int, width: int, params: Params) -> float:
    """HF_CUTOFF in cycles per pixel."""
    return params.hf_cutoff / max(height, width)
