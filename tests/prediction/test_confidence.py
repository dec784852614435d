"""Maps of confidence: ordered as the errors are, and written beside the results."""

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of, lab_to_rgb, rgb_to_lab
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.metrics import delta_e_2000
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.confidence import ROOM, confidence_map
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.scenes import scene, write_scenes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model that has learned something of built-in scenes."""
    from dancheong.training.loop import train

    folder = tmp_path_factory.mktemp("trained")
    write_scenes(folder / "photos", 10, 1, 72, 54)
    settings = {"resol": 48, "ngf": 8,
                "encoder": "unet", "depth": 4, "epochs": 48, "batch_size": 4, "lambda_gan": 0, "lr": 2e-3, "device": "cpu"}
    train(folder / "photos", folder / "m.h5", Params(**settings, glare_mode="off"))
    return Colorizer.open(folder / "m.h5", threads=1)


def spearman(a, b):
    return np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1]


def test_the_order_is_that_of_the_errors_better_than_chance(trained):
    correlations = []
    for seed in range(900, 924):
        truth = scene(seed, 96, 72)
        gray_hwc = gray_of(truth)[..., None]
        error = delta_e_2000(rgb_to_lab(trained(truth)), rgb_to_lab(truth))
        confidence = confidence_map(trained, gray_hwc)
        assert confidence.shape == error.shape
        assert confidence.dtype == np.uint8
        # A little noise, so that equal values do not come in the order of the picture.
        noise = np.random.default_rng(seed).uniform(0, 0.5, error.size)
        correlations.append(spearman(noise - confidence.ravel(), error.ravel()))
    # Four seeds of training: a mean of .21 to .30, 17 or 18 above 0.
    assert np.mean(correlations) > 0.1, correlations
    assert sum(correlation > 0 for correlation in correlations) >= 14, correlations


def test_where_no_color_fits_none_is_doubted(trained):
    gray = np.full((60, 90, 1), 128, np.uint8)
    gray[:20], gray[40:] = 0, 255
    confidence = confidence_map(trained, gray)
    middle = confidence[27:33].mean()
    assert confidence[:12].mean() > middle + 30
    assert confidence[48:].mean() > middle + 30


def test_the_room_for_chroma_is_that_of_srgb():
    hues = np.radians(np.arange(0, 360, 10))
    for lightness, room in zip(np.linspace(0, 100, len(ROOM)), ROOM, strict=True):
        lab = np.stack([np.full_like(hues, lightness), 200 * np.cos(hues), 200 * np.sin(hues)], axis=-1)
        ab = rgb_to_lab(lab_to_rgb(lab[None].astype(np.float32)))[0, :, 1:]
        assert np.hypot(ab[:, 0], ab[:, 1]).mean() == pytest.approx(room, abs=2)


def test_maps_are_written_and_their_mean_is_told(tmp_path, new_artifact, photograph):
    write_artifact(tmp_path / "m.h5", new_artifact(color_space="RGB"))
    (tmp_path / "in" / "안").mkdir(parents=True)
    write_photo(tmp_path / "in" / "안" / "하나.jpg", gray_of(photograph))
    options = FolderOptions(confidence_dir=tmp_path / "sure")
    result, = predict_files(tmp_path / "m.h5", [tmp_path / "in"], tmp_path / "out", options)
    written = read_photo(tmp_path / "sure" / "안" / "하나.png").pixels
    assert written.shape == photograph.shape[:2]
    assert result.confidence == pytest.approx(written.mean() / 255)
    assert result.record()["confidence"] == result.confidence
    with pytest.raises(ParamError, match="folder of their own"):
        predict_files(tmp_path / "m.h5", [tmp_path / "in"], tmp_path / "out", FolderOptions(confidence_dir=tmp_path / "out"))


def test_maps_asked_for_later_leave_the_results_alone(tmp_path, new_artifact, photograph):
    write_artifact(tmp_path / "m.h5", new_artifact())
    write_photo(tmp_path / "a.png", gray_of(photograph))
    predict_files(tmp_path / "m.h5", [tmp_path / "a.png"], tmp_path / "out")
    done = read_photo(tmp_path / "out" / "a.png")
    write_photo(tmp_path / "out" / "a.png", 255 - done.pixels, done)
    retouched = (tmp_path / "out" / "a.png").read_bytes()
    options = FolderOptions(confidence_dir=tmp_path / "sure")
    result, = predict_files(tmp_path / "m.h5", [tmp_path / "a.png"], tmp_path / "out", options)
    assert result.status == "ok"
    assert (tmp_path / "sure" / "a.png").exists()
    assert (tmp_path / "out" / "a.png").read_bytes() == retouched


def test_pairs_have_none(tmp_path, new_artifact):
    write_artifact(tmp_path / "m.h5", new_artifact(color_space="RGB", pairing="side_by_side"))
    with pytest.raises(ParamError, match="PAIRING=side_by_side has none"):
        predict_files(tmp_path / "m.h5", [tmp_path], tmp_path / "out", FolderOptions(confidence_dir=tmp_path / "sure"))
