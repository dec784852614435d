"""What travels with a photograph, from every format to every format; and what has no place there."""

import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin

from dancheong.imaging.files import Photo, read_photo, write_photo
from dancheong.imaging.xmp import Provenance

SUFFIXES = [".jpg", ".png", ".tif", ".webp"]
IPTC = b"".join(b"\x1c\x02" + struct.pack(">BH", kind, len(text)) + text for kind, text in
                [(5, "근정전".encode()), (25, b"palace"), (25, b"glass plate"), (55, b"19260501")])
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'xmp:CreateDate="1926-05-01T09:00:00" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
EXIF_DIRECTORY, GPS_DIRECTORY = 34665, 34853


def exif() -> bytes:
    made = Image.Exif()
    made[271], made[274], made[306], made[33432] = "Camera", 1, "1926:05:01 10:00:00", "An archive"
    made[EXIF_DIRECTORY] = {36867: "1926:05:01 09:00:00", 37386: 50.0, 37500: b"notes", 37510: b"ASCII\0\0\0a comment"}
    made[EXIF_DIRECTORY] |= {40961: 65535, 40962: 1, 40963: 1, 40965: {1: "R03"}}
    made[GPS_DIRECTORY] = {1: "N", 2: (37.0, 34.0, 46.5), 3: "E", 4: (126.0, 58.0, 37.2)}
    return made.tobytes()


