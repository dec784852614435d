"""Every file of a folder ends in the manifest: done, failed, or left out with a reason, whatever its name and its folder."""

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import list_photos, read_photo, write_photo
from dancheong.params import Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, filter_files, predict_files
from dancheong.prediction.manifest import read_manifests
from dancheong.scenes import scene

posix_only = pytest.mark.skipif(os.name == "nt", reason="names and links of POSIX systems")


@pytest.fixture
def colorizer(tmp_path, new_artifact):
    write_artifact(tmp_path / "m.h5", new_artifact())
    return Colorizer.open(tmp_path / "m.h5", threads=1)


@pytest.fixture
def box(tmp_path, photograph):
    (tmp_path / "box" / "inner").mkdir(parents=True)
    for name in ("a.png", "inner/b.png"):
        write_photo(tmp_path / "box" / name, gray_of(photograph)[:20, :20])
    return tmp_path / "box"


def run(colorizer, box, out, **options):
    """Results by name, and the manifest's rows by the name below the box."""
    left_out = []
    wanted = FolderOptions(manifest=out / "manifest.csv", left_out=lambda *one: left_out.append(one), **options)
    results = predict_files(colorizer, [box], out, wanted)
    rows = {Path(row.file).relative_to(box).as_posix(): row for row in read_manifests([out / "manifest.csv"])}
    assert {row.file for row in rows.values() if row.status == "left out"} == {str(path) for path, _ in left_out}
    return {result.input.relative_to(box).as_posix(): result for result in results}, rows


def all_of(box):
    """Every file and link below a folder, as the system lists them."""
    return {
        (Path(place) / name).relative_to(box).as_posix() for place, folders, names in os.walk(box)
        for name in (*names, *(one for one in folders if (Path(place) / one).is_symlink()))
    }


@posix_only
def test_every_file_of_a_folder_is_told(colorizer, box, tmp_path):
    for name in ("notes.txt", "a.xmp", "Thumbs.db", ".DS_Store", "._a.png", "no suffix", "b.cr2", "c.jpg.bak", ".hidden/x.png"):
        (box / name).parent.mkdir(exist_ok=True)
        (box / name).write_bytes(b"some")
    os.mkfifo(box / "pipe.png")
    os.link(box / "a.png", box / "twin.png")
    (box / "copy.png").symlink_to("a.png")
    (box / "again").symlink_to("inner")
    (box / "empty").mkdir()
    (box / "cut.png").write_bytes((box / "a.png").read_bytes()[:60])
    results, rows = run(colorizer, box, tmp_path / "out")
    assert {name: result.status for name, result in results.items()} == {
        "a.png": "ok", "inner/b.png": "ok", "cut.png": "failed"
    }
    assert all_of(box) - {".hidden/x.png"} == rows.keys() - {".hidden"}
    assert {name: row.error for name, row in rows.items() if row.status == "left out"} == {
        "notes.txt": "no photograph that is read, by its name (.txt)", "a.xmp": "a sidecar (.xmp), of which nothing is copied",
        "Thumbs.db": "no photograph that is read, by its name (.db)", ".DS_Store": "a hidden name", "._a.png": "a hidden name",
        "no suffix": "no photograph that is read, by its name (without suffix)",
        "b.cr2": "no photograph that is read, by its name (.cr2)",
        "c.jpg.bak": "no photograph that is read, by its name (.bak)",
        ".hidden": "a hidden name", "pipe.png": "no file but a pipe, a socket or a device",
        "twin.png": f"the same file as {box / 'a.png'}", "copy.png": f"the same file as {box / 'a.png'}",
        "again": f"the same folder as {box / 'inner'}",
    }
    lines = (tmp_path / "out" / "manifest.csv").read_bytes()
    run(colorizer, box, tmp_path / "out")
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == lines, "what was said is not said twice"


@posix_only
@pytest.mark.parametrize(
    ("target", "words"),
    [("gone.png", "No such file"), ("x" * 5000, "File name too long"), ("n" * 300, "File name too long"),
     ("bad.png", "Too many levels of symbolic links"), ("a.png/x", "Not a directory")],
    ids=["gone", "long path", "long name", "itself", "below a file"],
)
@pytest.mark.parametrize("name", ["bad.png", "a folder", "0.txt"])
def test_a_bad_link_fails_alone(colorizer, box, tmp_path, name, target, words):
    """What is behind it nobody knows: it fails, and the photographs before it and after it are done."""
    target = name if target == "bad.png" else target
    try:
        (box / name).symlink_to(target)
    except OSError as error:
        pytest.skip(f"this system makes no such link: {error}")
    assert list_photos(box) == [box / "a.png", box / "inner" / "b.png"]
    results, rows = run(colorizer, box, tmp_path / "out")
    assert {one: result.status for one, result in results.items()} == {"a.png": "ok", "inner/b.png": "ok", name: "failed"}
    assert words in results[name].error
    assert "a link to" in results[name].error
    assert rows[name].status == "failed"
    filtered = filter_files(Params(glare_mode="off"), [box], tmp_path / "filtered")
    assert [result.status for result in filtered].count("failed") == 1


def test_a_closed_folder_fails_alone(colorizer, box, tmp_path, monkeypatch):
    """By injection: nobody is refused anything when the tests run as root."""
    original = Path.iterdir

    def refused(self):
        if self.name == "inner":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return original(self)

    write_photo(box / "inner.png", read_small(box / "a.png"))
    monkeypatch.setattr(Path, "iterdir", refused)
    results, rows = run(colorizer, box, tmp_path / "out", suffix=".png")
    assert {name: result.status for name, result in results.items()} == {"a.png": "ok", "inner": "failed", "inner.png": "ok"}
    assert "Permission denied" in results["inner"].error
    assert rows["inner"].status == "failed"
    assert results["inner.png"].output.name == "inner.png", "a closed folder takes no name away"
    alone = predict_files(colorizer, [box / "inner"], tmp_path / "out 2")
    assert [result.status for result in alone] == ["failed"]
    assert "Permission denied" in str(alone[0].error)


