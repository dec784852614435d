"""Trees, shrubs and water: crowns are heaps of rounded clumps, lit from the side of the sun and broken by leaf noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.scenes.canvas import NEAR_M, UP, Points, View
from dancheong.scenes.light import Rgb, rgb, shade
from dancheong.scenes.noise import TILE_PX, FieldHW

GRID = 72  # cells per side of the grid on which a crown is computed
Clumps = NDArray[np.float32]  # rows (x, y, rx, ry) in a unit box, y upwards
Foot = tuple[float, float, float]


@dataclass(frozen=True)
class Species:
    """A kind of tree: leaf color, bark, crown shape ("round", "pine", "tall", "shrub", "bare") and leaf share."""

    leaf: Rgb
    bark: Rgb
    shape: str
    dense: float = 1.0


@dataclass(frozen=True)
class Season:
    """What grows in one season, each kind as often as it is named, and the albedos of grass and of distant woods."""

    trees: tuple[Species, ...]
    shrubs: tuple[Species, ...]
    lawn: Rgb
    forest: Rgb


PINE = Species(rgb(54, 88, 56), rgb(146, 92, 66), "pine")
ZELKOVA = Species(rgb(84, 122, 54), rgb(96, 84, 72), "round")
SPRING_LEAF = Species(rgb(142, 172, 74), rgb(98, 86, 74), "round", 0.9)
CHERRY = Species(rgb(244, 206, 214), rgb(92, 74, 68), "round", 0.92)
GINKGO = Species(rgb(240, 190, 48), rgb(108, 94, 80), "tall")
MAPLE = Species(rgb(170, 60, 40), rgb(92, 76, 66), "round", 0.95)
OAK_AUTUMN = Species(rgb(206, 122, 48), rgb(94, 80, 68), "round")
BARE = Species(rgb(118, 104, 94), rgb(98, 84, 74), "bare", 0.42)
SHRUB = Species(rgb(72, 106, 54), rgb(80, 70, 60), "shrub")
AZALEA = Species(rgb(214, 92, 142), rgb(80, 70, 60), "shrub")
SHRUB_AUTUMN = Species(rgb(170, 92, 44), rgb(80, 70, 60), "shrub")

SEASONS = {
    "spring": Season((CHERRY, SPRING_LEAF, SPRING_LEAF, PINE), (SHRUB, AZALEA), rgb(132, 160, 76), rgb(110, 140, 72)),
    "summer": Season((ZELKOVA, ZELKOVA, PINE), (SHRUB,), rgb(92, 146, 62), rgb(62, 98, 56)),
    "autumn": Season((GINKGO, MAPLE, OAK_AUTUMN, PINE), (SHRUB_AUTUMN, SHRUB), rgb(176, 152, 84), rgb(148, 104, 58)),
    "winter": Season((BARE, BARE, PINE), (SHRUB,), rgb(178, 158, 116), rgb(112, 104, 92)),
}


def draw_tree(view: View, rng: np.random.Generator, foot: Foot, height_m: float, kind: Species) -> None:
    """A tree or shrub that stands at `foot`; its trunk and limbs first, then the crown."""
    uv, depth = view.project(np.array(foot))
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
        _draw_limbs(view, rng, foot, height_m, wide / size, clumps, kind)
    _draw_crown(view, rng, box, clumps, kind, depth_m)


def draw_tree_shadow(view: View, foot: Foot, height_m: float) -> None:
    """The shadow of a crown on the ground."""
    if view.light.sun[0] < 0.2:
        return
    reach = -view.sun / view.sun[1] * 0.6 * height_m
    angle = np.linspace(0, 2 * np.pi, 20)[:-1]
    radius = 0.42 * height_m * (1 + 0.16 * np.sin(5 * angle) + 0.1 * np.sin(9 * angle + 1))
    x, z = foot[0] + reach[0] + radius * np.cos(angle), foot[2] + reach[2] + radius * np.sin(angle)
    view.darken(np.stack([x, np.full_like(x, foot[1]), z], axis=-1), UP, 0.9)


def draw_grove(
    view: View, rng: np.random.Generator, z: float, spread_m: float, height_m: float, kinds: Sequence[Species]
) -> None:
    """A belt of woods behind the buildings, `spread_m` to both sides at depth z, as a row of wide crowns that overlap."""
    step = height_m * 1.9
    for x in np.arange(-spread_m, spread_m, step):
        kind = kinds[int(rng.integers(len(kinds)))]
        tall = height_m * float(rng.uniform(0.75, 1.15))
        uv, depth = view.project(np.array([[x, 0, z], [x + step * 1.35, 0, z]]))
        size = view.focal_px * tall / float(depth[0])
        clumps = rng.uniform([0.05, 0.1, 0.10, 0.22], [0.95, 0.75, 0.17, 0.34], (16, 4)).astype(np.float32)
        clumps[:, 1] *= 1 - 0.5 * np.square(2 * clumps[:, 0] - 1)
        box = (float(uv[0, 0]), float(uv[0, 1]) - size, float(uv[1, 0]), float(uv[0, 1]))
        if box[2] >= 0 and box[0] <= view.pixels_hwc.shape[1] and size >= 2:
            _draw_crown(view, rng, box, clumps, kind, float(depth[0]))


def draw_branch(view: View, rng: np.random.Generator, kind: Species, left: bool) -> None:
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
    line = np.rint(np.stack([box[0] + clumps[:, 0] * 1.6 * size, box[3] - clumps[:, 1] * size], axis=1)).astype(np.int32)
    bark = shade(view.light, kind.bark * 0.6, UP * 0.0, view.sun, 3.0, lit=False).tolist()
    for points, thick in ((13, 0.006), (8, 0.012), (5, 0.018)):
        cv2.polylines(view.pixels_hwc, [line[:points]], False, bark, max(1, round(thick * size)), cv2.LINE_AA)
    _draw_crown(view, rng, box, clumps, replace(kind, dense=0.9 * kind.dense), 3.0)


def _clumps(rng: np.random.Generator, shape: str) -> Clumps:
    """The clumps of one crown."""
    if shape == "pine":  # flat pads on a leaning stem
        count = int(rng.integers(6, 9))
        y = np.linspace(0.50, 0.92, count) + rng.uniform(-0.03, 0.03, count)
        x = 0.5 + rng.uniform(-0.30, 0.30, count) * (1.25 - y)
        r = rng.uniform(0.16, 0.27, count) * (1.45 - y)
        flat: float | Points = rng.uniform(0.28, 0.42, count)
    elif shape == "tall":
        y = rng.uniform(0.28, 0.92, 15)
        x = 0.5 + rng.uniform(-1, 1, 15) * 0.26 * np.sqrt(np.clip(1.12 - y, 0, 1))
        r, flat = rng.uniform(0.08, 0.15, 15), 1.2
    elif shape == "shrub":
        x = rng.uniform(0.15, 0.85, 8)
        y = rng.uniform(0.15, 0.55, 8) * (1 - np.abs(x - 0.5))
        r, flat = rng.uniform(0.14, 0.24, 8), 1.2
    else:
        angle, away = rng.uniform(0, 2 * np.pi, 17), np.sqrt(rng.uniform(0, 1, 17))
        x, y = 0.5 + 0.33 * away * np.cos(angle), 0.66 + 0.22 * away * np.sin(angle)
        r, flat = rng.uniform(0.11, 0.19, 17), 0.92
    return np.stack([x, y, r, r * flat], axis=1).astype(np.float32)


def _draw_limbs(
    view: View, rng: np.random.Generator, foot: Foot, height_m: float, aspect: float, clumps: Clumps, kind: Species
) -> None:
    """A tapering trunk with a bend and limbs to the larger clumps, as flat strips that face the camera."""
    right = np.array([math.cos(view.yaw), 0.0, -math.sin(view.yaw)])
    pine = kind.shape == "pine"
    thick, bend = 0.020 if pine else 0.026, float(rng.uniform(-0.05, 0.05)) * (1.8 if pine else 1)
    knee, crotch = (0.5 + 0.6 * bend, 0.22), (0.5 + bend, 0.42)
    limbs = [((0.5, 0.0), knee, thick * 1.25, thick), (knee, crotch, thick, thick * 0.85)]
    for x, y, _, _ in clumps[: 17 if kind.shape == "bare" else 7].tolist():
        limbs.append((crotch, (x, y), thick * 0.6, thick * 0.15))
    shapes = []
    for begin, end, w0, w1 in limbs:
        a, b = (np.array(foot) + right * (x - 0.5) * aspect * height_m + UP * y * height_m for x, y in (begin, end))
        side = right * height_m
        shapes.append(np.stack([a - side * w0, a + side * w0, b + side * w1, b - side * w1]))
    view.fill(np.array(shapes), kind.bark * 0.8, overlap=True)


def _draw_crown(
    view: View, rng: np.random.Generator, box: tuple[float, float, float, float], clumps: Clumps, kind: Species, depth_m: float
) -> None:
    """The leaves of a crown inside a box of pixels; computed at half the canvas, which is finer than the picture."""
    height, width = max(2, min(1800, round(box[3] - box[1]))), max(2, min(2400, round(box[2] - box[0])))
    half_h, half_w = (height + 1) // 2, (width + 1) // 2
    if depth_m > 4:  # move the clumps inside their unit box, so that no crown is cut straight; a near branch may be
        margin = clumps[:, 2:] * 1.25
        clumps = np.concatenate([np.clip(clumps[:, :2], margin, 1 - margin), clumps[:, 2:]], axis=1)
    across = float(view.sun[0] * math.cos(view.yaw) - view.sun[2] * math.sin(view.yaw))
    fields = _crown_fields(clumps, across, max(0.35, float(view.sun[1])))
    inside, light = (cv2.resize(field, (half_w, half_h), interpolation=cv2.INTER_LINEAR) for field in fields)
    grain = _leaf_noise(rng, view.noise.fine, half_h, half_w)
    alpha: FieldHW = np.clip((inside + 0.33 * grain - (1 - kind.dense)) * 5, 0, 1)
    if kind.shape == "bare":
        alpha = np.clip(alpha * (0.25 + 0.55 * (grain > 0.1)), 0, 0.62)
    # Colors of leaves from deep shade over open shade to sun.
    toward = np.array([0.5 * across, 0.65, -0.6])
    sunny = shade(view.light, kind.leaf, toward, toward, depth_m)
    shady = shade(view.light, kind.leaf * 0.6, UP * 0.0, view.sun, depth_m, lit=False)
    stops = np.stack([shady * 0.62, shady, sunny])
    table = np.stack([np.interp(np.linspace(0, 2, 256), [0, 1, 2], stops[:, i]) for i in range(3)], axis=-1)
    level = cv2.convertScaleAbs(np.clip(light + 0.17 * grain, 0, 1), alpha=255)
    color = cv2.LUT(cv2.merge([level, level, level]), np.rint(table[None]).astype(np.uint8))
    # Blend over that part of the canvas that the box covers.
    left, top = math.floor(box[0]), math.floor(box[1])
    canvas = view.pixels_hwc[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    if canvas.size == 0:
        return
    a, b = max(0, -top), max(0, -left)
    share, leaves = (
        np.ascontiguousarray(cv2.resize(part, (width, height))[a : a + canvas.shape[0], b : b + canvas.shape[1]])
        for part in (alpha.astype(np.float32), color)
    )
    canvas[:] = cv2.blendLinear(leaves, np.ascontiguousarray(canvas), share, 1 - share)


def _crown_fields(clumps: Clumps, sun_x: float, sun_y: float) -> tuple[FieldHW, FieldHW]:
    """Fields (GRID, GRID): how deep inside the crown, and how much light falls on its clumps (0 to 1.2)."""
    axis = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID
    dx = (axis[None, None, :] - clumps[:, 0, None, None]) / clumps[:, 2, None, None]
    dy = (axis[::-1][None, :, None] - clumps[:, 1, None, None]) / clumps[:, 3, None, None]
    depth = 1 - dx * dx - dy * dy
    nearest = depth.argmax(axis=0)[None]
    inside, nx, ny = (
        np.take_along_axis(np.broadcast_to(field, depth.shape), nearest, axis=0)[0] for field in (depth, dx, dy)
    )
    middle = clumps[:, :2].mean(axis=0)
    whole = 0.5 * sun_x * (axis[None, :] - middle[0]) + 0.9 * (axis[::-1][:, None] - middle[1])
    light = 0.46 + 0.30 * (sun_x * nx + sun_y * ny) + 0.75 * whole
    return inside, np.clip(light, 0, 1.2).astype(np.float32)


def _leaf_noise(rng: np.random.Generator, fine: FieldHW, height: int, width: int) -> FieldHW:
    """A crop of the fine field, scaled so that its grain is a sixtieth of the crown, or 1.6 px."""
    scale = max(0.25, max(1.6, 0.016 * height) / 3.0)
    rows, columns = (min(TILE_PX, math.ceil(side / scale) + 1) for side in (height, width))
    top, left = (int(rng.integers(0, TILE_PX)) for _ in range(2))
    crop = np.roll(fine, (-top, -left), (0, 1))[:rows, :columns]
    return cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR)


def draw_reflection(view: View, shore_px: float, mirror_px: float, tint: Rgb) -> None:
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
    grain = cv2.resize(view.noise.fine[:128, :64], (width, rows), interpolation=cv2.INTER_LINEAR)
    swell = cv2.resize(view.noise.coarse[:160], (width, rows), interpolation=cv2.INTER_LINEAR)
    wave = grain * (0.4 + 3.2 * near) * np.float32(height / 420)
    source = np.clip(2 * mirror_px - first - y - np.abs(wave) * 1.6, 0, first - 1).astype(np.float32)
    x = np.arange(width, dtype=np.float32)[None] + 0.8 * wave
    mirror = cv2.remap(view.pixels_hwc, x.astype(np.float32), source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    water = shade(view.light, tint, UP, view.sun, 0.0).astype(np.float32)
    share = np.clip(0.14 + 0.26 * near + 0.05 * swell, 0.05, 0.6)[..., None]
    view.pixels_hwc[first:] = np.rint(mirror * (0.92 * (1 - share)) + water * share).astype(np.uint8)
