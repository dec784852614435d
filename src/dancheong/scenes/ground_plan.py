"""The site of a scene: its camera, its land, its plants and its paving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancheong.scenes.canvas import UP, View, fill, flats, placed, project, rectangles, varied
from dancheong.scenes.light import GRANITE, NOEROK, SAND, SEOKGANJU, TILE, Light, Rgb, direction, mix, scaled
from dancheong.scenes.nature import (
    SEASONS,
    Species,
    draw_branch,
    draw_grove,
    draw_tree,
    leaf_mix,
    reflect,
    season_lawn,
    tree_shadow,
)
from dancheong.scenes.noise import Noise
from dancheong.scenes.palace import Hall, draw_hall
from dancheong.scenes.sky import Land, paint_backdrop, season_forest

Spot = tuple[float, float, float]


@dataclass(frozen=True)
class Scenery:
    """What every composition is given: canvas, a copy of its backdrop, light, season, noise, and random numbers."""

    pixels_hwc: NDArray[np.uint8]
    backdrop_hwc: NDArray[np.uint8]
    light: Light
    season: str
    noise: Noise
    rng: np.random.Generator

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in this share of scenes."""
        return bool(self.rng.random() < share)

    def pick(self, options: Sequence[float]) -> float:
        """One of these numbers."""
        return options[int(self.rng.integers(len(options)))]

    def word(self, options: Sequence[str]) -> str:
        """One of these words."""
        return options[int(self.rng.integers(len(options)))]

    def fork(self) -> np.random.Generator:
        """Numbers for one object: how many it uses may depend on the picture's size, the composition must not."""
        return np.random.default_rng(int(self.rng.integers(1 << 62)))


def camera(scenery: Scenery, eye: tuple[float, float, float], yaw: float, view_m: float, horizon: float) -> View:
    """A camera at `eye` turned by `yaw`, which sees `view_m` meters across at one meter in a 3:2 picture.

    `horizon` is the height of the horizon in the picture, from the top (0) to the bottom (1).
    """
    height, width = scenery.pixels_hwc.shape[:2]
    # Other shapes than 3:2 partly show more, partly crop: the mean between the two, as photographers frame.
    fitting, area = min(width / 1.5, float(height)), math.sqrt(width * height / 1.5)
    focal = 1.5 * math.sqrt(fitting * area) / view_m
    center = (width / 2, height * horizon)
    return View(scenery.pixels_hwc, np.array(eye, np.float64), yaw, focal, center, scenery.light, direction(scenery.light))


def draw_land(
    scenery: Scenery, view: View, lawn_from_m: float | None, mountains: float, ground: Rgb = SAND, woods_from_m: float = 75.0
) -> None:
    """Sky, mountains of about this height over distance, and ground: lawn beyond `lawn_from_m` from the middle."""
    most = {"day": 0.60, "golden": 0.50, "dusk": 0.46, "overcast": 0.62}[scenery.light.name]
    land = Land(
        cloud_cover=scenery.between(0.4 * most, most),
        cloud_offset=scenery.between(0, 1),
        mountain_height=mountains * scenery.between(0.7, 1.2),
        mountain_offset=scenery.between(0, 1),
        forest=season_forest(scenery.season, scenery.light),
        ground=ground,
        ground_grain=0.07,
        lawn=season_lawn(scenery.season) if lawn_from_m is not None else None,
        lawn_from_m=lawn_from_m or 0.0,
        woods_from_m=woods_from_m,
    )
    paint_backdrop(view, land, scenery.noise)
    scenery.backdrop_hwc[:] = view.pixels_hwc


def pick_hall(scenery: Scenery, painted: bool | None = None) -> Hall:
    """A hall with its own measures and paint; unpainted timber in one of six unless asked for."""
    painted = scenery.chance(0.83) if painted is None else painted
    red = mix(SEOKGANJU, (172, 62, 40), scenery.between(0, 1)) if painted else (128, 84, 54)
    frame = (NOEROK if scenery.chance(0.55) else scaled(SEOKGANJU, 0.9)) if painted else (116, 78, 52)
    snowy = scenery.season == "winter" and scenery.chance(0.5)
    return Hall(
        bays_x=int(scenery.pick([3, 5, 5, 7])),
        bays_z=int(scenery.pick([2, 3])),
        bay_m=scenery.between(2.9, 3.8),
        column_m=scenery.between(3.0, 3.9),
        bracket_m=scenery.between(0.5, 1.3) if painted else 0.2,
        platform_m=scenery.between(0.6, 1.4),
        overhang_m=scenery.between(1.7, 2.3),
        roof=scenery.pick([0.55, 0.6, 1.0]),
        rise=scenery.between(3.6, 4.8),
        lift=scenery.between(0.8, 1.3),
        filling=scenery.word(["lattice", "lattice", "plaster"]),
        door=scenery.word(["lattice", "plank", "open"]),
        painted=painted,
        white_ridge=scenery.chance(0.7),
        pillar=red,
        frame=frame,
        tile=mix(TILE, (92, 98, 104), scenery.between(0, 1)),
        snow=scenery.between(0.35, 0.8) if snowy else 0.0,
        board=scenery.chance(0.6),
    )


def pick_tree(scenery: Scenery) -> Species:
    """A tree of the season."""
    kinds = SEASONS[scenery.season][0]
    return leaf_mix(kinds[int(scenery.rng.integers(len(kinds)))], scenery.rng)


def pick_shrub(scenery: Scenery) -> Species:
    """A shrub of the season."""
    kinds = SEASONS[scenery.season][1]
    return leaf_mix(kinds[int(scenery.rng.integers(len(kinds)))], scenery.rng)


