"""Photographs on disk: read them as sRGB pixels, write them whole or not at all, find them in folders.

`formats.py` says what is read and written. Gray stays gray, 16 bits stay 16 bits.
What the file says of its orientation and its color space is applied once, what else it says travels on (docs/files.md), and
what was given up on the way is told in `Photo.notes`.
"""

import os
import stat
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pyvips
from numpy.typing import NDArray

from dancheong.imaging.color import check_photo
from dancheong.imaging.decode import converted, decode, decode_alpha, turn_upright
from dancheong.imaging.encode import encode, fitting
from dancheong.imaging.foreign import DecoderFailed
from dancheong.imaging.formats import BY_SUFFIX, READ_SUFFIXES, WRITABLE_SUFFIXES
from dancheong.imaging.header import Header, read_header
from dancheong.imaging.metadata import Metadata
from dancheong.imaging.profiles import ProfileError, from_srgb, srgb_profile
from dancheong.imaging.tiling import ByRows
from dancheong.imaging.vips import ForkedProcess, Unreadable, lazy_image, rows_of
from dancheong.imaging.xmp import Provenance, provenance_of, updated
from dancheong.system.errors import DancheongError
from dancheong.system.whole_file import whole_file

# What libtiff says of numbers that are damaged, in words that others keep for a lack of memory.
_NOT_OF_MEMORY = ("(0 elements of", "Out of memory reading of", "allocate memory for to read TIFF directory")
_SHOWN_LETTERS = 200
_BLOCK_BYTES = 1 << 20
CREDENTIALS = "its Content Credentials (C2PA) do not hold for another picture, and are not kept; predict --sign writes new ones"
# The head of a store of them (C2PA 2.1, 11.1.4.2), the same in every format.
_CREDENTIALS_HEAD = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_NOT_LOOKED_AT = (".", "@eaDir")
# What editors and telephones keep beside a photograph.
_SIDECARS = frozenset({".xmp", ".aae", ".pp3", ".dop", ".thm"})


class PhotoError(DancheongError, ValueError):
    """A photograph that cannot be read or written; names the file (`path`) and what is wrong (`reason`)."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[Path, str]]:
        return PhotoError, (self.path, self.reason)


@dataclass
class Photo(Metadata):
    """A photograph as read: upright, in sRGB, over white; and what of its file travels on (`Metadata`).

    Attributes:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16; of `open_photo` as `ByRows`.
        format: a name of `formats.py`, such as "JPEG".
        notes: what was given up or assumed in reading, in words.
    """

    pixels: Any
    format: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSpec:
    """What decides how much memory a photograph takes: its size, its kind, and what is written."""

    width_px: int
    height_px: int
    color: bool
    deep: bool
    """16 bits a sample; more and less count as what they are read as."""
    why_whole: str = ""
    """Why `open_photo` cannot read it; empty where it can."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width_px * self.height_px


def read_photo(path: str | Path, page: int | None = None) -> Photo:
    """Read a photograph.

    Args:
        page: of a TIFF with several, from 0 (`count_pages`); None: the first, and the notes say that there are others.

    Raises:
        PhotoError: missing, empty, cut off, damaged, no image, larger than 500 megapixels, or of an unknown kind.
    """
    try:
        return _read(Path(path), page, False)
    except PhotoError as error:
        if not isinstance(error.__cause__, pyvips.Error):
            raise
        # libjpeg goes on behind faults that it can bridge, and that is told.
        return _read(Path(path), page, True)


@contextmanager
def open_photo(path: str | Path, page: int | None = None) -> Iterator[Photo]:
    """A photograph of any size, whose pixels (`ByRows`) are read when they are asked for: a strip at a time is in memory.

    The pixels are those of `read_photo`, but of three channels where a palette holds nothing but grays. They can be read inside
    of the `with` alone, from the first row on, as often as is wanted.

    Raises:
        PhotoError: as `read_photo`, also while rows are read; or the file is of a kind that is decoded as a whole.
    """
    path = Path(path)
    with ExitStack() as stack:
        with _in_words(path):
            file, header = stack.enter_context(path.open("rb")), None
            header = read_header(file, page, is_whole=False)
            if header.why_whole:
                raise Unreadable(header.why_whole)
            image, notes, _ = converted(file, header)
            shape = (image.height, image.width) if image.bands == 1 else (image.height, image.width, image.bands)
            photo = _photo(file, header, None, notes)
        at = 0

        def rows(part: slice) -> NDArray[Any]:
            nonlocal image, at
            with _in_words(path):
                if part.start != at:
                    file.seek(0)
                    image = converted(file, read_header(file, page, is_whole=False))[0]
                at = part.stop
                return turn_upright(rows_of(image, part), header.metadata.orientation)

        photo.pixels = ByRows(shape, np.dtype(np.uint16 if image.format == "ushort" else np.uint8), rows)
        yield photo


