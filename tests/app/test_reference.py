"""The generated pages are what the program says of itself, and the README's targets, pictures and Python are there."""

import re
from pathlib import Path

import numpy as np
import pytest
from make_docs import PAGES

from dancheong.imaging.files import write_photo
from dancheong.params import complete_rows, write_table
from dancheong.scenes import write_scenes

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("page", "make"), PAGES.items(), ids=PAGES)
def test_generated_pages_are_up_to_date(page, make):
    assert (ROOT / "docs" / page).read_text("utf-8") == make(), "run: python tools/make_docs.py"


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert targets == ["color", "test"]
    inline = re.findall(r"`make (\w+)`", README)
    assert "demo" in inline
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets + inline)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path / "photos", 3, 1, 60, 40)
    small = {"NGF": "4", "NDF": "4",
             "ENCODER": "unet", "DEPTH": "3", "EPOCHS": "1", "BATCH_SIZE": "1", "DEVICE": "cpu", "PATCH_SIZE": "16"}
    rows = [row for row in complete_rows() if row.name not in small]
    changed = [type(row)("GOGUNG", row.name, small[row.name]) for row in complete_rows() if row.name in small]
    write_table(tmp_path / "params.csv", [*rows, *changed])
    code = code.replace("RESOL=256", "RESOL=32")
    names = {"gray_hw": np.linspace(0, 255, 30 * 50).reshape(30, 50).astype(np.uint8)}
    exec(compile(code, "README.md", "exec"), names)
    assert names["color_hwc"].shape == (30, 50, 3)
    write_photo(tmp_path / "out.png", names["color_hwc"])


def test_pictures_of_the_readme_are_there():
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).exists(), picture
