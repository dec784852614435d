"""What an image file says of itself before its pixels are decoded: format, page, size, depth, color space, metadata."""

import os
import re
import struct
from dataclasses import dataclass
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from dancheong.imaging.foreign import decode_elsewhere, what_is_missing
from dancheong.imaging.formats import Format, format_of
from dancheong.imaging.metadata import Found, in_bmp, in_gif, in_jpeg, in_png, in_tiff
from dancheong.imaging.tiff import SUB_DIRECTORIES, Directory, directories, laid_out, value
from dancheong.imaging.vips import as_image, as_pixels

Space = Literal["GRAY", "RGB", "CMYK", "LAB"]

MAX_MEGAPIXELS = 500
_MAX_BYTES = MAX_MEGAPIXELS * 1_000_000 * 8
_HARMLESS_PX = 4_000_000
_LONGEST_PX = 100_000_000  # what libvips takes
# Bytes that one byte of a TIFF can become, by its compression. None: subsampled YCbCr halves twice. LZW: 12 bits for a
# string of 4 k. JPEG and PackBits: blocks and runs of 64 and 128. Deflate: 1032. Fax, by runs: only at 1 bit a pixel.
_TIFF_COMPRESSION = {1: 4.0, 5: 4096.0, 6: 3072.0, 7: 3072.0, 8: 1040.0, 32773: 130.0, 32946: 1040.0}
_FAX = (2, 3, 4, 32771)
_OLD_JPEG = 6  # of TIFF 6.0, which Pillow's libtiff knows
_PLAIN = (1, 5, 8, 32773, 32946, 34925, 50000)  # that keep samples as they are: none, LZW, deflate, PackBits, LZMA, ZSTD
_BY_LIBVIPS = {*_FAX, *_TIFF_COMPRESSION, 50001} - {_OLD_JPEG}
# Lossless, hierarchical and JPEG-LS frames; libvips knows of the others at 8 bits.
_OTHER_JPEG_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7)
_SPACES: dict[int, Space] = {0: "GRAY", 1: "GRAY", 2: "RGB", 3: "RGB", 5: "CMYK", 6: "RGB", 8: "LAB", 9: "LAB"}
_COLORS = {"GRAY": 1, "RGB": 3, "LAB": 3, "CMYK": 4}
# Where a size stands, before libvips sees it.
_SIZES = {"PNG": re.compile(rb"\A.{16}(.{8})", re.DOTALL), "AVIF": re.compile(rb"ispe.{4}(.{8})", re.DOTALL)}
_TOLD_BY_LIBVIPS = ("exif-data", "xmp-data", "icc-profile-data", "n-pages")
_FINDERS = {"JPEG": in_jpeg, "JPEG-LS": in_jpeg, "PNG": in_png, "GIF": in_gif, "BMP": in_bmp}
_REDUCED_OR_MASK = 5  # of NewSubfileType
_PAGE, _OLD_PAGE, _PAGE_NUMBER = 2, 3, 297  # of NewSubfileType, of SubfileType, and a tag
_THUMBNAIL_PX = 512
# Copies are compared as small pictures of this many pixels a side, which are kept, because each page asks for them again.
_COMPARED_PX, _ALIKE, _MOST_OTHERS, _MOST_SMALL = 48, 0.9, 4, 4096
_small_versions: dict[tuple[int, ...], NDArray[np.float64] | None] = {}


class Unreadable(ValueError):
    """What is wrong with a file, without its name."""


class TiffPage(NamedTuple):
    """A page of a TIFF: its directory, and where libvips finds it (`sub`: -1, or its place among the sub-directories)."""

    directory: Directory
    number: int
    sub: int = -1

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) as stored."""
        return self.directory.number(256, 0), self.directory.number(257, 0)


@dataclass(frozen=True, eq=False)
class Header:
    """An image file before decoding.

    Attributes:
        image: of libvips, whose pixels are decoded when they are asked for; None where another decoder has the file.
        width_px, height_px: as stored, before the orientation.
        space: what the samples are.
        bits: of a sample.
        decoder: as in `Format`.
        extra: ExtraSamples of a TIFF: 0 no transparency, 1 premultiplied, 2 not; of others 2 where there is one.
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
        return -1 if self.tiff is None else self.tiff.number(262, 1)

    @property
    def is_raw_ycbcr(self) -> bool:
        """Whether the samples are Y, Cb and Cr; libtiff makes RGB of them where they are JPEG or the chroma is halved."""
        plain = self.tiff is not None and self.photometric == 6 and self.tiff.number(259, 1) in _PLAIN
        return plain and self.tiff is not None and ycbcr_sampling(self.tiff) == (1, 1)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        turned = self.metadata.orientation in (5, 6, 7, 8)
        return (self.height_px, self.width_px) if turned else (self.width_px, self.height_px)


