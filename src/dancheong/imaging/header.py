"""What an image file says of itself before its pixels are decoded: format, page, size, depth, color space, metadata."""

import re
import struct
from dataclasses import dataclass
from typing import IO, Any

from dancheong.imaging.containers import in_bmp, in_gif, in_jpeg, in_png, in_tiff
from dancheong.imaging.foreign import decode_elsewhere, what_is_missing
from dancheong.imaging.formats import Format, format_of
from dancheong.imaging.metadata import Found
from dancheong.imaging.tiff import Directory, directories
from dancheong.imaging.tiff_kinds import (
    OLD_JPEG,
    SPACES,
    Space,
    in_words,
    is_for_libvips,
    pixels_a_byte,
    what_is_not_read,
)
from dancheong.imaging.tiff_pages import opened_tiff, tiff_pages
from dancheong.imaging.vips import MAX_BYTES, Unreadable, check_ends, check_pixels, opened

_HARMLESS_PX = 4_000_000
# Lossless, hierarchical and JPEG-LS frames; libvips knows of the others at 8 bits.
_OTHER_JPEG_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7)
_COLORS = {"GRAY": 1, "RGB": 3, "LAB": 3, "CMYK": 4}
# Where a size stands, before libvips sees it.
_SIZES = {"PNG": re.compile(rb"\A.{16}(.{8})", re.DOTALL), "AVIF": re.compile(rb"ispe.{4}(.{8})", re.DOTALL)}
_NCLX = re.compile(rb"colrnclx(..)(..)", re.DOTALL)
# How an AVIF or HEIF names what belongs to its picture.
_BESIDE = {b"hdrgainmap": "gain map", b"tmap": "gain map", b"auxid:2\0": "depth map", b"auxiliary:depth": "depth map",
           b"matte\0": "mattes"}
_PREMULTIPLIED = re.compile(rb"\0\0\0[\x0e\x12]prem")  # a reference of the color to its transparency
_LIKE_SRGB = ((1, 2, 5, 6), (1, 2, 6, 13, 14, 15))  # primaries and transfers of ITU-T H.273 that viewers take for sRGB
_BY_ROWS = ("JPEG", "PNG", "TIFF")
_SEQUENCE = "it is a sequence of pictures, of which the first was read"
_TOLD_BY_LIBVIPS = ("exif-data", "xmp-data", "icc-profile-data", "n-pages")
_FINDERS = {"JPEG": in_jpeg, "JPEG-LS": in_jpeg, "PNG": in_png, "GIF": in_gif, "BMP": in_bmp}


@dataclass(frozen=True, eq=False)
class Header:
    """An image file before decoding.

    Attributes:
        image: of libvips, whose pixels are decoded when they are asked for; None where another decoder has the file.
        width_px, height_px: as stored, before the orientation.
        space: what the samples are.
        bits: of a sample.
        decoder: as in `Format`.
        extra: ExtraSamples of a TIFF: 0 no transparency, 1 premultiplied, 2 not; of others 2 or 1 where there is one.
        tiff: of a TIFF, the directory that is read.
    """

    format: Format
    image: Any
    width_px: int
    height_px: int
    space: Space
    bits: int
    metadata: Found
    decoder: str
    extra: int = 2
    tiff: Directory | None = None

    @property
    def is_gray(self) -> bool:
        """Whether the pixels will be (h, w); a palette of grays counts as color, because that shows only when it is read."""
        return self.space == "GRAY"

    @property
    def colors(self) -> int:
        """Samples of the color; others are transparency or something else."""
        return _COLORS[self.space]

    @property
    def photometric(self) -> int:
        """PhotometricInterpretation of a TIFF; -1 of others."""
        return -1 if self.tiff is None else self.tiff.photometric

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        turned = self.metadata.orientation in (5, 6, 7, 8)
        return (self.height_px, self.width_px) if turned else (self.width_px, self.height_px)

    @property
    def why_whole(self) -> str:
        """Why its rows cannot be read one after the other, with all others left on the disk; empty where they can."""
        name, image = self.format.name, self.image
        if self.metadata.orientation not in (1, 2):
            return f"its orientation ({self.metadata.orientation}) turns it: turn it upright first"
        if name in _BY_ROWS and image is not None and image.format in ("uchar", "ushort"):
            if not image.get_typeof("interlaced") or not image.get("interlaced"):
                return ""
            name = {"JPEG": "a progressive JPEG", "PNG": "an interlaced PNG"}[name]
        else:
            name = f"{name} of this kind"
        return f"{name} is decoded as a whole: save it as a TIFF of tiles or strips of 8 or 16 bits first"


