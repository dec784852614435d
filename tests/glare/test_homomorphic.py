import numpy as np
import pytest

from dancheong.glare.homomorphic import fits_reduced_blur, homomorphic
from dancheong.imaging.color import decode, linear_to_srgb, luminance, to_pixels
from dancheong.imaging.metrics import psnr
from dancheong.imaging.resize import resize
from dancheong.params import Params

CHANNELS = ["luma", "value", "lstar", "rgb"]
RECIPE = Params(
    hf_channel="rgb", hf_space="coded", hf_renorm="minmax", hf_border="none", hf_dc_keep=False, hf_gamma_high=1.5,
    hf_max_gain=8,
)


def code_error(a, b):
    return np.abs(a.astype(int) - b.astype(int))


@pytest.mark.parametrize("identity", [{"hf_strength": 0}, {"hf_gamma_low": 1, "hf_gamma_high": 1}])
@pytest.mark.parametrize("channel", CHANNELS)
def test_identity_gives_the_same_bytes(photographs, identity, channel):
    for pixels in photographs:
        out = homomorphic(pixels, Params(hf_channel=channel, **identity))
        assert np.array_equal(out, pixels)
        assert out is not pixels


@pytest.mark.parametrize("renorm", ["geomean", "mean", "p50", "p99", "minmax"])
def test_constants_stay_constant(renorm):
    for code in range(256):
        gray = np.full((5, 7), code, np.uint8)
        assert np.array_equal(homomorphic(gray, Params(hf_renorm=renorm)), gray)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("space", ["linear", "coded"])
def test_constant_colors_stay_constant(channel, space):
    params = Params(hf_channel=channel, hf_space=space)
    for color in ([0, 0, 0], [255, 255, 255], [3, 7, 11], [200, 40, 90]):
        pixels = np.broadcast_to(np.uint8(color), (9, 11, 3)).copy()
        assert np.array_equal(homomorphic(pixels, params), pixels)
        deep = pixels.astype(np.uint16) * 257
        assert code_error(homomorphic(deep, params), deep).max() <= 1


@pytest.mark.parametrize("settings", [{}, {"hf_gamma_low": 0.1}, {"hf_cutoff": 2}, {"hf_strength": 0.5}, {"hf_dc_keep": False}])
def test_the_fast_path_is_the_exact_one_to_a_code(photographs, settings):
    fast, exact = Params(**settings), Params(hf_backend="dct", **settings)
    fitting = [pixels for pixels in photographs if fits_reduced_blur(pixels, fast)]
    assert fitting
    for pixels in fitting:
        unit = 1 if pixels.dtype == np.uint8 else 257
        error = code_error(homomorphic(pixels, fast), homomorphic(pixels, exact)) / unit
        # Near the border of the gamut a thousandth of light decides over several codes of chroma.
        assert np.mean(error > 1) < 1e-3
        assert np.percentile(error, 99.9) <= 1


def test_dct_and_rfft_give_the_same_photograph(china):
    assert code_error(
        homomorphic(china, Params(hf_backend="dct")), homomorphic(china, Params(hf_backend="rfft"))
    ).max() <= 1


@pytest.mark.parametrize("transfer", ["gaussian", "butterworth", "dog"])
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("space", ["linear", "coded"])
def test_every_combination_keeps_shape_and_type(photographs, transfer, channel, space):
    params = Params(hf_transfer=transfer, hf_channel=channel, hf_space=space, hf_gamma_high=1.3)
    for pixels in (photographs[2], photographs[3], photographs[4]):
        out = homomorphic(pixels, params)
        assert out.shape == pixels.shape
        assert out.dtype == pixels.dtype
        assert not np.array_equal(out, pixels)


@pytest.mark.parametrize("channel", ["luma", "value", "lstar"])
def test_color_ratios_are_kept_where_unclipped(china, channel):
    deep = to_pixels(linear_to_srgb(decode(china) * np.float32(0.5)), np.uint16)
    before, after = decode(deep), decode(homomorphic(deep, Params(hf_channel=channel)))
    plain = (before.min(-1) > 0.01) & (after.max(-1) < 0.98)
    ratios = after[plain] / before[plain]
    assert (ratios.max(-1) / ratios.min(-1)).max() < 1.01


