"""Every kind of file becomes gray or RGB at 8 or 16 bits: depths, palettes, transparency, inks, planes, pages."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from dancheong.imaging.files import Photo, PhotoError, read_photo, read_size

tifffile = pytest.importorskip("tifffile")


def noise(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def read_saved(folder: Path, image: Image.Image, kind: str, **options: Any) -> Photo:
    image.save(folder / "photo", kind, **options)
    return read_photo(folder / "photo")


def read_tiff(folder: Path, samples: np.ndarray, **options: Any) -> Photo:
    tifffile.imwrite(folder / "photo.tif", samples, **options)
    height, width = samples.shape[-3:-1] if options.get("planarconfig") == "contig" else samples.shape[-2:]
    photo = read_photo(folder / "photo.tif")
    assert read_size(folder / "photo.tif") in ((width, height), photo.pixels.shape[1::-1])
    return photo


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_black_and_white_becomes_gray(tmp_path: Path, kind: str) -> None:
    bits = noise((7, 13)) > 127
    photo = read_saved(tmp_path, Image.fromarray(bits), kind)
    assert np.array_equal(photo.pixels, np.where(bits, 255, 0).astype(np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_palette_becomes_color_and_a_gray_palette_gray(tmp_path: Path, palace: np.ndarray, kind: str) -> None:
    indexed = Image.fromarray(palace).quantize(32)
    assert np.array_equal(read_saved(tmp_path, indexed, kind).pixels, np.asarray(indexed.convert("RGB")))
    gray = Image.new("P", (6, 5))
    gray.putdata(list(range(30)))
    gray.putpalette([level for code in range(256) for level in [255 - code] * 3])
    assert np.array_equal(read_saved(tmp_path, gray, kind).pixels, 255 - np.arange(30, dtype=np.uint8).reshape(5, 6))


def over_white(color: np.ndarray, alpha: np.ndarray, top: int) -> np.ndarray:
    cover = alpha / top
    return np.rint(color * cover + top * (1 - cover))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_laid_over_white(tmp_path: Path, kind: str) -> None:
    rgba = noise((8, 9, 4))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    photo = read_saved(tmp_path, Image.fromarray(rgba), kind, **options)
    wanted = over_white(rgba[..., :3].astype(float), rgba[..., 3:], 255)
    assert photo.pixels.shape == (8, 9, 3)
    assert np.abs(photo.pixels - wanted).max() <= 1e-9


def test_gray_with_alpha_stays_gray(tmp_path: Path) -> None:
    samples = noise((8, 9, 2))
    photo = read_saved(tmp_path, Image.fromarray(samples), "PNG")
    assert np.array_equal(photo.pixels, over_white(samples[..., 0].astype(float), samples[..., 1], 255))


def test_a_transparent_color_becomes_white(tmp_path: Path) -> None:
    gray = np.array([[10, 20], [30, 10]], np.uint8)
    assert read_saved(tmp_path, Image.fromarray(gray), "PNG", transparency=10).pixels.tolist() == [[255, 20], [30, 255]]
    color = np.repeat(gray[..., None], 3, axis=2)
    photo = read_saved(tmp_path, Image.fromarray(color), "PNG", transparency=(10, 10, 10))
    assert photo.pixels[..., 1].tolist() == [[255, 20], [30, 255]]


def test_16_bit_alpha_is_laid_over_white(tmp_path: Path) -> None:
    bgra = noise((8, 9, 4), np.uint16)
    wanted = over_white(bgra[..., 2::-1].astype(float), bgra[..., 3:], 65535)
    (tmp_path / "photo").write_bytes(cv2.imencode(".png", bgra)[1].tobytes())
    assert np.array_equal(read_photo(tmp_path / "photo").pixels, wanted)
    rgba = np.ascontiguousarray(bgra[..., [2, 1, 0, 3]])
    photo = read_tiff(tmp_path, rgba, photometric="rgb", extrasamples=["unassalpha"], planarconfig="contig")
    assert np.array_equal(photo.pixels, wanted)


def test_16_bit_gray_with_alpha_stays_gray(tmp_path: Path) -> None:
    import struct
    import zlib

    samples = noise((6, 5, 2), np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 5, 6, 16, 4, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    (tmp_path / "photo").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    wanted = over_white(samples[..., 0].astype(float), samples[..., 1], 65535)
    assert np.array_equal(read_photo(tmp_path / "photo").pixels, wanted)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 16)}, {"rowsperstrip": 3},
        {"compression": "deflate", "predictor": True},
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(37, 53), (37, 53, 3)])
def test_16_bit_tiffs_of_every_make_are_exact(tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    samples = noise(shape, np.uint16)
    photo = read_tiff(tmp_path, samples, photometric="rgb" if len(shape) == 3 else "minisblack", **options)
    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, samples)
    assert photo.notes == ()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_may_be_zero(tmp_path: Path, dtype: type, byteorder: str) -> None:
    samples = noise((7, 9), dtype)
    photo = read_tiff(tmp_path, samples, photometric="miniswhite", byteorder=byteorder)
    assert np.array_equal(photo.pixels, np.iinfo(dtype).max - samples)


def test_16_bit_color_in_separate_planes_is_exact(tmp_path: Path) -> None:
    samples = noise((3, 20, 30), np.uint16)
    for options in ({}, {"rowsperstrip": 7}, {"byteorder": ">"}, {"compression": "deflate"}):
        photo = read_tiff(tmp_path, samples, photometric="rgb", planarconfig="separate", **options)
        assert photo.pixels.dtype == np.uint16
        assert np.array_equal(photo.pixels, np.moveaxis(samples, 0, -1))


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_samples_become_16_bits(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    samples = np.random.default_rng(0).uniform(size=shape).astype(dtype)
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    photo = read_tiff(tmp_path, samples, photometric=photometric)
    assert np.array_equal(photo.pixels, np.rint(samples * 65535))
    scaled = read_tiff(tmp_path, samples * dtype(255), photometric=photometric)
    assert np.abs(scaled.pixels - samples * 65535).max() <= 1
    assert "divided by 255" in scaled.notes[0]


def test_samples_that_are_no_number_become_black(tmp_path: Path) -> None:
    samples = np.array([[np.nan, 0.5], [np.inf, 1.0]], np.float32)
    photo = read_tiff(tmp_path, samples, photometric="minisblack")
    assert photo.pixels.tolist() == [[0, 32768], [0, 65535]]
    assert "no number" in photo.notes[0]


def test_32_bit_integers_keep_their_upper_half(tmp_path: Path) -> None:
    samples = noise((5, 6), np.uint32)
    photo = read_tiff(tmp_path, samples, photometric="minisblack")
    assert np.array_equal(photo.pixels, samples >> 16)


def test_pages_after_the_first_are_mentioned(tmp_path: Path) -> None:
    pages = noise((3, 8, 9))
    photo = read_tiff(tmp_path, pages, photometric="minisblack")
    assert np.array_equal(photo.pixels, pages[0])
    assert photo.notes == ("the first of 3 pages was read",)


def test_cmyk_becomes_rgb_and_says_what_it_lacks(tmp_path: Path) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., 0] = 255
    for kind in ("TIFF", "JPEG"):
        photo = read_saved(tmp_path, cmyk(inks), kind)
        # Process cyan of a press (ISO 12647: L* 55, a* -37, b* -50), which sRGB just fails to reach.
        assert np.abs(photo.pixels.astype(int) - [0, 158, 224]).max() <= 10
        assert "CMYK" in photo.notes[0]


def cmyk(inks: np.ndarray) -> Image.Image:
    return Image.frombytes("CMYK", inks.shape[1::-1], inks.tobytes())


def test_lab_tiff_becomes_rgb(tmp_path: Path) -> None:
    lab = Image.frombytes("LAB", (2, 1), bytes([255, 0, 0, 128, 0, 0]))
    photo = read_saved(tmp_path, lab, "TIFF")
    assert np.abs(photo.pixels[0].astype(int) - [[255] * 3, [119] * 3]).max() <= 2


def test_gray_jpeg_is_gray(tmp_path: Path) -> None:
    assert read_saved(tmp_path, Image.fromarray(noise((8, 8))), "JPEG").pixels.shape == (8, 8)


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (50, 200)]
    for kind in ("PNG", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {}))
        (tmp_path / "photo").write_bytes(buffer.getvalue())
        photo = read_photo(tmp_path / "photo")
        assert (photo.pixels == 50).all()
        assert "first of 2" in photo.notes[0]


@pytest.mark.parametrize(("compression", "options"), [
    (None, {}), ("deflate", {}), ("deflate", {"predictor": True}), ("lzw", {}), ("packbits", {}), ("jpeg", {}),
])
@pytest.mark.parametrize("layout", [{"tile": (32, 32)}, {"rowsperstrip": 16}])
def test_a_tiff_without_its_end_is_refused(
    tmp_path: Path, compression: str | None, options: dict[str, Any], layout: dict[str, Any]
) -> None:
    """libvips and libjpeg make up tiles and strips that are missing."""
    path = tmp_path / "photo.tif"
    for dtype in (np.uint8,) if compression == "jpeg" else (np.uint8, np.uint16):
        samples = noise((80, 90, 3), dtype)
        tifffile.imwrite(path, samples, photometric="rgb", compression=compression, metadata=None, **options, **layout)
        data = path.read_bytes()
        assert read_photo(path).pixels.shape == (80, 90, 3)
        for lost in (3, 400):
            path.write_bytes(data[:-lost])
            with pytest.raises(PhotoError, match="cut off"):
                read_photo(path)


def test_kinds_that_are_not_read_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"raw sensor data.*save it as 8 or 16 bit"):
        read_tiff(tmp_path, np.zeros((4, 5), np.uint16), photometric="cfa")
    with pytest.raises(PhotoError, match="below zero"):
        read_tiff(tmp_path, np.full((4, 5), -3, np.int16), photometric="minisblack")
