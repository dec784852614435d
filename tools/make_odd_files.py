"""Make files of the kinds that archives hold and readers get wrong, and check each against an independent reader.

    python tools/make_odd_files.py FOLDER

Each file says what a right reading gives: pixels that tifffile, Pillow, imagecodecs or a formula of the standard give, words of
a note, the bytes of a text. It is read, written in all four formats, and what Pillow reads of these is compared. The table
counts, by kind, files, right, and refused in words; the last line is one JSON object; the exit code is 1 where one is wrong.
"""

import argparse
import io
import json
import re
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dancheong.imaging.files import Photo, PhotoError, count_pages, read_photo, read_size, write_photo

Array = NDArray[Any]
HEIGHT, WIDTH = 40, 56
EXIF_PREFIX = b"Exif\0\0"
WORDS = {"utf-8": "경복궁 근정전, 유리건판", "cp949": "경복궁 근정전", "latin-1": "Photographié à Séoul", "ascii": "Seoul"}
SUFFIXES = (".jpg", ".png", ".tif", ".webp")


@dataclass
class Odd:
    """A file, and what reading it right gives.

    `wanted`: pixels, at most `tolerance` away; None: any. `refused`: what a refusal says, where one is
    right; beside `wanted`, either is. `notes`: words of
    the notes, none is expected but these where it is given. `checks`: of (photo, a written file), words where it is wrong.
    """

    kind: str
    name: str
    data: bytes
    wanted: Array | None = None
    tolerance: float = 0
    refused: str = ""
    notes: tuple[str, ...] | None = None
    checks: list[Callable[[Photo, Path], str]] = field(default_factory=list)
    pages: int = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    files: Counter[str] = Counter()
    outcomes: Counter[tuple[str, str]] = Counter()
    for odd in all_odd():
        outcome = outcome_of(odd, folder)
        files[odd.kind] += 1
        outcomes[odd.kind, outcome.partition(":")[0]] += 1
        if outcome.startswith("wrong"):
            print(f"{odd.kind}: {odd.name}: {outcome}", file=sys.stderr)
    print("| kind | files | right | refused in words |\n|---|---|---|---|")
    for kind, count in files.items():
        print(f"| {kind} | {count} | {outcomes[kind, 'right']} | {outcomes[kind, 'refused']} |")
    wrong = sum(count for (_, outcome), count in outcomes.items() if outcome == "wrong")
    refused = sum(count for (_, outcome), count in outcomes.items() if outcome == "refused")
    print(json.dumps({"files": sum(files.values()), "kinds": len(files), "refused": refused, "wrong": wrong}))
    return 1 if wrong else 0


def outcome_of(odd: Odd, folder: Path) -> str:
    """ "right", "refused" where that is right, or "wrong: " and why."""
    path = folder / re.sub(r"[^\w.-]+", "_", f"{odd.kind}_{odd.name}")
    path.write_bytes(odd.data)
    try:
        photo = read_photo(path)
    except PhotoError as error:
        return "refused" if odd.refused and re.search(odd.refused, error.reason) else f"wrong: refused: {error.reason}"
    if odd.refused and odd.wanted is None:
        return "wrong: it was read"
    if odd.wanted is not None:
        if photo.pixels.shape != odd.wanted.shape or photo.pixels.dtype != odd.wanted.dtype:
            return f"wrong: {photo.pixels.dtype} {photo.pixels.shape}, not {odd.wanted.dtype} {odd.wanted.shape}"
        difference = np.abs(photo.pixels.astype(float) - odd.wanted).max()
        if difference > odd.tolerance:
            return f"wrong: pixels differ by {difference:g}"
    if read_size(path) != photo.pixels.shape[1::-1]:
        return f"wrong: a size of {read_size(path)}"
    if count_pages(path) != odd.pages:
        return f"wrong: {count_pages(path)} pages"
    if odd.notes is not None:
        words = " ".join(photo.notes)
        missing = [note for note in odd.notes if note not in words]
        if missing or len(photo.notes) > len(odd.notes):
            return f"wrong: notes {photo.notes}"
    for suffix in SUFFIXES:
        out = folder / f"again{suffix}"
        write_photo(out, photo.pixels, photo)
        with Image.open(out) as image:
            image.load()
            if image.size != photo.pixels.shape[1::-1]:
                return f"wrong: {suffix} of size {image.size}"
        for check in odd.checks:
            if said := check(photo, out):
                return f"wrong: in {suffix}: {said}"
    return "right"


def all_odd() -> Iterator[Odd]:
    """All files."""
    for maker in (texts, floats, directories, premultiplied, formats, resolutions, gammas, raw_profiles, gone, wrong_suffixes,
                  compressions, layouts, depths, unusual, transparent, comments, adobe, without_photometric, others):
        yield from maker()


# Pictures.


