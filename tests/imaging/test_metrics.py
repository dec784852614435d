from collections.abc import Callable

import numpy as np
import pytest
from skimage import color, metrics

from dancheong.imaging.metrics import chroma_wasserstein, colorfulness, mean_delta_e_2000, psnr, ssim


@pytest.fixture(scope="module")
def noisy(palace: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 12, palace.shape)
    return np.clip(palace + noise, 0, 255).round().astype(np.uint8)


def test_psnr_agrees_with_scikit_image(palace: np.ndarray, noisy: np.ndarray) -> None:
    wanted = metrics.peak_signal_noise_ratio(palace, noisy)
    assert psnr(palace, noisy) == pytest.approx(wanted, abs=1e-4)
    assert psnr(palace[..., 0], noisy[..., 0]) == pytest.approx(
        metrics.peak_signal_noise_ratio(palace[..., 0], noisy[..., 0]), abs=1e-4
    )
    assert psnr(palace, palace) == float("inf")


def test_ssim_agrees_with_scikit_image(palace: np.ndarray, noisy: np.ndarray) -> None:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    wanted = metrics.structural_similarity(palace, noisy, channel_axis=2, **options)
    assert ssim(palace, noisy) == pytest.approx(wanted, abs=1e-4)
    wanted = metrics.structural_similarity(palace[..., 0], noisy[..., 0], **options)
    assert ssim(palace[..., 0], noisy[..., 0]) == pytest.approx(wanted, abs=1e-4)
    assert ssim(palace, palace) == pytest.approx(1)


def test_mean_delta_e_agrees_with_scikit_image(palace: np.ndarray, noisy: np.ndarray) -> None:
    tall, tall_noisy = np.tile(palace, (6, 1, 1)), np.tile(noisy, (6, 1, 1))  # more than one strip
    wanted = color.deltaE_ciede2000(color.rgb2lab(palace), color.rgb2lab(noisy)).mean()
    assert mean_delta_e_2000(tall, tall_noisy) == pytest.approx(wanted, abs=2e-3)


def test_gray_is_scored_as_color_without_chroma(palace: np.ndarray) -> None:
    gray = palace[..., 0]
    assert mean_delta_e_2000(palace, gray) == pytest.approx(
        mean_delta_e_2000(palace, np.repeat(gray[..., None], 3, axis=2)), abs=1e-3
    )
    assert colorfulness(gray) == 0
    assert chroma_wasserstein(gray, np.repeat(gray[..., None], 3, axis=2)) == pytest.approx(0, abs=1e-4)


def test_colorfulness_agrees_with_its_definition(palace: np.ndarray) -> None:
    red, green, blue = (palace[..., channel].astype(float).ravel() for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    wanted = np.sqrt(np.var(rg) + np.var(yb)) + 0.3 * np.sqrt(np.mean(rg) ** 2 + np.mean(yb) ** 2)
    assert colorfulness(palace) == pytest.approx(wanted, rel=1e-5)
    assert colorfulness(palace.astype(np.uint16) * 257) == pytest.approx(wanted, rel=1e-5)


def test_chroma_distance_looks_at_colors_and_not_at_places(palace: np.ndarray) -> None:
    shuffled = np.random.default_rng(0).permutation(palace.reshape(-1, 3)).reshape(palace.shape)
    assert chroma_wasserstein(palace, shuffled) == pytest.approx(0, abs=1e-6)
    assert chroma_wasserstein(palace, np.tile(palace, (2, 1, 1))) == pytest.approx(0, abs=1e-3)


def test_chroma_distance_is_the_mean_shift_of_a_shifted_distribution() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    a, b = (rng.integers(0, 256, size, dtype=np.uint8) for size in ((20, 30, 3), (17, 9, 3)))
    lab_a, lab_b = color.rgb2lab(a), color.rgb2lab(b)
    wanted = [scipy_stats.wasserstein_distance(lab_a[..., k].ravel(), lab_b[..., k].ravel()) for k in (1, 2)]
    assert chroma_wasserstein(a, b) == pytest.approx(np.mean(wanted), abs=0.01)


@pytest.mark.parametrize("score", [psnr, ssim, mean_delta_e_2000])
def test_other_sizes_are_refused(score: Callable[[np.ndarray, np.ndarray], float]) -> None:
    with pytest.raises(ValueError, match="same shape"):
        score(np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (11, 3), (10, 10, 3)])
def test_small_photographs_have_scores(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    for score in (psnr, ssim, mean_delta_e_2000, chroma_wasserstein):
        assert np.isfinite(score(a, b))
    assert np.isfinite(colorfulness(a))