def read_header(file: IO[bytes], page: int | None = None, longer_px: int = 0, is_lenient: bool = False) -> Header:
    """Read the header of an open file and check what it promises.

    Args:
        file: its place belongs to libvips afterwards: whoever reads the pixels reads nothing else meanwhile.
        page: of the pages of a document, from 0; None: the first, and it is told that there are others.
        longer_px: where the longer side may be smaller than the file's, but no smaller than this; a JPEG is then decoded
            at a half, a quarter or an eighth, which spares most of the time.
        is_lenient: a JPEG is read on behind faults that can be bridged.

    Raises:
        Unreadable: no image, one without pixels, or one too large.
        struct.error, ValueError, pyvips.Error: the file is damaged.
    """
    kind = format_of(head := file.read(64))
    if not head:
        raise Unreadable("the file is empty")
    if kind is None:
        raise Unreadable("not a JPEG, PNG, TIFF or WebP image, nor another that is read; convert it to one of these")
    file_bytes = file.seek(0, 2)
    if file_bytes > _MAX_BYTES:
        raise Unreadable(f"the file is larger than {_MAX_BYTES} bytes")
    header = _tiff_header(file, kind, page or 0) if kind.name == "TIFF" else _plain_header(file, kind, longer_px, is_lenient)
    width, height, found = header.width_px, header.height_px, header.metadata
    _check_pixels(width, height)
    bound = kind.most_pixels_a_byte if header.tiff is None else _tiff_pixels_a_byte(header.tiff)
    if width * height > max(_HARMLESS_PX, file_bytes * bound):
        raise Unreadable(f"damaged or cut off: the file is too short for {width} x {height} pixels")
    if found.frames > 1:
        is_asked = header.tiff is not None and page is not None
        which = f"page {(page or 0) + 1} of {found.frames}" if is_asked else f"the first of {found.frames} pages"
        found.note(f"{which} was read")
    return header


def _check_pixels(width_px: int, height_px: int) -> None:
    if min(width_px, height_px) < 1:
        raise Unreadable("the image has no pixels")
    if width_px * height_px > MAX_MEGAPIXELS * 1_000_000:
        raise Unreadable(f"{width_px} x {height_px} pixels are more than {MAX_MEGAPIXELS} megapixels; cut it into parts")
    if max(width_px, height_px) > _LONGEST_PX:
        raise Unreadable(f"{width_px} x {height_px} pixels: no side may be longer than {_LONGEST_PX}; cut it into parts")


def _check_ends(file: IO[bytes], *ends: float) -> None:
    if max(ends, default=0) > os.fstat(file.fileno()).st_size:
        raise Unreadable("damaged or cut off")


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
        at = min(at + size, _MAX_BYTES)
        if kind == b"mdat":
            _check_ends(file, at)


def _plain_header(file: IO[bytes], kind: Format, longer_px: int, is_lenient: bool) -> Header:
    decoder, is_jpeg = kind.decoder, kind.name == "JPEG"
    found = _FINDERS[kind.name](file) if kind.name in _FINDERS else Found()
    frame, bits = found.frame
    if kind.name in ("AVIF", "HEIF"):
        _check_boxes(file)
    file.seek(0)
    is_sequence = kind.name == "AVIF" and file.read(12)[8:] == b"avis"
    file.seek(0)
    for size in _SIZES[kind.name].findall(file.read(1 << 16)) if kind.name in _SIZES else ():
        _check_pixels(*struct.unpack(">II", size))  # libvips would print what it thinks of it
    if not decoder.endswith("_source") or frame in _OTHER_JPEG_FRAMES or bits != 8:
        return _foreign_header(file, kind, found, "imagecodecs" if is_jpeg else decoder)
    options: dict[str, Any] = {"fail_on": "warning" if is_jpeg and not is_lenient else "error"}
    image = _opened(file, decoder, **options)
    if is_jpeg and longer_px:
        shrink = next((by for by in (8, 4, 2) if max(image.width, image.height) >= by * longer_px), 1)
        image = _opened(file, decoder, shrink=shrink, **options)
    told = {name: image.get(name) for name in _TOLD_BY_LIBVIPS if image.get_typeof(name)}
    if kind.name in ("AVIF", "GIF", "WEBP"):
        found.exif, found.xmp = told.get("exif-data"), told.get("xmp-data", found.xmp)
        found.frames = told.get("n-pages", 1)
    if is_sequence and found.frames == 1:
        found.note("it is a sequence of pictures, of which the first was read")
    found.icc = found.icc or told.get("icc-profile-data")
    space: Space = "CMYK" if image.interpretation == "cmyk" else "GRAY" if image.bands < 3 else "RGB"
    bits = 16 if image.format == "ushort" else 8
    return Header(kind, image, image.width, image.height, space, bits, _settled(found, kind), decoder)


