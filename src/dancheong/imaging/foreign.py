"""Files that libvips does not read, decoded by OpenCV, imagecodecs, tifffile or pi_heif in a process of their own.

Damaged files have crashed such decoders (pi_heif 1.4, 5 of 2000 mutated files), and none but its own process shall die of it.
That process has the open file as its input and answers with a line of JSON and with bytes.
"""

import io
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dancheong.imaging import jpeg_xl
from dancheong.imaging.formats import format_of

_LIMIT_S = 120
_LIMIT_BYTES = 8 << 30
_MAX_ANSWER_BYTES = 1 << 16
# Module, what to name, extra.
_NEEDED = {
    "imagecodecs": ("imagecodecs", "imagecodecs", "scans"), "tifffile": ("tifffile", "tifffile and imagecodecs", "scans"),
    "heif": ("pi_heif", "pi_heif", "heif"),
}
# Kind of a box, how it begins, what it holds, and from where on.
_BOXES = (
    (b"colr", b"\2", "icc_profile", 3), (b"colr", b"\3", "icc_profile", 3), (b"xml ", b"", "xmp", 0), (b"Exif", b"", "exif", 4),
    (b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), "xmp", 16), (b"uuid", b"JpgTiffExif->JP2", "exif", 16),
    (b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"), "iptc", 16), (b"res ", b"", "resolution", 0),
)
_KEPT_BOXES = (b"jp2h", *(kind for kind, *_ in _BOXES))
_ANOTHER = "open it in another program, and save it as PNG or TIFF"
_FAILED = f"damaged, or of a kind that its decoder does not know; {_ANOTHER}"


class DecoderFailed(ValueError):
    """What is wrong with a file that a decoder gave up, without its name."""


def what_is_missing(decoder: str) -> str:
    """How to install a decoder; empty where it is installed."""
    module, name, extra = _NEEDED.get(decoder, ("", "", ""))
    return f"needs {name}: pip install 'dancheong[{extra}]'" if module and find_spec(module) is None else ""


def decode_elsewhere(
    file: IO[bytes], decoder: str, what: str, offset: int = 0
) -> tuple[NDArray[Any], dict[str, bytes], dict[str, Any]]:
    """Samples as they are stored, parts (EXIF, XMP, profile), and what else the decoder says.

    Args:
        file: open at any place; it is read from its first byte.
        what: "header" (an array of the size and no memory) or "pixels".
        offset: of a TIFF's directory.

    Raises:
        DecoderFailed: the file is damaged, or took too long.
    """
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    # -P: no module is taken from the folder that one happens to be in, which may be one of strangers' files.
    command = [sys.executable, "-P", "-m", "dancheong.imaging.foreign", decoder, what, str(offset)]
    try:
        done = subprocess.run(command, stdin=file, capture_output=True, timeout=_LIMIT_S, check=True)
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        said = f" ({words[0][:120]})" if words and error.returncode == 1 else ""
        raise DecoderFailed(f"{_FAILED}{said}") from error
    except subprocess.TimeoutExpired as error:
        raise DecoderFailed(f"its decoder took longer than {_LIMIT_S} s; {_ANOTHER}") from error
    line, _, rest = done.stdout.partition(b"\n")
    head = json.loads(line[:_MAX_ANSWER_BYTES])
    stream, at = {}, 0
    for name, size in head["parts"]:
        stream[name] = rest[at : at + size]
        at += size
    shape, dtype = tuple(head["shape"]), np.dtype(head["dtype"])
    if what == "header":
        return np.broadcast_to(np.zeros((), dtype), shape), stream, head
    return np.frombuffer(rest, dtype, offset=at).reshape(shape), stream, head


def _decode(data: bytes, decoder: str, what: str, offset: int) -> None:
    """The other side, in its own process."""
    parts, said = _boxes(data), dict[str, Any]()
    if decoder == "heif":
        pixels = _heif(data, what, parts, said)
    elif decoder == "tifffile":
        pixels = _tiff(data, what, offset)
    else:
        pixels = {"pnm": _pnm, "imagecodecs": _imagecodecs, "opencv": _opencv, "pillow": _pillow}[decoder](data, said)
        said.setdefault("bits", _bits(data, 8 * pixels.dtype.itemsize, said))
    sizes = [(name, len(part)) for name, part in parts.items()]
    head = said | {"shape": pixels.shape, "dtype": pixels.dtype.str, "parts": sizes}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    sys.stdout.buffer.writelines(parts.values())
    if what == "pixels":
        sys.stdout.buffer.write(np.ascontiguousarray(pixels).data)


def _heif(data: bytes, what: str, parts: dict[str, bytes], said: dict[str, Any]) -> NDArray[Any]:
    import pi_heif

    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    heif = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image = heif[heif.primary_index]
    parts |= {name: bytes(image.info[name]) for name in ("exif", "xmp", "icc_profile") if image.info.get(name)}
    said |= {"frames": len(heif), "bits": int(image.info.get("bit_depth", 8))}
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[image.mode.partition(";")[0].upper()]
    if what == "header":
        return np.broadcast_to(np.zeros((), np.uint16 if said["bits"] > 8 else np.uint8), (*image.size[::-1], channels))
    return np.array(image).reshape(*image.size[::-1], channels)  # a copy: pi_heif frees its own with `heif`


def _tiff(data: bytes, what: str, offset: int) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        # The wanted directory alone: what the others point to may be damaged, and take forever.
        file.filehandle.seek(offset)
        page = tifffile.TiffPage(file, index=0)
        if what == "header":
            return np.broadcast_to(np.zeros((), page.dtype), page.shape)
        samples = page.asarray()
        is_planar = page.planarconfig == 2 and samples.ndim == 3
        return np.moveaxis(samples, 0, -1) if is_planar else samples


