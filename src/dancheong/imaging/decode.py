"""From an open image file to sRGB pixels: every depth, palette, transparency and color space becomes one of two depths.

Pillow reads all but 16-bit color, which it reduces to 8 bits without a word; OpenCV reads that.
"""

import io
from collections.abc import Callable, Iterator
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from dancheong.imaging.header import ORIENTATION, Header, Unreadable
from dancheong.imaging.profiles import ProfileError, cmyk_to_srgb, lab_to_srgb, to_srgb
from dancheong.imaging.tiff import TiffDirectory, write_tiff

Array = NDArray[Any]

_SAVE_AS = "save it as 8 or 16 bit gray or RGB"
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


def decode(file: IO[bytes], header: Header) -> tuple[Array, tuple[str, ...]]:
    """Pixels of the file: sRGB, over white, upright, (h, w) or (h, w, 3), uint8 or uint16; and notes for the reader.

    Raises:
        Unreadable: the pixels cannot be had; the message says why.
        Exception: whatever Pillow and OpenCV raise on damaged files.
    """
    notes: list[str] = []
    image = header.image
    if image is not None:
        image.load()
    if _for_opencv(header):
        color, alpha = _with_opencv(file, header, notes)
        upright = False
    elif image is not None:
        color, alpha = _with_pillow(image, header, notes)
        upright = header.format == "TIFF"  # Pillow turns these while loading
    else:
        raise Unreadable(f"a TIFF of a kind that is not read ({header.kind}); {_SAVE_AS}")
    pixels = _over_white(_by_profile(color, header, notes), alpha)
    if not upright:
        pixels = turn_upright(pixels, header.orientation)
    if pixels.shape[1::-1] != header.size_px:
        raise Unreadable("damaged: the picture is not of the size that the file gives")
    # Last, as a damaged later page leaves Pillow's image in disorder.
    frames = _frames(image)
    if frames > 1:
        notes.append(f"the first of {frames} pages was read")
    return np.ascontiguousarray(pixels), tuple(notes)


def _frames(image: ImageFile | None) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # no reason to refuse the first page
        return 1


def turn_upright(pixels: Array, orientation: int) -> Array:
    """Apply the EXIF orientation 1 to 8; others count as 1."""
    turns: dict[int, Callable[[Array], Array]] = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[:, ::-1],
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: p.swapaxes(0, 1)[::-1],
    }
    return turns[orientation](pixels) if orientation in turns else pixels


def _for_opencv(header: Header) -> bool:
    if header.bits not in (16, 32, 64) or (header.image is not None and header.image.mode in _DEEP_MODES):
        return False
    return header.format == "PNG" or (header.photometric in (0, 1, 2) and header.samples in (1, 3, 4))


def _with_opencv(file: IO[bytes], header: Header, notes: list[str]) -> tuple[Array, Array | None]:
    file.seek(0)
    data = bytearray(file.read())
    if header.planar:
        planes = [_imdecode(plane, header) for plane in _plane_files(bytes(data), TiffDirectory(file), header)]
        pixels = _sixteen_bits(np.stack(planes, axis=-1), header, notes)
    else:
        if header.format == "TIFF":
            # Some versions of OpenCV turn a TIFF and others do not, so none is given a reason to.
            TiffDirectory(file).set_short(data, ORIENTATION, 1)
        pixels = _sixteen_bits(_imdecode(data, header), header, notes)
        if pixels.ndim == 3:
            pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if pixels.ndim == 2:
        return pixels, None
    color = pixels[..., 0] if header.gray else pixels[..., :3]
    return color, pixels[..., 3] if pixels.shape[2] == 4 and header.alpha else None


def _imdecode(data: bytes | bytearray, header: Header) -> Array:
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is not None and samples.dtype.itemsize * 8 == header.bits:
        return np.asarray(samples)
    if header.image is None:
        raise Unreadable(f"damaged, or a TIFF of a kind that is not read ({header.kind}); {_SAVE_AS}")
    raise Unreadable("the file is damaged or cut off")


