"""Built-in scenes: palaces drawn by program, with exact color truth, for the demo and the tests.

`scenes.toml` says what there is and of which colors and measures; `composition` draws from it where things stand; `palace`
and `nature` tell `canvas` what each pixel shows, and it gives the pixel its light.
"""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.files import write_photo
from dancheong.scenes.canvas import FAR_M, Canvas, Frame, draw_light, shade
from dancheong.scenes.composition import Scene
from dancheong.scenes.nature import paint_sky, reflect
from dancheong.scenes.table import TABLE, Field, Row, coded, color, draw_noise, linear, weighted

BAND_PX = 1 << 20  # of the canvas: what is computed at a time


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
    drawn, season, kind = (weighted(rng, TABLE[name]) for name in ("hours", "seasons", "scenes"))
    # Light has its own numbers, so that the same scene can be had at another hour.
    hour, noise = draw_light(np.random.default_rng([seed, 0x11E]), light or drawn), draw_noise(rng)
    picture, solid = _render(Scene(rng, kind, season, hour.clouds), hour, noise, width_px, height_px)
    return _develop(picture, solid, noise, hour, np.random.default_rng([seed, 0x6A1]))


def _render(found: Scene, light: Row, noise: Row, width: int, height: int) -> tuple[Field, Field]:
    """The picture (h, w, 3), coded 0 to 255, and the share (h, w) of each pixel that shows something solid."""
    # Other shapes than 3:2 partly show more, partly crop: the mean between the two, as photographers frame.
    focal_px = 1.5 * math.sqrt(min(width / 1.5, height) * math.sqrt(width * height / 1.5)) / found.view_m
    # Fine drawing needs some 550 rays across, so a pixel of a small picture has several; some rows are done at a time.
    factor = int(np.clip(round(550 / max(width, height)), 2, 4)) if max(width, height) <= 1400 else 1
    step = max(1, BAND_PX // (width * factor * factor))
    picture, solid = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    for top in range(0, height, step):
        rows = min(step, height - top)
        rays, pixel = _rays(top, rows, width, height * found.horizon, focal_px, factor), 1 / focal_px
        canvas = Canvas(*rays, pixel / factor, noise)
        world = Frame(canvas, np.array(found.eye, np.float32), found.yaw)
        for draw, spot, measures in reversed(found.things):  # the ground last, where hardly anything is left of it
            draw(world.placed(*spot), *measures)
        parts = shade(world, light, found.shadows), (canvas.depth < FAR_M).astype(np.float32)
        seen, cover = (cv2.resize(part, (width, rows), interpolation=cv2.INTER_AREA) for part in parts)
        sky = paint_sky(*_rays(top, rows, width, height * found.horizon, focal_px), pixel, noise, light, found.land)
        picture[top : top + rows], solid[top : top + rows] = seen + sky * (1 - cover[..., None]), cover
    if factor == 1:  # no lens is as sharp as single rays
        cv2.GaussianBlur(picture, (0, 0), 0.6, dst=picture)
    if found.shore is not None:
        deep, far = found.eye[1] + found.row["pond"], found.shore - found.eye[2]
        first, mirror = (round(height * found.horizon + focal_px * deep / (far + behind)) for behind in (0, 1.2))
        reflect(picture, first, mirror, noise, coded(linear(color("water")) * (light.ambient + light.sun * 0.5)))
    return picture, solid


def _rays(top: int, rows: int, width: int, horizon_px: float, focal_px: float, factor: int = 1) -> tuple[Field, Field]:
    """Slopes across (1, w) and up (h, 1) of the rays through some rows of a picture, each pixel divided into `factor`."""
    across = (np.arange(width * factor) + 0.5) / factor - width / 2
    up = horizon_px - top - (np.arange(rows * factor) + 0.5) / factor
    return (across[None] / focal_px).astype(np.float32), (up[:, None] / focal_px).astype(np.float32)


def _develop(picture: Field, solid: Field, noise: Row, light: Row, rng: np.random.Generator) -> NDArray[np.uint8]:
    """From canvas to photograph: weathered surfaces, glow around lamps, a vignette, grain."""
    height, width = solid.shape
    if light.lamp[0] > 0:
        lamps = np.maximum(picture - 150, 0) * solid[..., None]
        picture += 0.35 * cv2.GaussianBlur(lamps, (0, 0), max(1.0, 0.012 * max(width, height)))
    stains, wear = (cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in (noise.coarse, noise.fine))
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    grain = rng.standard_normal((height, width), dtype=np.float32)
    picture *= ((1 - 0.06 * (x * x + y * y)) * (1 + solid * (0.02 * stains + 0.04 * wear) + 0.012 * grain))[..., None]
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
