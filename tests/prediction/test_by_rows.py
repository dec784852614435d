"""Photographs that are read, colored and written strip by strip: the same results as of those in memory, whole or absent."""

import signal
import struct
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from dancheong import Colorizer
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import ImageSpec, image_spec, open_photo, read_photo, write_photo
from dancheong.imaging.metadata import EXIF_PREFIX, Metadata
from dancheong.imaging.tiling import ByRows
from dancheong.params import ParamError, Params
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.memory import Budget, Needs, how_to_fit
from dancheong.prediction.plan import Job
from dancheong.prediction.process_file import process_file
from dancheong.prediction.processors import Processor, coloring
from dancheong.prediction.result import FileResult
from dancheong.scenes import scene


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.open(threads=1)


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    """A gray scan of two megapixels with glints that are found and corrected."""
    color = np.asarray(Image.fromarray(scene(7, 480, 320)).resize((1733, 1151)))
    glinting, _ = add_glare(color, 3, ("lobes",))
    grain = np.random.default_rng(1).normal(0, 2, color.shape[:2])
    return np.clip(gray_of(glinting) + grain, 0, 255).astype(np.uint8)


def by_rows(processor: Processor, rows: int = 100) -> Processor:
    """The processor, which reads by strips whatever MEMORY_GB allows."""
    return replace(processor, needs=lambda spec, job: Needs(rows, 0, True))


def colored(processor: Processor, photo: Path, folder: Path, **job: object) -> FileResult:
    wanted = Job(photo, folder / "color" / photo.name, mask=folder / "mask" / f"{photo.stem}.png", **job)
    result = process_file(processor, wanted, Budget(int(2e9)), threads=2)
    assert result.status == "ok", result.error
    return result


