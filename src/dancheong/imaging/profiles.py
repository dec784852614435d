"""ICC profiles: from a file's color space to sRGB and back, relative colorimetric, with the black point compensated.

Profiles of curves and a matrix, and those of gray, are applied by their own numbers (ICC.1:2022, sections 8.3, 10.6, 10.18):
at 16 bits Little CMS samples such a profile at some 33 places and is off by up to 350 codes in the dark. All others, of tables
and of inks, go through Little CMS, in libvips.
"""

import struct
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips

from dancheong.imaging.color import srgb_to_linear
from dancheong.imaging.vips import as_image, as_pixels
from dancheong.system.arrays import Array

# XYZ under D50, as a profile has it, to linear sRGB: IEC 61966-2-1 with the Bradford adaptation.
_D50_XYZ_TO_RGB = np.linalg.inv(
    np.array([[0.43606, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
)
# Bradford: cone responses of XYZ; D50 is the white of profiles.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
# Chromaticities (x, y) of white, red, green, blue.
_ADOBE_XY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMAS = (0.43, 0.48)  # gAMA of 1/2.2, as programs write it for sRGB
_SAME_LEVELS = 1  # profiles that differ from sRGB by no more than this are sRGB, and the pixels stay as they are
_ROUNDING = 1e-3  # of the numbers of a matrix
_HOW = {"intent": "relative", "black_point_compensation": True}
_CODES = np.arange(65536) / 65535


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why."""


class Shaper(NamedTuple):
    """A color space of curves: linear light of each of the 65536 codes, (1 or 3, 65536), and a matrix to linear sRGB."""

    curves: Array
    matrix: Array


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The sRGB profile that written color photographs carry: a parametric curve and a matrix, of 488 bytes."""
    return Path(__file__).with_name("srgb.icc").read_bytes()


@lru_cache(maxsize=1)
def adobe_rgb() -> Shaper:
    """Adobe RGB (1998)."""
    return _shaper_of(_ADOBE_XY, _ADOBE_GAMMA)


def from_gamma(color: dict[bytes, tuple[int, ...]], space: str) -> Shaper | None:
    """The color space that gAMA and cHRM of a PNG tell; None where that is sRGB, or makes no sense."""
    exponent = color.get(b"gAMA", (45455,))[0] / 100000
    corners = tuple(number / 100000 for number in color.get(b"cHRM", ())) or _SRGB_XY
    is_plain = space == "GRAY" or all(abs(a - b) < 0.002 for a, b in zip(corners, _SRGB_XY, strict=True))
    if not 0.05 < exponent < 10 or (is_plain and _SRGB_GAMMAS[0] < exponent < _SRGB_GAMMAS[1]):
        return None
    try:
        shaper = _shaper_of(_SRGB_XY if is_plain else corners, 1 / exponent)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    return Shaper(shaper.curves[:1], np.eye(1)) if space == "GRAY" else shaper


def color_space(icc: bytes) -> str:
    """The space of the pixels a profile is for: "RGB", "GRAY", "CMYK", ..."""
    is_whole = len(icc) >= 132 and icc[36:40] == b"acsp" and int.from_bytes(icc[:4], "big") <= len(icc)
    if not is_whole or b"" in _tags(icc).values():
        raise ProfileError("it is damaged")
    return icc[16:20].decode("latin-1").strip()


def to_srgb(image: Any, profile: bytes | Shaper | None, space: str) -> Any:
    """Convert an image of libvips to sRGB.

    Args:
        image: of 8 or 16 bits, of 1 (gray), 3 or 4 samples.
        profile: for gray also one for RGB; None: CMYK of an average press.
        space: "GRAY", "RGB" or "CMYK".

    Returns:
        Gray or RGB of the same depth, the very same image where the profile is sRGB.

    Raises:
        ProfileError: a damaged profile, or one of another color space.
    """
    if isinstance(profile, bytes):
        of = color_space(profile)
        if of != space and (space, of) != ("GRAY", "RGB"):
            raise ProfileError(f"it is for {of} pixels")
        if space != "CMYK" and _is_srgb(profile, space):
            return image
    return _converted(image, profile, space)


def from_srgb(image: Any, icc: bytes) -> Any:
    """Convert an image of libvips, gray or RGB, from sRGB to the space of `icc`.

    Raises:
        ProfileError: a damaged profile, or one of another color space than the image.
    """
    space = "RGB" if image.bands == 3 else "GRAY"
    if color_space(icc) != space:
        raise ProfileError(f"it is for {color_space(icc)} pixels")
    shaper = _shaper(icc, space)
    if shaper is None:
        return _by_little_cms(image if image.bands == 3 else image.bandjoin([image, image]), srgb_profile(), icc)
    curves = np.repeat(srgb_to_linear(_CODES)[None], image.bands, axis=0)
    try:
        return _encoded(_linear(image, curves), np.linalg.inv(shaper.matrix), shaper.curves, image.format)
    except np.linalg.LinAlgError as error:
        raise ProfileError("its primaries lie on a line") from error


def lab_to_srgb(image: Any, is_deep: bool) -> Any:
    """CIE L*a*b* (D50) as floats to sRGB of 8 or 16 bits."""
    return _exported(image.copy(interpretation="lab"), srgb_profile(), 16 if is_deep else 8)


def to_eight(pixels: Array) -> Array:
    """uint16 pixels as uint8, rounded; uint8 as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


@lru_cache(maxsize=64)
def _is_srgb(icc: bytes, space: str) -> bool:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(27, 27, 3)
    given = np.arange(256, dtype=np.uint8)[None] if space == "GRAY" else cube
    found = as_pixels(_converted(as_image(given), icc, space))
    return int(np.abs(found.astype(np.int16) - given).max()) <= _SAME_LEVELS


def _converted(image: Any, profile: bytes | Shaper | None, space: str) -> Any:
    shaper = _shaper(profile, space) if isinstance(profile, bytes) else profile
    if shaper is not None:
        return _encoded(_linear(image, shaper.curves), shaper.matrix, None, image.format)
    assert not isinstance(profile, Shaper)
    if space != "GRAY":
        return _by_little_cms(image, profile, srgb_profile())
    image = image.bandjoin([image, image]) if profile is not None and color_space(profile) == "RGB" else image
    return _by_little_cms(image, profile, srgb_profile()).extract_band(1)


def _linear(image: Any, curves: Array) -> Any:
    """Linear light in [0, 1] of an image, as floats."""
    table = curves if image.format == "ushort" else curves[:, ::257]
    return image.maplut(as_image(table.T[None].astype(np.float32)))


def _encoded(linear: Any, matrix: Array, curves: Array | None, kind: str) -> Any:
    """Codes ("uchar" or "ushort") of linear light after a matrix: by the inverse of `curves`, by default in sRGB."""
    linear = linear.recomb(matrix.tolist()) if linear.bands == 3 else linear
    light, top = (linear > 0).ifthenelse(linear, 0), 255 if kind == "uchar" else 65535
    if curves is None:
        coded = (light <= 0.0031308).ifthenelse(light * 12.92, light ** (1 / 2.4) * 1.055 - 0.055) * top
    else:
        # Tables over the root of the light, so that they are fine in the dark.
        table = np.stack([np.interp(_CODES**2, np.maximum.accumulate(curve), _CODES * top) for curve in curves], axis=-1)
        coded = (light**0.5 * 65535).rint().cast("ushort").maplut(as_image(table[None].astype(np.float32)))
    # What it shows matters to the encoder.
    return coded.rint().cast(kind).copy(interpretation="srgb" if coded.bands == 3 else "b-w" if top == 255 else "grey16")


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


def _shaper_of(corners: tuple[float, ...], gamma: float) -> Shaper:
    """Of a gamma and chromaticities."""
    xyz = np.array([(x / y, 1, (1 - x - y) / y) for x, y in zip(corners[::2], corners[1::2], strict=True)])
    white, primaries = xyz[0], xyz[1:].T
    primaries = primaries * np.linalg.solve(primaries, white)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
    return Shaper(np.repeat(_CODES[None] ** gamma, 3, axis=0), _snapped(_D50_XYZ_TO_RGB @ adapt @ primaries))


def _snapped(matrix: Array) -> Array:
    """Primaries of sRGB, but for the rounding of the profile, which would show in the dark."""
    one = np.eye(len(matrix))
    return one if np.abs(matrix - one).max() < _ROUNDING else matrix


@lru_cache(maxsize=8)
def _shaper(icc: bytes, space: str) -> Shaper | None:
    """None for a profile of tables. Of gray pixels with a profile for RGB the curve of green counts."""
    tags, is_rgb = _tags(icc), color_space(icc) == "RGB"
    if icc[20:24] != b"XYZ " or b"A2B0" in tags:
        return None
    names = [b"kTRC"] if not is_rgb else [b"gTRC"] if space == "GRAY" else [b"rTRC", b"gTRC", b"bTRC"]
    curves = [_tone_curve(tags.get(name, b"")) for name in names]
    columns = [tags.get(color + b"XYZ", b"") for color in (b"r", b"g", b"b")]
    if any(curve is None for curve in curves):
        return None
    if space == "GRAY":
        return Shaper(np.array(curves), np.eye(1))
    if any(column[:4] != b"XYZ " or len(column) < 20 for column in columns):
        return None
    numbers = np.array([struct.unpack_from(">3i", column, 8) for column in columns]) / 65536
    return Shaper(np.array(curves), _snapped(_D50_XYZ_TO_RGB @ numbers.T))


def _tags(icc: bytes) -> dict[bytes, bytes]:
    count = min(int.from_bytes(icc[128:132], "big"), (len(icc) - 132) // 12)
    entries = (struct.unpack_from(">4sII", icc, 132 + 12 * index) for index in range(count))
    return {name: icc[offset : offset + size] for name, offset, size in entries}


def _tone_curve(tag: bytes) -> Array | None:
    """Linear light of each of the 65536 codes, float32, or None where the tag is no curve."""
    kind, count = tag[:4], int.from_bytes(tag[8:12], "big")
    linear: Array | None = None
    if kind == b"curv" and len(tag) >= 12 + 2 * count:
        points = np.frombuffer(tag, ">u2", count, 12)
        # None: a straight line; one: an exponent.
        several = np.interp(_CODES, np.linspace(0, 1, count), points / 65535) if count > 1 else _CODES
        linear = _CODES ** (points[0] / 256) if count == 1 else several
    elif kind == b"para":
        linear = _parametric(tag)
    return None if linear is None else np.clip(np.nan_to_num(linear), 0, 1).astype(np.float32)


def _parametric(tag: bytes) -> Array | None:
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
    with np.errstate(all="ignore"):  # of numbers that make no sense
        curve: Array = np.where(d <= _CODES, np.maximum(a * _CODES + b, 0) ** g + e, c * _CODES + f)
    return curve
