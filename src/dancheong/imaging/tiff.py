"""Directories of TIFF 6.0, BigTIFF and EXIF: read when they are asked for, and written with all that hangs on them.

Values stay bytes: what a tag holds is copied as it stands, whatever its letters are coded in.
"""

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import IO, Any, NamedTuple

import numpy as np

# Of metadata and tables; a length in a damaged file can be anything.
MAX_VALUE_BYTES = 16 << 20
_MAX_ENTRIES, _MAX_DIRECTORIES = 4096, 65536
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_TYPE_BYTES = {kind: struct.calcsize(code) for kind, code in _WHOLE_NUMBERS.items()}
_TYPE_BYTES |= {2: 1, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8, 129: 1}  # 129: UTF-8 (EXIF 3.0)
_WORD_BYTES = {**_TYPE_BYTES, 5: 4, 10: 4}
EXIF, GPS, INTEROPERABILITY, SUB_DIRECTORIES = 34665, 34853, 40965, 330
_USER_COMMENT, _UTF_16 = 37510, b"UNICODE\0"


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
        count_format, entry_format, self._offset_format = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
        file.seek(offset)
        (count,) = self._unpack(count_format, file.read(struct.calcsize(count_format)))
        if not count:
            raise ValueError("a directory of the TIFF has no entries")
        at, entry_bytes = file.tell(), struct.calcsize("=" + entry_format)
        data = file.read(min(count, _MAX_ENTRIES) * entry_bytes + struct.calcsize(self._offset_format))
        self._entries: dict[int, tuple[int, int, int]] = {}  # type, count, place of the value or of its offset
        for start in range(0, min(count * entry_bytes, len(data) - entry_bytes + 1), entry_bytes):
            tag, kind, length, _ = self._unpack(entry_format, data[start:])
            self._entries.setdefault(tag, (kind, length, at + start + entry_bytes - struct.calcsize(self._offset_format)))
        rest = data[count * entry_bytes :]
        self.following = self._unpack(self._offset_format, rest)[0] if len(rest) == struct.calcsize(self._offset_format) else 0

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def __iter__(self) -> Iterator[int]:
        return iter(self._entries)

    def raw(self, tag: int) -> bytes | None:
        """The bytes of a tag as they stand in the file, whatever type is declared; None where they are not all there."""
        if tag not in self._entries:
            return None
        kind, count, place = self._entries[tag]
        size, room = count * _TYPE_BYTES.get(kind, 1), struct.calcsize(self._offset_format)
        self._file.seek(place)
        if size > room:
            (offset,) = self._unpack(self._offset_format, self._file.read(room))
            self._file.seek(min(offset, 1 << 62))
        data = self._file.read(min(size, MAX_VALUE_BYTES))
        return data if len(data) == size else None

    def numbers(self, tag: int) -> tuple[Any, ...]:
        """The numbers of a tag, fractions as floats; none where it is missing, damaged or of another type."""
        data = self.raw(tag)
        kind = self._entries[tag][0] if data else 0
        if data and kind in (5, 10):
            pairs = struct.unpack(f"{self.order}{len(data) // 4}{'I' if kind == 5 else 'i'}", data)
            return tuple(above / below if below else 0.0 for above, below in zip(pairs[::2], pairs[1::2], strict=True))
        code = {**_WHOLE_NUMBERS, 11: "f", 12: "d"}.get(kind)
        return struct.unpack(f"{self.order}{len(data) // struct.calcsize(code)}{code}", data) if data and code else ()

    def number(self, tag: int, default: int) -> int:
        """The first whole number of a tag."""
        numbers = self.numbers(tag) if self._entries.get(tag, (0,))[0] in _WHOLE_NUMBERS else ()
        return numbers[0] if numbers else default

    def below(self, tag: int) -> list["Directory"]:
        """The directories that a tag points to; those that are damaged are left out."""
        found = []
        for offset in self.numbers(tag)[:64]:
            try:
                found.append(Directory(self._file, self.order, self._is_big, int(offset)))
            except (struct.error, OverflowError, ValueError, OSError):
                continue
        return found

    def tree(self, order: str, without: Iterable[int] = ()) -> Tree:
        """All that can be copied, in a byte order, without some tags: EXIF and GPS with what hangs on them."""
        tree: Tree = {}
        for tag in self:
            if tag in without or self._entries[tag][0] not in _TYPE_BYTES:
                continue
            if tag in (EXIF, GPS, INTEROPERABILITY):
                for directory in self.below(tag)[:1]:
                    tree[tag] = directory.tree(order, (EXIF, GPS))
            elif (data := self.raw(tag)) is not None:
                tree[tag] = in_order(tag, Value(self._entries[tag][0], data), self.order != order)
        return tree

    def _unpack(self, code: str, data: bytes) -> tuple[Any, ...]:
        return struct.unpack_from(self.order + code, data)


def in_order(tag: int, value: Value, is_turned: bool) -> Value:
    """A value in the other byte order, where that is asked for."""
    size = _WORD_BYTES[value.kind]
    head = 8 if tag == _USER_COMMENT and value.data.startswith(_UTF_16) else 0
    size = 2 if head else size
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
    found = [Directory(file, order, is_big, start)]
    seen = {0, start}
    while (start := found[-1].following) not in seen and len(found) < _MAX_DIRECTORIES:
        seen.add(start)
        try:
            found.append(Directory(file, order, is_big, start))
        except (struct.error, OverflowError, ValueError, OSError):
            break
    return found


def value(kind: int, *numbers: int | float) -> Value:
    """Numbers as the little-endian bytes of a type; fractions (5) are rounded to ten-thousandths at most."""
    if kind == 5:
        pairs = [Fraction(number).limit_denominator(10000).as_integer_ratio() for number in numbers]
        return Value(5, b"".join(struct.pack("<2I", *pair) for pair in pairs))
    return Value(kind, struct.pack(f"<{len(numbers)}{_WHOLE_NUMBERS[kind]}", *numbers))


def laid_out(order: str, tree: Tree, at: int) -> bytes:
    """A directory that begins at `at`, followed by its values and the directories below it."""
    entries, tail = b"", bytearray()
    start = at + 6 + 12 * len(tree)
    for tag in sorted(tree):
        held = tree[tag]
        place = struct.pack(order + "I", start + len(tail))
        if isinstance(held, dict):
            entries += struct.pack(order + "HHI", tag, 4, 1) + place
            tail += laid_out(order, held, start + len(tail))
            continue
        is_short = len(held.data) <= 4
        entries += struct.pack(order + "HHI", tag, held.kind, len(held.data) // _TYPE_BYTES[held.kind])
        entries += held.data.ljust(4, b"\0") if is_short else place
        if not is_short:
            tail += held.data + bytes(len(held.data) % 2)
    return struct.pack(order + "H", len(tree)) + entries + bytes(4) + bytes(tail)
