"""Files of the kinds that archives hold: each is read as an independent reader reads it, or refused in words."""

import importlib
import shutil
import struct
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from dancheong.imaging.files import Photo, PhotoError, count_pages, read_photo, read_size, read_small, write_photo
from dancheong.imaging.formats import FORMATS, READ_SUFFIXES, WRITABLE_SUFFIXES, format_of
from dancheong.imaging.jpeg_xl import JpegXl, what_is_said

pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
odd_files = importlib.import_module("make_odd_files")
MAKERS = (
    "texts", "floats", "directories", "premultiplied", "formats", "resolutions", "gammas", "raw_profiles", "gone",
    "wrong_suffixes", "compressions", "layouts", "depths", "unusual", "transparent", "comments", "adobe", "without_photometric",
    "others",
)  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_a_few_files_of_every_kind_are_right(tmp_path: Path, maker: str) -> None:
    found = [(odd.name, odd_files.outcome_of(odd, tmp_path)) for odd in islice(getattr(odd_files, maker)(), 0, 60, 7)]
    assert found
    assert [one for one in found if one[1] not in ("right", "refused")] == []


@pytest.mark.slow
def test_every_third_odd_file_is_right(tmp_path: Path) -> None:
    """All of them: `python tools/make_odd_files.py`."""
    some = islice(odd_files.all_odd(), 0, None, 3)
    outcomes = [(odd.kind, odd.name, odd_files.outcome_of(odd, tmp_path)) for odd in some]
    assert len(outcomes) >= 150
    assert len({kind for kind, _, _ in outcomes}) >= 18
    assert [one for one in outcomes if one[2] not in ("right", "refused")] == []


def test_each_format_that_is_read_has_a_file_of_an_independent_writer() -> None:
    suffixes = {Path(odd.name).suffix for odd in odd_files.formats()}
    # HEIF has tests of its own: test_heif.py.
    assert {one.name for one in FORMATS if suffixes.isdisjoint(one.suffixes)} - {"HEIF", "JPEG", "PNG", "TIFF", "WEBP"} == set()


def a_document() -> Iterator[np.ndarray]:
    for level in (40, 90, 140):
        yield np.full((64, 48 + level), level, np.uint8)


def test_every_page_of_a_document_can_be_read(tmp_path: Path) -> None:
    import tifffile

    pages = list(a_document())
    with tifffile.TiffWriter(tmp_path / "document.tif") as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", metadata=None)
            writer.write(page[::8, ::8], photometric="minisblack", metadata=None, subfiletype=1)
    assert count_pages(tmp_path / "document.tif") == 3
    for number, page in enumerate(pages):
        photo = read_photo(tmp_path / "document.tif", number)
        assert np.array_equal(photo.pixels, page)
        assert photo.notes == (f"page {number + 1} of 3 was read",)
    with pytest.raises(PhotoError, match="page 4 of 3 was asked for"):
        read_photo(tmp_path / "document.tif", 3)


def test_a_format_is_declared_once_and_known_by_its_first_bytes(tmp_path: Path) -> None:
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert WRITABLE_SUFFIXES < READ_SUFFIXES == set(suffixes)
    for suffix in WRITABLE_SUFFIXES:
        write_photo(tmp_path / f"photo{suffix}", np.zeros((4, 5), np.uint8))
        found = format_of((tmp_path / f"photo{suffix}").read_bytes()[:64])
        assert found is not None
        assert suffix in found.suffixes
    assert format_of(b"%PDF-1.7") is None


