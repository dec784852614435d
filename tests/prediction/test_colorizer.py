"""A model file as a callable: any size, any depth, the photograph's own lightness, no dependence on what is beside it."""

import io
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from PIL import Image

import dancheong
from dancheong.artifact import ArtifactError, write_artifact
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import gray_of, lightness_of, rgb_to_lab
from dancheong.imaging.files import write_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.resize import resize
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import scene


@pytest.fixture(scope="module")
def colorize(tmp_path_factory, new_artifact):
    path = tmp_path_factory.mktemp("궁궐 모델") / "model one.h5"
    write_artifact(path, new_artifact(resol=16))
    return Colorizer.open(path, threads=1)


def test_the_public_face(model, photograph):
    color = dancheong.Colorizer.open(str(model()))(gray_of(photograph))
    assert color.shape == photograph.shape
    assert color.dtype == np.uint8
    assert colorfulness(color) > 5


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (17, 33), (16, 16), (15, 90)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_in_the_same_size_out(colorize, size, dtype):
    gray = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, size, dtype=dtype)
    color = colorize(gray)
    assert color.shape == (*size, 3)
    assert color.dtype == dtype


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.uint8, 0.3), (np.uint16, 0.002)])
def test_the_photograph_keeps_its_lightness(colorize, photograph, dtype, tolerance):
    gray = gray_of(photograph).astype(dtype) * (np.iinfo(dtype).max // 255)
    color = colorize(gray)
    assert np.abs(rgb_to_lab(color)[..., 0] - lightness_of(gray)).max() < tolerance


def test_of_a_color_photograph_only_the_gray_is_used(colorize, photograph):
    gray = gray_of(photograph)
    from_gray = colorize(gray)
    np.testing.assert_array_equal(colorize(photograph), from_gray)
    np.testing.assert_array_equal(colorize(gray[..., None]), from_gray)
    np.testing.assert_array_equal(colorize(np.repeat(gray[..., None], 3, axis=2)), from_gray)


def test_of_a_color_photograph_with_glare_too_only_the_gray_is_used(model, photograph):
    clean = resize(photograph, (180, 268)) // 2
    colorize = Colorizer.open(model(), GLARE_MODE=Params().glare_mode)
    found = 0
    for seed in range(3):
        damaged, _ = add_glare(clean, seed, ("lobes", "rows"))
        color, prepared = colorize.colorize_with_mask(damaged)
        from_gray, prepared_gray = colorize.colorize_with_mask(gray_of(damaged))
        np.testing.assert_array_equal(prepared.alpha_hw, prepared_gray.alpha_hw)
        np.testing.assert_array_equal(color, from_gray)
        found += prepared.glare_share > 0
    assert found


def test_repeats_order_and_memory_layout_do_not_matter(colorize, photograph):
    first = colorize(photograph)
    colorize(photograph[::2, 3:])
    np.testing.assert_array_equal(colorize(photograph), first)
    np.testing.assert_array_equal(colorize(np.asfortranarray(photograph)), first)
    before = photograph.copy()
    colorize(photograph)
    np.testing.assert_array_equal(photograph, before)


@pytest.mark.parametrize("space", ["LAB", "RGB"])
def test_strips_and_threads_do_not_matter(model, photograph, space):
    path = model(color_space=space)
    whole = Colorizer.open(path, TILE_PX=4096)(photograph)
    for tile_px, threads in ((1, 1), (7, 2), (0, None)):
        part = Colorizer.open(path, threads=threads, TILE_PX=tile_px)(photograph)
        assert np.abs(part.astype(int) - whole).max() <= 1


def test_the_size_of_a_photograph_hardly_matters(colorize, photograph):
    """The same picture at one and at four times its size."""
    large = resize(photograph, (180, 268))
    assert mean_delta_e_2000(resize(colorize(large), (45, 67)), colorize(photograph)) < 1.5


def test_a_scan_of_2048_px_is_colored_as_one_of_512(model):
    """With light reflection looked for, as by default."""
    colorize = Colorizer.open(model(resol=32), GLARE_MODE=Params().glare_mode)
    large = gray_of(scene(3, 2048, 1365))
    small = resize(large, (341, 512))
    assert mean_delta_e_2000(resize(colorize(large), small.shape), colorize(small)) < 1.5


def test_bit_depth_hardly_matters(colorize, photograph):
    """The network sees 16 bits unrounded; this one, with random weights, answers strongly to a rounded code."""
    deep = colorize(gray_of(photograph).astype(np.uint16) * 257)
    difference = np.abs(deep / 257 - colorize(gray_of(photograph)))
    assert difference.max() < 4
    assert difference.mean() < 0.5


def test_rgb_repaints_everything(model, photograph):
    color = Colorizer.open(model(color_space="RGB"))(photograph)
    assert color.shape == photograph.shape
    deep = Colorizer.open(model(color_space="RGB"))(gray_of(photograph).astype(np.uint16) * 257)
    assert np.abs(deep / 257 - color).mean() < 0.5


def test_side_by_side_takes_color_and_gives_color(model, photograph):
    colorize = Colorizer.open(model(color_space="RGB", pairing="side_by_side"))
    assert colorize(photograph).shape == photograph.shape
    assert (colorize(photograph) != colorize(gray_of(photograph))).any()


def test_light_reflection_is_treated_and_told(model, photograph):
    gray = gray_of(photograph) // 2
    gray[20:24, 10:14] = 255
    left_alone = Colorizer.open(model())
    color, prepared = left_alone.colorize_with_mask(gray)
    assert prepared.alpha_hw is None
    np.testing.assert_array_equal(color, left_alone(gray))
    drawn = np.zeros_like(gray)
    drawn[19:25, 9:15] = 255
    corrected, prepared = Colorizer.open(model(), GLARE_MODE="region").colorize_with_mask(gray, drawn)
    assert prepared.alpha_hw.shape == gray.shape
    assert prepared.glare_share > 0
    assert lightness_of(gray_of(corrected))[21, 11] < lightness_of(gray)[21, 11] - 10
    untouched = prepared.alpha_hw == 0
    assert np.abs(rgb_to_lab(corrected)[..., 0] - lightness_of(gray))[untouched].max() < 0.5


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.int32), np.zeros((0, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)],
)
def test_what_is_no_photograph_is_refused(colorize, pixels):
    with pytest.raises(ValueError, match=r"\(h, w\)|uint8"):
        colorize(pixels)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_of_prediction_and_glare_may_change(model):
    colorize = Colorizer.open(model(), glare_mode="global", HF_CUTOFF="2.5", TILE_PX=64)
    assert (colorize.params.glare_mode, colorize.params.hf_cutoff, colorize.params.tile_px) == ("global", 2.5, 64)
    assert colorize.params.resol == 16
    assert colorize.category == "COMMON"
    assert len(colorize.digest) == 64