def test_out_of_gamut_colors_lose_chroma_not_luminance():
    """A vivid patch in the shade is brightened beyond what red can hold: it pales, and gets as much light as its shade."""
    pixels = np.full((96, 128, 3), 230 * 257, np.uint16)
    pixels[:, :64] = 10 * 257
    pixels[40:44, 20:24] = np.array([235, 60, 20], np.uint16) * 257
    params = Params(hf_max_gain=1.5, hf_backend="dct", hf_gamma_low=0.2, hf_cutoff=2)
    before, after = decode(pixels), decode(homomorphic(pixels, params))
    patch_before, patch = before[42, 22], after[42, 22]
    shade_gain = after[38, 22, 1] / before[38, 22, 1]
    assert shade_gain * patch_before[0] > 1.1
    assert patch.max() <= 1
    assert patch[2] / patch[0] > 1.05 * patch_before[2] / patch_before[0]
    assert luminance(patch) / luminance(patch_before) == pytest.approx(shade_gain, rel=0.03)


def test_gray_filters_as_its_replica(photographs):
    gray = photographs[3]
    color = np.repeat(gray[..., None], 3, axis=2)
    for params in (Params(), Params(hf_backend="dct"), Params(hf_channel="lstar"), Params(hf_space="coded")):
        alone, replica = homomorphic(gray, params), homomorphic(color, params)
        assert code_error(replica, alone[..., None]).max() <= 1


def test_flips_and_turns_commute(photographs):
    for params in (Params(), Params(hf_transfer="butterworth")):
        pixels = photographs[1]
        out = homomorphic(pixels, params)
        for turn in (np.flipud, np.fliplr, lambda a: a.swapaxes(0, 1)):
            turned = homomorphic(np.ascontiguousarray(turn(pixels)), params)
            assert np.percentile(code_error(turned, turn(out)), 99.9) <= 1


def test_half_the_size_looks_the_same(china):
    large = china[:426]
    small = resize(large, (213, 320))
    assert psnr(homomorphic(small, Params()), resize(homomorphic(large, Params()), (213, 320))) > 30


def test_max_gain_bounds_the_brightening():
    pixels = np.full((96, 128), 200 * 257, np.uint16)
    pixels[:, :40] = 12 * 257
    spread = {}
    for bound in (1.0, 1.5, 8.0):
        params = Params(hf_gamma_low=0.0, hf_max_gain=bound, hf_renorm="p99", hf_cutoff=4, hf_backend="dct")
        gain = decode(homomorphic(pixels, params)) / decode(pixels)
        # The renormalization is one factor for the whole picture: the spread of gains shows the bound without it.
        spread[bound] = gain.max() / gain.min()
    assert spread[1.5] / spread[1.0] == pytest.approx(1.5, rel=0.02)
    assert spread[8.0] > spread[1.5]


@pytest.mark.parametrize("renorm", ["geomean", "mean", "p50", "p99"])
def test_renorm_keeps_what_it_names(china, renorm):
    level = {
        "geomean": lambda y: np.exp(np.log(np.maximum(y, 1e-5)).mean()),
        "mean": np.mean,
        "p50": np.median,
        "p99": lambda y: np.percentile(y, 99),
    }[renorm]
    dark = to_pixels(linear_to_srgb(decode(china) * np.float32(0.3)), np.uint8)
    before, after = (level(luminance(decode(p))) for p in (dark, homomorphic(dark, Params(hf_renorm=renorm))))
    assert after == pytest.approx(before, rel=0.02)


def test_public_recipe_stretches_and_fades_colors(china):
    from dancheong.imaging.metrics import colorfulness

    out = homomorphic(china, RECIPE)
    assert out.min() == 0
    assert out.max() == 255
    assert colorfulness(out) < 0.95 * colorfulness(china)
    assert colorfulness(homomorphic(china, Params())) > colorfulness(out)


@pytest.mark.parametrize("size", [(1, 7), (2, 2), (5, 1), (3, 400)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("params", [Params(), Params(hf_backend="dct"), RECIPE, Params(hf_channel="lstar")])
def test_tiny_pictures_come_back_whole(size, dtype, params):
    rng = np.random.default_rng(3)
    for shape in (size, (*size, 3)):
        pixels = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
        out = homomorphic(pixels, params)
        assert out.shape == pixels.shape
        assert out.dtype == dtype


def test_the_input_is_not_changed(china):
    copy = china.copy()
    homomorphic(china, Params())
    homomorphic(china, Params(hf_backend="dct"))
    assert np.array_equal(china, copy)
