"""What `fuzz.py` mutates: how a case is made, what reading it does, and how one knows that what was read is wrong."""

import hashlib
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from dancheong.artifact import Artifact, read_artifact, write_artifact
from dancheong.artifact.index import write_index
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import Photo, PhotoError, read_photo, read_size, write_photo
from dancheong.params import DancheongError, ParamError, Params, resolve
from dancheong.params.sources import TableRow, read_table, write_table
from dancheong.scenes import scene

_BYTES = (0, 1, 2, 4, 7, 8, 16, 32, 64, 127, 128, 129, 254, 255)
_WORDS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True)
class Case:
    """What the mutation was: the file it began with, and what was done to it."""

    seed_name: str
    kind: str


class Target:
    """Files of one kind. `expected`: the errors that refuse one in words."""

    expected: tuple[type[Exception], ...] = ()

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.seeds: dict[str, bytes] = {}

    def case(self, number: int) -> tuple[Path, bytes, Case]:
        """Name, content and description of a case; depends on the seed and the number alone."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Load in the worker what is needed, before its memory is limited."""

    def attempt(self, path: Path, case: Case) -> str:
        """Read the file. Words where it was read as something that it is not."""
        raise NotImplementedError

    def _begin(self, number: int) -> tuple[random.Random, str, bytearray]:
        rng = random.Random(f"{self.seed}:{type(self).__name__}:{number}")
        name = rng.choice(sorted(self.seeds))
        return rng, name, bytearray(self.seeds[name])


def mutated(rng: random.Random, data: bytearray, other: bytes, first: int = 0) -> tuple[bytes, str]:
    """One to four changes: bits, bytes, numbers, blocks; or the end cut off. Half of them near the beginning."""
    kind = rng.choice(("bits", "bytes", "numbers", "block", "splice", "cut"))
    if kind == "cut":
        return bytes(data[: rng.randrange(first, len(data))]), kind
    for _ in range(rng.choice((1, 1, 2, 4))):
        if len(data) <= first + 9:
            break
        stop = len(data) if rng.random() < 0.5 else min(len(data), first + 600)
        at = rng.randrange(first, stop)
        if kind == "bits":
            data[at] ^= 1 << rng.randrange(8)
        elif kind == "bytes":
            data[at] = rng.choice((*_BYTES, rng.randrange(256)))
        elif kind == "numbers":
            order, size = rng.choice(("<", ">")), rng.choice("HIQ")
            number = rng.choice(_WORDS) & (1 << 8 * struct.calcsize(size)) - 1
            at = min(at, len(data) - 8)
            struct.pack_into(order + size, data, at, number)
        else:
            length = rng.choice((1, 2, 4, 12, 64, 300))
            source = bytes(data) if kind == "block" else other
            start = rng.randrange(len(source))
            block = source[start : start + length] if rng.random() < 0.7 else b""
            data[at : at + rng.choice((0, len(block), length))] = block
    return bytes(data), kind


class Images(Target):
    """Photographs of every format and depth, with color profiles and metadata."""

    expected = (PhotoError,)

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        # In a process of their own: libvips has threads, which do not go with a fork.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            self.seeds, self.originals = pool.submit(_seeds_and_pixels, folder).result()

    def case(self, number: int) -> tuple[Path, bytes, Case]:
        rng, name, data = self._begin(number)
        changed, kind = mutated(rng, data, self.seeds[rng.choice(sorted(self.seeds))])
        if name.endswith(".png") and kind != "cut" and rng.random() < 0.6:
            changed, kind = _sums_mended(changed), f"{kind}, sums mended"
        return self.folder / f"case_{number}{Path(name).suffix}", changed, Case(name, kind)

    def attempt(self, path: Path, case: Case) -> str:
        photo = read_photo(path)
        pixels = photo.pixels
        if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3) or not pixels.size:
            return f"{pixels.dtype} {pixels.shape}"
        if pixels.shape[1::-1] != read_size(path):
            return f"{pixels.shape} and a size of {read_size(path)}"
        original = self.originals[case.seed_name]
        if case.kind == "cut" and not (pixels.shape == original.shape and np.array_equal(pixels, original)):
            return "a file without its end was read as another picture"
        # What was read can be written with all that came with it, and read again.
        for suffix in (".png", ".tif"):
            out = path.with_name(f"again_{path.stem}{suffix}")
            write_photo(out, pixels, photo)
            again = read_photo(out)
            if again.pixels.dtype != pixels.dtype or not np.array_equal(again.pixels, pixels):
                return f"the picture is another one after {suffix}"
            out.unlink()
        out = path.with_name(f"again_{path.stem}.jpg")
        write_photo(out, pixels[:64, :64], photo)
        out.unlink()
        return ""


