"""Where each format keeps what travels with a photograph."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import IO

from dancheong.imaging import metadata
from dancheong.imaging.metadata import Found, exif_of
from dancheong.imaging.tiff import EXIF, GPS, MAX_VALUE_BYTES, Directory, Tree, directories

_MAX_TEXTS, _MAX_TEXT_LETTERS, _MAX_PART_BYTES = 64, 1 << 16, MAX_VALUE_BYTES
# Segments of a JPEG, by marker and first bytes, that no result has.
_GONE = {
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0"): "its extended XMP, beyond 64 kB, was left out",
    (0xE2, b"MPF\0"): "the pictures behind the first (MPF: previews, gain map or other views) were left out",
    (0xE2, b"urn:iso:std:iso:ts:21496"): "its gain map was left out",
}
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
_NO_CONTENT = (0, 1, *range(0xD0, 0xD8))
_PNG_TEXTS, _PNG_COLOR = (b"iTXt", b"tEXt", b"zTXt"), {b"gAMA": 4, b"cHRM": 32}
_PNG_PARTS = (*_PNG_TEXTS, *_PNG_COLOR, b"eXIf", b"pHYs", b"sRGB", b"iCCP", b"cICP", b"acTL", b"tIME")
# Of those above 32768: copyright, EXIF, GPS, and what Windows says of a file; the others are private.
_DESCRIPTIVE_TAGS = (33432, EXIF, GPS, *range(40091, 40096))
_KNOWN_TAGS = frozenset((*_DESCRIPTIVE_TAGS, *metadata.LAYOUT_TAGS, 32996, 32997, 32998, 50674)) - {37724}
_TOLD_TAGS, _MOST_TOLD = (297, 37724), 12  # page number; layers of Photoshop
_CLIP_PATHS, _CLIP_PATH_NAME = range(2000, 2998), 2999  # of the image resources of Photoshop


def in_jpeg(file: IO[bytes]) -> Found:
    """What the segments of a JPEG say. libvips hands over less of them."""
    found, resources, frames = Found(), b"", []
    for marker, content in _segments(file):
        if marker == 0xE0 and content.startswith(b"JFIF\0") and len(content) >= 12:
            unit, x, y = struct.unpack_from(">BHH", content, 7)
            found.set_resolution({1: 1.0, 2: 2.54}.get(unit, 0.0), x, y)
        elif marker == 0xE1 and content.startswith(metadata.EXIF_PREFIX):
            found.exif = found.exif if _begins_as_exif(found.exif) else content
        elif marker == 0xE1 and content.startswith(metadata.XMP_SEGMENT):
            found.xmp = content.removeprefix(metadata.XMP_SEGMENT)
        elif marker == 0xED and content.startswith(metadata.RESOURCES_SEGMENT):
            resources += content.removeprefix(metadata.RESOURCES_SEGMENT)
        elif marker == 0xFE:
            found.comments += (content,)
        elif marker in _FRAMES:
            frames.append((marker, content[0] if content else 8))
        for words in (words for (of, start), words in _GONE.items() if of == marker and content.startswith(start)):
            found.note(words)
    _note_resources(resources, found)
    found.iptc, found.frame = _resource(resources), (*frames, found.frame)[0]
    return found


def _begins_as_exif(exif: bytes | None) -> bool:
    return exif is not None and exif[6:10] in (b"II*\0", b"MM\0*")


def _segments(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of the segments before the pixels."""
    file.seek(2)
    while byte := file.read(1):
        if byte != b"\xff":  # left over behind a segment
            continue
        while byte == b"\xff":
            byte = file.read(1)
        if byte in (b"", b"\xd9", b"\xda"):
            return
        if byte[0] not in _NO_CONTENT:
            (size,) = struct.unpack(">H", file.read(2))
            yield byte[0], file.read(max(0, size - 2))


