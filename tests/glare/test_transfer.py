import numpy as np
import pytest

from dancheong.glare import transfer as transfer_module
from dancheong.glare.transfer import apply_exactly, choose_backend, transfer
from dancheong.imaging.color import decode, luminance
from dancheong.params import Params

SIZES = [(1, 1), (1, 7), (2, 2), (5, 1), (3, 400), (48, 64), (101, 76)]


def log_filter(z, params, by=None):
    return transfer_module.log_filter(z, params if by is None else params.model_copy(update={"hf_backend": by}))


@pytest.fixture(scope="module")
def z(china):
    return np.log(luminance(decode(china)) + np.float32(1 / 1024))


def mirrored_in_double(z_hw, params):
    """The filter by a complex FFT of the 2M x 2N extension, written apart from the library."""
    height, width = z_hw.shape
    extended = np.block([[z_hw, z_hw[:, ::-1]], [z_hw[::-1], z_hw[::-1, ::-1]]]).astype(np.float64)
    f2 = np.fft.fftfreq(2 * height)[:, None] ** 2 + np.fft.fftfreq(2 * width)[None, :] ** 2
    f0 = params.hf_cutoff / max(height, width)
    if params.hf_transfer == "gaussian":
        highpass = 1 - np.exp(-f2 / (2 * f0**2))
    elif params.hf_transfer == "butterworth":
        highpass = (f2 / f0**2) ** params.hf_order / (1 + (f2 / f0**2) ** params.hf_order)
    else:
        highpass = np.exp(-f2 / (2 * (params.hf_dog_ratio * f0) ** 2)) - np.exp(-f2 / (2 * f0**2))
    gain = params.hf_gamma_low + (params.hf_gamma_high - params.hf_gamma_low) * highpass
    if params.hf_dc_keep:
        gain[0, 0] = 1
    return np.fft.ifft2(np.fft.fft2(extended) * gain).real[:height, :width]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_mirrored", [True, False])
def test_a_gain_of_1_gives_the_plane_back(size, dtype, is_mirrored):
    plane = np.random.default_rng(0).standard_normal(size).astype(dtype)
    same = apply_exactly(plane, lambda spectrum, rows, columns: spectrum * np.ones_like(rows * columns), is_mirrored)
    assert same.dtype == dtype
    assert np.abs(same - plane).max() < 5e-6


@pytest.mark.parametrize("kind", ["gaussian", "butterworth", "dog"])
@pytest.mark.parametrize("cut", [(0, 0), (1, 1), (0, 1)])
def test_dct_equals_the_mirrored_fft(z, kind, cut):
    plane = z[cut[0] :, cut[1] :]
    params = Params(hf_transfer=kind, hf_cutoff=2, hf_gamma_low=0.3, hf_gamma_high=1.5, hf_order=2)
    expected = mirrored_in_double(plane, params)
    assert np.abs(log_filter(plane, params, by="dct") - expected).max() < 1e-5
    assert np.abs(log_filter(plane, params, by="rfft") - expected).max() < 1e-9


@pytest.mark.parametrize("kind", ["gaussian", "dog"])
@pytest.mark.parametrize("cutoff", [0.25, 1, 4, 64])
@pytest.mark.parametrize("keep", [True, False])
def test_pyramid_is_near_the_mirrored_fft(z, kind, cutoff, keep):
    params = Params(hf_transfer=kind, hf_cutoff=cutoff, hf_dc_keep=keep)
    assert np.abs(log_filter(z, params, by="pyramid") - mirrored_in_double(z, params)).max() < 5e-3


@pytest.mark.parametrize("backend", ["dct", "rfft", "pyramid"])
def test_mean_of_log_light_is_kept(z, backend):
    filtered = log_filter(z, Params(hf_gamma_low=0.2), by=backend)
    assert filtered.mean(dtype=np.float64) == pytest.approx(z.mean(dtype=np.float64), abs=2e-7)


def test_without_dc_keep_the_mean_is_multiplied_by_gamma_low(z):
    for backend in ("dct", "rfft", "pyramid"):
        filtered = log_filter(z, Params(hf_gamma_low=0.25, hf_dc_keep=False), by=backend)
        assert filtered.mean(dtype=np.float64) == pytest.approx(0.25 * z.mean(dtype=np.float64), abs=2e-4)


