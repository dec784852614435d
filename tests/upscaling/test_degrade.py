"""What a photograph goes through on its way to being small, and the patches that are cut from it."""

import numpy as np
import pytest

from dancheong.data.cache import Cache
from dancheong.imaging.color import gray_of
from dancheong.imaging.metrics import mean_delta_e_2000, psnr
from dancheong.imaging.resize import resize
from dancheong.params import Params
from dancheong.scenes import scene
from dancheong.upscaling.patches import blur_kernel, degrade, patch_pair, planes_of, validation_pairs


@pytest.fixture(scope="module")
def photo():
    return scene(3, 128, 96)


def rng(*seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("how", ["clean", "realistic", "mixed"])
@pytest.mark.parametrize("scale", [2, 4])
def test_the_same_seed_gives_the_same_picture(photo, how, scale):
    first, second = (degrade(photo, scale, how, rng(1, 5)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape == (96 // scale, 128 // scale, 3)
    np.testing.assert_array_equal(first, second)


def test_realistic_pictures_differ_from_clean_ones_and_from_each_other(photo):
    clean = degrade(photo, 2, "clean", rng(1))
    real = [degrade(photo, 2, "realistic", rng(1, index)) for index in range(8)]
    scores = [psnr(one, clean) for one in real]
    # None is lost, and they are not all alike.
    assert min(scores) > 18
    assert max(scores) - min(scores) > 3
    assert len({one.tobytes() for one in real}) == 8
    assert max(mean_delta_e_2000(one, clean) for one in real) < 8


def test_mixed_is_clean_about_half_of_the_time(photo):
    small = photo[:16, :16]
    clean = degrade(small, 2, "clean", rng(1)).tobytes()
    share = np.mean([degrade(small, 2, "mixed", rng(2, index)).tobytes() == clean for index in range(200)])
    assert 0.38 < share < 0.62


def test_gray_and_sixteen_bits_are_taken(photo):
    gray = gray_of(photo)
    assert degrade(gray, 2, "realistic", rng(1)).shape == (48, 64)
    deep = degrade(photo.astype(np.uint16) * 257, 2, "clean", rng(1))
    np.testing.assert_array_equal(deep, degrade(photo, 2, "clean", rng(1)))


def test_clean_does_not_alias():
    stripes = np.repeat(np.array([[0, 255]], np.uint8), 32, axis=0).repeat(1, axis=1)
    stripes = np.tile(stripes, (1, 16))
    inner = degrade(stripes, 2, "clean", rng(1))[:, 4:-4]
    assert np.ptp(inner) <= 2
    assert abs(int(inner[0, 0]) - 128) <= 2


def test_sizes_that_do_not_divide_are_refused(photo):
    with pytest.raises(ValueError, match="multiples of 2"):
        degrade(photo[:95], 2, "clean", rng(1))


def test_the_blur_has_two_widths_along_its_angle():
    kernel = blur_kernel(np.array([2.0, 0.5]), 0.0)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    middle = len(kernel) // 2
    assert kernel[middle, middle + 2] > 10 * kernel[middle + 2, middle]
    np.testing.assert_allclose(blur_kernel(np.array([2.0, 0.5]), np.pi / 2), kernel.T, atol=1e-6)


@pytest.mark.parametrize(("planes", "channels"), [("luma", 1), ("rgb", 3)])
def test_a_patch_and_its_truth_show_the_same_place(photo, planes, channels):
    params = Params(sr_scale="2", sr_planes=planes, sr_degradation="clean")
    record = np.dstack([gray_of(photo), photo])
    for number in range(6):
        small, truth = patch_pair(record, params, rng(1, number))
        assert small.shape == (channels, 48, 48)
        assert truth.shape == (channels, 96, 96)
        assert small.dtype == truth.dtype == np.float32
        again = np.moveaxis(resize(np.moveaxis(truth, 0, -1), (48, 48)).reshape(48, 48, channels), -1, 0)
        assert np.abs(again - small).mean() < 0.02


def test_patches_come_from_everywhere_in_eight_ways():
    photo = scene(3, 400, 300)
    params = Params(sr_scale="2", sr_degradation="clean")
    patches = {patch_pair(photo, params, rng(1, number))[1].tobytes() for number in range(40)}
    assert len(patches) == 40


def test_a_photograph_smaller_than_the_patch_is_mirrored():
    params = Params(sr_scale="4")
    small, truth = patch_pair(scene(1, 48, 40), params, rng(1))
    assert small.shape == (1, 48, 48)
    assert truth.shape == (1, 192, 192)


def test_validation_does_not_vary(photo):
    params = Params(sr_scale="2", sr_degradation="realistic")
    cache = Cache([photo, photo[:60, :50], photo[:, ::-1]], ["a", "b", "c"], "", None)
    first, second = (list(validation_pairs(cache, params)) for _ in range(2))
    assert [truth.shape for _, truth in first] == [(1, 96, 96), (1, 50, 50), (1, 96, 96)]
    for (small, truth), (other, _) in zip(first, second, strict=True):
        np.testing.assert_array_equal(small, other)
        assert truth.shape[1] == 2 * small.shape[1]
    assert len(list(validation_pairs(cache, params, limit=2))) == 2


def test_planes_keep_the_gray_unrounded(photo):
    plane = planes_of(photo, 1)
    assert np.abs(plane[0] * 255 - gray_of(photo)).max() <= 0.51
    assert len(np.unique(plane)) > 256
    np.testing.assert_array_equal(planes_of(gray_of(photo), 3)[2], gray_of(photo).astype(np.float32) * np.float32(1 / 255))
