"""Trees, shrubs and water: crowns are heaps of rounded clumps, lit from the side of the sun and broken by leaf noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.scenes.canvas import NEAR_M, UP, View, darken, fill, project
from dancheong.scenes.light import Rgb, mix, scaled, shade
from dancheong.scenes.noise import TILE_PX, FieldHW, Noise

GRID = 72
Clumps = NDArray[np.float32]


@dataclass(frozen=True)
class Species:
    """A kind of tree: leaf color, bark, crown shape ("round", "pine", "tall", "shrub", "bare") and leaf share."""

    leaf: Rgb
    bark: Rgb
    shape: str
    dense: float = 1.0


PINE = Species((54, 88, 56), (146, 92, 66), "pine")
ZELKOVA = Species((84, 122, 54), (96, 84, 72), "round")
SPRING_LEAF = Species((142, 172, 74), (98, 86, 74), "round", 0.9)
CHERRY = Species((244, 206, 214), (92, 74, 68), "round", 0.92)
GINKGO = Species((240, 190, 48), (108, 94, 80), "tall")
MAPLE = Species((170, 60, 40), (92, 76, 66), "round", 0.95)
OAK_AUTUMN = Species((206, 122, 48), (94, 80, 68), "round")
BARE = Species((118, 104, 94), (98, 84, 74), "bare", 0.42)
SHRUB = Species((72, 106, 54), (80, 70, 60), "shrub")
AZALEA = Species((214, 92, 142), (80, 70, 60), "shrub")
SHRUB_AUTUMN = Species((170, 92, 44), (80, 70, 60), "shrub")

SEASONS: dict[str, tuple[tuple[Species, ...], tuple[Species, ...]]] = {
    "spring": ((CHERRY, SPRING_LEAF, SPRING_LEAF, PINE), (SHRUB, AZALEA)),
    "summer": ((ZELKOVA, ZELKOVA, PINE), (SHRUB,)),
    "autumn": ((GINKGO, MAPLE, OAK_AUTUMN, PINE), (SHRUB_AUTUMN, SHRUB)),
    "winter": ((BARE, BARE, PINE), (SHRUB,)),
}


def _clumps(rng: np.random.Generator, shape: str) -> Clumps:
    """Rows (x, y, rx, ry) of one crown in a unit box, y upwards."""
    if shape == "pine":  # flat pads on a leaning stem
        count = int(rng.integers(6, 9))
        y = np.linspace(0.50, 0.92, count) + rng.uniform(-0.03, 0.03, count)
        x = 0.5 + rng.uniform(-0.30, 0.30, count) * (1.25 - y)
        r = rng.uniform(0.16, 0.27, count) * (1.45 - y)
        return np.stack([x, y, r, r * rng.uniform(0.28, 0.42, count)], axis=1).astype(np.float32)
    if shape == "tall":
        count = 15
        y = rng.uniform(0.28, 0.92, count)
        x = 0.5 + rng.uniform(-1, 1, count) * 0.26 * np.sqrt(np.clip(1.12 - y, 0, 1))
        r = rng.uniform(0.08, 0.15, count)
        return np.stack([x, y, r, r * 1.2], axis=1).astype(np.float32)
    if shape == "shrub":
        x = rng.uniform(0.15, 0.85, 8)
        y = rng.uniform(0.15, 0.55, 8) * (1 - np.abs(x - 0.5))
        r = rng.uniform(0.14, 0.24, 8)
        return np.stack([x, y, r, r * 1.2], axis=1).astype(np.float32)
    count = 17
    angle, away = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    x, y = 0.5 + 0.33 * away * np.cos(angle), 0.66 + 0.22 * away * np.sin(angle)
    r = rng.uniform(0.11, 0.19, count)
    return np.stack([x, y, r, r * 0.92], axis=1).astype(np.float32)


def _fitted(clumps: Clumps) -> Clumps:
    """The same clumps moved inside their unit box, so that no crown is cut straight."""
    fitted = clumps.copy()
    for axis in (0, 1):
        fitted[:, axis] = np.clip(clumps[:, axis], clumps[:, axis + 2] * 1.25, 1 - clumps[:, axis + 2] * 1.25)
    return fitted


def _crown(clumps: Clumps, sun: tuple[float, float]) -> tuple[FieldHW, FieldHW]:
    """Fields (GRID, GRID): how deep inside the crown, and how much light falls on its clumps (0 to 1)."""
    axis = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID
    dx = (axis[None, None, :] - clumps[:, 0, None, None]) / clumps[:, 2, None, None]
    dy = (axis[::-1][None, :, None] - clumps[:, 1, None, None]) / clumps[:, 3, None, None]
    depth = 1 - dx * dx - dy * dy
    best = depth.argmax(axis=0)[None]
    inside = np.take_along_axis(depth, best, axis=0)[0]
    nx = np.take_along_axis(np.broadcast_to(dx, depth.shape), best, axis=0)[0]
    ny = np.take_along_axis(np.broadcast_to(dy, depth.shape), best, axis=0)[0]
    middle = clumps[:, :2].mean(axis=0)
    whole = 0.5 * sun[0] * (axis[None, :] - middle[0]) + 0.9 * (axis[::-1][:, None] - middle[1])
    light = 0.46 + 0.30 * (sun[0] * nx + sun[1] * ny) + 0.75 * whole
    return inside, np.clip(light, 0, 1.2).astype(np.float32)


def _leaf_noise(rng: np.random.Generator, noise: Noise, shape: tuple[int, int], grain_px: float) -> FieldHW:
    """A crop of the fine field, scaled so that its grain is about `grain_px`."""
    scale = max(0.25, grain_px / 3.0)
    need = (min(TILE_PX, math.ceil(shape[0] / scale) + 1), min(TILE_PX, math.ceil(shape[1] / scale) + 1))
    top, left = (int(rng.integers(0, TILE_PX)) for _ in range(2))
    crop = np.roll(noise.fine, (-top, -left), (0, 1))[: need[0], : need[1]]
    return cv2.resize(crop, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _stamp(view: View, corner: tuple[int, int], alpha: FieldHW, color: NDArray[Any]) -> None:
    """Blend color (h, w, 3) over the canvas with its upper left pixel at `corner` (x, y)."""
    height, width = view.pixels_hwc.shape[:2]
    left, top = corner
    rows, columns = alpha.shape
    a, b = max(0, top), min(height, top + rows)
    c, d = max(0, left), min(width, left + columns)
    if a >= b or c >= d:
        return
    share = np.ascontiguousarray(alpha[a - top : b - top, c - left : d - left])
    paint = np.ascontiguousarray(color[a - top : b - top, c - left : d - left])
    region = np.ascontiguousarray(view.pixels_hwc[a:b, c:d])
    view.pixels_hwc[a:b, c:d] = cv2.blendLinear(paint, region, share, 1 - share)


def draw_tree(
    view: View, rng: np.random.Generator, noise: Noise, foot: tuple[float, float, float], height_m: float, kind: Species
) -> None:
    """A tree or shrub that stands at `foot`; its trunk and limbs first, then the crown."""
    uv, depth = project(view, np.array(foot))
    depth_m = float(depth)
    clumps = _clumps(rng, kind.shape)
    if depth_m < 4 * NEAR_M:
        return
    size = view.focal_px * height_m / depth_m
    wide = size * (0.62 if kind.shape == "tall" else 1.5 if kind.shape == "shrub" else 1.0)
    box = (uv[0] - wide / 2, uv[1] - size, uv[0] + wide / 2, uv[1])
    canvas_h, canvas_w = view.pixels_hwc.shape[:2]
    if size < 3 or box[2] < 0 or box[0] > canvas_w or box[1] > canvas_h or box[3] < 0:
        return
    if kind.shape != "shrub":
        _draw_limbs(view, rng, foot, height_m, wide / size, clumps, kind, depth_m)
    draw_crown(view, rng, noise, box, clumps, kind, depth_m)


def draw_crown(
    view: View, rng: np.random.Generator, noise: Noise, box: tuple[float, float, float, float], clumps: Clumps,
    kind: Species, depth_m: float,
) -> None:  # fmt: skip
    """The leaves of a crown inside a box of pixels; computed at half the canvas, which is finer than the picture."""
    full = (max(2, min(1800, round(box[3] - box[1]))), max(2, min(2400, round(box[2] - box[0]))))
    shape = (full[0] + 1) // 2, (full[1] + 1) // 2
    across = float(view.sun[0] * math.cos(view.yaw) - view.sun[2] * math.sin(view.yaw))
    inside, light = _crown(_fitted(clumps) if depth_m > 4 else clumps, (across, max(0.35, float(view.sun[1]))))
    inside, light = (cv2.resize(f, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR) for f in (inside, light))
    grain = _leaf_noise(rng, noise, shape, max(1.6, 0.016 * shape[0]))
    alpha = np.clip((inside + 0.33 * grain - (1 - kind.dense)) * 5, 0, 1)
    if kind.shape == "bare":
        alpha = np.clip(alpha * (0.25 + 0.55 * (grain > 0.1)), 0, 0.62)
    level = cv2.convertScaleAbs(np.clip(light + 0.17 * grain, 0, 1), alpha=255)
    color = cv2.LUT(cv2.merge([level, level, level]), _leaf_table(view, kind, across, depth_m))
    size = (full[1], full[0])
    _stamp(view, (math.floor(box[0]), math.floor(box[1])), cv2.resize(alpha.astype(np.float32), size), cv2.resize(color, size))


def _leaf_table(view: View, kind: Species, across: float, depth_m: float) -> NDArray[np.uint8]:
    """Colors (1, 256, 3) of leaves from deep shade over open shade to sun."""
    turned = np.array([0.5 * across, 0.65, -0.6])
    sunny = np.array(shade(view.light, kind.leaf, turned, turned, depth_m))
    shady = np.array(shade(view.light, scaled(kind.leaf, 0.6), UP * 0.0, view.sun, depth_m, lit=False))
    stops = np.stack([shady * 0.62, shady, sunny])
    levels = [np.interp(np.linspace(0, 2, 256), [0, 1, 2], stops[:, i]) for i in range(3)]
    table: NDArray[np.uint8] = np.rint(np.stack(levels, axis=-1)[None]).astype(np.uint8)
    return table


def _draw_limbs(
    view: View, rng: np.random.Generator, foot: tuple[float, float, float], height_m: float, aspect: float,
    clumps: Clumps, kind: Species, depth_m: float,
) -> None:  # fmt: skip
    """A tapering trunk with a bend and limbs to the larger clumps, as flat strips that face the camera."""
    c, s = math.cos(view.yaw), math.sin(view.yaw)
    right = np.array([c, 0.0, -s])

    def at(x: float, y: float) -> NDArray[np.float64]:
        return np.array(foot) + right * (x - 0.5) * aspect * height_m + UP * y * height_m

    bend = float(rng.uniform(-0.05, 0.05)) * (1.8 if kind.shape == "pine" else 1)
    crotch = (0.5 + bend, 0.42)
    thick = 0.026 if kind.shape != "pine" else 0.020
    knee = (0.5 + 0.6 * bend, 0.22)
    limbs = [((0.5, 0.0), knee, thick * 1.25, thick), (knee, crotch, thick, thick * 0.85)]
    for x, y, _, _ in clumps[: 7 if kind.shape != "bare" else 17]:
        limbs.append((crotch, (float(x), float(y)), thick * 0.6, thick * 0.15))
    shapes = []
    for (x0, y0), (x1, y1), w0, w1 in limbs:
        a, b = at(x0, y0), at(x1, y1)
        side = right * height_m
        shapes.append(np.stack([a - side * w0, a + side * w0, b + side * w1, b - side * w1]))
    fill(view, np.array(shapes), scaled(kind.bark, 0.8), overlap=True)


def tree_shadow(view: View, foot: tuple[float, float, float], height_m: float) -> None:
    """The shadow of a crown on the ground."""
    if view.light.sun[0] < 0.2:
        return
    reach = -view.sun / view.sun[1] * 0.6 * height_m
    angle = np.linspace(0, 2 * np.pi, 20)[:-1]
    wobble = 1 + 0.16 * np.sin(5 * angle) + 0.1 * np.sin(9 * angle + 1)
    x = foot[0] + reach[0] + 0.42 * height_m * wobble * np.cos(angle)
    z = foot[2] + reach[2] + 0.42 * height_m * wobble * np.sin(angle)
    darken(view, np.stack([x, np.full_like(x, foot[1]), z], axis=-1), UP, 0.9)


def draw_grove(
    view: View, rng: np.random.Generator, noise: Noise, z: float, x0: float, x1: float, height_m: float,
    kinds: tuple[Species, ...],
) -> None:  # fmt: skip
    """A belt of woods behind the buildings, from x0 to x1 at depth z: one wide crown per kind, in overlapping runs."""
    step = height_m * 1.9
    for x in np.arange(x0, x1, step):
        kind = kinds[int(rng.integers(len(kinds)))]
        tall = height_m * float(rng.uniform(0.75, 1.15))
        uv, depth = project(view, np.array([[x, 0, z], [x + step * 1.35, 0, z]]))
        size = view.focal_px * tall / float(depth[0])
        clumps = rng.uniform([0.05, 0.1, 0.10, 0.22], [0.95, 0.75, 0.17, 0.34], (16, 4)).astype(np.float32)
        clumps[:, 1] *= 1 - 0.5 * np.square(2 * clumps[:, 0] - 1)
        box = (float(uv[0, 0]), float(uv[0, 1]) - size, float(uv[1, 0]), float(uv[0, 1]))
        if box[2] < 0 or box[0] > view.pixels_hwc.shape[1] or size < 2:
            continue
        shape = "round" if kind.shape != "bare" else "bare"
        draw_crown(view, rng, noise, box, clumps, Species(kind.leaf, kind.bark, shape, kind.dense), float(depth[0]))


def draw_branch(view: View, rng: np.random.Generator, noise: Noise, kind: Species, left: bool) -> None:
    """A branch that reaches into the picture from an upper corner, close to the camera."""
    height, width = view.pixels_hwc.shape[:2]
    size = 0.52 * min(height, width)
    t = np.linspace(0, 1, 13)
    x = 0.03 + 0.82 * t + rng.uniform(-0.05, 0.05, len(t))
    y = 0.80 - float(rng.uniform(0.0, 0.3)) * t**2 + rng.uniform(-0.13, 0.09, len(t))
    r = 0.13 * (1 - 0.55 * t) * rng.uniform(0.8, 1.2, len(t))
    clumps = np.stack([x if left else 1 - x, y, 0.8 * r, r], axis=1).astype(np.float32)
    start = -0.04 * width if left else 1.04 * width - 1.6 * size
    box = (start, -0.16 * size, start + 1.6 * size, 0.84 * size)
    line = np.stack([box[0] + clumps[:, 0] * 1.6 * size, box[3] - clumps[:, 1] * size], axis=1)
    bark = shade(view.light, scaled(kind.bark, 0.6), UP * 0.0, view.sun, 3.0, lit=False)
    for share, thick in ((13, 0.006), (8, 0.012), (5, 0.018)):
        cv2.polylines(
            view.pixels_hwc, [np.rint(line[:share]).astype(np.int32)], False, bark, max(1, round(thick * size)), cv2.LINE_AA
        )
    draw_crown(view, rng, noise, box, clumps, Species(kind.leaf, kind.bark, kind.shape, 0.9 * kind.dense), 3.0)


def reflect(view: View, noise: Noise, shore_px: float, mirror_px: float, tint: Rgb) -> None:
    """Water from row `shore_px` down: the picture mirrored at row `mirror_px`, where the object's foot meets the water.

    Ripples grow towards the camera, and with them the color of the water itself (`tint`).
    """
    height, width = view.pixels_hwc.shape[:2]
    first = int(np.clip(round(shore_px), 1, height))
    rows = height - first
    if rows < 2:
        return
    y = np.arange(rows, dtype=np.float32)[:, None] + 0 * np.arange(width, dtype=np.float32)[None]
    near = (y + 1) / rows
    grain = cv2.resize(noise.fine[:128, :64], (width, rows), interpolation=cv2.INTER_LINEAR)
    swell = cv2.resize(noise.coarse[:160], (width, rows), interpolation=cv2.INTER_LINEAR)
    wave = grain * (0.4 + 3.2 * near) * np.float32(height / 420)
    source = np.clip(2 * mirror_px - first - y - np.abs(wave) * 1.6, 0, first - 1).astype(np.float32)
    x = np.arange(width, dtype=np.float32)[None] + 0.8 * wave
    mirror = cv2.remap(view.pixels_hwc, x.astype(np.float32), source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    water = np.array(shade(view.light, tint, UP, view.sun, 0.0), np.float32)
    share = np.clip(0.14 + 0.26 * near + 0.05 * swell, 0.05, 0.6)[..., None]
    view.pixels_hwc[first:] = np.rint(mirror * (0.92 * (1 - share)) + water * share).astype(np.uint8)


def season_lawn(season: str) -> Rgb:
    """Albedo of grass."""
    return {"spring": (132, 160, 76), "summer": (92, 146, 62), "autumn": (176, 152, 84), "winter": (178, 158, 116)}[season]


def leaf_mix(kind: Species, rng: np.random.Generator) -> Species:
    """The same kind with a little of its own color."""
    other = (kind.leaf[0] * 1.08, kind.leaf[1] * 0.94, kind.leaf[2]) if rng.random() < 0.5 else scaled(kind.leaf, 1.1)
    return Species(mix(kind.leaf, other, float(rng.random())), kind.bark, kind.shape, kind.dense)