def in_png(file: IO[bytes]) -> Found:
    """What the chunks of a PNG say, those behind its pixels as well. libvips hands over less of them."""
    found, chunks = Found(), dict[bytes, bytes]()
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        data = file.read(length) if kind in _PNG_PARTS and length <= _MAX_PART_BYTES else b""
        file.seek(length - len(data) + 4, 1)
        if kind in _PNG_TEXTS and data:
            _add_text(kind, data, found)
        elif kind in _PNG_PARTS:
            chunks[kind] = data
    found.exif = chunks.get(b"eXIf", found.exif)
    if len(chunks.get(b"pHYs", b"")) == 9:
        x, y, unit = struct.unpack(">IIB", chunks[b"pHYs"])
        found.set_resolution(0.0254 if unit == 1 else 0.0, x, y)
    if len(chunks.get(b"acTL", b"")) == 8:
        found.frames = struct.unpack(">I", chunks[b"acTL"][:4])[0]
    if b"tIME" in chunks:
        found.note("its time of last change (tIME) was left out, because the result is another picture")
    if b"iCCP" in chunks:
        found.icc = _inflated(chunks[b"iCCP"].partition(b"\0")[2][1:]) or b"damaged"
    if not chunks.keys() & {b"sRGB", b"iCCP", b"cICP"}:
        found.color = {kind: struct.unpack(f">{size // 4}I", chunks[kind]) for kind, size in _PNG_COLOR.items()
                       if len(chunks.get(kind, b"")) == size}
    if b"cICP" in chunks and chunks[b"cICP"][:2] != b"\x01\x0d":
        found.note("its color space (cICP) is not sRGB and was left aside: the colors are approximate")
    return found


def _add_text(kind: bytes, data: bytes, found: Found) -> None:
    keyword, _, rest = data.partition(b"\0")
    is_packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    text = {b"tEXt": rest, b"zTXt": rest[1:]}.get(kind, rest[2:].split(b"\0", 2)[-1])
    if is_packed and not (text := _inflated(text)):
        found.note("a damaged text was left out")
    elif keyword == metadata.PNG_XMP:
        found.xmp = text
    elif keyword.startswith(b"Raw profile type "):
        _add_raw_profile(keyword.split()[-1].lower(), text, found)
    elif 0 < len(keyword) < 80 and (name := keyword.decode("latin-1")).isprintable() and len(found.texts) < _MAX_TEXTS:
        words = text.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
        found.texts += ((name, words[:_MAX_TEXT_LETTERS].replace("\0", "")),)


def in_gif(file: IO[bytes]) -> Found:
    """Comments, XMP and profile of the blocks before the first picture of a GIF."""
    found = Found()
    file.seek(0)
    data = file.read(_MAX_PART_BYTES)
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)  # behind the table of colors
    while data[at : at + 1] == b"!":
        kind, content, start, at = data[at + 1], b"", at + 2, at + 2
        while at < len(data) and (size := data[at]):
            content += data[at + 1 : at + 1 + size]
            at += 1 + size
        at += 1
        if kind == 0xFE:
            found.comments += (content,)
        elif content.startswith(b"XMP DataXMP"):  # no blocks, but a packet and bytes that lead out of it
            found.xmp = data[start + 12 : at - 258]
        elif content.startswith(b"ICCRGBG1012"):
            found.icc = content[11:]
    found.is_part = data[at : at + 1] == b"," and data[at + 1 : at + 9] != bytes(4) + data[6:10]
    return found


def in_bmp(file: IO[bytes]) -> Found:
    """Resolution and profile of a BMP, as its header has them."""
    found = Found()
    file.seek(0)
    head = file.read(138).ljust(138, b"\0")
    (size,) = struct.unpack_from("<I", head, 14)
    if size >= 40:
        found.set_resolution(0.0254, *struct.unpack_from("<ii", head, 38))
    if size >= 124 and head[70:74] == b"DEBM":  # an embedded profile
        offset, length = struct.unpack_from("<II", head, 126)
        file.seek(14 + offset)
        found.icc = file.read(min(length, _MAX_PART_BYTES))
    return found


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MAX_PART_BYTES)
    except zlib.error:
        return b""


