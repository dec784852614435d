"""`predict -` and `predict --watch` as other programs call them."""

import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo


def stream(model, data, *words):
    return subprocess.run(
        [sys.executable, "-m", "dancheong", "predict", model, "-", *words], input=data, capture_output=True, check=False
    )


def test_a_photograph_goes_from_standard_input_to_standard_output(model, photograph, tmp_path, command):
    path = model()
    write_photo(tmp_path / "old.tif", gray_of(photograph).astype(np.uint16) * 257)
    done = stream(path, (tmp_path / "old.tif").read_bytes())
    assert done.returncode == 0, done.stderr
    command("predict", path, tmp_path / "old.tif", "-o", tmp_path / "out")
    assert done.stdout == (tmp_path / "out" / "old.tif").read_bytes()

    bitmap = io.BytesIO()
    Image.fromarray(photograph).save(bitmap, "BMP")
    done = stream(path, bitmap.getvalue(), "--quiet")
    with Image.open(io.BytesIO(done.stdout)) as colored:
        assert (colored.format, colored.size) == ("PNG", photograph.shape[1::-1])
    assert done.stderr == b""


@pytest.mark.parametrize(("data", "said"), [(b"", "nothing came"), (b"words", "no format"), (b"\xff\xd8\xff\xe0cut", "")])
def test_what_is_no_photograph_gives_words_and_no_picture(model, data, said):
    done = stream(model(), data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"standard input" in done.stderr
    assert said.encode() in done.stderr


@pytest.mark.parametrize("words", [["-", "-o", "out"], ["-", "--json"], ["-", "other.jpg"]])
def test_what_does_not_go_with_a_stream_is_refused(command, model, words):
    assert "does not go with it" in command("predict", model(), *words, code=2).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM")
def test_a_watch_tells_each_photograph_and_ends_when_asked(model, photograph, tmp_path):
    (tmp_path / "in").mkdir()
    words = [sys.executable, "-m", "dancheong", "predict", model(), tmp_path / "in", "-o", tmp_path / "out"]
    words += ["--watch", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        write_photo(tmp_path / "in" / "a.png", gray_of(photograph))
        line = json.loads(running.stdout.readline())
        assert (line["status"], line["output"]) == ("ok", str(tmp_path / "out" / "a.png"))
        assert read_photo(tmp_path / "out" / "a.png").pixels.shape == photograph.shape
        time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    assert json.loads(said.splitlines()[-1])["summary"] == {"ok": 1, "skipped": 0, "failed": 0}


def test_a_sheet_does_not_go_with_a_watch(command, model, tmp_path):
    (tmp_path / "in").mkdir()
    words = ["predict", model(), tmp_path / "in", "-o", tmp_path / "out", "--watch", "--sheet", tmp_path / "s.png"]
    assert "--watch" in command(*words, code=2).stderr
