"""Metadata taken out on request, before a result is written: where a photograph was taken, or everything a person added."""

import re
import struct
from dataclasses import replace
from typing import Literal
from xml.dom import minidom

from dancheong.imaging.files import Photo

Strip = Literal["gps", "all"]

_EXIF_PREFIX = b"Exif\0\0"
_DETAILS, _GPS, _MAKER_NOTE = 0x8769, 0x8825, 0x927C
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_PLACE = re.compile(r"gps|latitude|longitude|^lat$|^long?$", re.IGNORECASE)


def stripped(photo: Photo, what: Strip) -> Photo:
    """A photograph without what it says of its place ("gps"), or without all of EXIF, IPTC, XMP, comments and texts ("all").

    "gps" takes out coordinates, in EXIF, in XMP and among the texts of a PNG, and the maker's note, which may hold them where
    nobody can see. Names of places that a person wrote stay. The resolution stays, and what the result says of itself.
    """
    if what == "all":
        return Photo(photo.pixels, photo.format, photo.icc, dpi=photo.dpi, notes=photo.notes, aspect=photo.aspect)
    return replace(
        photo, exif=photo.exif and _exif_without_place(photo.exif), xmp=photo.xmp and _xmp_without_place(photo.xmp),
        texts=tuple((keyword, text) for keyword, text in photo.texts if not _PLACE.search(keyword)),
    )


def _exif_without_place(exif: bytes) -> bytes | None:
    """EXIF whose entries for the place and the maker's note are gone, and their values zero; None of damaged EXIF."""
    tiff = bytearray(exif.removeprefix(_EXIF_PREFIX))
    order = ">" if tiff[:2] == b"MM" else "<"
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        for directory in (at, _take(tiff, order, at, _DETAILS, keep=True)):
            if directory:
                place = _take(tiff, order, directory, _GPS)
                if place:
                    _blank_directory(tiff, order, place)
                _take(tiff, order, directory, _MAKER_NOTE)
    except struct.error:
        return None
    return exif[: len(exif) - len(tiff)] + bytes(tiff)


def _take(tiff: bytearray, order: str, at: int, wanted: int, keep: bool = False) -> int:
    """Take an entry out of the directory at `at`; the number that it held, 0 where there was none."""
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length, value = struct.unpack_from(f"{order}HHII", tiff, entry)
        if tag != wanted:
            continue
        if not keep:
            _blank_value(tiff, kind, length, value)
            end = at + 2 + 12 * count + 4
            tiff[entry:end] = tiff[entry + 12 : end] + bytes(12)
            struct.pack_into(f"{order}H", tiff, at, count - 1)
        return int(value)
    return 0


def _blank_directory(tiff: bytearray, order: str, at: int) -> None:
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        _, kind, length, value = struct.unpack_from(f"{order}HHII", tiff, entry)
        _blank_value(tiff, kind, length, value)
    tiff[at : at + 2 + 12 * count] = bytes(2 + 12 * count)


def _blank_value(tiff: bytearray, kind: int, length: int, at: int) -> None:
    size = _VALUE_BYTES.get(kind, 1) * length
    if size > 4:
        end = min(at + size, len(tiff))
        tiff[at:end] = bytes(max(0, end - at))


def _xmp_without_place(packet: bytes) -> bytes:
    document = minidom.parseString(packet)
    for element in document.getElementsByTagName("*"):
        for name in list(element.attributes.keys()):
            if _PLACE.search(name.rpartition(":")[2]) and not name.startswith("xmlns"):
                element.removeAttribute(name)
        if _PLACE.search(element.localName or "") and element.parentNode is not None:
            element.parentNode.removeChild(element)
    root = document.documentElement
    return b"" if root is None else root.toxml().encode()
