"""The few structures of HDF5 that a model file is made of, read without the HDF5 library.

A stranger's file never reaches that library's C code, where damaged structures have made it crash, hang and open other
files. Here each number is held against the length of the file before it is used and no block is read twice, so that
reading ends and allocates little. What is known is what ``libver="earliest"`` writes (HDF5 File Format Specification 3.0:
II.A superblock 0, III.A.1 trees and III.B tables of groups, III.D heaps, IV.A.1.a object headers 1).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_SUPERBLOCK = b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0])
_NOWHERE = (1 << 64) - 1
_NIL, _DATASPACE, _LINK_INFO, _TYPE, _OLD_FILL, _FILL, _LINK = 0, 1, 2, 3, 4, 5, 6
_ELSEWHERE, _LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUATION, _GROUP, _TIME = 7, 8, 11, 12, 16, 17, 18
_WITHOUT_MEANING = (_NIL, _OLD_FILL, _FILL, _ATTRIBUTE, _TIME)
_CONTIGUOUS, _VIRTUAL = 1, 3
_SOFT_LINK = 2
# IV.A.2.d: class and version, bits, size, then the properties; little-endian.
_TYPES = {
    bytes.fromhex("1000000001000000 00000800"): ("uint8", 1),
    bytes.fromhex("11200f0002000000 00001000 0a05000a 0f000000"): ("float16", 2),
    bytes.fromhex("11201f0004000000 00002000 17080017 7f000000"): ("float32", 4),
}
_MAX_NAME_BYTES = 1024
_MAX_DIMENSIONS = 32
_MAX_DEPTH = 8
_MAX_HEADER_BYTES, _MAX_MESSAGES = 1 << 17, 64


class StructureError(ValueError):
    """What is not as a model file has it, in words."""


@dataclass(frozen=True)
class Stored:
    """A dataset: a block of numbers in C order. `offset` is counted from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


