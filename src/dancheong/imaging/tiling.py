"""Large photographs in horizontal strips, with the same result as in one piece."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Strip(NamedTuple):
    """Rows to read and, of those, the rows to keep; all counted from the top of the photograph."""

    read_start: int
    read_stop: int
    keep_start: int
    keep_stop: int


def strips(height_px: int, strip_px: int, overlap_px: int) -> list[Strip]:
    """Cut `height_px` rows into strips of `strip_px` that read up to `overlap_px` more rows on either side.

    The kept rows follow one another without gap or overlap and cover the photograph.

    Raises:
        ValueError: a strip without rows, or a negative overlap.
    """
    if strip_px < 1 or overlap_px < 0:
        raise ValueError(f"expected strip_px >= 1 and overlap_px >= 0, got {strip_px} and {overlap_px}")
    return [
        Strip(
            max(0, start - overlap_px),
            min(height_px, start + strip_px + overlap_px),
            start,
            min(height_px, start + strip_px),
        )
        for start in range(0, height_px, strip_px)
    ]


def map_strips(function: Callable[[Array], Array], array: Array, strip_px: int, overlap_px: int) -> Array:
    """Apply `function` strip by strip; exact when each of its outputs looks at most `overlap_px` rows up or down.

    Args:
        function: maps (rows, w, ...) to (rows, ...), any type and trailing shape.
        array: (h, w) or (h, w, channels), at least one row.
        strip_px: rows kept of a strip.
        overlap_px: support of the function in rows; 0 for a function of single pixels.

    Raises:
        ValueError: the function changed the number of rows, or the array has none.
    """
    if array.shape[0] == 0:
        raise ValueError(f"expected at least one row, got an array of shape {array.shape}")
    result: Array | None = None
    for strip in strips(array.shape[0], strip_px, overlap_px):
        rows = strip.read_stop - strip.read_start
        part = function(array[strip.read_start : strip.read_stop])
        if part.shape[0] != rows:
            raise ValueError(f"a function in strips must keep the rows: {rows} went in, {part.shape[0]} came out")
        if result is None:
            result = np.empty((array.shape[0], *part.shape[1:]), part.dtype)
        first = strip.keep_start - strip.read_start
        result[strip.keep_start : strip.keep_stop] = part[first : first + strip.keep_stop - strip.keep_start]
    assert result is not None
    return result
