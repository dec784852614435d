import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancheong.imaging.resize import (
    fit_size,
    guided_upsampler,
    pad_to_multiple,
    resize,
    scaled_size,
    working_shape,
)

sides = st.integers(1, 24)


def noise(shape: tuple[int, ...], dtype: type = np.float32, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(size=shape)
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else (values * np.iinfo(dtype).max).astype(dtype)


@given(
    sides, sides, sides, sides, st.sampled_from([(), (1,), (2,), (3,), (6,)]),
    st.sampled_from([np.uint8, np.uint16, np.float32, np.float64]),
)  # fmt: skip
@settings(max_examples=60)
def test_any_size_to_any_size_within_the_range(
    h: int, w: int, height: int, width: int, channels: tuple[int, ...], dtype: type
) -> None:
    array = noise((h, w, *channels), dtype)
    result = resize(array, (height, width))
    assert result.shape == (height, width, *channels)
    assert result.dtype == dtype
    assert result is not array
    assert result.min() >= array.min() - 1e-6
    assert result.max() <= array.max() + 1e-6


@given(sides, sides, sides, sides, st.sampled_from([np.uint8, np.uint16, np.float32]))
@settings(max_examples=40)
def test_a_constant_stays_constant(h: int, w: int, height: int, width: int, dtype: type) -> None:
    value = dtype(0.3 if dtype is np.float32 else 77)
    assert resize(np.full((h, w), value), (height, width)) == pytest.approx(np.full((height, width), value), abs=1e-6)


def test_shrinking_averages_areas() -> None:
    array = noise((24, 36, 3))
    wanted = array.reshape(6, 4, 12, 3, 3).mean((1, 3))
    assert resize(array, (6, 12)) == pytest.approx(wanted, abs=1e-6)
    codes = noise((24, 36), np.uint16)
    wanted = codes.reshape(6, 4, 12, 3).mean((1, 3))
    assert np.abs(resize(codes, (6, 12)) - wanted).max() <= 0.51


def test_each_axis_is_shrunk_or_enlarged_on_its_own() -> None:
    array = noise((40, 5))
    assert resize(array, (10, 20)) == pytest.approx(resize(resize(array, (10, 5)), (10, 20)), abs=1e-6)


def test_a_ramp_is_enlarged_to_a_ramp() -> None:
    ramp = np.arange(16, dtype=np.float32)[:, None].repeat(4, axis=1)
    wanted = (np.arange(64) + 0.5) / 4 - 0.5
    assert resize(ramp, (64, 4))[12:-12, 0] == pytest.approx(wanted[12:-12], abs=0.05)


def test_what_cannot_be_resized_is_refused() -> None:
    with pytest.raises(TypeError, match="int64"):
        resize(np.zeros((4, 4), np.int64), (2, 2))
    with pytest.raises(ValueError, match="cannot resize"):
        resize(np.zeros((4, 4), np.uint8), (0, 2))
    with pytest.raises(ValueError, match="cannot resize"):
        resize(np.zeros((0, 4), np.uint8), (2, 2))


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 600))
def test_working_shape_keeps_the_aspect_and_bounds_the_work(h: int, w: int, shorter: int) -> None:
    height, width = working_shape(h, w, shorter)
    assert 1 <= min(height, width) <= shorter
    assert max(height, width) <= 4 * shorter
    assert min(height, width) == shorter or max(height, width) == 4 * shorter
    scale = min(shorter / min(h, w), 4 * shorter / max(h, w))
    assert height == 1 or abs(height - h * scale) <= 0.5
    assert width == 1 or abs(width - w * scale) <= 0.5


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000))
def test_fit_size_shrinks_to_the_longer_side_and_never_enlarges(h: int, w: int, longer: int) -> None:
    size = fit_size(h, w, longer)
    assert max(size) == min(longer, max(h, w))
    assert size == scaled_size(h, w, min(1.0, longer / max(h, w)))
    assert min(size) >= 1


