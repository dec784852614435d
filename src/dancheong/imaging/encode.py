"""From pixels to the bytes of an image file, with the resolution, the profile and the metadata of the photograph they are of.

PNG and TIFF are written at the pixels' own depth; JPEG and WebP at 8 bits, rounded.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dancheong.imaging.metadata import Carried, jpeg_segments, png_chunks, tiff_entries
from dancheong.imaging.profiles import srgb_profile, to_eight
from dancheong.imaging.tiff import write_tiff

Array = NDArray[Any]

JPEG_QUALITY = 95
WEBP_QUALITY = 95
_COMPRESSION = 3  # of PNG and TIFF: less than half the time of the usual 6 for some 4 % more bytes, on photographs
_TIFF_STRIP_BYTES = 1 << 18
_PNG_BYTES_AT_ONCE = 1 << 20
_PNG_HEADER_BYTES = 8 + 25  # signature, IHDR
_PNG_LONGEST_PX = 1_000_000  # what common readers take
_PNG_TOO_LONG = "at most a million a side"
_EXIF_PREFIX = b"Exif\0\0"
_MAX_JPEG_COMMENT_BYTES = 65533


def encode(path: Path, kind: str, pixels: Array, carried: Carried) -> None:
    """Write pixels to `path` as `kind` ("JPEG", "PNG", "TIFF", "WEBP").

    Args:
        path: written from its first byte on.
        kind: the format.
        pixels: (h, w) or (h, w, 3), uint8 or uint16, sRGB.
        carried: what is written beside them, all of which the format can hold.
    """
    icc = srgb_profile() if carried.tagged and pixels.ndim == 3 else None
    pixels = np.ascontiguousarray(pixels)
    with path.open("wb") as file:
        if kind == "PNG":
            _write_png(file, pixels, carried, icc)
        elif kind == "TIFF":
            _write_tiff(file, pixels, carried, icc)
        else:
            _write_lossy(file, kind, to_eight(pixels), carried, icc)


def _write_lossy(file: IO[bytes], kind: str, pixels: Array, carried: Carried, icc: bytes | None) -> None:
    options: dict[str, Any] = {"quality": WEBP_QUALITY, "xmp": carried.xmp or b""}
    if kind == "JPEG":
        # Into the file at once: Pillow holds up all other threads while it encodes into memory.
        options = {"quality": JPEG_QUALITY, "subsampling": 0, "extra": jpeg_segments(carried)}
        if carried.dpi is not None:
            options["dpi"] = tuple(min(max(round(value), 1), 65535) for value in carried.dpi)
        if carried.texts:
            options["comment"] = carried.texts[0][1].encode()[:_MAX_JPEG_COMMENT_BYTES]
    if carried.exif is not None:
        options["exif"] = carried.exif
    Image.fromarray(pixels).save(file, kind, icc_profile=icc, **options)


def _write_png(file: IO[bytes], pixels: Array, carried: Carried, icc: bytes | None) -> None:
    # 16 bits are written as they are compressed; the encoder would hold three times their bytes.
    whole = None if pixels.dtype == np.uint16 else _encoded_png(pixels)
    file.write(_png_header(pixels) if whole is None else whole[:_PNG_HEADER_BYTES])
    # Profile, resolution and metadata come before the pixels.
    if icc is not None:
        file.write(_png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(icc)))
    if carried.dpi is not None:
        x, y = (round(value / 0.0254) for value in carried.dpi)
        file.write(_png_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if carried.exif is not None:
        file.write(_png_chunk(b"eXIf", carried.exif.removeprefix(_EXIF_PREFIX)))
    for kind, content in png_chunks(carried):
        file.write(_png_chunk(kind, content))
    if whole is not None:
        file.write(whole[_PNG_HEADER_BYTES:])
        return
    file.writelines(_png_chunk(b"IDAT", data) for data in _png_rows(pixels))
    file.write(_png_chunk(b"IEND", b""))


def _encoded_png(pixels: Array) -> memoryview:
    bgr = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    written, encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    if not written:
        raise OSError(_PNG_TOO_LONG)
    return memoryview(np.asarray(encoded))  # type: ignore[arg-type]


def _png_header(pixels: Array) -> bytes:
    """Signature and IHDR of gray or RGB of 16 bits (PNG, third edition, 5.2 and 11.2.1)."""
    height, width = pixels.shape[:2]
    if max(height, width) > _PNG_LONGEST_PX:
        raise OSError(_PNG_TOO_LONG)
    color_type = 0 if pixels.ndim == 2 else 2
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))


def _png_rows(pixels: Array) -> Iterator[bytes]:
    """The pixels compressed a few rows at a time, each row as its difference from the one above (filter 2)."""
    deflate = zlib.compressobj(_COMPRESSION)
    row_bytes = pixels[0].nbytes
    at_once = max(1, _PNG_BYTES_AT_ONCE // row_bytes)
    above = np.zeros((1, row_bytes), np.uint8)
    for start in range(0, len(pixels), at_once):
        rows = pixels[start : start + at_once].astype(">u2").view(np.uint8).reshape(-1, row_bytes)
        lines = np.full((len(rows), 1 + row_bytes), 2, np.uint8)
        np.subtract(rows, np.concatenate([above, rows[:-1]]), out=lines[:, 1:])
        above = rows[-1:]
        yield deflate.compress(lines.tobytes())
    yield deflate.flush()


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_tiff(file: IO[bytes], pixels: Array, carried: Carried, icc: bytes | None) -> None:
    """TIFF 6.0, little-endian, deflated strips with horizontal differences (Pillow writes no 16-bit color)."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else 3
    row_bytes = width * samples * pixels.dtype.itemsize
    strip_rows = max(1, min(height, _TIFF_STRIP_BYTES // row_bytes))
    strips = [_deflated(pixels[start : start + strip_rows]) for start in range(0, height, strip_rows)]
    tags = tiff_entries(carried)
    tags |= {256: width, 257: height, 258: (pixels.dtype.itemsize * 8,) * samples, 259: 8, 277: samples, 284: 1}
    tags |= {262: 1 if samples == 1 else 2, 278: strip_rows, 317: 2}
    if carried.dpi is not None:
        tags |= {282: carried.dpi[0], 283: carried.dpi[1], 296: 2}
    if icc is not None:
        tags[34675] = icc
    write_tiff(file, tags, strips, b"II")


def _deflated(rows: Array) -> bytes:
    differences = rows.astype(rows.dtype.newbyteorder("<"))
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.tobytes(), _COMPRESSION)