def picture(channels: int, dtype: type = np.uint8, height: int = HEIGHT, width: int = WIDTH) -> Array:
    """Smooth color with an edge, over the full range."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [((x * (3 + i) + y * (5 - i)) % 89) / 88 * (1 if i % 2 else 0.9) for i in range(channels)]
    picture = np.rint(np.stack(planes, axis=-1) * np.iinfo(dtype).max).astype(dtype)
    picture[height // 2 :, width // 2 :] //= 2
    return picture[..., 0] if channels == 1 else picture


def tiff(samples: Array, **options: Any) -> bytes:
    buffer = io.BytesIO()
    options.setdefault("photometric", "rgb" if samples.ndim == 3 and samples.shape[-1] == 3 else "minisblack")
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def saved(pixels: Array | Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: Array, bits: int = 8, chunks: bytes = b"", behind: bytes = b"") -> bytes:
    """A PNG of gray, gray with alpha, RGB or RGBA of 1 to 16 bits, with more chunks before or behind the pixels."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    if bits < 8:
        rows = [np.packbits(np.unpackbits(row[:, None].astype(np.uint8), axis=1)[:, 8 - bits :].ravel()) for row in pixels]
    else:
        rows = [row.astype(">u2" if bits == 16 else "u1").reshape(-1).view(np.uint8) for row in pixels]
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunks + chunk(b"IDAT", content) + behind + chunk(b"IEND", b"")


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif_block(order: str, texts: dict[int, tuple[int, bytes]], details: dict[int, tuple[int, bytes]] | None = None,
               index: bytes = b"") -> bytes:
    """EXIF with texts of a type in its first directory, and perhaps details and an interoperability index."""
    def directory(at: int, entries: dict[int, tuple[int, bytes]], below: dict[int, bytes]) -> bytes:
        start = at + 6 + 12 * (len(entries) + len(below))
        table, tail = b"", b""
        for tag in sorted({*entries, *below}):
            if tag in below:
                table += struct.pack(order + "HHII", tag, 4, 1, start + len(tail))
                tail += below[tag]
                continue
            kind, data = entries[tag]
            count = len(data) // {3: 2, 4: 4, 5: 8}.get(kind, 1)
            where = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(order + "I", start + len(tail))
            table += struct.pack(order + "HHI", tag, kind, count) + where
            tail += b"" if len(data) <= 4 else data + bytes(len(data) % 2)
        return struct.pack(order + "H", len(entries) + len(below)) + table + bytes(4) + tail

    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    below: dict[int, bytes] = {}
    if details is not None:
        # The places of directories below depend on what stands before them: laid out twice.
        count = len(texts) + 1
        first = 8 + 6 + 12 * count + 0
        inner = {40965: b""} if index else {}
        start = first
        for tag in sorted(texts):
            start += 0 if len(texts[tag][1]) <= 4 or tag > 34665 else len(texts[tag][1]) + len(texts[tag][1]) % 2
        if index:
            length = len(directory(start, details, {}))
            inner = {40965: directory(start + length + 12, {1: (2, index)}, {})}
        below = {34665: directory(start, details, inner)}
    return EXIF_PREFIX + head + directory(8, texts, below)


def in_container(container: str, pixels: Array, exif: bytes) -> bytes:
    if container == "JPEG":
        return with_segments(saved(pixels, "JPEG", quality=95, subsampling=0), segment(0xE1, exif))
    if container == "PNG":
        return png(pixels, chunks=chunk(b"eXIf", exif.removeprefix(EXIF_PREFIX)))
    if container == "WEBP":
        return saved(pixels, "WEBP", lossless=True, exif=exif)
    return b""


# What is checked of written files.


def has_bytes(*texts: bytes) -> Callable[[Photo, Path], str]:
    def check(photo: Photo, path: Path) -> str:
        data = path.read_bytes()
        return next((f"{text!r} is not there" for text in texts if text not in data), "")

    return check


def has_none(*texts: bytes) -> Callable[[Photo, Path], str]:
    def check(photo: Photo, path: Path) -> str:
        data = path.read_bytes()
        return next((f"{text!r} is there" for text in texts if text in data), "")

    return check


def has_dpi(dpi: tuple[float, float] | None, aspect: tuple[float, float] | None = None) -> Callable[[Photo, Path], str]:
    """As Pillow sees it: a resolution, or none; without a unit the ratio."""
    def check(photo: Photo, path: Path) -> str:
        if (photo.dpi is None) != (dpi is None) or (dpi is not None and not np.allclose(photo.dpi, dpi, atol=0.06)):
            return f"dpi read as {photo.dpi}"
        with Image.open(path) as image:
            exif = image.getexif()
            found = image.info.get("dpi")
            unit, density = image.info.get("jfif_unit"), image.info.get("jfif_density")
        if path.suffix == ".webp":
            found = (exif[282], exif[283]) if 282 in exif else None
        if path.suffix == ".jpg" and unit == 0:
            found = None if density == (1, 1) else ("ratio", density[0] / density[1])
        if path.suffix == ".png" and "aspect" in dir(image):
            found = None
        if path.suffix == ".tif":
            number = exif.get(296)
            pair = (float(exif.get(282, 0)), float(exif.get(283, 1)))
            found = None if 282 not in exif else ("ratio", pair[0] / pair[1]) if number == 1 else pair
        if dpi is None and aspect is None:
            return "" if found is None else f"{found} was invented"
        if dpi is None and aspect is not None:
            if path.suffix in (".webp", ".png"):
                return ""
            is_right = found is not None and found[0] == "ratio" and abs(found[1] - aspect[0] / aspect[1]) < 0.01
            return "" if is_right else f"{found}, not the ratio {aspect}"
        return "" if found is not None and np.allclose([float(one) for one in found], dpi, atol=0.6) else f"{found}, not {dpi}"

    return check


# The kinds.


def texts() -> Iterator[Odd]:
    pixels = picture(3)
    for container in ("JPEG", "PNG", "WEBP", "TIFF"):
        for coding, words in WORDS.items():
            text = words.encode(coding)
            for order in "<>":
                for kind in (2, 129) if coding == "utf-8" else (2,):
                    entries = dict.fromkeys((270, 315), (kind, text + b"\x00"))
                    name, check = f"{container}_{coding}_{order}_{kind}", [has_bytes(text)]
                    if container == "TIFF":
                        if kind == 129:
                            continue
                        tags = [(tag, "s", 0, text, True) for tag in entries]
                        data = tiff(pixels, extratags=tags, byteorder=order)
                    else:
                        data = in_container(container, pixels, exif_block(order, entries))
                    yield Odd("4 texts that are not ASCII", name, data, checks=check, notes=())


