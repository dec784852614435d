"""Which kinds of TIFF are read, and by which library."""

from typing import Literal

from dancheong.imaging.tiff import FAX, Directory

Space = Literal["GRAY", "RGB", "CMYK", "LAB"]

# Bytes that one byte of a TIFF can become, by its compression. None: subsampled YCbCr halves twice. LZW: 12 bits for a
# string of 4 k. JPEG and PackBits: blocks and runs of 64 and 128. Deflate: 1032. Fax, by runs: only at 1 bit a pixel.
_TIFF_COMPRESSION = {1: 4.0, 5: 4096.0, 6: 3072.0, 7: 3072.0, 8: 1040.0, 32773: 130.0, 32946: 1040.0}
OLD_JPEG = 6  # of TIFF 6.0, which Pillow's libtiff knows
_PLAIN = (1, 5, 8, 32773, 32946, 34925, 50000)  # that keep samples as they are: none, LZW, deflate, PackBits, LZMA, ZSTD
_BY_LIBVIPS = {*FAX, *_TIFF_COMPRESSION, 50001} - {OLD_JPEG}
SPACES: dict[int, Space] = {0: "GRAY", 1: "GRAY", 2: "RGB", 3: "RGB", 5: "CMYK", 6: "RGB", 8: "LAB", 9: "LAB"}


def is_for_libvips(directory: Directory) -> bool:
    bits, kind, photometric = directory.number(258, 1), directory.number(339, 1), directory.photometric
    # libvips takes the planes of gray and of YCbCr for samples side by side.
    is_planar = is_in_planes(directory) and (322 in directory or photometric in (0, 1, 6))
    return (
        directory.number(259, 1) in _BY_LIBVIPS and bits in ((1, 2, 4, 8, 16, 32) if kind != 3 else (16, 32))
        and not is_planar and photometric not in (8, 9)
    )


def what_is_not_read(directory: Directory) -> str:
    """Why the colors of a TIFF cannot be had, in words; empty where they can."""
    bits, photometric = directory.numbers(258) or (1,), directory.photometric
    if photometric not in SPACES:
        return in_words(directory)
    if len(set(bits)) > 1:
        return f"samples of {', '.join(map(str, bits))} bits"
    if 16 < bits[0] not in (32, 64) and directory.number(339, 1) != 3:
        return f"whole numbers of {bits[0]} bits"
    if (slices := directory.number(32997, 1)) > 1 and (directory.number(32998, 1) > 1 or not is_for_libvips(directory)):
        return f"a volume of {slices} slices"
    if photometric == 5 and directory.number(332, 1) != 1:
        return f"inks other than cyan, magenta, yellow and black: InkSet {directory.number(332, 1)}"
    compression = directory.number(259, 1)
    if photometric != 6 or (compression in (OLD_JPEG, 7, 50001) and not is_in_planes(directory)):
        return ""
    is_whole = is_raw_ycbcr(directory) and bits[0] in (8, 16)
    # libtiff leaves the end of a picture out where chroma is quartered both ways (4.7).
    is_quartered = directory.numbers(530)[1:] == (4,)
    is_halved = bits[0] == 8 and compression in _BY_LIBVIPS and not is_in_planes(directory) and not is_quartered
    return "" if (is_whole or is_halved) and directory.number(339, 1) == 1 else in_words(directory)


def is_raw_ycbcr(directory: Directory) -> bool:
    """Whether the samples are Y, Cb and Cr, each pixel's own."""
    sampling, kinds = directory.numbers(530) or (2, 2), (*_PLAIN, 7) if is_in_planes(directory) else _PLAIN
    return directory.photometric == 6 and directory.number(259, 1) in kinds and sampling == (1, 1)


def is_in_planes(directory: Directory) -> bool:
    return directory.number(284, 1) == 2 and directory.number(277, 1) > 1


def pixels_a_byte(directory: Directory) -> float:
    compression, bits = directory.number(259, 1), directory.number(258, 1) * directory.number(277, 1)
    if compression in FAX:
        return 1e9 if bits == 1 else 1.0
    return _TIFF_COMPRESSION.get(compression, 20000.0) * 8 / max(1, bits)


def in_words(directory: Directory) -> str:
    """The layout of a TIFF, for messages."""
    names = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 32803: "raw sensor data"}
    photometric, samples = directory.photometric, directory.number(277, 1)
    color = names.get(photometric, f"photometric {photometric}")
    planes = " in separate planes" if is_in_planes(directory) else ""
    return f"{directory.number(258, 1)}-bit {color}, {samples} samples, compression {directory.number(259, 1)}{planes}"
