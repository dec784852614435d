"""One prepare for all, and the numbers that the network sees."""

import cv2
import numpy as np
import pytest

from dancheong.data import prepare as prepare_module
from dancheong.data.prepare import (
    channels,
    check_together,
    from_network,
    prepare,
    target_to_network,
    to_network,
    tone_table,
    uses_loss_mask,
)
from dancheong.glare.control import GlareResult
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import gray_of, rgb_to_lab, srgb_to_linear
from dancheong.params import ParamError, Params

OFF = Params(glare_mode="off")
RGB = Params(glare_mode="off", color_space="RGB")
HALVES = Params(pairing="side_by_side", color_space="RGB")


def view(seed=0, height=40, width=56, dtype=np.uint8):
    top = np.iinfo(dtype).max
    coarse = np.random.default_rng(seed).integers(0, top + 1, (height // 4, width // 4, 3)).astype(dtype)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


class FakeMask:
    """Alpha, share and abstained, as GlareMask has them."""

    def __init__(self, alpha_hw, abstained=False):
        self.alpha_hw, self.share, self.abstained = alpha_hw.astype(np.float32), float(alpha_hw.mean()), abstained


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("params", [OFF, RGB])
def test_training_and_prediction_prepare_alike_when_glare_control_is_off(params, dtype):
    color = view(dtype=dtype)
    trained, predicted = prepare(color, params, "train"), prepare(gray_of(color), params, "predict")
    assert trained.input_hwc.dtype == dtype
    assert np.array_equal(trained.input_hwc, predicted.input_hwc)
    assert np.array_equal(trained.target_hwc, color)
    assert predicted.target_hwc is None
    assert trained.alpha_hw is None
    assert trained.glare_share == 0
    assert not trained.abstained
    assert np.array_equal(to_network(trained.input_hwc, params), to_network(predicted.input_hwc, params))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.uint8, 0.25), (np.uint16, 0.01)])
def test_gray_input_has_the_lightness_of_the_target(dtype, tolerance):
    color = view(1, dtype=dtype)
    lightness = (to_network(prepare(color, OFF, "train").input_hwc, OFF)[0] + 1) * 50
    assert np.abs(lightness - rgb_to_lab(color)[..., 0]).max() < tolerance


@pytest.mark.parametrize("params", [OFF, RGB, HALVES])
def test_numbers_are_planar_contiguous_float32_in_range_and_go_back_to_the_picture(params):
    color = view(2)
    prepared = prepare(color, params, "train", color if params is HALVES else None)
    inputs, targets = to_network(prepared.input_hwc, params), target_to_network(prepared.target_hwc, params)
    assert (inputs.shape[0], targets.shape[0]) == channels(params)
    for planes in (inputs, targets):
        assert planes.shape[1:] == color.shape[:2]
        assert planes.dtype == np.float32
        assert planes.flags.c_contiguous
        assert planes.min() >= -1
        assert planes.max() <= 1
    assert np.abs(from_network(inputs, targets, params).astype(int) - color).max() <= 2


def test_extremes_map_to_minus_one_and_one():
    ends = np.array([[[0], [255]]], np.uint8)
    for params in (OFF, RGB):
        assert np.allclose(to_network(ends, params).ravel(), [-1, 1], atol=1e-6)
    assert np.allclose(to_network(np.repeat(ends, 3, axis=2), HALVES)[:, 0], [[-1, 1]] * 3, atol=1e-6)


def test_channels_and_the_spaces_of_halves():
    assert [channels(params) for params in (OFF, RGB, HALVES)] == [(1, 2), (1, 3), (3, 3)]
    with pytest.raises(ParamError, match="COLOR_SPACE=RGB"):
        channels(Params(pairing="side_by_side"))


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"pairing": "side_by_side"}, "COLOR_SPACE=RGB"),
     ({"glare_mode": "global", "hf_border": "none", "hf_backend": "dct"}, "HF_BORDER=symmetric"),
     ({"glare_mode": "global", "hf_transfer": "butterworth", "hf_backend": "pyramid"}, "HF_BACKEND=dct")],
)  # fmt: skip
def test_rows_that_do_not_go_together_are_refused(settings, word):
    check_together(Params())
    with pytest.raises(ParamError, match=word):
        check_together(Params(**settings))