def _imagecodecs(data: bytes, said: dict[str, Any]) -> NDArray[Any]:
    import imagecodecs

    if data[:2] != b"\xff\xd8":
        return np.asarray(imagecodecs.jpegxl_decode(data))
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):  # libjpeg would make up what is missing
        raise ValueError("its end is missing")
    is_ls = b"\xff\xf7" in data[:4096]
    return np.asarray(imagecodecs.jpegls_decode(data) if is_ls else imagecodecs.jpeg_decode(data))


def _opencv(data: bytes, said: dict[str, Any]) -> NDArray[Any]:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or b"pclr" in data[: 1 << 16]:  # gray with transparency, four inks, or damaged; or a palette
        return _pillow(data, said)
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def _pillow(data: bytes, said: dict[str, Any]) -> NDArray[Any]:
    from PIL import Image

    kind = format_of(data[:64])
    names = [{"JP2": "JPEG2000"}.get(kind.name, kind.name)] if kind else []  # as Pillow calls it
    Image.MAX_IMAGE_PIXELS = 250_000_000  # of twice as many it raises, as `check_pixels` would
    with Image.open(io.BytesIO(data), formats=names) as image:
        pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
        if image.mode == "P" and bool((pixels == pixels[..., :1]).all()):
            pixels = pixels[..., 0]
        if pixels.dtype.itemsize > 1:
            raise ValueError(f"of a kind that no decoder reads here ({image.mode})")
        said |= {"bits": min(8, _bits(data, 8, said)), "space": "CMYK" if image.mode == "CMYK" else "RGB"}
        said["bits"] = 8 if image.mode == "P" else said["bits"]
        return pixels if pixels.dtype == bool else pixels >> (8 - said["bits"])  # Pillow moves fewer bits up


def _bits(data: bytes, otherwise: int, said: dict[str, Any]) -> int:
    """Bits of a sample of JPEG 2000 (ISO 15444-1, A.5.1) and JPEG XL, which their decoders do not scale."""
    if (at := data.find(b"\xff\x4f\xff\x51")) in range(1 << 16):
        return (data[at + 42] & 127) + 1
    if (header := jpeg_xl.what_is_said(data)) is None:
        return otherwise
    # The decoder then gives colors of a space that it does not name.
    said |= {"is_sequence": header.is_sequence, "is_srgb": header.is_srgb, "is_nameless": header.has_icc and header.is_xyb}
    return header.bits or otherwise


def _pnm(data: bytes, said: dict[str, Any]) -> NDArray[Any]:
    """Netpbm's bitmaps, graymaps and pixmaps, in letters (P1 to P3) and in bytes (P4 to P6)."""
    count = 2 if data[1:2] in b"14" else 3
    head = re.match(rb"P[1-6]" + rb"(?:\s+|#[^\n]*\n)+([0-9]{1,9})" * count, data)
    if head is None:
        raise ValueError("its header is damaged")
    width, height, top = (*map(int, head.groups()), 1)[:3]
    samples, body = 3 if data[1:2] in b"36" else 1, data[head.end() + 1 :]
    if not 0 < top < 65536:
        raise ValueError(f"a white of {top}")
    if data[1:2] == b"4":
        rows = np.frombuffer(body, np.uint8, height * ((width + 7) // 8)).reshape(height, -1)
        pixels = np.unpackbits(rows, axis=1)[:, :width]
    elif data[1:2] in b"56":
        pixels = np.frombuffer(body, ">u2" if top > 255 else "u1", height * width * samples)
    else:
        body = re.sub(rb"#[^\n]*\n", b" ", body)
        said["frames"] = 1 + bool(re.search(rb"\sP[1-6]\s", body))
        numbers = list(body.translate(None, b" \t\r\n").decode()) if count == 2 else body.split()
        pixels = np.array(numbers[: height * width * samples], np.uint16)
    if pixels.size and int(pixels.max()) > top:
        raise ValueError(f"samples above its white of {top}")
    if data[1:2] in b"456":  # another picture may follow in the stream
        used = height * ((width + 7) // 8) if count == 2 else pixels.nbytes
        said["frames"] = 1 + bool(re.match(rb"\s*P[1-6][\s#]", body[used:]))
    pixels = 1 - pixels if count == 2 else pixels  # of a bitmap 1 is black
    deep = np.uint16 if top > 255 else np.uint8
    scaled = (pixels.astype(np.uint32) * np.uint32(np.iinfo(deep).max) + np.uint32(top // 2)) // np.uint32(top)
    return scaled.astype(deep).reshape((height, width, samples)[: 2 + (samples > 1)])


def _boxes(data: bytes, is_below: bool = False) -> dict[str, bytes]:
    """EXIF, XMP and profile of a JPEG 2000 or JPEG XL (ISO 15444-1 annex I, 18181-2)."""
    parts: dict[str, bytes] = {}
    at, stop = 0, len(data) if is_below or data[4:8] in (b"jP  ", b"JXL ") else 0
    while at + 8 <= stop:
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or stop - at
        if size < head:
            break
        body = data[at + head : at + size] if kind in _KEPT_BOXES else b""
        parts |= _boxes(body, True) if kind == b"jp2h" else {}
        for of, start, name, skipped in _BOXES:
            if kind == of and body.startswith(start):
                parts[name] = body[skipped:]
        at += size
    return parts


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    for kind, wanted in ((resource.RLIMIT_AS, _LIMIT_BYTES), (resource.RLIMIT_CPU, _LIMIT_S), (resource.RLIMIT_CORE, 0)):
        allowed = resource.getrlimit(kind)[1]
        limit = wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed)
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    _limit()
    try:
        _decode(sys.stdin.buffer.read(), sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        sys.exit(1)
