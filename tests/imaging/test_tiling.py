import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancheong.imaging.tiling import map_strips, strips


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
def test_strips_equal_the_whole_when_the_overlap_is_the_support(strip: int) -> None:
    array = np.random.default_rng(0).uniform(size=(53, 31, 3)).astype(np.float32)

    def blur(part: np.ndarray) -> np.ndarray:
        return cv2.blur(part, (7, 7), borderType=cv2.BORDER_REFLECT)[..., :2].astype(np.float64)

    whole = blur(array)
    assert np.array_equal(map_strips(blur, array, strip, 3), whole)
    if strip < 50:
        assert not np.array_equal(map_strips(blur, array, strip, 1), whole)


def test_a_function_that_changes_the_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="10 went in, 9 came out"):
        map_strips(lambda part: part[1:], np.zeros((30, 4)), 10, 0)
    with pytest.raises(ValueError, match="at least one row"):
        map_strips(lambda part: part, np.zeros((0, 4)), 10, 0)
    with pytest.raises(ValueError, match="strip_px >= 1"):
        strips(10, 0, 0)