def test_at_prediction_and_beside_a_target_only_the_gray_counts():
    light, _ = add_glare(view(7, 160, 200) // 2, 3, ("lobes", "rows"))
    assert not np.array_equal(light[..., 0], light[..., 1])
    params = Params(glare_mode="region+lossmask", det_method="threshold")
    found = prepare(gray_of(light), params, "predict")
    assert found.glare_share > 0
    for prepared, stage in ((prepare(light, params, "predict"), "predict"), (prepare(light, params, "train", light), "train")):
        expected = found if stage == "predict" else prepare(gray_of(light), params, "train", light)
        assert np.array_equal(prepared.input_hwc, expected.input_hwc)
        assert np.array_equal(prepared.alpha_hw, expected.alpha_hw)
        assert prepared.glare_share == expected.glare_share


def test_halves_pass_untouched_whatever_the_glare_mode():
    source, target = view(3), view(4)
    prepared = prepare(source, HALVES, "train", target)
    assert prepared.input_hwc is source
    assert prepared.target_hwc is target
    assert prepared.alpha_hw is None
    assert prepare(source[..., 0], HALVES, "predict").input_hwc.shape == source.shape


def test_exposure_and_contrast_act_on_linear_light():
    plain, brighter = tone_table("RGB", "uint8"), tone_table("RGB", "uint8", exposure_stops=1.0)
    light, twice = srgb_to_linear((plain + 1) / 2), srgb_to_linear((brighter + 1) / 2)
    assert np.allclose(twice, np.minimum(2 * light, 1), atol=1e-5)
    steeper = srgb_to_linear((tone_table("RGB", "uint8", contrast=1.3) + 1) / 2)
    middle = int(np.argmin(np.abs(light - 0.18)))
    assert steeper[middle] == pytest.approx(light[middle], rel=0.02)
    assert steeper[40] < light[40]
    assert steeper[230] > light[230]
    assert np.all(np.diff(tone_table("LAB", "uint8", 0.3, 0.9)) >= 0)


def test_prediction_never_touches_the_truth_and_training_treats_both(monkeypatch):
    alphas = iter([np.eye(40, 56), np.eye(40, 56)[::-1]])
    monkeypatch.setattr(
        prepare_module, "control_glare",
        lambda pixels, params, stage, drawn=None: GlareResult(pixels // 2, FakeMask(next(alphas))),
    )
    color = view(5)
    trained = prepare(gray_of(color), Params(), "train", color)
    assert np.array_equal(trained.target_hwc, color // 2)
    assert np.array_equal(trained.alpha_hw, np.maximum(np.eye(40, 56), np.eye(40, 56)[::-1]).astype(np.float32))
    halved = GlareResult(color[..., 0] // 2, FakeMask(np.eye(40, 56), True))
    monkeypatch.setattr(prepare_module, "control_glare", lambda *_: halved)
    predicted = prepare(gray_of(color), Params(), "predict", color)
    assert np.array_equal(predicted.target_hwc, color)
    assert np.array_equal(predicted.input_hwc[..., 0], color[..., 0] // 2)
    assert predicted.abstained
    assert predicted.glare_share == pytest.approx(40 / (40 * 56))


def test_derived_gray_is_the_gray_of_the_treated_color():
    params = Params(glare_mode="global")
    prepared = prepare(view(6), params, "train")
    assert np.array_equal(prepared.input_hwc[..., 0], gray_of(prepared.target_hwc))
    assert not np.array_equal(prepared.target_hwc, view(6))


@pytest.mark.parametrize(
    ("settings", "used"),
    [({}, True), ({"glare_mode": "region"}, False), ({"glare_stage": "predict"}, False), ({"loss_mask": "off"}, False),
     ({"pairing": "side_by_side"}, False), ({"glare_mode": "lossmask", "glare_stage": "train"}, True)],
)  # fmt: skip
def test_when_the_loss_leaves_damage_out(settings, used):
    assert uses_loss_mask(Params(**settings)) is used


@pytest.mark.parametrize(
    ("pixels", "message"),
    [(np.zeros((4, 4), np.float32), "uint8 or uint16, not float32"), (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
     (np.zeros((0, 4), np.uint8), "not empty")],
)  # fmt: skip
def test_wrong_pixels_are_refused_by_what_came(pixels, message):
    with pytest.raises(ValueError, match=message):
        prepare(pixels, OFF, "predict")


def test_a_target_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"56 x 39 px but the photograph 56 x 40 px"):
        prepare(view(), OFF, "train", view()[1:])


def test_wrong_channels_are_refused():
    with pytest.raises(ValueError, match=r"\(h, w, 1\) was expected"):
        to_network(view(), OFF)
    with pytest.raises(ValueError, match=r"\(h, w, 3\) was expected"):
        target_to_network(view()[..., :1], OFF)
