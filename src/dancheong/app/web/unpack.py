"""Photographs out of an uploaded zip, within limits of size, number and depth, and never outside their folder."""

import shutil
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dancheong.app.web.problems import Refused
from dancheong.imaging.formats import READ_SUFFIXES

MAX_FILES = 20_000
MAX_DEPTH = 8
_CHUNK_BYTES = 1 << 20
# A file may stand where another member wants a folder; an encrypted member is a RuntimeError.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, FileExistsError, NotADirectoryError)


def unpack(archive: Path, folder: Path, max_bytes: int) -> int:
    """Write the photographs of a zip below `folder`, which is made. All or nothing.

    Bytes are counted as they are unpacked, because the sizes that the archive states may be wrong.

    Args:
        max_bytes: of all photographs together, unpacked.

    Returns:
        How many there are.

    Raises:
        Refused: not a zip, encrypted, a name that leads out of the folder, too many files or bytes, or no photograph.
    """
    try:
        with _opened(archive) as zipped:
            members = _members(zipped)
            left = max_bytes
            for member, relative in members:
                left = _write(zipped, member, folder.joinpath(*relative.parts), left)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, _BROKEN):
            raise Refused(422, "zip_broken", error=str(error)) from error
        raise
    return len(members)


def _members(zipped: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = zipped.infolist()
    if len(infos) > MAX_FILES:
        raise Refused(422, "zip_many", count=len(infos), limit=MAX_FILES)
    members: dict[str, tuple[zipfile.ZipInfo, PurePosixPath]] = {}
    for info in infos:
        name = info.filename
        relative = PurePosixPath(name.replace("\\", "/"))
        if relative.is_absolute() or ".." in relative.parts or ":" in name or "\0" in name:
            raise Refused(422, "zip_path", name=name)
        is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
        hidden = any(part.startswith((".", "__MACOSX")) for part in relative.parts)
        if info.is_dir() or is_link or hidden or relative.suffix.lower() not in READ_SUFFIXES:
            continue
        if len(relative.parts) > MAX_DEPTH or any(len(part.encode()) > 255 for part in relative.parts):
            raise Refused(422, "zip_path", name=name[:200])
        members.setdefault(str(relative).casefold(), (info, relative))
    if not members:
        raise Refused(422, "zip_empty", suffixes=", ".join(sorted(READ_SUFFIXES)))
    return list(members.values())


def _opened(archive: Path) -> zipfile.ZipFile:
    """The zip. Korean Windows writes names in its own code page without a mark, so both encodings are tried."""
    for encoding in ("utf-8", "cp949"):
        with suppress(UnicodeDecodeError):
            return zipfile.ZipFile(archive, metadata_encoding=encoding)
    return zipfile.ZipFile(archive)


def _write(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(member) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise Refused(422, "zip_large")
            sink.write(chunk)
    return left
