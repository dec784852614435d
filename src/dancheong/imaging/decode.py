"""From an image file to sRGB pixels: every depth, palette, transparency and color space becomes one of two depths.

libvips decodes and converts in strips, so that of a large photograph only the pixels are in memory.
"""

from typing import IO, Any

import numpy as np

from dancheong.imaging.foreign import decode_elsewhere
from dancheong.imaging.header import Header
from dancheong.imaging.profiles import ProfileError, adobe_rgb, from_gamma, lab_to_srgb, to_srgb
from dancheong.imaging.tiff import Directory
from dancheong.imaging.tiff_kinds import is_raw_ycbcr
from dancheong.imaging.vips import Unreadable, as_image, as_pixels
from dancheong.system.arrays import Array


def decode(file: IO[bytes], header: Header) -> tuple[Array, tuple[str, ...]]:
    """Pixels of the file: sRGB, over white, upright, (h, w) or (h, w, 3), uint8 or uint16; and notes for the reader.

    Raises:
        Unreadable: the pixels cannot be had; the message says why.
        Exception: whatever the decoders raise on damaged files.
    """
    color, notes, is_palette = converted(file, header)
    pixels = as_pixels(color)
    if is_palette and pixels.ndim == 3 and bool((pixels == pixels[..., :1]).all()):
        pixels = pixels[..., 0]
    return np.ascontiguousarray(turn_upright(pixels, header.metadata.orientation)), notes


def converted(file: IO[bytes], header: Header) -> tuple[Any, tuple[str, ...], bool]:
    """The pixels of the file as an image of libvips, not yet upright; notes for the reader; whether they come from a palette.

    Raises as `decode`, and the pixels do when they are asked for.
    """
    notes = list(header.metadata.notes)
    image = _image(file, header, notes)
    if (image.width, image.height) != (header.width_px, header.height_px):
        raise Unreadable("damaged: the picture is not of the size that the file gives")
    color, alpha = _parts(image, header, notes)
    color = _rgb_of_ycbcr(color, header.tiff) if header.tiff is not None and is_raw_ycbcr(header.tiff) else color
    color = _by_profile(color, header, notes)
    if alpha is not None and not (header.format.name == "GIF" and alpha.min() == 255):
        color = _over_white(color, alpha)
        notes.append("its transparency was laid over white")
    whole = header.tiff.numbers(341) if header.tiff is not None and header.tiff.number(339, 1) == 1 else ()
    if whole and max(whole) < (1 << header.bits) - 1:
        notes.append(f"its SMaxSampleValue of {max(whole):g} was not followed, because it is for float samples")
    is_palette = header.format.name == "GIF" or bool(image.get_typeof("palette")) or header.photometric == 3
    return color, tuple(notes), is_palette


def decode_alpha(file: IO[bytes], header: Header) -> Array | None:
    """Transparency of the file, upright, (h, w) uint8 or uint16; None where it has none. Raises as `decode`."""
    alpha = _parts(_image(file, header, []), header, [])[1]
    return None if alpha is None else turn_upright(as_pixels(alpha), header.metadata.orientation)


def turn_upright(pixels: Array, orientation: int) -> Array:
    """Apply the EXIF orientation 1 to 8; others count as 1."""
    pixels = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    pixels = pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def _image(file: IO[bytes], header: Header, notes: list[str]) -> Any:
    """The samples as an image of 8 or 16 bits; Lab as floats."""
    image = header.image
    if image is not None and image.format in ("uchar", "ushort"):
        return image
    if image is not None:
        samples = np.atleast_3d(as_pixels(image))
    else:
        offset = 0 if header.tiff is None else header.tiff.offset
        samples = np.atleast_3d(decode_elsewhere(file, header.decoder, "pixels", offset)[0])
    if samples.shape[:2] != (header.height_px, header.width_px):
        raise Unreadable("damaged: the picture is not of the size that the file gives")
    if header.space == "LAB":
        return as_image(_lab(samples[..., :3], header.photometric))
    if header.tiff is not None and header.photometric == 3 and image is None:
        colors = np.array(header.tiff.numbers(320), np.uint16).reshape(3, -1).T
        samples = (colors >> 8).astype(np.uint8)[samples[..., 0]]
    samples = _whole_samples(samples, header, notes)
    if header.photometric == 0:
        samples = np.concatenate([np.iinfo(samples.dtype).max - samples[..., :1], samples[..., 1:]], axis=-1)
    return as_image(samples)


