"""Large photographs in horizontal strips, with the same result as in one piece."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from dancheong.system.arrays import Array


class Strip(NamedTuple):
    """Rows to read and, of those, the rows to keep; all counted from the top of the photograph."""

    read_start: int
    read_stop: int
    keep_start: int
    keep_stop: int


def row_slices(height_px: int, strip_px: int) -> list[slice]:
    """Slices of at most `strip_px` rows that follow one another and cover `height_px` rows."""
    if strip_px < 1:
        raise ValueError(f"expected strips of at least one row, got {strip_px}")
    return [slice(start, min(height_px, start + strip_px)) for start in range(0, height_px, strip_px)]


def strips(height_px: int, strip_px: int, overlap_px: int) -> list[Strip]:
    """The `row_slices` as rows to keep, each with up to `overlap_px` more rows to read on either side."""
    return [
        Strip(max(0, rows.start - overlap_px), min(height_px, rows.stop + overlap_px), rows.start, rows.stop)
        for rows in row_slices(height_px, strip_px)
    ]


def for_each_strip(work: Callable[[slice], None], height_px: int, strip_px: int, threads: int = 1) -> None:
    """Call `work` on each of the `row_slices`, on several threads where asked; an exception in one is raised here."""
    parts = row_slices(height_px, strip_px)
    if threads == 1 or len(parts) == 1:
        for rows in parts:
            work(rows)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))


def map_strips(function: Callable[[Array], Array], array: Array, strip_px: int) -> Array:
    """Apply a function of single pixels strip by strip, because its intermediate arrays would take much memory.

    Args:
        function: maps (rows, w, ...) to (rows, ...), any type and trailing shape.
        array: (h, w) or (h, w, channels), at least one row.
        strip_px: rows of a strip.
    """
    first, *rest = row_slices(array.shape[0], strip_px)
    part = function(array[first])
    result = np.empty((array.shape[0], *part.shape[1:]), part.dtype)
    result[first] = part
    for rows in rest:
        result[rows] = function(array[rows])
    return result
