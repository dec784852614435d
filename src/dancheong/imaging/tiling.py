"""Large photographs in horizontal strips, with the same result as in one piece."""

import math
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
from numpy.typing import DTypeLike

from dancheong.system.arrays import Array

# Large enough that the work that holds Python's lock is small; a strip takes some 40 MB.
STRIP_PIXELS = 1 << 18


@final
@dataclass(frozen=True, eq=False)
class ByRows:
    """A picture of which some rows are in memory at a time: `picture[a:b]` gives them, as of an array.

    Attributes:
        shape, dtype: as of an array.
        source: gives the first kind of rows; asked from the top, and again from the top, it may be a file.
        works: what is done to these rows, one after the other; each is called with rows and with where they are.
        strip_px: rows of a strip; 0: as many as are quick.
        threads: strips at a time; the source is asked in order all the same.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    source: Callable[[slice], Array]
    works: tuple[Callable[[Array, slice], Array], ...] = ()
    strip_px: int = 0
    threads: int = 1

    @classmethod
    def of(cls, picture: "Array | ByRows") -> "ByRows":
        """An array, or what is one of these already."""
        return picture if isinstance(picture, ByRows) else cls(picture.shape, picture.dtype, picture.__getitem__)

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As of an array."""
        return math.prod(self.shape)

    def __getitem__(self, part: slice) -> Array:
        return self._worked(self.source(part), part)

    def then(self, work: Callable[[Array, slice], Array], channels: int = 0, dtype: DTypeLike | None = None) -> "ByRows":
        """With one more work, after which there are so many channels (0: none) of this type (None: the same)."""
        shape = (*self.shape[:2], channels) if channels else self.shape[:2]
        return replace(self, shape=shape, dtype=np.dtype(dtype or self.dtype), works=(*self.works, work))

    def strips(self) -> Generator[tuple[slice, Array], None, None]:
        """The rows from the top, with where they are."""
        parts = row_slices(self.shape[0], self.strip_px or strip_rows(self.shape[1]))
        if self.threads == 1 or len(parts) == 1:
            for part in parts:
                yield part, self[part]
            return
        under_way = deque[tuple[slice, Future[Array]]]()
        with ThreadPoolExecutor(self.threads) as pool:
            for part in parts:
                under_way.append((part, pool.submit(self._worked, self.source(part), part)))
                if len(under_way) > self.threads:
                    first, future = under_way.popleft()
                    yield first, future.result()
            for first, future in under_way:
                yield first, future.result()

    def whole(self) -> Array:
        """All of it, as an array."""
        result = np.empty(self.shape, self.dtype)
        for part, rows in self.strips():
            if len(rows) == self.shape[0]:
                return rows
            result[part] = rows
        return result

    def _worked(self, rows: Array, part: slice) -> Array:
        for work in self.works:
            rows = work(rows, part)
        return rows


def strip_rows(width_px: int, tile_px: int = 0) -> int:
    """Rows of a strip: TILE_PX where it is given, else as many as STRIP_PIXELS hold; at least 1."""
    return tile_px or max(1, STRIP_PIXELS // width_px)


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