def test_a_jpeg_may_be_read_small(tmp_path: Path) -> None:
    pixels = odd_files.picture(3, np.uint8, 400, 640)
    write_photo(tmp_path / "large.jpg", pixels)
    small, size, notes = read_small(tmp_path / "large.jpg", 100)
    assert size == (640, 400)
    assert small.shape == (100, 160, 3)
    assert notes == ()
    write_photo(tmp_path / "large.png", pixels)
    assert read_small(tmp_path / "large.png", 100)[0].shape == pixels.shape


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_result_may_have_the_profile_of_its_photograph(
    tmp_path: Path, palace: np.ndarray, adobe_like: bytes, gray_gamma_18: bytes, suffix: str, dtype: type
) -> None:
    scale = dtype(np.iinfo(dtype).max // 255)
    for pixels, icc in ((palace.astype(dtype) * scale, adobe_like), (palace[..., 0].astype(dtype) * scale, gray_gamma_18)):
        like = Photo(pixels, "TIFF", icc=icc)
        path = tmp_path / f"photo{suffix}"
        assert write_photo(path, pixels, like, output_profile="input") == ()
        again = read_photo(path)
        assert again.icc == icc
        # What an independent reader sees of the codes is in that space: not the codes of sRGB.
        plain = tmp_path / f"plain{suffix}"
        write_photo(plain, pixels)
        assert plain.read_bytes() != path.read_bytes()
        error = np.abs(again.pixels / np.iinfo(dtype).max * 255 - pixels / np.iinfo(dtype).max * 255)
        assert error.max() <= (6 if dtype is np.uint8 else 0.1)
        assert error.mean() <= (0.6 if dtype is np.uint8 else 0.01)
    notes = write_photo(tmp_path / f"color{suffix}", palace, Photo(palace, "TIFF", icc=gray_gamma_18), output_profile="input")
    assert notes == ("it was written as sRGB, not in its own color profile: it is for GRAY pixels",)
    assert read_size(tmp_path / f"color{suffix}") == palace.shape[1::-1]


def test_a_jpeg_with_faults_that_can_be_bridged_is_read_and_told(tmp_path: Path) -> None:
    whole = odd_files.saved(odd_files.picture(3), "JPEG", quality=95, subsampling=0)
    (tmp_path / "photo.jpg").write_bytes(whole[:20] + bytes(3) + whole[20:])
    with pytest.raises(PhotoError, match="damaged or cut off"):
        read_small(tmp_path / "photo.jpg", 10)
    photo = read_photo(tmp_path / "photo.jpg")
    assert photo.notes == ("its data are damaged, and parts of the picture may be wrong",)
    (tmp_path / "whole.jpg").write_bytes(whole)
    assert np.array_equal(photo.pixels, read_photo(tmp_path / "whole.jpg").pixels)
    (tmp_path / "cut.jpg").write_bytes(whole[:-200])
    with pytest.raises(PhotoError, match="damaged or cut off"):
        read_photo(tmp_path / "cut.jpg")


def test_bytes_that_are_no_text_harm_neither_a_file_nor_those_after_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """libvips puts bytes of a file into its messages; one that pyvips could not read would come up with each file after it."""
    named = odd_files.png(odd_files.picture(3), chunks=odd_files.chunk(b"tEXt", b"Auteur \xe9\0Hall \xe9"))
    (tmp_path / "named.png").write_bytes(named)
    assert read_photo(tmp_path / "named.png").texts == (("Auteur é", "Hall é"),)
    turned = odd_files.exif_block("<", {274: (3, b"\6\0")})
    whole = odd_files.saved(odd_files.picture(3), "AVIF", exif=turned)
    assert whole.count(b"irot") == 1
    (tmp_path / "damaged.avif").write_bytes(whole.replace(b"irot", b"i\xff\xfft"))
    (tmp_path / "cut.png").write_bytes(named[:-300])
    for name in ("damaged.avif", "cut.png"):
        with pytest.raises(PhotoError, match=r"damaged or cut off$"):
            read_photo(tmp_path / name)
    assert capfd.readouterr().err == ""


def pages_of(path: Path, *pages: np.ndarray, **tags: object) -> list[tuple[int, ...]]:
    """Write pages, and give the shapes of those that are found."""
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            numbered = {"extratags": [(297, "H", 2, (number, len(pages)), True)]} if tags.get("numbered") else {}
            kind = {"subfiletype": tags["subfiletype"]} if "subfiletype" in tags else {}
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", metadata=None, **kind, **numbered)
    return [read_photo(path, page).pixels.shape for page in range(count_pages(path))]


def test_a_page_of_half_the_size_stays_a_page(tmp_path: Path, palace: np.ndarray) -> None:
    gray = np.asarray(Image.fromarray(palace).convert("L").resize((640, 424)))
    half, cover = gray[::2, ::2], np.ascontiguousarray(gray[:212, :320])
    path, both = tmp_path / "pages.tif", [(424, 640), (212, 320)]
    assert pages_of(path, gray, cover) == both
    assert pages_of(path, cover, gray) == both[::-1]
    assert pages_of(path, gray, half, subfiletype=2) == both
    assert pages_of(path, half, gray, numbered=True) == both[::-1]
    assert pages_of(path, gray, half > 127) == both
    assert pages_of(path, gray, np.dstack([half] * 3)) == [both[0], (212, 320, 3)]


def test_a_copy_without_a_mark_is_known_by_what_it_shows(tmp_path: Path, palace: np.ndarray) -> None:
    gray = np.asarray(Image.fromarray(palace).convert("L").resize((640, 424)))
    softer = np.asarray(Image.fromarray(gray).resize((160, 106), Image.Resampling.LANCZOS))
    path = tmp_path / "levels.tif"
    assert pages_of(path, gray, gray[::2, ::2], softer) == [(424, 640)]
    assert pages_of(path, softer, gray) == [(424, 640)]
    # Scanners write an 8-bit RGB thumbnail, whatever the scan is; of a small scan it is a third as large.
    assert pages_of(path, np.dstack([softer] * 3), gray) == pages_of(path, softer, gray * np.uint16(257)) == [(424, 640)]
    assert pages_of(path, np.asarray(Image.fromarray(gray).resize((213, 141))), gray) == [(424, 640)]
    # Two pages of one size, each with its own small copy.
    other = np.ascontiguousarray(gray[::-1])
    assert pages_of(path, gray, gray[::2, ::2], other, other[::2, ::2]) == [(424, 640)] * 2


def test_a_gif_whose_first_picture_covers_a_part_of_it_is_refused_unless_the_rest_is_transparent(tmp_path: Path) -> None:
    path = tmp_path / "part.gif"
    for transparent in (None, 77):
        image = Image.fromarray(np.full((10, 12), 77, np.uint8))
        image.save(path, **({} if transparent is None else {"transparency": transparent}))
        data = bytearray(path.read_bytes())
        data[6:10] = struct.pack("<HH", 20, 20)
        path.write_bytes(data)
        if transparent is None:
            with pytest.raises(PhotoError, match="covers only a part"):
                read_photo(path)
        else:
            assert read_photo(path).pixels[15, 15] == 255


@pytest.mark.parametrize("kind", [b"P1", b"P2", b"P3"])
def test_a_second_picture_in_letters_is_told(tmp_path: Path, kind: bytes) -> None:
    one = kind + b" 2 1\n" + (b"" if kind == b"P1" else b"9\n") + b"0 1 0 1 0 1\n"[: 12 if kind == b"P3" else 4] + b"\n"
    (tmp_path / "one.pnm").write_bytes(one)
    (tmp_path / "two.pnm").write_bytes(one + one)
    assert read_photo(tmp_path / "one.pnm").notes == ()
    assert read_photo(tmp_path / "two.pnm").notes == ("the first of 2 pages was read",)


def test_of_two_exif_segments_the_first_that_is_whole_counts(tmp_path: Path, palace: np.ndarray) -> None:
    segments = [segment(0xE1, b"Exif\0\0garbage"), *(segment(0xE1, orientation(number)) for number in (6, 1))]
    Image.fromarray(palace).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "two.jpg").write_bytes(data[:2] + b"".join(segments) + data[2:])
    whole = read_photo(tmp_path / "whole.jpg").pixels
    assert np.array_equal(read_photo(tmp_path / "two.jpg").pixels, np.rot90(whole, -1))