def _parts(image: Any, header: Header, notes: list[str]) -> tuple[Any, Any]:
    """Color and transparency; other samples are left out and told."""
    if image.bands < header.colors:
        raise Unreadable(f"damaged: {image.bands} samples a pixel")
    color = image if image.bands == header.colors else image.extract_band(0, n=header.colors)
    # libvips adds a sample where libtiff makes the colors, as of raw YCbCr.
    others = image.bands - header.colors if header.tiff is None or header.tiff.number(277, 1) > header.colors else 0
    if others and not header.extra:
        notes.append(f"{others} more sample{'s' if others > 1 else ''} a pixel (infrared, or unknown) were left out")
    alpha = image.extract_band(header.colors) if others and header.extra else None
    # libvips does so itself of a TIFF.
    if header.extra == 1 and alpha is not None and (header.image is None or header.tiff is None):
        top = 255 if image.format == "uchar" else 65535
        color = color.bandjoin(alpha).unpremultiply(max_alpha=top).extract_band(0, n=header.colors).rint().cast(image.format)
    return color, alpha


def _rgb_of_ycbcr(color: Any, tiff: Directory) -> Any:
    """RGB by the coefficients and reference levels of the file (TIFF 6.0, section 21)."""
    top = 255 if color.format == "uchar" else 65535
    middle = (top + 1) // 2
    red, green, blue = tiff.numbers(529) or (0.299, 0.587, 0.114)
    levels = tiff.numbers(532) or (0, top, middle, top, middle, top)
    blacks, whites = levels[::2], levels[1::2]
    spans = [white - black for black, white in zip(blacks, whites, strict=True)]
    if len(spans) != 3 or spans[0] < middle or min(spans) < middle // 2 or max(levels) > top or min(red, green, blue) <= 0:
        raise Unreadable("YCbCr with coefficients or reference levels that cannot be; save it as 8 or 16 bit RGB")
    scales = [full / span for full, span in zip((top, top // 2, top // 2), spans, strict=True)]
    by_cr, by_cb = 2 - 2 * red, 2 - 2 * blue
    matrix = [[1, 0, by_cr], [1, -by_cb * blue / green, -by_cr * red / green], [1, by_cb, 0]]
    full = color.linear(scales, [-black * scale for black, scale in zip(blacks, scales, strict=True)])
    return full.recomb(matrix).rint().cast(color.format).copy(interpretation="srgb" if top == 255 else "rgb16")


def _by_profile(color: Any, header: Header, notes: list[str]) -> Any:
    metadata, space = header.metadata, header.space
    if space == "LAB":
        return lab_to_srgb(color, header.bits > 8)
    profile: Any = metadata.icc
    if profile is None and space == "RGB" and metadata.adobe:
        profile = adobe_rgb()
    elif profile is None and metadata.color:
        profile = from_gamma(metadata.color, space)
    if profile is not None:
        try:
            return to_srgb(color, profile, space)
        except ProfileError as error:
            notes.append(f"its ICC profile was left aside: {error}")
    if space != "CMYK":
        return color
    notes.append("CMYK without a usable profile: the colors are approximate")
    return to_srgb(color, None, space)


def _over_white(color: Any, alpha: Any) -> Any:
    """Blend coded values over white, as viewers do. A double holds the product of two 16-bit values exactly."""
    top = 255 if color.format == "uchar" else 65535
    return ((color.cast("double") - top) * alpha / top + top).rint().cast(color.format)


def _lab(samples: Array, photometric: int) -> Array:
    """L*, a*, b* of the samples of a TIFF: CIE L*a*b* has signed chroma, ICC L*a*b* has it moved to the middle."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    chroma_unit = 1 if samples.dtype.itemsize == 1 else 256
    top = 255 if chroma_unit == 1 else 65280 if photometric == 9 else 65535
    lab = np.empty(samples.shape, np.float32)
    lab[..., 0] = samples[..., 0].astype(np.float32) * np.float32(100 / top)
    if photometric == 9:
        lab[..., 1:] = samples[..., 1:].astype(np.float32) / chroma_unit - 128
    else:
        lab[..., 1:] = samples[..., 1:].view(f"i{samples.dtype.itemsize}").astype(np.float32) / chroma_unit
    return lab


def _whole_samples(samples: Array, header: Header, notes: list[str]) -> Array:
    """Samples of any type as uint8 or uint16, the full range of the file's type on the full range of ours."""
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    bits = header.bits
    if samples.dtype.kind == "f":
        return _from_floats(samples, header, notes)
    if samples.dtype.kind not in "fbiu":
        raise Unreadable(f"samples of type {samples.dtype} are no picture; save it as 8 or 16 bit gray or RGB")
    if samples.dtype.kind == "b":
        return samples.astype(np.uint8) * np.uint8(255)
    if samples.dtype.kind == "i" and int(samples.min()) < 0:
        if header.tiff is not None and header.tiff.number(339, 1) != 2:
            samples = samples.view(f"u{samples.dtype.itemsize}")
        else:
            raise Unreadable("signed samples below zero are no picture; save it as unsigned 16 bit")
    if bits > 16:
        notes.append(f"{bits}-bit samples: the upper 16 bits were read")
        return (samples >> (bits - 16)).astype(np.uint16)
    deep = np.uint16 if bits > 8 else np.uint8
    if samples.dtype.itemsize * 8 != bits:
        top, full = np.uint32((1 << bits) - 1), np.uint32(np.iinfo(deep).max)
        return ((samples.astype(np.uint32) * full + top // np.uint32(2)) // top).astype(deep)
    return samples.astype(deep, copy=False)


def _from_floats(samples: Array, header: Header, notes: list[str]) -> Array:
    finite = np.isfinite(samples)
    if not finite.all():
        notes.append("samples that are no number were set to 0")
        samples = np.where(finite, samples, 0)
    least, greatest = (header.tiff.numbers(tag) if header.tiff is not None else () for tag in (340, 341))
    declared = (float(min(least, default=0)), float(max(greatest, default=0)))
    is_declared = bool(greatest) and declared[0] < declared[1] and bool(np.isfinite(declared).all())
    black, white = declared if is_declared else _range_of(samples)
    if black:
        notes.append(f"float samples were taken by their range: {black:g} is black, {white:g} is white")
    elif white != 1:
        notes.append(f"float samples up to {float(samples.max()):g} were divided by {white:g}")
    for count, where in (((samples > white).sum(), f"above {white:g}"), ((samples < black).sum(), f"below {black:g}")):
        if count:
            notes.append(f"{count} float samples {where} were clipped")
    scaled = (samples - black) / (white - black)
    np.clip(scaled, 0, 1, out=scaled)
    scaled *= 65535
    return np.rint(scaled, out=scaled).astype(np.uint16)


def _range_of(samples: Array) -> tuple[float, float]:
    """Black and white: 0 and 1, where most of what is not black lies there, whatever a few highlights have; 0 and 255 or
    65535, where the samples fill more than a quarter of that; else, as of densities and heights, 0 or their least, and
    their greatest.
    """
    top, lit = float(samples.max()), samples[samples > 0]
    is_one = top <= 1 or float(np.median(lit)) <= 1
    white = 1.0 if is_one else next((full for full in (255.0, 65535.0) if full / 4 < top <= full), 0.0)
    if white and float(np.quantile(samples, 0.01)) >= -white / 100:
        return 0.0, white
    return min(0.0, float(samples.min())), max(0.0, top)