def _read(path: Path, page: int | None, is_lenient: bool) -> Photo:
    with _reading(path, page, is_lenient=is_lenient) as (file, header):
        if is_lenient and header.format.name != "JPEG":
            raise Unreadable("damaged or cut off")
        pixels, notes = decode(file, header)
        if is_lenient:
            notes += ("its data are damaged, and parts of the picture may be wrong",)
        return _photo(file, header, pixels, notes)


def _photo(file: BinaryIO, header: Header, pixels: Any, notes: tuple[str, ...]) -> Photo:
    if _holds_credentials(file):
        notes += (CREDENTIALS,)
    carried = {one.name: getattr(header.metadata, one.name) for one in fields(Metadata)}
    return Photo(pixels, header.format.name, notes, **carried)


def _holds_credentials(file: BinaryIO) -> bool:
    file.seek(0)
    tail = b""
    while block := file.read(_BLOCK_BYTES):
        if _CREDENTIALS_HEAD in tail + block:
            return True
        tail = block[-len(_CREDENTIALS_HEAD) :]
    return False


def read_small(path: str | Path, longer_px: int) -> tuple[NDArray[Any], tuple[int, int], tuple[str, ...]]:
    """Pixels with the longer side at `longer_px` or more, (width, height) of the whole, and notes of reading.

    Raises:
        PhotoError: as `read_photo`.
    """
    size = read_size(path)
    with _reading(Path(path), longer_px=longer_px) as (file, header):
        pixels, notes = decode(file, header)
        return pixels, size, notes


def read_alpha(path: str | Path) -> NDArray[Any] | None:
    """How opaque each pixel of `read_photo` is, (h, w), 0 where it is clear; None where nothing is transparent.

    Raises:
        PhotoError: as `read_photo`.
    """
    with _reading(Path(path)) as (file, header):
        return decode_alpha(file, header)


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
    with _reading(Path(path), is_whole=False) as (_, header):
        return provenance_of(header.metadata.xmp)


def count_pages(path: str | Path) -> int:
    """The pages of a TIFF's document, without thumbnails, masks and smaller copies; 1 of other formats.

    Raises:
        PhotoError: as `read_photo`, as far as the header shows it.
    """
    with _reading(Path(path), is_whole=False) as (_, header):
        return header.metadata.frames if header.tiff is not None else 1


def image_spec(path: Path, page: int = 0) -> ImageSpec | None:
    """What a photograph's header says of it; None where that cannot be read, as reading will say why."""
    try:
        with _reading(path, page, is_whole=False) as (_, header):
            return ImageSpec(*header.size_px, not header.is_gray, header.bits > 8, header.why_whole)
    except PhotoError:
        return None


def write_photo(
    path: str | Path, pixels: NDArray[Any] | ByRows, like: Photo | None = None, provenance: Provenance | None = None,
    output_profile: Literal["srgb", "input"] = "srgb",
) -> tuple[str, ...]:
    """Write a photograph in the format of the file's suffix, whole or not at all.

    PNG and TIFF keep 16 bits; JPEG (quality 95, full chroma) and WebP (quality 95) are rounded to 8.

    Args:
        path: its folder exists; an existing file is replaced.
        pixels: (h, w) or (h, w, 3), uint8 or uint16, sRGB; of `ByRows` a strip at a time is in memory.
        like: the photograph these pixels are of: its EXIF, IPTC, XMP, texts and resolution are kept, and where it had a
            color profile the result has one.
        provenance: where the colors came from, added to the XMP.
        output_profile: the color space of the result, "input": that of `like`, where it is one of the pixels' kind.

    Returns:
        What was lost, in words: what the format has no place for.

    Raises:
        PhotoError: an unknown suffix, or pixels that the format cannot hold.
        ValueError: an array that is no photograph.
        OSError: the disk.
    """
    path = Path(path)
    kind = BY_SUFFIX.get(path.suffix.lower())
    if kind is None or not kind.is_written:
        names = ", ".join(sorted(WRITABLE_SUFFIXES))
        raise PhotoError(path, f"cannot write {path.suffix or 'a name without suffix'}; end it in {names}")
    check_photo(pixels)
    notes: list[str] = []
    size, icc = (pixels.shape[1], pixels.shape[0]), None
    given = Metadata() if like is None else like
    with whole_file(path) as temporary, lazy_image(pixels) as (image, failures):
        if given.icc is not None:
            image, icc = _in_profile(image, given.icc, output_profile, notes)
        if pixels.dtype == np.uint16 and not kind.is_deep:
            image = _to_eight(image)
            notes.append(f"its 16 bits were rounded to 8, because {kind.name} holds no more")
        carried = replace(given, xmp=updated(given.xmp, provenance), icc=icc)
        carried, lost = fitting(carried, kind, size, icc in (None, srgb_profile()), updated(None, provenance))
        try:
            encode(temporary, kind.name, image, carried, failures)
        except OSError as error:
            if error.errno is not None or failures:
                raise
            raise PhotoError(path, f"{kind.name} cannot hold {size[0]} x {size[1]} pixels ({error})") from error
    return (*notes, *lost)


