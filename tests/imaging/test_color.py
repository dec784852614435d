from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage import color as reference

from dancheong.imaging.color import (
    as_rgb,
    check_photo,
    decode,
    float01,
    gray_of,
    lab_to_pixels,
    lab_to_rgb,
    lightness_of,
    linear_to_srgb,
    luminance,
    rgb_to_lab,
    srgb_to_linear,
    to_pixels,
)
from dancheong.imaging.metrics import delta_e_2000

# Sharma, Wu and Dalal 2005, table 1: two colors and their difference.
SHARMA = np.array(
    [
        [50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425],
        [50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615],
        [50, 2.8361, -74.0200, 50, 0, -82.7485, 3.4412],
        [50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0000],
        [50, -1.1848, -84.8006, 50, 0, -82.7485, 1.0000],
        [50, -0.9009, -85.5211, 50, 0, -82.7485, 1.0000],
        [50, 0, 0, 50, -1, 2, 2.3669],
        [50, -1, 2, 50, 0, 0, 2.3669],
        [50, 2.4900, -0.0010, 50, -2.4900, 0.0009, 7.1792],
        [50, 2.4900, -0.0010, 50, -2.4900, 0.0010, 7.1792],
        [50, 2.4900, -0.0010, 50, -2.4900, 0.0011, 7.2195],
        [50, 2.4900, -0.0010, 50, -2.4900, 0.0012, 7.2195],
        [50, -0.0010, 2.4900, 50, 0.0009, -2.4900, 4.8045],
        [50, -0.0010, 2.4900, 50, 0.0010, -2.4900, 4.8045],
        [50, -0.0010, 2.4900, 50, 0.0011, -2.4900, 4.7461],
        [50, 2.5, 0, 50, 0, -2.5, 4.3065],
        [50, 2.5, 0, 73, 25, -18, 27.1492],
        [50, 2.5, 0, 61, -5, 29, 22.8977],
        [50, 2.5, 0, 56, -27, -3, 31.9030],
        [50, 2.5, 0, 58, 24, 15, 19.4535],
        [50, 2.5, 0, 50, 3.1736, 0.5854, 1.0000],
        [50, 2.5, 0, 50, 3.2972, 0, 1.0000],
        [50, 2.5, 0, 50, 1.8634, 0.5757, 1.0000],
        [50, 2.5, 0, 50, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def all_colors(step: int = 15) -> np.ndarray:
    """Colors all over the cube, its faces and corners included, as (n, 1, 3) uint8."""
    levels = np.arange(0, 256, step, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 1, 3)


def photographs(dtype: type = np.uint8) -> st.SearchStrategy[np.ndarray]:
    return arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


def hue(lab: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))


def test_srgb_curve_is_the_standard_one() -> None:
    coded = np.linspace(0, 1, 1001)
    standard = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    assert srgb_to_linear(coded) == pytest.approx(standard, abs=1e-6)
    assert linear_to_srgb(standard) == pytest.approx(coded, abs=1e-6)


def test_tables_decode_as_the_formula_does() -> None:
    for dtype in (np.uint8, np.uint16):
        codes = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        assert decode(codes) == pytest.approx(srgb_to_linear(float01(codes)), abs=1e-6)


def test_pixels_of_other_types_are_refused_in_words() -> None:
    with pytest.raises(TypeError, match="uint8, uint16 or floating point"):
        decode(np.zeros((2, 2), np.int32))


@pytest.mark.parametrize("bad", [
    np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8),
    np.full((4, 4), np.nan, np.float32),
])
def test_what_is_no_photograph_is_refused_in_words(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a target must be .* not"):
        check_photo(bad, "a target")


@pytest.mark.parametrize("good", [np.zeros((4, 4), np.uint8), np.zeros((1, 1, 3), np.uint16)])
def test_photographs_pass(good: np.ndarray) -> None:
    check_photo(good)


def test_lab_agrees_with_scikit_image(palace: np.ndarray) -> None:
    for pixels in (palace, all_colors()):
        assert np.abs(rgb_to_lab(pixels) - reference.rgb2lab(pixels)).max() < 1e-2


def test_lab_is_the_same_at_every_depth(palace: np.ndarray) -> None:
    lab = rgb_to_lab(palace)
    assert np.abs(rgb_to_lab(palace.astype(np.uint16) * 257) - lab).max() < 1e-4
    assert np.abs(rgb_to_lab(float01(palace)) - lab).max() < 1e-3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_neutral_colors_have_no_chroma(dtype: type) -> None:
    gray = np.linspace(0, np.iinfo(dtype).max, 256).astype(dtype)[None]
    lab = rgb_to_lab(np.repeat(gray[..., None], 3, axis=2))
    assert np.abs(lab[..., 1:]).max() < 1e-4
    assert lab[..., 0] == pytest.approx(lightness_of(gray), abs=1e-4)
    assert lab[0, [0, -1], 0] == pytest.approx([0, 100], abs=1e-4)
    assert np.array_equal(rgb_to_lab(gray)[..., 0], lightness_of(gray))


@pytest.mark.parametrize(("dtype", "codes_off"), [(np.uint8, 0), (np.uint16, 4)])
def test_round_trip_through_lab_is_exact_to_float32(palace: np.ndarray, dtype: type, codes_off: int) -> None:
    scale = np.iinfo(dtype).max // 255
    for pixels in (palace, all_colors()):
        there = pixels.astype(dtype) * dtype(scale)
        back = to_pixels(lab_to_rgb(rgb_to_lab(there)), dtype)
        assert np.abs(back.astype(int) - there).max() <= codes_off


@given(photographs())
@settings(max_examples=30)
def test_round_trip_of_any_photograph(pixels: np.ndarray) -> None:
    assert np.array_equal(to_pixels(lab_to_rgb(rgb_to_lab(pixels)), np.uint8), pixels)


@given(photographs(np.uint16))
@settings(max_examples=30)
def test_gray_shares_its_lightness_with_the_color(pixels: np.ndarray) -> None:
    gray = gray_of(pixels)
    assert gray.shape == pixels.shape[:2]
    assert gray.dtype == pixels.dtype
    assert np.abs(lightness_of(gray) - rgb_to_lab(pixels)[..., 0]).max() < 1e-3  # half a 16-bit code at most


def test_gray_is_the_coded_luminance_not_the_luma() -> None:
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert gray_of(red)[0, 0] == 127
    assert luminance(decode(red))[0, 0] == pytest.approx(0.212671, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_of_gray_is_itself(dtype: type) -> None:
    codes = np.arange(np.iinfo(dtype).max + 1).astype(dtype)[None]
    assert gray_of(codes) is codes
    assert np.array_equal(gray_of(np.repeat(codes[..., None], 3, axis=2)), codes)


def wild_lab(n: int = 4000) -> np.ndarray:
    """Colors, most of them out of every gamut."""
    rng = np.random.default_rng(5)
    return np.stack([rng.uniform(0, 100, n), rng.uniform(-150, 150, n), rng.uniform(-150, 150, n)], -1)[None]


def test_gamut_mapping_keeps_lightness_and_hue() -> None:
    wanted = wild_lab()
    coded = lab_to_rgb(wanted)
    assert coded.min() >= 0
    assert coded.max() <= 1
    got = rgb_to_lab(coded)
    assert np.abs(got[..., 0] - wanted[..., 0]).max() < 1e-3
    chroma = np.hypot(got[..., 1], got[..., 2])
    assert (chroma <= np.hypot(wanted[..., 1], wanted[..., 2]) + 1e-3).all()
    turn = np.abs((hue(got) - hue(wanted) + 180) % 360 - 180)
    assert turn[chroma > 2].max() < 0.2


def test_gamut_mapping_goes_to_the_border_and_no_further() -> None:
    wanted = wild_lab()
    coded = lab_to_rgb(wanted)
    changed = np.abs(rgb_to_lab(coded) - wanted).max(-1) > 0.1
    inner = (coded.min(-1) > 1e-3) & (coded.max(-1) < 1 - 1e-3)
    assert changed.mean() > 0.5
    assert not (changed & inner).any()


def test_black_and_white_take_no_color() -> None:
    lab = np.array([[[0, 60, -40], [100, 60, -40], [-5, 10, 10], [120, 10, 10]]], np.float32)
    assert to_pixels(lab_to_rgb(lab), np.uint8)[0].tolist() == [[0] * 3, [255] * 3, [0] * 3, [255] * 3]


def test_chroma_on_a_16_bit_gray_keeps_its_luminance() -> None:
    gray = np.arange(0, 65536, 7, dtype=np.uint16)[None]
    for chroma in ([20, 30], [-120, 90], [3, -1]):
        lab = np.concatenate([lightness_of(gray)[..., None], np.broadcast_to(np.float32(chroma), (*gray.shape, 2))], -1)
        back = gray_of(to_pixels(lab_to_rgb(lab), np.uint16))
        assert np.abs(back.astype(int) - gray).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_of_lab_are_those_of_its_floats(dtype: type) -> None:
    lab = np.tile(wild_lab().reshape(40, 100, 3), (4, 10, 1))  # of several blocks
    pixels, exact = lab_to_pixels(lab[..., 0], lab[..., 1:], dtype), lab_to_rgb(lab) * np.iinfo(dtype).max
    assert np.abs(pixels - exact).max() <= (0.53 if dtype == np.uint8 else 0.6)
    assert np.array_equal(lab_to_pixels(lab[99:101, ::7, 0], lab[99:101, ::7, 1:], dtype), pixels[99:101, ::7])
    gray = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)[None]
    assert np.array_equal(lab_to_pixels(lightness_of(gray), np.zeros((*gray.shape, 2)), dtype), as_rgb(gray))


@given(arrays(np.float32, array_shapes(max_dims=3), elements=st.floats(-2, 3, width=32)))
def test_to_pixels_rounds_and_clips(values: np.ndarray) -> None:
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = to_pixels(values, dtype)
        assert pixels.dtype == dtype
        assert np.abs(pixels / top - np.clip(values, 0, 1)).max() <= 0.51 / top  # float32 at 16 bits
    with pytest.raises(TypeError):
        to_pixels(values, np.int64)


def test_all_codes_survive_floats() -> None:
    for dtype in (np.uint8, np.uint16):
        codes = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        assert np.array_equal(to_pixels(float01(codes), dtype), codes)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 5.1e-5), (np.float32, 1e-3)])