def written(scan: np.ndarray, path: Path, kind: str) -> Path:
    """The scan as a file of some kind, by other programs."""
    deep = scan.astype(np.uint16) * 257
    if kind == "strips":
        tifffile.imwrite(path, scan, rowsperstrip=64, compression="zlib", predictor=True, resolution=(600, 600))
    elif kind == "one strip":
        tifffile.imwrite(path, scan, rowsperstrip=len(scan), compression="zlib")
    elif kind == "tiles":
        tifffile.imwrite(path, deep, tile=(128, 256), compression="zlib", bigtiff=True)
    elif kind == "white is zero":
        tifffile.imwrite(path, 255 - scan, rowsperstrip=9, photometric="miniswhite")
    elif kind == "deep png":
        Image.fromarray(deep).save(path)
    elif kind == "mirrored":
        Image.fromarray(scan).save(path, exif=bytes.fromhex("45786966000049492a0008000000010012010300010000000200000000000000"))
    elif kind == "color":
        Image.fromarray(np.stack([scan, scan - scan // 8, scan - scan // 5], axis=-1)).save(path, quality=95, dpi=(300, 300))
    else:
        Image.fromarray(scan).save(path, icc_profile=gray_profile())
    return path


def gray_profile(gamma: float = 1.8) -> bytes:
    """An ICC profile of gray with a gamma."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ " + struct.pack(">I3i", 0, 63190, 65536, 54061)
    tags = [(b"kTRC", curve), (b"wtpt", white)]
    table, data, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags:
        table += name + struct.pack(">II", at + len(data), len(tag))
        data += tag
    head = struct.pack(">I4sI4s4s4s", at + len(data), b"\0\0\0\0", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp"
    return head.ljust(128, b"\0") + table + data


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.tif", "strips"), ("b.tif", "one strip"), ("c.tif", "tiles"), ("d.tif", "white is zero"), ("e.png", "deep png"),
     ("f.jpg", "mirrored"), ("g.jpg", "color"), ("h.png", "profile")],
)
def test_a_result_by_strips_is_that_of_the_whole_photograph(tmp_path, colorizer, scan, name, kind):
    photo = written(scan, tmp_path / name, kind)
    for place in ("whole", "strips"):
        (tmp_path / place / "color").mkdir(parents=True)
    processor = coloring(colorizer, FolderOptions())
    whole = colored(processor, photo, tmp_path / "whole")
    strips = colored(by_rows(processor), photo, tmp_path / "strips")
    one, other = read_photo(whole.output), read_photo(strips.output)
    assert one.pixels.dtype == other.pixels.dtype
    # A code before JPEG's coding may be more behind it; of 16 bits some differ by two.
    tolerance = 4 if photo.suffix == ".jpg" else 2 if one.pixels.dtype == np.uint16 else 1
    difference = np.abs(one.pixels.astype(int) - other.pixels)
    assert difference.max() <= tolerance
    assert (difference > 0).mean() < 0.03
    assert np.abs(read_photo(whole.mask).pixels.astype(int) - read_photo(strips.mask).pixels).max() <= 1
    assert strips.glare_share == pytest.approx(whole.glare_share, abs=1e-6)
    assert strips.glare_share > 0
    assert (strips.width, strips.height, strips.notes) == (whole.width, whole.height, whole.notes)
    for field in vars(Metadata()):
        assert getattr(one, field) == getattr(other, field)


def test_looks_and_hints_are_made_by_strips_too(tmp_path, colorizer, scan):
    photo = written(scan, tmp_path / "a.tif", "strips")
    (tmp_path / "hints.csv").write_text("x,y,color\n300,200,#a03020\n1200,900,#2050a0\n")
    job = {"hints": tmp_path / "hints.csv", "looks": (tmp_path / "look.tif",)}
    processor = coloring(colorizer, FolderOptions(overwrite=True))
    results = []
    for one, place in ((processor, "whole"), (by_rows(processor, 77), "strips")):
        (tmp_path / place / "color").mkdir(parents=True)
        result = colored(one, photo, tmp_path / place, **job)
        results.append([read_photo(path).pixels.astype(int) for path in (result.output, tmp_path / "look.tif")])
    for one, other in zip(*results, strict=True):
        assert np.abs(one - other).max() <= 1
    assert np.abs(results[0][0] - results[0][1]).max() > 1


def test_a_strip_that_is_damaged_fails_the_photograph_and_leaves_nothing(tmp_path, colorizer, scan):
    photo = written(scan, tmp_path / "a.tif", "strips")
    with tifffile.TiffFile(photo) as file:
        offset, count = file.pages[0].dataoffsets[9], file.pages[0].databytecounts[9]
    data = bytearray(photo.read_bytes())
    data[offset : offset + count] = bytes(count)
    photo.write_bytes(data)
    (tmp_path / "out").mkdir()
    job = Job(photo, tmp_path / "out" / "a.tif")
    result = process_file(by_rows(coloring(colorizer, FolderOptions())), job, Budget(int(2e9)))
    assert result.status == "failed"
    assert "damaged" in result.error
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [("a.jpg", {"progressive": True}, "a progressive JPEG is decoded as a whole: save it as a TIFF"),
     ("b.webp", {}, "WEBP of this kind is decoded as a whole"),
     ("c.jpg", {"exif": bytes.fromhex("45786966000049492a0008000000010012010300010000000600000000000000")},
      r"its orientation \(6\) turns it: turn it upright first")],
)
def test_what_cannot_be_read_by_strips_says_why(tmp_path, scan, name, options, why):
    Image.fromarray(scan).save(tmp_path / name, **options)
    spec = image_spec(tmp_path / name)
    large = replace(spec, width_px=40_000, height_px=25_000)
    with pytest.raises(ParamError, match=f"40000 x 25000 pixels are more than 500 megapixels, .*strips alone; {why}"):
        how_to_fit(large, Params())
    with pytest.raises(ParamError, match=rf"MEMORY_GB is 0\.5: raise .* or make .*; by strips it would take less, but {why}"):
        how_to_fit(replace(spec, width_px=20_000, height_px=20_000), Params(memory_gb=0.5))
    with pytest.raises(ValueError, match=why), open_photo(tmp_path / name):
        pass
    assert not how_to_fit(spec, Params()).is_by_rows


def test_an_interlaced_png_cannot_be_read_by_strips(tmp_path, scan):
    pyvips.Image.new_from_array(scan).pngsave(str(tmp_path / "a.png"), interlace=True)
    assert image_spec(tmp_path / "a.png").why_whole.startswith("an interlaced PNG is decoded as a whole")


def test_a_gigapixel_fits_into_two_gigabytes_and_what_asks_for_all_of_it_does_not():
    giga = ImageSpec(40_000, 25_000, False, False)
    needs = how_to_fit(giga, Params())
    assert needs.is_by_rows
    assert needs.bytes < 1e9
    assert not how_to_fit(ImageSpec(12_000, 8_000, False, False), Params()).is_by_rows
    with pytest.raises(ParamError, match="SR_SCALE=2 asks for all of it in memory: leave it out"):
        how_to_fit(giga, Params(), why_whole="SR_SCALE=2 asks for all of it in memory: leave it out")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".webp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_file_that_is_written_by_strips_has_the_same_bytes(tmp_path, suffix, dtype):
    rng = np.random.default_rng(0)
    for shape in ((301, 211), (301, 211, 3)):
        pixels = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
        write_photo(tmp_path / f"whole{suffix}", pixels)
        for threads in (1, 3):
            write_photo(tmp_path / f"strips{suffix}", replace(ByRows.of(pixels), strip_px=37, threads=threads))
            assert (tmp_path / f"strips{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("height", [1, 2, 3, 26, 51, 76, 301])
@pytest.mark.parametrize("width", [2, 1733, 90_000])
def test_the_last_row_of_a_tiff_is_there_whatever_the_size(tmp_path, height, width):
    """libvips 8.18 leaves a last strip of one row out."""
    color = np.random.default_rng(0).integers(0, 999, (height, width if height < 99 else 50, 3)).astype(np.uint16)
    write_photo(tmp_path / "a.tif", color)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif").reshape(color.shape), color)


def test_what_the_rows_raise_comes_out_and_nothing_is_written(tmp_path):
    def fail(rows, part):
        if part.start > 100:
            raise KeyError("of its own")
        return rows

    picture = replace(ByRows.of(np.zeros((400, 300), np.uint8)).then(fail), strip_px=30)
    for suffix in (".tif", ".png", ".jpg", ".webp"):
        with pytest.raises(KeyError, match="of its own"):
            write_photo(tmp_path / f"a{suffix}", picture)
    assert list(tmp_path.iterdir()) == []


def test_a_large_tiff_is_a_bigtiff_that_others_read(tmp_path, scan, monkeypatch):
    """Its metadata, too: Exif lies in a directory of its own."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "Linhof", "Kim"
    exif.get_ifd(0x8769)[0x9003] = "1936:05:01 10:00:00"
    Image.fromarray(scan).save(tmp_path / "a.jpg", exif=exif, icc_profile=gray_profile(), dpi=(600, 600))
    like, color = read_photo(tmp_path / "a.jpg"), np.stack([scan, scan // 3, 255 - scan], axis=-1)
    assert like.exif.startswith(EXIF_PREFIX)
    monkeypatch.setattr("dancheong.imaging.encode._TIFF_BYTES", 1 << 20)
    write_photo(tmp_path / "big.tif", color, like)
    with tifffile.TiffFile(tmp_path / "big.tif") as file:
        assert file.is_bigtiff
        assert file.pages[0].tags["Artist"].value == "Kim"
        assert file.pages[0].tags["ExifTag"].value["DateTimeOriginal"] == "1936:05:01 10:00:00"
        assert file.pages[0].tags["XResolution"].value == (600, 1)
        np.testing.assert_array_equal(file.asarray(), color)
    with Image.open(tmp_path / "big.tif") as image:
        assert image.getexif()[0x010F] == "Linhof"
        assert image.info["icc_profile"]
        np.testing.assert_array_equal(np.asarray(image), color)
    again = read_photo(tmp_path / "big.tif")
    np.testing.assert_array_equal(again.pixels, color)
    assert again.exif is not None
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(tmp_path / "big.tif")).numpy(), color)


KILLED = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from dancheong import Colorizer
    from dancheong.prediction.folder import FolderOptions
    from dancheong.prediction.memory import Budget, Needs
    from dancheong.prediction.plan import Job
    from dancheong.prediction.process_file import process_file
    from dancheong.prediction.processors import coloring
    processor = replace(coloring(Colorizer.open(threads=1), FolderOptions()), needs=lambda spec, job: Needs(1, 0, True))
    process_file(processor, Job(Path(sys.argv[1]), Path(sys.argv[2])), Budget(int(2e9)))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_midway_leaves_no_result_and_the_next_run_does_it(tmp_path, colorizer, scan):
    photo = written(np.tile(scan, (3, 3)), tmp_path / "a.tif", "strips")
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), str(photo), str(out / "a.tif")])
    while not any(path.stat().st_size > 200_000 for path in out.iterdir()):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "a.tif").exists()
    assert len(list(out.iterdir())) == 1
    (result,) = predict_files(colorizer, [photo], out, FolderOptions(manifest=out / "manifest.csv"))
    assert result.status == "ok"
    assert sorted(path.name for path in out.iterdir()) == ["a.tif", "manifest.csv"]


