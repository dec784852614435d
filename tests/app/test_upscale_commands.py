"""Training an upscaler, enlarging with it, and coloring at twice the size, as commands."""

import numpy as np
import pytest
from safetensors.torch import save_file

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import scene, write_scenes
from dancheong.upscaling import trainer
from dancheong.upscaling.upscaler import SHIPPED, Upscaler

TINY = ("--set", "SR_IMAGES=8", "--set", "DEVICE=cpu")


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch):
    monkeypatch.setattr(trainer, "FEATURES", 4)
    monkeypatch.setattr(trainer, "LAYERS", 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("사진") / "p"
    write_scenes(folder, 3, 1, 220, 196)
    return folder


@pytest.fixture(scope="module")
def gray(tmp_path_factory):
    path = tmp_path_factory.mktemp("gray") / "old 궁.png"
    write_photo(path, gray_of(scene(9, 50, 38)).astype(np.uint16) * 257)
    return path


@pytest.fixture
def upscaler(command, photos, tmp_path):
    command("train-upscaler", photos, "-o", tmp_path / "up.h5", *TINY, "--quiet")
    return tmp_path / "up.h5"


def test_train_then_enlarge(command, photos, gray, tmp_path):
    model = tmp_path / "up4.h5"
    said = command("train-upscaler", photos, "-o", model, "--val", photos, "--scale", "4", *TINY, "--json", "--quiet").stdout
    assert said["images_seen"] == 8
    assert said["val"]["val_psnr_bicubic"] > 10
    assert not said["stopped"]
    page = (tmp_path / "up4_log" / "training.html").read_text("utf-8")
    assert all(words in page for words in ("Finished after 8 images.", "<figcaption>bicubic<", "val_psnr"))
    told = command("upscale", gray, "-o", tmp_path / "out", "--model", model, "--json").stdout
    (record,) = told["files"]
    assert (record["status"], record["width"], record["height"]) == ("ok", 200, 152)
    result = read_photo(tmp_path / "out" / gray.name).pixels
    np.testing.assert_array_equal(result, Upscaler.open(model)(read_photo(gray).pixels))
    assert result.dtype == np.uint16
    again = command("upscale", gray, "-o", tmp_path / "out", "--model", model, "--json").stdout
    assert again["files"][0]["status"] == "skipped"


def test_a_scale_that_the_upscaler_does_not_give_is_bad_usage(command, photos, gray, tmp_path):
    command("train-upscaler", photos, "-o", tmp_path / "up4.h5", "--scale", "4", *TINY, "--quiet")
    said = command("upscale", gray, "-o", tmp_path, "--model", tmp_path / "up4.h5", "--scale", "2", code=2)
    assert "does not give 2" in said.stderr
    said = command("upscale", gray, "-o", tmp_path / "o", "--set", "SR_SCALE=3", code=2)
    assert "SR_SCALE" in said.stderr


def test_four_times_is_twice_two(command, upscaler, gray, tmp_path):
    command("upscale", gray, "-o", tmp_path / "four", "--model", upscaler, "--scale", "4")
    twice = Upscaler.open(upscaler)
    expected = twice(twice(read_photo(gray).pixels))
    np.testing.assert_array_equal(read_photo(tmp_path / "four" / gray.name).pixels, expected)


def test_the_scale_may_stand_in_a_table(command, upscaler, gray, tmp_path):
    rows = "CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\nCOMMON,SR_SCALE,2,Y\nGOGUNG,SR_SCALE,4,Y\n"
    (tmp_path / "params.csv").write_text(rows, encoding="utf-8")
    given = ("--model", upscaler, "--params", tmp_path / "params.csv", "--category", "GOGUNG")
    command("upscale", gray, "-o", tmp_path / "o", *given)
    height, width = read_photo(gray).pixels.shape[:2]
    assert read_photo(tmp_path / "o" / gray.name).pixels.shape[:2] == (4 * height, 4 * width)


def test_damaged_photographs_fail_and_the_others_are_done(command, upscaler, gray, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    said = command("upscale", tmp_path / "broken.png", gray, "-o", tmp_path / "o", "--model", upscaler, "--json", code=1)
    assert [one["status"] for one in said.stdout["files"]] == ["failed", "ok"]
    assert "broken.png" in said.stderr


def test_a_photograph_too_large_for_the_memory_is_refused(command, upscaler, tmp_path):
    write_photo(tmp_path / "large.png", np.zeros((4000, 4000, 3), np.uint8))
    given = ("--set", "MEMORY_GB=.25", "--model", upscaler, "--json")
    said = command("upscale", tmp_path / "large.png", "-o", tmp_path / "o", *given, code=1)
    assert "MEMORY_GB" in said.stdout["files"][0]["error"]
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["manifest.csv"]


def test_gray_to_color_at_twice_the_size_in_one_command(command, trained, upscaler, gray, tmp_path):
    given = ("--set", "SR_SCALE=2", "--upscaler", upscaler, "--json")
    said = command("predict", trained / "model.h5", gray, "-o", tmp_path / "o", *given).stdout
    assert (said["files"][0]["width"], said["files"][0]["height"]) == (100, 76)
    result = read_photo(tmp_path / "o" / gray.name).pixels
    color = Colorizer.open(trained / "model.h5")(read_photo(gray).pixels)
    np.testing.assert_array_equal(result, Upscaler.open(upscaler)(color))
    said = command("predict", trained / "model.h5", gray, "-o", tmp_path / "p", "--upscaler", upscaler, code=2)
    assert "SR_SCALE" in said.stderr
    given = (*given, "--cluster", "tcp://127.0.0.1:9")
    assert "leave --upscaler out" in command("predict", trained / "model.h5", gray, "-o", tmp_path / "q", *given, code=2).stderr


def test_a_network_of_others_enlarges_and_colors(command, spandrel, trained, gray, tmp_path):
    from spandrel.architectures.ESRGAN import ESRGAN

    network = ESRGAN(num_filters=4, num_blocks=1, scale=2)
    save_file({name: tensor.clone() for name, tensor in network.state_dict().items()}, tmp_path / "x2.safetensors")
    upscaler = Upscaler.open(tmp_path / "x2.safetensors")
    command("upscale", gray, "-o", tmp_path / "four", "--model", tmp_path / "x2.safetensors", "--scale", "4")
    expected = upscaler.enlarge(read_photo(gray).pixels, 4)
    np.testing.assert_array_equal(read_photo(tmp_path / "four" / gray.name).pixels, expected)
    given = ("--set", "SR_SCALE=2", "--upscaler", tmp_path / "x2.safetensors")
    command("predict", trained / "model.h5", gray, "-o", tmp_path / "o", *given)
    color = Colorizer.open(trained / "model.h5")(read_photo(gray).pixels)
    np.testing.assert_array_equal(read_photo(tmp_path / "o" / gray.name).pixels, upscaler(color))
    (tmp_path / "x4.PTH").touch()
    said = command("upscale", gray, "-o", tmp_path / "p", "--model", tmp_path / "x4.PTH", code=2)
    assert "save_file(" in said.stderr


@pytest.mark.skipif(not SHIPPED.exists(), reason="no upscaler comes with this copy")
def test_the_upscaler_that_comes_along_is_small_and_works(command, trained, gray, tmp_path):
    assert SHIPPED.stat().st_size < 300_000
    said = command("predict", trained / "model.h5", gray, "-o", tmp_path / "o", "--set", "SR_SCALE=2", "--json").stdout
    assert said["files"][0]["width"] == 100
    command("upscale", gray, "-o", tmp_path / "u")
    assert read_photo(tmp_path / "u" / gray.name).pixels.shape == (76, 100)
