"""What the header of a JPEG XL says of its samples, which no decoder here tells (ISO 18181-1, annex D)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_START = re.compile(rb"\A\xff\x0a|\A.{4}JXL .*?jxl[cp].{0,12}?\xff\x0a", re.DOTALL)
_HEAD_BYTES = 1024
_COUNT = tuple[int, int]  # what is added, and how many bits are
_ENUM: tuple[_COUNT, ...] = ((0, 0), (1, 0), (2, 4), (18, 6))
_XY: tuple[_COUNT, ...] = ((0, 19), (524288, 19), (1048576, 20), (2097152, 21))
_ALPHA, _SPOT, _CFA, _GRAY, _XYB, _CUSTOM, _D65, _SRGB, _SRGB_TRANSFER = 0, 2, 5, 1, 2, 2, 1, 1, 13


@dataclass
class JpegXl:
    """Attributes:
    bits: of a sample; 0 where that was not to be learned.
    is_sequence: it holds several pictures.
    is_xyb: its colors are coded as XYB, and the decoder chooses their space.
    has_icc: its profile lies in the stream, where nothing here reads it.
    is_srgb: as far as is known.
    """

    bits: int = 0
    is_sequence: bool = False
    is_xyb: bool = False
    has_icc: bool = False
    is_srgb: bool = True


class _Header:
    def __init__(self, data: bytes) -> None:
        octets = np.frombuffer(data[:_HEAD_BYTES].ljust(_HEAD_BYTES, b"\0"), np.uint8)
        self._bits: Iterator[int] = iter(np.unpackbits(octets, bitorder="little").tolist())

    def take(self, count: int = 1) -> int:
        return sum(next(self._bits) << place for place in range(count))

    def choose(self, *counts: _COUNT) -> int:
        offset, bits = counts[self.take(2)]
        return offset + self.take(bits)

    def size(self) -> None:
        is_small = self.take()
        for side in range(2):
            if side == 0 or self.take(3) == 0:
                self.take(5 if is_small else (9, 13, 18, 30)[self.take(2)])

    def depth(self) -> int:
        if not self.take():
            return self.choose((8, 0), (10, 0), (12, 0), (1, 6))
        self.choose((32, 0), (16, 0), (24, 0), (1, 6))
        self.take(4)
        return 0

    def extra_channel(self) -> None:
        if self.take():  # all as by default
            return
        kind = self.choose(*_ENUM)
        self.depth()
        self.choose((0, 0), (3, 0), (4, 0), (1, 3))
        self.take(8 * self.choose((0, 0), (0, 4), (16, 5), (48, 10)))
        self.take({_ALPHA: 1, _SPOT: 64}.get(kind, 0))
        if kind == _CFA:
            self.choose((1, 0), (0, 2), (3, 4), (19, 8))

    def animation(self) -> None:
        self.choose((100, 0), (1000, 0), (1, 10), (1, 30))
        self.choose((1, 0), (1001, 0), (1, 8), (1, 10))
        self.choose((0, 0), (0, 3), (0, 16), (0, 32))
        self.take()

    def is_srgb(self) -> bool:
        space = self.choose(*_ENUM)
        white = _D65 if space == _XYB else self._point(1)
        primaries = self._point(3) if space not in (_GRAY, _XYB) else _SRGB
        has_gamma = self.take()
        return not has_gamma and (white, primaries, self.choose(*_ENUM)) == (_D65, _SRGB, _SRGB_TRANSFER)

    def _point(self, points: int) -> int:
        kind = self.choose(*_ENUM)
        for _ in range(2 * points if kind == _CUSTOM else 0):
            self.choose(*_XY)
        return kind


def what_is_said(data: bytes) -> JpegXl | None:
    """The header of a JPEG XL; None of another file."""
    if (start := _START.match(data)) is None:
        return None
    header, said = _Header(data[start.end() :]), JpegXl()
    header.size()
    if header.take():  # all as by default
        return JpegXl(8, is_xyb=True)
    if header.take():
        header.take(3)
        if header.take():
            header.size()
        has_preview = header.take()
        said.is_sequence = bool(header.take())
        if has_preview:
            return said
        if said.is_sequence:
            header.animation()
    said.bits = header.depth()
    header.take()
    for _ in range(header.choose((0, 0), (1, 0), (2, 4), (1, 12))):
        header.extra_channel()
    said.is_xyb = bool(header.take())
    if not header.take():  # not sRGB as by default
        said.has_icc = bool(header.take())
        said.is_srgb = not said.has_icc and header.is_srgb()
    return said