@pytest.mark.slow
def test_a_bigtiff_that_does_not_fit_is_colored_by_strips(tmp_path, scan):
    """MEMORY_GB itself chooses them, and the process grows by no more than that."""
    height, width = 12_660, 12_131
    tile = np.tile(scan, (11, 7))

    def tiles():
        for y in range(0, height, 256):
            for x in range(0, width, 256):
                part = tile[y : y + 256, x : x + 256]
                yield np.pad(part[: height - y, : width - x], ((0, 256 - min(256, height - y)), (0, 256 - min(256, width - x))))

    tifffile.imwrite(
        tmp_path / "a.tif", tiles(), shape=(height, width), dtype=np.uint8, tile=(256, 256), bigtiff=True, compression="zlib",
        photometric="minisblack", metadata=None,
    )
    words = [sys.executable, "-m", "dancheong", "predict", str(tmp_path / "a.tif"), "-o", str(tmp_path / "out"), "--mask-dir",
             str(tmp_path / "masks"), "--quiet", "--set", "MEMORY_GB=.3"]  # fmt: skip
    measure = ("import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3); sys.exit(code)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", measure, *words], capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) < 300 + 300  # MEMORY_GB, and the program with its model
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as file:
        page = file.pages[0]
        assert page.shape == (height, width, 3)
        rows = page.asarray()[5000:5003]
    assert np.abs(gray_of(rows).astype(int) - tile[5000:5003, :width])[..., ::7].mean() < 1
    assert (np.ptp(rows, axis=-1) > 4).mean() > 0.3
    assert pyvips.Image.new_from_file(str(tmp_path / "masks" / "a.png")).width == width
