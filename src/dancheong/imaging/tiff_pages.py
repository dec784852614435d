"""The pages of the document that a TIFF holds, told from thumbnails, masks and the smaller copies of a pyramid."""

import os
import struct
from typing import IO, Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from dancheong.imaging.foreign import decode_elsewhere
from dancheong.imaging.metadata import ORIENTATION
from dancheong.imaging.tiff import SUB_DIRECTORIES, Directory, directories, laid_out, value
from dancheong.imaging.tiff_kinds import is_for_libvips
from dancheong.imaging.vips import Unreadable, as_image, as_pixels, check_pixels, opened

_REDUCED_OR_MASK = 5  # of NewSubfileType
_PAGE, _OLD_PAGE, _PAGE_NUMBER = 2, 3, 297  # of NewSubfileType, of SubfileType, and a tag
_THUMBNAIL_PX = 512
# Copies are compared as small pictures of this many pixels a side, which are kept, because each page asks for them again.
_COMPARED_PX, _ALIKE, _MOST_OTHERS, _MOST_SMALL = 48, 0.9, 4, 4096
_small_versions: dict[tuple[int, ...], NDArray[np.float64] | None] = {}


class TiffPage(NamedTuple):
    """A page of a TIFF: its directory, and where libvips finds it (`sub`: -1, or its place among the sub-directories)."""

    directory: Directory
    number: int
    sub: int = -1

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) as stored."""
        return self.directory.number(256, 0), self.directory.number(257, 0)


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
    others = [other for other in whole if _is_copy(page, other) and (_kind(page) == _kind(other) or _is_preview(page, other))]
    # A few of the nearest are enough, because a look at another one decodes it.
    nearest = sorted(others, key=lambda other: abs(other.number - page.number))[:_MOST_OTHERS]
    return any(_shows_the_same(file, page, other) for other in nearest)


def _is_preview(page: TiffPage, other: TiffPage) -> bool:
    """Whether a page is small enough to be the other's thumbnail, which scanners write as 8-bit RGB whatever the scan is."""
    return max(page.size_px) <= min(_THUMBNAIL_PX, max(other.size_px) / 4) and page.directory.number(258, 1) > 1


def _kind(page: TiffPage) -> tuple[int, ...]:
    directory = page.directory
    return (directory.photometric, *(directory.number(tag, 1) for tag in (258, 277, 339)))


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
    if key in _small_versions:
        return _small_versions[key]
    small = _shrunk(file, page, step)
    if len(_small_versions) >= _MOST_SMALL:
        _small_versions.clear()
    _small_versions[key] = small
    return small


def _shrunk(file: IO[bytes], page: TiffPage, step: int) -> NDArray[np.float64] | None:
    try:
        check_pixels(*page.size_px)
        if is_for_libvips(page.directory):
            image = opened_tiff(file, page)
        else:
            image = as_image(decode_elsewhere(file, "tifffile", "pixels", page.directory.offset)[0])
        image = image.subsample(step, step)
        across, down = _COMPARED_PX / image.width, _COMPARED_PX / image.height
        pixels = as_pixels(image.resize(across, vscale=down, kernel="linear")).astype(np.float64)
        return pixels if pixels.ndim == 2 else pixels[..., : 3 if pixels.shape[-1] > 2 else 1].mean(axis=-1)  # without alpha
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
    return factor >= 1.9 and is_alike and (is_power or max(w, h) <= _THUMBNAIL_PX)


def opened_tiff(file: IO[bytes], page: TiffPage) -> Any:
    where = {"page": page.number} | ({"subifd": page.sub} if page.sub >= 0 else {})
    # Of tiles that are damaged or missing libvips tells nothing otherwise.
    fail_on = "warning" if 322 in page.directory else "error"
    is_odd = page.directory.number(ORIENTATION, 1) not in range(1, 9)
    if 262 in page.directory and not is_odd:
        return opened(file, "tiffload_source", **where, fail_on=fail_on)
    # libvips asks for a photometric interpretation, and refuses orientations that cannot be: the directory is written anew
    # with the one and without the other, behind the file.
    file.seek(0)
    data = file.read()
    data += bytes(len(data) % 2)
    order = page.directory.order
    tree = page.directory.tree(order, (ORIENTATION,)) | {262: value(3, page.directory.photometric)}
    data = data[:4] + struct.pack(order + "I", len(data)) + data[8:] + laid_out(order, tree, len(data))
    return pyvips.Image.tiffload_buffer(data, access="sequential", fail_on=fail_on)