def _add_raw_profile(name: bytes, text: bytes, found: Found) -> None:
    """Of ImageMagick and ExifTool: lines with a name, a length, and hexadecimal digits."""
    lines = re.fullmatch(rb"\s*[^\n]*\n\s*[0-9]+\n([0-9a-fA-F\s]*)", text)
    digits = b"" if lines is None else re.sub(rb"\s", b"", lines[1])
    data = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    if name == b"exif" or (name == b"app1" and data.startswith(metadata.EXIF_PREFIX)):
        found.exif = found.exif or data
    elif name in (b"xmp", b"app1"):
        found.xmp = found.xmp or data.removeprefix(metadata.XMP_SEGMENT)
    elif name in (b"iptc", b"8bim"):
        found.iptc = found.iptc or (_resource(data) if data.startswith(b"8BIM") else data)


def in_tiff(file: IO[bytes], directory: Directory) -> Found:
    """What the directory that is read says; what it lacks, the first one, where cameras keep it for all."""
    found, first = Found(icc=directory.raw(metadata.ICC_TAG) or None), directories(file)[0]
    places = [directory] if first.offset == directory.offset else [directory, first]
    tags = metadata.XMP_TAG, metadata.IPTC_TAG, metadata.RESOURCES_TAG
    found.xmp, iptc, resources = (next((data for place in places if (data := place.raw(tag))), b"") for tag in tags)
    found.iptc = _in_order(iptc) if iptc else _resource(resources)
    tree: Tree = {}
    for place in reversed(places):
        private = {tag for tag in place if tag >= 32768 and tag not in _DESCRIPTIVE_TAGS}
        tree |= place.tree("<", metadata.LAYOUT_TAGS | private | set(metadata.RESOLUTION_TAGS))
    gone = sorted(tag for tag in directory if tag in _TOLD_TAGS or (tag >= 32768 and tag not in _KNOWN_TAGS))
    if gone:
        found.note(f"tags of its TIFF that describe the file or are private were left out: {_listed(gone)}")
    _note_resources(resources, found)
    found.exif = exif_of("<", tree)
    found.orientation = directory.number(metadata.ORIENTATION, 1)
    found.find_resolution(next((place for place in places if metadata.RESOLUTION_TAGS[0] in place), directory))
    return found


def _in_order(iptc: bytes) -> bytes:
    """IPTC of a TIFF, which programs declare as 32-bit numbers, and pad to them; some turn the bytes of each around."""
    if iptc[3:4] == b"\x1c" and not iptc.startswith(b"\x1c") and len(iptc) % 4 == 0:
        iptc = struct.pack(f"<{len(iptc) // 4}I", *struct.unpack(f">{len(iptc) // 4}I", iptc))
    return iptc.rstrip(b"\0")


def _listed(numbers: list[int]) -> str:
    more = ["..."] if len(numbers) > _MOST_TOLD else []
    return ", ".join([*map(str, numbers[:_MOST_TOLD]), *more])


def _note_resources(resources: bytes, found: Found) -> None:
    """Tell of paths, such as those that cut a figure out; what Photoshop keeps for itself in every file is not told."""
    codes = [code for code, _ in _resources(resources) if code in _CLIP_PATHS or code == _CLIP_PATH_NAME]
    if codes:
        found.note(f"its clip paths (image resources of Photoshop) were left out: {_listed(codes)}")


def _resource(resources: bytes) -> bytes | None:
    """The IPTC data among the image resources of Photoshop."""
    return next((data for code, data in _resources(resources) if code == metadata.IPTC_RESOURCE), None)


def _resources(resources: bytes) -> Iterator[tuple[int, bytes]]:
    """(code, data) of the image resources of Photoshop."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (code,) = struct.unpack_from(">H", resources, at + 4)
        start = at + 6 + (resources[at + 6] + 2) // 2 * 2
        if start + 4 > len(resources):
            break
        (size,) = struct.unpack_from(">I", resources, start)
        yield code, resources[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
