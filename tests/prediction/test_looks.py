"""Several looks of a photograph, and one color over the frames of a sequence."""

import numpy as np
import pytest

from dancheong.imaging.color import gray_of, rgb_to_lab
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.imaging.metrics import mean_delta_e_2000
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer, Predicted
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.looks import frames_around, steadied
from dancheong.prediction.manifest import read_manifests
from dancheong.scenes import write_scenes


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer.open(threads=1, GLARE_MODE="off")


@pytest.fixture
def photo(tmp_path):
    write_scenes(tmp_path / "scene", 1, 7, 200, 140)
    (path,) = (tmp_path / "scene").iterdir()
    return path


def test_looks_differ_in_color_alone_and_the_first_is_the_ordinary_one(colorizer, photo, tmp_path):
    manifest, sheet = tmp_path / "out" / "manifest.csv", tmp_path / "sheet.png"
    options = FolderOptions(looks=3, manifest=manifest, sheet_path=sheet)
    (result,) = predict_files(colorizer, [photo], tmp_path / "out", options)
    names = [f"{photo.stem}_look{number}{photo.suffix}" for number in (2, 3)]
    assert [path.name for path, _ in result.looks] == names
    (plain,) = predict_files(colorizer, [photo], tmp_path / "plain")
    assert np.array_equal(read_photo(result.output).pixels, read_photo(plain.output).pixels)
    assert read_provenance(result.output).params == f"{read_provenance(plain.output).params} look 1"
    (same,) = predict_files(colorizer, [photo], tmp_path / "plain", FolderOptions(looks=2))
    assert same.status == "ok"  # the second look; the first is what was there
    (third,) = predict_files(colorizer, [photo], tmp_path / "third", FolderOptions(look=3))
    assert third.output.read_bytes() == result.looks[1][0].read_bytes()
    assert third.notes == ("it is look 3 alone",)
    pictures = [read_photo(path).pixels for path in (result.output, *(path for path, _ in result.looks))]
    lightness = [rgb_to_lab(pixels)[..., 0] for pixels in pictures]
    assert max(np.abs(one - lightness[0]).mean() for one in lightness) < 0.5
    apart = [mean_delta_e_2000(pictures[one], pictures[other]) for one, other in ((0, 1), (0, 2), (1, 2))]
    assert min(apart) > 3
    assert result.record()["looks"][0]["likelihood"] >= result.record()["looks"][1]["likelihood"]
    (row,) = read_manifests([manifest])
    assert row.notes == f"look 1: {photo.name} (0.71); look 2: {names[0]} (0.15); look 3: {names[1]} (0.14)"
    assert read_provenance(result.looks[1][0]).params.endswith("look 3")
    assert read_photo(sheet).pixels.shape[1] > 4 * 200
    # A look is no photograph of the next run, and none is made twice.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir() if path != manifest}
    assert predict_files(colorizer, [photo], tmp_path / "out", options)[0].status == "skipped"
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_looks_beside_their_photograph_are_not_colored_again(colorizer, photo):
    predict_files(colorizer, [photo.parent], None, FolderOptions(looks=2))
    named = sorted(path.name for path in photo.parent.iterdir())
    assert named == sorted([photo.name, f"{photo.stem}_colored{photo.suffix}", f"{photo.stem}_colored_look2{photo.suffix}"])
    predict_files(colorizer, [photo.parent], None, FolderOptions(looks=2))
    assert sorted(path.name for path in photo.parent.iterdir()) == named


def test_more_looks_than_there_are_and_models_without_chroma_are_refused(colorizer, new_artifact, photo, tmp_path):
    with pytest.raises(ParamError, match="1 to 5"):
        predict_files(colorizer, [photo], tmp_path, FolderOptions(looks=6))
    repaints = Colorizer(new_artifact(color_space="RGB"))
    for options in (FolderOptions(looks=2), FolderOptions(steady=True)):
        with pytest.raises(ParamError, match="chroma alone"):
            predict_files(repaints, [photo], tmp_path, options)


def pan(rng, frames):
    """A window that moves over a scene, and what a network might answer: its truth and a cast of its own in each frame."""
    scene = np.cumsum(np.cumsum(rng.normal(0, 1, (100, 200)), 0), 1)
    scene = (scene - scene.min()) / np.ptp(scene) * 60 + 20 + rng.normal(0, 6, (100, 200))
    chroma = np.stack([np.sin(scene / 9), np.cos(scene / 7)], -1) * 0.2
    for number in range(frames):
        window = np.s_[10:90, 3 * number : 3 * number + 110]
        answer = Predicted((chroma[window] + rng.normal(0, 0.05, 2)).astype(np.float32), scene[window].astype(np.float32))
        yield answer, chroma[window]


def test_a_steady_sequence_flickers_less_and_stays_where_it_was():
    frames, truths = zip(*pan(np.random.default_rng(1), 9), strict=True)
    middle = slice(3, 6)
    steady = [steadied(one, [other for other in frames if other is not one])[0] for one in frames]

    def flicker(answers):
        casts = [(one.output_hwc - truth).mean((0, 1)) for one, truth in zip(answers, truths, strict=True)]
        return np.abs(casts[middle]).mean()

    assert flicker(steady) < 0.6 * flicker(frames)
    error = [np.std(one.output_hwc - truth) for one, truth in zip(steady, truths, strict=True)][middle]
    assert max(error) < 0.25 * np.std(truths[4])
    # A frame of another subject changes nothing.
    noise_hw = np.random.default_rng(2).uniform(0, 100, frames[0].lightness_hw.shape).astype(np.float32)
    other = Predicted(frames[0].output_hwc[::-1] + 1, noise_hw)
    same, count = steadied(frames[0], [other])
    assert count == 0
    assert np.array_equal(same.output_hwc, frames[0].output_hwc)


def test_a_steady_run_does_not_depend_on_where_it_was_stopped(colorizer, photo, tmp_path):
    rgb = read_photo(photo).pixels
    (tmp_path / "film").mkdir()
    for number in range(8, 12):
        write_photo(tmp_path / "film" / f"f{number}.png", gray_of(rgb)[:, 4 * number : 4 * number + 120])
    around = frames_around(sorted((tmp_path / "film").iterdir()))
    assert [path.name for path in around[tmp_path / "film" / "f9.png"]] == ["f8.png", "f10.png", "f11.png"]
    options = FolderOptions(steady=True)
    at_once = predict_files(colorizer, [tmp_path / "film"], tmp_path / "a", options)
    assert {one.status for one in at_once} == {"ok"}
    assert at_once[1].notes == ("steady: its color is averaged with that of 3 of 3 frames around",)
    assert read_provenance(at_once[1].output).params.endswith(" steady over 4 frames")
    predict_files(colorizer, [tmp_path / "film"], tmp_path / "b", options)
    (tmp_path / "b" / "f10.png").unlink()
    again = predict_files(colorizer, [tmp_path / "film"], tmp_path / "b", options)
    assert sorted(one.status for one in again) == ["ok", "skipped", "skipped", "skipped"]
    assert (tmp_path / "a" / "f10.png").read_bytes() == (tmp_path / "b" / "f10.png").read_bytes()
