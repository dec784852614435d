"""The manifest: a line a photograph, whatever happens in between; and how a run goes on from it."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import DancheongError, ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, filter_files, predict_files, upscale_files
from dancheong.prediction.manifest import (
    LEFTOVER,
    Manifest,
    manifest_name,
    manifests_in,
    read_manifests,
    summary,
    write_manifest,
)
from dancheong.prediction.origin import settings_digest
from dancheong.prediction.result import FileResult
from dancheong.system.whole_file import whole_file
from dancheong.upscaling.upscaler import Upscaler

DIGEST = "0123456789abcdef"


def a_result(name: str, status: str = "ok", error: str | None = None) -> FileResult:
    return FileResult(
        Path("in") / name, Path("out") / name, status, 1.25, 30, 20, error, glare_share=0.125, confidence=0.5  # type: ignore
    )


def opened(path: Path, digest: str = DIGEST) -> Manifest:
    return Manifest(path, Path("out"), digest)


@pytest.fixture
def colorizer(tmp_path, new_artifact):
    write_artifact(tmp_path / "m.h5", new_artifact(glare_mode="region"))
    return Colorizer.open(tmp_path / "m.h5", threads=1)


@pytest.fixture
def photos(tmp_path, photograph):
    """Seven photographs, two of one name in two folders, one that is none, one empty, one cut off, and a loop of links."""
    folder = tmp_path / "사진"
    (folder / "안").mkdir(parents=True)
    gray = gray_of(photograph)
    for number, name in enumerate(("a.png", "b.png", "안/a.png", "wrongly named.jpg")):
        write_photo(folder / "t.png", np.roll(gray, number))
        (folder / "t.png").rename(folder / name)
    (folder / "no photograph.tif").write_text("words")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:300])
    if hasattr(os, "symlink"):
        (folder / "안" / "loop").symlink_to(folder, target_is_directory=True)
        (folder / "again.png").symlink_to(folder / "a.png")
    return folder


def test_a_line_a_photograph_that_a_spreadsheet_can_read(tmp_path):
    path = tmp_path / "out" / "manifest.csv"
    with opened(path) as book:
        book.add(a_result("가, \"나\".jpg"))
        book.add(a_result("b.jpg", "failed", "cut off:\nno end"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "file": str(Path("in") / '가, "나".jpg'), "output": '가, "나".jpg', "width_px": "30", "height_px": "20",
        "glare_share": "0.1250", "confidence": "0.5000", "seconds": "1.250", "status": "ok", "error": "", "notes": "",
        "sha256": "", "model": DIGEST[:12],
    }
    assert rows[1]["error"] == "cut off: no end"
    assert path.read_bytes().count(b"\n") == 3


def test_a_line_cut_off_anywhere_harms_no_other(tmp_path):
    path = tmp_path / "manifest.csv"
    with opened(path) as book:
        book.add(a_result("a.jpg"))
        book.add(a_result('"b, c".jpg', "failed", 'said "no", and more'))
    whole = path.read_bytes()
    first = whole.index(b"\n", whole.index(b"a.jpg")) + 1
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with opened(path) as book:
            book.add(a_result("d.jpg"))
            assert list(book.rows)[-1] == (str(Path("in") / "d.jpg"), "d.jpg")
        names = [row.output for row in read_manifests([path])]
        assert "d.jpg" in names
        assert ("a.jpg" in names) == (length >= first - 1)
        assert len(names) == len(set(names)) <= 3


def test_what_is_no_manifest_is_left_alone(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("my own table\n1,2,3\n")
    with pytest.raises(ParamError, match="no manifest of dancheong"):
        opened(path)
    with pytest.raises(DancheongError, match="no manifest of dancheong"):
        read_manifests([path])
    assert path.read_text() == "my own table\n1,2,3\n"


def test_one_run_at_a_time_writes_a_manifest(tmp_path):
    path = tmp_path / "manifest.csv"
    code = (
        "import sys; from pathlib import Path; from dancheong.prediction.manifest import Manifest\n"
        "from dancheong.params import ParamError\n"
        "try: Manifest(Path(sys.argv[1]), Path('out'), 'x')\n"
        "except ParamError as error: sys.exit(str(error))"
    )
    with opened(path):
        other = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
        assert "another run is writing" in other.stderr
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0


def test_shards_have_manifests_of_their_own_that_are_read_together(tmp_path):
    for shard in ((1, 2), (2, 2)):
        with opened(tmp_path / manifest_name(shard)) as book:
            book.add(a_result(f"{shard[0]}.jpg"))
            book.add(a_result("both.jpg", "failed" if shard[0] == 1 else "ok", "why" if shard[0] == 1 else None))
    (tmp_path / "manifest-of-mine.csv").write_text("x")
    paths = manifests_in(tmp_path)
    assert [path.name for path in paths] == ["manifest-1-of-2.csv", "manifest-2-of-2.csv"]
    rows = read_manifests(paths)
    assert {row.output: row.status for row in rows} == {"1.jpg": "ok", "2.jpg": "ok", "both.jpg": "ok"}
    counts = {"photographs": 3, "ok": 3, "skipped": 0, "failed": 0, "left_out": 0}
    assert summary(rows) == {**counts, "with_glare": 3, "seconds": 3.75}
    write_manifest(tmp_path / "all.csv", rows)
    assert read_manifests([tmp_path / "all.csv"]) == rows


def test_a_run_started_again_does_each_photograph_once(colorizer, photos, tmp_path):
    out, path = tmp_path / "out", tmp_path / "out" / "manifest.csv"
    first = predict_files(colorizer, [photos], out, FolderOptions(manifest=path))
    assert sorted(result.status for result in first) == ["failed"] * 3 + ["ok"] * 4
    lines = path.read_bytes().splitlines()
    assert len(lines) == 10
    (out / "b.png").unlink()
    before = {one: one.stat().st_mtime_ns for one in out.rglob("*.png")}
    again = predict_files(colorizer, [photos], out, FolderOptions(manifest=path))
    assert {result.input.name for result in again if result.status == "ok"} == {"b.png"}
    assert {one: one.stat().st_mtime_ns for one in before} == before
    rows = {row.output: row for row in read_manifests([path]) if row.status != "left out"}
    assert {name: row.status for name, row in rows.items()} == {
        "a.png": "ok", "b.png": "ok", "안/a.png": "ok", "wrongly named.jpg": "ok", "no photograph.tif": "failed",
        "empty.png": "failed", "cut.png": "failed",
    }
    assert rows["안/a.png"].width_px == 67
    assert "empty" in rows["empty.png"].error
    assert path.read_bytes().splitlines()[:10] == lines
    assert len(path.read_bytes().splitlines()) == 11


def test_a_result_whose_line_was_lost_gets_one(colorizer, photos, tmp_path):
    out, path = tmp_path / "out", tmp_path / "out" / "manifest.csv"
    predict_files(colorizer, [photos / "a.png"], out)
    for _ in range(2):
        predict_files(colorizer, [photos / "a.png"], out, FolderOptions(manifest=path))
    row, = read_manifests([path])
    assert (row.output, row.status) == ("a.png", "skipped")
    assert path.read_bytes().count(b"\n") == 2


def test_a_result_of_another_photograph_is_not_taken_for_ones_own(colorizer, photos, tmp_path):
    """A copy of a photograph under another name is another photograph; one that was renamed is the same."""
    out, path = tmp_path / "out", tmp_path / "out" / "manifest.csv"
    predict_files(colorizer, [photos / "wrongly named.jpg"], out, FolderOptions(manifest=path, suffix=".png"))
    renamed = photos / "wrongly named.png"
    renamed.write_bytes((photos / "wrongly named.jpg").read_bytes())
    result, = predict_files(colorizer, [renamed], out, FolderOptions(manifest=path))
    assert result.status == "failed"
    assert f"is the result of {photos / 'wrongly named.jpg'}" in result.error
    (photos / "wrongly named.jpg").unlink()
    result, = predict_files(colorizer, [renamed], out, FolderOptions(manifest=path))
    assert result.status == "skipped"
    moved = photos.rename(tmp_path / "moved") / renamed.name
    result, = predict_files(colorizer, [moved], out, FolderOptions(manifest=path))
    assert result.status == "skipped"
    assert str(moved) in {row.file for row in read_manifests([path]) if row.status == "skipped"}


def second_box(photos: Path, photograph: np.ndarray) -> Path:
    """Other photographs of the same names, sizes and dates."""
    for path in (photos / "a.png", photos / "b.png"):
        date = path.stat().st_mtime_ns
        write_photo(path, 255 - gray_of(photograph))
        os.utime(path, ns=(date, date))
    return photos


def test_a_second_box_of_scans_is_not_taken_for_done(colorizer, photos, tmp_path, photograph):
    """Whether the box lies at another path or at that of the first, with a manifest or without; in all commands."""
    upscaler = Upscaler.open(threads=1)
    runs = {
        "predict": lambda out, options: predict_files(colorizer, [photos], out, options),
        "filter": lambda out, options: filter_files(Params(), [photos], out, options),
        "upscale": lambda out, options: upscale_files(upscaler, [photos], out, options=options),
    }
    options = {name: FolderOptions() for name in runs} | {"predict": FolderOptions(manifest=tmp_path / "predict/manifest.csv")}
    first = {name: run(tmp_path / name, options[name]) for name, run in runs.items()}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png") if photos not in path.parents}
    second_box(photos, photograph)
    for name, run in runs.items():
        statuses = {result.input.name: result for result in run(tmp_path / name, options[name]) if result.output.exists()}
        assert len(first[name]) == 7
        assert statuses["b.png"].status == "failed", name
        assert "is the result of another photograph" in statuses["b.png"].error
        assert statuses["wrongly named.jpg"].status == "skipped"
    assert {path: path.read_bytes() for path in before} == before
    moved = photos.rename(tmp_path / "box 2")
    results = predict_files(colorizer, [moved], tmp_path / "predict", options["predict"])
    assert {result.input.name: result.status for result in results}["b.png"] == "failed"


def test_files_that_this_program_did_not_make_are_no_results(colorizer, photos, tmp_path, photograph):
    out = tmp_path / "out"
    out.mkdir()
    write_photo(out / "a.png", photograph)
    (out / "b.png").mkdir()
    before = (out / "a.png").read_bytes()
    for options in (FolderOptions(), FolderOptions(manifest=out / "manifest.csv")):
        results = predict_files(colorizer, [photos / "a.png", photos / "b.png"], out, options)
        assert [result.status for result in results] == ["failed", "failed"]
        assert all("nothing says that this program made it" in result.error for result in results)
    assert (out / "a.png").read_bytes() == before


def test_a_mask_of_another_photograph_is_not_taken_either(colorizer, photos, tmp_path, photograph):
    options = FolderOptions(mask_dir=tmp_path / "masks")
    predict_files(colorizer, [photos / "b.png"], tmp_path / "out", options)
    second_box(photos, photograph)
    result, = predict_files(colorizer, [photos / "b.png"], tmp_path / "out 2", options)
    assert result.status == "failed"
    assert str(tmp_path / "masks" / "b.png") in result.error


@pytest.mark.parametrize("setting", ["model", "VIVID", "strip", "drawn mask"])
def test_results_of_another_recipe_are_not_taken_for_this_one(model, photos, tmp_path, new_artifact, setting):
    out, options = tmp_path / "out", FolderOptions(manifest=tmp_path / "out" / "manifest.csv")
    first = Colorizer.open(model(glare_mode="region"))
    predict_files(first, [photos / "a.png", photos / "b.png"], out, options)
    other = first
    if setting == "model":
        write_artifact(tmp_path / "other.h5", new_artifact(glare_mode="region", resol=32))
        other = Colorizer.open(tmp_path / "other.h5")
    elif setting == "VIVID":
        other = Colorizer.open(model(glare_mode="region"), VIVID=1.5)
    elif setting == "strip":
        options = replace(options, strip="gps")
    else:
        (tmp_path / "drawn").mkdir()
        write_photo(tmp_path / "drawn" / "a.png", np.zeros(read_photo(photos / "a.png").pixels.shape, np.uint8))
        options = replace(options, drawn_masks=tmp_path / "drawn")
    result, = predict_files(other, [photos / "a.png"], out, options)
    assert result.status == "failed"
    assert "is the result of another model or other settings" in result.error
    result, = predict_files(other, [photos / "a.png"], out, replace(options, overwrite=True))
    assert result.status == "ok"
    result, = predict_files(other, [photos / "a.png"], out, options)
    assert result.status == "skipped"


def test_other_memory_is_no_other_recipe(model, photos, tmp_path):
    predict_files(Colorizer.open(model()), [photos / "a.png"], tmp_path / "out")
    result, = predict_files(Colorizer.open(model(), MEMORY_GB=1, TILE_PX=8), [photos / "a.png"], tmp_path / "out")
    assert result.status == "skipped"


def test_a_row_that_is_added_to_the_parameters_changes_no_digest():
    """A later version has more rows: where they have their defaults, half-done folders go on."""
    class Later(Params):
        looks: int = 1

    assert settings_digest(Later()) == settings_digest(Params())
    assert settings_digest(Later(vivid=1.5)) == settings_digest(Params(vivid=1.5)) != settings_digest(Params())
    assert settings_digest(Later().model_copy(update={"looks": 2})) != settings_digest(Params())
    assert settings_digest(Params(), strip="gps") != settings_digest(Params(), strip=None) == settings_digest(Params())


def test_half_written_files_of_a_killed_run_are_removed(colorizer, photos, tmp_path):
    out, path = tmp_path / "out", tmp_path / "out" / "manifest.csv"
    out.mkdir()
    with whole_file(out / "b.png") as temporary:
        assert LEFTOVER.fullmatch(temporary.name)
    temporary.write_bytes(b"half")
    (out / ".hidden.png").write_bytes(b"mine")
    held = tmp_path / "out" / manifest_name((1, 2))
    code = (
        "import sys; from pathlib import Path; from dancheong.prediction.manifest import Manifest\n"
        "book = Manifest(Path(sys.argv[1]), Path('out'), 'x'); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, held], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with other, other.stdout:
        other.stdout.readline()
        predict_files(colorizer, [photos / "a.png"], out, FolderOptions(manifest=path))
        assert temporary.exists(), "another run may be writing it"
        other.kill()
        other.wait()
    said = []
    predict_files(colorizer, [photos / "a.png"], out, FolderOptions(manifest=path, tell=said.append))
    assert not temporary.exists()
    assert (out / ".hidden.png").exists()
    assert said == ["1 half-written files of a run that was killed were removed"]


def test_a_manifest_that_cannot_be_written_stops_the_run(colorizer, photos, tmp_path, monkeypatch):
    """Without it nobody would know what was done: a full disk is told once, not a million times."""
    def full(*_):
        raise OSError(28, "No space left on device")

    book = tmp_path / "out" / "manifest.csv"
    with opened(book):
        pass
    monkeypatch.setattr(Manifest, "add", full)
    with pytest.raises(OSError, match="No space left"):
        predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(manifest=book))


def test_the_command_reads_them_together(tmp_path):
    for number in (1, 2):
        with opened(tmp_path / f"manifest-{number}-of-2.csv") as book:
            book.add(a_result(f"{number}.jpg", "failed" if number == 2 else "ok", "damaged" if number == 2 else None))
    done = subprocess.run(
        [sys.executable, "-m", "dancheong", "manifest", tmp_path, "-o", tmp_path / "all.csv"],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 photographs: 1 done, 0 found done, 1 failed" in done.stdout
    assert "2.jpg: damaged" in done.stdout
    assert len(read_manifests([tmp_path / "all.csv"])) == 2
