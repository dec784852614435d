"""What travels with a photograph: EXIF, IPTC, XMP, comments, texts, resolution; found in each format, and written to each.

Values are copied as bytes. What describes something that the result does not have is taken out and told.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

from dancheong.imaging.tiff import (
    EXIF,
    GPS,
    INTEROPERABILITY,
    MAX_VALUE_BYTES,
    Directory,
    Tree,
    Value,
    directories,
    in_order,
    laid_out,
    value,
)
from dancheong.imaging.xmp import XmpError, check_packet, describes_what_is_gone

MAX_IPTC_BYTES = 1 << 20
_MAX_TEXTS, _MAX_TEXT_LETTERS, _MAX_PART_BYTES = 64, 1 << 16, MAX_VALUE_BYTES
_IPTC_RESOURCE = 0x0404  # of the image resources of Photoshop
_XMP_SEGMENT, _EXTENDED_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_RESOURCES_SEGMENT, _GAIN_MAP_SEGMENT = b"Photoshop 3.0\0", b"urn:iso:std:iso:ts:21496"
_PNG_IPTC, _PNG_XMP = b"Raw profile type iptc", b"XML:com.adobe.xmp"
_EXIF_PREFIX = b"Exif\0\0"
ORIENTATION, XMP_TAG, IPTC_TAG, RESOURCES_TAG, ICC_TAG, _C2PA_TAG = 274, 700, 33723, 34377, 34675, 52545
RESOLUTION_TAGS = _X, _Y, _UNIT = 282, 283, 296
_COLOR_SPACE, _WIDTH, _HEIGHT, _INTEROPERABILITY_INDEX = 0xA001, 0xA002, 0xA003, 1
# Of a first directory, the tags that tell how the pixels of its file are stored.
LAYOUT_TAGS = frozenset((
    254, 255, *range(256, 260), 262, 263, 264, 265, 266, 273, ORIENTATION, *range(277, 282), 284, 290, 291, 292, 293, 297, 301,
    *range(317, 326), 330, 332, 333, 334, 336, *range(338, 348), *range(512, 522), *range(529, 533), XMP_TAG, 33421, 33422,
    IPTC_TAG, RESOURCES_TAG, ICC_TAG, 37724, 50341, *range(50706, 51200), _C2PA_TAG,
))  # fmt: skip
# Of those above 32768: copyright, EXIF, GPS, and what Windows says of a file; the others are private.
_DESCRIPTIVE_TAGS = (33432, EXIF, GPS, *range(40091, 40096))
# A segment's length is written in 16 bits and counts itself.
_MAX_SEGMENT_BYTES = 65533
CREDENTIALS = "its Content Credentials (C2PA) are of the file as it was and were left out"


@dataclass
class Metadata:
    """What a file says beside its pixels.

    Attributes:
        exif: with its "Exif" prefix, without the orientation and the thumbnail.
        xmp: a packet.
        iptc: IIM data sets.
        comments: of a JPEG, as bytes, because nothing says what their letters are coded in.
        texts: (keyword, text) of a PNG.
        dpi: resolution (x, y).
        aspect: (x, y) of a resolution without a unit.
        icc: color profile.
        orientation: how the pixels are turned, 1 to 8.
        frames: pictures in the file, of which one is read.
        adobe: the pixels are Adobe RGB, as the EXIF says (DCF 2.0).
        color: gAMA, cHRM of a PNG, where nothing better tells of its colors.
        notes: what was left out.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    aspect: tuple[float, float] | None = None
    icc: bytes | None = None
    orientation: int = 1
    frames: int = 1
    adobe: bool = False
    color: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


# Reading.


