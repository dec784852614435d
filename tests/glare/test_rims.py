import numpy as np
import pytest

from dancheong.glare.mask import VISIBLE_RISE, dilated
from dancheong.glare.rims import GROUND_PX, rim_traits, with_rims
from dancheong.imaging.color import linear_to_srgb


def glint(radius_px, ground=0.2, peak=2.0, texture=0.0, shape=(240, 320)):
    """Coded luminance with a round glint in it, its true area, and a network that is as sure as it is bright."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    rng = np.random.default_rng(5)
    clean = np.float32(ground) + rng.normal(0, texture, shape).astype(np.float32)
    light = peak * np.exp(-((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2) / (2 * np.float32(radius_px) ** 2))
    before, seen = (linear_to_srgb(np.clip(plane, 0, 1).astype(np.float32)) for plane in (clean, clean + light))
    truth = seen - before > VISIBLE_RISE
    return seen, truth, np.clip(light / peak * 1.2, 0, 1).astype(np.float32)


def union_share(found, truth):
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize("off_px", [-2, 2])
@pytest.mark.parametrize("radius_px", [3, 6, 12])
@pytest.mark.parametrize("texture", [0.0, 0.02])
def test_an_area_that_is_too_small_or_too_large_gets_its_true_rim(radius_px, off_px, texture):
    seen, truth, likely = glint(radius_px, texture=texture)
    wrong = dilated(truth, off_px) if off_px > 0 else ~dilated(~truth, -off_px)
    found = with_rims(wrong, likely, seen, np.zeros_like(truth))
    assert union_share(found, truth) > 0.8
    # Of a large glint two pixels are no great part.
    assert union_share(found, truth) > union_share(wrong, truth) - 0.05 * (radius_px > 6)


def test_nothing_is_found_far_from_an_area_or_in_paper():
    seen, truth, likely = glint(6)
    paper = np.zeros_like(truth)
    paper[:, 165:] = True
    found = with_rims(truth, likely, seen, paper)
    assert found.any()
    assert not found[paper].any()
    assert not (found & ~dilated(truth, 6)).any()


@pytest.mark.parametrize("found", [np.zeros((64, 80), bool), np.ones((64, 80), bool)])
def test_no_area_and_all_of_the_picture_stay_what_they_are(found):
    plane = np.full(found.shape, 0.5, np.float32)
    assert np.array_equal(with_rims(found, plane, plane, np.zeros_like(found)), found)


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.transpose])
def test_traits_turn_with_the_picture(turn):
    seen, truth, likely = glint(6, texture=0.02, shape=(240, 300))
    index = np.arange(truth.size).reshape(truth.shape)
    hole = dilated(truth, GROUND_PX)
    places, traits = rim_traits(truth, hole, likely, seen, 1)
    there, turned = rim_traits(*(np.ascontiguousarray(turn(plane)) for plane in (truth, hole, likely, seen)), 1)
    order = np.argsort(turn(index).ravel()[there])
    assert np.array_equal(np.sort(turn(index).ravel()[there]), places)
    assert turned[order] == pytest.approx(traits, abs=2e-3)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (33, 65)])
def test_tiny_pictures(shape):
    found = np.zeros(shape, bool)
    found[0, 0] = True
    seen = np.random.default_rng(2).random(shape, np.float32)
    assert with_rims(found, seen, seen, np.zeros(shape, bool)).shape == shape
