"""Files and arrays as images of libvips, without a copy, and the bounds that every file is held to."""

import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from pyvips.vimage import FORMAT_TO_TYPESTR

from dancheong.imaging.tiff import Tree, laid_out, value
from dancheong.imaging.tiling import ByRows, row_slices, strip_rows
from dancheong.system.errors import DancheongError


def _text(pointer: Any) -> str:
    """What libvips says. pyvips takes it for UTF-8, but a damaged file can put any bytes into it: an error would then stay in
    libvips' memory and come up again with each file after it."""
    said = pyvips.ffi.string(pointer) if pointer else b""
    return said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else str(said)


pyvips._to_string = pyvips.error._to_string = _text

MAX_MEGAPIXELS = 500
MAX_BYTES = MAX_MEGAPIXELS * 1_000_000 * 8
_LONGEST_PX = 100_000_000  # what libvips takes
_computed_in: set[int] = set()  # processes
_INTERPRETATIONS = {("uchar", 1): "b-w", ("ushort", 1): "grey16", ("uchar", 3): "srgb", ("ushort", 3): "rgb16"}


class ForkedProcess(DancheongError):
    """A forked process has none of the threads of libvips that its parent began, and would wait for them for ever."""


def as_image(pixels: NDArray[Any]) -> Any:
    """An image on the memory of an array (h, w) or (h, w, bands)."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    return image.copy(interpretation=_INTERPRETATIONS.get((image.format, image.bands), "multiband"))


@contextmanager
def lazy_image(picture: NDArray[Any] | ByRows) -> Iterator[tuple[Any, list[Exception]]]:
    """An image of which the strips are computed as libvips asks for them, once and from the top; and what they raised there.

    libvips takes no pixels from a function. It reads a TIFF from one, whose strips lie there as they are.
    """
    failures: list[Exception] = []
    rows = 0 if isinstance(picture, np.ndarray) else picture.strip_px or strip_rows(picture.shape[1])
    if isinstance(picture, np.ndarray) or rows >= picture.shape[0]:
        yield as_image(picture if isinstance(picture, np.ndarray) else picture.whole()), failures
        return
    stream = _TiffStream(picture, rows, failures)
    source = pyvips.SourceCustom()
    source.on_read(stream.read)
    source.on_seek(stream.seek)
    try:
        yield pyvips.Image.tiffload_source(source, access="sequential", fail_on="error"), failures
    except pyvips.Error:
        if failures:
            raise failures[0] from None
        raise
    finally:
        stream.strips.close()


class _TiffStream:
    """An uncompressed BigTIFF of a picture, as a file that is read from its first byte to its last."""

    def __init__(self, picture: ByRows, rows: int, failures: list[Exception]) -> None:
        (height, width), bands, bits = picture.shape[:2], math.prod(picture.shape[2:]), picture.dtype.itemsize * 8
        row_bytes = width * bands * picture.dtype.itemsize
        sizes = [(part.stop - part.start) * row_bytes for part in row_slices(height, rows)]
        numbers = {256: width, 257: height, 259: 1, 262: 2 if bands == 3 else 1, 277: bands, 278: rows, 284: 1}
        tree: Tree = {tag: value(4, number) for tag, number in numbers.items()}
        tree |= {258: value(3, *[bits] * bands), 279: value(16, *sizes)}
        head = b""
        for _ in range(2):  # where the strips begin depends on the length of the head, which does not depend on them
            places = np.cumsum([len(head), *sizes[:-1]]).tolist()
            head = b"II+\0\10\0\0\0" + struct.pack("<Q", 16) + laid_out("<", tree | {273: value(16, *places)}, 16, True)
        self.strips = replace(picture, strip_px=rows).strips()
        self._failures, self._head, self._bytes = failures, head, len(head) + sum(sizes)
        self._at, self._strip_at, self._strip = 0, len(head), memoryview(b"")

    def read(self, size: int) -> bytes:
        """At most so many of the bytes that come; none behind the last, and where something failed."""
        if self._at < len(self._head):
            part: bytes | memoryview = self._head[self._at : self._at + size]
        else:
            while self._at >= self._strip_at + len(self._strip) and self._at < self._bytes:
                self._strip_at += len(self._strip)
                try:
                    pixels = next(self.strips)[1]
                except Exception as error:
                    self._failures.append(error)
                    return b""
                self._strip = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).data.cast("B")
            start = self._at - self._strip_at
            part = self._strip[start : start + size]
        self._at += len(part)
        return bytes(part)

    def seek(self, offset: int, whence: int) -> int:
        """As of a file."""
        self._at = offset + (0, self._at, self._bytes)[whence]
        return self._at


def check_process() -> None:
    """Raise ForkedProcess in a process that was forked after libvips had begun its threads."""
    if _computed_in and os.getpid() not in _computed_in:
        raise ForkedProcess(
            "this process was forked from one that had read photographs, and lacks its threads: begin workers afresh, as "
            'DataLoader(..., multiprocessing_context="spawn") does, or read no photograph before'
        )


def as_pixels(image: Any) -> NDArray[Any]:
    """The pixels of an image, computed here: (h, w) or (h, w, bands). Raises ForkedProcess."""
    check_process()
    _computed_in.add(os.getpid())
    shape = (image.height, image.width) if image.bands == 1 else (image.height, image.width, image.bands)
    return np.frombuffer(image.write_to_memory(), FORMAT_TO_TYPESTR[image.format]).reshape(shape)


class Unreadable(ValueError):
    """What is wrong with a file, without its name."""


def rows_of(image: Any, part: slice) -> NDArray[Any]:
    """Some rows of an image that is read from its first row to its last, computed here. Raises ForkedProcess."""
    check_process()
    _computed_in.add(os.getpid())
    rows = part.stop - part.start
    # A region of its own, because it belongs to the thread that made it.
    pixels = np.frombuffer(pyvips.Region.new(image).fetch(0, part.start, image.width, rows), FORMAT_TO_TYPESTR[image.format])
    return pixels.reshape((rows, image.width) if image.bands == 1 else (rows, image.width, image.bands))


def check_pixels(width_px: int, height_px: int, is_whole: bool = True) -> None:
    """Refuse a picture that cannot be; `is_whole`: also one that is too large to be in memory."""
    if min(width_px, height_px) < 1:
        raise Unreadable("the image has no pixels")
    if is_whole and width_px * height_px > MAX_MEGAPIXELS * 1_000_000:
        raise Unreadable(f"{width_px} x {height_px} pixels are more than {MAX_MEGAPIXELS} megapixels; cut it into parts")
    if max(width_px, height_px) > _LONGEST_PX:
        raise Unreadable(f"{width_px} x {height_px} pixels: no side may be longer than {_LONGEST_PX}; cut it into parts")


def check_ends(file: IO[bytes], *ends: float) -> None:
    if max(ends, default=0) > os.fstat(file.fileno()).st_size:
        raise Unreadable("damaged or cut off")


def opened(file: IO[bytes], loader: str, **options: Any) -> Any:
    """The image of libvips, by the loader that is named, so that a file is never handed to one of its many others."""
    check_process()
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    source = pyvips.Source.new_from_descriptor(file.fileno())
    access = "random" if loader == "gifload_source" else "sequential"
    return getattr(pyvips.Image, loader)(source, **{"access": access, "fail_on": "error"} | options)
