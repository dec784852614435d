"""From pixels to the bytes of an image file, with the resolution, the profile and the EXIF of the photograph they are of.

PNG and TIFF are written at the pixels' own depth; JPEG and WebP at 8 bits, rounded.
"""

import struct
import zlib
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from dancheong.imaging.profiles import srgb_profile, to_eight

Array = NDArray[Any]

JPEG_QUALITY = 95
WEBP_QUALITY = 95
_COMPRESSION = 3  # of PNG and TIFF: less than half the time of the usual 6 for some 4 % more bytes, on photographs
_TIFF_STRIP_BYTES = 1 << 18
_MAX_JPEG_EXIF_BYTES = 65533
_EXIF_PREFIX = b"Exif\0\0"


def encode(
    path: Path, kind: str, pixels: Array, *, exif: bytes | None, dpi: tuple[float, float] | None, tagged: bool
) -> None:
    """Write pixels to `path` as `kind` ("JPEG", "PNG", "TIFF", "WEBP").

    Args:
        path: written from its first byte on.
        kind: the format.
        pixels: (h, w) or (h, w, 3), uint8 or uint16, sRGB.
        exif: EXIF without orientation, with its "Exif" prefix.
        dpi: resolution (x, y).
        tagged: embed the sRGB profile; a gray picture carries none, as the profile is one of color.
    """
    icc = srgb_profile() if tagged and pixels.ndim == 3 else None
    pixels = np.ascontiguousarray(pixels)
    with path.open("wb") as file:
        if kind == "PNG":
            _write_png(file, pixels, exif, dpi, icc)
        elif kind == "TIFF":
            _write_tiff(file, pixels, exif, dpi, icc)
        else:
            _write_lossy(file, kind, to_eight(pixels), exif, dpi, icc)


def _write_lossy(
    file: IO[bytes], kind: str, pixels: Array, exif: bytes | None, dpi: tuple[float, float] | None, icc: bytes | None
) -> None:
    options: dict[str, Any] = {"quality": WEBP_QUALITY}
    if kind == "JPEG":
        options = {"quality": JPEG_QUALITY, "subsampling": 0}
        if dpi is not None:
            options["dpi"] = tuple(min(max(round(value), 1), 65535) for value in dpi)
        if exif is not None and len(exif) > _MAX_JPEG_EXIF_BYTES:
            exif = None
    if exif is not None:
        options["exif"] = exif
    Image.fromarray(pixels).save(file, kind, icc_profile=icc, **options)


def _write_png(
    file: IO[bytes], pixels: Array, exif: bytes | None, dpi: tuple[float, float] | None, icc: bytes | None
) -> None:
    bgr = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    written, encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    if not written:
        raise ValueError(f"an image of shape {pixels.shape} cannot be written as PNG")
    data = memoryview(np.asarray(encoded))  # type: ignore[arg-type]
    after_header = 8 + 25  # signature, IHDR; profile, resolution and EXIF come before the pixels
    file.write(data[:after_header])
    if icc is not None:
        file.write(_png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(icc)))
    if dpi is not None:
        x, y = (round(value / 0.0254) for value in dpi)
        file.write(_png_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if exif is not None:
        file.write(_png_chunk(b"eXIf", exif.removeprefix(_EXIF_PREFIX)))
    file.write(data[after_header:])


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_tiff(
    file: IO[bytes], pixels: Array, exif: bytes | None, dpi: tuple[float, float] | None, icc: bytes | None
) -> None:
    """TIFF 6.0, little-endian, deflated strips with horizontal differences (Pillow writes no 16-bit color)."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else 3
    row_bytes = width * samples * pixels.dtype.itemsize
    strip_rows = max(1, min(height, _TIFF_STRIP_BYTES // row_bytes))
    strips = [_deflated(pixels[start : start + strip_rows]) for start in range(0, height, strip_rows)]
    tags = _exif_tags(exif) if exif is not None else {}
    tags |= {256: width, 257: height, 258: (pixels.dtype.itemsize * 8,) * samples, 259: 8, 277: samples, 284: 1}
    tags |= {262: 1 if samples == 1 else 2, 278: strip_rows, 317: 2}
    if dpi is not None:
        tags |= {282: dpi[0], 283: dpi[1], 296: 2}
    if icc is not None:
        tags[34675] = icc
    write_tiff(file, tags, strips, b"II")


def write_tiff(file: IO[bytes], tags: dict[int, Any], strips: list[bytes], byte_order: bytes) -> None:
    """A TIFF of ready strips: `tags` without those of the strips' places, `byte_order` b"II" or b"MM"."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if byte_order == b"II" else b"MM\0*\0\0\0\0")
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype[279] = directory.tagtype[273] = 4
    directory[279] = tuple(len(strip) for strip in strips)
    # Counted from the end of the directory, which the writer adds.
    directory[273] = tuple(int(offset) for offset in np.cumsum([0] + [len(strip) for strip in strips[:-1]]))
    directory.save(file)
    file.writelines(strips)


def _deflated(rows: Array) -> bytes:
    differences = rows.astype(rows.dtype.newbyteorder("<"))
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.tobytes(), _COMPRESSION)


def _exif_tags(exif: bytes) -> dict[int, Any]:
    source = Image.Exif()
    source.load(exif)
    return {tag: dict(source.get_ifd(tag)) if tag in (34665, 34853) else source[tag] for tag in source}
