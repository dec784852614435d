"""Filling a hole smoothly from its surroundings."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import Float32, area, gaussian, linear_enlarge

RELAXATIONS = 8


def push_pull(values: Float32, weight_hw: Float32, most: Float32 | None = None) -> Float32:
    """Push-pull (Gortler et al. 1996) with relaxation at every level, which ends near the harmonic continuation.

    Plain push-pull (normalized convolution on a pyramid) takes too much from afar: a tree darkens a hole in the sky.

    Args:
        values: (h, w) or (h, w, c) float32.
        weight_hw: 0 where a value is unknown, 1 where it is known.
        most: as `values`: what a value is at most, where that is known. A dark eave inside of a hole so holds down
            what comes in from the bright sky beside it (an obstacle problem in place of the harmonic one).

    Returns:
        The values, those of weight 0 replaced by a smooth continuation of the known ones.

    Raises:
        ValueError: no value is known.
    """
    if not weight_hw.any():
        raise ValueError("there is nothing to fill from: every pixel is masked")
    weight = weight_hw if values.ndim == 2 else weight_hw[..., None]
    return _pull(values * weight, weight_hw, most)


def _pull(weighted: Float32, weight_hw: Float32, most: Float32 | None) -> Float32:
    """`weighted` is values times weight; the result is known everywhere."""
    weight = weight_hw if weighted.ndim == 2 else weight_hw[..., None]
    mean = np.asarray(weighted / np.maximum(weight, np.float32(1e-6)), np.float32)
    height, width = weight_hw.shape
    if weight_hw.min() > 0.999 or max(height, width) == 1:
        return mean
    size = ((height + 1) // 2, (width + 1) // 2)
    # Only the pixels next to a hole need a value from below, but every level is small enough to do whole.
    most_below = None if most is None else area(most, size)
    around = linear_enlarge(_pull(area(weighted, size), area(weight_hw, size), most_below), (height, width))
    known = np.minimum(weight, 1)
    for relaxation in range(RELAXATIONS + 1):
        filled = known * mean + (1 - known) * around
        if most is not None:
            filled = np.minimum(filled, most)
        if relaxation < RELAXATIONS:
            around = gaussian(filled, 1.0)
    return np.asarray(filled, np.float32)


def inpaint(pixels_u8: NDArray[np.uint8], hole_hw: NDArray[np.bool_], radius_px: float, telea: bool) -> NDArray[np.uint8]:
    """OpenCV's inpainting: Telea 2004, or Bertalmio, Bertozzi and Sapiro 2001 (Navier-Stokes)."""
    method = cv2.INPAINT_TELEA if telea else cv2.INPAINT_NS
    image = np.ascontiguousarray(pixels_u8)
    return np.asarray(cv2.inpaint(image, hole_hw.astype(np.uint8), radius_px, method), np.uint8)
