"""Color profiles: the same colors arrive at 8 and at 16 bits, and sRGB is left untouched."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dancheong.imaging.color import linear_to_srgb, srgb_to_linear
from dancheong.imaging.files import Photo, read_photo, write_photo
from dancheong.imaging.profiles import ProfileError, srgb_profile, to_srgb
from dancheong.imaging.vips import as_image, as_pixels

# Linear sRGB to linear Adobe RGB (1998): both under D65, from the primaries each standard gives.
SRGB_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
ADOBE_XYZ = np.array([[0.5767309, 0.1855540, 0.1881852], [0.2973769, 0.6273491, 0.0752741], [0.0270343, 0.0706872, 0.9911085]])
SRGB_TO_ADOBE = np.linalg.inv(ADOBE_XYZ) @ SRGB_XYZ


def converted(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    return as_pixels(to_srgb(as_image(pixels), icc, "RGB" if pixels.ndim == 3 else "GRAY"))


def in_adobe(palace: np.ndarray, dtype: type) -> np.ndarray:
    """The colors of an sRGB photograph in Adobe RGB codes."""
    linear = srgb_to_linear(palace / 255) @ SRGB_TO_ADOBE.T
    return np.rint(np.clip(linear, 0, 1) ** (256 / 563) * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_wide_profile_is_converted_at_every_depth(
    tmp_path: Path, palace: np.ndarray, adobe_like: bytes, suffix: str, dtype: type
) -> None:
    codes = in_adobe(palace, dtype)
    assert np.abs(codes / np.iinfo(dtype).max - palace / 255).max() > 0.03
    save_with_profile(tmp_path / f"photo{suffix}", codes, adobe_like)
    photo = read_photo(tmp_path / f"photo{suffix}")
    assert photo.icc == adobe_like
    assert photo.notes == ()
    assert photo.pixels.dtype == dtype
    error = np.abs(photo.pixels / np.iinfo(dtype).max * 255 - palace)
    assert error.max() <= (4 if dtype is np.uint8 else 0.6)  # 8-bit codes are coarse near black
    assert error.mean() < (0.3 if dtype is np.uint8 else 0.05)


def save_with_profile(path: Path, pixels: np.ndarray, icc: bytes) -> None:
    """Write pixels as they are, labeled with `icc`; Pillow cannot where they are 16-bit color."""
    if pixels.dtype == np.uint8:
        Image.fromarray(pixels).save(path, icc_profile=icc)
        return
    write_photo(path, pixels, Photo(pixels, "PNG", icc=b"any"))
    data = path.read_bytes()
    if path.suffix == ".png":
        import struct
        import zlib

        start = data.index(b"iCCP")
        (length,) = struct.unpack_from(">I", data, start - 4)
        body = b"iCCPx\0\0" + zlib.compress(icc)
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        path.write_bytes(data[: start - 4] + chunk + data[start + 8 + length :])
    else:
        tifffile = pytest.importorskip("tifffile")
        tifffile.imwrite(path, pixels, photometric="rgb", iccprofile=icc)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_gray_profile_is_converted_at_every_depth(tmp_path: Path, gray_gamma_18: bytes, dtype: type) -> None:
    top = np.iinfo(dtype).max
    codes = np.linspace(0, top, 256).astype(dtype)[None]
    Image.fromarray(codes).save(tmp_path / "photo.tif", icc_profile=gray_gamma_18)
    photo = read_photo(tmp_path / "photo.tif")
    wanted = linear_to_srgb((codes / top) ** 1.8) * top
    assert photo.pixels.shape == (1, 256)
    assert np.abs(photo.pixels - wanted).max() <= (1 if dtype is np.uint8 else 16)
    assert photo.notes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_srgb_is_left_to_the_bit(palace: np.ndarray, dtype: type) -> None:
    for profile in (srgb_profile(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        for pixels in (palace.astype(dtype), palace[..., 0].astype(dtype)):
            image = as_image(pixels)
            assert to_srgb(image, profile, "RGB" if pixels.ndim == 3 else "GRAY") is image


def test_gray_may_carry_a_color_profile(adobe_like: bytes) -> None:
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        codes = np.linspace(0, top, 256).astype(dtype)[None]
        wanted = linear_to_srgb((codes / top) ** (563 / 256)) * top
        assert np.abs(converted(codes, adobe_like) - wanted).max() <= (1 if dtype is np.uint8 else 16)


def para(kind: int, *values: float) -> bytes:
    import struct

    return b"para\0\0\0\0" + struct.pack(f">HH{len(values)}i", kind, 0, *(round(v * 65536) for v in values))


def curve(points: np.ndarray) -> bytes:
    import struct

    return b"curv\0\0\0\0" + struct.pack(">I", len(points)) + points.astype(">u2").tobytes()


@pytest.mark.parametrize(
    "tag",
    [
        para(0, 2.0),
        para(1, 2.0, 0.9, 0.1),
        para(2, 2.0, 0.8, 0.1, 0.19),
        para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        para(4, 2.0, 0.9, 0.05, 0.171, 0.1, 0.0975, 0.1),
        curve(np.linspace(0, 65535, 33) ** 2 / 65535),
        curve(np.array([])),
    ],
)
def test_tone_curves_are_read_as_little_cms_reads_them(make_profile: Callable[..., bytes], tag: bytes) -> None:
    icc = make_profile("GRAY", {"kTRC": tag})
    eight = np.arange(256, dtype=np.uint8)[None]
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, target, "L", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    wanted = np.asarray(transform.apply(Image.fromarray(eight)))[..., 1].astype(int)
    for pixels, scale in ((eight, 1), (eight.astype(np.uint16) * np.uint16(257), 257)):
        assert np.abs(converted(pixels, icc) / scale - wanted)[:, 8:].max() <= 1.5  # Little CMS is coarse in the dark at 8 bits


def test_a_profile_that_does_not_fit_is_left_aside_and_said(
    tmp_path: Path, palace: np.ndarray, gray_gamma_18: bytes
) -> None:
    for profile in (gray_gamma_18, b"no profile", b"\0" * 36 + b"acsp" + b"\0" * 200, srgb_profile()[:300]):
        Image.fromarray(palace).save(tmp_path / "photo.png", icc_profile=profile)
        photo = read_photo(tmp_path / "photo.png")
        assert np.array_equal(photo.pixels, palace)
        assert "ICC profile was left aside" in photo.notes[0]
    with pytest.raises(ProfileError, match="GRAY"):
        converted(palace, gray_gamma_18)


def test_color_is_written_with_srgb_where_the_photograph_was_managed(tmp_path: Path, palace: np.ndarray) -> None:
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        path = tmp_path / f"photo{suffix}"
        write_photo(path, palace, Photo(palace, "PNG", icc=b"any"))
        with Image.open(path) as image:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile)
        write_photo(path, palace)
        with Image.open(path) as image:
            assert "icc_profile" not in image.info


def test_the_written_profile_is_srgb_as_little_cms_sees_it(palace: np.ndarray) -> None:
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, target, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    assert np.abs(np.asarray(transform.apply(Image.fromarray(palace))).astype(int) - palace).max() <= 1
