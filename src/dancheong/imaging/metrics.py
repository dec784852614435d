"""Scores of one photograph against another, and of one alone.

Photographs are (h, w) gray or (h, w, 3) RGB, sRGB-coded, uint8, uint16 or floating point in [0, 1].
"""


import cv2
import numpy as np

from dancheong.imaging.color import float01, rgb_to_lab
from dancheong.imaging.tiling import row_slices
from dancheong.system.arrays import Array

_STRIP_PX = 128
_SSIM_RADIUS_PX = 5  # 3.5 sigma of 1.5 px, rounded
_SSIM_SIGMA_PX = 1.5


def psnr(a: Array, b: Array) -> float:
    """Peak signal-to-noise ratio in dB of coded values, peak 1; infinite for equal photographs."""
    _expect_same_shape(a, b)
    error = 0.0
    for rows in row_slices(a.shape[0], _STRIP_PX):
        error += float(np.sum(np.square(float01(a[rows]) - float01(b[rows]), dtype=np.float64)))
    return float("inf") if error == 0 else float(10 * np.log10(a.size / error))


def ssim(a: Array, b: Array) -> float:
    """Structural similarity, mean over pixels and channels (Wang et al. 2004: Gaussian of 1.5 px, K1 .01, K2 .03).

    As scikit-image with `gaussian_weights=True, use_sample_covariance=False`: a border of 5 px is left out of the mean.
    A side of 10 px or less has no such border, there every pixel counts.
    """
    _expect_same_shape(a, b)
    channels = 1 if a.ndim == 2 else a.shape[2]
    x, y = (float01(pixels).reshape(*a.shape[:2], channels) for pixels in (a, b))
    return float(np.mean([_ssim_of_plane(x[..., channel], y[..., channel]) for channel in range(channels)]))


def mean_delta_e_2000(pixels_a: Array, pixels_b: Array) -> float:
    """Mean CIEDE2000 difference of two photographs of the same size; gray and color may be mixed."""
    _expect_photos(pixels_a, pixels_b)
    if pixels_a.shape[:2] != pixels_b.shape[:2]:
        raise ValueError(f"expected two photographs of the same shape (h, w), got {pixels_a.shape} and {pixels_b.shape}")
    height, width = pixels_a.shape[:2]
    total = sum(
        float(np.sum(delta_e_2000(rgb_to_lab(pixels_a[rows]), rgb_to_lab(pixels_b[rows])), dtype=np.float64))
        for rows in row_slices(height, _STRIP_PX)
    )
    return total / float(height * width)