def _plane_files(data: bytes, tiff: TiffDirectory, header: Header) -> Iterator[bytes]:
    """Each plane of a TIFF that keeps its channels apart, as a gray TIFF; OpenCV takes such a file for interleaved."""
    offsets, counts = tiff.numbers(273), tiff.numbers(279)
    if not offsets or not counts:
        raise Unreadable(f"{header.kind}, in tiles, is not read; {_SAVE_AS}")
    strips = [data[offset : offset + count] for offset, count in zip(offsets, counts, strict=True)]
    layout = {tag: tiff.number(tag, 0) for tag in (256, 257, 259, 266, 278, 317, 339) if tiff.numbers(tag)}
    a_plane = len(strips) // header.samples
    for first in range(0, a_plane * header.samples, a_plane):
        buffer = io.BytesIO()
        write_tiff(buffer, layout | {258: header.bits, 262: 1, 277: 1}, strips[first : first + a_plane], data[:2])
        yield buffer.getvalue()


def _with_pillow(image: ImageFile, header: Header, notes: list[str]) -> tuple[Array, Array | None]:
    """Color and alpha of a loaded image, still in the color space of its profile."""
    if header.bits > 8 and image.mode not in _DEEP_MODES:
        notes.append(f"{header.kind}: read at 8 bits")
    if image.mode in _DEEP_MODES:
        return _sixteen_bits(np.asarray(image), header, notes), None
    if image.mode in ("CMYK", "LAB"):
        return _from_ink_or_lab(image, header, notes), None
    transparent = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if image.mode == "P" or image.mode == "PA":
        rgba = np.asarray(image.convert("RGBA"))
        color = rgba[..., :3]
        if bool((color == color[..., :1]).all()):
            color = color[..., 0]
        return np.ascontiguousarray(color), rgba[..., 3] if transparent else None
    gray = image.mode in ("1", "L", "LA", "La")
    if not transparent:
        return np.asarray(image.convert("L" if gray else "RGB")), None
    # Pillow goes from transparent gray and premultiplied color to others only by way of RGBA.
    rgba = np.asarray(image.convert("RGBA"))
    return np.ascontiguousarray(rgba[..., 0] if gray else rgba[..., :3]), rgba[..., 3]


def _from_ink_or_lab(image: Image.Image, header: Header, notes: list[str]) -> Array:
    if image.mode == "LAB":
        return lab_to_srgb(image)
    if header.icc:
        try:
            return cmyk_to_srgb(image, header.icc)
        except ProfileError as error:
            notes.append(f"its ICC profile was left aside: {error}")
    notes.append("CMYK without a usable profile: the colors are approximate")
    return np.asarray(image.convert("RGB"))


def _by_profile(color: Array, header: Header, notes: list[str]) -> Array:
    if not header.icc or (header.image is not None and header.image.mode in ("CMYK", "LAB")):
        return color
    try:
        converted, note = to_srgb(color, header.icc)
    except ProfileError as error:
        notes.append(f"its ICC profile was left aside: {error}")
        return color
    if note:
        notes.append(note)
    return converted


def _sixteen_bits(samples: Array, header: Header, notes: list[str]) -> Array:
    """Samples of any depth as uint16, the full range of the file's type on the full range of ours."""
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if samples.dtype == np.int32 and not header.signed:
        samples = samples.view(np.uint32)  # Pillow has no such mode
    if samples.dtype.kind == "f":
        pixels = _from_floats(samples, notes)
    elif int(samples.min()) < 0:
        raise Unreadable("signed samples below zero are no picture; save it as unsigned 16 bit")
    elif header.bits == 12:
        pixels = ((samples.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16)
    elif header.bits == 32:
        notes.append("32-bit samples: the upper 16 bits were read")
        pixels = (samples.astype(np.int64) >> 16).astype(np.uint16)
    else:
        pixels = samples.astype(np.uint16, copy=False)
    return np.uint16(65535) - pixels if header.photometric == 0 else pixels


def _from_floats(samples: Array, notes: list[str]) -> Array:
    finite = np.isfinite(samples)
    if not finite.all():
        notes.append("samples that are no number were set to 0")
        samples = np.where(finite, samples, 0)
    top = float(samples.max())
    scale = next((full for full in (1.0, 255.0, 65535.0) if top <= full), top)
    if scale != 1:
        notes.append(f"float samples up to {top:g} were divided by {scale:g}")
    return np.rint(np.clip(samples / scale, 0, 1) * 65535).astype(np.uint16)


def _over_white(color: Array, alpha: Array | None) -> Array:
    """Blend coded values over white, as viewers do."""
    if alpha is None:
        return color
    top = int(np.iinfo(color.dtype).max)
    if bool((alpha == top).all()):
        return color
    cover = alpha if color.ndim == 2 else alpha[..., None]
    # A float64 holds the product of two 16-bit values exactly.
    blend = top + (color.astype(np.float64) - top) * cover / top
    return np.rint(blend).astype(color.dtype)