def plant(scenery: Scenery, view: View, spots: Sequence[Spot], shrubs: bool = False) -> None:
    """Trees or shrubs at (x, z, height), the far ones first, each with its shadow."""
    for x, z, height_m in sorted(spots, key=lambda spot: -spot[1]):
        kind = pick_shrub(scenery) if shrubs else pick_tree(scenery)
        tree_shadow(view, (x, 0, z), height_m)
        draw_tree(view, scenery.fork(), scenery.noise, (x, 0, z), height_m, kind)


def plant_beside(
    scenery: Scenery, view: View, from_x: float, to_x: float, z: tuple[float, float], tall: tuple[float, float],
    count: int, shrubs: bool = False,
) -> None:  # fmt: skip
    """`count` plants to the left and the right, between `from_x` and `to_x` from the middle, in ranges of depth and height."""
    spots = [
        ((1 - 2 * (index % 2)) * scenery.between(from_x, to_x), scenery.between(*z), scenery.between(*tall))
        for index in range(count)
    ]
    plant(scenery, view, spots, shrubs)


def draw_woods(scenery: Scenery, view: View, z: float, spread: float, tall: float) -> None:
    """A belt of woods across the background."""
    kinds = tuple(pick_tree(scenery) for _ in range(3))
    draw_grove(view, scenery.fork(), scenery.noise, z, -spread, spread, tall, kinds)


def hang_branch(scenery: Scenery, view: View, share: float) -> None:
    """In this share of scenes, a branch in an upper corner of the picture."""
    wanted, left, kind = scenery.chance(share), scenery.chance(0.5), pick_tree(scenery)
    if wanted:
        draw_branch(view, scenery.fork(), scenery.noise, kind, left)


def draw_gallery(scenery: Scenery, view: View, z: float, half_x: float, gap: float, like: Hall) -> None:
    """Low corridors (haenggak) to both sides of the middle, at depth z."""
    count = max(2, round((half_x - gap) / 3.6))
    wing = Hall(
        count, 1, (half_x - gap) / count, 2.6, 0.15, 0.5, 1.1, 0.0, 1.7, 0.12, filling="plaster", door="plaster",
        painted=like.painted, white_ridge=like.white_ridge, pillar=like.pillar, frame=like.frame, tile=like.tile,
        snow=like.snow, stairs=False,
    )  # fmt: skip
    for side in (-1, 1):
        draw_hall(placed(view, (side * (gap + half_x) / 2, 0, z)), wing, scenery.fork())


def draw_path(scenery: Scenery, view: View, half_x: float, z0: float, z1: float) -> None:
    """The royal way (eodo): three lanes of stone slabs."""
    z = np.arange(z0, z1, 0.95)
    slabs, seams = [], []
    for lane, (a, b) in enumerate(((-1.0, -0.36), (-0.34, 0.34), (0.36, 1.0))):
        start = z + 0.3 * (lane % 2)
        slabs.append(flats(a * half_x, b * half_x, start + 0.02, start + 0.92, 0.01))
        seams.append(flats(b * half_x, b * half_x + 0.06, z0, z1, 0.012))
    fill(view, flats(-half_x, half_x, z0, z1), scaled(GRANITE, 0.72), UP)
    varied(view, np.concatenate(slabs), scaled(GRANITE, 0.98), scenery.fork(), 0.14, UP)
    fill(view, np.concatenate(seams), scaled(GRANITE, 0.62), UP)


def draw_paving(scenery: Scenery, view: View, half_x: float, z0: float, z1: float, size_m: float) -> None:
    """A court of rough granite slabs (bakseok)."""
    rng = scenery.fork()
    fill(view, flats(-half_x, half_x, z0, z1), scaled(GRANITE, 0.66), UP)
    stones = []
    for row in np.arange(z0, z1, size_m):
        x = np.arange(-half_x, half_x, size_m * 1.35) + float(rng.uniform(-0.5, 0.5)) * size_m
        a, b = np.clip(x, -half_x, half_x), np.clip(x + size_m * 1.29, -half_x, half_x)
        stones.append(flats(a, b, row, row + size_m * 0.94, 0.005))
    varied(view, np.concatenate(stones), GRANITE, rng, 0.18, UP)


def draw_rank_stones(view: View, x: float, z0: float, z1: float) -> None:
    """The two rows of rank stones (pumgyeseok) along the royal way."""
    for z in np.arange(z1, z0, -3.2):
        for side in (-x, x):
            fill(view, rectangles(side - 0.15, side + 0.15, 0, 0.75, z), scaled(GRANITE, 0.9))
            fill(view, rectangles(side - 0.17, side + 0.17, 0.62, 0.78, z - 0.01), scaled(GRANITE, 1.1))


def draw_pond(scenery: Scenery, view: View, shore: float) -> None:
    """A bank of granite blocks across the picture at depth `shore`, and water from its foot to the camera."""
    deep = 0.45
    edge = placed(view, (0, 0, shore))
    stones = np.arange(-60.0, 60.0, 1.5)
    varied(edge, flats(stones, stones + 1.46, 0.0, 0.5, 0.02), GRANITE, scenery.fork(), 0.2, UP)
    fill(edge, rectangles(-60, 60, -deep, 0.02, 0.0), scaled(GRANITE, 0.55))
    varied(edge, rectangles(stones, stones + 1.44, -deep, 0.0, -0.01), scaled(GRANITE, 0.9), scenery.fork(), 0.2)
    line = float(project(edge, (0.0, -deep, 0.0))[0][1])
    foot = float(project(edge, (0.0, -deep, 1.2))[0][1])
    reflect(view, scenery.noise, line, foot, (66, 92, 76))
