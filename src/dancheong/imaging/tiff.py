"""Directories of TIFF 6.0 and BigTIFF: the first one of a file is read, and a file of ready strips is written."""

import struct
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

# Of metadata and tables; a length in a damaged file can be anything.
_MAX_VALUE_BYTES = 16 << 20
_MAX_ENTRIES = 4096
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_TYPE_BYTES = {**{kind: struct.calcsize(code) for kind, code in _WHOLE_NUMBERS.items()}, 5: 8, 10: 8, 11: 4, 12: 8}
# EXIF 2.32, table 8: configuration of components, maker's note, comment, source and scene are bytes of type UNDEFINED.
_UNDEFINED_TAGS = (37121, 37500, 37510, 41728, 41729)


class TiffDirectory:
    """The first directory of an open TIFF, whose values are read when they are asked for.

    Attributes:
        order: of bytes, "<" or ">", as `struct` has it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.seek(0)
        head = file.read(16)
        self.order = "<" if head[:2] == b"II" else ">"
        big = b"+" in head[2:4]
        count_format, entry_format, self._offset_format = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
        (start,) = self._unpack(self._offset_format, head[8:] if big else head[4:])
        file.seek(start)
        (count,) = self._unpack(count_format, file.read(struct.calcsize(count_format)))
        at, entry_bytes = file.tell(), struct.calcsize("=" + entry_format)
        self._entries: dict[int, tuple[int, int, int]] = {}  # type, count, place of the value or of its offset
        for _ in range(min(count, _MAX_ENTRIES)):
            entry = file.read(entry_bytes)
            if len(entry) < entry_bytes:
                break
            tag, kind, length, _ = self._unpack(entry_format, entry)
            at += entry_bytes
            self._entries.setdefault(tag, (kind, length, at - struct.calcsize(self._offset_format)))

    def set_short(self, data: bytearray, tag: int, value: int) -> None:
        """Change a number of 16 bits in `data`, a copy of the file, where the tag is there."""
        if tag in self._entries:
            struct.pack_into(self.order + "H", data, self._entries[tag][2], value)

    def raw(self, tag: int) -> bytes | None:
        """The value of a tag as it stands in the file, whatever type is declared for it."""
        if tag not in self._entries:
            return None
        kind, count, place = self._entries[tag]
        size, room = count * _TYPE_BYTES.get(kind, 1), struct.calcsize(self._offset_format)
        self._file.seek(place)
        if size > room:
            (offset,) = self._unpack(self._offset_format, self._file.read(room))
            self._file.seek(offset)
        return self._file.read(min(size, _MAX_VALUE_BYTES))

    def whole(self, tag: int) -> bytes | None:
        """The value of a tag of bytes (BYTE or UNDEFINED), where all of it is in the file."""
        data = self.raw(tag)
        kind, count, _ = self._entries.get(tag, (0, 0, 0))
        return data if data and kind in (1, 7) and len(data) == count else None

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of a tag; none where it is missing, damaged or of another type."""
        data = self.raw(tag)
        if data is None or self._entries[tag][0] not in _WHOLE_NUMBERS:
            return ()
        kind, count, _ = self._entries[tag]
        code = f"{self.order}{min(count, _MAX_VALUE_BYTES)}{_WHOLE_NUMBERS[kind]}"
        return struct.unpack(code, data) if len(data) == struct.calcsize(code) else ()

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        return next(iter(self.numbers(tag)), default)

    def _unpack(self, code: str, data: bytes) -> tuple[Any, ...]:
        return struct.unpack_from(self.order + code, data)


def write_tiff(file: IO[bytes], tags: dict[int, Any], strips: list[bytes], byte_order: bytes) -> None:
    """Write a TIFF of ready strips: `tags` without those of the strips' places, `byte_order` b"II" or b"MM"."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if byte_order == b"II" else b"MM\0*\0\0\0\0")
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype[279] = directory.tagtype[273] = 4
    directory[279] = tuple(len(strip) for strip in strips)
    # Counted from the end of the directory, which the writer adds.
    directory[273] = tuple(int(offset) for offset in np.cumsum([0] + [len(strip) for strip in strips[:-1]]))
    directory.save(file)
    file.writelines(strips)


def exif_bytes(exif: Image.Exif) -> bytes:
    """The bytes of a Pillow `Exif`, with the type UNDEFINED where EXIF asks for it."""
    if ExifTags.IFD.Exif in exif:
        given = exif[ExifTags.IFD.Exif]
        mark_undefined(given if isinstance(given, dict) else exif.get_ifd(ExifTags.IFD.Exif))
    return exif.tobytes()


def mark_undefined(details: dict[int, Any]) -> None:
    """Change an EXIF directory in place so that Pillow writes bytes of type UNDEFINED as such, not as numbers.

    A list of a bytearray is neither of Pillow's numbers nor of its texts. Its table of types is not touched, because that
    belongs to the host program.
    """
    details.update({tag: [bytearray(details[tag])] for tag in _UNDEFINED_TAGS if isinstance(details.get(tag), bytes)})
