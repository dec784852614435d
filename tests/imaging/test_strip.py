"""Metadata taken out on request: the place is in no byte of the result, the rest is there; independent readers look."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.strip import stripped

LATITUDE, SERIAL = (37.0, 34.0, 46.56), b"MakerNote-37.5796"
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:dji="http://www.dji.com/drone-dji/1.0/" exif:GPSLatitude="37,34.776N" dji:GpsLongitude="126.977" photoshop:City="Seoul">
<exif:GPSLongitude>126,58.62E</exif:GPSLongitude><dc:title>
<rdf:Alt><rdf:li xml:lang="x-default">GPS 안내판</rdf:li></rdf:Alt></dc:title>
<ext:LocationShown><rdf:Bag><rdf:li rdf:parseType="Resource"><ext:City>Seoul</ext:City>
<exif:GPSAltitude>31.5</exif:GPSAltitude></rdf:li>
</rdf:Bag></ext:LocationShown></rdf:Description></rdf:RDF></x:xmpmeta>"""
SECONDS = (struct.pack("<II", 4656, 100), struct.pack(">II", 4656, 100))
PLACES = (b"37,34.776N", b"126.977", b"126,58.62E", b"31.5", b"GPSL", SERIAL, *SECONDS)


def exif_of(order: str) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Artist] = "An archive"
    exif[ExifTags.Base.GPSInfo] = {1: "N", 2: LATITUDE, 3: "E", 4: (126.0, 58.0, 37.2), 29: "2019:03:04"}
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "1926:05:01 09:00:00", ExifTags.Base.MakerNote: SERIAL}
    return exif.tobytes()


@pytest.fixture(params=["<", ">"], ids=["little", "big"])
def scan(request, tmp_path):
    """A JPEG and a PNG that say their place in every way there is."""
    image = Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(30, 40))
    exif = exif_of(request.param)
    image.save(tmp_path / "a.jpg", exif=exif, xmp=XMP.encode(), comment=b"of the archive", dpi=(300, 300))
    texts = PngInfo()
    texts.add_text("exif:GPSLatitude", "37/1, 34/1, 4656/100")
    texts.add_text("Title", "a gate")
    texts.add_itxt("XML:com.adobe.xmp", XMP)
    image.save(tmp_path / "a.png", exif=exif, pnginfo=texts)
    return tmp_path


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_the_place_is_gone_and_the_rest_is_there(scan, name, suffix):
    photo = read_photo(scan / name)
    write_photo(scan / f"kept{suffix}", photo.pixels, photo)
    write_photo(scan / f"stripped{suffix}", photo.pixels, stripped(photo, "gps"))
    kept, now = ((scan / f"{one}{suffix}").read_bytes() for one in ("kept", "stripped"))
    assert b"37,34.776N" in kept
    assert [place for place in PLACES if place in now] == []
    with Image.open(io.BytesIO(now)) as image:
        exif = image.getexif()
        assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert exif[ExifTags.Base.Artist] == "An archive"
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == "1926:05:01 09:00:00"
        assert ExifTags.Base.MakerNote not in details
    for word in ("Seoul", "GPS 안내판"):
        assert word.encode() in now


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_all_that_the_photograph_brought_is_gone(scan, suffix):
    photo = stripped(read_photo(scan / "a.jpg"), "all")
    write_photo(scan / f"b{suffix}", photo.pixels, photo)
    data = (scan / f"b{suffix}").read_bytes()
    for word in (*PLACES, b"An archive", b"Seoul", b"of the archive", b"1926"):
        assert word not in data
    np.testing.assert_array_equal(photo.pixels, read_photo(scan / "a.jpg").pixels)


def test_damaged_exif_is_dropped_rather_than_half_cleaned(scan):
    photo = read_photo(scan / "a.jpg")
    whole = photo.exif
    for length in range(8, len(whole)):
        now = stripped(replace(photo, exif=whole[:length]), "gps").exif
        assert now is None or not any(one in now for one in SECONDS)