@given(sides, sides, st.integers(1, 70), st.sampled_from([(), (3,)]))
def test_padding_reaches_the_multiple_and_mirrors(h: int, w: int, multiple: int, channels: tuple[int, ...]) -> None:
    array = noise((h, w, *channels))
    padded, (height, width) = pad_to_multiple(array, multiple)
    assert (height, width) == (h, w)
    assert padded.shape[0] % multiple == 0
    assert padded.shape[1] % multiple == 0
    assert padded.shape[0] - h < multiple
    assert np.array_equal(padded[:h, :w], array)
    if padded.shape[0] > h:
        assert np.array_equal(padded[h, :w], array[h - 1])


def guided_upsample(
    chroma: np.ndarray, guide: np.ndarray, full: np.ndarray, radius_px: int = 1, eps: float = 400.0
) -> np.ndarray:
    return guided_upsampler(chroma, guide, full.shape, radius_px, eps)(full, 0)


small_and_large = st.tuples(sides, sides, st.integers(1, 60), st.integers(1, 60))


@given(small_and_large)
@settings(max_examples=40)
def test_constant_chroma_stays_constant_whatever_the_guide(shape: tuple[int, int, int, int]) -> None:
    h, w, height, width = shape
    chroma = np.broadcast_to(np.float32([12.5, -40]), (h, w, 2))
    color = guided_upsample(chroma, 100 * noise((h, w)), 100 * noise((height, width), seed=1), 2, 1.0)
    assert color.shape == (height, width, 2)
    assert color == pytest.approx(np.broadcast_to(np.float32([12.5, -40]), color.shape), abs=1e-3)


@given(small_and_large)
@settings(max_examples=40)
def test_with_nothing_to_follow_it_is_a_plain_enlargement(shape: tuple[int, int, int, int]) -> None:
    h, w, height, width = shape
    chroma = 60 * noise((h, w, 1))
    flat, full = np.full((h, w), 70, np.float32), np.full((height, width), 70, np.float32)
    assert guided_upsample(chroma, flat, full) == pytest.approx(resize(chroma, (height, width)), abs=1e-3)


def test_chroma_follows_the_edges_of_the_guide() -> None:
    # A slanted border between two materials that differ in lightness and in chroma, averaged down to a sixth.
    y, x = np.mgrid[:192, :192]
    inside = (x + 0.37 * y < 130).astype(np.float32)
    guide, chroma = 30 + 50 * inside, np.stack([-10 + 50 * inside, 20 - 35 * inside], -1)
    low_guide, low_chroma = resize(guide, (32, 32)), resize(chroma, (32, 32))
    guided = guided_upsample(low_chroma, low_guide, guide, 2, 1.0)
    plain = resize(low_chroma, (192, 192))
    assert np.abs(guided - chroma).mean() < 0.25 * np.abs(plain - chroma).mean()


def test_on_a_photograph_it_is_nearer_to_the_truth_than_a_plain_enlargement(palace: np.ndarray) -> None:
    blurred = cv2.GaussianBlur(palace.astype(np.float32), (0, 0), 0.7)
    guide = blurred.mean(-1)
    chroma = blurred[..., [0, 2]] - blurred[..., [1]]
    low = working_shape(*guide.shape, 40)
    low_chroma = cv2.GaussianBlur(resize(chroma, low), (0, 0), 1)
    guided = guided_upsample(low_chroma, resize(guide, low), guide)
    plain = resize(low_chroma, guide.shape)
    assert np.abs(guided - chroma).mean() < np.abs(plain - chroma).mean()


@pytest.mark.parametrize("strip_px", [1, 7, 50])
def test_strips_of_the_upsampling_equal_the_whole(strip_px: int) -> None:
    chroma, guide, full = noise((9, 11, 2)), noise((9, 11), seed=1), noise((70, 45), seed=2)
    rows_of = guided_upsampler(chroma, guide, full.shape)
    parts = [rows_of(full[start : start + strip_px], start) for start in range(0, 70, strip_px)]
    assert np.array_equal(np.concatenate(parts), guided_upsample(chroma, guide, full))


def test_a_guide_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="guide"):
        guided_upsample(noise((4, 4, 2)), noise((5, 4)), noise((9, 9)))