def test_the_working_size_of_prediction_may_change(model):
    path, photo = model(), scene(3, 90, 60)
    shorter = {
        px: min(Colorizer.open(path, **{name: px}).predict(gray_of(photo)[..., None]).lightness_hw.shape)
        for name, px in (("RESOL", 32), ("PREDICT_RESOL", 24), ("PREDICT_RESOL", 0))
    }
    assert shorter == {32: 32, 24: 24, 0: 16}
    with pytest.raises(ParamError, match="at least 16"):
        Colorizer.open(path, PREDICT_RESOL=3)


def test_a_network_that_has_learned_from_many_scales_sees_more_than_its_size():
    assert (Params().predict_px, Params(RESOL=64, PREDICT_RESOL=80).predict_px) == (192, 80)
    for other in ({"ENCODER": "unet"}, {"CROP_SCALE_MIN": 1}, {"COLOR_SPACE": "RGB"}):
        assert Params(**other).predict_px == 128


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"NGF": 8}, r"trained with NGF = 32.*train with it.*GLARE_MODE"),
        ({"COLOR_SPACE": "RGB"}, "COLOR_SPACE = LAB"),
        ({"GLAREMODE": "off"}, "did you mean GLARE_MODE"),
        ({"HF_CUTOFF": 1000}, "HF_CUTOFF"),
    ],
)
def test_other_settings_are_refused_in_words(model, settings, word):
    with pytest.raises(ParamError, match=word):
        Colorizer.open(model(), **settings)


