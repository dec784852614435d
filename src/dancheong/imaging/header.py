"""What an image file says of itself before its pixels are decoded: format, size, depth, orientation, profile, EXIF."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import IO

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from dancheong.imaging.heif import HeifImage, is_installed
from dancheong.imaging.tiff import TiffDirectory, exif_bytes

MAX_MEGAPIXELS = 500
_MAX_BYTES = MAX_MEGAPIXELS * 1_000_000 * 8


class _TiffImage(TiffImagePlugin.TiffImageFile):
    """Pillow's reader without Pillow's limit of pixels, which belongs to the host program; ours has been checked."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.core.new(self.mode, getattr(self, "_tile_size", self.size))  # type: ignore[attr-defined]
        super().load_prepare()


def _heif_opener(file: IO[bytes]) -> ImageFile:
    if not is_installed():
        raise Unreadable("a HEIF photograph, which needs pi_heif: pip install 'dancheong[heif]'")
    return HeifImage(file)


# The plugins are called by name, so that a file is never handed to one of Pillow's many other readers.
_OPENERS: dict[str, Callable[[IO[bytes]], ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": _TiffImage,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "HEIF": _heif_opener,
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = int(ExifTags.Base.Orientation)
# Of a TIFF's tags, those that tell of the picture and not of how the file is laid out.
_DESCRIPTIVE_TAGS = (
    269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096), int(ExifTags.IFD.Exif),
    int(ExifTags.IFD.GPSInfo),
)  # fmt: skip
# Bytes that one byte of a TIFF can become, by its compression. None: subsampled YCbCr halves twice. LZW: 12 bits for a
# string of 4 k. JPEG and PackBits: blocks and runs of 64 and 128. Deflate: 1032. Fax, by runs: only at 1 bit a pixel.
_DEFLATE = 1040.0
_TIFF_COMPRESSION = {1: 4.0, 5: 4096.0, 6: 3072.0, 7: 3072.0, 8: _DEFLATE, 32773: 130.0, 32946: _DEFLATE, 34925: 1e4}
_FAX = (2, 3, 4, 32771)
# JPEG: a bit for a block of 64 pixels, doubled for the rare arithmetic coding. Others: no bound, but not in a photograph.
_MOST_PIXELS_A_BYTE = {"JPEG": 1024.0, "WEBP": 20000.0, "HEIF": 20000.0}
_HARMLESS_PX = 4_000_000
# Of metadata; a length in a damaged file can be anything.
_MOST_BYTES = 16 << 20


class Unreadable(ValueError):
    """What is wrong with a file, without its name."""


@dataclass(frozen=True)
class Header:
    """An image file before decoding. `image` is None for a TIFF that Pillow cannot read and OpenCV perhaps can."""

    format: str
    image: ImageFile | None
    width_px: int  # as stored, before the orientation
    height_px: int
    orientation: int
    bits: int
    samples: int
    photometric: int  # TIFF: 0 white is zero, 1 black is zero, 2 RGB, 5 CMYK
    planar: bool
    alpha: bool
    signed: bool
    icc: bytes | None
    exif: bytes | None  # with its "Exif" prefix, without the orientation
    dpi: tuple[float, float] | None
    most_pixels_a_byte: float  # what the compression can reach: a short file of a huge picture is damaged, or a bomb
    notes: tuple[str, ...] = ()

    @property
    def gray(self) -> bool:
        return self.samples < 3

    @property
    def kind(self) -> str:
        """The layout in words, for messages."""
        names = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
        color = names.get(self.photometric, f"photometric {self.photometric}")
        return f"{self.bits}-bit {color}, {self.samples} samples" + (" in separate planes" if self.planar else "")

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height_px, self.width_px) if turned else (self.width_px, self.height_px)


def read_header(file: IO[bytes]) -> Header:
    """Read the header of an open file and check what it promises.

    Raises:
        Unreadable: no image, one without pixels, or one too large.
        Exception: whatever Pillow raises on damaged files.
    """
    name = _sniff(file)
    file_bytes = file.seek(0, 2)
    if file_bytes > _MAX_BYTES:
        raise Unreadable(f"the file is larger than {_MAX_BYTES} bytes")
    file.seek(0)
    header = _tiff_header(file) if name == "TIFF" else _plain_header(file, name)
    if header.width_px < 1 or header.height_px < 1:
        raise Unreadable("the image has no pixels")
    if header.width_px * header.height_px > MAX_MEGAPIXELS * 1_000_000:
        size = f"{header.width_px} x {header.height_px}"
        raise Unreadable(f"{size} pixels are more than {MAX_MEGAPIXELS} megapixels; cut it into parts")
    if header.width_px * header.height_px > max(_HARMLESS_PX, file_bytes * header.most_pixels_a_byte):
        raise Unreadable(f"damaged or cut off: the file is too short for {header.width_px} x {header.height_px} pixels")
    return header


