"""A document of several pages: each page becomes a result of its own, in its place, and none is taken for another."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dancheong.app.main import app
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.manifest import read_manifests

NAMES = ["doc.tif", "doc_p2.tif", "doc_p3.tif"]


@pytest.fixture
def colorizer(model):
    return Colorizer.open(model(glare_mode="region"), threads=1)


@pytest.fixture
def box(tmp_path, photograph):
    """A folder with a document of three pages of different sizes, and a photograph."""
    folder = tmp_path / "box"
    folder.mkdir()
    gray = gray_of(photograph)
    first, *others = (Image.fromarray(page) for page in (gray[:20, :30], gray[::-1][:24, :18], gray[5:21, 3:40]))
    first.save(folder / "doc.tif", save_all=True, append_images=others)
    write_photo(folder / "b.png", gray[:16, :16])
    return folder


def test_each_page_becomes_a_result_and_is_found_again(colorizer, box, tmp_path):
    out = tmp_path / "out"
    masks, manifest = tmp_path / "masks", out / "manifest.csv"
    wanted = FolderOptions(pages="all", mask_dir=masks, manifest=manifest, sheet_path=tmp_path / "s.png")
    results = predict_files(colorizer, [box], out, wanted)
    assert [(result.output.name, result.status) for result in results] == [(name, "ok") for name in ["b.png", *NAMES]]
    for page, name in enumerate(NAMES):
        original, result = read_photo(box / "doc.tif", page), read_photo(out / name)
        assert result.pixels.shape[:2] == original.pixels.shape
        assert np.abs(gray_of(result.pixels).astype(int) - original.pixels).max() <= 1
        assert f"page {page + 1} of 3 was read" in results[page + 1].notes
    assert [result.record().get("page") for result in results] == [None, None, 2, 3]
    rows = read_manifests([manifest])
    assert [(row.file, row.output) for row in rows if row.output != "b.png"] == [(str(box / "doc.tif"), name) for name in NAMES]
    assert (masks / "doc_p3.png").exists()

    again = predict_files(colorizer, [box], out, wanted)
    assert {result.status for result in again} == {"skipped"}
    shutil.copy(out / NAMES[1], out / NAMES[2])
    last = predict_files(colorizer, [box], out, wanted)[-1]
    assert (last.output.name, last.status) == (NAMES[2], "failed")
    assert "other settings" in str(last.error)


@pytest.mark.parametrize("command", ["filter", "upscale"])
def test_the_other_folder_commands_do_each_page_and_name_every_file(box, tmp_path, command):
    (box / "doc.xmp").touch()
    out = tmp_path / "out"
    wanted = [command, str(box), "-o", str(out), "--pages", "all", "--json", "--quiet"]
    for status in ("ok", "skipped"):
        done = CliRunner().invoke(app, wanted)
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout.splitlines()[-1])
        assert [(Path(one["output"]).name, one["status"]) for one in said["files"]] == [(n, status) for n in ["b.png", *NAMES]]
    scale = {"filter": 1, "upscale": 2}[command]
    for page, name in enumerate(NAMES):
        original, result = read_photo(box / "doc.tif", page).pixels, read_photo(out / name).pixels
        assert result.shape == tuple(scale * side for side in original.shape)
        assert np.abs(result[::scale, ::scale].astype(int) - original).mean() < 30, "another page"
    rows = read_manifests([out / "manifest.csv"])
    assert [(row.output, row.status) for row in rows] == [("", "left out"), *((name, "ok") for name in ["b.png", *NAMES])]
    assert {row.notes for row in rows if row.output in NAMES} == {f"page {page} of 3 was read" for page in (1, 2, 3)}
    (box / "b.png").write_bytes(b"damaged")
    assert CliRunner().invoke(app, wanted).exit_code == 1
    assert [row.status for row in read_manifests([out / "manifest.csv"]) if row.output == "b.png"] == ["failed"]


def test_a_page_takes_no_name_of_another_photograph(colorizer, box):
    write_photo(box / "doc_P3.tif", read_photo(box / "b.png").pixels)
    results = predict_files(colorizer, [box], None, FolderOptions(pages="all", overwrite=True))
    found = {result.output.name: (result.input.name, result.status) for result in results if result.status == "ok"}
    assert found == {
        "b_colored.png": ("b.png", "ok"), "doc_colored.tif": ("doc.tif", "ok"), "doc_p2_colored.tif": ("doc.tif", "ok"),
        "doc_P3_colored.tif": ("doc_P3.tif", "ok"),
    }
    (failed,) = (result for result in results if result.status == "failed")
    assert (failed.input.name, failed.page) == ("doc.tif", 2)
    assert "doc_P3.tif; rename one of them" in str(failed.error)


def test_only_the_first_page_unless_all_are_asked_for(colorizer, box, tmp_path):
    results = predict_files(colorizer, [box / "doc.tif"], tmp_path / "out")
    assert [result.output.name for result in results] == ["doc.tif"]
    assert results[0].notes == ("the first of 3 pages was read",)
