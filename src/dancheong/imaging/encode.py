"""From pixels to an image file, with the profile and the metadata of the photograph they are of.

PNG and TIFF are written at the pixels' own depth, strip by strip; JPEG and WebP at 8 bits, rounded.
"""

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyvips
from numpy.typing import NDArray

from dancheong.imaging.metadata import ORIENTATION, RESOLUTION_TAGS, Metadata, jpeg_head, png_chunks, tiff_entries, webp_file
from dancheong.imaging.tiff import directories, laid_out

Array = NDArray[Any]

JPEG_QUALITY = 95
WEBP_QUALITY = 95
_COMPRESSION = 3  # of PNG and TIFF: less than half the time of the usual 6 for some 4 % more bytes, on photographs
_TIFF_STRIP_BYTES = 1 << 18
_PNG_LONGEST_PX = 1_000_000  # what common readers take


def encode(path: Path, format_name: str, image: Any, carried: Metadata) -> None:
    """Write an image of libvips to `path` as `format_name` ("JPEG", "PNG", "TIFF", "WEBP").

    Args:
        path: written from its first byte on.
        image: gray or RGB, of 8 or 16 bits; JPEG and WebP take 8.
        carried: what is written beside the pixels, all of which the format can hold.

    Raises:
        OSError: the disk, with its number; or the format cannot hold such a picture, without one.
    """
    with path.open("wb+", buffering=0) as file:
        try:
            _WRITERS[format_name](file, image, carried)
        except pyvips.Error as error:
            words = " ".join(str(error).split())
            number = next((number for number in _DISK_ERRORS if os.strerror(number) in words), None)
            raise OSError(number, os.strerror(number), str(path)) if number else OSError(words[:160]) from error


def _write_jpeg(file: IO[bytes], image: Any, carried: Metadata) -> None:
    plain = image.jpegsave_buffer(Q=JPEG_QUALITY, subsample_mode="off", optimize_coding=False, keep="none")
    # Behind the mark of the beginning and the segment of the resolution.
    start = 4 + struct.unpack_from(">H", plain, 4)[0] if plain[2:4] == b"\xff\xe0" else 2
    _write_all(file, plain[:2] + jpeg_head(carried))
    _write_all(file, memoryview(plain)[start:])


def _write_webp(file: IO[bytes], image: Any, carried: Metadata) -> None:
    plain = image.webpsave_buffer(Q=WEBP_QUALITY, keep="none")
    _write_all(file, webp_file(plain, carried, (image.width, image.height)))


def _write_png(file: IO[bytes], image: Any, carried: Metadata) -> None:
    if max(image.width, image.height) > _PNG_LONGEST_PX:
        raise OSError("at most a million a side")
    head: bytearray | None = bytearray()
    failures: list[OSError] = []

    def write(data: Any) -> int:
        """Profile and metadata go before the pixels, in place of what libvips says of the resolution."""
        nonlocal head
        try:
            if head is not None:
                head += data
                at = head.find(b"IDAT")
                if at >= 0:
                    _write_all(file, head[:33] + png_chunks(carried) + head[at - 4 :])
                    head = None
            else:
                _write_all(file, data)
        except OSError as error:
            failures.append(error)
            return -1
        return len(data)

    target = pyvips.TargetCustom()
    target.on_write(write)
    try:
        image.pngsave_target(target, compression=_COMPRESSION, filter="up", keep="none")
    except pyvips.Error:
        if failures:
            raise failures[0] from None
        raise


def _write_tiff(file: IO[bytes], image: Any, carried: Metadata) -> None:
    """By libvips, and then a directory of all tags behind it, in place of the one that libvips wrote."""
    row_bytes = image.width * image.bands * (2 if image.format == "ushort" else 1)
    rows = max(1, min(image.height, _TIFF_STRIP_BYTES // row_bytes))
    target = pyvips.Target.new_to_descriptor(file.fileno())
    image.tiffsave_target(
        target, compression="deflate", predictor="horizontal", level=_COMPRESSION, tile_height=rows, keep="none"
    )
    (directory,) = directories(file)
    tree = tiff_entries(carried) | directory.tree("<", (*RESOLUTION_TAGS, ORIENTATION))
    end = file.seek(0, 2)
    _write_all(file, bytes(end % 2) + laid_out("<", tree, end + end % 2))
    file.seek(4)
    _write_all(file, struct.pack("<I", end + end % 2))


def _write_all(file: IO[bytes], data: Any) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


_WRITERS: dict[str, Callable[[IO[bytes], Any, Metadata], None]] = {
    "JPEG": _write_jpeg, "PNG": _write_png, "TIFF": _write_tiff, "WEBP": _write_webp,
}
_DISK_ERRORS = [getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS") if hasattr(errno, name)]