def read_header(
    file: IO[bytes], page: int | None = None, longer_px: int = 0, is_lenient: bool = False, is_whole: bool = True
) -> Header:
    """Read the header of an open file and check what it promises.

    Args:
        file: its place belongs to libvips afterwards: whoever reads the pixels reads nothing else meanwhile.
        page: of the pages of a document, from 0; None: the first, and it is told that there are others.
        longer_px: where the longer side may be smaller than the file's, but no smaller than this; a JPEG is then decoded
            at a half, a quarter or an eighth, which spares most of the time.
        is_lenient: a JPEG is read on behind faults that can be bridged.
        is_whole: all of its pixels will be in memory, so that there may not be too many.

    Raises:
        Unreadable: no image, one without pixels, or one too large.
        struct.error, ValueError, pyvips.Error: the file is damaged.
    """
    kind = format_of(head := file.read(64))
    if not head:
        raise Unreadable("the file is empty")
    if head.startswith(b"%PDF"):
        raise Unreadable("a PDF, which is not read; take its pictures out first, as by `pdfimages -all FILE.pdf page`")
    if kind is None:
        raise Unreadable("not a JPEG, PNG, TIFF or WebP image, nor another that is read; convert it to one of these")
    file_bytes = file.seek(0, 2)
    if is_whole and file_bytes > MAX_BYTES:
        raise Unreadable(f"the file is larger than {MAX_BYTES} bytes")
    if kind.name == "TIFF":
        header = _tiff_header(file, kind, page or 0, is_whole)
    else:
        header = _plain_header(file, kind, longer_px, is_lenient, is_whole)
    width, height, found = header.width_px, header.height_px, header.metadata
    check_pixels(width, height, is_whole or header.image is None)
    bound = kind.most_pixels_a_byte if header.tiff is None else pixels_a_byte(header.tiff)
    if width * height > max(_HARMLESS_PX, file_bytes * bound):
        raise Unreadable(f"damaged or cut off: the file is too short for {width} x {height} pixels")
    if found.frames > 1:
        is_asked = header.tiff is not None and page is not None
        which = f"page {(page or 0) + 1} of {found.frames}" if is_asked else f"the first of {found.frames} pages"
        found.note(f"{which} was read")
    return header


def _check_boxes(file: IO[bytes]) -> None:
    """Refuse an AVIF or HEIF whose pixels are not all there, because libheif leaves tiles out that are missing."""
    at, size = 0, 8
    while size >= 8:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        at = min(at + size, MAX_BYTES)
        if kind == b"mdat":
            check_ends(file, at)


def _plain_header(file: IO[bytes], kind: Format, longer_px: int, is_lenient: bool, is_whole: bool) -> Header:
    decoder, is_jpeg = kind.decoder, kind.name == "JPEG"
    found = _FINDERS[kind.name](file) if kind.name in _FINDERS else Found()
    frame, bits = found.frame
    file.seek(0)
    head = file.read(1 << 16)
    if kind.name in ("AVIF", "HEIF"):
        _check_boxes(file)
        found.nclx = next((struct.unpack(">HH", one[0] + one[1]) for one in _NCLX.findall(head)), found.nclx)
        if beside := sorted({words for name, words in _BESIDE.items() if name in head}):
            found.note(f"what it holds beside the picture was left out: {', '.join(beside)}")
        found.extra = 1 if _PREMULTIPLIED.search(head) else 2
    is_sequence = kind.name == "AVIF" and head[8:12] == b"avis"
    for size in _SIZES[kind.name].findall(head) if kind.name in _SIZES else ():
        width, height = struct.unpack(">II", size)
        check_pixels(width, height, is_whole or kind.name != "PNG")  # libvips would print what it thinks of it
    if not decoder.endswith("_source") or frame in _OTHER_JPEG_FRAMES or bits != 8:
        return _foreign_header(file, kind, found, "imagecodecs" if is_jpeg else decoder)
    options: dict[str, Any] = {"fail_on": "warning" if is_jpeg and not is_lenient else "error"}
    image = opened(file, decoder, **options)
    if found.is_part and not image.hasalpha():  # libvips makes the rest black
        raise Unreadable("the first picture of the GIF covers only a part of it; save the part that is wanted as PNG")
    if is_jpeg and longer_px:
        shrink = next((by for by in (8, 4, 2) if max(image.width, image.height) >= by * longer_px), 1)
        image = opened(file, decoder, shrink=shrink, **options)
    told = {name: image.get(name) for name in _TOLD_BY_LIBVIPS if image.get_typeof(name)}
    if kind.name in ("AVIF", "GIF", "WEBP"):
        found.exif, found.xmp = told.get("exif-data"), told.get("xmp-data", found.xmp)
        found.frames = told.get("n-pages", 1)
    if is_sequence and found.frames == 1:
        found.note(_SEQUENCE)
    found.icc = found.icc or told.get("icc-profile-data")
    space: Space = "CMYK" if image.interpretation == "cmyk" else "GRAY" if image.bands < 3 else "RGB"
    bits = 16 if image.format == "ushort" else 8
    return Header(kind, image, image.width, image.height, space, bits, _settled(found, kind), decoder, found.extra)


