"""HEIF photographs, decoded in a process of their own.

Damaged files have crashed the decoder (pi_heif 1.4, 5 of 2000 mutated files), and none but its own process shall die of it.
That process gets the file through a pipe and answers with a line of JSON and with bytes.
"""

import io
import json
import subprocess
import sys
from importlib.util import find_spec
from typing import IO, Any

from PIL import Image
from PIL.ImageFile import ImageFile

_LIMIT_S = 120
_LIMIT_BYTES = 8 << 30
_MODES = ("L", "LA", "RGB", "RGBA")
_CARRIED = ("exif", "xmp", "icc_profile")
_MAX_ANSWER_BYTES = 1 << 16


def is_installed() -> bool:
    """Whether the extra `heif` is there."""
    return find_spec("pi_heif") is not None


class HeifImage(ImageFile):
    """A HEIF photograph as Pillow's other images are: upright, with `info`; its pixels are decoded when they are loaded."""

    format = "HEIF"

    def _open(self) -> None:
        assert self.fp is not None
        self._data = self.fp.read()
        head, carried = _answer(self._data, "header")
        self._size, self._mode = (int(head["size"][0]), int(head["size"][1])), str(head["mode"])
        self.n_frames = int(head["frames"])
        self.info["bit_depth"] = int(head["bit_depth"])
        for name, part in carried.items():
            self.info[name] = part
        self.tile = []

    def load(self) -> Any:
        """Decode the pixels, once."""
        if self._data:
            _, carried = _answer(self._data, "pixels")
            self.im = Image.frombytes(self.mode, self.size, carried["pixels"]).im
            self._data = b""
        return super().load()


def _answer(data: bytes, what: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the process says of a file: "header" or "pixels".

    Raises:
        ValueError: the file is damaged, or took too long.
    """
    # -P: no module is taken from the folder that one happens to be in, which may be one of strangers' files.
    command = [sys.executable, "-P", "-m", "dancheong.imaging.heif", what]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_LIMIT_S, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ValueError("its decoder failed or took too long") from error
    line, _, rest = done.stdout.partition(b"\n")
    head = json.loads(line[:_MAX_ANSWER_BYTES])
    if head["mode"] not in _MODES:
        raise ValueError(f"pixels of mode {head['mode']} came")
    stream = io.BytesIO(rest)
    return head, {name: stream.read(size) for name, size in head["parts"]}


def _decode(stream: IO[bytes], what: str) -> None:
    """The other side, in its own process."""
    import pi_heif

    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    image = pi_heif.HeifImageFile(stream)
    parts = {name: bytes(image.info[name]) for name in _CARRIED if image.info.get(name)}
    if what == "pixels":
        image.load()
        parts = {"pixels": image.tobytes()}
    head = {
        "mode": image.mode, "size": image.size, "frames": getattr(image, "n_frames", 1),
        "bit_depth": image.info.get("bit_depth", 8), "parts": [(name, len(part)) for name, part in parts.items()],
    }
    sys.stdout.buffer.writelines((json.dumps(head).encode() + b"\n", *parts.values()))


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
    _decode(io.BytesIO(sys.stdin.buffer.read()), sys.argv[1])