def _sniff(file: IO[bytes]) -> str:
    """The format by the file's first bytes, whatever its name says."""
    head = file.read(16)
    if not head:
        raise Unreadable("the file is empty")
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] in _TIFF_HEADS:
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIF"
    raise Unreadable("not a JPEG, PNG, TIFF or WebP image; convert it to one of these")


def _plain_header(file: IO[bytes], name: str) -> Header:
    image = _OPENERS[name](file)
    bits, samples = image.info.get("bit_depth", 8), 3
    raw_exif = image.info.get("exif")
    if name == "PNG":
        file.seek(24)
        bits, color_type = file.read(2)
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(color_type, 3)
        raw_exif = raw_exif or _exif_chunk(file)
    orientation, exif, notes = _exif_of(raw_exif)
    return Header(
        format=name, image=image, width_px=image.size[0], height_px=image.size[1], orientation=orientation, bits=bits,
        samples=samples, photometric=1 if samples < 3 else 2, planar=False, alpha=True, signed=False,
        icc=image.info.get("icc_profile"), exif=exif, dpi=_dpi(image), notes=notes,
        most_pixels_a_byte=_DEFLATE * 8 / (bits * samples) if name == "PNG" else _MOST_PIXELS_A_BYTE[name],
    )  # fmt: skip


def _tiff_header(file: IO[bytes]) -> Header:
    directory = TiffDirectory(file)
    number = directory.number
    file.seek(0)
    image: ImageFile | None
    try:
        image = _TiffImage(file)
    except SyntaxError:
        image = None
    bits, samples = number(258, 1), number(277, 1)
    exif, notes = _tiff_exif(image)
    return Header(
        format="TIFF", image=image, width_px=number(256, 0), height_px=number(257, 0),
        orientation=number(ORIENTATION, 1), bits=bits, samples=samples,
        photometric=number(262, 1), planar=number(284, 1) == 2 and samples > 1,
        alpha=samples == 4 and number(338, 2) != 0, signed=number(339, 1) == 2,
        icc=directory.whole(34675), exif=exif, dpi=_dpi(image) if image is not None else None,
        most_pixels_a_byte=_tiff_pixels_a_byte(number(259, 1), bits * samples), notes=notes,
    )  # fmt: skip


def _tiff_pixels_a_byte(compression: int, bits_a_pixel: int) -> float:
    if compression in _FAX:
        return inf if bits_a_pixel == 1 else 1.0
    return _TIFF_COMPRESSION.get(compression, inf) * 8 / max(1, bits_a_pixel)


def _exif_chunk(file: IO[bytes]) -> bytes | None:
    """EXIF of a PNG, which may stand after the pixels, found without decoding them."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            return b"Exif\0\0" + file.read(min(length, _MOST_BYTES))
        file.seek(length + 4, 1)
    return None


def _exif_of(raw: bytes | None) -> tuple[int, bytes | None, tuple[str, ...]]:
    """Orientation, and the EXIF without it: its turn is applied once, here."""
    if not raw:
        return 1, None, ()
    try:
        exif = Image.Exif()
        exif.load(raw)
        orientation = exif.pop(ORIENTATION, 1)
        clean = exif_bytes(exif) if len(exif) else None
    except Exception:  # Pillow raises a dozen kinds on damaged EXIF, and the picture is whole without it
        return 1, None, ("its EXIF is damaged and was left out",)
    return orientation if isinstance(orientation, int) else 1, clean, ()


def _tiff_exif(image: ImageFile | None) -> tuple[bytes | None, tuple[str, ...]]:
    if image is None:
        return None, ()
    try:
        source = image.getexif()
        exif = Image.Exif()
        for tag in _DESCRIPTIVE_TAGS:
            if tag in source:
                is_directory = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
                exif[tag] = dict(source.get_ifd(tag)) if is_directory else source[tag]
        return (exif_bytes(exif) if len(exif) else None), ()
    except Exception:  # as above
        return None, ("its EXIF is damaged and was left out",)


def _dpi(image: ImageFile) -> tuple[float, float] | None:
    try:
        given = image.info.get("dpi") or _exif_dpi(image.getexif())
        x, y = (float(value) for value in given)
    except Exception:  # as above
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None


def _exif_dpi(exif: Image.Exif) -> tuple[float, float]:
    scale = 2.54 if exif.get(ExifTags.Base.ResolutionUnit, 2) == 3 else 1.0
    return exif[ExifTags.Base.XResolution] * scale, exif[ExifTags.Base.YResolution] * scale
