"""Photographs on disk: read them as sRGB pixels, write them whole or not at all, find them in folders.

Read are JPEG, PNG, TIFF and WebP of any depth, and HEIF with the extra `heif`. Gray stays gray, 16 bits stay 16 bits.
What the file says of its orientation and its color space is applied once, what else it says travels on (docs/files.md), and
what was given up on the way is told in `Photo.notes`.
"""

import stat
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from dancheong.imaging.color import check_photo
from dancheong.imaging.decode import decode
from dancheong.imaging.encode import encode
from dancheong.imaging.header import Header, Unreadable, read_header
from dancheong.imaging.metadata import Carried, embedded, fitting, xmp_of
from dancheong.imaging.xmp import Provenance, provenance_of, updated
from dancheong.system.whole_file import whole_file

_FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF",
    ".webp": "WEBP",
}  # fmt: skip
PHOTO_SUFFIXES = frozenset(_FORMATS)
# HEIF is read where the extra `heif` is installed, and not written.
READ_SUFFIXES = PHOTO_SUFFIXES | {".heic", ".heif", ".hif"}
_SHOWN_LETTERS = 200
# What editors and telephones keep beside a photograph.
_SIDECARS = frozenset({".xmp", ".aae", ".pp3", ".dop", ".thm"})


class PhotoError(ValueError):
    """A photograph that cannot be read or written; names the file (`path`) and what is wrong (`reason`)."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[Path, str]]:
        return PhotoError, (self.path, self.reason)


@dataclass(frozen=True)
class Photo:
    """A photograph as read: upright, in sRGB, over white.

    Attributes:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16.
        format: "JPEG", "PNG", "TIFF", "WEBP" or "HEIF".
        icc: the profile the file carried; the pixels have left its space.
        exif: its EXIF without the orientation, which is applied.
        dpi: its resolution (x, y).
        notes: what was given up or assumed in reading, in words.
        xmp: its XMP packet.
        iptc: its IPTC data sets (IIM).
        texts: (keyword, text) of a PNG; a JPEG's comment is ("Comment", text).
    """

    pixels: NDArray[Any]
    format: str
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()


def read_photo(path: str | Path) -> Photo:
    """Read a photograph.

    Raises:
        PhotoError: missing, empty, cut off, damaged, no image, larger than 500 megapixels, or of an unknown kind.
    """
    with _reading(Path(path)) as (file, header):
        pixels, notes = decode(file, header)
        found, more = embedded(file, header)
        return Photo(
            pixels, header.format, header.icc or None, header.exif, header.dpi, (*header.notes, *notes, *more), found.xmp,
            found.iptc, found.texts,
        )


def read_size(path: str | Path) -> tuple[int, int]:
    """(width, height) of the upright photograph in pixels, from the file's header alone.

    Raises:
        PhotoError: as `read_photo`, as far as the header shows it.
    """
    with _reading(Path(path)) as (_, header):
        return header.size_px


def read_provenance(path: str | Path) -> Provenance | None:
    """Where this program says that a picture's colors came from; None where it has not written the picture.

    Raises:
        PhotoError: as `read_photo`, as far as the header shows it.
    """
    with _reading(Path(path)) as (file, header):
        return provenance_of(xmp_of(file, header))


def write_photo(
    path: str | Path, pixels: NDArray[Any], like: Photo | None = None, provenance: Provenance | None = None
) -> tuple[str, ...]:
    """Write a photograph in the format of the file's suffix, whole or not at all.

    PNG and TIFF keep 16 bits; JPEG (quality 95, full chroma) and WebP (quality 95) are rounded to 8.

    Args:
        path: its folder exists; an existing file is replaced.
        pixels: (h, w) or (h, w, 3), uint8 or uint16, sRGB.
        like: the photograph these pixels are of: its EXIF, IPTC, XMP, texts and resolution are kept, and where it had a
            color profile the result has one, that of sRGB.
        provenance: where the colors came from, added to the XMP.

    Returns:
        What the format has no place for, in words.

    Raises:
        PhotoError: an unknown suffix, or pixels that the format cannot hold.
        ValueError: an array that is no photograph.
        OSError: the disk.
    """
    path = Path(path)
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise PhotoError(path, f"cannot write {path.suffix or 'a name without suffix'}; end it in {_list_suffixes()}")
    check_photo(pixels)
    carried = Carried(xmp=updated(None, provenance))
    if like is not None:
        tagged = like.icc is not None
        carried = Carried(like.exif, updated(like.xmp, provenance), like.iptc, like.texts, like.dpi, tagged)
    carried, notes = fitting(carried, kind, (pixels.shape[1], pixels.shape[0]), updated(None, provenance))
    with whole_file(path) as temporary:
        try:
            encode(temporary, kind, pixels, carried)
        except OSError as error:
            if error.errno is not None:
                raise
            raise PhotoError(path, f"{kind} cannot hold {pixels.shape[1]} x {pixels.shape[0]} pixels ({error})") from error
    return notes


@dataclass(frozen=True)
class LeftOut:
    """A file or folder of a folder that is not read, and why. `failed`: a photograph may be there that cannot be reached."""

    path: Path
    reason: str
    failed: bool = False


def list_photos(folder: str | Path) -> list[Path]:
    """Photographs of a folder and its subfolders by suffix, sorted, as `look_through` finds them.

    Raises:
        PhotoError: no such folder.
    """
    return look_through(folder)[0]


def look_through(folder: str | Path, closed: Collection[Path] = ()) -> tuple[list[Path], list[LeftOut]]:
    """Photographs of a folder and its subfolders by suffix, sorted, and everything else that is there.

    Links are followed, and each real file and folder is taken once, under its own name rather than a link's.

    Args:
        closed: resolved paths of subfolders that are left out, such as those of results.

    Raises:
        PhotoError: no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise PhotoError(root, "no such folder")
    found: dict[tuple[int, int], Path] = {}
    seen: dict[tuple[int, int], Path] = {}
    left_out: list[LeftOut] = []
    linked_files: list[Path] = []
    own, linked = deque([root]), deque[Path]()

    def take(photo: Path) -> None:
        first = found.setdefault(_identity(photo), photo)
        if first != photo:
            left_out.append(LeftOut(photo, f"the same file as {first}"))

    while own or linked:
        place = own.popleft() if own else linked.popleft()
        with _telling(place, left_out):
            if place != root and _lies_in(place, closed):
                left_out.append(LeftOut(place, "a folder of results"))
            elif (first := seen.setdefault(_identity(place), place)) != place:
                left_out.append(LeftOut(place, f"the same folder as {first}"))
            else:
                for entry in sorted(place.iterdir()):
                    with _telling(entry, left_out):
                        mode = 0 if entry.name.startswith(".") else entry.stat().st_mode
                        if stat.S_ISDIR(mode):
                            (linked if entry.is_symlink() else own).append(entry)
                        elif reason := _why_no_photo(entry, mode):
                            left_out.append(LeftOut(entry, reason))
                        elif entry.is_symlink():
                            linked_files.append(entry)
                        else:
                            take(entry)
    for entry in sorted(linked_files):
        with _telling(entry, left_out):
            take(entry)
    by_parts = sorted(left_out, key=lambda one: one.path.parts)
    return sorted(found.values(), key=lambda path: path.parts), by_parts


