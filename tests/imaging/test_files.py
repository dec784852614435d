import io
import math
import os
import pickle
import struct
import threading
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from dancheong.imaging.files import Photo, PhotoError, list_photos, read_photo, read_size, write_photo
from dancheong.system.whole_file import whole_file

SHAPES = st.one_of(
    st.tuples(st.integers(1, 12), st.integers(1, 12)), st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))
)


def noise(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@given(pixels=st.sampled_from([np.uint8, np.uint16]).flatmap(lambda dtype: arrays(dtype, SHAPES)))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_lossless_formats_give_back_every_bit(tmp_path: Path, suffix: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"경복궁 근정전{suffix}"
    write_photo(path, pixels)
    photo = read_photo(path)
    assert photo.pixels.dtype == pixels.dtype
    assert np.array_equal(photo.pixels, pixels)
    assert photo.notes == ()
    assert read_size(path) == (pixels.shape[1], pixels.shape[0])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_other_readers_see_the_same_pixels(tmp_path: Path, palace: np.ndarray, suffix: str, dtype: type) -> None:
    import cv2

    for pixels in (palace.astype(dtype) * dtype(np.iinfo(dtype).max // 255), noise((300, 700), dtype)):
        path = tmp_path / f"photo{suffix}"
        write_photo(path, pixels, Photo(pixels, "TIFF", icc=b"any", dpi=(300.0, 300.0)))
        seen = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(seen if pixels.ndim == 2 else seen[..., ::-1], pixels)
        if dtype is np.uint8:
            with Image.open(path) as image:
                assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_lossy_formats_are_close_at_8_bits(tmp_path: Path, palace: np.ndarray, suffix: str, dtype: type) -> None:
    path = tmp_path / f"photo{suffix}"
    write_photo(path, palace.astype(dtype) * dtype(np.iinfo(dtype).max // 255))
    photo = read_photo(path)
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.astype(int) - palace).mean() < 3.5  # WebP halves the chroma
    assert photo.format == ("WEBP" if suffix == ".webp" else "JPEG")


def test_jpeg_keeps_full_chroma_resolution(tmp_path: Path, palace: np.ndarray) -> None:
    write_photo(tmp_path / "photo.jpg", palace)
    with Image.open(tmp_path / "photo.jpg") as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    write_photo(tmp_path / "flat.jpg", np.full((16, 16), 257 * 99 + 128, np.uint16))
    assert read_photo(tmp_path / "flat.jpg").pixels[0, 0] == 99
    from dancheong.imaging.profiles import to_eight

    assert np.array_equal(to_eight(codes), np.rint(codes / 257).astype(np.uint8))


def exif_with(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[271], exif[274], exif[306], exif[33432] = "Camera", orientation, "1926:05:01 10:00:00", "An archive"
    exif[34665] = {36867: "1926:05:01 09:00:00", 37386: 50.0}
    return exif.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = [200, 30, 30]  # the corner tells the eight positions apart, with the aspect and the one below
    upright[:8, 8:] = [30, 30, 200]
    undo = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.swapaxes(0, 1),
            6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}  # fmt: skip
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    options = {"lossless": True} if kind == "WEBP" else {"subsampling": 0, "quality": 95} if kind == "JPEG" else {}
    path = tmp_path / "photo.bin"
    stored.save(path, kind, exif=exif_with(orientation), **options)
    photo = read_photo(path)
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).max() <= (6 if kind == "JPEG" else 0)
    assert read_size(path) == (24, 16)
    write_photo(tmp_path / "again.tif", photo.pixels, photo)
    again = read_photo(tmp_path / "again.tif")
    assert np.array_equal(again.pixels, photo.pixels)


def test_a_16_bit_photograph_is_turned_upright_too(tmp_path: Path) -> None:
    pixels = noise((5, 9, 3), np.uint16)
    plain = io.BytesIO()
    write_photo(tmp_path / "photo.tif", pixels)
    data = (tmp_path / "photo.tif").read_bytes()
    start, count = struct.unpack_from("<I", data, 4)[0], 0
    count = struct.unpack_from("<H", data, start)[0]
    tags = [data[start + 2 + 12 * index :][:12] for index in range(count)]
    tags = sorted([*tags, struct.pack("<HHIHH", 274, 3, 1, 6, 0)])
    plain.write(data + struct.pack("<H", count + 1) + b"".join(tags) + bytes(4))
    turned = bytearray(plain.getvalue())
    turned[4:8] = struct.pack("<I", len(data))
    (tmp_path / "turned.tif").write_bytes(turned)
    assert np.array_equal(read_photo(tmp_path / "turned.tif").pixels, np.rot90(pixels, -1))
    assert read_size(tmp_path / "turned.tif") == (5, 9)


def test_exif_after_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    write_photo(tmp_path / "photo.png", noise((4, 6)))
    data = (tmp_path / "photo.png").read_bytes()
    body = b"eXIf" + exif_with(6)[6:]
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "late.png").write_bytes(data[:-12] + chunk + data[-12:])
    assert read_size(tmp_path / "late.png") == (4, 6)
    assert read_photo(tmp_path / "late.png").pixels.shape == (6, 4)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_and_resolution_stay_with_the_photograph(
    tmp_path: Path, palace: np.ndarray, source: str, suffix: str
) -> None:
    Image.fromarray(palace).save(tmp_path / "in", source, exif=exif_with(1), dpi=(300, 150))
    photo = read_photo(tmp_path / "in")
    write_photo(tmp_path / f"out{suffix}", photo.pixels, photo)
    with Image.open(tmp_path / f"out{suffix}") as image:
        exif = image.getexif()
        assert 274 not in exif
        assert [exif[tag] for tag in (271, 306, 33432)] == ["Camera", "1926:05:01 10:00:00", "An archive"]
        assert exif.get_ifd(34665)[36867] == "1926:05:01 09:00:00"
        if source != "WEBP" and suffix != ".webp":
            assert image.info["dpi"] == pytest.approx((300, 150), abs=0.1)


def test_exif_that_a_jpeg_cannot_hold_is_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270] = "x" * 70000
    photo = Photo(noise((8, 8, 3)), "TIFF", exif=exif.tobytes())
    write_photo(tmp_path / "photo.jpg", photo.pixels, photo)
    assert read_photo(tmp_path / "photo.jpg").exif is None


def png_bytes(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(side_px: int = 40000) -> bytes:
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    data = png_bytes(noise((4, 4, 3)))
    body = b"IHDR" + header
    return data[:8] + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not an image at all", "not a JPEG, PNG, TIFF or WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a JPEG, PNG, TIFF or WebP"),
        (b"%PDF-1.7\n", "take its pictures out first, as by `pdfimages -all FILE.pdf page`"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"II*\0\xff\xff\xff\xff", "damaged|no pixels"),
        (bomb(), "40000 x 40000 pixels are more than 500 megapixels"),
        (bomb(20000), "too short for 20000 x 20000 pixels"),
    ],
)
def test_what_is_no_photograph_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "이상한 파일.png"
    path.write_bytes(content)
    for read in (read_photo, read_size):
        with pytest.raises(PhotoError, match=reason) as caught:
            read(path)
        assert "이상한 파일.png" in str(caught.value)
        assert caught.value.path == path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_truncated_file_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str, dtype: type, share: float
) -> None:
    write_photo(tmp_path / f"whole{suffix}", noise((90, 80, 3), dtype))
    data = (tmp_path / f"whole{suffix}").read_bytes()
    (tmp_path / f"half{suffix}").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PhotoError, match="half"):
        read_photo(tmp_path / f"half{suffix}")


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.png: no such file"):
        read_photo(tmp_path / "gone.png")
    with pytest.raises(PhotoError, match="not a file"):
        read_photo(tmp_path)
    with pytest.raises(PhotoError, match="no such folder"):
        list_photos(tmp_path / "gone")