def _seeds_and_pixels(folder: Path) -> tuple[dict[str, bytes], dict[str, np.ndarray[Any, Any]]]:
    seeds = _image_seeds(folder)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)
    return seeds, {name: read_photo(folder / name).pixels for name in seeds}


def _image_seeds(folder: Path) -> dict[str, bytes]:
    color = scene(3, 48, 32)
    gray = gray_of(color)
    deep = color.astype(np.uint16) * np.uint16(257)
    exif = Image.Exif()
    exif[271], exif[274], exif[306], exif[33432] = "Camera", 6, "1926:05:01 10:00:00", "An archive"
    exif[34665] = {36867: "1926:05:01 09:00:00", 37386: 50.0}
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' \
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/tiff"/>' \
        b"</rdf:RDF></x:xmpmeta>"
    iptc = b"\x1c\x02\x05\x00\x05title"
    like = Photo(color, "TIFF", icc=b"any", exif=exif.tobytes(), dpi=(300.0, 300.0), xmp=packet, iptc=iptc)
    seeds = {}
    for name, pixels in {"color": color, "gray": gray, "deep": deep, "deepgray": deep[..., 1]}.items():
        for suffix in (".png", ".tif", ".jpg", ".webp"):
            if suffix in (".jpg", ".webp") and pixels.dtype == np.uint16:
                continue
            write_photo(folder / f"seed{suffix}", pixels, like)
            seeds[f"{name}{suffix}"] = (folder / f"seed{suffix}").read_bytes()
    picture = Image.fromarray(color)
    made: list[tuple[str, Image.Image, str, dict[str, Any]]] = [
        ("oneBit.tif", picture.convert("1"), "TIFF", {"compression": "group4"}),
        ("oneBit.png", picture.convert("1"), "PNG", {}),
        ("palette.png", picture.quantize(16), "PNG", {"transparency": 3}),
        ("palette.tif", picture.quantize(16), "TIFF", {}),
        ("alpha.png", picture.convert("RGBA"), "PNG", {"exif": exif.tobytes()}),
        ("alpha.webp", picture.convert("RGBA"), "WEBP", {"lossless": True}),
        ("cmyk.jpg", picture.convert("CMYK"), "JPEG", {"exif": exif.tobytes()}),
        ("cmyk.tif", picture.convert("CMYK"), "TIFF", {"compression": "tiff_lzw"}),
        ("float.tif", Image.fromarray(gray.astype(np.float32) / 255), "TIFF", {}),
        ("lab.tif", Image.frombytes("LAB", (16, 16), bytes(768)), "TIFF", {}),
        ("progressive.jpg", picture, "JPEG", {"progressive": True, "exif": exif.tobytes()}),
        ("jpeg.tif", picture, "TIFF", {"compression": "jpeg"}),
        ("packbits.tif", picture, "TIFF", {"compression": "packbits"}),
        ("color.avif", picture, "AVIF", {"exif": exif.tobytes()}),
        ("palette.gif", picture.quantize(64), "GIF", {}),
        ("zstd.tif", picture, "TIFF", {"compression": "zstd"}),
        ("color.bmp", picture, "BMP", {}),
        ("pages.tif", picture, "TIFF", {"save_all": True, "append_images": [picture.convert("L")]}),
    ]
    for name, given in {"tiles.tif": color, "deeptiles.tif": deep}.items():
        made_of = io.BytesIO()
        tifffile.imwrite(made_of, given, tile=(16, 16), compression="deflate", photometric="rgb", metadata=None)
        seeds[name] = made_of.getvalue()
    seeds["text.pgm"] = b"P5 48 32 255\n" + gray.tobytes()
    for name, image, kind, options in made:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        seeds[name] = buffer.getvalue()
    return seeds


def _sums_mended(data: bytes) -> bytes:
    """A PNG whose checksums fit again, so that the change gets further than the first check."""
    parts, at = [data[:8]], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)


