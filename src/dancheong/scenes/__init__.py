"""Built-in scenes: palaces drawn by program, with exact color truth, for the demo and the tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.files import write_photo
from dancheong.scenes.composition import COMPOSITIONS
from dancheong.scenes.ground_plan import Scenery
from dancheong.scenes.light import draw_light
from dancheong.scenes.noise import draw_noise

LIGHTS = (("day", 0.46), ("golden", 0.18), ("dusk", 0.20), ("overcast", 0.16))
SEASON_NAMES = (("spring", 0.25), ("summer", 0.35), ("autumn", 0.28), ("winter", 0.12))


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
    drawn = LIGHTS[_choose(rng, [share for _, share in LIGHTS])][0]
    season = SEASON_NAMES[_choose(rng, [share for _, share in SEASON_NAMES])][0]
    composition = COMPOSITIONS[_choose(rng, [share for _, share in COMPOSITIONS])][0]
    factor = _supersampling(max(width_px, height_px))
    canvas = np.zeros((height_px * factor, width_px * factor, 3), np.uint8)
    # Light has its own numbers, so that the same scene can be had at another hour.
    hour = draw_light(np.random.default_rng([seed, 0x11E]), light or drawn)
    composition(scenery := Scenery(canvas, np.zeros_like(canvas), hour, season, draw_noise(rng), rng))
    return _develop(scenery, width_px, height_px)


def _choose(rng: np.random.Generator, weights: list[float]) -> int:
    share = np.array(weights)
    return int(rng.choice(len(share), p=share / share.sum()))


def _supersampling(longer_px: int) -> int:
    """Canvas pixels per picture pixel: fine drawing needs some 700 pixels in all, large pictures twice their own."""
    return int(np.clip(round(700 / longer_px), 2, 6)) if longer_px <= 1400 else 1


def _develop(scenery: Scenery, width: int, height: int) -> NDArray[np.uint8]:
    """From canvas to photograph: weathered surfaces, glow around lamps, a vignette, grain."""
    canvas = cv2.resize(scenery.pixels_hwc, (width, height), interpolation=cv2.INTER_AREA)
    backdrop = cv2.resize(scenery.backdrop_hwc, (width, height), interpolation=cv2.INTER_AREA)
    built = cv2.absdiff(canvas, backdrop).max(axis=2).astype(np.float32)
    picture = canvas.astype(np.float32)
    if scenery.light.lamp[0] > 0:
        sigma = max(1.0, 0.012 * max(height, width))
        lamps = np.maximum(picture - 150, 0) * np.minimum(built / 30, 1)[..., None]
        picture += 0.35 * cv2.GaussianBlur(lamps, (0, 0), sigma)
    stains, wear = (
        cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
        for field in (scenery.noise.coarse, scenery.noise.fine)
    )
    grain = np.random.default_rng(int(scenery.rng.integers(1 << 62))).standard_normal((height, width), dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    weathered = np.minimum(built / 30, 1) * (0.020 * stains + 0.040 * wear)
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