@pytest.mark.parametrize("s_px", [2.0, 5.0, 12.0])
@pytest.mark.parametrize("backend", ["dct", "rfft", "pyramid"])
def test_peak_law_of_a_gaussian_glint(s_px, backend):
    params = Params(hf_cutoff=4, hf_gamma_low=0.3, hf_gamma_high=1.0)
    y, x = np.mgrid[:384, :384]
    glint = np.exp(-((y - 191.5) ** 2 + (x - 191.5) ** 2) / (2 * s_px**2))
    flat = np.full((384, 384), -2.0)
    kept = (log_filter(flat + glint, params, by=backend) - log_filter(flat, params, by=backend)).max() / glint.max()
    sigma = 1 / (2 * np.pi * 4 / 384)
    # The mean, which is kept, adds its share of the glint.
    expected = 1 - 0.7 * s_px**2 / (s_px**2 + sigma**2) + 0.7 * glint.mean()
    assert kept == pytest.approx(expected, abs=0.01)


def test_relighting_leaves_gamma_low_of_the_light(z):
    params = Params(hf_cutoff=4, hf_gamma_low=0.5)
    rows = (np.arange(z.shape[0]) + 0.5) / z.shape[0]
    columns = (np.arange(z.shape[1]) + 0.5) / z.shape[1]
    light = np.cos(np.pi * rows)[:, None] * 0.5 + np.cos(np.pi * columns)[None, :]
    residual = log_filter(z + light, params) - log_filter(z, params)
    gain = np.sum(residual * light) / np.sum(light**2)
    assert gain == pytest.approx(0.5, abs=0.02)


def test_flips_and_turns_commute_with_the_filter(z):
    params = Params(hf_cutoff=3)
    for backend in ("dct", "pyramid"):
        filtered = log_filter(z, params, by=backend)
        for turn in (np.flipud, np.fliplr, np.transpose):
            assert np.abs(log_filter(np.ascontiguousarray(turn(z)), params, by=backend) - turn(filtered)).max() < 2e-4


def test_dc_and_limits_of_the_transfer_functions():
    f2 = np.array([0.0, 1e-9, 0.25])
    for kind in ("gaussian", "butterworth"):
        gain = transfer(f2, 0.01, Params(hf_transfer=kind, hf_gamma_low=0.4, hf_gamma_high=1.8, hf_order=2))
        assert gain[0] == 1
        assert gain[1] == pytest.approx(0.4, abs=1e-3)
        assert gain[2] == pytest.approx(1.8, abs=1e-3)
    band = transfer(f2, 0.001, Params(hf_transfer="dog", hf_gamma_low=0.4, hf_dc_keep=False))
    assert band == pytest.approx([0.4, 0.4, 0.4], abs=1e-3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("backend", ["dct", "rfft", "pyramid", "auto"])
def test_any_size_is_finite(size, backend):
    plane = np.log(np.random.default_rng(1).random(size) + 0.01)
    filtered = log_filter(plane, Params(hf_cutoff=2), by=backend)
    assert filtered.shape == size
    assert np.isfinite(filtered).all()


def test_backends_that_cannot_are_refused_and_auto_chooses_one_that_can():
    with pytest.raises(ValueError, match="HF_BORDER=symmetric"):
        log_filter(np.zeros((8, 8)), Params(hf_border="none", hf_backend="dct"))
    with pytest.raises(ValueError, match="Gaussians only"):
        log_filter(np.zeros((8, 8)), Params(hf_transfer="butterworth"), by="pyramid")
    assert choose_backend(512, 512, Params(hf_border="none")) == "rfft"
    assert choose_backend(512, 512, Params()) == "pyramid"
    assert choose_backend(512, 512, Params(hf_transfer="butterworth")) == "dct"
    assert choose_backend(512, 512, Params(hf_cutoff=64)) == "dct"


def test_border_none_wraps_around_and_symmetric_does_not():
    ramp = np.tile(np.linspace(-3, 0, 128), (64, 1))
    wrapped = log_filter(ramp, Params(hf_border="none", hf_gamma_low=0.0, hf_cutoff=2))
    mirrored = log_filter(ramp, Params(hf_gamma_low=0.0, hf_cutoff=2))
    assert np.abs(wrapped[:, -1] - wrapped[:, -9]).mean() > np.abs(mirrored[:, -1] - mirrored[:, -9]).mean()