def floats() -> Iterator[Odd]:
    for channels in (1, 3):
        base = picture(channels, np.uint16) / 65535
        for dtype in (np.float16, np.float32, np.float64):
            samples = base.astype(dtype)
            exact = np.rint(samples.astype(float) * 65535).astype(np.uint16)
            yield Odd("5 float", f"plain_{channels}_{dtype.__name__}", tiff(samples), exact, 1, notes=())
            high = samples.copy()
            high[:2, :3] = 4
            wanted = exact.copy()
            wanted[:2, :3] = 65535
            yield Odd("5 float", f"highlights_{channels}_{dtype.__name__}", tiff(high), wanted, 1,
                      notes=("above 1 were clipped",))
            if dtype is not np.float16:
                yield Odd("5 float", f"of_255_{channels}_{dtype.__name__}", tiff(samples * dtype(255)), exact, 1,
                          notes=("divided by 255",))
                yield Odd("5 float", f"of_65535_{channels}_{dtype.__name__}", tiff(samples * dtype(65535)), exact, 1,
                          notes=("divided by 65535",))
                tag = (341, "f" if dtype is np.float32 else "d", channels, (2.0,) * channels if channels > 1 else 2.0, True)
                yield Odd("5 float", f"declared_{channels}_{dtype.__name__}", tiff(samples * dtype(2),
                          extratags=[tag]), exact, 1)
    white = tiff((picture(1) / 255).astype(np.float32), photometric="miniswhite")
    yield Odd("5 float", "miniswhite", white, np.rint((1 - (picture(1) / 255).astype(np.float32)) * 65535).astype(np.uint16), 1)


def several(*pages: tuple[Array, dict[str, Any]], subs: int = 0) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for samples, options in pages:
            writer.write(samples, photometric="rgb" if samples.ndim == 3 else "minisblack", metadata=None, **options)
    return buffer.getvalue()


def directories() -> Iterator[Odd]:
    for channels in (1, 3):
        for dtype in (np.uint8, np.uint16):
            full = picture(channels, dtype, 256, 384)
            small, half = full[::8, ::8].copy(), full[::2, ::2].copy()
            quarter, other = full[::4, ::4].copy(), np.ascontiguousarray(full[::-1, :300])
            mask = np.ones(full.shape[:2], bool)
            tag = f"{channels}_{np.dtype(dtype).name}"
            plain: dict[str, Any] = {}
            cases: dict[str, tuple[bytes, Array, int]] = {
                "thumbnail_first": (several((small, {"subfiletype": 1}), (full, plain)), full, 1),
                "thumbnail_first_unmarked": (several((small, plain), (full, plain)), full, 1),
                "thumbnail_last": (several((full, plain), (small, {"subfiletype": 1})), full, 1),
                "full_in_subifd": (several((small, {"subfiletype": 1, "subifds": 1}), (full, plain)), full, 1),
                "full_in_subifd_unmarked": (several((small, {"subifds": 1}), (full, plain)), full, 1),
                "thumbnail_in_subifd": (several((full, {"subifds": 1}), (small, {"subfiletype": 1})), full, 1),
                "pyramid_marked": (several((full, plain), (half, {"subfiletype": 1}), (quarter, {"subfiletype": 1})), full, 1),
                "pyramid_unmarked": (several((full, plain), (half, plain), (quarter, plain)), full, 1),
                "pyramid_in_subifds": (several((full, {"subifds": 2}), (half, {"subfiletype": 1}),
                    (quarter, {"subfiletype": 1})),
                                       full, 1),
                "mask": (several((full, plain), (mask, {"subfiletype": 4})), full, 1),
                "mask_first": (several((mask, {"subfiletype": 4}), (full, plain)), full, 1),
                "two_pages": (several((full, {"subfiletype": 2}), (other, {"subfiletype": 2})), full, 2),
                "pages_and_thumbnail": (several((small, {"subfiletype": 1}), (full, plain), (other, plain)), full, 2),
            }
            for name, (data, wanted, pages) in cases.items():
                notes = () if pages == 1 else ("the first of 2 pages was read",)
                yield Odd("7 thumbnails, pages, pyramids", f"{name}_{tag}", data, wanted, pages=pages, notes=notes)


def over_white(color: Array, alpha: Array) -> Array:
    top = np.iinfo(color.dtype).max
    cover = (alpha if color.ndim == 2 else alpha[..., None]) / top
    return np.rint(color * cover + top * (1 - cover)).astype(color.dtype)


def premultiplied() -> Iterator[Odd]:
    for channels in (1, 3):
        for dtype in (np.uint8, np.uint16):
            color, top = picture(channels, dtype), np.iinfo(dtype).max
            alpha = np.full((HEIGHT, WIDTH), top, dtype)
            alpha[:10], alpha[10:20] = top // 2, top // 4 * 3
            wanted = over_white(color, alpha)
            cover = (alpha if channels == 1 else alpha[..., None]) / top
            multiplied = np.rint(color * cover).astype(dtype)
            name = f"{channels}_{np.dtype(dtype).name}"
            for kind, samples in (("unassalpha", color), ("assocalpha", multiplied)):
                for more in ({}, {"compression": "deflate"}, {"byteorder": ">"}):
                    data = tiff(np.dstack([samples, alpha]), photometric="rgb" if channels == 3 else "minisblack",
                                planarconfig="contig", extrasamples=[kind], **more)
                    yield Odd("8 alpha of a TIFF", f"{kind}_{name}_{len(data)}", data, wanted, 2, notes=("transparency",))