def colorfulness(pixels: Array) -> float:
    """Colorfulness M3 of Hasler and Suesstrunk 2003 on the 8-bit scale: 0 gray, 33 moderate, 82 high, 109 extreme."""
    _expect_photos(pixels)
    if pixels.ndim == 2:
        return 0.0
    red, green, blue = np.moveaxis(float01(pixels).astype(np.float64) * 255, -1, 0)
    red_green = red - green
    yellow_blue = (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    center = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(spread + 0.3 * center)


def chroma_wasserstein(pixels_a: Array, pixels_b: Array) -> float:
    """Distance of the chroma distributions: the mean of the 1-D Wasserstein distances of a* and of b*, in Lab units.

    Where the colors are does not matter, so the photographs may differ in size.
    """
    _expect_photos(pixels_a, pixels_b)
    lab_a, lab_b = rgb_to_lab(pixels_a), rgb_to_lab(pixels_b)
    return sum(_wasserstein(lab_a[..., channel].ravel(), lab_b[..., channel].ravel()) for channel in (1, 2)) / 2.0


def _wasserstein(u: Array, v: Array) -> float:
    """Area between the two cumulative distributions."""
    u, v = np.sort(u), np.sort(v)
    if u.size == v.size:
        return float(np.mean(np.abs(u - v), dtype=np.float64))
    values = np.sort(np.concatenate([u, v]))
    share_u = np.searchsorted(u, values[:-1], side="right") / u.size
    share_v = np.searchsorted(v, values[:-1], side="right") / v.size
    return float(np.sum(np.abs(share_u - share_v) * np.diff(values), dtype=np.float64))


def _ssim_of_plane(x: Array, y: Array) -> float:
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y = _gauss(x), _gauss(y)
    variance_x = _gauss(x * x) - mean_x * mean_x
    variance_y = _gauss(y * y) - mean_y * mean_y
    covariance = _gauss(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2)
    rows, columns = (_inner(size) for size in x.shape)
    return float(np.mean((top / bottom)[rows, columns], dtype=np.float64))


def _inner(size_px: int) -> slice:
    return slice(_SSIM_RADIUS_PX, -_SSIM_RADIUS_PX) if size_px > 2 * _SSIM_RADIUS_PX else slice(None)


def _gauss(plane: Array) -> Array:
    side = 2 * _SSIM_RADIUS_PX + 1
    return np.asarray(cv2.GaussianBlur(plane, (side, side), _SSIM_SIGMA_PX, borderType=cv2.BORDER_REFLECT))


def _expect_photos(*photos: Array) -> None:
    for photo in photos:
        if photo.ndim != 2 and (photo.ndim != 3 or photo.shape[2] != 3):
            raise ValueError(f"expected a photograph (h, w) or (h, w, 3), got {photo.shape}")


def _expect_same_shape(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"expected two photographs of the same shape, got {a.shape} and {b.shape}")


def delta_e_2000(lab1: Array, lab2: Array) -> Array:
    """Color difference CIEDE2000 with k_L = k_C = k_H = 1 (Sharma, Wu and Dalal 2005, equations 2 to 22).

    The two colors may be exchanged: the result is the same to the last bit.

    Args:
        lab1, lab2: (..., 3) CIE L*a*b*.

    Returns:
        (...) float32, or float64 when both are float64.
    """
    double = lab1.dtype == np.float64 and lab2.dtype == np.float64
    kind = np.float64 if double else np.float32
    l1, a1, b1 = np.moveaxis(np.asarray(lab1, kind), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(lab2, kind), -1, 0)
    stretch = 1 + (1 - _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)) / 2
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    hue1 = np.degrees(np.arctan2(b1, stretch * a1)) % 360
    hue2 = np.degrees(np.arctan2(b2, stretch * a2)) % 360

    # Hues lie on a circle, and their difference takes the short way around it. Near 180 degrees the rounded angles cannot
    # tell which way is shorter: the sign of the cross product can, because no angle goes into it. Two hues that are exactly
    # opposite keep the mean of their angles (equation 14). A color without chroma has no hue, and needs none: d_h is 0.
    difference = hue2 - hue1
    apart = np.abs(difference)
    over_zero = np.where(np.abs(apart - 180) < 1, (a1 * b2 - a2 * b1) * difference < 0, apart > 180)
    mean_hue = ((hue1 + hue2) / 2 + kind(180) * over_zero) % 360
    turn = difference - np.copysign(kind(360), difference) * over_zero
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2

    t = (
        1
        - 0.17 * _cosd(mean_hue - 30)
        + 0.24 * _cosd(2 * mean_hue)
        + 0.32 * _cosd(3 * mean_hue + 6)
        - 0.20 * _cosd(4 * mean_hue - 63)
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c = 1 + 0.045 * mean_c
    s_h = 1 + 0.015 * mean_c * t
    rotation = 60 * np.exp(-(((mean_hue - 275) / 25) ** 2))
    r_t = -2 * _saturation(mean_c) * np.sin(np.radians(rotation))
    d_l = (l2 - l1) / s_l
    d_c = (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / s_h
    delta_e: Array = np.sqrt(np.maximum(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h, 0)).astype(kind, copy=False)
    return delta_e


def _saturation(chroma: Array) -> Array:
    """sqrt(C^7 / (C^7 + 25^7)), with products in place of a slow power."""
    square = chroma * chroma
    seventh = square * square * square * chroma
    share: Array = np.sqrt(seventh / (seventh + 25.0**7))
    return share


def _cosd(degrees: Array) -> Array:
    cosine: Array = np.cos(np.radians(degrees))
    return cosine
