import io
import stat
import zipfile

import pytest

from dancheong.app.web import unpack as module
from dancheong.app.web.problems import Refused
from dancheong.app.web.unpack import unpack
from dancheong.imaging.formats import READ_SUFFIXES

PIXELS = b"\x89PNG not looked at here"


def packed(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as zipped:
        for name, content in entries:
            zipped.writestr(name, content)
    return path


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_only_photographs_come_out_with_their_folders(tmp_path):
    archive = packed(tmp_path / "a.zip", [
        ("gray/경복궁 1.png", PIXELS), ("color/경복궁 1.png", PIXELS), ("notes.txt", b"x"), ("run.py", b"x"),
        ("__MACOSX/gray/1.png", b"x"), (".hidden/2.png", b"x"), ("scan.TIFF", PIXELS), ("empty/", b""),
    ])
    assert unpack(archive, tmp_path / "out", 10_000) == 3
    assert files_of(tmp_path / "out") == ["color/경복궁 1.png", "gray/경복궁 1.png", "scan.TIFF"]


@pytest.mark.parametrize("suffix", sorted(READ_SUFFIXES))
def test_whatever_can_be_read_comes_out(tmp_path, suffix):
    assert unpack(packed(tmp_path / "a.zip", [(f"1{suffix}", PIXELS)]), tmp_path / "out", 10_000) == 1
    assert files_of(tmp_path / "out") == [f"1{suffix}"]


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/etc/out.png", "C:\\out.png", "..\\out.png", "C:out.png"])
def test_a_name_that_leads_out_stops_everything(tmp_path, name):
    archive = packed(tmp_path / "a.zip", [("good.png", PIXELS), (name, PIXELS)])
    with pytest.raises(Refused) as caught:
        unpack(archive, tmp_path / "out", 10_000)
    assert caught.value.problem.code == "zip_path"
    assert not (tmp_path / "out").exists()
    assert files_of(tmp_path) == ["a.zip"]


def test_links_are_left_out(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = packed(tmp_path / "a.zip", [(link, b"/etc/passwd"), ("good.png", PIXELS)])
    unpack(archive, tmp_path / "out", 10_000)
    assert files_of(tmp_path / "out") == ["good.png"]


def test_a_bomb_is_stopped_by_what_comes_out_of_it(tmp_path):
    archive = packed(tmp_path / "a.zip", [("bomb.png", bytes(5_000_000))], zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 10_000
    with pytest.raises(Refused) as caught:
        unpack(archive, tmp_path / "out", 1_000_000)
    assert caught.value.problem.code == "zip_large"
    assert not (tmp_path / "out").exists()


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path):
    archive = packed(tmp_path / "a.zip", [("bomb.png", bytes(5_000_000))], zipfile.ZIP_DEFLATED)
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + offset
        data[place : place + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(Refused):
        unpack(archive, tmp_path / "out", 1_000_000)
    assert not (tmp_path / "out").exists()


def test_too_many_entries_are_refused_before_any_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILES", 3)
    archive = packed(tmp_path / "a.zip", [(f"{number}.png", PIXELS) for number in range(4)])
    with pytest.raises(Refused, match="zip_many"):
        unpack(archive, tmp_path / "out", 10_000)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_or_holds_nothing(tmp_path, content):
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    with pytest.raises(Refused):
        unpack(archive, tmp_path / "out", 10_000)


def test_a_damaged_member(tmp_path):
    archive = packed(tmp_path / "a.zip", [("a.png", bytes(range(256)) * 40)])
    data = bytearray(archive.read_bytes())
    data[200] ^= 255
    archive.write_bytes(data)
    with pytest.raises(Refused, match="zip_broken"):
        unpack(archive, tmp_path / "out", 100_000)


def test_a_file_where_a_folder_is_wanted(tmp_path):
    archive = packed(tmp_path / "a.zip", [("a.png", PIXELS), ("a.png/b.png", PIXELS)])
    with pytest.raises(Refused, match="zip_broken"):
        unpack(archive, tmp_path / "out", 10_000)


def test_names_as_korean_windows_writes_them(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(_without_utf8_flag("단청.png".encode("cp949")))
    unpack(archive, tmp_path / "out", 10_000)
    assert files_of(tmp_path / "out") == ["단청.png"]


def _without_utf8_flag(name: bytes) -> bytes:
    stand_in = "x" * (len(name) - 4) + ".png"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr(stand_in, PIXELS)
    return buffer.getvalue().replace(stand_in.encode(), name)