@pytest.mark.parametrize(("exif", "told"), [(1, True), (6, False)])
def test_an_orientation_that_only_the_xmp_has_is_told(tmp_path: Path, palace: np.ndarray, exif: int, told: bool) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    Image.fromarray(palace).save(tmp_path / "a.jpg", exif=orientation(exif), xmp=xmp)
    assert any("orientation in its XMP (6)" in note for note in read_photo(tmp_path / "a.jpg").notes) == told


@pytest.mark.parametrize(("head", "is_sequence", "is_xyb", "has_icc", "is_srgb"), [
    ("ff0a604110505c080802010030054b28a3ba45fae1e03a38", False, False, False, True),
    ("ff0a604190505c08001288020014065de5120000152aa38c", False, True, False, True),
    ("ff0a604141001614970408080000005c094b2831dd8cf533", True, False, False, True),
    ("ff0a181010c229c3801910080008102c9d075e0172e91e0a", False, False, True, False),
    ("ff0a181090c229c3801910080008102c9d075e0172e91e0a", False, True, True, False),
    ("ff0a18100104e4d1230e0700000080080201007c004b188b", False, False, False, False),  # PQ
    ("ff0a18101090c98d080201007c004b188b154219e5b6e21c", False, False, False, False),  # P3
    ("ff0a18101050d1b38a22080201007c004b188b154219e5b6", False, False, False, False),  # gamma
])  # fmt: skip
def test_the_header_of_a_jpeg_xl_says_what_jxlinfo_reads_of_it(
    head: str, is_sequence: bool, is_xyb: bool, has_icc: bool, is_srgb: bool
) -> None:
    assert what_is_said(bytes.fromhex(head)) == JpegXl(8, is_sequence, is_xyb, has_icc, is_srgb)


