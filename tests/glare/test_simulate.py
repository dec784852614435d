import numpy as np
import pytest

from dancheong.glare import optics
from dancheong.glare.simulate import MAKES, add_glare
from dancheong.imaging.color import decode, gray_of, luminance


@pytest.mark.parametrize("make", [*MAKES, "both"])
def test_the_seed_decides(darkened, make):
    one, mask_one = add_glare(darkened, 5, make=make)
    two, mask_two = add_glare(darkened, np.random.default_rng(5), make=make)
    other, _ = add_glare(darkened, 6, make=make)
    assert np.array_equal(one, two)
    assert np.array_equal(mask_one, mask_two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("make", "kind"), [(make, kind) for make, kinds in MAKES.items() for kind in kinds])
def test_light_is_only_added(darkened, make, kind):
    damaged, _ = add_glare(darkened, 11, [kind], make)
    assert damaged.dtype == darkened.dtype
    assert damaged.shape == darkened.shape
    assert (damaged >= darkened).all()
    assert damaged.astype(int).sum() > darkened.astype(int).sum()


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("seed", range(6))
def test_the_mask_is_where_the_picture_changed(darkened, make, seed):
    damaged, mask = add_glare(darkened, seed, [kind for kind in MAKES[make] if kind != "veil"], make)
    rise = gray_of(damaged).astype(int) - gray_of(darkened)
    assert mask.dtype == bool
    assert 0.001 < mask.mean() < 0.4
    assert rise[mask].min() >= 0.1 * 255 - 2
    assert rise[~mask].max() <= 0.1 * 255 + 2


def test_the_veil_is_not_in_the_mask_and_falls_off(darkened):
    damaged, mask = add_glare(darkened, 2, ["veil"])
    assert not mask.any()
    added = luminance(decode(damaged)) - luminance(decode(darkened))
    unclipped = decode(damaged).max(-1) < 0.95
    assert 0.02 < added[unclipped].max() < 0.27
    assert added[unclipped].min() > 0


def test_rows_are_several_glints_and_the_sun_clips(darkened):
    import cv2

    rows = [cv2.connectedComponents(add_glare(darkened, seed, ["rows"])[1].astype(np.uint8))[0] for seed in range(8)]
    assert max(rows) > 6
    suns = [add_glare(darkened, seed, ["sun"])[0] for seed in range(4)]
    assert all((sun.min(axis=-1) == 255).any() for sun in suns)


def test_glints_add_the_color_of_the_light(darkened):
    damaged, mask = add_glare(darkened, 3, ["lobes"])
    part = mask & (damaged.max(-1) < 250)
    added = (decode(damaged) - decode(darkened))[part]
    ratio = added / added.max(axis=-1, keepdims=True)
    strong = added.max(-1) > 0.05
    assert np.abs(ratio[strong] - np.median(ratio[strong], axis=0)).max() < 0.1


@pytest.mark.parametrize("shape", [(1, 7), (2, 2), (5, 1), (3, 400), (1, 7, 3), (64, 48, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("make", MAKES)
def test_any_size_gray_color_and_depth(shape, dtype, make):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max // 2, shape, dtype=dtype)
    for seed in range(3):
        damaged, mask = add_glare(pixels, seed, MAKES[make], make)
        assert damaged.shape == pixels.shape
        assert damaged.dtype == dtype
        assert mask.shape == shape[:2]


def test_unknown_kinds_are_refused(darkened):
    with pytest.raises(ValueError, match="unknown glare moon"):
        add_glare(darkened, 1, ["moon"])
    with pytest.raises(ValueError, match="unknown make of glare 'moon'"):
        add_glare(darkened, 1, make="moon")


def test_a_source_is_spread_wider_in_red_than_in_blue():
    """The angle of diffraction is in proportion to the wavelength."""
    y, x = np.mgrid[: optics.PATTERN_PX, : optics.PATTERN_PX] - optics.PATTERN_PX / 2
    for lens in range(16):
        red, green, blue = (optics._pattern(lens) * np.minimum(np.hypot(y, x), 20)[..., None]).sum(axis=(0, 1))
        assert red > green > blue > 0


def test_tiles_glint_in_rows(darkened):
    import cv2

    spots = [cv2.connectedComponents(add_glare(darkened, n, ["tiles"], "optics")[1].astype(np.uint8))[0] for n in range(8)]
    assert max(spots) > 6
