import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dancheong.app.web import coloring
from dancheong.app.web.coloring import Photograph, color, draw, forget_drawing, picture, without_folder, zip_results
from dancheong.app.web.model_store import ModelStore
from dancheong.artifact import ArtifactError
from dancheong.imaging.files import PhotoError, read_photo, write_photo
from dancheong.params import ParamError
from dancheong.scenes import scene


@pytest.fixture(scope="module")
def models(trained):
    return ModelStore([trained / "model.h5"], trained, {"MEMORY_GB": 1})


@pytest.fixture
def dropped(tmp_path):
    """Puts a gray scene where a session would have it."""

    def drop(name="경복궁 1.png", number=1, dtype=np.uint8, size=(64, 48)):
        source = tmp_path / str(number) / "in" / name
        source.parent.mkdir(parents=True)
        gray = scene(number, *size)[..., 1]
        write_photo(source, gray if dtype == np.uint8 else gray.astype(np.uint16) * 257)
        return Photograph(number, name, source)

    return drop


def model_of(models, **settings):
    (path,) = models.models().values()
    return models.colorizer(path, settings)


@pytest.mark.parametrize(
    ("name", "written", "dtype"),
    [("경복궁 1.png", "경복궁 1.png", np.uint8), ("a b.TIF", "a b.TIF", np.uint16), ("c.jpg", "c.jpg", np.uint8),
     ("w.webp", "w.png", np.uint8), ("16.png", "16.png", np.uint16)],
)
def test_a_result_is_of_the_photographs_own_kind_and_webp_becomes_png(models, dropped, name, written, dtype):
    done = color(model_of(models), dropped(name, dtype=dtype))
    result = read_photo(done.result)
    assert (done.name, done.error, done.version) == (written, "", 1)
    assert (done.width_px, done.height_px) == (64, 48)
    assert result.pixels.shape == (48, 64, 3)
    assert result.pixels.dtype == dtype


def test_a_result_can_be_larger_than_its_photograph(models, dropped):
    done = color(model_of(models, sr_scale="2"), dropped())
    assert done.error == ""
    assert read_photo(done.result).pixels.shape == (96, 128, 3)


def test_what_cannot_be_read_is_told_without_a_path(models, dropped, tmp_path):
    one = dropped()
    one.source.write_bytes(b"nothing")
    done = color(model_of(models), one)
    assert done.result is None
    assert "경복궁 1.png" in done.error
    assert str(tmp_path) not in done.error


@pytest.mark.parametrize(
    ("text", "told"),
    [("/r/k/3/in/a b.png: damaged", "a b.png: damaged"), ("no /r/k/x.png, no /r/k/3/y.tif", "no x.png, no y.tif"), ("/r/k", ""),
     ("/other/a.png", "/other/a.png")],
)
def test_of_a_path_only_the_name_is_told(text, told):
    assert without_folder(text, Path("/r/k")) == told


