"""The color difference CIEDE2000 (Sharma, Wu and Dalal 2005)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
