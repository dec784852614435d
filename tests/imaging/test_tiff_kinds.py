"""TIFFs that readers get wrong without a word: each is read as tifffile or the standard has it, or refused in words."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancheong.imaging.files import Photo, PhotoError, read_photo

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
Samples = np.ndarray[Any, Any]


def noise(shape: tuple[int, ...], dtype: type = np.uint8) -> Samples:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def read(folder: Path, samples: Samples, **options: Any) -> Photo:
    tifffile.imwrite(folder / "photo.tif", samples, **{"metadata": None, "photometric": "minisblack"} | options)
    return read_photo(folder / "photo.tif")


def one_strip(folder: Path, data: bytes, tags: dict[int, tuple[int, ...]], width: int = 6, height: int = 4) -> Path:
    """A TIFF by hand, of tags of 16-bit numbers, because tifffile does not write what it should not."""
    entries = {256: (width,), 257: (height,), 259: (1,), 278: (height,), 279: (len(data),)} | tags
    longer = {tag: numbers for tag, numbers in entries.items() if len(numbers) > 2}
    at = 8 + 2 + 12 * (len(entries) + 1) + 4
    places = {tag: at + 2 * sum(len(other) for name, other in longer.items() if name < tag) for tag in longer}
    entries[273] = (at + 2 * sum(map(len, longer.values())),)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, numbers in sorted(entries.items()):
        inside = struct.pack("<I", places[tag]) if tag in places else struct.pack(f"<{len(numbers)}H", *numbers).ljust(4, b"\0")
        head += struct.pack("<HHI", tag, 3, len(numbers)) + inside
    rest = b"".join(struct.pack(f"<{len(numbers)}H", *numbers) for _, numbers in sorted(longer.items()))
    (folder / "photo.tif").write_bytes(head + bytes(4) + rest + data)
    return folder / "photo.tif"


@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"rowsperstrip": 7}, {"tile": (16, 16)}])
@pytest.mark.parametrize(("planes", "dtype"), [(2, np.uint16), (3, np.uint8)])
def test_gray_beside_other_planes_is_the_first_plane(
    tmp_path: Path, planes: int, dtype: type, options: dict[str, Any]
) -> None:
    samples = noise((planes, 20, 30), dtype)
    photo = read(tmp_path, samples, planarconfig="separate", extrasamples=[0] * (planes - 1), **options)
    assert np.array_equal(photo.pixels, tifffile.imread(tmp_path / "photo.tif")[0])
    assert photo.notes == (f"{planes - 1} more sample{'s' * (planes > 2)} a pixel (infrared, or unknown) were left out",)


def test_where_white_is_zero_transparency_is_not_turned(tmp_path: Path) -> None:
    gray = noise((20, 30))
    opaque = np.stack([gray, np.full_like(gray, 255)])
    photo = read(tmp_path, opaque, photometric="miniswhite", planarconfig="separate", extrasamples=["unassalpha"])
    assert np.array_equal(photo.pixels, 255 - gray)


@pytest.mark.parametrize(("tags", "words"), [
    ({258: (24,), 262: (1,)}, "whole numbers of 24 bits"),
    ({258: (5, 6, 5), 262: (2,), 277: (3,)}, "samples of 5, 6, 5 bits"),
    ({258: (8, 8, 16), 262: (2,), 277: (3,)}, "samples of 8, 8, 16 bits"),
    ({258: (8, 8, 8, 8), 262: (5,), 277: (4,), 332: (2,)}, "inks other than cyan.*InkSet 2"),
])  # fmt: skip
def test_samples_without_a_sure_meaning_are_refused(tmp_path: Path, tags: dict[int, tuple[int, ...]], words: str) -> None:
    bits = sum(tags[258])
    with pytest.raises(PhotoError, match=f"{words}.*save it as 8 or 16 bit gray or RGB"):
        read_photo(one_strip(tmp_path, bytes(range(100)) * (bits * 3 // 100 + 1), tags))


def test_by_hand_a_plain_file_is_read(tmp_path: Path) -> None:
    path = one_strip(tmp_path, bytes(range(72)), {258: (8, 8, 8), 262: (2,), 277: (3,)})
    assert np.array_equal(read_photo(path).pixels, np.arange(72).reshape(4, 6, 3))