def strokes_png(value, size=(32, 24)):
    buffer = io.BytesIO()
    pixels = np.full((size[1], size[0]), 128, np.uint8)
    pixels[:, : size[0] // 2] = value
    Image.fromarray(pixels).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def test_what_a_person_draws_is_added_and_taken_away(models, dropped):
    model = model_of(models, GLARE_MODE="region")
    first = color(model, dropped())
    found = read_photo(first.mask).pixels
    draw(first, strokes_png(255))
    more = color(model, first)
    left, right = np.split(read_photo(more.mask).pixels, [30], axis=1)
    assert more.drawn
    assert left.min() == 255
    assert np.array_equal(right[:, 10:], found[:, 40:])
    draw(more, strokes_png(0))
    less = color(model, more)
    assert read_photo(less.mask).pixels[:, :30].max() == 0
    forget_drawing(less)
    back = color(model, less)
    assert not back.drawn
    assert np.array_equal(read_photo(back.mask).pixels, found)


def test_a_drawing_that_is_none_or_too_large_is_refused(models, dropped, monkeypatch):
    one = color(model_of(models, GLARE_MODE="region"), dropped())
    monkeypatch.setattr(coloring, "STROKES_PX", 31)
    for content in (b"", b"<svg/>", strokes_png(255)):
        with pytest.raises(PhotoError):
            draw(one, content)
    assert not (one.folder / "strokes.png").exists()
    assert not (one.folder / "drawn").exists()


def test_where_nothing_is_looked_for_it_is_said_why(models, dropped):
    assert "GLARE_MODE=off" in color(model_of(models, GLARE_MODE="off"), dropped()).masks_unused


def test_pictures_for_the_browser(models, dropped, monkeypatch):
    monkeypatch.setitem(coloring.LONGEST_PX, "view", 32)
    done = color(model_of(models, GLARE_MODE="region"), dropped("s.tif", dtype=np.uint16))
    for kind, size, expected in (("before", "view", (32, 24)), ("after", "full", (64, 48)), ("mask", "view", (32, 24))):
        with Image.open(picture(done, kind, size)) as image:
            assert image.size == expected
            assert image.mode == ("RGBA" if kind == "mask" else "RGB")
    with pytest.raises(PhotoError):
        picture(replace(done, result=None), "after", "view")


def test_the_zip_keeps_every_result_under_a_name_of_its_own(models, dropped, tmp_path):
    model = model_of(models)
    done = [color(model, dropped("a.png", 1)), color(model, dropped("A.png", 2)), dropped("b.png", 3)]
    path = zip_results(done, tmp_path / "all.zip")
    with zipfile.ZipFile(path) as zipped:
        assert zipped.namelist() == ["a.png", "A_2.png"]
        assert zipped.read("a.png") == done[0].result.read_bytes()
    with pytest.raises(PhotoError):
        zip_results([done[2]], tmp_path / "none.zip")
    assert not (tmp_path / "none.zip").exists()


def test_one_network_serves_all_settings(models, trained):
    (path,) = models.models().values()
    plain, gray = models.colorizer(path, {}), models.colorizer(path, {"vivid": 0.0})
    assert plain._network is gray._network
    assert (plain.params.memory_gb, plain.params.vivid, gray.params.vivid) == (1, 1, 0)
    pixels = scene(3, 40, 32)[..., 1]
    assert np.array_equal(gray(pixels)[..., 0], gray(pixels)[..., 2])
    assert not np.array_equal(plain(pixels)[..., 0], plain(pixels)[..., 2])
    with pytest.raises(ParamError, match="cannot be changed at prediction"):
        models.colorizer(path, {"resol": 64})


def test_the_store_offers_each_file_once_and_refuses_what_is_no_model(trained, tmp_path):
    (tmp_path / "new.h5").write_bytes(b"no model")
    models = ModelStore([trained / "model.h5", trained / "." / "model.h5"], tmp_path)
    assert list(models.models()) == ["model", "new"]
    with pytest.raises(ArtifactError):
        models.params(models.models()["new"])


def test_the_model_that_comes_along_is_the_last_that_is_offered(trained, tmp_path):
    shutil.copy(trained / "model.h5", tmp_path / "own.h5")
    assert list(ModelStore([], tmp_path, last=trained / "model.h5").models()) == ["own", "model"]
    assert list(ModelStore([tmp_path / "own.h5"], tmp_path, last=tmp_path / "own.h5").models()) == ["own"]


# In a process of its own, because gradio leaves sockets open.
FIRST_PAGE = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from dancheong.app.web.server import Options, assembled
from dancheong.prediction import shipped

shipped.COLORIZER = Path(sys.argv[1])
with assembled(Options(models=tuple(map(Path, sys.argv[2:]))), "") as application:
    print(ascii(TestClient(application, base_url="http://127.0.0.1:7860").get("/en/").text))
"""


@pytest.mark.parametrize("asked", [[], ["own.h5"]], ids=["no model", "a model"])
def test_a_server_without_a_model_offers_the_one_that_comes_along(trained, tmp_path, asked):
    for name in ("own.h5", "colorizer.h5"):
        shutil.copy(trained / "model.h5", tmp_path / name)
    command = [sys.executable, "-c", FIRST_PAGE, "colorizer.h5", *asked]
    page = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert ('"colorizer"' in page) == (not asked)
    assert ('"own"' in page) == bool(asked)
