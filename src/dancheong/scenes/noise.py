"""Smooth random fields, the same at every picture size, for clouds, leaves, sand and stone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FieldHW = NDArray[Any]  # float32; OpenCV declares no more than an array
TILE_PX = 256


def fractal(rng: np.random.Generator, cells: int, octaves: int, gain: float = 0.55) -> FieldHW:
    """A seamless (TILE_PX, TILE_PX) float32 field, mean 0, standard deviation 1, from `cells` per side upwards."""
    total = np.zeros((TILE_PX, TILE_PX), np.float32)
    for octave in range(octaves):
        count = min(TILE_PX, cells << octave)
        grid = rng.standard_normal((count, count), dtype=np.float32)
        if count == TILE_PX:
            total += gain**octave * grid
            continue
        margin = 4
        wrapped = np.pad(grid, margin, mode="wrap")
        step = TILE_PX / count
        full = round(wrapped.shape[0] * step)
        field = cv2.resize(wrapped, (full, full), interpolation=cv2.INTER_CUBIC)
        edge = round(margin * step)
        total += gain**octave * field[edge : edge + TILE_PX, edge : edge + TILE_PX]
    scaled: FieldHW = (total - total.mean()) / total.std()
    return scaled


def sample(field: FieldHW, x: FieldHW, y: FieldHW) -> FieldHW:
    """The field at (x, y), in tiles: one unit is one repetition. Bilinear, wrapped."""
    size = np.float32(TILE_PX)
    tile = np.pad(field, (0, 1), mode="wrap")
    return cv2.remap(tile, (x % 1) * size, (y % 1) * size, cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Noise:
    """The fields of one scene: `coarse` for clouds and land, `fine` for leaves and grain."""

    coarse: FieldHW
    fine: FieldHW


def draw_noise(rng: np.random.Generator) -> Noise:
    """Fields for one scene."""
    return Noise(fractal(rng, 4, 6), fractal(rng, 32, 4, 0.8))
