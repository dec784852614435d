"""Every code block that a reader may copy runs as it stands, in the order of its page, in a fresh folder."""

import re
import shlex
import shutil
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dancheong.app.main import app
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.prediction.shipped import COLORIZER
from dancheong.scenes import scene, write_scenes

ROOT = Path(__file__).resolve().parents[2]
# The demo, the page, the kits and the installation are run by tests of their own.
OTHER_TESTS = ("dancheong demo", "dancheong serve", "make ", "pip ", "python3 -m venv", "source ", "jupyter ")
# A database server and a certificate are asked for in the tests of tables and of signing.
NOT_HERE = ("postgresql+psycopg://", " --sign ")
PAGES = {
    "README.ko.md": ("사진", "검증", "평가", "스캔"),
    "docs/tutorial.md": ("사진/train", "사진/val", "사진/test", "사진/old"),
    "docs/ko.md": ("사진/train", "사진/val", "사진/test", "사진/old"),
    "docs/tables.md": ("photos", "photos", "photos", "scans"),
    "docs/ko-tutorial.md": ("사진/train", "사진/val", "사진/test", "사진/old"),
    "docs/hints.md": ("photos", "photos", "photos", "scans"),
    "docs/how-to.md": ("photos", "second", "test", "scans"),
    "docs/other-colors.md": ("photos", "photos", "photos", "scans"),
    "docs/python.md": ("photos", "photos", "photos", "scans"),
}
# README.md has the same commands with other names.
NAMES = {
    "사진": "photos", "검증": "held_out", "평가": "test", "스캔": "scans",
    "채색": "colored", "궁궐": "palace", "진하게": "vivid",
}
# The places of hints in the documents lie within it.
SCAN_PX = 1640, 240


def place(folders):
    """Photographs to train, validate and test with, and gray ones, in the working folder."""
    for number, folder in enumerate(folders[:3]):
        write_scenes(Path(folder), 3, 10 * number, 60, 44)
    scans = Path(folders[3])
    scans.mkdir(parents=True, exist_ok=True)
    write_photo(Path("old.jpg"), gray_of(scene(7, 60, 44)))
    write_photo(scans / "gate.jpg", cv2.resize(gray_of(scene(7, 60, 44)), SCAN_PX))


def place_by_task():
    """What single pages name beside the folders: a plate, a box, a mask and a painted version of the scan, frames, a model."""
    write_photo(Path("plate.tif"), cv2.resize(gray_of(scene(5, 60, 44)), SCAN_PX))
    for file in ("box/one.tif", "frames/f1.png", "frames/f2.png"):
        Path(file).parent.mkdir(exist_ok=True)
        write_photo(Path(file), gray_of(scene(5, 60, 44)).astype(np.uint16) * 257)
    for folder, picture in (("drawn", np.zeros(SCAN_PX[::-1], np.uint8)), ("painted", cv2.resize(scene(7, 60, 44), SCAN_PX))):
        Path(folder).mkdir()
        write_photo(Path(folder, "gate.png"), picture)
    shutil.copy(COLORIZER, "place.h5")


def run(line):
    words = shlex.split(line, comments=True)
    if not words or line.startswith(OTHER_TESTS) or any(part in line for part in NOT_HERE):
        return
    assert words[0] == "dancheong", line
    overwrite = ["--overwrite"] if words[1] == "train" and Path(words[words.index("-o") + 1]).exists() else []
    done = CliRunner().invoke(app, words[1:] + overwrite)
    assert done.exit_code == 0, (line, done.output[-800:], done.exception)


def code_of(page):
    """Words of its code, without comments."""
    blocks = re.findall(r"```(?:sh|python|csv)\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    return shlex.split("".join(blocks), comments=True)


def test_both_readmes_have_the_same_code():
    korean = [re.sub("|".join(NAMES), lambda found: NAMES[found[0]], word) for word in code_of("README.ko.md")]
    assert korean == code_of("README.md")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    place(PAGES[page])
    place_by_task()
    table = None
    # A table stands below the name of its file.
    found = re.findall(r"(?<!`)`([^`\n]+\.csv)`|```(sh|python|csv)\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert any(language for _, language, _ in found)
    for name, language, block in found:
        table = Path(name) if name else table
        # A block within a list is indented.
        code = dedent(block)
        if language == "python":
            width, height = SCAN_PX
            gray_hw = np.linspace(0, 65535, width * height).reshape(height, width).astype(np.uint16)
            names = {"gray_hw": gray_hw, "stop_button": SimpleNamespace(is_pressed=lambda: False)}
            exec(compile(code, page, "exec"), names)
            if "color_hwc" in names:
                assert (names["color_hwc"].shape, names["color_hwc"].dtype) == ((height, width, 3), np.uint16)
        elif language == "csv":
            table.parent.mkdir(exist_ok=True)
            table.write_text(code, "utf-8")
        elif language == "sh":
            for line in code.splitlines():
                run(line)