def a_photo(pixels: np.ndarray, **changes: object) -> Photo:
    whole: dict[str, object] = {"icc": b"any", "exif": exif(), "dpi": (300.0, 150.0), "xmp": XMP, "iptc": IPTC}
    return Photo(pixels, "TIFF", **{**whole, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("source", SUFFIXES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_photograph_says_travels_from_every_format_to_every_format(
    tmp_path: Path, palace: np.ndarray, source: str, suffix: str
) -> None:
    write_photo(tmp_path / f"in{source}", palace, a_photo(palace))
    photo = read_photo(tmp_path / f"in{source}")
    notes = write_photo(tmp_path / f"out{suffix}", photo.pixels, photo, Provenance("ab12"))
    again = read_photo(tmp_path / f"out{suffix}")
    assert again.notes == ()
    assert again.dpi == pytest.approx((300, 150), abs=0.1)
    assert b'xmp:CreateDate="1926-05-01T09:00:00"' in again.xmp
    assert b"ab12" in again.xmp
    assert b"Orientation" not in again.xmp
    lost = ".webp" in (source, suffix)  # the one format that has no place for IPTC
    assert again.iptc == (None if lost else IPTC)
    assert notes == (("WebP has no place for its IPTC data, which were left out",) if suffix == ".webp" != source else ())
    found = Image.Exif()
    found.load(again.exif)
    assert (found[271], found[33432]) == ("Camera", "An archive")
    details = found.get_ifd(EXIF_DIRECTORY)
    assert (details[36867], details[37386]) == ("1926:05:01 09:00:00", 50.0)
    assert (details[37500], details[37510]) == (b"notes", b"ASCII\0\0\0a comment")
    assert found.get_ifd(GPS_DIRECTORY)[2] == (37.0, 34.0, 46.5)
    # The pixels are sRGB now, and as many as there are.
    assert (details[40961], details[40962], details[40963]) == (1, palace.shape[1], palace.shape[0])
    assert 40965 not in details


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_exiftool_reads_what_was_written(tmp_path: Path, palace: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    write_photo(path, palace, a_photo(palace), Provenance("ab12", "cd34"))
    said = subprocess.run(["exiftool", "-G1", "-s", "-a", "-all", str(path)],
                          capture_output=True, text=True, check=True).stdout
    expected = ["CreateDate", "DateTimeOriginal", "GPSLatitude", "DigitalSourceType", "Model", "Copyright"]
    expected += [] if suffix == ".webp" else ["ObjectName", "Keywords"]
    assert [name for name in expected if name not in said] == []
    assert "glass plate" in said or suffix == ".webp"


def png_with(pixels: np.ndarray, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Chunks behind the pixels, where ExifTool puts them."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    made = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return buffer.getvalue()[:-12] + made + buffer.getvalue()[-12:]


def test_a_png_may_keep_them_behind_its_pixels_and_wrapped_by_other_programs(tmp_path: Path, palace: np.ndarray) -> None:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    profile = f"\nIPTC profile\n{len(resource):8d}\n{resource.hex()}\n".encode()
    chunks = [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), (b"tEXt", b"Raw profile type iptc\0" + profile),
              (b"tEXt", b"Title\0Hall"), (b"iTXt", b"Author\0\0\0\0\0" + "사진가".encode())]
    (tmp_path / "in.png").write_bytes(png_with(palace, chunks))
    photo = read_photo(tmp_path / "in.png")
    assert (photo.xmp, photo.iptc, photo.texts) == (XMP, IPTC, (("Title", "Hall"), ("Author", "사진가")))
    assert write_photo(tmp_path / "out.png", photo.pixels, photo) == ()
    assert read_photo(tmp_path / "out.png").texts == photo.texts
    assert write_photo(tmp_path / "out.tif", photo.pixels, photo) == (
        "TIFF has no place for the texts Title, Author, which were left out",
    )


def test_the_comments_of_a_jpeg_stay_whatever_they_are_coded_in(tmp_path: Path, palace: np.ndarray) -> None:
    comments = ("유리건판".encode("cp949"), "근정전".encode(), b"third")
    Image.fromarray(palace).save(tmp_path / "plain.jpg")
    data = (tmp_path / "plain.jpg").read_bytes()
    segments = b"".join(struct.pack(">HH", 0xFFFE, len(comment) + 2) + comment for comment in comments)
    (tmp_path / "in.jpg").write_bytes(data[:2] + segments + data[2:])
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "out.jpg", photo.pixels, photo)
    assert read_photo(tmp_path / "out.jpg").comments == comments
    assert segments in (tmp_path / "out.jpg").read_bytes()
    assert "comments" in write_photo(tmp_path / "out.png", photo.pixels, photo)[0]


def tiff_with(path: Path, tags: dict[int, tuple[int, object]]) -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, (kind, value) in tags.items():
        info.tagtype[tag] = kind
        info[tag] = value
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path, "TIFF", tiffinfo=info)


def test_iptc_of_a_tiff_is_read_however_it_is_declared(tmp_path: Path) -> None:
    padded = IPTC + bytes(-len(IPTC) % 4)
    turned = b"".join(padded[at : at + 4][::-1] for at in range(0, len(padded), 4))
    resources = b"8BIM\x03\xed\x03abc\0\0\0\x02xx8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    for name, tags in {
        "undefined": {33723: (7, IPTC)},
        "bytes": {33723: (1, IPTC)},
        "turned": {33723: (7, turned)},
        "resources": {34377: (1, resources)},
    }.items():
        tiff_with(tmp_path / f"{name}.tif", tags)
        photo = read_photo(tmp_path / f"{name}.tif")
        assert (photo.iptc, photo.notes) == (IPTC, ()), name


def test_what_is_damaged_is_left_out_and_told(tmp_path: Path) -> None:
    tiff_with(tmp_path / "photo.tif", {33723: (7, b"nonsense"), 700: (1, b"<!DOCTYPE x><x/>")})
    photo = read_photo(tmp_path / "photo.tif")
    assert (photo.iptc, photo.xmp) == (None, None)
    assert sorted(photo.notes) == [
        "its IPTC data are damaged and were left out", "its XMP was left out: it declares a document type",
    ]


def test_what_a_jpeg_cannot_hold_is_told_and_the_provenance_stays(tmp_path: Path, palace: np.ndarray) -> None:
    long_exif = Image.Exif()
    long_exif[270] = "x" * 70000
    photo = a_photo(palace, exif=long_exif.tobytes(), iptc=IPTC * 2000,
                    xmp=XMP.replace(b"1926-05", b"x" * 70000))
    notes = write_photo(tmp_path / "out.jpg", palace, photo, Provenance("ab12"))
    assert [note.split(" is ")[0].split(" are ")[0] for note in notes] == ["its EXIF", "its XMP", "its IPTC data"]
    again = read_photo(tmp_path / "out.jpg")
    assert (again.exif, again.iptc) == (None, None)
    assert b"ab12" in again.xmp
    assert write_photo(tmp_path / "out.tif", palace, photo) == ()
    assert read_photo(tmp_path / "out.tif").iptc == IPTC * 2000


def test_extended_xmp_is_told(tmp_path: Path, palace: np.ndarray) -> None:
    write_photo(tmp_path / "in.jpg", palace, a_photo(palace))
    data = (tmp_path / "in.jpg").read_bytes()
    more = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 40
    (tmp_path / "in.jpg").write_bytes(data[:2] + struct.pack(">HH", 0xFFE1, len(more) + 2) + more + data[2:])
    assert read_photo(tmp_path / "in.jpg").notes == ("its extended XMP, beyond 64 kB, was left out",)


def test_what_has_no_place_in_a_result_is_told(tmp_path: Path, palace: np.ndarray) -> None:
    gray = np.ascontiguousarray(palace[..., 1])
    path = b"8BIM" + struct.pack(">HBxI", 2000, 0, 4) + b"path"
    tags = [(65000, "s", 0, "accession 7", True), (42112, "s", 0, "<x/>", True), (297, "H", 2, (0, 1), True)]
    tifffile.imwrite(tmp_path / "in.tif", gray, metadata=None, extratags=[*tags, (34377, "B", len(path), path, True)])
    tagged, clipped = read_photo(tmp_path / "in.tif").notes
    assert tagged.endswith("were left out: 297, 42112, 65000")
    assert clipped == "its clip paths (image resources of Photoshop) were left out: 2000"
    Image.fromarray(gray).save(tmp_path / "in.png")
    data = (tmp_path / "in.png").read_bytes()
    time = b"tIME\x07\xd0\1\1\0\0\0"
    chunk = struct.pack(">I", 7) + time + struct.pack(">I", zlib.crc32(time))
    (tmp_path / "in.png").write_bytes(data[:33] + chunk + data[33:])
    assert "tIME" in read_photo(tmp_path / "in.png").notes[0]
    Image.fromarray(gray).save(tmp_path / "in.pgm")
    assert read_photo(tmp_path / "in.pgm").notes == ()
    (tmp_path / "in.pgm").write_bytes(2 * (tmp_path / "in.pgm").read_bytes())
    assert read_photo(tmp_path / "in.pgm").notes == ("the first of 2 pages was read",)


def test_what_a_jpeg_2000_and_an_avif_say_travels_or_is_told(tmp_path: Path, palace: np.ndarray) -> None:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, kind) + body

    Image.fromarray(palace).save(tmp_path / "in.jp2")
    made = Image.Exif()
    made[274] = 6
    turned = box(b"uuid", b"JpgTiffExif->JP2" + made.tobytes().removeprefix(b"Exif\0\0"))
    iptc = box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + IPTC)
    (tmp_path / "in.jp2").write_bytes((tmp_path / "in.jp2").read_bytes() + turned + iptc)
    photo = read_photo(tmp_path / "in.jp2")
    assert (photo.iptc, photo.pixels.shape) == (IPTC, palace.shape)
    assert photo.notes == ("the orientation in its EXIF (6) was not applied: check that the picture stands upright",)
    frame = Image.fromarray(palace)
    frame.save(tmp_path / "in.avif", save_all=True, append_images=[frame.rotate(180)])
    assert any("the first" in note for note in read_photo(tmp_path / "in.avif").notes)
