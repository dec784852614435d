import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancheong.imaging.tiling import for_each_strip, map_strips, row_slices, strips


@given(st.integers(0, 300), st.integers(1, 80), st.integers(0, 50))
def test_kept_rows_cover_the_photograph_once(height: int, strip: int, overlap: int) -> None:
    kept = [row for part in strips(height, strip, overlap) for row in range(part.keep_start, part.keep_stop)]
    assert kept == list(range(height))


@given(st.integers(1, 300), st.integers(1, 80), st.integers(0, 50))
def test_read_rows_are_the_kept_ones_and_the_overlap(height: int, strip: int, overlap: int) -> None:
    for part in strips(height, strip, overlap):
        assert part.read_start == max(0, part.keep_start - overlap)
        assert part.read_stop == min(height, part.keep_stop + overlap)
        assert part.keep_stop - part.keep_start <= strip


@pytest.mark.parametrize("strip", [1, 5, 16, 400])
def test_a_function_of_pixels_gives_the_same_in_strips(strip: int) -> None:
    array = np.random.default_rng(0).uniform(size=(53, 31, 3)).astype(np.float32)

    def triple(part: np.ndarray) -> np.ndarray:
        return part[..., :2].astype(np.float64) * 3

    assert np.array_equal(map_strips(triple, array, strip), triple(array))


@pytest.mark.parametrize("threads", [1, 2])
def test_each_row_is_worked_on_once_whatever_the_threads(threads: int) -> None:
    counts = np.zeros(53, int)

    def count(rows: slice) -> None:
        counts[rows] += 1

    for_each_strip(count, 53, 7, threads)
    assert (counts == 1).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_strip_is_raised(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        for_each_strip(lambda rows: 1 // 0, 53, 7, threads)


def test_strips_without_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        row_slices(10, 0)
