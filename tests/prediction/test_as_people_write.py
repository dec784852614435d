"""The Colorizer as people call it from Python, and folder runs that tell what they could not do."""

import io
import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from dancheong.artifact import ArtifactError, write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.manifest import read_manifests


@pytest.fixture
def gray(photograph):
    return gray_of(photograph)


@pytest.fixture
def colorizer(tmp_path, new_artifact):
    write_artifact(tmp_path / "m.h5", new_artifact())
    return Colorizer.open(tmp_path / "m.h5", threads=1)


def test_a_picture_may_come_in_any_form_that_says_what_it_is(colorizer, gray, tmp_path):
    import torch

    wanted, deep = colorizer(gray), colorizer(gray.astype(np.uint16) * 257)
    write_photo(tmp_path / "g.png", gray)
    content = (tmp_path / "g.png").read_bytes()
    picture = Image.fromarray(gray)
    same = [str(tmp_path / "g.png"), tmp_path / "g.png", io.BytesIO(content), picture, picture.convert("RGBA"),
            picture.convert("P"), torch.from_numpy(gray.copy()), torch.from_numpy(gray.copy())[None]]
    assert all(np.array_equal(one, wanted) for one in colorizer.batch(same))
    assert np.array_equal(colorizer(Image.fromarray(gray.astype(np.uint16) * 257)), deep)
    clear = Image.merge("LA", [picture, Image.new("L", picture.size, 0)])
    assert (colorizer(clear) == colorizer(np.full_like(gray, 255))).all()
    assert (colorizer(torch.full((9, 9), 0.5, dtype=torch.bfloat16)) == colorizer(np.full((9, 9), 0.5))).all()
    of_floats = colorizer(gray / np.float32(255))
    assert of_floats.dtype == np.float32
    assert np.abs(of_floats * 65535 - deep).max() <= 1


@pytest.mark.parametrize(
    "photo", [
        [np.zeros((9, 9), np.uint8)], [[1, 2], [3, 4]], None, b"bytes", np.full((9, 9), 255.0), np.full((9, 9), np.nan),
        np.zeros((9, 9), np.int64), io.StringIO("text"), io.BytesIO(), Image.fromarray(np.full((9, 9), 40000, np.int32)),
    ],
)
def test_what_may_mean_several_things_is_refused_in_words(colorizer, photo):
    with pytest.raises(ParamError, match=r"expected|uint8 or uint16|binary mode"):
        colorizer(photo)


def test_a_colorizer_goes_into_threads_and_processes(colorizer, gray, new_artifact):
    wanted = colorizer(gray)
    sent = pickle.dumps(colorizer)
    assert np.array_equal(pickle.loads(sent)(gray), wanted)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(one, wanted) for one in pool.map(colorizer, [gray] * 8))
    write_artifact(colorizer.opened[0], new_artifact(vivid=1.5))
    with pytest.raises(ArtifactError, match="another model lies here now"):
        pickle.loads(sent)


@pytest.mark.slow
def test_a_colorizer_goes_into_spawned_processes(colorizer, gray):
    wanted = colorizer(gray)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert all(np.array_equal(one, wanted) for one in pool.map(colorizer, [gray] * 2))


def test_a_run_stops_where_its_progress_says_so_and_goes_on_later(colorizer, gray, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(6):
        write_photo(tmp_path / "in" / f"{number}.png", np.roll(gray, number))
    first = predict_files(colorizer, [tmp_path / "in"], tmp_path / "out", FolderOptions(
        workers=1, manifest=tmp_path / "out" / "manifest.csv", progress=lambda result, done, total: done == 2))
    assert [one.input.name for one in first] == ["0.png", "1.png"]
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    again = predict_files(colorizer, [tmp_path / "in"], tmp_path / "out", FolderOptions(workers=2))
    assert [one.status for one in again] == ["skipped", "skipped", "ok", "ok", "ok", "ok"]


def test_what_is_no_photograph_has_no_result_and_its_name_once(colorizer, gray, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write_photo(tmp_path / "g.png", gray)
    inputs = [tmp_path / name for name in ("empty", "gone", "cut.png", "g.png")]
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "dancheong", "predict", tmp_path / "m.h5", *inputs, "-o", tmp_path / "out", "--json"],
            capture_output=True, text=True, check=False,
        )
        assert done.returncode == 1
        said = json.loads(done.stdout)
    by_name = {one["input"]: one for one in said["files"]}
    assert said["summary"]["photographs"] == 2
    assert by_name[str(tmp_path / "empty")]["output"] is None
    assert by_name[str(tmp_path / "gone")]["error"] == "no such file or folder"
    assert "cut.png" not in by_name[str(tmp_path / "cut.png")]["error"]
    assert (by_name[str(tmp_path / "g.png")]["status"], by_name[str(tmp_path / "g.png")]["width"]) == ("skipped", None)
    rows = {row.file: row for row in read_manifests([tmp_path / "out" / "manifest.csv"])}
    assert (rows[str(tmp_path / "empty")].output, rows[str(tmp_path / "empty")].status) == ("", "failed")


def test_black_and_white_without_grays_is_told(colorizer, gray, tmp_path):
    Image.fromarray(gray > 120).save(tmp_path / "line.tif")
    write_photo(tmp_path / "gray.png", gray)
    line, usual = predict_files(colorizer, [tmp_path / "line.tif", tmp_path / "gray.png"], tmp_path / "out")
    assert any("black and white alone" in note for note in line.notes)
    assert usual.notes == ()