def test_settings_that_do_not_go_together_are_refused_at_once(model):
    with pytest.raises(ParamError, match="HF_BORDER=symmetric"):
        Colorizer.open(model(), GLARE_MODE="global", HF_BORDER="none", HF_BACKEND="dct")


def test_the_value_that_the_model_has_may_be_repeated(model):
    assert Colorizer.open(model(), NGF=32, GLARE_MODE="off").params.ngf == 32


# -- models that do not fit --------------------------------------------------------------------------------------------


def test_models_that_do_not_fit_are_refused_by_name(tmp_path, artifact):
    path = tmp_path / "upscaler.h5"
    write_artifact(path, replace(artifact, kind="upscaler"))
    with pytest.raises(ArtifactError, match=r"upscaler\.h5: a colorizer was expected"):
        Colorizer.open(path)
    write_artifact(path, replace(artifact, params=artifact.params.model_copy(update={"color_space": "RGB"})))
    with pytest.raises(ArtifactError, match="1 channels in and 2 out"):
        Colorizer.open(path)
    write_artifact(path, replace(artifact, selftest_output=artifact.selftest_output + np.float32(0.05)))
    with pytest.raises(ArtifactError, match=r"upscaler\.h5: self-test"):
        Colorizer.open(path)


def test_vivid_moves_color_and_leaves_lightness(model, photograph):
    gray, path = gray_of(photograph), model()
    results = {vivid: Colorizer.open(path, VIVID=vivid)(gray) for vivid in (0, 0.5, 1, 1.5)}
    color = [colorfulness(results[vivid]) for vivid in (0, 0.5, 1, 1.5)]
    assert color[0] < 0.5
    assert color == sorted(color)
    assert np.array_equal(results[1], Colorizer.open(path)(gray))
    assert np.abs(lightness_of(gray_of(results[1.5])) - lightness_of(gray)).max() < 1


def test_what_is_clearly_a_photograph_is_taken_for_it(model, tmp_path):
    colorize = Colorizer.open(model())
    pixels = scene(3, 40, 30)
    path = tmp_path / "a.png"
    write_photo(path, pixels)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    given = [pixels, path, str(path), Image.fromarray(pixels), io.BytesIO(path.read_bytes()), planes]
    first, *others = colorize.batch(given)
    assert all(np.array_equal(first, other) for other in others)
    finer = colorize(pixels.astype(np.uint16) * 257)
    for floats in (pixels / 255, pixels.astype(np.float32) / 255, planes / 255):
        colored = colorize(floats)
        assert colored.dtype == np.float32
        assert np.array_equal(np.rint(colored * 65535), finer)


@pytest.mark.parametrize(("given", "words"), [
    ([np.zeros((20, 20), np.uint8)], "batch"), (np.full((20, 20), 200.0), "divide"), (7, "an open file"),
    (np.full((20, 20), np.nan), "divide"),
])
def test_what_is_not_clear_is_refused_with_what_to_write(model, given, words):
    with pytest.raises(ParamError, match=words):
        Colorizer.open(model())(given)


def test_a_colorizer_works_in_a_spawned_process_and_in_threads(model):
    colorize = Colorizer.open(model(), GLARE_MODE="off", VIVID=1.5)
    photos = [scene(seed, 40, 30) for seed in range(3)]
    here = colorize.batch(photos)
    with ThreadPoolExecutor(3) as pool:
        assert all(np.array_equal(*both) for both in zip(here, pool.map(colorize, photos), strict=True))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert all(np.array_equal(*both) for both in zip(here, pool.map(colorize, photos), strict=True))


def test_a_picture_of_pillow_keeps_its_16_bits(colorize):
    gray_hw = np.linspace(0, 65535, 2500).astype(np.uint16).reshape(50, 50)
    np.testing.assert_array_equal(colorize(Image.fromarray(gray_hw)), colorize(gray_hw))