def _settled(found: Found, kind: Format) -> Found:
    """The decoders of the other formats turn the pixels upright."""
    found.settle()
    if kind.name == "JP2" and found.orientation != 1:
        found.note(f"the orientation in its EXIF ({found.orientation}) was not applied: check that the picture stands upright")
    found.orientation = found.orientation if kind.name in ("JPEG", "PNG", "WEBP") else 1
    return found


def _opened(file: IO[bytes], loader: str, **options: Any) -> Any:
    """The image of libvips, by the loader that is named, so that a file is never handed to one of its many others."""
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    source = pyvips.Source.new_from_descriptor(file.fileno())
    access = "random" if loader == "gifload_source" else "sequential"
    return getattr(pyvips.Image, loader)(source, **{"access": access, "fail_on": "error"} | options)


def _foreign_header(file: IO[bytes], kind: Format, found: Found, decoder: str) -> Header:
    if missing := what_is_missing(decoder):
        raise Unreadable(f"a {'HEIF photograph' if decoder == 'heif' else kind.name}, which {missing}")
    samples, parts, said = decode_elsewhere(file, decoder, "header")
    found.exif, found.xmp = parts.get("exif", found.exif), parts.get("xmp", found.xmp)
    found.icc, found.frames = parts.get("icc_profile", found.icc), said.get("frames", 1)
    found.iptc = parts.get("iptc", found.iptc)
    if "resolution" in parts:
        found.note("its resolution (res box of JPEG 2000) was left out")
    height, width, bands = (*samples.shape, 1)[:3]
    bits = found.frame[1] if found.frame[1] != 8 else said.get("bits", samples.dtype.itemsize * 8)
    space: Space = "GRAY" if bands < 3 else said.get("space", "RGB")
    return Header(kind, None, width, height, space, bits, _settled(found, kind), decoder)


# TIFF.


def tiff_pages(file: IO[bytes]) -> list[TiffPage]:
    """The pages of the document that a TIFF holds, at least one: no thumbnails, masks, or smaller copies of a pyramid.

    Raises:
        struct.error, ValueError: the file is damaged.
    """
    row = [TiffPage(directory, number) for number, directory in enumerate(directories(file))]
    whole = [page for page in row if _is_whole(page)]
    below = [
        page for above in row[:64] for sub, directory in enumerate(above.directory.below(SUB_DIRECTORIES))
        if _is_whole(page := TiffPage(directory, above.number, sub))
    ]
    if not whole:
        return [max(below, key=_pixels)] if below else row[:1]
    # Thumbnails and pyramids of programs that do not mark them.
    largest = max(whole, key=_pixels)
    larger = [page for page in below if _is_copy(largest, page)]
    return larger[:1] or [page for page in whole if _is_page(page) or not _is_unmarked_copy(file, page, whole)]


def _is_whole(page: TiffPage) -> bool:
    return not page.directory.number(254, 0) & _REDUCED_OR_MASK and page.directory.number(255, 1) != 2 and _pixels(page) > 0


def _is_page(page: TiffPage) -> bool:
    """Whether its program says that it is one, which outweighs its size."""
    directory = page.directory
    return bool(directory.number(254, 0) & _PAGE) or directory.number(255, 1) == _OLD_PAGE or _PAGE_NUMBER in directory


def _is_unmarked_copy(file: IO[bytes], page: TiffPage, whole: list[TiffPage]) -> bool:
    """Whether a page shows in small what a larger one shows: of its size, its kind of samples, and its content."""
    others = [other for other in whole if _is_copy(page, other) and _kind(page) == _kind(other)]
    # A few of the nearest are enough, because a look at another one decodes it.
    nearest = sorted(others, key=lambda other: abs(other.number - page.number))[:_MOST_OTHERS]
    return any(_shows_the_same(file, page, other) for other in nearest)


