"""From pixels to an image file, with the profile and the metadata of the photograph they are of.

PNG and TIFF are written at the pixels' own depth, strip by strip; JPEG and WebP at 8 bits, rounded. libvips writes the pixels;
what travels is put around them here, because libvips would make EXIF anew and knows no place for some of the rest.
"""

import errno
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pyvips

from dancheong.imaging import metadata
from dancheong.imaging.formats import Format
from dancheong.imaging.metadata import Metadata, below, exif_of, exif_tree
from dancheong.imaging.tiff import EXIF, INTEROPERABILITY, Tree, Value, directories, in_order, laid_out, value

JPEG_QUALITY = 95
WEBP_QUALITY = 95
_COMPRESSION = 3  # of PNG and TIFF: less than half the time of the usual 6 for some 4 % more bytes, on photographs
_TIFF_STRIP_BYTES = 1 << 18
_TIFF_BYTES = 1 << 31  # of samples, beyond which a BigTIFF is written: some readers take offsets of 32 bits for signed ones
_PNG_LONGEST_PX = 1_000_000  # what common readers take
_PNG_IPTC = b"Raw profile type iptc"
_WIDTH, _HEIGHT = 0xA002, 0xA003
# A segment's length is written in 16 bits and counts itself.
_MAX_SEGMENT_BYTES, _PART_BYTES = 65533, 65000
_JPEG_HOLDS_BYTES = {"exif": _MAX_SEGMENT_BYTES, "xmp": _MAX_SEGMENT_BYTES - len(metadata.XMP_SEGMENT), "iptc": _PART_BYTES}
_TOO_LONG = {
    "exif": "its EXIF is longer than a JPEG can hold and was left out",
    "xmp": "its XMP is longer than a JPEG can hold and was left out",
    "iptc": "its IPTC data are longer than a JPEG can hold and were left out",
}


def fitting(
    given: Metadata, kind: Format, size_px: tuple[int, int], is_srgb: bool, bare_xmp: bytes | None
) -> tuple[Metadata, tuple[str, ...]]:
    """What of `given` a format can hold for a picture of `size_px` (width, height), and notes on the rest.

    Args:
        bare_xmp: written instead of a packet that is too long.
        is_srgb: whether the pixels that are written are sRGB.
    """
    kept = replace(given, exif=_exif_now(given, kind, size_px, is_srgb))
    notes = []
    for name, words in _TOO_LONG.items() if kind.name == "JPEG" else ():
        if len(getattr(kept, name) or b"") > _JPEG_HOLDS_BYTES[name]:
            setattr(kept, name, bare_xmp if name == "xmp" else None)
            notes.append(words)
    names = ", ".join(keyword for keyword, _ in kept.texts)
    for name, words in (("iptc", "its IPTC data"), ("texts", f"the texts {names}"), ("comments", "comments")):
        if getattr(kept, name) and name not in kind.carries:
            notes.append(f"{'WebP' if kind.name == 'WEBP' else kind.name} has no place for {words}, which were left out")
    return kept, tuple(notes)


def encode(path: Path, format_name: str, image: Any, carried: Metadata, failures: list[Exception]) -> None:
    """Write an image of libvips to `path` as `format_name` ("JPEG", "PNG", "TIFF", "WEBP").

    Args:
        path: written from its first byte on.
        image: gray or RGB, of 8 or 16 bits; JPEG and WebP take 8.
        carried: what is written beside the pixels, as far as the format has a place for it.
        failures: takes what goes wrong in threads of libvips.

    Raises:
        OSError: the disk, with its number; or the format cannot hold such a picture, without one.
        Exception: whatever the pixels' source raised.
    """
    with path.open("wb+") as file:
        try:
            _WRITERS[format_name](file, image, carried, failures)
        except pyvips.Error as error:
            if failures:
                raise failures[0] from None
            words = " ".join(str(error).split())
            number = next((number for number in _DISK_ERRORS if os.strerror(number) in words), None)
            raise OSError(number, os.strerror(number), str(path)) if number else OSError(words[:160]) from error


