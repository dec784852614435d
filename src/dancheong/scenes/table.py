"""The table of what scenes are made of, `scenes.toml`: drawing from its ranges, its colors, and the noise that varies them."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Field = NDArray[Any]  # float32 (h, w), or (1, w) or (h, 1) where all rows or columns are the same
Rgb = NDArray[Any]
Row = SimpleNamespace  # a row of the table with its values drawn, by their names there
TABLE: dict[str, Any] = tomllib.loads(files(__package__).joinpath("scenes.toml").read_text("utf-8"))
PIGMENTS = {name: np.array(value, np.float32) for name, value in TABLE["pigments"].items()}
TILE_PX = 256


def color(name: str, own: Mapping[str, Rgb] = PIGMENTS) -> Rgb:
    """A color by its name, sRGB-coded 0 to 255; "red*0.8" is four fifths of red. `own` may replace or add names."""
    base, _, gain = name.partition("*")
    found: Rgb = (own[base] if base in own else PIGMENTS[base]) * np.float32(gain or 1)
    return found


def drawn(rng: np.random.Generator, value: Any) -> Any:
    """A value of the table: one of `any`, a number between the two of a list, or the value itself."""
    if isinstance(value, dict) and "any" in value:
        return drawn(rng, value["any"][int(rng.integers(len(value["any"])))])
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(end, int | float) for end in value):
        return float(rng.uniform(*value))
    return value


def weighted(rng: np.random.Generator, options: Mapping[str, Mapping[str, Any]]) -> str:
    """The name of one of these, each with its weight."""
    share = np.array([option["weight"] for option in options.values()])
    return list(options)[int(rng.choice(len(share), p=share / share.sum()))]


def mix(a: ArrayLike, b: ArrayLike, share: float) -> Rgb:
    """`a` where share is 0, `b` where it is 1."""
    return np.asarray(a, np.float32) + (np.asarray(b, np.float32) - np.asarray(a, np.float32)) * np.float32(share)


def linear(code: ArrayLike) -> Rgb:
    """sRGB codes, 0 to 255 -> linear light, 0 to 1, by the power 2.2."""
    return (np.asarray(code, np.float32) / 255) ** np.float32(2.2)


def coded(light: Field) -> Field:
    """Linear light -> sRGB codes, 0 to 255; a soft shoulder keeps the drawing of bright stone."""
    soft = np.where(light > 0.7, 1 - 0.3 * np.exp((0.7 - np.maximum(light, 0.7)) / 0.3), np.maximum(light, 0))
    return 255 * cv2.pow(soft.astype(np.float32), 1 / 2.2).reshape(light.shape)


def draw_noise(rng: np.random.Generator) -> Row:
    """Seamless fields (256, 256), mean 0, deviation 1: `coarse` for clouds and land, `fine` for leaves and grain."""
    return Row(coarse=_fractal(rng, 4, 6, 0.55), fine=_fractal(rng, 32, 4, 0.8))


def _fractal(rng: np.random.Generator, cells: int, octaves: int, gain: float) -> Field:
    total, margin = np.zeros((TILE_PX, TILE_PX), np.float32), 4
    for count in (min(TILE_PX, cells << octave) for octave in range(octaves)):
        step = TILE_PX // count
        inner = slice(margin * step, margin * step + TILE_PX)
        wrapped = np.pad(rng.standard_normal((count, count), dtype=np.float32), margin, mode="wrap")
        wide = cv2.resize(wrapped, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += gain ** np.log2(count / cells) * wide[inner, inner]
    return np.pad((total - total.mean()) / total.std(), (0, 1), mode="wrap")


def part(value: Any) -> Any:
    """What a number has behind the point, downwards: 0 to 1."""
    return value - np.floor(value)


def sample(field: Field, x: ArrayLike, y: ArrayLike) -> Field:
    """The field at (x, y), which broadcast together, in tiles: one unit is one repetition. Bilinear, wrapped."""
    across, down = np.broadcast_arrays(*(part(np.asarray(value, np.float32)) * np.float32(TILE_PX) for value in (x, y)))
    return cv2.remap(field, np.ascontiguousarray(across), np.ascontiguousarray(down), cv2.INTER_LINEAR)


def stones(noise: Row, x: Field, y: Field, tall: float, wide: float) -> Field:
    """Lightness, about 1, of courses of stones with staggered dark joints."""
    row = np.floor(y / tall)
    along = x / wide + 0.5 * (row % 2) + 0.13 * np.sin(row * 12.9)
    column, gap = np.floor(along), min(0.05, 0.12 * tall)
    tone = noise.fine[(row.astype(np.int32) * 37) % TILE_PX, (column.astype(np.int32) * 101) % TILE_PX]
    joint = ((along - column) * wide < gap) | (y - row * tall < gap)
    lightness: Field = (1 + 0.14 * np.clip(tone, -2, 2)) * np.where(joint, np.float32(0.5), np.float32(1))
    return lightness
