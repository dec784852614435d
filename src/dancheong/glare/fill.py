"""Filling a hole smoothly from its surroundings."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import Float32


def push_pull(values: Float32, weight_hw: Float32) -> Float32:
    """Normalized convolution on a pyramid (push-pull, Gortler et al. 1996; Knutsson and Westin 1993).

    Args:
        values: (h, w) or (h, w, c) float32.
        weight_hw: 0 where a value is unknown, 1 where it is known.

    Returns:
        The values, those of weight 0 replaced by a smooth continuation of the known ones.

    Raises:
        ValueError: no value is known.
    """
    if not weight_hw.any():
        raise ValueError("there is nothing to fill from: every pixel is masked")
    weight = weight_hw if values.ndim == 2 else weight_hw[..., None]
    filled = _pull(values * weight, weight_hw)
    return values * weight + filled * (1 - weight)


def _pull(weighted: Float32, weight_hw: Float32) -> Float32:
    """`weighted` is values times weight; the result is known everywhere."""
    weight = weight_hw if weighted.ndim == 2 else weight_hw[..., None]
    mean = weighted / np.maximum(weight, np.float32(1e-6))
    height, width = weight_hw.shape
    if weight_hw.min() > 0.999 or max(height, width) == 1:
        return mean
    size = ((width + 1) // 2, (height + 1) // 2)
    below_weight = _reduce(weight_hw, size)
    below = _pull(_reduce(weighted, size), below_weight)
    below = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR).reshape(weighted.shape)
    sure = np.minimum(weight, 1)
    return sure * mean + (1 - sure) * below


def _reduce(plane: Float32, size: tuple[int, int]) -> Float32:
    smooth = cv2.GaussianBlur(plane, (5, 5), 1.0, borderType=cv2.BORDER_REFLECT)
    small = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(size[1], size[0], *plane.shape[2:])


def inpaint(coded_u8: NDArray[np.uint8], hole_hw: NDArray[np.bool_], radius_px: float, telea: bool) -> NDArray[np.uint8]:
    """OpenCV's inpainting: Telea 2004, or Bertalmio, Bertozzi and Sapiro 2001 (Navier-Stokes)."""
    method = cv2.INPAINT_TELEA if telea else cv2.INPAINT_NS
    image = np.ascontiguousarray(coded_u8)
    return np.asarray(cv2.inpaint(image, hole_hw.astype(np.uint8), radius_px, method), np.uint8)
