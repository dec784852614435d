"""Directories of TIFF 6.0, BigTIFF and EXIF: read when they are asked for, and written with all that hangs on them.

Values stay bytes: what a tag holds is copied as it stands, whatever its letters are coded in.
"""

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import IO, Any, NamedTuple

import numpy as np

# Of metadata and tables; a length in a damaged file can be anything.
MAX_VALUE_BYTES = 16 << 20
_MAX_ENTRIES, _MAX_DIRECTORIES, _MAX_BELOW, _MAX_OFFSET = 4096, 65536, 64, 1 << 62
_FRACTIONS = (5, 10)
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
# 129: UTF-8 (EXIF 3.0).
_TYPE_BYTES = {kind: struct.calcsize(code) for kind, code in _CODES.items()} | {2: 1, 5: 8, 7: 1, 10: 8, 129: 1}
EXIF, GPS, INTEROPERABILITY, SUB_DIRECTORIES = 34665, 34853, 40965, 330
FAX = (2, 3, 4, 32771)  # compressions of 1-bit pictures
_USER_COMMENT, _UTF_16 = 37510, b"UNICODE\0"
DAMAGED = (struct.error, OverflowError, ValueError, OSError)


class Value(NamedTuple):
    """What a tag holds: its type, and its bytes in the order of its directory."""

    kind: int
    data: bytes


# Tags with their values; EXIF and GPS hold directories.
Tree = dict[int, "Value | Tree"]