@pytest.mark.skipif(shutil.which("cjxl") is None, reason="needs cjxl")
def test_a_color_profile_in_the_stream_of_a_jpeg_xl_is_told_or_refused(
    tmp_path: Path, palace: np.ndarray, adobe_like: bytes
) -> None:
    Image.fromarray(palace).save(tmp_path / "a.png", icc_profile=adobe_like)
    for distance in "01":
        command = ["cjxl", "-d", distance, tmp_path / "a.png", tmp_path / f"{distance}.jxl"]
        subprocess.run(command, check=True, capture_output=True)
    whole = read_photo(tmp_path / "0.jxl")
    assert np.array_equal(whole.pixels, palace)
    assert any("color space or profile is not read from a JPEG XL" in note for note in whole.notes)
    with pytest.raises(PhotoError, match="a lossy JPEG XL with a color profile"):
        read_photo(tmp_path / "1.jxl")


def test_the_colors_of_a_palette_in_a_jpeg_2000_are_read(tmp_path: Path) -> None:
    places, colors = np.arange(48, dtype=np.uint8).reshape(6, 8), np.random.default_rng(0).integers(0, 256, (48, 3), np.uint8)
    Image.fromarray(places).save(tmp_path / "a.jp2", irreversible=False)
    data = (tmp_path / "a.jp2").read_bytes()
    at = data.index(b"jp2h") - 4
    (size,) = struct.unpack(">I", data[at : at + 4])
    header = data[at + 8 : at + 8 + 22]  # the size, and no more
    header += box(b"colr", struct.pack(">BBBI", 1, 0, 0, 16))
    header += box(b"pclr", struct.pack(">HB3B", 48, 3, 7, 7, 7) + colors.tobytes())
    header += box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3)))
    (tmp_path / "b.jp2").write_bytes(data[:at] + box(b"jp2h", header) + data[at + size :])
    assert np.array_equal(read_photo(tmp_path / "b.jp2").pixels, colors[places])


def test_colors_of_an_avif_that_are_not_srgb_are_told(tmp_path: Path, palace: np.ndarray) -> None:
    Image.fromarray(palace).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "b.avif").write_bytes(data[:at] + struct.pack(">HH", 9, 16) + data[at + 4 :])
    notes = [any("(nclx) is not sRGB" in note for note in read_photo(tmp_path / name).notes) for name in ("a.avif", "b.avif")]
    assert notes == [False, True]


def test_what_an_avif_holds_beside_its_picture_is_told(tmp_path: Path, palace: np.ndarray) -> None:
    Image.fromarray(palace).save(tmp_path / "a.avif")
    names = b"urn:com:apple:photo:2020:aux:hdrgainmap\0urn:mpeg:hevc:2015:auxid:2\0"
    (tmp_path / "b.avif").write_bytes((tmp_path / "a.avif").read_bytes() + box(b"free", names))
    assert read_photo(tmp_path / "a.avif").notes == ()
    assert read_photo(tmp_path / "b.avif").notes == ("what it holds beside the picture was left out: depth map, gain map",)


@pytest.mark.skipif(shutil.which("avifenc") is None, reason="needs avifenc")
def test_an_avif_whose_color_is_multiplied_by_its_transparency_is_laid_over_white(tmp_path: Path, palace: np.ndarray) -> None:
    alpha = np.full(palace.shape[:2], 128, np.uint8)
    Image.fromarray(np.dstack([palace, alpha])).save(tmp_path / "a.png")
    command = ["avifenc", "--premultiply", "--yuv", "444", "--min", "0", "--max", "3", "-s", "8", "a.png", "a.avif"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    wanted = (palace.astype(float) - 255) * (128 / 255) + 255
    assert np.abs(read_photo(tmp_path / "a.avif").pixels - wanted).mean() < 2


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 255, marker, len(content) + 2) + content


def orientation(number: int) -> bytes:
    exif = Image.Exif()
    exif[274] = number
    return exif.tobytes()
