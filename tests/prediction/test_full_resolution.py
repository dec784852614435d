"""Full-size color: the photograph's own lightness, no dependence on strips."""

from dataclasses import replace

import numpy as np
import pytest

from dancheong.imaging.color import lightness_of, rgb_to_lab
from dancheong.imaging.metrics import delta_e_2000
from dancheong.imaging.resize import resize
from dancheong.imaging.tiling import STRIP_PIXELS, ByRows, strip_rows
from dancheong.prediction.full_resolution import color_from_chroma, enlarged_color


def a_scene(dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    top = np.iinfo(dtype).max
    gray = np.rint(resize(rng.uniform(0, 1, (13, 9)).astype(np.float32), (131, 87)) * top).astype(dtype)
    chroma = rng.uniform(-60, 60, (20, 14, 2)).astype(np.float32)
    return chroma, lightness_of(resize(gray, (20, 14))), gray


def in_strips(picture: ByRows, rows: int, threads: int = 1) -> np.ndarray:
    return replace(picture, strip_px=rows, threads=threads).whole()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_result_does_not_depend_on_the_strips(dtype):
    """Sums are taken in another order: at 16 bits a few values differ by one code."""
    chroma, guide, gray = a_scene(dtype)
    rgb = np.random.default_rng(1).uniform(0, 1, (20, 14, 3)).astype(np.float32)
    for picture in (color_from_chroma(chroma, guide, gray), enlarged_color(rgb, (131, 87), dtype)):
        whole = in_strips(picture, 131)
        for rows, threads in ((1, 1), (7, 3), (64, 1), (500, 2)):
            difference = np.abs(in_strips(picture, rows, threads).astype(int) - whole)
            assert difference.max() <= 1
            assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.uint8, 0.25), (np.uint16, 0.002)])
def test_lightness_is_that_of_the_photograph(dtype, tolerance):
    """Half a code of rounding in each channel is all that may differ, also where the chroma leaves the gamut."""
    chroma, guide, gray = a_scene(dtype)
    color = in_strips(color_from_chroma(3 * chroma, guide, gray), 16)
    assert color.dtype == dtype
    difference = np.abs(rgb_to_lab(color)[..., 0] - lightness_of(gray))
    # A code of 8 bits is more than 0.25 L* only in the darkest tenth.
    bright = lightness_of(gray) > 10
    assert difference[bright].max() < tolerance
    assert difference.mean() < tolerance / 3


def test_no_chroma_is_gray():
    _, guide, gray = a_scene(np.uint8)
    color = in_strips(color_from_chroma(np.zeros((20, 14, 2), np.float32), guide, gray), 16)
    np.testing.assert_array_equal(color, np.repeat(gray[..., None], 3, axis=2))


def test_chroma_follows_the_edges_of_the_photograph():
    """A dark roof before a bright sky: plain enlargement bleeds over the edge."""
    truth = np.empty((160, 160, 3), np.uint8)
    truth[:] = (170, 200, 235)
    y, x = np.mgrid[0:160, 0:160]
    truth[y > 60 + x // 4] = (95, 40, 25)
    lab = rgb_to_lab(truth)
    low_lab = rgb_to_lab(resize(truth, (20, 20)))
    gray = np.rint(np.interp(lab[..., 0], lightness_of(np.arange(256, dtype=np.uint8)[None])[0], np.arange(256)))
    gray = gray.astype(np.uint8)
    guided = in_strips(color_from_chroma(low_lab[..., 1:], low_lab[..., 0], gray), 16)
    plain = in_strips(color_from_chroma(low_lab[..., 1:], np.zeros((20, 20), np.float32), gray), 16)
    error, plain_error = (delta_e_2000(rgb_to_lab(result), lab).mean() for result in (guided, plain))
    assert error < 0.7 * plain_error


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3), (20, 14), (7, 200)])
def test_any_size(size):
    chroma, guide, _ = a_scene(np.uint8)
    gray = np.full(size, 130, np.uint8)
    assert color_from_chroma(chroma, guide, gray).whole().shape == (*size, 3)
    rgb = np.full((20, 14, 3), 0.4, np.float32)
    np.testing.assert_array_equal(in_strips(enlarged_color(rgb, size, np.uint8), 3), np.full((*size, 3), 102, np.uint8))


def test_strips_are_bounded_and_never_empty():
    assert strip_rows(STRIP_PIXELS * 3) == 1
    assert strip_rows(1) == STRIP_PIXELS
    assert strip_rows(512, 40) == 40
