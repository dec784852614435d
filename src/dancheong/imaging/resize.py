"""Size: resampling, padding, and chroma brought to full size along the edges of the lightness.

Any size is accepted, one row or one column included.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float32 = NDArray[np.float32]

_RESIZABLE = (np.uint8, np.uint16, np.float32, np.float64)
_CHANNELS_AT_ONCE = 4  # OpenCV's area resampling takes no more
LONGEST = 4  # a longer side beyond this many shorter sides is scaled to it


def resize(array: Array, size_hw: tuple[int, int]) -> Array:
    """Resample to `size_hw` = (height, width), each axis on its own: area average to shrink, bicubic to enlarge.

    No value leaves the range of the input, so that a mask stays in [0, 1] and black stays black.

    Args:
        array: (h, w) or (h, w, channels); uint8, uint16, float32 or float64.
        size_hw: at least (1, 1).

    Returns:
        The same type and channels at the new size (never the input itself).

    Raises:
        TypeError: another type of array.
        ValueError: an empty array or size.
    """
    height, width = size_hw
    if array.dtype not in _RESIZABLE:
        raise TypeError(f"resize takes uint8, uint16, float32 or float64, not {array.dtype}; convert it first")
    if array.ndim not in (2, 3) or array.size == 0 or height < 1 or width < 1:
        raise ValueError(f"cannot resize an array of shape {array.shape} to {size_hw}")
    h, w = array.shape[:2]
    if (h, w) == (height, width):
        return array.copy()
    smaller = _sample(array, (min(h, height), min(w, width)), cv2.INTER_AREA)
    larger = _sample(smaller, (height, width), cv2.INTER_CUBIC)
    return np.clip(larger, smaller.min(), smaller.max(), out=larger) if larger is not smaller else larger


def resize_shorter(array: Array, shorter_px: int) -> Array:
    """Resample so that the shorter side has `shorter_px`, the aspect kept; see `working_shape` and `resize`."""
    return resize(array, working_shape(array.shape[0], array.shape[1], shorter_px))


def working_shape(height_px: int, width_px: int, shorter_px: int) -> tuple[int, int]:
    """(height, width) at which the shorter side has `shorter_px`, the aspect kept.

    A side longer than 4 times `shorter_px` is brought to that, and the shorter side is then smaller than asked for: a
    panorama keeps its proportions and the work stays bounded. No side is below 1.
    """
    scale = min(shorter_px / min(height_px, width_px), LONGEST * shorter_px / max(height_px, width_px))
    return max(1, round(height_px * scale)), max(1, round(width_px * scale))


def pad_to_multiple(array: Array, multiple: int) -> tuple[Array, tuple[int, int]]:
    """Mirror the array at its lower and right edge until both sides are multiples of `multiple`.

    Args:
        array: (h, w) or (h, w, channels); may be smaller than the pad, the mirror then repeats.
        multiple: at least 1.

    Returns:
        The padded array, and (h, w) of the original to crop to.
    """
    h, w = array.shape[:2]
    pads = [(0, -h % multiple), (0, -w % multiple)] + [(0, 0)] * (array.ndim - 2)
    return np.pad(array, pads, mode="symmetric"), (h, w)


def guided_upsample(
    chroma_hwc: Array, guide_hw: Array, full_guide_hw: Array, radius_px: int, eps: float
) -> Float32:
    r"""Bring chroma to the size of the full guide so that its edges follow the guide's.

    The fast guided filter (He and Sun 2015, arXiv:1505.00996): in each window of the low-resolution pair the chroma p
    is explained by the guide I as :math:`p = a I + b` with :math:`a = cov(I, p) / (var(I) + eps)`, and the averaged
    slopes are brought to full size. Where the original applies them to the whole full guide, here they carry only what
    the full guide has beyond the enlarged low one: :math:`q = up(p) + up(\bar a) (I_{full} - up(I))`.
    So chroma that the guide does not explain is kept as it came; with nothing to follow this is a plain enlargement.

    Args:
        chroma_hwc: (h, w, channels) or (h, w), any units.
        guide_hw: (h, w) lightness at the chroma's size.
        full_guide_hw: (H, W) lightness of the photograph in the same units.
        radius_px: radius of the window, in low-resolution pixels.
        eps: variance of the guide below which nothing is followed, in squared units of the guide.

    Returns:
        float32 (H, W, channels), or (H, W).

    Raises:
        ValueError: chroma and guide differ in size.
    """
    if chroma_hwc.shape[:2] != guide_hw.shape:
        raise ValueError(f"chroma {chroma_hwc.shape[:2]} and its guide {guide_hw.shape} differ in size")
    size = (full_guide_hw.shape[0], full_guide_hw.shape[1])
    chroma = np.asarray(chroma_hwc, np.float32)
    guide = np.asarray(guide_hw, np.float32)
    detail = np.asarray(full_guide_hw, np.float32) - resize(guide, size)
    planes = chroma[..., None] if chroma.ndim == 2 else chroma
    # Centered first: in float32 the difference of two large means would drown a small variance.
    guide = guide - np.float32(guide.mean())
    guide_mean = _box(guide, radius_px)
    variance = np.maximum(_box(guide * guide, radius_px) - guide_mean * guide_mean, np.float32(0))
    full = np.empty((*size, planes.shape[2]), np.float32)
    for channel in range(planes.shape[2]):
        p = np.ascontiguousarray(planes[..., channel])
        centered = p - np.float32(p.mean())
        covariance = _box(guide * centered, radius_px) - guide_mean * _box(centered, radius_px)
        slope = covariance / (variance + np.float32(eps))
        full[..., channel] = resize(p, size) + resize(_box(slope, radius_px), size) * detail
    return full[..., 0] if chroma.ndim == 2 else full


def _box(plane: Array, radius_px: int) -> Float32:
    side = 2 * radius_px + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _sample(array: Array, size_hw: tuple[int, int], interpolation: int) -> Array:
    if array.shape[:2] == size_hw:
        return array
    if array.ndim == 3 and array.shape[2] > _CHANNELS_AT_ONCE:
        groups = [
            _sample(array[..., first : first + _CHANNELS_AT_ONCE], size_hw, interpolation)
            for first in range(0, array.shape[2], _CHANNELS_AT_ONCE)
        ]
        return np.concatenate(groups, axis=2)
    size = cv2.resize(np.ascontiguousarray(array), (size_hw[1], size_hw[0]), interpolation=interpolation)
    # OpenCV drops an axis of one channel.
    return np.asarray(size).reshape(*size_hw, *array.shape[2:])