class Tables(Target):
    """Parameter tables as CSV files and as workbooks."""

    expected = (ParamError, DancheongError)

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        rows = [TableRow("COMMON", "RESOL", "128"), TableRow("COMMON", "LR", "0.0002", comment="논문의 값, \"as published\""),
                TableRow("GOGUNG", "GLARE_MODE", "off"), TableRow("GOGUNG", "LAMBDA_L1", "100", use=False)]
        for suffix in (".csv", ".xlsx"):
            write_table(folder / f"seed{suffix}", rows)
            self.seeds[f"table{suffix}"] = (folder / f"seed{suffix}").read_bytes()
        text = self.seeds["table.csv"].decode("utf-8-sig")
        self.seeds |= {"korean.csv": text.encode("cp949"), "lines.csv": text.replace("\n", "\r\n").encode(),
                       "second.xlsx": self.seeds["table.xlsx"], "third.xlsx": self.seeds["table.xlsx"]}
        self.rows = [_plain(row) for row in read_table(folder / "seed.xlsx")]

    def prepare(self) -> None:
        self.attempt(self.folder / "seed.xlsx", Case("table.xlsx", ""))

    def case(self, number: int) -> tuple[Path, bytes, Case]:
        rng, name, data = self._begin(number)
        other = self.seeds[rng.choice(sorted(self.seeds))]
        if name.endswith(".xlsx") and rng.random() < 0.6:
            changed, kind = _zip_changed(rng, bytes(data)), "a member"
        else:
            changed, kind = mutated(rng, data, other)
        return self.folder / f"case_{number}{Path(name).suffix}", changed, Case(name, kind)

    def attempt(self, path: Path, case: Case) -> str:
        rows = read_table(path)
        for row in rows:
            if not all(isinstance(text, str) for text in (row.category, row.name, row.value, row.comment)):
                return f"a row without text: {row}"
        found = [_plain(row) for row in rows]
        # A workbook has checksums: a damaged one is refused, or says what it said.
        if path.suffix == ".xlsx" and case.kind in ("bits", "bytes", "numbers", "cut") and found != self.rows:
            return f"a damaged workbook was read as {found}"[:300]
        for category in ("COMMON", "GOGUNG"):
            params = resolve(rows, category).params
            if Params(**params.model_dump()) != params:
                return "parameters that are not their own values"
        again = path.with_name("again.csv")
        write_table(again, rows)
        return "" if [_plain(row) for row in read_table(again)] == found else "written and read again, the rows are others"


def _plain(row: TableRow) -> tuple[str, str, str, bool, str]:
    return row.category, row.name, row.value, row.use, row.comment