def _settled(found: Found, kind: Format) -> Found:
    """The decoders of the other formats turn the pixels upright."""
    found.settle()
    if found.icc is None and not all(one in like for one, like in zip(found.nclx, _LIKE_SRGB, strict=True)):
        found.note("its color space (nclx) is not sRGB and was left aside: the colors are approximate")
    if kind.name == "JP2" and found.orientation != 1:
        found.note(f"the orientation in its EXIF ({found.orientation}) was not applied: check that the picture stands upright")
    found.orientation = found.orientation if kind.name in ("JPEG", "PNG", "WEBP") else 1
    return found


def _foreign_header(file: IO[bytes], kind: Format, found: Found, decoder: str) -> Header:
    if missing := what_is_missing(decoder):
        raise Unreadable(f"a {'HEIF photograph' if decoder == 'heif' else kind.name}, which {missing}")
    samples, parts, said = decode_elsewhere(file, decoder, "header")
    found.exif, found.xmp = parts.get("exif", found.exif), parts.get("xmp", found.xmp)
    found.icc, found.frames = parts.get("icc_profile", found.icc), said.get("frames", 1)
    if said.get("is_nameless"):
        raise Unreadable("a lossy JPEG XL with a color profile, which no decoder here reads; save it as PNG or TIFF")
    if said.get("is_sequence"):
        found.note(_SEQUENCE)
    if not said.get("is_srgb", True):
        found.note("its color space or profile is not read from a JPEG XL and was left aside: the colors are approximate")
    found.iptc = parts.get("iptc", found.iptc)
    if "resolution" in parts:
        found.note("its resolution (res box of JPEG 2000) was left out")
    height, width, bands = (*samples.shape, 1)[:3]
    bits = found.frame[1] if found.frame[1] != 8 else said.get("bits", samples.dtype.itemsize * 8)
    space: Space = "GRAY" if bands < 3 else said.get("space", "RGB")
    return Header(kind, None, width, height, space, bits, _settled(found, kind), decoder, found.extra)


def _tiff_header(file: IO[bytes], kind: Format, page: int, is_whole: bool) -> Header:
    pages = tiff_pages(file)
    if page >= len(pages):
        raise Unreadable(f"page {page + 1} of {len(pages)} was asked for")
    chosen = pages[page]
    directory = chosen.directory
    found = in_tiff(file, directory).settle()
    found.frames = len(pages)
    if (slices := directory.number(32997, 1)) > 1:
        found.note(f"the first of {slices} slices was read")
    photometric, samples = directory.photometric, directory.number(277, 1)
    if unread := what_is_not_read(directory):
        raise Unreadable(f"a TIFF of a kind that is not read ({unread}); save it as 8 or 16 bit gray or RGB")
    decoder, image, space = "tifffile", None, SPACES[photometric]
    extras = directory.numbers(338) or ((2,) if samples in (2, 4) and space in ("GRAY", "RGB") else ())
    extra = next((int(one) for one in extras if one in (1, 2)), 0) if samples > _COLORS[space] else 0
    check_pixels(*chosen.size_px, is_whole)  # libvips would print what it thinks of it
    if directory.number(259, 1) in (OLD_JPEG, 7):  # whose decoder makes up what is missing
        places = ((273, 279), (513, 514), (324, 325))
        ends = [sum(part) for pair in places for part in zip(*map(directory.numbers, pair), strict=False)]
        check_ends(file, *ends)
    if is_for_libvips(directory):
        decoder, image = "tiffload_source", opened_tiff(file, chosen)
        space = "GRAY" if photometric == 3 and image.bands < 3 else space  # a palette of grays
    elif directory.number(259, 1) == OLD_JPEG and directory.offset == directories(file)[0].offset:
        decoder = "pillow"
    elif missing := what_is_missing(decoder):
        raise Unreadable(f"a TIFF of a kind ({in_words(directory)}) that {missing}")
    return Header(kind, image, *chosen.size_px, space, directory.number(258, 1), found, decoder, extra, directory)
