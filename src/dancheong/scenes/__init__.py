"""Built-in scenes: palaces drawn by program, with exact color truth, for the demo and the tests.

`composition` decides where things stand; `scenery`, `palace` (with `roof` and `woodwork`), `nature` and `backdrop`
draw them as polygons through the camera of `canvas`, in the colors of `light`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.files import write_photo
from dancheong.scenes.composition import COMPOSITIONS
from dancheong.scenes.light import draw_light
from dancheong.scenes.noise import draw_noise
from dancheong.scenes.scenery import Scenery

LIGHTS = (("day", 0.46), ("golden", 0.18), ("dusk", 0.20), ("overcast", 0.16))
SEASON_NAMES = (("spring", 0.25), ("summer", 0.35), ("autumn", 0.28), ("winter", 0.12))

T = TypeVar("T")


def scene(seed: int, width_px: int, height_px: int, light: str | None = None) -> NDArray[np.uint8]:
    """A palace scene drawn by program.

    Args:
        seed: non-negative; the same seed, size and light give the same bytes. The composition does not depend on the size.
        width_px, height_px: size of the picture, 1 or more.
        light: "day", "golden", "dusk" or "overcast", over the same scene; drawn from the seed if not given.

    Returns:
        (height_px, width_px, 3) uint8, sRGB-coded RGB.

    Raises:
        ValueError: if a number is out of range or the light is unknown.
    """
    if width_px < 1 or height_px < 1 or seed < 0:
        raise ValueError(f"scene(seed={seed}, {width_px} x {height_px}): expected a seed of 0 or more and sides of 1 or more")
    rng = np.random.default_rng([seed, 0xDAC])
    drawn, season, compose = _choose(rng, LIGHTS), _choose(rng, SEASON_NAMES), _choose(rng, COMPOSITIONS)
    # Fine drawing needs some 700 pixels in all, so small pictures are drawn on a canvas several times their size.
    longer_px = max(width_px, height_px)
    factor = int(np.clip(round(700 / longer_px), 2, 6)) if longer_px <= 1400 else 1
    canvas = np.zeros((height_px * factor, width_px * factor, 3), np.uint8)
    # Light has its own numbers, so that the same scene can be had at another hour.
    hour = draw_light(np.random.default_rng([seed, 0x11E]), light or drawn)
    scenery = Scenery(canvas, np.zeros_like(canvas), hour, season, draw_noise(rng), rng)
    compose(scenery)
    return _develop(scenery, width_px, height_px)


def _choose(rng: np.random.Generator, options: Sequence[tuple[T, float]]) -> T:
    """One of these, each with its weight."""
    share = np.array([weight for _, weight in options])
    return options[int(rng.choice(len(share), p=share / share.sum()))][0]


def _develop(scenery: Scenery, width: int, height: int) -> NDArray[np.uint8]:
    """From canvas to photograph: weathered surfaces, glow around lamps, a vignette, grain."""
    size = (width, height)
    canvas, backdrop = (
        cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) for pixels in (scenery.pixels_hwc, scenery.backdrop_hwc)
    )
    # How far a pixel shows something that stands before the backdrop, 0 to 1.
    built = np.minimum(cv2.absdiff(canvas, backdrop).max(axis=2).astype(np.float32) / 30, 1)
    picture = canvas.astype(np.float32)
    if scenery.light.lamp[0] > 0:
        lamps = np.maximum(picture - 150, 0) * built[..., None]
        picture += 0.35 * cv2.GaussianBlur(lamps, (0, 0), max(1.0, 0.012 * max(size)))
    stains = cv2.resize(scenery.noise.coarse, size, interpolation=cv2.INTER_LINEAR)
    wear = cv2.resize(scenery.noise.fine, size, interpolation=cv2.INTER_LINEAR)
    grain = scenery.fork().standard_normal((height, width), dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    weathered = built * (0.020 * stains + 0.040 * wear)
    picture *= ((1 - 0.06 * (x * x + y * y)) * (1 + weathered + 0.012 * grain))[..., None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def write_scenes(folder: str | Path, count: int, first_seed: int, width_px: int, height_px: int) -> list[Path]:
    """Write the scenes of seeds `first_seed` to `first_seed + count - 1` as PNG files; returns their paths.

    A file is named after its seed (scene_00042.png) and replaced if it exists.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    paths = [target / f"scene_{seed:05d}.png" for seed in range(first_seed, first_seed + count)]
    for seed, path in enumerate(paths, first_seed):
        write_photo(path, scene(seed, width_px, height_px))
    return paths
