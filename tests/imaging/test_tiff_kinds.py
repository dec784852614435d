"""TIFFs that readers get wrong without a word: each is read as tifffile or the standard has it, or refused in words."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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
    ({258: (8, 8, 8), 262: (6,), 277: (3,), 530: (4, 4)}, "8-bit YCbCr"),
])  # fmt: skip
def test_samples_without_a_sure_meaning_are_refused(tmp_path: Path, tags: dict[int, tuple[int, ...]], words: str) -> None:
    bits = sum(tags[258])
    with pytest.raises(PhotoError, match=f"{words}.*save it as 8 or 16 bit gray or RGB"):
        read_photo(one_strip(tmp_path, bytes(range(100)) * (bits * 3 // 100 + 1), tags))


def test_by_hand_a_plain_file_is_read(tmp_path: Path) -> None:
    path = one_strip(tmp_path, bytes(range(72)), {258: (8, 8, 8), 262: (2,), 277: (3,)})
    assert np.array_equal(read_photo(path).pixels, np.arange(72).reshape(4, 6, 3))


def ycbcr(rgb: Samples, luma: tuple[float, float, float], levels: tuple[int, ...], top: int) -> Samples:
    """Codes of YCbCr by the definitions in section 21 of TIFF 6.0, in float64."""
    y = rgb @ np.array(luma)
    cb, cr = (rgb[..., 2] - y) / (2 - 2 * luma[2]), (rgb[..., 0] - y) / (2 - 2 * luma[0])
    planes = [
        black + code * (white - black) / full
        for code, full, black, white in zip((y, cb, cr), (top, top // 2, top // 2), levels[::2], levels[1::2], strict=True)
    ]
    return np.rint(np.stack(planes, axis=-1)).clip(0, top).astype(np.uint8 if top == 255 else np.uint16)


FULL, VIDEO, FULL_16 = (0, 255, 128, 255, 128, 255), (16, 235, 128, 240, 128, 240), (0, 65535, 32768, 65535, 32768, 65535)
REC_601, REC_709 = (0.299, 0.587, 0.114), (0.2126, 0.7152, 0.0722)


def ycbcr_tags(luma: tuple[float, float, float], levels: tuple[int, ...]) -> list[tuple[Any, ...]]:
    coefficients = tuple(number for one in luma for number in (round(one * 10000), 10000))
    return [(529, 5, 3, coefficients, True), (532, 5, 6, tuple(number for one in levels for number in (one, 1)), True)]


@pytest.mark.parametrize("options", [
    {}, {"compression": "lzw"}, {"compression": "deflate", "tile": (32, 32)}, {"compression": "zstd"},
])  # fmt: skip
@pytest.mark.parametrize(("luma", "levels"), [(REC_601, FULL), (REC_709, FULL), (REC_601, VIDEO), (REC_601, FULL_16)])
def test_ycbcr_becomes_rgb_by_its_own_numbers(
    tmp_path: Path, palace: Samples, luma: tuple[float, float, float], levels: tuple[int, ...], options: dict[str, Any]
) -> None:
    top = max(levels) if max(levels) > 255 else 255
    rgb = palace * (top // 255) if top == 255 else palace.astype(np.uint16) * 257
    samples = ycbcr(rgb, luma, levels, top)
    photo = read(
        tmp_path, samples, photometric="ycbcr", subsampling=(1, 1), extratags=ycbcr_tags(luma, levels), **options
    )
    assert photo.pixels.dtype == samples.dtype
    assert np.abs(photo.pixels.astype(int) - rgb).max() <= 3
    assert photo.notes == ()


def test_ycbcr_without_numbers_is_as_pillow_has_it(tmp_path: Path, palace: Samples) -> None:
    samples = np.asarray(Image.fromarray(palace).convert("YCbCr"))
    photo = read(tmp_path, samples, photometric="ycbcr", subsampling=(1, 1))
    wanted = np.asarray(Image.fromarray(samples, "YCbCr").convert("RGB"))
    assert np.abs(photo.pixels.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("options", [
    {}, {"compression": "lzw", "rowsperstrip": 7}, {"tile": (32, 32)},
    {"compression": "jpeg", "compressionargs": {"level": 99}},
])  # fmt: skip
def test_ycbcr_in_separate_planes_becomes_rgb(tmp_path: Path, palace: Samples, options: dict[str, Any]) -> None:
    planes = np.moveaxis(ycbcr(palace, REC_601, FULL, 255), -1, 0)
    photo = read(tmp_path, planes, photometric="ycbcr", planarconfig="separate", subsampling=(1, 1), **options)
    assert np.abs(photo.pixels.astype(int) - palace).mean() < 2


def test_where_no_photometric_interpretation_is_given_it_is_as_libtiff_takes_it(tmp_path: Path, palace: Samples) -> None:
    colors = noise((4, 6, 3))
    assert np.array_equal(read_photo(one_strip(tmp_path, colors.tobytes(), {258: (8, 8, 8), 277: (3,)})).pixels, colors)
    Image.fromarray(palace).convert("1").save(tmp_path / "fax.tif", compression="group4")
    whole, data = read_photo(tmp_path / "fax.tif").pixels, (tmp_path / "fax.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "fax.tif") as file:
        is_white_zero = file.pages[0].photometric == 0
    (tmp_path / "fax.tif").write_bytes(data.replace(struct.pack("<HH", 262, 3), struct.pack("<HH", 261, 3), 1))
    assert np.array_equal(read_photo(tmp_path / "fax.tif").pixels, whole if is_white_zero else 255 - whole)


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_cannot_be_counts_as_upright(tmp_path: Path, orientation: int) -> None:
    samples = noise((20, 30))
    photo = read(tmp_path, samples, extratags=[(274, 3, 1, orientation, True)])
    assert np.array_equal(photo.pixels, samples)


def test_ycbcr_whose_numbers_cannot_be_is_refused(tmp_path: Path, palace: Samples) -> None:
    tags = ycbcr_tags(REC_601, (0, 255, 128, 255, 128, 255))
    deep = palace.astype(np.uint16) * 257
    with pytest.raises(PhotoError, match="reference levels that cannot be"):
        read(tmp_path, deep, photometric="ycbcr", subsampling=(1, 1), extratags=tags)
    halved_planes = {258: (8, 8, 8), 262: (6,), 277: (3,), 284: (2,), 530: (2, 2)}
    with pytest.raises(PhotoError, match=r"8-bit YCbCr.*separate planes.*save it as"):
        read_photo(one_strip(tmp_path, bytes(72), halved_planes))


def test_samples_of_density_are_taken_by_their_range(tmp_path: Path) -> None:
    density = np.linspace(0, 3.5, 600, dtype=np.float32).reshape(20, 30)
    photo = read(tmp_path, density)
    assert np.abs(photo.pixels - density * (65535 / 3.5)).max() <= 1
    assert photo.notes == ("float samples up to 3.5 were divided by 3.5",)
    density[0, 0] = np.nan
    photo = read(tmp_path, density - 1)
    assert photo.pixels.min() == 0
    assert photo.pixels.max() == 65535
    assert photo.notes[0] == "samples that are no number were set to 0"
    assert "is black, 2.5 is white" in photo.notes[1]


def test_the_range_that_a_file_declares_is_followed_for_floats(tmp_path: Path) -> None:
    samples = np.linspace(-1, 5, 600, dtype=np.float32).reshape(20, 30)
    photo = read(tmp_path, samples, extratags=[(340, "f", 1, 1.0, True), (341, "f", 1, 4.0, True)])
    assert np.abs(photo.pixels - ((samples.astype(float) - 1) / 3).clip(0, 1) * 65535).max() <= 1
    assert photo.notes == (
        "float samples were taken by their range: 1 is black, 4 is white",
        f"{(samples > 4).sum()} float samples above 4 were clipped",
        f"{(samples < 1).sum()} float samples below 1 were clipped",
    )


def test_of_whole_numbers_a_declared_white_is_told(tmp_path: Path) -> None:
    samples = noise((20, 30), np.uint16) >> 4
    told = ("its SMaxSampleValue of 4095 was not followed, because it is for float samples",)
    for white, notes in ((4095, told), (65535, ())):
        photo = read(tmp_path, samples, extratags=[(341, "H", 1, white, True)])
        assert np.array_equal(photo.pixels, samples)
        assert photo.notes == notes


def test_of_a_volume_the_first_slice_is_read_and_told(tmp_path: Path) -> None:
    volume = noise((4, 64, 80))
    for options in ({"tile": (1, 32, 32)}, {"tile": (1, 32, 32), "compression": "deflate"}):
        photo = read(tmp_path, volume, volumetric=True, **options)
        assert np.array_equal(photo.pixels, volume[0])
        assert photo.notes == ("the first of 4 slices was read",)
    with pytest.raises(PhotoError, match="a volume of 4 slices"):
        read(tmp_path, volume, volumetric=True, tile=(2, 32, 32))
    path = one_strip(tmp_path, bytes(range(48)), {258: (8,), 262: (1,), 32997: (2,)})
    assert np.array_equal(read_photo(path).pixels, np.arange(24).reshape(4, 6))


def test_directories_that_run_in_a_circle_are_read_once(tmp_path: Path) -> None:
    lab = noise((4, 6, 3))
    path = one_strip(tmp_path, lab.tobytes(), {258: (8, 8, 8), 262: (8,), 277: (3,), 284: (1,)})
    straight = read_photo(path).pixels
    data = bytearray(path.read_bytes())
    end = 8 + 2 + 12 * struct.unpack_from("<H", data, 8)[0]
    data[end : end + 4] = struct.pack("<I", 8)
    path.write_bytes(data)
    assert np.array_equal(read_photo(path).pixels, straight)
