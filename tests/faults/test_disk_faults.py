"""The disk and its files fail in the middle of a folder: results are whole or absent, the rest is done, and it is told."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dancheong import DancheongError
from dancheong.imaging.files import list_photos, read_photo, write_photo
from dancheong.prediction.folder import FileResult, FolderOptions, predict_files

posix_only = pytest.mark.skipif(os.name == "nt", reason="what POSIX systems do")


def statuses(results: list[FileResult]) -> list[str]:
    return [result.status for result in results]


def run(colorizer: Any, photos: Path, out: Path, **options: Any) -> list[FileResult]:
    return predict_files(colorizer, [photos], out, FolderOptions(workers=1, **options))


def at_first(action: Any) -> Any:
    """A progress function that does something once, after the first photograph."""
    def progress(result: FileResult, done: int, total: int) -> None:
        if done == 1:
            action()

    return progress


@pytest.mark.parametrize(
    ("code", "call", "number", "failures"),
    [(errno.ENOSPC, "open", 2, 1), (errno.EROFS, "open", 2, 1), (errno.EDQUOT, "fsync", 3, 1), (errno.EIO, "fsync", 2, 0)],
)
def test_a_disk_that_refuses_one_result(
    colorizer, photos, tmp_path, monkeypatch, whole_or_absent, code, call, number, failures
):
    """Full, read-only, broken, over quota: when a file is begun, when its bytes are to be there (the third sync is that of
    the second photograph), and, which costs nothing, when its folder is synced."""
    original, calls = getattr(os, call), []

    def failing(*arguments: Any) -> Any:
        if call == "fsync" or (arguments[1] & os.O_EXCL and str(tmp_path / "out") in str(arguments[0])):
            calls.append(1)
            if len(calls) == number:
                raise OSError(code, os.strerror(code))
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        results = run(colorizer, photos, tmp_path / "out")
    failed = [result for result in results if result.status == "failed"]
    assert [os.strerror(code) in str(result.error) for result in failed] == [True] * failures
    assert len(whole_or_absent(tmp_path / "out")) == 4 - failures
    assert statuses(run(colorizer, photos, tmp_path / "out")).count("failed") == 0
    assert len(whole_or_absent(tmp_path / "out")) == 4


@posix_only
def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path, photos):
    """A real limit of the system on the size of a file, as a full disk: in a process of its own."""
    path = tmp_path / "old.tif"
    pixels = read_photo(photos / "0.png").pixels
    write_photo(path, pixels)
    before = path.read_bytes()
    code = (
        "import errno, resource, signal, sys; from dancheong.imaging.files import read_photo, write_photo\n"
        f"pixels = read_photo({str(path)!r}).pixels.repeat(20, axis=0)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        f"try: write_photo({str(path)!r}, pixels)\n"
        "except OSError as error: sys.exit(3 if error.errno == errno.EFBIG else 4)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 3
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["old.tif", "사진"]


def test_a_photograph_removed_while_others_are_colored(colorizer, photos, tmp_path, whole_or_absent):
    results = run(colorizer, photos, tmp_path / "out", progress=at_first((photos / "2.png").unlink))
    assert statuses(results) == ["ok", "ok", "failed", "ok"]
    assert "no such file" in str(results[2].error)
    assert whole_or_absent(tmp_path / "out") == ["0.png", "1.png", "3.png"]


def test_a_photograph_cut_off_while_others_are_colored(colorizer, photos, tmp_path, whole_or_absent):
    results = run(colorizer, photos, tmp_path / "out", progress=at_first(lambda: os.truncate(photos / "2.png", 100)))
    assert statuses(results) == ["ok", "ok", "failed", "ok"]
    assert whole_or_absent(tmp_path / "out") == ["0.png", "1.png", "3.png"]


def test_a_photograph_replaced_while_it_is_read_is_the_one_or_the_other(photos, monkeypatch):
    """The file is opened once: what is renamed over it meanwhile is another file."""
    from dancheong.imaging import files

    original, first = files.decode, read_photo(photos / "0.png").pixels

    def replaced(*arguments: Any) -> Any:
        (photos / "1.png").replace(photos / "0.png")
        return original(*arguments)

    monkeypatch.setattr(files, "decode", replaced)
    assert (read_photo(photos / "0.png").pixels == first).all()


def test_the_folder_of_results_removed_while_it_is_filled(colorizer, photos, tmp_path, whole_or_absent):
    out = tmp_path / "out"
    results = run(colorizer, photos, out, progress=at_first(lambda: shutil.rmtree(out)))
    assert statuses(results) == ["ok"] * 4
    assert whole_or_absent(out) == ["1.png", "2.png", "3.png"]
    assert statuses(run(colorizer, photos, out)) == ["ok", "skipped", "skipped", "skipped"]


def test_a_model_file_replaced_while_it_is_in_use(model, photos, tmp_path):
    """A run ends with the model that it began with."""
    from dancheong.prediction.colorizer import Colorizer

    copy = tmp_path / "m.h5"
    shutil.copy(model, copy)
    whole = run(Colorizer.open(copy, threads=1), photos, tmp_path / "whole")
    results = run(Colorizer.open(copy, threads=1), photos, tmp_path / "out",
                  progress=at_first(lambda: copy.write_bytes(b"another file")))
    assert statuses(results) == statuses(whole) == ["ok"] * 4
    for number in range(4):
        assert (tmp_path / "out" / f"{number}.png").read_bytes() == (tmp_path / "whole" / f"{number}.png").read_bytes()


def test_a_photograph_that_may_not_be_read(colorizer, photos, tmp_path, monkeypatch):
    """By injection: nobody is refused anything when the tests run as root."""
    original = Path.open

    def refused(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "1.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    results = run(colorizer, photos, tmp_path / "out")
    assert statuses(results) == ["ok", "failed", "ok", "ok"]
    assert "Permission denied" in str(results[1].error)


@posix_only
def test_links_to_themselves_pipes_and_folders_named_as_photographs(colorizer, photos, tmp_path):
    (photos / "loop.png").symlink_to(photos / "loop.png")
    (photos / "a.png").symlink_to(photos / "b.png")
    (photos / "b.png").symlink_to(photos / "a.png")
    (photos / "circle").symlink_to(photos)
    (photos / "folder.png").mkdir()
    os.mkfifo(photos / "pipe.png")
    assert [path.name for path in list_photos(photos)] == ["0.png", "1.png", "2.png", "3.png"]
    named = [photos / "loop.png", photos / "pipe.png", photos / "3.png"]
    results = predict_files(colorizer, named, tmp_path / "out", FolderOptions(workers=1))
    assert statuses(results) == ["failed", "failed", "ok"]


def test_results_into_the_folder_of_the_photographs(colorizer, photos):
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    results = run(colorizer, photos, photos, overwrite=True)
    assert statuses(results) == ["failed"] * 4
    assert "would replace an original photograph" in str(results[0].error)
    assert {path.name: path.read_bytes() for path in photos.iterdir() if path.name in before} == before


@posix_only
def test_names_that_are_too_long_or_no_text(colorizer, photos, tmp_path, whole_or_absent):
    """A name of 255 bytes is one; a result whose name would be longer is told; a name that is no UTF-8 is a name."""
    pixels = read_photo(photos / "0.png").pixels
    long_name = "궁" * 83 + "ab"
    for suffix in (".png", ".tif"):
        write_photo(photos / f"{long_name}{suffix}", pixels)
    no_text = os.fsdecode(b"\xff\xfe.png")
    (photos / "1.png").rename(photos / no_text)
    results = run(colorizer, photos, tmp_path / "out", suffix=".png")
    failed = [result for result in results if result.status == "failed"]
    assert [len(os.fsencode(result.input.name)) for result in failed] == [255, 255]
    assert all("name too long" in str(result.error) for result in failed)
    assert len(whole_or_absent(tmp_path / "out")) == 4
    assert (tmp_path / "out" / no_text).exists()
    assert statuses(run(colorizer, photos, tmp_path / "out", suffix=".png")).count("skipped") == 4


def test_a_folder_where_a_result_should_be(colorizer, photos, tmp_path):
    (tmp_path / "out" / "1.png").mkdir(parents=True)
    results = run(colorizer, photos, tmp_path / "out", overwrite=True)
    assert statuses(results) == ["ok", "failed", "ok", "ok"]
    assert (tmp_path / "out" / "1.png").is_dir()


def test_a_file_where_the_folder_of_results_should_be(colorizer, photos, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DancheongError, match="this is a file, and a folder was expected"):
        run(colorizer, photos, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"
