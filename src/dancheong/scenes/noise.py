"""Smooth random fields, the same at every picture size, for clouds, leaves, sand and stone."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FieldHW = NDArray[Any]  # float32; OpenCV declares no more than an array
TILE_PX = 256


@dataclass(frozen=True)
class Noise:
    """The fields of one scene: `coarse` for clouds and land, `fine` for leaves and grain."""

    coarse: FieldHW
    fine: FieldHW


def draw_noise(rng: np.random.Generator) -> Noise:
    """Fields for one scene."""
    return Noise(_fractal(rng, 4, 6, 0.55), _fractal(rng, 32, 4, 0.8))


def _fractal(rng: np.random.Generator, cells: int, octaves: int, gain: float) -> FieldHW:
    """A seamless (TILE_PX, TILE_PX) float32 field, mean 0, standard deviation 1, from `cells` per side upwards."""
    total = np.zeros((TILE_PX, TILE_PX), np.float32)
    margin = 4
    for octave in range(octaves):
        count = min(TILE_PX, cells << octave)
        field: FieldHW = rng.standard_normal((count, count), dtype=np.float32)
        if count < TILE_PX:
            step = TILE_PX // count
            wrapped = np.pad(field, margin, mode="wrap")
            inner = slice(margin * step, margin * step + TILE_PX)
            field = cv2.resize(wrapped, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)[inner, inner]
        total += gain**octave * field
    scaled: FieldHW = (total - total.mean()) / total.std()
    return scaled


def sample(field: FieldHW, x: FieldHW, y: FieldHW) -> FieldHW:
    """The field at (x, y), in tiles: one unit is one repetition. Bilinear, wrapped."""
    size = np.float32(TILE_PX)
    return cv2.remap(np.pad(field, (0, 1), mode="wrap"), (x % 1) * size, (y % 1) * size, cv2.INTER_LINEAR)
