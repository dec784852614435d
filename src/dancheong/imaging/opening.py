"""Opening an image file with a loader of libvips, and the bounds that every file is held to."""

import os
from typing import IO, Any

import pyvips

from dancheong.imaging.vips import check_process

MAX_MEGAPIXELS = 500
MAX_BYTES = MAX_MEGAPIXELS * 1_000_000 * 8
_LONGEST_PX = 100_000_000  # what libvips takes


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