def read_small(path):
    from dancheong.imaging.files import read_photo

    return read_photo(path).pixels


NAMES = [
    b"line\nbreak.png", b"carriage\rreturn.png", b"tab\t.png", "sep\u2028arator.png".encode(), "next\u0085line.png".encode(),
    "한글.png".encode("cp949"), b"\xff\xfe.png", b"=cmd|'!A0.png", b"+1.png", b"-1.png", b"@SUM(A1).png",
    b' "quoted", comma.png',
    b"semi;=1+1;colon.png", b"100%41.png", b"back\\slash.png", b"esc\x1b[31m.png", b"\x7f.png", b"'apostrophe.png", b" .png",
    "zero\u200bwidth.png".encode(), "\U0001f3ef.png".encode(), b"--overwrite.png",
]


@posix_only
def test_names_of_every_kind_are_one_line_each(colorizer, box, tmp_path, monkeypatch):
    made = []
    for name in NAMES:
        try:
            write_photo(box / os.fsdecode(name), read_small(box / "a.png"))
            made.append(os.fsdecode(name))
        except OSError:  # a file system that takes no such name
            continue
    monkeypatch.chdir(box)  # named without a folder, so that a name begins the cell
    out = tmp_path / "out"
    for status in ("ok", "skipped"):
        wanted = FolderOptions(manifest=out / "manifest.csv")
        results = predict_files(colorizer, made, out, wanted)
        assert {result.status for result in results} == {status}
    data = (out / "manifest.csv").read_bytes()
    text = data.decode("utf-8-sig")
    assert len(text.splitlines()) == len(made) + 1
    for cells in list(csv.reader(text.splitlines()))[1:]:
        assert not any(cell.lstrip()[:1] in tuple("=+-@") for cell in cells)
    rows = read_manifests([out / "manifest.csv"])
    assert sorted(row.file for row in rows) == sorted(row.output for row in rows) == sorted(made)


def command(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "dancheong", *words], cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False
    )


@posix_only
def test_the_command_tells_all_of_it_and_exits_so(colorizer, box, tmp_path):
    (box / "notes.txt").write_text("no photograph")
    done = command("predict", "m.h5", "box", "-o", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["left_out"] == [
        {"file": str(Path("box") / "notes.txt"), "reason": "no photograph that is read, by its name (.txt)"}
    ]
    assert "left out: box/notes.txt: no photograph" in done.stderr
    assert {one["status"] for one in said["files"]} == {"ok"}
    assert all(len(one["sha256"]) == 64 for one in said["files"])
    for number in range(30):
        (box / f"{number}.txt").write_text("no photograph")
    many = command("filter", "box", "-o", "many", cwd=tmp_path)
    assert many.stderr.count("left out: ") == 21
    assert "left out: 11 more files; many/manifest.csv names all" in many.stderr
    for number in range(30):
        (box / f"{number}.txt").unlink()
    (box / "bad.png").symlink_to("gone")
    for words in (("predict", "m.h5", "box", "-o", "out"), ("filter", "box", "-o", "f"), ("upscale", "box", "-o", "u")):
        done = command(*words, "--quiet", cwd=tmp_path)
        assert done.returncode == 1, words
        assert "bad.png: a link to gone, which cannot be reached" in done.stderr
        assert "left out" not in done.stderr
    told = command("manifest", "out", cwd=tmp_path)
    assert "3 photographs: 2 done, 0 found done, 1 failed; 1 other files left out" in told.stdout


@pytest.mark.parametrize("input_half", ["auto", "yes", "no"])
def test_a_pair_a_half_and_a_wide_picture_are_told_apart_by_a_side_by_side_model(tmp_path, new_artifact, input_half):
    write_artifact(tmp_path / "m.h5", new_artifact(color_space="RGB", pairing="side_by_side", input_half=input_half))
    colorizer = Colorizer.open(tmp_path / "m.h5", threads=1)
    box, halves = tmp_path / "box", [scene(seed, 64, 64) for seed in (1, 2)]
    pictures = {
        "pair.png": np.hstack(halves), "half.png": halves[0], "wide.png": scene(3, 128, 64), "low.png": np.hstack(halves)[:48],
    }
    box.mkdir()
    for name, pixels in pictures.items():
        write_photo(box / name, pixels)
    results, rows = run(colorizer, box, tmp_path / "out")
    cut = {"auto": {"pair.png"}, "yes": set(pictures), "no": set()}[input_half]
    assert {name for name, pixels in pictures.items() if 2 * results[name].width == pixels.shape[1]} == cut
    told = {name: row.notes for name, row in rows.items() if row.notes}
    assert told.keys() == (set(pictures) - {"half.png"} if input_half == "auto" else cut)
    assert all(f"left half alone was taken (INPUT_HALF={input_half})" in told[name] for name in cut)
    if input_half == "auto":
        assert "no seam parts its halves: taken as one picture" in told["wide.png"]
        assert "not twice as wide as high: taken as one picture" in told["low.png"]
        # What it makes of a pair is what it makes of its half.
        alike = [read_photo(results[name].output).pixels for name in ("pair.png", "half.png")]
        assert np.array_equal(*alike)
