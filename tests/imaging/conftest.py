"""Photographs and color profiles for the tests of this folder."""

import importlib.util
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def palace() -> np.ndarray:
    """A photograph of a pagoda, (106, 160, 3) uint8, as scikit-learn ships it, at a quarter of its size."""
    package = importlib.util.find_spec("sklearn.datasets")
    assert package is not None
    assert package.origin is not None
    with Image.open(Path(package.origin).parent / "images" / "china.jpg") as image:
        return np.asarray(image.resize((160, 106), Image.Resampling.BOX))


@pytest.fixture(scope="session")
def make_profile() -> Callable[..., bytes]:
    """A function that writes ICC profiles: `make_profile("RGB", tags)` or `make_profile("GRAY", tags)`."""

    def profile(space: str, tags: dict[str, bytes]) -> bytes:
        tags = {"wtpt": xyz(0.9642, 1, 0.8249), "desc": text("test"), "cprt": text("none")} | tags
        table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
        for name, tag in tags.items():
            table += struct.pack(">4sII", name.encode(), start + len(data), len(tag))
            data += tag + bytes(-len(tag) % 4)
        size = start + len(data)
        head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x04200000, b"mntr", space.ljust(4).encode(), b"XYZ ")
        head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
        return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data

    return profile


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))


def text(words: str) -> bytes:
    coded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded


def gamma(power: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(power * 256))


@pytest.fixture(scope="session")
def adobe_like(make_profile: Callable[..., bytes]) -> bytes:
    """An RGB profile with the primaries of Adobe RGB (1998), adapted to D50, and a gamma of 563/256."""
    columns = {"rXYZ": (0.60974, 0.31111, 0.01947), "gXYZ": (0.20528, 0.62567, 0.06087), "bXYZ": (0.14919, 0.06322, 0.74457)}
    curves = {name: gamma(563 / 256) for name in ("rTRC", "gTRC", "bTRC")}
    return make_profile("RGB", {name: xyz(*column) for name, column in columns.items()} | curves)


@pytest.fixture(scope="session")
def gray_gamma_18(make_profile: Callable[..., bytes]) -> bytes:
    """A gray profile with a gamma of 1.8."""
    return make_profile("GRAY", {"kTRC": gamma(1.8)})