def _kind(page: TiffPage) -> tuple[int, ...]:
    return tuple(page.directory.number(tag, otherwise) for tag, otherwise in ((262, 1), (258, 1), (277, 1), (339, 1)))


def _shows_the_same(file: IO[bytes], page: TiffPage, other: TiffPage) -> bool:
    small, every = _small_version(file, page), max(1, round(other.size_px[0] / page.size_px[0]))
    # Some programs shrink by leaving pixels out, which a mean over all pixels does not resemble.
    return small is not None and any(_agree(small, _small_version(file, other, step)) for step in (1, every))


def _agree(small: NDArray[np.float64], large: NDArray[np.float64] | None) -> bool:
    if large is None:
        return True  # so that the damaged one is read, and refused, rather than its thumbnail taken for the photograph
    small, large = small - small.mean(), large - large.mean()
    power = float(np.sqrt((small**2).sum() * (large**2).sum()))
    if power == 0:  # nothing is on one of them
        return not small.any() and not large.any()
    return float((small * large).sum()) >= _ALIKE * power


def _small_version(file: IO[bytes], page: TiffPage, step: int = 1) -> NDArray[np.float64] | None:
    """The samples of a page on few pixels, from every pixel or from one in `step`; None where they cannot be had."""
    status = os.fstat(file.fileno())
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, page.directory.offset, step)
    if key not in _small_versions:
        if len(_small_versions) >= _MOST_SMALL:
            _small_versions.clear()
        _small_versions[key] = _shrunk(file, page, step)
    return _small_versions[key]


def _shrunk(file: IO[bytes], page: TiffPage, step: int) -> NDArray[np.float64] | None:
    try:
        _check_pixels(*page.size_px)
        if _is_for_libvips(page.directory):
            image = _opened_tiff(file, page)
        else:
            image = as_image(decode_elsewhere(file, "tifffile", "pixels", page.directory.offset)[0])
        image = image.subsample(step, step)
        across, down = _COMPARED_PX / image.width, _COMPARED_PX / image.height
        return as_pixels(image.resize(across, vscale=down, kernel="linear")).astype(np.float64)
    except (Unreadable, ValueError, OSError, pyvips.Error):
        return None


def _pixels(page: TiffPage) -> int:
    return page.size_px[0] * page.size_px[1]


def _is_copy(page: TiffPage, other: TiffPage) -> bool:
    """Whether a page is the other made smaller: of its shape, and a thumbnail or a power of two smaller."""
    (w, h), (width, height) = page.size_px, other.size_px
    factor = max(width, height) / max(1, w, h)
    is_alike = abs(width - w * factor) <= factor and abs(height - h * factor) <= factor
    is_power = any(abs(width / by - w) <= 1 and abs(height / by - h) <= 1 for by in (2**n for n in range(1, 16)))
    return factor >= 1.9 and is_alike and (is_power or (factor >= 4 and max(w, h) <= _THUMBNAIL_PX))


def _tiff_header(file: IO[bytes], kind: Format, page: int) -> Header:
    pages = tiff_pages(file)
    if page >= len(pages):
        raise Unreadable(f"page {page + 1} of {len(pages)} was asked for")
    chosen = pages[page]
    directory = chosen.directory
    found = in_tiff(file, directory).settle()
    found.frames = len(pages)
    if (slices := directory.number(32997, 1)) > 1:
        found.note(f"the first of {slices} slices was read")
    photometric, samples = directory.number(262, 1), directory.number(277, 1)
    if unread := _what_is_not_read(directory):
        raise Unreadable(f"a TIFF of a kind that is not read ({unread}); save it as 8 or 16 bit gray or RGB")
    decoder, image, space = "tifffile", None, _SPACES[photometric]
    extras = directory.numbers(338) or ((2,) if samples in (2, 4) and space in ("GRAY", "RGB") else ())
    extra = next((int(one) for one in extras if one in (1, 2)), 0) if samples > _COLORS[space] else 0
    _check_pixels(*chosen.size_px)  # libvips would print what it thinks of it
    if directory.number(259, 1) in (_OLD_JPEG, 7):  # whose decoder makes up what is missing
        places = ((273, 279), (513, 514), (324, 325))
        ends = [sum(part) for pair in places for part in zip(*map(directory.numbers, pair), strict=False)]
        _check_ends(file, *ends)
    if _is_for_libvips(directory):
        decoder, image = "tiffload_source", _opened_tiff(file, chosen)
        space = "GRAY" if photometric == 3 and image.bands < 3 else space  # a palette of grays
    elif directory.number(259, 1) == _OLD_JPEG and directory.offset == directories(file)[0].offset:
        decoder = "pillow"
    elif missing := what_is_missing(decoder):
        raise Unreadable(f"a TIFF of a kind ({_in_words(directory)}) that {missing}")
    return Header(kind, image, *chosen.size_px, space, directory.number(258, 1), found, decoder, extra, directory)


