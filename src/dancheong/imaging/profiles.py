"""ICC profiles: from a file's color space to sRGB.

Little CMS (through Pillow) converts 8 bits a channel only, so 16-bit pixels go through the profile's own tone curves and
matrix here (ICC.1:2022, sections 8.3, 10.6 and 10.18); lookup-table profiles fall back to 8 bits, and the note says so.
"""

import io
import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dancheong.imaging.color import linear_to_srgb, to_pixels
from dancheong.imaging.tiling import map_strips

Array = NDArray[Any]

# XYZ under D50, as a profile has it, to linear sRGB: IEC 61966-2-1 with the Bradford adaptation.
_D50_XYZ_TO_RGB = np.linalg.inv(
    np.array([[0.43606, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
)
_STRIP_PX = 256
_AT_EIGHT_BITS = "its lookup-table ICC profile was applied at 8 bits"
_SAME_LEVELS = 1  # profiles that differ from sRGB by no more than this are sRGB, and the pixels stay as they are


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why."""


@cache
def srgb_profile() -> bytes:
    """The sRGB profile that written color photographs carry; always the same bytes."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # its date of creation, which is now
    data[84:100] = bytes(16)  # its checksum
    return bytes(data)


def color_space(icc: bytes) -> str:
    """The space of the pixels a profile is for: "RGB", "GRAY", "CMYK", ..."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ProfileError("it is damaged")
    return icc[16:20].decode("latin-1").strip()


def to_srgb(pixels: Array, icc: bytes) -> tuple[Array, str | None]:
    """Convert pixels from the space of `icc` to sRGB (relative colorimetric, black point compensated).

    Args:
        pixels: (h, w) or (h, w, 3), uint8 or uint16.
        icc: an RGB profile, for gray also a gray one.

    Returns:
        Pixels of the same shape and type, the very same when the profile is sRGB, and a note, or None.

    Raises:
        ProfileError: a damaged profile, or one of another color space.
    """
    space = color_space(icc)
    if space not in ("RGB", "GRAY") or (space == "GRAY" and pixels.ndim == 3):
        raise ProfileError(f"it is for {space} pixels")
    if pixels.ndim == 2:
        return _gray_to_srgb(pixels, icc, space)
    transform = _transform(icc, "RGB")
    cube = _cube()
    if _same(_apply(transform, cube), cube):
        return pixels, None
    if pixels.dtype == np.uint8:
        return map_strips(lambda rows: _apply(transform, rows), pixels, _STRIP_PX), None
    curves_and_matrix = _curves_and_matrix(icc)
    if curves_and_matrix is None:
        eight = map_strips(lambda rows: _apply(transform, to_eight(rows)), pixels, _STRIP_PX)
        return eight.astype(np.uint16) * np.uint16(257), _AT_EIGHT_BITS
    curves, matrix = curves_and_matrix
    return map_strips(lambda rows: _matrix_to_srgb(rows, curves, matrix), pixels, _STRIP_PX), None


def cmyk_to_srgb(image: Image.Image, icc: bytes) -> Array:
    """A CMYK image as sRGB pixels (h, w, 3) uint8 by its own profile.

    Raises:
        ProfileError: a damaged profile, or one that is not for CMYK.
    """
    if color_space(icc) != "CMYK":
        raise ProfileError(f"it is for {color_space(icc)} pixels")
    converted = _transform(icc, "CMYK").apply(image)
    return np.asarray(converted)


def lab_to_srgb(image: Image.Image) -> Array:
    """A CIE Lab image (D50, as TIFF has it) as sRGB pixels (h, w, 3) uint8."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image))


def to_eight(pixels: Array) -> Array:
    """uint16 pixels as uint8, rounded; uint8 as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _gray_to_srgb(gray_hw: Array, icc: bytes, space: str) -> tuple[Array, str | None]:
    ramp = np.arange(256, dtype=np.uint8)
    curve = _tone_curve(icc, b"kTRC" if space == "GRAY" else b"gTRC")
    note = None
    if curve is not None and icc[20:24] == b"XYZ ":
        table = to_pixels(linear_to_srgb(curve), np.uint16)
    else:
        grays = ramp[None] if space == "GRAY" else np.repeat(ramp[None, :, None], 3, axis=2)
        coarse = _apply(_transform(icc, "L" if space == "GRAY" else "RGB"), grays)[0, :, 1]
        table = np.rint(np.interp(np.arange(65536) / 257, ramp, coarse) * 257).astype(np.uint16)
        note = _AT_EIGHT_BITS if gray_hw.dtype == np.uint16 else None
    if _same(to_eight(table[::257]), ramp):
        return gray_hw, None
    return np.take(table if gray_hw.dtype == np.uint16 else to_eight(table[::257]), gray_hw), note


def _matrix_to_srgb(pixels_hwc: Array, curves: list[Array], matrix: Array) -> Array:
    linear = np.stack([np.take(curve, pixels_hwc[..., channel]) for channel, curve in enumerate(curves)], axis=-1)
    converted = linear @ matrix.T
    return to_pixels(linear_to_srgb(converted), np.uint16)


def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ProfileError(f"it cannot be used ({str(error).strip()})") from error


def _apply(transform: ImageCms.ImageCmsTransform, pixels: Array) -> Array:
    return np.asarray(transform.apply(Image.fromarray(np.ascontiguousarray(pixels))))


def _cube() -> Array:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(27, 27, 3)


def _same(a: Array, b: Array) -> bool:
    return int(np.abs(a.astype(np.int16) - b).max()) <= _SAME_LEVELS


def _curves_and_matrix(icc: bytes) -> tuple[list[Array], Array] | None:
    """Tone curves (65536 float32 each) and the matrix to linear sRGB, or None for a lookup-table profile."""
    tags = _tags(icc)
    if b"A2B0" in tags or icc[20:24] != b"XYZ ":
        return None
    curves = [_tone_curve(icc, name) for name in (b"rTRC", b"gTRC", b"bTRC")]
    columns = [_xyz(tags.get(name)) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    if any(curve is None for curve in curves) or any(column is None for column in columns):
        return None
    matrix = _D50_XYZ_TO_RGB @ np.array(columns, np.float64).T
    return [curve for curve in curves if curve is not None], matrix.astype(np.float32)


def _tags(icc: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(icc[128:132], "big"), (len(icc) - 132) // 12)
    entries = (struct.unpack_from(">4sII", icc, 132 + 12 * index) for index in range(count))
    return {name: icc[offset : offset + size] for name, offset, size in entries}


def _xyz(tag: bytes | None) -> tuple[float, float, float] | None:
    if tag is None or tag[:4] != b"XYZ " or len(tag) < 20:
        return None
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _tone_curve(icc: bytes, name: bytes) -> Array | None:
    """Linear light of each of the 65536 codes, float32, or None where the profile has no such curve."""
    tag = _tags(icc).get(name)
    if tag is None or len(tag) < 12:
        return None
    code = np.arange(65536) / 65535
    if tag[:4] == b"curv":
        count = int.from_bytes(tag[8:12], "big")
        if len(tag) < 12 + 2 * count:
            return None
        points = np.frombuffer(tag, ">u2", count, 12)
        if count == 0:
            linear = code
        elif count == 1:
            linear = code ** (points[0] / 256)
        else:
            linear = np.interp(code, np.linspace(0, 1, count), points / 65535)
    elif tag[:4] == b"para":
        parametric = _parametric(tag, code)
        if parametric is None:
            return None
        linear = parametric
    else:
        return None
    return np.clip(linear, 0, 1).astype(np.float32)


def _parametric(tag: bytes, code: Array) -> Array | None:
    """A parametric curve (ICC.1:2022, table 68) as one formula: (a x + b)^g + e from d on, c x + f below."""
    kind = int.from_bytes(tag[8:10], "big")
    count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind)
    if count is None or len(tag) < 12 + 4 * count:
        return None
    g, *rest = (value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12))
    a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if kind in (1, 2):
        a, b = rest[:2]
        d = -b / a if a else 0.0
        e = f = rest[2] if kind == 2 else 0.0
    elif kind in (3, 4):
        a, b, c, d = rest[:4]
        e, f = rest[4:] if kind == 4 else (0.0, 0.0)
    curve: Array = np.where(code >= d, np.maximum(a * code + b, 0) ** g + e, c * code + f)
    return curve