def _exif_now(given: Metadata, kind: Format, size_px: tuple[int, int], is_srgb: bool) -> bytes | None:
    """EXIF whose words on the pixels are those of the file that is written: their size, their color space, the resolution."""
    order, tree = ("<", {}) if given.exif is None else exif_tree(given.exif)
    details = below(tree, EXIF)
    now = {metadata.COLOR_SPACE: value(3, 1 if is_srgb else 65535), _WIDTH: value(4, size_px[0]), _HEIGHT: value(4, size_px[1])}
    details |= {tag: in_order(tag, held, order == ">") for tag, held in now.items() if tag in details}
    details.pop(INTEROPERABILITY, None)  # it names the color space of the camera's file
    if given.dpi is not None and kind.name == "WEBP":  # which has no other place for it
        tree |= {tag: in_order(tag, held, order == ">") for tag, held in _resolution(given).items()}
    return exif_of(order, tree)


def _resolution(given: Metadata) -> dict[int, Value]:
    """The tags of a resolution; without one, of the ratio; none where neither is known."""
    numbers = given.dpi or given.aspect
    if numbers is None:
        return {}
    values = value(5, numbers[0]), value(5, numbers[1]), value(3, 2 if given.dpi else 1)
    return dict(zip(metadata.RESOLUTION_TAGS, values, strict=True))


def _target(file: IO[bytes], with_head: Callable[[bytes], bytes], failures: list[Exception]) -> Any:
    """A target of libvips that writes to a file. `with_head` changes its first bytes, with all that is before the pixels."""
    is_begun = False

    def write(data: Any) -> int:
        nonlocal is_begun
        try:
            file.write(data if is_begun else with_head(bytes(data)))
        except (OSError, ValueError) as error:
            failures.append(error)
            return -1
        is_begun = True
        return len(data)

    target = pyvips.TargetCustom()
    target.on_write(write)
    return target


# JPEG.


def _write_jpeg(file: IO[bytes], image: Any, carried: Metadata, failures: list[Exception]) -> None:
    def with_head(plain: bytes) -> bytes:
        # Behind the mark of the beginning and the segment of the resolution.
        start = 4 + struct.unpack_from(">H", plain, 4)[0] if plain[2:4] == b"\xff\xe0" else 2
        return plain[:2] + _jpeg_head(carried) + plain[start:]

    target = _target(file, with_head, failures)
    image.jpegsave_target(target, Q=JPEG_QUALITY, subsample_mode="off", optimize_coding=False, keep="none")


