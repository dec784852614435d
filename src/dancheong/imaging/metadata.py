"""What travels with a photograph: EXIF, IPTC, XMP, texts; where each format keeps them, and what has no place there."""

import re
import struct
import zlib
from dataclasses import dataclass
from typing import IO, Any

from PIL import ExifTags, Image

from dancheong.imaging.header import Header
from dancheong.imaging.tiff import TiffDirectory, exif_bytes, mark_undefined
from dancheong.imaging.xmp import XmpError, check_packet

MAX_IPTC_BYTES = 1 << 20
_MAX_TEXTS, _MAX_TEXT_LETTERS = 64, 1 << 16
_IPTC_RESOURCE = 0x0404  # of the image resources of Photoshop
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PNG_IPTC = "Raw profile type iptc"
_TIFF_XMP, _TIFF_IPTC, _TIFF_RESOURCES = 700, 33723, 34377
_SRGB, _INTEROPERABILITY = 1, 0xA005
_EXIF_PREFIX = b"Exif\0\0"
# A segment's length is written in 16 bits and counts itself; EXIF, XMP and the resources begin with their names.
_MAX_JPEG_EXIF_BYTES, _MAX_JPEG_XMP_BYTES, _MAX_JPEG_IPTC_BYTES = 65533, 65502, 65000


@dataclass(frozen=True)
class Carried:
    """What is written beside the pixels.

    Attributes:
        exif: without orientation, with its "Exif" prefix.
        xmp: a packet.
        iptc: IIM data sets.
        texts: (keyword, text) of a PNG; a JPEG has the one named "Comment".
        dpi: resolution (x, y).
        tagged: embed the sRGB profile; a gray picture carries none, as the profile is one of color.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    tagged: bool = False


def embedded(file: IO[bytes], header: Header) -> tuple[Carried, tuple[str, ...]]:
    """XMP, IPTC and texts of a file whose pixels have been read (a PNG may keep them behind the pixels), and notes."""
    info: dict[Any, Any] = header.image.info if header.image is not None else {}
    notes: list[str] = []
    xmp, iptc = info.get("xmp"), None
    if header.format == "TIFF":
        directory = TiffDirectory(file)
        xmp, iptc, resources = (directory.raw(tag) for tag in (_TIFF_XMP, _TIFF_IPTC, _TIFF_RESOURCES))
        iptc = _in_order(iptc) if iptc else _resource(resources or b"")
    elif header.format == "JPEG":
        iptc = info.get("photoshop", {}).get(_IPTC_RESOURCE)
        if any(segment.startswith(_EXTENDED_XMP) for _, segment in getattr(header.image, "applist", ())):
            notes.append("its extended XMP, beyond 64 kB, was left out")
    elif header.format == "PNG":
        iptc = _from_hex(info.get(_PNG_IPTC))
    kept = _kept_xmp(xmp, notes)
    if iptc is not None and (not iptc.startswith(b"\x1c") or len(iptc) > MAX_IPTC_BYTES):
        notes.append("its IPTC data are damaged and were left out")
        iptc = None
    return Carried(xmp=kept, iptc=iptc, texts=_texts(header, info)), tuple(notes)


def xmp_of(file: IO[bytes], header: Header) -> bytes | None:
    """The XMP packet of a file whose pixels have not been read; a PNG's only where it stands before them, as ours does."""
    if header.format == "TIFF":
        return _kept_xmp(TiffDirectory(file).raw(_TIFF_XMP), [])
    return None if header.image is None else _kept_xmp(header.image.info.get("xmp"), [])


def fitting(carried: Carried, kind: str, size_px: tuple[int, int], bare_xmp: bytes | None) -> tuple[Carried, tuple[str, ...]]:
    """What of `carried` the format `kind` can hold for a picture of `size_px` (width, height), and notes on the rest.

    `bare_xmp`: what is written instead of a packet that is too long.
    """
    notes: list[str] = []
    exif, xmp, iptc, texts = _exif_now(carried, kind, size_px), carried.xmp, carried.iptc, carried.texts
    if kind == "JPEG":
        if exif is not None and len(exif) > _MAX_JPEG_EXIF_BYTES:
            exif, notes = None, [*notes, "its EXIF is longer than a JPEG can hold and was left out"]
        if xmp is not None and len(xmp) > _MAX_JPEG_XMP_BYTES:
            xmp, notes = bare_xmp, [*notes, "its XMP is longer than a JPEG can hold and was left out"]
        if iptc is not None and len(iptc) > _MAX_JPEG_IPTC_BYTES:
            iptc, notes = None, [*notes, "its IPTC data are longer than a JPEG can hold and were left out"]
    if kind == "WEBP" and iptc is not None:
        iptc = None
        notes.append("WebP has no place for its IPTC data, which were left out")
    held = tuple(one for one in texts if kind == "PNG" or (kind == "JPEG" and one[0] == "Comment"))
    if len(held) < len(texts):
        names = ", ".join(keyword for keyword, _ in texts if keyword not in dict(held))
        notes.append(f"{kind} has no place for the texts {names}, which were left out")
    return Carried(exif, xmp, iptc, held, carried.dpi, carried.tagged), tuple(notes)