def _lies_in(place: Path, folders: Collection[Path]) -> bool:
    return bool(folders) and not {(real := place.resolve()), *real.parents}.isdisjoint(folders)


@contextmanager
def _telling(path: Path, left_out: list[LeftOut]) -> Iterator[None]:
    """What cannot be reached is a failure of its own, and the rest is looked at."""
    try:
        yield
    except OSError as error:
        if _is_link(path):
            target = str(path.readlink())[:_SHOWN_LETTERS]
            left_out.append(LeftOut(path, f"a link to {target}, which cannot be reached: {error.strerror}", True))
        elif not isinstance(error, FileNotFoundError):  # removed meanwhile
            left_out.append(LeftOut(path, f"cannot be reached: {error.strerror}", True))


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # in a folder that may be listed and no more
        return False


def _why_no_photo(path: Path, mode: int) -> str:
    """Why a name in a folder is no photograph; empty where it is one."""
    if path.name.startswith("."):
        return "a hidden name"
    if not stat.S_ISREG(mode):
        return "no file but a pipe, a socket or a device"
    suffix = path.suffix.lower()
    if suffix in _SIDECARS:
        return f"a sidecar ({suffix}), of which nothing is copied"
    return "" if suffix in READ_SUFFIXES else f"no photograph that is read, by its name ({suffix or 'without suffix'})"


@contextmanager
def _reading(path: Path) -> Iterator[tuple[BinaryIO, Header]]:
    """An open photograph and its header; whatever goes wrong becomes a `PhotoError` with the file's name."""
    try:
        if not path.is_file():
            raise Unreadable("not a file" if path.exists() else "no such file")
        with path.open("rb") as file:
            yield file, read_header(file)
    except Unreadable as error:
        raise PhotoError(path, str(error)) from error
    except OSError as error:
        reason = error.strerror or f"damaged or cut off ({error})"
        raise PhotoError(path, f"the file cannot be read: {reason}") from error
    except Exception as error:  # damaged files make the decoders raise about every kind there is
        raise PhotoError(path, f"damaged, or not what its first bytes say ({_short(error)})") from error


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _list_suffixes() -> str:
    return ", ".join(sorted(PHOTO_SUFFIXES))


def _short(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:120]}" if words else type(error).__name__