def _jpeg_head(given: Metadata) -> bytes:
    """The segments that come before the tables."""
    unit, (x, y) = (1, given.dpi) if given.dpi is not None else (0, given.aspect or (1, 1))
    scale = 1 if unit else max(1.0, max(x, y) / 65535)
    x, y = (min(max(round(number / scale), 1), 65535) for number in (x, y))
    segments = [(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", unit, x, y, 0, 0))]
    if given.exif is not None:
        segments.append((0xE1, given.exif))
    if given.xmp is not None:
        segments.append((0xE1, metadata.XMP_SEGMENT + given.xmp))
    if given.iptc is not None:
        resource = struct.pack(">4sHHI", b"8BIM", metadata.IPTC_RESOURCE, 0, len(given.iptc)) + given.iptc
        segments.append((0xED, metadata.RESOURCES_SEGMENT + resource + bytes(len(given.iptc) % 2)))
    parts = [(given.icc or b"")[at : at + _PART_BYTES] for at in range(0, len(given.icc or b""), _PART_BYTES)]
    segments += [(0xE2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)]
    segments += [(0xFE, comment[:_MAX_SEGMENT_BYTES]) for comment in given.comments]
    return b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments)


# PNG.


def _write_png(file: IO[bytes], image: Any, carried: Metadata, failures: list[Exception]) -> None:
    """Profile and metadata go before the pixels, in place of what libvips says of the resolution."""
    if max(image.width, image.height) > _PNG_LONGEST_PX:
        raise OSError("at most a million a side")
    with_head = lambda plain: plain[:33] + _png_chunks(carried) + plain[plain.index(b"IDAT") - 4 :]  # noqa: E731
    target = _target(file, with_head, failures)
    image.pngsave_target(target, compression=_COMPRESSION, filter="up", keep="none")


def _png_chunks(given: Metadata) -> bytes:
    """The chunks that come before the pixels; IPTC as ImageMagick and ExifTool have it."""
    chunks = []
    if given.icc is not None:
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(given.icc)))
    if given.dpi is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(number / 0.0254) for number in given.dpi), 1)))
    elif given.aspect is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(max(1, round(number)) for number in given.aspect), 0)))
    if given.exif is not None:
        chunks.append((b"eXIf", given.exif.removeprefix(metadata.EXIF_PREFIX)))
    if given.xmp is not None:
        chunks.append((b"iTXt", metadata.PNG_XMP + b"\0\0\0\0\0" + given.xmp))
    if given.iptc is not None:
        lines = given.iptc.hex("\n", -36)
        chunks.append((b"zTXt", _PNG_IPTC + b"\0\0" + zlib.compress(f"\niptc\n{len(given.iptc):8d}\n{lines}\n".encode())))
    for keyword, text in given.texts:
        try:  # the letters of a tEXt are Latin-1, by the standard; by custom they are any bytes
            chunks.append((b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1")))
        except UnicodeEncodeError:
            chunks.append((b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()))
    return b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


# TIFF.


def _write_tiff(file: IO[bytes], image: Any, carried: Metadata, failures: list[Exception]) -> None:
    """By libvips, and then a directory of all tags behind it, in place of the one that libvips wrote."""
    row_bytes = image.width * image.bands * (2 if image.format == "ushort" else 1)
    is_big = row_bytes * image.height > _TIFF_BYTES
    rows = max(2, _TIFF_STRIP_BYTES // row_bytes)
    while rows < image.height and image.height % rows == 1:  # libvips 8.18 does not write a last strip of one row
        rows += 1
    target = pyvips.Target.new_to_descriptor(file.fileno())
    image.tiffsave_target(
        target, compression="deflate", predictor="horizontal", level=_COMPRESSION, tile_height=min(rows, image.height),
        keep="none", bigtiff=is_big,
    )
    (directory,) = directories(file)
    if 0 in directory.numbers(279):
        raise OSError("a strip of it was not written")
    tree = _tiff_tags(carried) | directory.tree("<", (*metadata.RESOLUTION_TAGS, metadata.ORIENTATION))
    end = file.seek(0, 2)
    file.write(bytes(end % 2) + laid_out("<", tree, end + end % 2, is_big))
    file.seek(8 if is_big else 4)
    file.write(struct.pack("<Q" if is_big else "<I", end + end % 2))


def _tiff_tags(given: Metadata) -> Tree:
    _, tree = ("<", {}) if given.exif is None else exif_tree(given.exif, "<")
    # Letters in UTF-8 (129, EXIF 3.0) are no type of a TIFF.
    tree |= {tag: Value(2, held.data) for tag, held in tree.items() if isinstance(held, Value) and held.kind == 129}
    parts = {metadata.XMP_TAG: (1, given.xmp), metadata.IPTC_TAG: (7, given.iptc), metadata.ICC_TAG: (7, given.icc)}
    for tag, (kind, data) in parts.items():
        if data is not None:
            tree[tag] = Value(kind, data)
    return tree | _resolution(given)


# WebP.


def _write_webp(file: IO[bytes], image: Any, carried: Metadata, failures: list[Exception]) -> None:
    """A WebP of one picture and nothing beside, with what travels put around it (RFC 9649)."""
    plain = image.webpsave_buffer(Q=WEBP_QUALITY, keep="none")
    icc, exif, xmp = carried.icc or b"", (carried.exif or b"").removeprefix(metadata.EXIF_PREFIX), carried.xmp or b""
    flags = 32 * bool(icc) + 8 * bool(exif) + 4 * bool(xmp)
    if flags:
        sizes = b"".join(struct.pack("<I", side - 1)[:3] for side in (image.width, image.height))
        head = _riff(b"VP8X", struct.pack("<I", flags) + sizes) + _riff(b"ICCP", icc)
        parts = head + plain[plain.index(b"VP8 ", 12) :] + _riff(b"EXIF", exif) + _riff(b"XMP ", xmp)
        plain = b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts
    file.write(plain)


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) if data else b""


_WRITERS: dict[str, Callable[[IO[bytes], Any, Metadata, list[Exception]], None]] = {
    "JPEG": _write_jpeg, "PNG": _write_png, "TIFF": _write_tiff, "WEBP": _write_webp,
}
_DISK_ERRORS = [getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS") if hasattr(errno, name)]