def test_ciede2000_gives_the_published_differences(dtype: type, tolerance: float) -> None:
    first, second, wanted = SHARMA[:, :3].astype(dtype), SHARMA[:, 3:6].astype(dtype), SHARMA[:, 6]
    got = delta_e_2000(first, second)
    assert got.dtype == dtype
    assert np.abs(got - wanted).max() < tolerance
    assert np.array_equal(delta_e_2000(second, first), got)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ciede2000_is_the_same_to_the_last_bit_with_its_colors_exchanged(dtype: type) -> None:
    first, second = wild_lab().astype(dtype), wild_lab()[:, ::-1].astype(dtype)
    assert np.array_equal(delta_e_2000(first, second), delta_e_2000(second, first))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-4), (np.float64, 1e-9)])
@pytest.mark.parametrize("last_bits", list(product((-np.inf, np.inf), repeat=2)))
def test_ciede2000_of_opposite_hues_does_not_hang_on_the_last_bit_of_an_angle(
    dtype: type, tolerance: float, last_bits: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Halves are exact, and so are hues made opposite by them; a step of b* to either side is a hue that is not opposite.
    # No b* of 0: the angle of 0 degrees is exact everywhere.
    first = np.random.default_rng(5).integers((20, -60, -30), (80, 60, 30), (400, 3)) * (1.0, 1, 2) + (0, 0, 1)
    second = np.concatenate([first * (1, -0.5, -0.5) + (0, 0, step) for step in (-1 / 64, 0, 1 / 64)])
    first = np.tile(first, (3, 1))
    wanted = delta_e_2000(first, second)
    # Processors differ in the last bit of an angle: both of a pair may come out greater or smaller.
    arctan2, towards = np.arctan2, iter(last_bits)
    monkeypatch.setattr(np, "arctan2", lambda y, x: np.nextafter(arctan2(y, x), next(towards)))
    got = delta_e_2000(first.astype(dtype), second.astype(dtype))
    assert np.abs(got - wanted).max() < tolerance


def test_ciede2000_agrees_with_scikit_image() -> None:
    first, second = wild_lab(), wild_lab()[:, ::-1]
    assert np.abs(delta_e_2000(first, second) - reference.deltaE_ciede2000(first, second)).max() < 1e-9
    assert not delta_e_2000(first, first).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_one_row_or_column_is_a_photograph(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert gray_of(pixels).shape == shape
    assert np.array_equal(to_pixels(lab_to_rgb(rgb_to_lab(pixels)), np.uint8), pixels)


def test_gray_as_color() -> None:
    gray = np.arange(6, dtype=np.uint16).reshape(2, 3)
    color = as_rgb(gray)
    assert (color.shape, color.dtype) == ((2, 3, 3), np.uint16)
    assert (color == gray[..., None]).all()
    assert as_rgb(color) is color