def _in_profile(image: Any, icc: bytes, output_profile: str, notes: list[str]) -> tuple[Any, bytes | None]:
    """The image in the space of its result, and the profile that says so; a gray one in sRGB carries none."""
    if output_profile == "input":
        try:
            return from_srgb(image, icc), icc
        except ProfileError as error:
            notes.append(f"it was written as sRGB, not in its own color profile: {error}")
    return image, srgb_profile() if image.bands == 3 else None


def _to_eight(image: Any) -> Any:
    return (image / 257).rint().cast("uchar").copy(interpretation="srgb" if image.bands == 3 else "b-w")


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
    own, linked, linked_files = deque([root]), deque[Path](), list[Path]()

    def take(photo: Path) -> None:
        if (first := found.setdefault(_identity(photo), photo)) != photo:
            left_out.append(LeftOut(photo, f"the same file as {first}"))

    def look_at(entry: Path) -> None:
        mode = 0 if entry.name.startswith(_NOT_LOOKED_AT) else entry.stat().st_mode
        if stat.S_ISDIR(mode):
            (linked if entry.is_symlink() else own).append(entry)
        elif reason := _why_no_photo(entry, mode):
            left_out.append(LeftOut(entry, reason))
        elif entry.is_symlink():
            linked_files.append(entry)
        else:
            take(entry)

    while own or linked:
        place = own.popleft() if own else linked.popleft()
        with _telling(place, left_out):
            if place != root and closed and not {(real := place.resolve()), *real.parents}.isdisjoint(closed):
                left_out.append(LeftOut(place, "a folder of results"))
            elif (first := seen.setdefault(_identity(place), place)) != place:
                left_out.append(LeftOut(place, f"the same folder as {first}"))
            else:
                for entry in sorted(place.iterdir()):
                    with _telling(entry, left_out):
                        look_at(entry)
    for entry in sorted(linked_files):
        with _telling(entry, left_out):
            take(entry)
    return sorted(found.values(), key=lambda path: path.parts), sorted(left_out, key=lambda one: one.path.parts)


@contextmanager
def _telling(path: Path, left_out: list[LeftOut]) -> Iterator[None]:
    """What cannot be reached is a failure of its own, and the rest is looked at."""
    try:
        yield
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114 - that of a Path raises in a folder that may be listed and no more
            target = str(path.readlink())[:_SHOWN_LETTERS]
            left_out.append(LeftOut(path, f"a link to {target}, which cannot be reached: {error.strerror}", True))
        elif not isinstance(error, FileNotFoundError):  # removed meanwhile
            left_out.append(LeftOut(path, f"cannot be reached: {error.strerror}", True))


def _why_no_photo(path: Path, mode: int) -> str:
    """Why a name in a folder is no photograph; empty where it is one."""
    if path.name.startswith(_NOT_LOOKED_AT):
        return "a hidden name" if path.name.startswith(".") else "thumbnails that a file server keeps"
    if not stat.S_ISREG(mode):
        return "no file but a pipe, a socket or a device"
    suffix = path.suffix.lower()
    if suffix in _SIDECARS:
        return f"a sidecar ({suffix}), of which nothing is copied"
    return "" if suffix in READ_SUFFIXES else f"no photograph that is read, by its name ({suffix or 'without suffix'})"


@contextmanager
def _reading(
    path: Path, page: int | None = None, longer_px: int = 0, is_lenient: bool = False, is_whole: bool = True
) -> Iterator[tuple[BinaryIO, Header]]:
    """An open photograph and its header; whatever goes wrong becomes a `PhotoError` with the file's name."""
    with _in_words(path), path.open("rb") as file:
        yield file, read_header(file, page, longer_px, is_lenient, is_whole)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Whatever goes wrong becomes a `PhotoError` with the file's name."""
    try:
        if not path.is_file():  # a pipe would block the reader
            raise Unreadable("not a file" if path.exists() else "no such file")
        yield
    except ForkedProcess:  # nothing is wrong with the file
        raise
    except (Unreadable, DecoderFailed) as error:
        raise PhotoError(path, str(error)) from error
    except pyvips.Error as error:
        if any(words in str(error) for words in _NOT_OF_MEMORY):
            raise PhotoError(path, "damaged: a directory of the TIFF says what cannot be") from None
        # Not in the words of libvips, which all threads of a process collect in one place.
        raise PhotoError(path, "damaged or cut off") from error
    except OSError as error:
        reason = error.strerror or f"damaged or cut off ({error})"
        raise PhotoError(path, f"the file cannot be read: {reason}") from error
    except Exception as error:  # damaged files make the decoders raise about every kind there is
        words = " ".join(str(error).split())[:_SHOWN_LETTERS]
        raise PhotoError(path, f"damaged, or not what its first bytes say ({type(error).__name__}: {words})") from error


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
