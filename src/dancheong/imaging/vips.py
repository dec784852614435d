"""Files and arrays as images of libvips, without a copy, and the bounds that every file is held to."""

import os
from typing import IO, Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from pyvips.vimage import FORMAT_TO_TYPESTR

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


def check_pixels(width_px: int, height_px: int) -> None:
    if min(width_px, height_px) < 1:
        raise Unreadable("the image has no pixels")
    if width_px * height_px > MAX_MEGAPIXELS * 1_000_000:
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