class Structure:
    """An HDF5 file that lies from `start` to `stop` in an open file."""

    def __init__(self, stream: BinaryIO, start: int, stop: int, max_members: int) -> None:
        self._stream, self._start, self._stop, self._max_members = stream, start, stop, max_members
        self._seen: set[int] = set()

    def datasets(self, groups: tuple[str, ...]) -> dict[str, Stored]:
        """Every dataset of the root and of `groups` in it, by path.

        Raises:
            StructureError: structures that are damaged or none of those that are known, more members than allowed, a link,
                a member of a group that is neither, or two datasets that share bytes.
        """
        head = self._read(0, 96)
        base, _, end = struct.unpack_from("<3Q", head, 24)
        if not head.startswith(_SUPERBLOCK) or base != self._start or end not in (self._stop, self._stop - self._start):
            raise StructureError("the HDF5 file does not begin as the earliest version of the format does")
        (root,) = struct.unpack_from("<Q", head, 64)
        found: dict[str, Stored] = {}
        for name, address in self._links(root, ""):
            if name in groups:
                found.update((path, self._dataset(at, path)) for path, at in self._links(address, f"{name}/"))
            else:
                found[name] = self._dataset(address, name)
        self._check_apart(found)
        return found

    def _links(self, address: int, prefix: str) -> Iterator[tuple[str, int]]:
        """Path and address of each member of a group."""
        messages = list(self._messages(address, prefix or "/"))
        tables = [body for kind, body in messages if kind == _GROUP]
        if any(kind in (_LINK_INFO, _LINK) for kind, _ in messages):
            raise StructureError(f"{prefix or '/'} has links that may lead elsewhere; only what lies in the file is read")
        if len(tables) != 1 or len(tables[0]) < 16:
            raise StructureError(f"{prefix or '/'} is no group of members; one was expected")
        tree, heap = struct.unpack_from("<2Q", tables[0])
        size, _, names_at = struct.unpack("<3Q", self._block(heap, b"HEAP\0\0\0\0", 24))
        names = self._read(names_at, min(size, self._max_members * _MAX_NAME_BYTES))
        for count, entry in enumerate(self._entries(tree, None), 1):
            if count > self._max_members:
                raise StructureError(f"more than {self._max_members} members came")
            name_at, header, cache = struct.unpack_from("<2QI", entry)
            path = prefix + _name(names, name_at)
            if cache == _SOFT_LINK:
                raise StructureError(f"{path} is a soft link; only what lies in the file itself is read")
            yield path, header

    def _entries(self, address: int, level: int | None) -> Iterator[bytes]:
        """The entries of a group's tree, in order; each child lies one level below, so the walk ends."""
        head = self._block(address, b"TREE\0", 19)
        own, used = struct.unpack_from("<BH", head)
        if own >= _MAX_DEPTH or level not in (None, own):
            raise StructureError("the tree of a group is damaged")
        children = struct.unpack(f"<{2 * used}Q", self._read(address + 32, 16 * used))
        for child in children[::2]:
            if own:
                yield from self._entries(child, own - 1)
            else:
                (count,) = struct.unpack("<H", self._block(child, b"SNOD\1\0", 2))
                table = self._read(child + 8, 40 * count)
                yield from (table[at : at + 40] for at in range(0, len(table), 40))

    def _dataset(self, address: int, path: str) -> Stored:
        messages = dict(self._messages(address, path))
        if _GROUP in messages or _LINK_INFO in messages or not {_DATASPACE, _TYPE, _LAYOUT} <= messages.keys():
            raise StructureError(f"unexpected member {path!r} (no dataset); the format does not know it")
        layout = messages[_LAYOUT]
        if _ELSEWHERE in messages or layout[1:2] == bytes([_VIRTUAL]):
            raise StructureError(f"{path} keeps its data in other files; only what lies in the file itself is read")
        if _FILTERS in messages or layout[:2] != bytes([3, _CONTIGUOUS]) or len(layout) < 18:
            raise StructureError(f"{path} is stored in pieces or compressed; one contiguous block was expected")
        offset, held = struct.unpack_from("<2Q", layout, 2)
        dtype, item_bytes = _type(messages[_TYPE], path)
        shape = _shape(messages[_DATASPACE], path)
        declared = item_bytes
        for length in shape:
            declared *= length
        if declared != held or offset == _NOWHERE or self._start + offset + held > self._stop:
            raise StructureError(f"{path} declares {declared} bytes, which the file does not hold")
        return Stored(dtype, shape, self._start + offset, held)

    def _messages(self, address: int, path: str) -> Iterator[tuple[int, bytes]]:
        """Kind and body of each message of an object's header; those with a meaning at most once."""
        count, _, size = struct.unpack("<HII", self._block(address, b"\1\0", 10))
        if count > _MAX_MESSAGES or size > _MAX_HEADER_BYTES:
            raise StructureError(f"the header of {path} is larger than {_MAX_HEADER_BYTES} bytes or {_MAX_MESSAGES} messages")
        blocks, kinds, number = [self._read(address + 16, size)], set[int](), 0
        while blocks:
            block, at = blocks.pop(), 0
            while at + 8 <= len(block) and number < count:
                kind, length, flags = struct.unpack_from("<HHB", block, at)
                body = block[at + 8 : at + 8 + length]
                at, number = at + 8 + length, number + 1
                if len(body) < length:
                    raise StructureError(f"the header of {path} is damaged")
                if kind in _WITHOUT_MEANING:
                    continue
                if kind == _CONTINUATION and length >= 16:
                    place, place_bytes = struct.unpack_from("<2Q", body)
                    blocks.append(self._block(place, b"", min(place_bytes, _MAX_HEADER_BYTES)))
                    continue
                if flags & 2 or (kind in kinds and kind != _LINK) or not _NIL < kind <= _GROUP:
                    raise StructureError(f"unexpected member {path!r} (message {kind}); the format does not know it")
                kinds.add(kind)
                yield kind, body

    def _block(self, address: int, begins: bytes, size: int) -> bytes:
        """`size` bytes behind those a block begins with; a block that was read already is refused."""
        if address in self._seen or len(self._seen) > 4 * self._max_members:
            raise StructureError("two members or structures share one place in the file, or there are too many")
        self._seen.add(address)
        block = self._read(address, len(begins) + size)
        if not block.startswith(begins):
            raise StructureError(f"structures of the HDF5 file are damaged at byte {self._start + address}")
        return block[len(begins) :]

    def _read(self, address: int, size: int) -> bytes:
        if self._start + address + size > self._stop:
            raise StructureError("structures of the HDF5 file lead beyond its end")
        self._stream.seek(self._start + address)
        return self._stream.read(size)

    def _check_apart(self, found: dict[str, Stored]) -> None:
        end, before = 0, ""
        for path, stored in sorted(found.items(), key=lambda item: item[1].offset):
            if stored.offset < end:
                raise StructureError(f"{before} and {path} share their bytes")
            end, before = stored.offset + stored.size_bytes, path


def _name(names: bytes, at: int) -> str:
    stop = names.find(b"\0", at, at + _MAX_NAME_BYTES)
    if at >= len(names) or stop <= at:
        raise StructureError("a member's name is damaged")
    try:
        return names[at:stop].decode()
    except UnicodeDecodeError:
        raise StructureError("a member's name is no text") from None


def _type(message: bytes, path: str) -> tuple[str, int]:
    for known, named in _TYPES.items():
        if message.startswith(known) and not any(message[len(known) :]):
            return named
    names = {0: "whole numbers", 1: "floating-point numbers", 9: "text or lists of variable length"}
    words = names.get(message[0] & 15 if message else 15, "another type")
    size = int.from_bytes(message[4:8], "little")
    raise StructureError(f"{path}: {words} of {size} bytes came; uint8, float16, float32 (little-endian) are read")


def _shape(message: bytes, path: str) -> tuple[int, ...]:
    if len(message) < 8 or message[0] != 1 or message[1] > _MAX_DIMENSIONS or len(message) < 8 + 8 * message[1]:
        raise StructureError(f"{path} has no shape that is known")
    return struct.unpack_from(f"<{message[1]}Q", message, 8)