class Directory:
    """A directory of an open file. Values are read when they are asked for, because a file can claim any number of bytes.

    Attributes:
        order: of bytes, "<" or ">", as `struct` has it.
        offset: where it begins.
        following: where the next directory begins, 0 for none.
    """

    def __init__(self, file: IO[bytes], order: str, is_big: bool, offset: int) -> None:
        self._file, self.order, self._is_big, self.offset = file, order, is_big, offset
        codes = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
        count_code, entry_code, self._offset_code = (order + code for code in codes)
        entry_bytes, offset_bytes = struct.calcsize(entry_code), struct.calcsize(self._offset_code)
        file.seek(offset)
        (count,) = struct.unpack(count_code, file.read(struct.calcsize(count_code)))
        if not count:
            raise ValueError("a directory of the TIFF has no entries")
        data = file.read(min(count, _MAX_ENTRIES) * entry_bytes + offset_bytes)
        self._entries: dict[int, tuple[int, int, bytes]] = {}  # type, count, the value or its offset
        for tag, kind, length, held in struct.iter_unpack(entry_code, data[: len(data) // entry_bytes * entry_bytes]):
            self._entries.setdefault(tag, (kind, length, held))
        rest = data[count * entry_bytes :]
        self.following = struct.unpack(self._offset_code, rest)[0] if len(rest) == offset_bytes else 0

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def __iter__(self) -> Iterator[int]:
        return iter(self._entries)

    def raw(self, tag: int) -> bytes | None:
        """The bytes of a tag as they stand in the file, whatever type is declared; None where they are not all there."""
        if tag not in self._entries:
            return None
        kind, count, held = self._entries[tag]
        size = count * _TYPE_BYTES.get(kind, 1)
        if size <= len(held):
            return held[:size]
        self._file.seek(min(struct.unpack(self._offset_code, held)[0], _MAX_OFFSET))
        data = self._file.read(min(size, MAX_VALUE_BYTES))
        return data if len(data) == size else None

    def numbers(self, tag: int) -> tuple[Any, ...]:
        """The numbers of a tag, fractions as floats; none where it is missing, damaged or of another type."""
        data = self.raw(tag)
        kind = self._entries[tag][0] if data else 0
        if data and kind in _FRACTIONS:
            pairs = struct.iter_unpack(self.order + ("II" if kind == 5 else "ii"), data)
            return tuple(above / below if below else 0.0 for above, below in pairs)
        code = _CODES.get(kind)
        return struct.unpack(f"{self.order}{len(data) // struct.calcsize(code)}{code}", data) if data and code else ()

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag, where it is a whole one."""
        first = next(iter(self.numbers(tag)), default)
        return first if isinstance(first, int) else default

    @property
    def photometric(self) -> int:
        """PhotometricInterpretation; where a file gives none, what libtiff takes it for."""
        colors = self.number(277, 1) - len(self.numbers(338))
        return self.number(262, 0 if self.number(259, 1) in FAX else 2 if colors == 3 else 1)

    def below(self, tag: int) -> list["Directory"]:
        """The directories that a tag points to; those that are damaged are left out."""
        found = []
        for offset in self.numbers(tag)[:_MAX_BELOW]:
            with suppress(*DAMAGED):
                found.append(Directory(self._file, self.order, self._is_big, int(offset)))
        return found

    def tree(self, order: str, without: Iterable[int] = ()) -> Tree:
        """All that can be copied, in a byte order, without some tags: EXIF and GPS with what hangs on them."""
        tree: Tree = {}
        for tag, (kind, _, _) in self._entries.items():
            if tag in without or kind not in _TYPE_BYTES:
                continue
            if tag in (EXIF, GPS, INTEROPERABILITY):
                for directory in self.below(tag)[:1]:
                    tree[tag] = directory.tree(order, (EXIF, GPS))
            elif (data := self.raw(tag)) is not None:
                tree[tag] = in_order(tag, Value(kind, data), self.order != order)
        return tree


def in_order(tag: int, value: Value, is_turned: bool) -> Value:
    """A value in the other byte order, where that is asked for."""
    is_words = tag == _USER_COMMENT and value.data.startswith(_UTF_16)
    head, size = (len(_UTF_16), 2) if is_words else (0, 4 if value.kind in _FRACTIONS else _TYPE_BYTES[value.kind])
    if not is_turned or size == 1 or len(value.data) % size:
        return value
    return Value(value.kind, value.data[:head] + np.frombuffer(value.data[head:], f"u{size}").byteswap().tobytes())


def directories(file: IO[bytes]) -> list[Directory]:
    """The directories of a file in a row, at least one; a damaged one ends the row.

    Raises:
        struct.error, ValueError: there is not one.
    """
    file.seek(0)
    head = file.read(16)
    order, is_big = "<" if head[:2] == b"II" else ">", b"+" in head[2:4]
    (start,) = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)
    found, seen = [Directory(file, order, is_big, start)], {0, start}
    with suppress(*DAMAGED):
        while (start := found[-1].following) not in seen and len(found) < _MAX_DIRECTORIES:
            seen.add(start)
            found.append(Directory(file, order, is_big, start))
    return found


def value(kind: int, *numbers: int | float) -> Value:
    """Numbers as the little-endian bytes of a type; fractions (5) are rounded to ten-thousandths at most."""
    if kind == 5:
        pairs = [Fraction(number).limit_denominator(10000).as_integer_ratio() for number in numbers]
        return Value(5, b"".join(struct.pack("<2I", *pair) for pair in pairs))
    return Value(kind, struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers))


def laid_out(order: str, tree: Tree, at: int, is_big: bool = False) -> bytes:
    """A directory (`is_big`: of a BigTIFF) that begins at `at`, followed by its values and the directories below it."""
    count, offset, room, entry_bytes = ("Q", "Q", 8, 20) if is_big else ("H", "I", 4, 12)
    entries, tail = b"", bytearray()
    start = at + struct.calcsize(order + count) + entry_bytes * len(tree) + room
    for tag in sorted(tree):
        held, place = tree[tag], start + len(tail)
        if isinstance(held, dict):
            kind, number, data = (18 if is_big else 4), 1, laid_out(order, held, place, is_big)
        else:
            kind, number, data = held.kind, len(held.data) // _TYPE_BYTES[held.kind], held.data
        is_short = not isinstance(held, dict) and len(data) <= room
        entries += struct.pack(f"{order}HH{offset}", tag, kind, number)
        entries += data.ljust(room, b"\0") if is_short else struct.pack(order + offset, place)
        tail += b"" if is_short else data + bytes(len(data) % 2)
    return struct.pack(order + count, len(tree)) + entries + bytes(room) + bytes(tail)