def formats() -> Iterator[Odd]:
    kind = "9 other formats"
    for channels in (1, 3):
        eight, sixteen = picture(channels), picture(channels, np.uint16)
        for dtype, samples in (("8", eight), ("16", sixteen)):
            yield Odd(kind, f"{channels}_{dtype}.jp2", imagecodecs.jpeg2k_encode(samples, level=0, codecformat="JP2"), samples)
            yield Odd(kind, f"{channels}_{dtype}.j2k", imagecodecs.jpeg2k_encode(samples, level=0, codecformat="J2K"), samples)
            yield Odd(kind, f"{channels}_{dtype}.jxl", imagecodecs.jpegxl_encode(samples, lossless=True), samples)
            top = 255 if dtype == "8" else 65535
            head = f"P{5 if channels == 1 else 6}\n# a comment\n{WIDTH} {HEIGHT}\n{top}\n".encode()
            yield Odd(kind, f"{channels}_{dtype}.pnm",
                      head + samples.astype(f">u{1 if dtype == '8' else 2}").tobytes(), samples)
        yield Odd(kind, f"{channels}.bmp", saved(eight, "BMP"), eight)
        yield Odd(kind, f"{channels}.jls", imagecodecs.jpegls_encode(eight), eight)
        lossy = saved(eight, "AVIF", quality=90)
        yield Odd(kind, f"{channels}.avif", lossy, tolerance=40)
        palette = Image.fromarray(eight).quantize(256) if channels == 3 else Image.fromarray(eight)
        yield Odd(kind, f"{channels}.gif", saved(palette, "GIF"), np.asarray(palette.convert("RGB" if channels == 3 else "L")))
    for top in (1000, 4095, 100):
        samples = (picture(1, np.uint16) // (65536 // top)).clip(0, top)
        data = f"P5 {WIDTH} {HEIGHT} {top}\n".encode() + samples.astype(">u2" if top > 255 else "u1").tobytes()
        full, dtype = (65535, np.uint16) if top > 255 else (255, np.uint8)
        yield Odd(kind, f"of_{top}.pgm", data, np.rint(samples * (full / top)).astype(dtype), 1)
    text = f"P2\n{WIDTH} {HEIGHT}\n255\n".encode() + b" ".join(b"%d" % one for one in picture(1).ravel())
    yield Odd(kind, "text.pgm", text, picture(1))
    bits = picture(1) > 127
    data = f"P4\n{WIDTH} {HEIGHT}\n".encode() + np.packbits(~bits, axis=1).tobytes()
    yield Odd(kind, "bits.pbm", data, np.where(bits, 255, 0).astype(np.uint8))
    frames = [Image.fromarray(picture(1)), Image.fromarray(255 - picture(1))]
    for name in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if name == "WEBP" else {}
        data = saved(frames[0], name, save_all=True, append_images=frames[1:], **options)
        wanted = picture(1) if name != "WEBP" else np.repeat(picture(1)[..., None], 3, axis=2)
        yield Odd(kind, f"two_frames.{name.lower()}", data, wanted, notes=("the first of 2",))
    rgba = np.dstack([picture(3), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    with Image.open(io.BytesIO(bmp := saved(rgba, "BMP"))) as image:
        seen = np.asarray(image)
    yield Odd(kind, "four_samples.bmp", bmp, over_white(seen[..., :3], seen[..., 3]) if seen.shape[2] == 4 else seen, 1)
    yield Odd(kind, "text.txt", b"no picture at all", refused="not a JPEG")
    yield Odd(kind, "page.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", refused="not a JPEG")
    yield Odd(kind, "drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>", refused="not a JPEG")


def resolutions() -> Iterator[Odd]:
    kind = "10 resolution"
    plain = saved(picture(3), "JPEG")
    start = 4 + struct.unpack_from(">H", plain, 4)[0]
    jfif = {"unit_none": (0, 1, 1), "ratio": (0, 2, 1), "inch": (1, 300, 150), "cm": (2, 100, 50), "zero": (1, 0, 0)}
    wanted: dict[str, tuple[Any, Any]] = {"unit_none": (None, None), "ratio": (None, (2, 1)), "inch": ((300, 150), None),
                                          "cm": ((254, 127), None), "zero": (None, None)}
    for name, (unit, x, y) in jfif.items():
        data = plain[:2] + segment(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", unit, x, y, 0, 0)) + plain[start:]
        yield Odd(kind, f"{name}.jpg", data, checks=[has_dpi(*wanted[name])], notes=())
    yield Odd(kind, "no_jfif.jpg", plain[:2] + plain[start:], checks=[has_dpi(None)], notes=())
    for name, (unit, x, y) in {"metre": (1, 11811, 5906), "unit_none": (0, 3, 3), "ratio": (0, 2, 1)}.items():
        data = png(picture(3), chunks=chunk(b"pHYs", struct.pack(">IIB", x, y, unit)))
        yield Odd(kind, f"{name}.png", data, checks=[has_dpi((300, 150) if unit else None, (2,
                  1) if name == "ratio" else None)])
    yield Odd(kind, "none.png", png(picture(3)), checks=[has_dpi(None)], notes=())
    for channels in (1, 3):
        for unit, name, dpi in ((2, "inch", (300, 150)), (3, "cm", (762, 381)), (1, "unit_none", None)):
            data = tiff(picture(channels), resolution=(300, 150), resolutionunit=unit)
            yield Odd(kind, f"{name}_{channels}.tif", data, checks=[has_dpi(dpi, (2, 1) if dpi is None else None)])
        yield Odd(kind, f"one_{channels}.tif", tiff(picture(channels), resolution=(1, 1), resolutionunit=1),
                  checks=[has_dpi(None)])
    for order in "<>":
        res = {282: (5, struct.pack(order + "II", 300, 1)), 283: (5, struct.pack(order + "II", 150, 1)),
               296: (3, struct.pack(order + "H", 2))}
        for container in ("WEBP", "PNG"):
            data = in_container(container, picture(3), exif_block(order, res))
            yield Odd(kind, f"exif_{order}.{container.lower()}", data, checks=[has_dpi((300, 150))], notes=())


def srgb(linear: Array) -> Array:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


SRGB_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
ADOBE_XYZ = np.array([[0.5767309, 0.1855540, 0.1881852], [0.2973769, 0.6273491, 0.0752741], [0.0270343, 0.0706872, 0.9911085]])


def from_adobe(codes: Array, gamma: float = 563 / 256) -> Array:
    top = np.iinfo(codes.dtype).max
    linear = (codes / top) ** gamma @ (np.linalg.inv(SRGB_XYZ) @ ADOBE_XYZ).T
    return np.rint(np.clip(srgb(np.clip(linear, 0, 1)), 0, 1) * top).astype(codes.dtype)


def gammas() -> Iterator[Odd]:
    kind = "11 gAMA and cHRM of a PNG"
    adobe = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
    plain = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        top = np.iinfo(dtype).max
        for channels in (1, 3):
            pixels = picture(channels, dtype)
            for gamma in (0.55556, 1.0, 0.45455):
                sign = chunk(b"gAMA", struct.pack(">I", round(gamma * 1e5)))
                wanted = pixels if gamma == 0.45455 else np.rint(srgb((pixels / top) ** (1 / gamma)) * top).astype(dtype)
                tolerance = 0 if gamma == 0.45455 else 1 if bits == 8 else 24
                yield Odd(kind, f"gamma_{gamma}_{channels}_{bits}.png", png(pixels, bits, sign), wanted, tolerance, notes=())
            yield Odd(kind, f"srgb_too_{channels}_{bits}.png",
                      png(pixels, bits, chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0")), pixels, notes=())
        pixels = picture(3, dtype)
        sign = chunk(b"gAMA", struct.pack(">I", 45455))
        yield Odd(kind, f"adobe_{bits}.png", png(pixels, bits, sign + adobe), from_adobe(pixels, 2.2),
                  3 if bits == 8 else 200, notes=())
        yield Odd(kind, f"plain_{bits}.png", png(pixels, bits, sign + plain), pixels, notes=())


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="1926-05-01T09:00:00"%b>%b'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
TURNS: dict[int, Callable[[Array], Array]] = {
    1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud, 5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1), 7: lambda p: np.rot90(p, 2).swapaxes(0, 1), 8: lambda p: np.rot90(p, 1),
}


def raw_profile(name: str, data: bytes) -> bytes:
    digits = data.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"Raw profile type {name}\0".encode() + b"\0" + zlib.compress(f"\n{name}\n{len(data):8d}\n{lines}\n".encode())


def raw_profiles() -> Iterator[Odd]:
    kind = "12 raw profiles of a PNG"
    text = WORDS["utf-8"].encode()
    for orientation, turn in TURNS.items():
        block = exif_block("<", {270: (2, text + b"\0"), 274: (3, struct.pack("<H", orientation))})
        for name in ("exif", "APP1"):
            data = png(picture(3), chunks=chunk(b"zTXt", raw_profile(name, block)))
            yield Odd(kind, f"{name}_{orientation}.png", data, np.ascontiguousarray(turn(picture(3))),
                      checks=[has_bytes(text)], notes=())
    packet = XMP % (b"", b"")
    for name, content in (("xmp", packet), ("APP1", b"http://ns.adobe.com/xap/1.0/\0" + packet)):
        yield Odd(kind, f"xmp_{name}.png", png(picture(3), chunks=chunk(b"zTXt", raw_profile(name, content))),
                  picture(3), checks=[has_bytes(b"1926-05-01T09:00:00")], notes=())
    iptc = b"\x1c\x02\x05" + struct.pack(">H", len(text)) + text
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)

    def has_iptc(photo: Photo, path: Path) -> str:
        return "" if photo.iptc == iptc and (path.suffix == ".webp" or read_photo(path).iptc == iptc) else "the IPTC is lost"

    for name, content in (("iptc", iptc), ("iptc", resource), ("8bim", resource)):
        yield Odd(kind, f"{name}_{len(content)}.png", png(picture(3), behind=chunk(b"zTXt", raw_profile(name, content))),
                  picture(3), checks=[has_iptc], notes=())


def gone() -> Iterator[Odd]:
    kind = "13 what describes things that are gone"
    camera, container = b"http://ns.google.com/photos/1.0/camera/", b"http://ns.google.com/photos/1.0/container/"
    packets = {
        "motion": XMP % (b' xmlns:C="%b" C:MotionPhoto="1" C:MicroVideoOffset="4096"' % camera, b""),
        "container": XMP % (b' xmlns:K="%b"' % container, b"<K:Directory><rdf:Seq><rdf:li>a</rdf:li></rdf:Seq></K:Directory>"),
        "gain map": XMP % (b' xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0" h:GainMapMax="3"', b""),
        "depth": XMP % (b' xmlns:d="http://ns.google.com/photos/1.0/depthmap/" d:Near="1"', b""),
        "thumbnail": XMP % (b"", b"<xmp:Thumbnails><rdf:Alt><rdf:li>abc</rdf:li></rdf:Alt></xmp:Thumbnails>"),
    }
    lost = has_none(b"MotionPhoto", b"MicroVideo", b"Directory", b"GainMapMax", b":Near=", b"Thumbnails")
    for name, packet in packets.items():
        jpeg = with_segments(saved(picture(3), "JPEG"), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
        sign = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
        for suffix, data in ((".jpg", jpeg), (".png", png(picture(3), chunks=sign)),
                             (".tif", tiff(picture(3), extratags=[(700, "B", len(packet), packet, True)]))):
            yield Odd(kind, name + suffix, data, checks=[lost, has_bytes(b"1926-05-01T09:00:00")], notes=("left out",))
    two = saved(picture(3), "MPO", save_all=True, append_images=[Image.fromarray(picture(3)[::-1].copy())])
    yield Odd(kind, "two.mpo.jpg", two, notes=("MPF",), checks=[has_none(b"MPF\0")])
    store = b"\0\0\0\x29jumb\0\0\0\x21jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"
    block = segment(0xEB, b"JP\0\1\0\0\0\1" + store)
    yield Odd(kind, "credentials.jpg", with_segments(saved(picture(3), "JPEG"), block), notes=("Content Credentials",))
    yield Odd(kind, "credentials.png", png(picture(3), chunks=chunk(b"caBX", store)), notes=("Content Credentials",))
    yield Odd(kind, "credentials.tif", tiff(picture(3), extratags=[(52545, "B", len(store), store, True)]),
              notes=("Content Credentials",))


def wrong_suffixes() -> Iterator[Odd]:
    kind = "15 content other than the suffix"

    def is_told(photo: Photo, path: Path) -> str:
        told = write_photo(path, photo.pixels, photo)
        return "" if (path.suffix in (".jpg", ".webp")) == any("16 bits were rounded" in note for note in told) else "not told"

    for channels in (1, 3):
        deep = picture(channels, np.uint16)
        for suffix in (".jpg", ".png", ".webp", ".gif"):
            yield Odd(kind, f"tiff_{channels}{suffix}", tiff(deep), deep, checks=[is_told], notes=())
        yield Odd(kind, f"png_{channels}.jpg", png(deep, 16), deep, checks=[is_told], notes=())
        yield Odd(kind, f"jpeg_{channels}.tif", saved(picture(channels), "JPEG", quality=100, subsampling=0),
                  tolerance=3, notes=())


def compressions() -> Iterator[Odd]:
    kind = "16 compressions of a TIFF"
    lossless = ("none", "lzw", "deflate", "packbits", "zstd", "lzma", "jpeg2000", "jpegxl", "png", "lerc")
    for name in lossless:
        for channels in (1, 3):
            for dtype in (np.uint8, np.uint16):
                pixels = picture(channels, dtype)
                codec: dict[str, Any] = {"compression": None if name == "none" else name}
                if name in ("jpeg2000", "jpegxl"):
                    codec["compressionargs"] = {"level": 0} if name == "jpeg2000" else {"lossless": True}
                for layout, more in (("strips", {"rowsperstrip": 16}), ("tiles", {"tile": (16, 16)})):
                    yield Odd(kind, f"{name}_{channels}_{np.dtype(dtype).name}_{layout}", tiff(pixels, **codec,
                              **more), pixels, notes=())
    for name in ("jpeg", "webp"):
        for channels in (1, 3):
            if name == "webp" and channels == 1:
                continue
            data = tiff(picture(channels), compression=name, compressionargs={"level": 95})
            wanted = tifffile.imread(io.BytesIO(data))
            yield Odd(kind, f"{name}_{channels}", data, wanted, 3, notes=())
    bits = picture(1) > 127
    for name in ("group3", "group4", "tiff_ccitt", "packbits"):
        yield Odd(kind, f"bits_{name}", saved(Image.fromarray(bits), "TIFF", compression=name), np.where(bits, 255,
                  0).astype(np.uint8))


def layouts() -> Iterator[Odd]:
    kind = "16 layouts of a TIFF"
    for dtype in (np.uint8, np.uint16):
        pixels = picture(3, dtype)
        planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
        for order in "<>":
            for big in (False, True):
                for name, samples, more in (
                    ("contig", pixels, {}), ("tiles", pixels, {"tile": (16, 16)}),
                        ("planes", planes, {"planarconfig": "separate"}),
                    ("planes_tiles", planes, {"planarconfig": "separate", "tile": (16, 16)}),
                    ("planes_strips", planes, {"planarconfig": "separate", "rowsperstrip": 7, "compression": "deflate"}),
                ):
                    data = tiff(samples, photometric="rgb", byteorder=order, bigtiff=big, **more)
                    yield Odd(kind, f"{name}_{np.dtype(dtype).name}_{order}_{big}", data, pixels, notes=())
        white = tiff(picture(1, dtype), photometric="miniswhite")
        yield Odd(kind, f"white_is_zero_{np.dtype(dtype).name}", white, np.iinfo(dtype).max - picture(1, dtype), notes=())


def depths() -> Iterator[Odd]:
    kind = "16 depths of a TIFF"
    for bits in (9, 10, 11, 12, 13, 14, 15):
        for channels in (1, 3):
            samples = picture(channels, np.uint16) >> (16 - bits)
            wanted = np.rint(samples * (65535 / ((1 << bits) - 1))).astype(np.uint16)
            yield Odd(kind, f"packed_{bits}_{channels}", tiff(samples, bitspersample=bits), wanted, 1, notes=())
    for bits in (2, 4):
        samples = picture(1) >> (8 - bits)
        wanted = np.rint(samples * (255 / ((1 << bits) - 1))).astype(np.uint8)
        yield Odd(kind, f"packed_{bits}", tiff(samples, bitspersample=bits), wanted, notes=())
    deep = picture(1, np.uint32)
    yield Odd(kind, "uint32", tiff(deep), (deep >> 16).astype(np.uint16), notes=("upper 16 bits",))
    yield Odd(kind, "uint64", tiff(picture(1, np.uint64) >> np.uint64(1)), None, notes=("upper 16 bits",))
    yield Odd(kind, "int16", tiff((picture(1, np.uint16) >> 1).astype(np.int16)), picture(1, np.uint16) >> 1)
    yield Odd(kind, "int16_below_zero", tiff(np.full((8, 9), -3, np.int16)), refused="below zero")
    yield Odd(kind, "sensor", tiff(picture(1, np.uint16), photometric="cfa"), refused="raw sensor data")


def unusual() -> Iterator[Odd]:
    kind = "16 unusual samples, PNG and JPEG"
    for dtype in (np.uint8, np.uint16):
        name = np.dtype(dtype).name
        for channels, extra in ((1, 1), (3, 1), (3, 2)):
            pixels = picture(channels + extra, dtype)
            data = tiff(pixels, photometric="rgb" if channels == 3 else "minisblack", planarconfig="contig",
                        extrasamples=["unspecified"] * extra)
            wanted = pixels[..., 0] if channels == 1 else np.ascontiguousarray(pixels[..., :3])
            yield Odd(kind, f"infrared_{channels}_{extra}_{name}", data, wanted, notes=("infrared",))
    neutral = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    neutral[..., 0] = picture(1, np.uint16)
    light = neutral[..., 0] / 65535 * 100
    y = np.where(light > 8, ((light + 16) / 116) ** 3, light * 27 / 24389)
    wanted = np.repeat(np.rint(srgb(y) * 65535).astype(np.uint16)[..., None], 3, axis=2)
    yield Odd(kind, "lab_16", tiff(neutral, photometric="cielab"), wanted, 160)
    yield Odd(kind, "lab_8", tiff((neutral >> 8).astype(np.uint8), photometric="cielab"), (wanted >> 8).astype(np.uint8), 2)
    for subsampling in ((1, 1), (2, 2), (2, 1)):
        data = tiff(picture(3), photometric="ycbcr", compression="jpeg", subsampling=subsampling)
        yield Odd(kind, f"ycbcr_jpeg_{subsampling[0]}{subsampling[1]}", data, tifffile.imread(io.BytesIO(data)), 60, notes=())
    for channels in (1, 3):
        for bits in (8, 12):
            samples = picture(channels) if bits == 8 else picture(channels, np.uint16) >> 4
            if bits == 12:
                data = imagecodecs.jpeg8_encode(samples, level=100, bitspersample=12)
                wanted = np.rint(imagecodecs.jpeg8_decode(data) * (65535 / 4095)).astype(np.uint16)
                yield Odd(kind, f"jpeg_12_{channels}.jpg", data, wanted, 1)
            ls = imagecodecs.jpegls_encode(samples)
            yield Odd(kind, f"jpegls_{bits}_{channels}.jpg", ls, None if bits == 12 else samples)
    text = chunk(b"tEXt", b"Title\0" + b"x" * 3_000_000)
    packed = chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"x" * 3_000_000))
    bad = bytearray(chunk(b"tEXt", b"Title\0Hall"))
    bad[-1] ^= 1
    for name, more in (("long_text", text), ("long_packed", packed), ("bad_checksum", bytes(bad))):
        for bits, dtype in ((8, np.uint8), (16, np.uint16)):
            yield Odd(kind, f"{name}_{bits}.png", png(picture(3, dtype), bits, more), picture(3, dtype))
    broken = bytearray(png(picture(3)))
    broken[broken.index(b"IDAT") + 40] ^= 1
    yield Odd(kind, "bad_pixels.png", bytes(broken), refused="damaged")


def transparent() -> Iterator[Odd]:
    kind = "17 transparent color of a PNG"
    for bits in (1, 2, 4, 8, 16):
        dtype = np.uint16 if bits == 16 else np.uint8
        top = (1 << bits) - 1
        codes = (picture(1, np.uint16) >> (16 - bits)).astype(dtype)
        for chosen in sorted({0, top // 2, top}):
            full = np.iinfo(dtype).max
            wanted = np.rint(codes * (full / top)).astype(dtype)
            wanted[codes == chosen] = full
            sign = chunk(b"tRNS", struct.pack(">H", chosen))
            yield Odd(kind, f"gray_{bits}_{chosen}.png", png(codes, bits, sign), wanted, notes=("transparency",))
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        pixels = picture(3, dtype)
        chosen = pixels[5, 7]
        wanted = pixels.copy()
        wanted[(pixels == chosen).all(axis=-1)] = np.iinfo(dtype).max
        sign = chunk(b"tRNS", struct.pack(">3H", *(int(one) for one in chosen)))
        yield Odd(kind, f"color_{bits}.png", png(pixels, bits, sign), wanted, notes=("transparency",))


def comments() -> Iterator[Odd]:
    kind = "18 comments of a JPEG"
    for coding, words in WORDS.items():
        for count in (1, 3):
            texts = [words.encode(coding) + b"%d" % number for number in range(count)]

            def kept(photo: Photo, path: Path, texts: list[bytes] = texts) -> str:
                if photo.comments != tuple(texts):
                    return f"{photo.comments}"
                data = path.read_bytes()
                return "" if path.suffix != ".jpg" or all(segment(0xFE, one) in data for one in texts) else "a comment is lost"

            data = with_segments(saved(picture(3), "JPEG"), *(segment(0xFE, one) for one in texts))
            yield Odd(kind, f"{coding}_{count}.jpg", data, checks=[kept], notes=())


def adobe() -> Iterator[Odd]:
    kind = "19 Adobe RGB by EXIF"
    for order in "<>":
        for index, is_adobe in ((b"R03\0", True), (b"R98\0", False)):
            block = exif_block(order, {271: (2, b"Camera\0")}, {40961: (3, struct.pack(order + "H", 65535))}, index)
            exact = in_container("PNG", picture(3), block)
            wanted = from_adobe(picture(3)) if is_adobe else picture(3)
            yield Odd(kind, f"{index[:3].decode()}_{ord(order)}.png", exact, wanted, 3 if is_adobe else 0, notes=())
            jpeg = in_container("JPEG", picture(3), block)
            with Image.open(io.BytesIO(jpeg)) as image:
                codes = np.asarray(image)
            wanted = from_adobe(codes) if is_adobe else codes
            yield Odd(kind, f"{index[:3].decode()}_{ord(order)}.jpg", jpeg, wanted, 3 if is_adobe else 0, notes=(),
                      checks=[has_none(b"R03\0")])


def without_photometric() -> Iterator[Odd]:
    kind = "20 no photometric interpretation"
    for dtype in (np.uint8, np.uint16):
        for order in "<>":
            for more in ({}, {"compression": "deflate"}):
                data = bytearray(tiff(picture(1, dtype), byteorder=order, **more))
                (start,) = struct.unpack_from(order + "I", data, 4)
                (count,) = struct.unpack_from(order + "H", data, start)
                for at in range(start + 2, start + 2 + 12 * count, 12):
                    if struct.unpack_from(order + "H", data, at)[0] == 262:
                        struct.pack_into(order + "HHIHH", data, at, 263, 3, 1, 1, 0)  # Threshholding, which says nothing
                yield Odd(kind, f"{np.dtype(dtype).name}_{ord(order)}_{len(more)}.tif", bytes(data), picture(1,
                          dtype), notes=())


def others() -> Iterator[Odd]:
    kind = "kinds that decoders bend"
    for channels in (1, 3):
        deep, eight = picture(channels, np.uint16), picture(channels)
        wanted = np.rint((deep >> 4) * (65535 / 4095)).astype(np.uint16)
        for codec in ("JP2", "J2K"):
            data = imagecodecs.jpeg2k_encode(deep >> 4, level=0, codecformat=codec, bitspersample=12)
            yield Odd(kind, f"12_bits_{channels}.{codec.lower()}", data, wanted, 1)
        data = imagecodecs.jpegxl_encode(deep >> 4, lossless=True, bitspersample=12)
        yield Odd(kind, f"12_bits_{channels}.jxl", data, wanted, 1)
        lossless = imagecodecs.ljpeg_encode(deep, bitspersample=16) if channels == 1 else None
        twelve = imagecodecs.jpeg8_encode(deep >> 4, level=100, bitspersample=12)
        for name, data in {"lossless": lossless, "12_bits": twelve}.items():
            if data is not None:
                yield Odd(kind, f"{name}_{channels}_cut.jpg", data[: len(data) * 99 // 100], refused="its end is missing")
                yield Odd(kind, f"{name}_{channels}.jpg", data, deep if data is lossless else None, notes=())
        jpeg = saved(eight, "JPEG", quality=100, subsampling=0)
        exact = np.asarray(Image.open(io.BytesIO(jpeg)))
        # Not every build of libtiff reads the gray one.
        refused = "decoder" if channels == 1 else ""
        yield Odd(kind, f"old_jpeg_{channels}.tif", old_jpeg(jpeg, channels), exact, 2, refused=refused)
        yield Odd(kind, f"old_jpeg_{channels}_cut.tif", old_jpeg(jpeg, channels)[:-40], refused="cut off")
        for dtype in (np.float32, np.float64):
            data = tiff((eight / 255).astype(dtype), predictor=True, compression="deflate")
            yield Odd(kind, f"predictor_{channels}_{np.dtype(dtype).name}.tif", data, np.uint16(257) * eight, 1, notes=())
    faint = np.dstack([picture(1), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    data = imagecodecs.jpeg2k_encode(faint, level=0, codecformat="JP2")
    yield Odd(kind, "gray_and_alpha.jp2", data, over_white(picture(1), faint[..., 1]), 1, notes=("transparency",))
    few = imagecodecs.jpeg2k_encode(picture(1) >> 4, level=0, codecformat="JP2", bitspersample=4)
    yield Odd(kind, "4_bits.jp2", few, (picture(1) >> 4) * np.uint8(17), notes=())
    inks = imagecodecs.jpeg2k_encode(255 - np.dstack([picture(3), np.full((HEIGHT, WIDTH), 255, np.uint8)]), level=0,
                                     codecformat="JP2")
    inks = inks.replace(b"colr\1\0\0\0\0\0\x10", b"colr\1\0\0\0\0\0\x0c")
    yield Odd(kind, "four_inks.jp2", inks, picture(3), 120, notes=("CMYK",))
    colors = picture(3)
    palette = Image.fromarray(colors).quantize(64)
    table = np.array(palette.getpalette(), np.uint16).reshape(-1, 3)
    table = np.pad(table, ((0, 256 - len(table)), (0, 0)))
    shown = table[np.asarray(palette)].astype(np.uint8)
    for scale in (1, 257):  # some programs write colors of 8 bits
        data = tiff(np.asarray(palette), photometric="palette", colormap=table.T * scale)
        yield Odd(kind, f"palette_{scale}.tif", data, shown)
    packed = (colors.astype(np.uint16) >> (3, 2, 3)) @ np.array([2048, 32, 1], np.uint16)
    high = [np.rint((colors[..., i] >> by) * (255 / (255 >> by))) for i, by in enumerate((3, 2, 3))]
    head = struct.pack("<IiiHHIIiiII3I", 40, WIDTH, -HEIGHT, 1, 16, 3, packed.nbytes, 11811, 5906, 0, 0, 0xF800, 0x7E0, 0x1F)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + packed.astype("<u2").tobytes()
    yield Odd(kind, "565.bmp", data, np.dstack(high).astype(np.uint8), 7, checks=[has_dpi((300, 150))], notes=())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, WIDTH, -HEIGHT, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(16) + b"DEBM" + bytes(48)
    head += struct.pack("<IIII", 4, 124 + colors.nbytes, len(profile), 0)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + colors[..., ::-1].tobytes() + profile
    has_profile = [lambda photo, _: "" if photo.icc == profile else "no profile"]
    yield Odd(kind, "profile.bmp", data, colors, checks=has_profile, notes=())
    packet = XMP % (b"", b"")
    gif, extra = saved(palette, "GIF"), b"!\xff\x0bXMP DataXMP" + packet + bytes((1, *range(255, -1, -1), 0))
    extra = b"!\xfe\x05hello" + bytes(1) + extra
    at = 13 + (3 << (gif[10] & 7) + 1)
    yield Odd(kind, "told.gif", gif[:at] + extra + gif[at:], np.asarray(palette.convert("RGB")), checks=[
        lambda photo, _: "" if photo.xmp == packet and photo.comments == (b"hello",) else "no XMP or comment",
    ], notes=())


def old_jpeg(jpeg: bytes, channels: int) -> bytes:
    """A TIFF 6.0 of the compression that came before the one of today."""
    tags = {256: WIDTH, 257: HEIGHT, 258: 8, 259: 6, 262: 6 if channels == 3 else 1, 273: 0, 277: channels, 278: HEIGHT,
            279: len(jpeg), 513: 0, 514: len(jpeg)}
    place = 8 + 2 + 12 * len(tags) + 4 + 6
    entries = b""
    for tag, number in tags.items():
        held = (3, 3, place - 6) if tag == 258 and channels == 3 else (4, 1, place if tag in (273, 513) else number)
        entries += struct.pack("<HHII", tag, *held)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + struct.pack("<3H", 8, 8, 8) + jpeg


if __name__ == "__main__":
    sys.exit(main())
