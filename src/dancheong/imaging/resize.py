"""Size: resampling, padding, and chroma brought to full size along the edges of the lightness.

Any size is accepted, one row or one column included.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np

from dancheong.imaging.tiling import ByRows
from dancheong.system.arrays import Array, Float32

_RESIZABLE = (np.uint8, np.uint16, np.float32, np.float64)
_CHANNELS_AT_ONCE = 4  # OpenCV's area resampling takes no more
_ROWS_AT_ONCE = 32
_AT_ONCE_PX = 1 << 20  # five planes of 4 MB
LONGEST = 4  # a longer side beyond this many shorter sides is scaled to it


def resize(array: Array | ByRows, size_hw: tuple[int, int]) -> Array:
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
        return array.whole() if isinstance(array, ByRows) else array.copy()
    smaller = resampled(array, (min(h, height), min(w, width)), cv2.INTER_AREA)
    larger = resampled(smaller, (height, width), cv2.INTER_CUBIC)
    return np.clip(larger, smaller.min(), smaller.max(), out=larger) if larger is not smaller else larger


def scaled_size(height_px: int, width_px: int, factor: float) -> tuple[int, int]:
    """(height, width) times `factor`, rounded; no side is below 1."""
    return max(1, round(height_px * factor)), max(1, round(width_px * factor))


def fit_size(height_px: int, width_px: int, longer_px: int) -> tuple[int, int]:
    """(height, width) shrunk so that the longer side has at most `longer_px`, the aspect kept; never enlarged."""
    return scaled_size(height_px, width_px, min(1.0, longer_px / max(height_px, width_px)))


def working_shape(height_px: int, width_px: int, shorter_px: int) -> tuple[int, int]:
    """(height, width) at which the shorter side has `shorter_px`, the aspect kept.

    A side longer than 4 times `shorter_px` is brought to that, and the shorter side is then smaller than asked for, because
    a panorama shall keep its proportions and the work stay bounded. No side is below 1.
    """
    scale = min(shorter_px / min(height_px, width_px), LONGEST * shorter_px / max(height_px, width_px))
    return scaled_size(height_px, width_px, scale)


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


def guided_upsampler(
    chroma_hwc: Array, guide_hw: Array, size_hw: tuple[int, int], radius_px: int = 1, eps: float = 400.0, *,
    is_clipped: bool = True,
) -> Callable[[Array, int], Float32]:
    r"""Bring chroma to the size of the full guide so that its edges follow the guide's, in strips.

    The fast guided filter (He and Sun 2015, arXiv:1505.00996): in each window of the low-resolution pair the chroma p
    is explained by the guide I as :math:`p = a I + b` with :math:`a = cov(I, p) / (var(I) + eps)`, and the averaged
    slopes are brought to full size. Where the original applies them to the whole full guide, here they carry only what
    the full guide has beyond the enlarged low one: :math:`q = up(p) + up(\bar a) (I_{full} - up(I))`.
    So chroma that the guide does not explain is kept as it came; with nothing to follow this is a plain enlargement.
    On photographs that is nearer to the truth than the original form for sharp and for soft chroma alike.

    Args:
        chroma_hwc: (h, w, channels), any units.
        guide_hw: (h, w) lightness at the chroma's size.
        size_hw: (height, width) of the full guide, which is lightness in the same units.
        radius_px: radius of the window, in low-resolution pixels.
        eps: variance of the guide below which little is followed, in squared units of the guide; the default is for L*.
        is_clipped: enlarged planes stay within their own range. False where only a part of a photograph is given, because
            the range of a part is not the photograph's: a row then depends on the 2 `radius_px` + 2 rows to each side alone.

    Returns:
        A function of some full-width rows of the full guide and the index of their first row; it gives these rows of
        the result, float32 (rows, W, channels).

    Raises:
        ValueError: chroma and guide differ in size.
    """
    if chroma_hwc.ndim != 3 or chroma_hwc.shape[:2] != guide_hw.shape:
        raise ValueError(f"expected chroma (h, w, channels) and a guide (h, w), got {chroma_hwc.shape}, {guide_hw.shape}")
    height, width = size_hw
    guide = np.asarray(guide_hw, np.float32)
    channels = [np.ascontiguousarray(plane, np.float32) for plane in np.moveaxis(chroma_hwc, -1, 0)]
    planes = (guide, *channels, *_slopes(channels, guide, radius_px, eps))
    low = [resampled(plane, (min(guide.shape[0], height), min(guide.shape[1], width)), cv2.INTER_AREA) for plane in planes]
    # A small photograph is enlarged at once, a large one, whose planes would take much memory, as its rows are asked for.
    rows = height if is_clipped and height * width <= _AT_ONCE_PX else low[0].shape[0]
    stack = np.empty((len(low), rows, width), np.float32)
    for plane, target in zip(low, stack, strict=True):
        cv2.resize(plane, (width, rows), dst=target, interpolation=cv2.INTER_CUBIC)
    count = len(channels)
    ranges = [(plane.min(), plane.max()) if is_clipped else (-np.inf, np.inf) for plane in low]

    def rows_of(full_guide_rows_hw: Array, first_row: int) -> Float32:
        rows = _enlarge_rows(stack, first_row, full_guide_rows_hw.shape[0], height)
        kept = np.empty((1 + count, *rows.shape[1:]), np.float32)
        for plane, row, limits in zip(kept, rows, ranges, strict=False):
            np.clip(row, *limits, out=plane)
        detail, result = kept[0], kept[1:]
        np.subtract(full_guide_rows_hw, detail, out=detail)
        for plane, row, limits in zip(result, rows[1 + count :], ranges[1 + count :], strict=True):
            slope = np.clip(row, *limits)
            slope *= detail
            plane += slope
        return np.moveaxis(result, 0, -1)

    return rows_of


def _slopes(channels: list[Float32], guide: Float32, radius_px: int, eps: float) -> list[Float32]:
    """The averaged slope of each channel on the guide."""
    # Centered first: in float32 the difference of two large means would drown a small variance.
    guide = guide - np.float32(guide.mean())
    guide_mean = _box(guide, radius_px)
    variance = np.maximum(_box(guide * guide, radius_px) - guide_mean * guide_mean, np.float32(0))
    slopes = []
    for channel in channels:
        plane = channel - np.float32(channel.mean())
        covariance = _box(guide * plane, radius_px) - guide_mean * _box(plane, radius_px)
        slopes.append(_box(covariance / (variance + np.float32(eps)), radius_px))
    return slopes


def _enlarge_rows(stack: Float32, first_row: int, rows: int, height: int) -> Float32:
    """Some rows of `stack` (planes, h, w) enlarged to `height`, bicubic as OpenCV's."""
    h = stack.shape[1]
    if h == height:
        return stack[:, first_row : first_row + rows]
    center = (np.arange(first_row, first_row + rows) + 0.5) * h / height - 0.5
    base = np.floor(center).astype(int)
    taps = [(np.clip(base + tap, 0, h - 1), _cubic(center - base - tap).astype(np.float32)) for tap in range(-1, 3)]
    enlarged = np.empty((stack.shape[0], rows, stack.shape[2]), np.float32)
    room = np.empty((_ROWS_AT_ONCE, stack.shape[2]), np.float32)
    # A few rows at a time stay in the cache. The product with a matrix of weights is slower, and much slower on a busy machine.
    for plane, target in zip(stack, enlarged, strict=True):
        for start in range(0, rows, _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            total = target[some]
            for number, (source, weight) in enumerate(taps):
                part = room[: len(total)] if number else total
                np.take(plane, source[some], axis=0, out=part, mode="clip")  # the other modes buffer
                part *= weight[some, None]
                if number:
                    total += part
    return enlarged


def _cubic(distance: Array) -> Array:
    """Keys' kernel with a = -0.75, OpenCV's choice."""
    a, x = -0.75, np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    kernel: Array = np.where(x <= 1, near, np.where(x < 2, far, 0.0))
    return kernel


def _box(plane: Array, radius_px: int) -> Float32:
    side = 2 * radius_px + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def linear_rows(small: Array, size_hw: tuple[int, int]) -> Callable[[slice], Float32]:
    """`small` (h, w) or (h, w, channels), float32, enlarged by linear interpolation to `size_hw`: gives some of its rows."""
    height, width = size_hw
    h = small.shape[0]

    def rows_of(part: slice) -> Float32:
        if part.stop - part.start == height:
            return np.asarray(resampled(small, size_hw, cv2.INTER_LINEAR), np.float32)
        center = (np.arange(part.start, part.stop) + 0.5) * h / height - 0.5
        above = np.floor(center).astype(int)
        top, below = np.clip(above, 0, h - 1), np.clip(above + 1, 0, h - 1)
        some = small[top[0] : below[-1] + 1]
        if not some.any():
            return np.zeros((len(center), width, *small.shape[2:]), np.float32)
        wide = resampled(some, (len(some), width), cv2.INTER_LINEAR)
        share = (center - above).astype(np.float32).reshape(-1, *[1] * (small.ndim - 1))
        first = np.take(wide, top - top[0], axis=0)
        step = np.take(wide, below - top[0], axis=0)
        step -= first
        step *= share
        first += step
        return np.asarray(first, np.float32)

    return rows_of


def _averaged(picture: ByRows, size_hw: tuple[int, int]) -> Array:
    """Averaged over areas to `size_hw`, which is not larger, as its rows come; within one code of what OpenCV makes of all."""
    (height, width), scale = size_hw, picture.shape[0] / size_hw[0]
    total = np.zeros((height, width, *picture.shape[2:]))
    for part, rows in picture.strips():
        narrow = resampled(rows.astype(np.float32), (len(rows), width), cv2.INTER_AREA)
        cells = np.arange(int(part.start / scale), min(height, math.ceil(part.stop / scale)))
        lines = np.arange(part.start, part.stop)
        shared = np.minimum((cells[:, None] + 1) * scale, lines + 1) - np.maximum(cells[:, None] * scale, lines)
        total[cells[0] : cells[-1] + 1] += np.tensordot(np.maximum(shared, 0) / scale, narrow, 1)
    return (np.rint(total) if picture.dtype.kind == "u" else total).astype(picture.dtype)


def resampled(array: Array | ByRows, size_hw: tuple[int, int], interpolation: int) -> Array:
    """`array` (h, w) or (h, w, channels) at `size_hw` by an interpolation of OpenCV; as it is where it has that size."""
    if isinstance(array, ByRows):
        shrinks = interpolation == cv2.INTER_AREA and size_hw[0] <= array.shape[0] and size_hw[1] <= array.shape[1]
        is_large = array.size > _AT_ONCE_PX and array.shape[:2] != size_hw
        return _averaged(array, size_hw) if shrinks and is_large else resampled(array.whole(), size_hw, interpolation)
    if array.shape[:2] == size_hw:
        return array
    if array.ndim == 3 and array.shape[2] > _CHANNELS_AT_ONCE:
        groups = [
            resampled(array[..., first : first + _CHANNELS_AT_ONCE], size_hw, interpolation)
            for first in range(0, array.shape[2], _CHANNELS_AT_ONCE)
        ]
        return np.concatenate(groups, axis=2)
    size = cv2.resize(np.ascontiguousarray(array), (size_hw[1], size_hw[0]), interpolation=interpolation)
    # OpenCV drops an axis of one channel.
    return np.asarray(size).reshape(*size_hw, *array.shape[2:])