def test_an_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(PhotoError(Path("a.png"), "empty")))
    assert (str(error), error.path, error.reason) == ("a.png: empty", Path("a.png"), "empty")


@given(position=st.floats(0, 1), value=st.integers(0, 255), kind=st.sampled_from([".png", ".tif", ".jpg", ".webp"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_damaged_byte_gives_a_photograph_or_a_photo_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], position: float, value: int, kind: str
) -> None:
    source = tmp_path / f"source{kind}"
    if not source.exists():
        like = Photo(noise((1, 1)), "PNG", icc=b"x", exif=exif_with(1), dpi=(72.0, 72.0))
        write_photo(source, noise((9, 11, 3), np.uint16), like)
    data = bytearray(source.read_bytes())
    data[int(position * (len(data) - 1))] = value
    (tmp_path / f"damaged{kind}").write_bytes(data)
    try:
        pixels = read_photo(tmp_path / f"damaged{kind}").pixels
    except PhotoError:
        return
    assert pixels.dtype in (np.uint8, np.uint16)
    assert pixels.size


def test_pixels_and_names_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"cannot write \.bmp; end it in .*\.png"):
        write_photo(tmp_path / "photo.bmp", noise((4, 4)))
    with pytest.raises(ValueError, match="astype"):
        write_photo(tmp_path / "photo.png", np.zeros((4, 4), np.float32))
    with pytest.raises(ValueError, match=r"\(h, w, 3\)"):
        write_photo(tmp_path / "photo.png", noise((4, 4, 4)))
    with pytest.raises(PhotoError, match="JPEG cannot hold 66000 x 1 pixels"):
        write_photo(tmp_path / "photo.jpg", noise((1, 66000)))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a name with spaces.txt"
    path.write_text("before")

    def stop_halfway() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".txt"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert path.read_text() == "before"
    with whole_file(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with whole_file(tmp_path / "whole") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_name_of_full_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("궁" * 83 + ".png")
    write_photo(path, noise((3, 3)))
    assert read_photo(path).pixels.shape == (3, 3)


def test_writers_of_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    pictures = [np.full((40, 40), level, np.uint8) for level in range(8)]
    threads = [threading.Thread(target=write_photo, args=(path, picture)) for picture in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(tmp_path.iterdir()) == [path]
    assert len(np.unique(read_photo(path).pixels)) == 1


def test_photographs_are_found_in_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "궁궐/z 1.tif", "궁궐/안/c.webp", ".hidden/d.png", ".e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in list_photos(tmp_path)]
    assert found == ["a.png", "b.JPG", "궁궐/z 1.tif", "궁궐/안/c.webp"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for name in ("photos/sub/m.png", "elsewhere/x.png"):
        (tmp_path / name).touch()
    (tmp_path / "photos" / "a link.png").symlink_to(tmp_path / "photos" / "sub" / "m.png")
    (tmp_path / "photos" / "another.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    (tmp_path / "photos" / "outside").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "sub" / "loop").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "broken.png").symlink_to(tmp_path / "nothing.png")
    found = [path.relative_to(tmp_path / "photos").as_posix() for path in list_photos(tmp_path / "photos")]
    assert found == ["outside/x.png", "sub/m.png"]


@pytest.mark.parametrize("shape", [(4000, 2000), (1500, 2000, 3)], ids=str)
def test_a_deep_png_is_written_in_little_memory(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.arange(math.prod(shape), dtype=np.uint32).astype(np.uint16).reshape(shape)
    write_photo(tmp_path / "warm.png", pixels[:2, :2])
    tracemalloc.start()
    write_photo(tmp_path / "deep.png", pixels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes / 2
    # An independent reader finds them, too.
    found = cv2.imread(str(tmp_path / "deep.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found if pixels.ndim == 2 else found[..., ::-1], pixels)