def find_metadata(file: IO[bytes], format_name: str, directory: Directory | None = None) -> Metadata:
    """What an open file says beside its pixels; of formats that are not written only what a decoder hands over.

    Args:
        directory: of a TIFF, the one that is read.

    Raises:
        struct.error, ValueError: the file is damaged.
    """
    found = Metadata()
    if directory is not None:
        _find_in_tiff(file, directory, found)
    elif format_name in _FINDERS:
        file.seek(8 if format_name == "PNG" else 12 if format_name == "WEBP" else 2)
        _FINDERS[format_name](file, found)
    return found


def settle(found: Metadata) -> Metadata:
    """Check what was found, and read from the EXIF what the pixels need."""
    if found.exif is not None:
        _settle_exif(found)
    if found.iptc is not None and (not found.iptc.startswith(b"\x1c") or len(found.iptc) > MAX_IPTC_BYTES):
        found.notes.append("its IPTC data are damaged and were left out")
        found.iptc = None
    if found.xmp:
        try:
            found.xmp = check_packet(found.xmp)
            if gone := describes_what_is_gone(found.xmp):
                found.notes.append(f"what it holds beside the picture was left out, and its XMP on it: {', '.join(gone)}")
        except XmpError as error:
            found.notes.append(f"its XMP was left out: {error}")
            found.xmp = None
    found.xmp = found.xmp or None
    return found


