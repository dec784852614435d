"""ICC profiles: from a file's color space to sRGB and back, relative colorimetric, with the black point compensated.

Profiles of curves and a matrix, and those of gray, are applied by their own numbers (ICC.1:2022, sections 8.3, 10.6, 10.18):
at 16 bits Little CMS samples such a profile at some 33 places and is off by up to 350 codes in the dark. All others, of tables
and of inks, go through Little CMS, in libvips.
"""

import struct
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from dancheong.imaging.color import srgb_to_linear
from dancheong.imaging.vips import as_image, as_pixels

Array = NDArray[Any]

# XYZ under D50, as a profile has it, to linear sRGB: IEC 61966-2-1 with the Bradford adaptation.
_D50_XYZ_TO_RGB = np.linalg.inv(
    np.array([[0.43606, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
)
# Bradford: cone responses of XYZ; D50 is the white of profiles.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
_ADOBE_XY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)  # Adobe RGB (1998): white, red, green, blue
_SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMAS = (0.43, 0.48)  # gAMA of 1/2.2, as programs write it for sRGB
_SAME_LEVELS = 1  # profiles that differ from sRGB by no more than this are sRGB, and the pixels stay as they are
_ROUNDING = 1e-3  # of the numbers of a matrix
_HOW = {"intent": "relative", "black_point_compensation": True}
_CODES = np.arange(65536) / 65535


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why."""


class _Shaper(NamedTuple):
    """A profile of curves: linear light of each of the 65536 codes, (1 or 3, 65536), and the matrix to linear sRGB."""

    curves: Array
    matrix: Array


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The sRGB profile that written color photographs carry; always the same bytes."""
    return _profile(_SRGB_XY, _curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), "RGB", "sRGB")


def color_space(icc: bytes) -> str:
    """The space of the pixels a profile is for: "RGB", "GRAY", "CMYK", ..."""
    tables = {(tag[:4], len(tag)) for tag in _tags(icc).values()} if len(icc) >= 132 else set()
    if len(icc) < 132 or icc[36:40] != b"acsp" or int.from_bytes(icc[:4], "big") > len(icc) or (b"", 0) in tables:
        raise ProfileError("it is damaged")
    return icc[16:20].decode("latin-1").strip()


def to_srgb(image: Any, icc: bytes | None, space: str) -> Any:
    """Convert an image of libvips from the space of `icc` to sRGB.

    Args:
        image: of 8 or 16 bits, of 1 (gray), 3 or 4 samples.
        icc: for gray also one for RGB; None for CMYK of an average press.
        space: "GRAY", "RGB" or "CMYK".

    Returns:
        Gray or RGB of the same depth, the very same image where the profile is sRGB.

    Raises:
        ProfileError: a damaged profile, or one of another color space.
    """
    if icc is not None:
        of = color_space(icc)
        if of != space and (space, of) != ("GRAY", "RGB"):
            raise ProfileError(f"it is for {of} pixels")
        if _is_srgb(icc, space):
            return image
    return _converted(image, icc, space)


def from_srgb(image: Any, icc: bytes) -> Any:
    """Convert an image of libvips, gray or RGB, from sRGB to the space of `icc`.

    Raises:
        ProfileError: a damaged profile, or one of another color space than the image.
    """
    space = "RGB" if image.bands == 3 else "GRAY"
    if color_space(icc) != space:
        raise ProfileError(f"it is for {color_space(icc)} pixels")
    shaper = _shaper(icc, space)
    if shaper is not None:
        return _encoded(_linear(image, _srgb_curves(image.bands)), np.linalg.inv(shaper.matrix), shaper.curves, image.format)
    return _by_little_cms(image if image.bands == 3 else image.bandjoin([image, image]), srgb_profile(), icc)


def lab_to_srgb(image: Any, is_deep: bool) -> Any:
    """CIE L*a*b* (D50) as floats to sRGB of 8 or 16 bits."""
    return _exported(image.copy(interpretation="lab"), srgb_profile(), 16 if is_deep else 8)


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """A profile of the numbers of Adobe RGB (1998)."""
    return _profile(_ADOBE_XY, _curve(_ADOBE_GAMMA), "RGB", "Adobe RGB (1998)")


def from_gamma(color: dict[bytes, tuple[int, ...]], space: str) -> bytes | None:
    """A profile of what gAMA and cHRM of a PNG say; None where that is sRGB, or says nothing."""
    exponent = color.get(b"gAMA", (45455,))[0] / 100000
    corners = tuple(number / 100000 for number in color.get(b"cHRM", ())) or _SRGB_XY
    is_plain = all(abs(a - b) < 0.002 for a, b in zip(corners, _SRGB_XY, strict=True)) or space == "GRAY"
    if not 0.05 < exponent < 10 or (is_plain and _SRGB_GAMMAS[0] < exponent < _SRGB_GAMMAS[1]):
        return None
    try:
        return _profile(corners, _curve(1 / exponent), space, "of the PNG")
    except (np.linalg.LinAlgError, ZeroDivisionError, struct.error):
        return None


def to_eight(pixels: Array) -> Array:
    """uint16 pixels as uint8, rounded; uint8 as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _converted(image: Any, icc: bytes | None, space: str) -> Any:
    shaper = None if icc is None else _shaper(icc, space)
    if shaper is not None:
        return _encoded(_linear(image, shaper.curves), shaper.matrix, None, image.format)
    if space == "GRAY":
        image = image.bandjoin([image, image]) if icc is not None and color_space(icc) == "RGB" else image
        return _by_little_cms(image, icc, srgb_profile()).extract_band(1)
    return _by_little_cms(image, icc, srgb_profile())


def _linear(image: Any, curves: Array) -> Any:
    """Linear light in [0, 1] of an image, as floats."""
    table = curves if image.format == "ushort" else curves[:, ::257]
    return image.maplut(as_image(table.T[None].astype(np.float32)))


def _encoded(linear: Any, matrix: Array, curves: Array | None, kind: str) -> Any:
    """Codes ("uchar" or "ushort") of linear light after a matrix: by the inverse of `curves`, by default in sRGB."""
    if linear.bands == 3:
        linear = linear.recomb(matrix.tolist())
    top = 255 if kind == "uchar" else 65535
    if curves is None:
        light = (linear > 0).ifthenelse(linear, 0)
        coded = (light <= 0.0031308).ifthenelse(light * 12.92, light ** (1 / 2.4) * 1.055 - 0.055) * top
    else:
        # Tables over the root of the light, so that they are fine in the dark.
        roots = ((linear > 0).ifthenelse(linear, 0) ** 0.5 * 65535).rint().cast("ushort")
        table = np.stack([np.interp(_CODES**2, np.maximum.accumulate(curve), _CODES * top) for curve in curves], axis=-1)
        coded = roots.maplut(as_image(table[None].astype(np.float32)))
    coded = coded.rint().cast(kind)
    return coded.copy(interpretation={("uchar", 1): "b-w", ("ushort", 1): "grey16"}.get((kind, coded.bands), "srgb"))


def _by_little_cms(image: Any, source: bytes | None, target: bytes) -> Any:
    """From one profile to another, by L*a*b* between. None: an average press."""
    is_deep = image.format == "ushort"
    kind = {1: ("b-w", "grey16"), 3: ("srgb", "rgb16"), 4: ("cmyk", "cmyk")}[image.bands][is_deep]
    given = image.copy(interpretation=kind) if source is None else _with_profile(image, source, kind)
    try:
        between = given.icc_import(**_HOW, **({"input_profile": "cmyk"} if source is None else {"embedded": True}))
        return _exported(between, target, 16 if is_deep else 8)
    except pyvips.Error as error:
        raise ProfileError(f"it cannot be used ({' '.join(str(error).split())[:120]})") from error


def _exported(image: Any, icc: bytes, depth: int) -> Any:
    return _with_profile(image, icc, image.interpretation).icc_export(depth=depth, **_HOW)


def _with_profile(image: Any, icc: bytes, interpretation: str) -> Any:
    image = image.copy(interpretation=interpretation)
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image


@lru_cache(maxsize=64)
def _is_srgb(icc: bytes, space: str) -> bool:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(27, 27, 3)
    if space == "CMYK":
        return False
    given = np.arange(256, dtype=np.uint8)[None] if space == "GRAY" else cube
    found = as_pixels(_converted(as_image(given), icc, space))
    return int(np.abs(found.astype(np.int16) - given).max()) <= _SAME_LEVELS


@lru_cache(maxsize=8)
def _shaper(icc: bytes, space: str) -> _Shaper | None:
    """None for a profile of tables. Of gray pixels with a profile for RGB the curve of green counts."""
    tags = _tags(icc)
    is_rgb = color_space(icc) == "RGB"
    if icc[20:24] != b"XYZ " or b"A2B0" in tags:
        return None
    names = [b"kTRC"] if not is_rgb else [b"gTRC"] if space == "GRAY" else [b"rTRC", b"gTRC", b"bTRC"]
    curves = [_tone_curve(tags.get(name)) for name in names]
    columns = [_xyz_of(tags.get(color + b"XYZ")) for color in (b"r", b"g", b"b")] if is_rgb else [(0.0, 1.0, 0.0)] * 3
    if any(part is None for part in (*curves, *columns)):
        return None
    matrix = _D50_XYZ_TO_RGB @ np.array(columns, np.float64).T if space == "RGB" else np.eye(1)
    # Primaries of sRGB, but for the rounding of the profile, which would show in the dark.
    return _Shaper(np.array(curves), np.eye(len(matrix)) if np.abs(matrix - np.eye(len(matrix))).max() < _ROUNDING else matrix)


@lru_cache(maxsize=2)
def _srgb_curves(bands: int) -> Array:
    return np.repeat(srgb_to_linear(_CODES)[None], bands, axis=0)


def _profile(corners: tuple[float, ...], curve: bytes, space: str, name: str) -> bytes:
    """An ICC profile (ICC.1:2010) of a tone curve and, of RGB, chromaticities: white, red, green, blue as (x, y)."""
    xyz = np.array([(x / y, 1, (1 - x - y) / y) for x, y in zip(corners[::2], corners[1::2], strict=True)])
    white, primaries = xyz[0], xyz[1:].T
    primaries = primaries * np.linalg.solve(primaries, white)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
    tags = {b"desc": _text(name), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50)}
    if space == "GRAY":
        tags[b"kTRC"] = curve
    else:
        columns = (adapt @ primaries).T
        tags |= {color + b"XYZ": _xyz(column) for color, column in zip((b"r", b"g", b"b"), columns, strict=True)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(data), bytes(4), 0x04200000, b"mntr", space.ljust(4).encode(), b"XYZ ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def _text(words: str) -> bytes:
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2 * len(words), 28) + words.encode("utf-16-be")


def _curve(*numbers: float) -> bytes:
    """A parametric curve: x^g of one number, that of IEC 61966-2-1 of five."""
    kind = 0 if len(numbers) == 1 else 3
    return b"para\0\0\0\0" + struct.pack(f">HH{len(numbers)}i", kind, 0, *(round(number * 65536) for number in numbers))


def _xyz(numbers: Array) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(number) * 65536) for number in numbers))


def _tags(icc: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(icc[128:132], "big"), (len(icc) - 132) // 12)
    entries = (struct.unpack_from(">4sII", icc, 132 + 12 * index) for index in range(count))
    return {name: icc[offset : offset + size] for name, offset, size in entries}


def _xyz_of(tag: bytes | None) -> tuple[float, float, float] | None:
    if tag is None or tag[:4] != b"XYZ " or len(tag) < 20:
        return None
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _tone_curve(tag: bytes | None) -> Array | None:
    """Linear light of each of the 65536 codes, float32, or None where the tag is no curve."""
    if tag is None or len(tag) < 12:
        return None
    code = _CODES
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
