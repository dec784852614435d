"""Evaluation: originals stay what they are, every photograph has its own result, what fails is named."""

import csv
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.data.photographs import NoPhotographs
from dancheong.evaluation.evaluate import evaluate
from dancheong.evaluation.pages import comparison
from dancheong.imaging.color import as_rgb
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import scene


class Gray(Colorizer):
    """Colors nothing: gray in three channels; refuses pictures of another width."""

    def __init__(self, width_px=40):
        self.params, self._width_px = Params(resol=16), width_px

    def __call__(self, pixels, drawn_mask=None):
        if pixels.shape[1] != self._width_px:
            raise TypeError(f"{pixels.shape[1]} px")
        return as_rgb(pixels)


@pytest.fixture(scope="module")
def scenes():
    """Drawn once, because that takes longer than what is done with them."""
    return [scene(seed, 40, 30) for seed in range(3)]


@pytest.fixture
def photos(tmp_path, scenes):
    folder = tmp_path / "D" / "photographs"
    for pixels, name in zip(scenes, ("a.png", "a.jpg", "안/b.png"), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_photo(folder / name, pixels)
    return folder


def contents(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_originals_are_never_replaced(photos, tmp_path):
    before = contents(photos)
    with pytest.raises(ParamError, match="choose another -o"):
        evaluate(Gray(), photos, photos.parent)
    # The folder of photographs lies below, or is another name for, that of the results.
    with pytest.raises(ParamError, match="original photograph"):
        evaluate(Gray(), photos / "a.png", photos.parent)
    assert contents(photos) == before


@pytest.mark.parametrize("inside", [".", "out", "a/b"])
def test_results_among_the_photographs_are_refused(photos, inside):
    """They would be photographs of the next evaluation or training, and its scores too good."""
    before = sorted(photos.rglob("*"))
    with pytest.raises(ParamError, match="choose another -o"):
        evaluate(Gray(), photos, photos / inside)
    assert sorted(photos.rglob("*")) == before


def test_every_photograph_has_its_own_result(photos, tmp_path):
    result = evaluate(Gray(), photos, tmp_path / "out")
    pictures = {row.picture for row in result.photographs}
    assert len(pictures) == result.images == 3
    assert pictures == set((tmp_path / "out" / "photographs").rglob("*.png"))
    for row in result.photographs:
        assert read_photo(row.picture).pixels.shape == read_photo(row.pair.color).pixels.shape
    assert len(comparison(result.photographs, Gray().params).rows) == 3
    # A spreadsheet recognizes UTF-8 by its mark: one of the names is Korean.
    assert (tmp_path / "out" / "scores.csv").read_bytes().startswith(b"\xef\xbb\xbfphotograph,")
    scores = list(csv.DictReader((tmp_path / "out" / "scores.csv").read_text("utf-8-sig").splitlines()))
    assert [row["photograph"] for row in scores] == [row.name for row in result.photographs]
    assert float(scores[2]["gray_delta_e_2000"]) == pytest.approx(result.photographs[2].gray.delta_e_2000, rel=1e-4)


def test_what_fails_is_named_and_what_is_left_out_too(photos, scenes):
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:900])
    (photos / "empty.jpg").write_bytes(b"")
    write_photo(photos / "wide.png", np.tile(scenes[0], (1, 2, 1)))
    write_photo(photos / "gray.png", as_rgb(np.arange(1200, dtype=np.uint16).reshape(30, 40)))
    seen = []
    result = evaluate(Gray(), photos, watch=lambda done, total: seen.append((done, total)))
    record = result.record()
    failed = {one["file"].rsplit("/", 1)[-1]: one["error"] for one in record["failures"]}
    assert failed.keys() == {"cut.png", "empty.jpg", "wide.png"}
    assert "80 px" in failed["wide.png"]
    assert [(one["file"].name, one["kind"]) for one in record["left_out"]] == [("gray.png", "gray")]
    assert record["images"] == 3
    assert seen[-1] == (6, 6)


def test_a_full_disk_stops(photos, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dancheong.evaluation.evaluate.write_photo", full)
    with pytest.raises(OSError, match="No space"):
        evaluate(Gray(), photos, tmp_path / "out")


@pytest.mark.skipif(os.name == "nt", reason="names and links of POSIX systems")
def test_names_of_every_kind_and_what_cannot_be_reached(tmp_path, new_artifact):
    """Names that are no UTF-8 or look like formulas are scored; behind a bad link may be a photograph: a failure."""
    write_artifact(tmp_path / "m.h5", new_artifact())
    (tmp_path / "photos").mkdir()
    names = [b"=cmd().png", b"line\nbreak.png", "한글".encode("cp949") + b".png", b"\xff.png"]
    rng = np.random.default_rng(1)
    for name in names:
        write_photo(tmp_path / "photos" / os.fsdecode(name), rng.integers(0, 255, (60, 70, 3)).astype(np.uint8))
    (tmp_path / "photos" / os.fsdecode(b"cut\xff.png")).write_bytes(b"no picture")
    (tmp_path / "photos" / "gone").symlink_to("nowhere")
    command = ["evaluate", tmp_path / "m.h5", tmp_path / "photos", "-o", tmp_path / "out", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "dancheong", *command], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "a link to nowhere, which cannot be reached" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["images"] == len(names)
    rows = (tmp_path / "out" / "scores.csv").read_bytes().decode("utf-8-sig").splitlines()[1:]
    assert len(rows) == len(names)
    assert not any(row.startswith(("=", "+", "-", "@")) for row in rows)
    assert "cut%FF.png" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_photographs_of_which_none_has_color_are_refused_in_words(tmp_path):
    write_photo(tmp_path / "gray.png", as_rgb(np.arange(3600, dtype=np.uint16).reshape(60, 60)))
    with pytest.raises(NoPhotographs, match="it has no color"):
        evaluate(Gray(), tmp_path)