def _opened_tiff(file: IO[bytes], page: TiffPage) -> Any:
    where = {"page": page.number} | ({"subifd": page.sub} if page.sub >= 0 else {})
    # Of tiles that are damaged or missing libvips tells nothing otherwise.
    fail_on = "warning" if 322 in page.directory else "error"
    if 262 in page.directory:
        return _opened(file, "tiffload_source", **where, fail_on=fail_on)
    # libvips asks for a photometric interpretation: the directory is written anew with it, behind the file.
    file.seek(0)
    data = file.read()
    data += bytes(len(data) % 2)
    order = page.directory.order
    tree = page.directory.tree(order) | {262: value(3, 1)}
    data = data[:4] + struct.pack(order + "I", len(data)) + data[8:] + laid_out(order, tree, len(data))
    return pyvips.Image.tiffload_buffer(data, access="sequential", fail_on=fail_on)


def _is_for_libvips(directory: Directory) -> bool:
    bits, kind, photometric = directory.number(258, 1), directory.number(339, 1), directory.number(262, 1)
    # libvips takes the planes of gray for samples side by side.
    is_planar = directory.number(284, 1) == 2 and directory.number(277, 1) > 1 and (322 in directory or photometric in (0, 1))
    return (
        directory.number(259, 1) in _BY_LIBVIPS and bits in ((1, 2, 4, 8, 16, 32) if kind != 3 else (16, 32))
        and not is_planar and photometric not in (8, 9)
    )


def _what_is_not_read(directory: Directory) -> str:
    """Why the colors of a TIFF cannot be had, in words; empty where they can."""
    bits, photometric = directory.numbers(258) or (1,), directory.number(262, 1)
    if photometric not in _SPACES:
        return _in_words(directory)
    if len(set(bits)) > 1:
        return f"samples of {', '.join(map(str, bits))} bits"
    if 16 < bits[0] not in (32, 64) and directory.number(339, 1) != 3:
        return f"whole numbers of {bits[0]} bits"
    if (slices := directory.number(32997, 1)) > 1 and (directory.number(32998, 1) > 1 or not _is_for_libvips(directory)):
        return f"a volume of {slices} slices"
    if photometric == 5 and directory.number(332, 1) != 1:
        return f"inks other than cyan, magenta, yellow and black: InkSet {directory.number(332, 1)}"
    compression, is_planar = directory.number(259, 1), directory.number(284, 1) == 2
    if photometric != 6 or compression in (_OLD_JPEG, 7, 50001):
        return ""
    is_whole = ycbcr_sampling(directory) == (1, 1) and bits[0] in (8, 16) and compression in _PLAIN
    is_halved = bits[0] == 8 and compression in _BY_LIBVIPS and not is_planar
    return "" if (is_whole or is_halved) and directory.number(339, 1) == 1 else _in_words(directory)


def ycbcr_sampling(directory: Directory) -> tuple[Any, ...]:
    """How many pixels of a row and of a column have one chroma."""
    return directory.numbers(530) or (2, 2)


def _tiff_pixels_a_byte(directory: Directory) -> float:
    compression, bits = directory.number(259, 1), directory.number(258, 1) * directory.number(277, 1)
    if compression in _FAX:
        return 1e9 if bits == 1 else 1.0
    return _TIFF_COMPRESSION.get(compression, 20000.0) * 8 / max(1, bits)


def _in_words(directory: Directory) -> str:
    """The layout of a TIFF, for messages."""
    names = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 32803: "raw sensor data"}
    photometric, samples = directory.number(262, 1), directory.number(277, 1)
    color = names.get(photometric, f"photometric {photometric}")
    planes = " in separate planes" if directory.number(284, 1) == 2 and samples > 1 else ""
    return f"{directory.number(258, 1)}-bit {color}, {samples} samples, compression {directory.number(259, 1)}{planes}"