def jpeg_segments(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of the segments before the pixels, from the current place on; the frame header among them."""
    while byte := file.read(1):
        if byte != b"\xff":  # left over behind a segment
            continue
        while byte == b"\xff":
            byte = file.read(1)
        if byte in (b"", b"\xd9", b"\xda"):
            return
        if byte == b"\0" or 0xD0 <= byte[0] <= 0xD7 or byte == b"\1":
            continue
        (size,) = struct.unpack(">H", file.read(2))
        yield byte[0], file.read(max(0, size - 2))


def _find_in_jpeg(file: IO[bytes], found: Metadata) -> None:
    resources = b""
    for marker, content in jpeg_segments(file):
        if marker == 0xE0 and content.startswith(b"JFIF\0") and len(content) >= 12:
            unit, x, y = struct.unpack_from(">BHH", content, 7)
            _set_resolution(found, {0: 0.0, 1: 1.0, 2: 2.54}.get(unit, 0.0), x, y)
        elif marker == 0xE1 and content.startswith(_EXIF_PREFIX) and found.exif is None:
            found.exif = content
        elif marker == 0xE1 and content.startswith(_XMP_SEGMENT):
            found.xmp = content.removeprefix(_XMP_SEGMENT)
        elif marker == 0xE1 and content.startswith(_EXTENDED_XMP):
            _note(found, "its extended XMP, beyond 64 kB, was left out")
        elif marker == 0xE2 and content.startswith(b"MPF\0"):
            _note(found, "the pictures behind the first (MPF: previews, gain map or other views) were left out")
        elif marker == 0xE2 and content.startswith(_GAIN_MAP_SEGMENT):
            _note(found, "its gain map was left out")
        elif marker == 0xEB and b"c2pa" in content[:200]:
            _note(found, CREDENTIALS)
        elif marker == 0xED and content.startswith(_RESOURCES_SEGMENT):
            resources += content.removeprefix(_RESOURCES_SEGMENT)
        elif marker == 0xFE:
            found.comments += (content,)
    found.iptc = _resource(resources)


def _find_in_png(file: IO[bytes], found: Metadata) -> None:
    chunks = {}
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"iTXt", b"tEXt", b"zTXt") and length <= _MAX_PART_BYTES:
            _add_text(kind, file.read(length), found)
            file.seek(4, 1)
            continue
        if kind in (b"eXIf", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"acTL", b"caBX"):
            chunks[kind] = file.read(min(length, _MAX_PART_BYTES))
            length -= len(chunks[kind])
        file.seek(length + 4, 1)
    if b"eXIf" in chunks:
        found.exif = _EXIF_PREFIX + chunks[b"eXIf"]
    if len(chunks.get(b"pHYs", b"")) == 9:
        x, y, unit = struct.unpack(">IIB", chunks[b"pHYs"])
        _set_resolution(found, 0.0254 if unit == 1 else 0.0, x, y)
    if len(chunks.get(b"acTL", b"")) == 8:
        found.frames = struct.unpack(">I", chunks[b"acTL"][:4])[0]
    if b"iCCP" in chunks:
        found.icc = _inflated(chunks[b"iCCP"].partition(b"\0")[2][1:]) or b"damaged"
    if b"caBX" in chunks:
        _note(found, CREDENTIALS)
    if not chunks.keys() & {b"sRGB", b"iCCP", b"cICP"}:
        found.color = {kind: struct.unpack(f">{len(chunks[kind]) // 4}I", chunks[kind]) for kind in (b"gAMA", b"cHRM")
                       if len(chunks.get(kind, b"")) == {b"gAMA": 4, b"cHRM": 32}[kind]}
    if b"cICP" in chunks and chunks[b"cICP"][:2] != b"\x01\x0d":
        _note(found, "its color space (cICP) is not sRGB and was left aside: the colors are approximate")


def _add_text(kind: bytes, data: bytes, found: Metadata) -> None:
    keyword, _, rest = data.partition(b"\0")
    is_packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    text = {b"tEXt": rest, b"zTXt": rest[1:]}.get(kind, rest[2:].split(b"\0", 2)[-1])
    if is_packed and not (text := _inflated(text)):
        _note(found, "a damaged text was left out")
        return
    if keyword == _PNG_XMP:
        found.xmp = text
    elif keyword.startswith(b"Raw profile type "):
        _add_raw_profile(keyword.split()[-1].lower(), text, found)
    elif 0 < len(keyword) < 80 and (name := keyword.decode("latin-1")).isprintable() and len(found.texts) < _MAX_TEXTS:
        words = text.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
        found.texts += ((name, words[:_MAX_TEXT_LETTERS].replace("\0", "")),)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MAX_PART_BYTES)
    except zlib.error:
        return b""


def _add_raw_profile(name: bytes, text: bytes, found: Metadata) -> None:
    """Of ImageMagick and ExifTool: lines with a name, a length, and hexadecimal digits."""
    lines = re.fullmatch(rb"\s*[^\n]*\n\s*[0-9]+\n([0-9a-fA-F\s]*)", text)
    digits = b"" if lines is None else re.sub(rb"\s", b"", lines[1])
    data = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    if name in (b"exif", b"app1") and data.startswith(_EXIF_PREFIX):
        found.exif = found.exif or data
    elif name == b"exif":
        found.exif = found.exif or _EXIF_PREFIX + data
    elif name in (b"xmp", b"app1"):
        found.xmp = found.xmp or data.removeprefix(_XMP_SEGMENT)
    elif name in (b"iptc", b"8bim"):
        found.iptc = found.iptc or (_resource(data) if data.startswith(b"8BIM") else data)


def _find_in_webp(file: IO[bytes], found: Metadata) -> None:
    frames = 0
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF" and length <= _MAX_PART_BYTES:
            found.exif = _EXIF_PREFIX + file.read(length).removeprefix(_EXIF_PREFIX)
        elif kind == b"XMP " and length <= _MAX_PART_BYTES:
            found.xmp = file.read(length)
        else:
            frames += kind == b"ANMF"
            if kind == b"C2PA":
                _note(found, CREDENTIALS)
            file.seek(length, 1)
        file.seek(length % 2, 1)
    found.frames = max(1, frames)


def _find_in_tiff(file: IO[bytes], directory: Directory, found: Metadata) -> None:
    """Of the directory that is read; what it lacks, of the first one, where cameras keep it for all."""
    first = directories(file)[0]
    places = [directory] if first.offset == directory.offset else [directory, first]
    found.xmp, iptc, resources = (
        next((data for place in places if (data := place.raw(tag))), b"") for tag in (XMP_TAG, IPTC_TAG, RESOURCES_TAG)
    )
    found.iptc = _in_order(iptc) if iptc else _resource(resources)
    tree: Tree = {}
    for place in reversed(places):
        private = {tag for tag in place if tag >= 32768 and tag not in _DESCRIPTIVE_TAGS}
        tree |= place.tree("<", LAYOUT_TAGS | private | set(RESOLUTION_TAGS))
    found.exif = _blob("<", tree)
    found.orientation = directory.number(ORIENTATION, 1)
    _find_resolution(next((place for place in places if _X in place), directory), found)
    if any(_C2PA_TAG in place for place in places):
        _note(found, CREDENTIALS)


_FINDERS: dict[str, Callable[[IO[bytes], Metadata], None]] = {
    "JPEG": _find_in_jpeg, "PNG": _find_in_png, "WEBP": _find_in_webp,
}


def _settle_exif(found: Metadata) -> None:
    """Take the orientation, the thumbnail and the words on the file out of the EXIF; learn from it what nothing else said."""
    assert found.exif is not None
    try:
        data = found.exif.removeprefix(_EXIF_PREFIX)
        (directory,) = directories(io.BytesIO(data))[:1]
        details = next(iter(directory.below(EXIF)), None)
        interoperability = next(iter(details.below(INTEROPERABILITY)), None) if details is not None else None
        if found.orientation == 1:
            found.orientation = directory.number(ORIENTATION, 1)
        if found.dpi is None and found.aspect is None:
            _find_resolution(directory, found)
        index = interoperability.raw(_INTEROPERABILITY_INDEX) if interoperability is not None else None
        is_plain = details is None or details.number(_COLOR_SPACE, 65535) == 65535
        found.adobe = index is not None and index.startswith(b"R03") and is_plain
        tree = directory.tree(directory.order, LAYOUT_TAGS)
        found.exif = _blob(directory.order, tree)
    except (struct.error, ValueError, OverflowError, OSError, RecursionError):
        found.exif = None
        found.notes.append("its EXIF is damaged and was left out")


def _blob(order: str, tree: Tree) -> bytes | None:
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return _EXIF_PREFIX + head + laid_out(order, tree, 8) if tree else None


def _find_resolution(directory: Directory, found: Metadata) -> None:
    if directory.numbers(_X) and directory.numbers(_Y):
        scale = {1: 0.0, 3: 2.54}.get(directory.number(_UNIT, 2), 1.0)
        _set_resolution(found, scale, directory.numbers(_X)[0], directory.numbers(_Y)[0])


def _set_resolution(found: Metadata, per_inch: float, x: float, y: float) -> None:
    """`per_inch`: dots per inch of a number of 1; 0 where the numbers have no unit. Numbers of 0 say nothing."""
    if not (x > 0 and y > 0):
        return
    if per_inch and max(x, y) * per_inch < 1e6:
        found.dpi = (x * per_inch, y * per_inch)
    elif not per_inch and x != y:
        found.aspect = (float(x), float(y))


def _note(found: Metadata, words: str) -> None:
    if words not in found.notes:
        found.notes.append(words)


def _in_order(iptc: bytes) -> bytes:
    """IPTC of a TIFF, which programs declare as 32-bit numbers, and pad to them; some turn the bytes of each around."""
    if iptc[3:4] == b"\x1c" and not iptc.startswith(b"\x1c") and len(iptc) % 4 == 0:
        iptc = struct.pack(f"<{len(iptc) // 4}I", *struct.unpack(f">{len(iptc) // 4}I", iptc))
    return iptc.rstrip(b"\0")


def _resource(resources: bytes) -> bytes | None:
    """The IPTC data among the image resources of Photoshop."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (code,) = struct.unpack_from(">H", resources, at + 4)
        named = 1 + resources[at + 6]
        start = at + 6 + named + named % 2
        if start + 4 > len(resources):
            break
        (size,) = struct.unpack_from(">I", resources, start)
        if code == _IPTC_RESOURCE:
            return resources[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
    return None


# Writing.


def fitting(
    given: Metadata, format_name: str, carries: frozenset[str], size_px: tuple[int, int], is_srgb: bool, bare_xmp: bytes | None
) -> tuple[Metadata, tuple[str, ...]]:
    """What of `given` a format can hold for a picture of `size_px` (width, height), and notes on the rest.

    Args:
        bare_xmp: written instead of a packet that is too long.
        is_srgb: whether the pixels that are written are sRGB.
    """
    notes: list[str] = []
    kept = replace(given, exif=_exif_now(given, format_name, size_px, is_srgb), notes=[])
    if format_name == "JPEG":
        if kept.exif is not None and len(kept.exif) > _MAX_SEGMENT_BYTES:
            kept.exif, notes = None, [*notes, "its EXIF is longer than a JPEG can hold and was left out"]
        if kept.xmp is not None and len(kept.xmp) > _MAX_SEGMENT_BYTES - len(_XMP_SEGMENT):
            kept.xmp, notes = bare_xmp, [*notes, "its XMP is longer than a JPEG can hold and was left out"]
        if kept.iptc is not None and len(kept.iptc) > 65000:
            kept.iptc, notes = None, [*notes, "its IPTC data are longer than a JPEG can hold and were left out"]
    if kept.iptc is not None and "iptc" not in carries:
        kept.iptc = None
        notes.append("WebP has no place for its IPTC data, which were left out")
    if kept.texts and "texts" not in carries:
        names = ", ".join(name for name, _ in kept.texts)
        notes.append(f"{format_name} has no place for the texts {names}, which were left out")
    if kept.comments and "comments" not in carries:
        notes.append(f"{format_name} has no place for comments, which were left out")
    return kept, tuple(notes)


def _exif_now(given: Metadata, format_name: str, size_px: tuple[int, int], is_srgb: bool) -> bytes | None:
    """EXIF whose words on the pixels are those of the file that is written: their size, their color space, the resolution."""
    tree: Tree = {}
    order = "<"
    if given.exif is not None:
        directory = directories(io.BytesIO(given.exif.removeprefix(_EXIF_PREFIX)))[0]
        order, tree = directory.order, directory.tree(directory.order, LAYOUT_TAGS)
    details = tree.get(EXIF, {})
    assert isinstance(details, dict)
    now = {_COLOR_SPACE: (3, 1 if is_srgb else 65535), _WIDTH: (4, size_px[0]), _HEIGHT: (4, size_px[1])}
    for tag, (kind, number) in now.items():
        if tag in details:
            details[tag] = Value(kind, struct.pack(order + ("H" if kind == 3 else "I"), number))
    details.pop(INTEROPERABILITY, None)  # it names the color space of the camera's file
    if given.dpi is not None and format_name == "WEBP":  # a WebP has no other place for it
        tree |= {tag: in_order(tag, held, order == ">") for tag, held in resolution_entries(given).items()}
    return _blob(order, tree)


def jpeg_head(given: Metadata) -> bytes:
    """The segments of a JPEG that come before its tables."""
    unit, (x, y) = (1, given.dpi) if given.dpi is not None else (0, given.aspect or (1, 1))
    scale = 1 if unit else max(1.0, max(x, y) / 65535)
    x, y = (min(max(round(number / scale), 1), 65535) for number in (x, y))
    segments = _segment(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", unit, x, y, 0, 0))
    if given.exif is not None:
        segments += _segment(0xE1, given.exif)
    if given.xmp is not None:
        segments += _segment(0xE1, _XMP_SEGMENT + given.xmp)
    if given.iptc is not None:
        resource = struct.pack(">4sHHI", b"8BIM", _IPTC_RESOURCE, 0, len(given.iptc)) + given.iptc
        segments += _segment(0xED, _RESOURCES_SEGMENT + resource + bytes(len(given.iptc) % 2))
    if given.icc is not None:
        parts = [given.icc[at : at + 65000] for at in range(0, len(given.icc), 65000)]
        for number, part in enumerate(parts, 1):
            segments += _segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part)
    return segments + b"".join(_segment(0xFE, comment[:_MAX_SEGMENT_BYTES]) for comment in given.comments)


def png_chunks(given: Metadata) -> bytes:
    """The chunks of a PNG that come before its pixels; IPTC as ImageMagick and ExifTool have it."""
    chunks = []
    if given.icc is not None:
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(given.icc)))
    if given.dpi is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(number / 0.0254) for number in given.dpi), 1)))
    elif given.aspect is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", *(max(1, round(number)) for number in given.aspect), 0)))
    if given.exif is not None:
        chunks.append((b"eXIf", given.exif.removeprefix(_EXIF_PREFIX)))
    if given.xmp is not None:
        chunks.append((b"iTXt", _PNG_XMP + b"\0\0\0\0\0" + given.xmp))
    if given.iptc is not None:
        digits = given.iptc.hex()
        lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
        chunks.append((b"zTXt", _PNG_IPTC + b"\0\0" + zlib.compress(f"\niptc\n{len(given.iptc):8d}\n{lines}\n".encode())))
    for keyword, text in given.texts:
        try:  # the letters of a tEXt are Latin-1, by the standard; by custom they are any bytes
            chunks.append((b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1")))
        except UnicodeEncodeError:
            chunks.append((b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()))
    return b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def webp_file(plain: bytes, given: Metadata, size_px: tuple[int, int]) -> bytes:
    """A WebP of one picture without anything beside, with what travels put around it (RFC 9649)."""
    at, picture = 12, b""
    while at + 8 <= len(plain):
        kind, length = struct.unpack_from("<4sI", plain, at)
        if kind in (b"VP8 ", b"VP8L"):
            picture = _riff(kind, plain[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    icc, exif, xmp = given.icc or b"", (given.exif or b"").removeprefix(_EXIF_PREFIX), given.xmp or b""
    flags = 32 * bool(icc) + 8 * bool(exif) + 4 * bool(xmp)
    if not flags:
        return plain
    sizes = b"".join(struct.pack("<I", side - 1)[:3] for side in size_px)
    parts = _riff(b"VP8X", struct.pack("<I", flags) + sizes) + (_riff(b"ICCP", icc) if icc else b"") + picture
    parts += (_riff(b"EXIF", exif) if exif else b"") + (_riff(b"XMP ", xmp) if xmp else b"")
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts


def tiff_entries(given: Metadata) -> Tree:
    """The tags of a little-endian TIFF that hold EXIF, XMP, IPTC, profile and resolution."""
    entries: Tree = {}
    if given.exif is not None:
        directory = directories(io.BytesIO(given.exif.removeprefix(_EXIF_PREFIX)))[0]
        entries = directory.tree("<", LAYOUT_TAGS | set(RESOLUTION_TAGS))
        # Letters in UTF-8 (129, EXIF 3.0) are no type of a TIFF.
        entries |= {tag: Value(2, held.data) for tag, held in entries.items() if isinstance(held, Value) and held.kind == 129}
    for tag, kind, data in ((XMP_TAG, 1, given.xmp), (IPTC_TAG, 7, given.iptc), (ICC_TAG, 7, given.icc)):
        if data is not None:
            entries[tag] = Value(kind, data)
    return entries | resolution_entries(given)


def resolution_entries(given: Metadata) -> dict[int, Value]:
    """The tags of a resolution; without one, of the ratio; none where neither is known."""
    numbers = given.dpi or given.aspect
    if numbers is None:
        return {}
    return {_X: value(5, numbers[0]), _Y: value(5, numbers[1]), _UNIT: value(3, 2 if given.dpi else 1)}


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
