import numpy as np
import pytest

from dancheong.glare.control import control_glare
from dancheong.glare.homomorphic import homomorphic
from dancheong.glare.mask import mask_from_drawing
from dancheong.glare.simulate import add_glare
from dancheong.params import ParamError, Params


@pytest.fixture(scope="module")
def damaged(darkened):
    return add_glare(darkened, 3, ["lobes"])[0]


@pytest.mark.parametrize("stage", ["train", "predict"])
@pytest.mark.parametrize(
    ("mode", "changed", "masked"),
    [("off", False, False), ("global", True, False), ("region", True, True), ("lossmask", False, True),
     ("region+lossmask", True, True)],
)
def test_what_each_mode_does(damaged, stage, mode, changed, masked):
    treated = control_glare(damaged, Params(glare_mode=mode), stage)
    assert (not np.array_equal(treated.pixels, damaged)) == changed
    assert (treated.mask is not None) == masked


@pytest.mark.parametrize("mode", ["global", "region", "lossmask", "region+lossmask"])
def test_the_other_stage_is_left_alone(damaged, mode):
    for stage, other in (("train", "predict"), ("predict", "train")):
        treated = control_glare(damaged, Params(glare_mode=mode, glare_stage=other), stage)
        assert np.array_equal(treated.pixels, damaged)
        assert treated.mask is None


def test_global_is_the_whole_picture_filter(damaged):
    params = Params(glare_mode="global")
    assert np.array_equal(control_glare(damaged, params, "train").pixels, homomorphic(damaged, params))


def test_abstention_changes_nothing(damaged):
    treated = control_glare(damaged, Params(det_max_total=0.01, fix_grow=8, glare_mode="region"), "predict")
    assert treated.mask.abstained
    assert np.array_equal(treated.pixels, damaged)


def test_a_drawn_mask_overrides_the_detector(damaged):
    drawn = np.zeros(damaged.shape[:2], np.uint8)
    assert np.array_equal(control_glare(damaged, Params(), "predict", drawn).pixels, damaged)
    drawn[100:140, 200:260] = 255
    treated = control_glare(damaged, Params(det_max_total=0.01), "predict", drawn)
    assert np.array_equal(treated.mask.alpha_hw, drawn / np.float32(255))
    changed = (treated.pixels != damaged).any(axis=-1)
    assert changed.any()
    assert not changed[drawn == 0].any()


def test_a_drawn_mask_has_to_leave_something(damaged):
    drawn = np.full(damaged.shape[:2], 255, np.uint8)
    for value in (255, 1):
        drawn[50:] = value
        with pytest.raises(ParamError, match="black is what is not damaged"):
            control_glare(damaged, Params(), "predict", drawn)
    assert np.array_equal(control_glare(damaged, Params(glare_mode="lossmask"), "predict", drawn).pixels, damaged)


def test_drawn_masks_of_several_types(damaged):
    drawn = np.zeros(damaged.shape[:2], np.uint8)
    drawn[10:20, 10:20] = 255
    expected = mask_from_drawing(drawn, damaged, Params()).alpha_hw
    for other in (drawn > 0, drawn.astype(np.uint16) * 257, np.repeat(drawn[..., None], 3, axis=2)):
        assert np.array_equal(mask_from_drawing(other, damaged, Params()).alpha_hw, expected)
    with pytest.raises(ValueError, match="draw it on the photograph"):
        mask_from_drawing(drawn[:-1], damaged, Params())
    with pytest.raises(ValueError, match="uint8 was expected"):
        mask_from_drawing(drawn.astype(np.float32), damaged, Params())


def test_the_veil_goes_first(darkened):
    veiled, _ = add_glare(darkened, 2, ["veil"])
    assert control_glare(veiled, Params(veil_k=0.9), "predict").pixels.mean() < veiled.mean() - 5
    assert np.array_equal(control_glare(veiled, Params(veil_k=0.9, glare_mode="off"), "predict").pixels, veiled)


@pytest.mark.parametrize("mode", ["off", "global", "region"])
@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)])
def test_what_is_no_photograph_is_refused(bad, mode):
    with pytest.raises(ValueError, match="must be"):
        control_glare(bad, Params(glare_mode=mode), "predict")


def test_a_wrong_stage_is_refused(damaged):
    with pytest.raises(ValueError, match="'train' or 'predict'"):
        control_glare(damaged, Params(), "test")
