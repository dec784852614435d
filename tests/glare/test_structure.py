import numpy as np
import pytest

from dancheong.glare.control import control_glare
from dancheong.glare.structure import PATCH_PX, fill_by_patches
from dancheong.imaging.metrics import psnr
from dancheong.imaging.tiling import ByRows
from dancheong.params import Params
from dancheong.scenes import scene


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pattern_goes_on_through_the_hole_and_nothing_else_changes(channels):
    rows, columns = np.mgrid[:80, :100]
    pattern = ((columns // 4 + rows // 6) % 2 * 0.6 + 0.2).astype(np.float32)
    pattern = pattern if channels == 1 else pattern[..., None] * np.float32([1, 0.7, 0.4])
    hole = np.hypot(rows - 40, columns - 50) < 9
    damaged = pattern.copy()
    damaged[hole] = 1
    assert np.array_equal(fill_by_patches(damaged, hole, ~hole), hole)
    assert np.array_equal(damaged[~hole], pattern[~hole])
    assert (np.abs(damaged - pattern)[hole] < 0.01).mean() > 0.95


def test_where_nothing_can_be_copied_nothing_is_filled():
    picture = np.full((40, 40), 0.5, np.float32)
    hole = np.zeros((40, 40), bool)
    hole[10:20, 10:20] = True
    usable = ~hole
    usable[::PATCH_PX] = False
    before = picture.copy()
    assert not fill_by_patches(picture, hole, usable).any()
    assert np.array_equal(picture, before)
    assert not fill_by_patches(picture[:6, :6], hole[8:14, 8:14], usable[8:14, 8:14]).any()


@pytest.fixture(scope="module")
def case():
    """A scene, its damage by three clipped spots, and the mask that a person drew around them."""
    clean = (scene(5, 240, 160) * 0.7).astype(np.uint8)
    rows, columns = np.mgrid[:160, :240]
    damaged, drawn = clean.copy(), np.zeros(clean.shape[:2], np.uint8)
    for row, column, radius in ((40, 60, 7), (90, 150, 9), (130, 30, 6)):
        distance = np.hypot(rows - row, columns - column)
        damaged[distance < radius] = 255
        drawn[distance < radius + 4] = 255
    return clean, damaged, drawn


def corrected(pixels, drawn, **rows):
    return control_glare(pixels, Params(glare_mode="region", **rows), "predict", drawn)


@pytest.mark.parametrize("kind", ["color", "gray", "deep"])
def test_only_clipped_cores_are_invented_and_only_where_asked(case, kind):
    _, damaged, drawn = case
    pixels = {"color": damaged, "gray": damaged[..., 1], "deep": damaged.astype(np.uint16) * 257}[kind]
    plain, filled = corrected(pixels, drawn), corrected(pixels, drawn, fix_cores="yes")
    assert (plain.mask.invented_hw, plain.mask.invented_share) == (None, 0)
    invented = filled.mask.invented_hw
    assert invented[90, 150]
    assert not invented[drawn == 0].any()
    assert filled.mask.invented_share == invented.mean() > 0
    changed = (filled.pixels != plain.pixels).reshape(*drawn.shape, -1).any(axis=-1)
    assert changed[90, 150]
    assert not changed[~invented].any()
    assert np.array_equal(filled.pixels[drawn == 0], pixels[drawn == 0])
    by_rows = corrected(ByRows.of(pixels), drawn, fix_cores="yes")
    assert np.array_equal(by_rows.pixels.whole(), filled.pixels)


def test_structure_comes_nearer_to_what_was_there(case):
    clean, damaged, drawn = case
    plain, filled = (corrected(damaged, drawn, fix_cores=cores) for cores in ("no", "yes"))
    inside = filled.mask.invented_hw
    assert psnr(filled.pixels[inside][None], clean[inside][None]) > psnr(plain.pixels[inside][None], clean[inside][None])


@pytest.mark.parametrize("method", ["inpaint_ns", "inpaint_telea"])
def test_inpainting_invents_all_of_the_mask(case, method):
    _, damaged, drawn = case
    assert np.array_equal(corrected(damaged, drawn, fix_method=method).mask.invented_hw, drawn > 0)


def test_without_a_clipped_pixel_nothing_is_invented(case):
    clean, _, drawn = case
    assert corrected(clean, drawn, fix_cores="yes").mask.invented_share == 0
