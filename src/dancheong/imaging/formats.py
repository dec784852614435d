"""The formats of photographs: one table of their names, first bytes, decoders, and what each can hold."""

import re
from dataclasses import dataclass

_DEFLATE = 1040.0  # bytes that a deflated byte can become


@dataclass(frozen=True)
class Format:
    """A format of image files.

    Attributes:
        name: in capitals.
        suffixes: of its files, in lower case, the usual one first.
        signature: matches the first bytes of its files.
        decoder: the loader of libvips; or "pillow", "opencv", "imagecodecs", "heif", "pnm" for the decoders of `foreign.py`.
        is_written: whether results can have this format.
        is_deep: whether it is written with 16 bits where the pixels have them.
        carries: what a written file holds beside the pixels.
        most_pixels_a_byte: what its compression can reach: a shorter file of that many pixels is damaged, or a bomb.
    """

    name: str
    suffixes: tuple[str, ...]
    signature: re.Pattern[bytes]
    decoder: str
    is_written: bool = False
    is_deep: bool = False
    carries: frozenset[str] = frozenset()
    most_pixels_a_byte: float = 20000.0


def _format(name: str, suffixes: str, signature: bytes, decoder: str, carries: str = "", bound: float = 20000.0,
            is_deep: bool = False) -> Format:
    return Format(
        name, tuple(suffixes.split()), re.compile(signature, re.DOTALL), decoder, bool(carries), is_deep,
        frozenset(carries.split()), bound,
    )


# A JPEG spends a bit at least on a block of 64 pixels, and half a bit where its coding is arithmetic.
FORMATS = (
    _format("JPEG-LS", ".jls", rb"\xff\xd8\xff\xf7", "imagecodecs", bound=1e6),
    _format("JPEG", ".jpg .jpeg .jpe .jfif", rb"\xff\xd8\xff", "jpegload_source", "exif xmp iptc comments", 1024),
    _format("PNG", ".png", rb"\x89PNG\r\n\x1a\n", "pngload_source", "exif xmp iptc texts", 8 * _DEFLATE, True),
    _format("TIFF", ".tif .tiff", rb"II[*+]\0|MM\0[*+]", "tiffload_source", "exif xmp iptc", 1e9, True),
    _format("WEBP", ".webp", rb"RIFF....WEBP", "webpload_source", "exif xmp"),
    _format("AVIF", ".avif", rb"....ftyp(avif|avis|(mif1|msf1)....(....)*?avi[fs])", "heifload_source"),
    _format("HEIF", ".heic .heif .hif", rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", "heif"),
    _format("GIF", ".gif", rb"GIF8[79]a", "gifload_source"),
    _format("BMP", ".bmp .dib", rb"BM", "pillow", bound=1e6),
    _format("PNM", ".pnm .pbm .pgm .ppm", rb"P[1-6][\s#]", "pnm", bound=8),
    _format("JP2", ".jp2 .j2k .jpx .jpf", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "opencv", bound=1e6),
    _format("JXL", ".jxl", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "imagecodecs", bound=1e6),
)  # fmt: skip
BY_SUFFIX = {suffix: one for one in FORMATS for suffix in one.suffixes}
WRITABLE_SUFFIXES = frozenset(suffix for suffix, one in BY_SUFFIX.items() if one.is_written)
READ_SUFFIXES = frozenset(BY_SUFFIX)


def format_of(head: bytes) -> Format | None:
    """The format by a file's first bytes (64 suffice), whatever its name says; None where it is none of the table."""
    return next((one for one in FORMATS if one.signature.match(head)), None)