def _zip_changed(rng: random.Random, data: bytes) -> bytes:
    """A workbook with a change inside one of its members, all checksums right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as result:
        members = source.namelist()
        chosen = rng.choice(members)
        for name in members:
            content = source.read(name)
            if name == chosen:
                content = mutated(rng, bytearray(content), content)[0]
            result.writestr(name, content)
    return buffer.getvalue()


class Models(Target):
    """Model files: damaged, with a damaged index under right digests, and with hostile content under digests that all fit."""

    expected = (DancheongError,)

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.artifacts: dict[str, Artifact] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        for name, artifact in _artifacts().items():
            write_artifact(folder / "seed.h5", artifact)
            self.seeds[name] = (folder / "seed.h5").read_bytes()
            self.artifacts[name] = read_artifact(folder / "seed.h5")
            self.rows[name] = json.loads(self.seeds[name].split(b"\n", 2)[2].split(b"\0", 1)[0])["members"]
        self.picture = gray_of(scene(3, 40, 24))

    def prepare(self) -> None:
        import torch

        torch.set_num_threads(1)
        for runtime in ("onnx", "torch"):
            for name, data in self.seeds.items():
                path = self.folder / f"{name}.h5"
                path.write_bytes(data)
                self._color(path, runtime)

    def case(self, number: int) -> tuple[Path, bytes, Case]:
        rng, name, data = self._begin(number)
        path = self.folder / f"case_{number}.h5"
        way = rng.choice(("damaged", "index", "index", "forged", "forged"))
        if way == "damaged":
            changed = mutated(rng, data, self.seeds[rng.choice(sorted(self.seeds))])[0]
            return path, changed, Case(name, way if changed != self.seeds[name] else "not damaged")
        if way == "index":
            return path, self._with_index(rng, name, data, path), Case(name, way)
        return path, self._forged(rng, name, data, path), Case(name, f"{way} {rng.choice(('onnx', 'onnx', 'torch'))}")

    def _with_index(self, rng: random.Random, name: str, data: bytearray, path: Path) -> bytes:
        """A number or a word of the index changed, and its digest made right again."""
        rows = {member: dict(row) for member, row in self.rows[name].items()}
        row = rows[rng.choice(sorted(rows))]
        field = rng.choice(("offset", "shape", "dtype"))
        number = rng.choice((0, 1, 511, 1 << 31, 1 << 63, -1, 0.5, None, row["offset"] + rng.randrange(-64, 64)))
        row[field] = number if field == "offset" else (
            rng.choice(("uint8", "float16", "float32", "object")) if field == "dtype" else [*row["shape"], number]
        )
        path.write_bytes(data)
        try:
            write_index(path, rows)
            return path.read_bytes()
        except (TypeError, ValueError, KeyError, OverflowError, MemoryError):  # of these rows no structure can be told
            index = {"bytes": len(data), "members": rows, "structure_sha256": "0" * 64}
            text = json.dumps(index, sort_keys=True).encode()
            head = b"index: %d bytes, sha256 %b\n" % (len(text), hashlib.sha256(text).hexdigest().encode()) + text
            title = data[: data.index(b"\n") + 1]
            return bytes(title + head + data[len(title + head) :])

    def _forged(self, rng: random.Random, name: str, data: bytearray, path: Path) -> bytes:
        """A member changed in its place, and every digest that covers it made right again."""
        rows = {member: dict(row) for member, row in self.rows[name].items()}
        member = rng.choice(("architecture", "architecture", "architecture", "params", "selftest/input", "weights"))
        if member == "weights":
            member = rng.choice(sorted(one for one in rows if one.startswith("weights/")))
        row = rows[member]
        size = int(np.prod(row["shape"], dtype=int)) * np.dtype(row["dtype"]).itemsize
        content = bytes(data[row["offset"] :][:size])
        changed, _ = mutated(rng, bytearray(content), bytes(data))
        changed = changed[:size].ljust(size, b" " if member in ("params", "architecture") else b"\0")
        data[row["offset"] : row["offset"] + size] = changed
        row["sha256"] = hashlib.sha256(changed).hexdigest()
        path.write_bytes(data)
        write_index(path, rows)
        return path.read_bytes()

    def _color(self, path: Path, runtime: str) -> np.ndarray[Any, Any]:
        from dancheong.prediction.colorizer import Colorizer

        return Colorizer.open(path, runtime, threads=1, GLARE_MODE="off")(self.picture)

    def attempt(self, path: Path, case: Case) -> str:
        if case.kind == "damaged":
            read_artifact(path)
            return "a damaged file was read"
        if case.kind in ("index", "not damaged"):
            got, want = read_artifact(path), self.artifacts[case.seed_name]
            equal = got.digest == want.digest and got.architecture == want.architecture and all(
                got.weights[name].tobytes() == weight.tobytes() for name, weight in want.weights.items()
            )
            return "" if equal else "another model was read"
        read_artifact(path)
        color = self._color(path, case.kind.split()[1])
        return "" if color.shape == (*self.picture.shape, 3) and color.dtype == np.uint8 else f"{color.dtype} {color.shape}"


def _artifacts() -> dict[str, Artifact]:
    """Untrained tiny networks that between them use most operators."""
    import torch

    from dancheong.artifact import as_stored
    from dancheong.data.prepare import channels
    from dancheong.models.blocks import initialize
    from dancheong.models.network import Network, load_network, to_weights
    from dancheong.models.table import unet_table

    made = {}
    variants: dict[str, dict[str, Any]] = {
        "batch": {}, "channel": {"COLOR_SPACE": "RGB", "NORM": "channel"},
        "instance": {"NORM": "instance", "UPSAMPLE": "resize"},
    }
    for name, settings in variants.items():
        params = resolve(settings={"RESOL": 16, "NGF": 2,
                                   "ENCODER": "unet", "DEPTH": 2, "GLARE_MODE": "off", **settings}).params
        generator = Network(unet_table(params, *channels(params))).eval()
        initialize(generator, 0)
        weights = {key: as_stored(value) for key, value in to_weights(generator).items()}
        generator = load_network(generator.table, weights).eval()
        example = torch.linspace(-1, 1, 64 * channels(params)[0]).reshape(1, channels(params)[0], 8, 8)
        with torch.no_grad():
            answer = generator(example)
        made[name] = Artifact(
            kind="colorizer", params=params, origins={}, category="COMMON", architecture=generator.table,
            weights=weights, history=[], data={}, scores={},
            selftest_input=example.numpy(), selftest_output=answer.numpy(),
        )
    return made


TARGETS: dict[str, Callable[[Path, int], Target]] = {"images": Images, "tables": Tables, "models": Models}