def jpeg_segments(carried: Carried) -> bytes:
    """The segments of a JPEG that hold XMP and IPTC."""
    segments = b""
    if carried.xmp is not None:
        segments += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + carried.xmp)
    if carried.iptc is not None:
        resource = struct.pack(">4sHHI", b"8BIM", _IPTC_RESOURCE, 0, len(carried.iptc)) + carried.iptc
        segments += _segment(0xED, b"Photoshop 3.0\0" + resource + bytes(len(carried.iptc) % 2))
    return segments


def png_chunks(carried: Carried) -> list[tuple[bytes, bytes]]:
    """Kind and content of the chunks of a PNG that hold XMP, IPTC (as ImageMagick and ExifTool do) and texts."""
    chunks = []
    if carried.xmp is not None:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + carried.xmp))
    if carried.iptc is not None:
        digits = carried.iptc.hex()
        lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
        profile = f"\niptc\n{len(carried.iptc):8d}\n{lines}\n".encode()
        chunks.append((b"zTXt", _PNG_IPTC.encode() + b"\0\0" + zlib.compress(profile)))
    for keyword, text in carried.texts:
        chunks.append((b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()))
    return chunks


def tiff_entries(carried: Carried) -> dict[int, Any]:
    """The tags of a TIFF that hold EXIF, XMP and IPTC."""
    entries: dict[int, Any] = {}
    if carried.exif is not None:
        source = Image.Exif()
        source.load(carried.exif)
        directories = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
        entries = {tag: dict(source.get_ifd(tag)) if tag in directories else source[tag] for tag in source}
        mark_undefined(entries.get(ExifTags.IFD.Exif, {}))
    if carried.xmp is not None:
        entries[_TIFF_XMP] = carried.xmp
    if carried.iptc is not None:
        entries[_TIFF_IPTC] = carried.iptc
    return entries


def _exif_now(carried: Carried, kind: str, size_px: tuple[int, int]) -> bytes | None:
    """EXIF whose words on the pixels are those of the file that is written: their size, sRGB, the resolution."""
    if carried.exif is None and (kind != "WEBP" or carried.dpi is None):
        return None
    exif = Image.Exif()
    if carried.exif is not None:
        exif.load(carried.exif)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    now = {ExifTags.Base.ColorSpace: _SRGB, ExifTags.Base.ExifImageWidth: size_px[0], ExifTags.Base.ExifImageHeight: size_px[1]}
    details.update({int(tag): value for tag, value in now.items() if tag in details})
    # It names the color space of the camera's file.
    details.pop(_INTEROPERABILITY, None)
    # A WebP has no other place for its resolution.
    if carried.dpi is not None and (kind == "WEBP" or ExifTags.Base.XResolution in exif):
        exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = carried.dpi
        exif[ExifTags.Base.ResolutionUnit] = 2
    return exif_bytes(exif)


def _kept_xmp(packet: Any, notes: list[str]) -> bytes | None:
    if not packet:
        return None
    try:
        return check_packet(packet.encode() if isinstance(packet, str) else bytes(packet))
    except XmpError as error:
        notes.append(f"its XMP was left out: {error}")
        return None


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


def _from_hex(profile: Any) -> bytes | None:
    """A "raw profile" of a PNG: lines with a name, a length, and hexadecimal digits."""
    if not profile:
        return None
    lines = re.fullmatch(r"\s*[^\n]*\n\s*[0-9]+\n([0-9a-fA-F\s]*)", str(profile))
    if lines is None:
        return b""
    digits = re.sub(r"\s", "", lines[1])
    data = bytes.fromhex(digits[: len(digits) // 2 * 2])
    # ImageMagick and ExifTool wrap it as Photoshop does.
    return _resource(data) if data.startswith(b"8BIM") else data


def _texts(header: Header, info: dict[Any, Any]) -> tuple[tuple[str, str], ...]:
    if header.format == "JPEG" and isinstance(info.get("comment"), bytes):
        texts = {"Comment": info["comment"].decode("utf-8", "replace")}
    elif header.format == "PNG":
        texts = {keyword: str(text) for keyword, text in getattr(header.image, "text", {}).items()}
    else:
        return ()
    kept = {
        keyword: text[:_MAX_TEXT_LETTERS].replace("\0", "") for keyword, text in texts.items()
        if not keyword.startswith("Raw profile type") and keyword != "XML:com.adobe.xmp" and _is_keyword(keyword)
    }
    return tuple(kept.items())[:_MAX_TEXTS]


def _is_keyword(keyword: str) -> bool:
    """1 to 79 letters of Latin-1, as PNG has it (11.3.3.2)."""
    return 0 < len(keyword) < 80 and keyword.isprintable() and all(ord(letter) < 256 for letter in keyword)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
