"""The ground plan of a scene: its camera, its land, its plants and its paving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dancheong.scenes.backdrop import Land, paint_backdrop
from dancheong.scenes.canvas import UP, View, flats, rectangles
from dancheong.scenes.light import GRANITE, NOEROK, SAND, SEOKGANJU, TILE, Finish, Light, Rgb, direction, mix, scaled
from dancheong.scenes.nature import (
    SEASONS,
    Foot,
    Species,
    draw_branch,
    draw_grove,
    draw_reflection,
    draw_tree,
    draw_tree_shadow,
)
from dancheong.scenes.noise import Noise
from dancheong.scenes.palace import Hall, draw_hall

Range = tuple[float, float]
T = TypeVar("T")


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

    def pick(self, options: Sequence[T]) -> T:
        """One of these."""
        return options[int(self.rng.integers(len(options)))]

    def fork(self) -> np.random.Generator:
        """Numbers for one object: how many it uses may depend on the picture's size, the composition must not."""
        return np.random.default_rng(int(self.rng.integers(1 << 62)))

    def camera(self, eye: tuple[float, float, float], view_m: float, horizon: float, yaw: float = 0.0) -> View:
        """A camera at `eye` turned by `yaw`, which sees `view_m` meters across at one meter in a 3:2 picture.

        `horizon` is the height of the horizon in the picture, from the top (0) to the bottom (1).
        """
        height, width = self.pixels_hwc.shape[:2]
        # Other shapes than 3:2 partly show more, partly crop: the mean between the two, as photographers frame.
        fitting, area = min(width / 1.5, float(height)), math.sqrt(width * height / 1.5)
        focal_px, center_px = 1.5 * math.sqrt(fitting * area) / view_m, (width / 2, height * horizon)
        eye_xyz, sun = np.array(eye, np.float64), direction(self.light)
        return View(self.pixels_hwc, eye_xyz, yaw, focal_px, center_px, self.light, sun, self.noise)


def draw_land(
    scenery: Scenery, view: View, lawn_from_m: float | None, mountains: float, ground: Rgb = SAND, woods_from_m: float = 75.0
) -> None:
    """Sky, mountains of about this height over distance, and ground: lawn beyond `lawn_from_m` from the middle."""
    season, weather = SEASONS[scenery.season], scenery.light.name
    most = {"day": 0.60, "golden": 0.50, "dusk": 0.46, "overcast": 0.62}[weather]
    land = Land(
        cloud_cover=scenery.between(0.4 * most, most),
        cloud_offset=scenery.between(0, 1),
        mountain_height=mountains * scenery.between(0.7, 1.2),
        mountain_offset=scenery.between(0, 1),
        forest=mix(season.forest, (96, 100, 92), 0.25 if weather == "overcast" else 0.1),
        ground=ground,
        lawn=season.lawn if lawn_from_m is not None else None,
        lawn_from_m=lawn_from_m or 0.0,
        woods_from_m=woods_from_m,
    )
    paint_backdrop(view, land)
    scenery.backdrop_hwc[:] = view.pixels_hwc


def pick_hall(scenery: Scenery, painted: bool | None = None, white_ridge: bool = False) -> Hall:
    """A hall with its own measures and paint; unpainted timber in one of six, plain ridges in three of ten unless asked for."""
    painted = scenery.chance(0.83) if painted is None else painted
    red = mix(SEOKGANJU, (172, 62, 40), scenery.between(0, 1)) if painted else (128, 84, 54)
    frame = (NOEROK if scenery.chance(0.55) else scaled(SEOKGANJU, 0.9)) if painted else (116, 78, 52)
    snowy = scenery.season == "winter" and scenery.chance(0.5)
    return Hall(
        bays_x=scenery.pick([3, 5, 5, 7]),
        bays_z=scenery.pick([2, 3]),
        bay_m=scenery.between(2.9, 3.8),
        column_m=scenery.between(3.0, 3.9),
        bracket_m=scenery.between(0.5, 1.3) if painted else 0.2,
        platform_m=scenery.between(0.6, 1.4),
        overhang_m=scenery.between(1.7, 2.3),
        roof=scenery.pick([0.55, 0.6, 1.0]),
        rise=scenery.between(3.6, 4.8),
        lift=scenery.between(0.8, 1.3),
        filling=scenery.pick(["lattice", "lattice", "plaster"]),
        door=scenery.pick(["lattice", "plank", "open"]),
        finish=Finish(
            painted=painted,
            white_ridge=scenery.chance(0.7) or white_ridge,
            pillar=red,
            frame=frame,
            tile=mix(TILE, (92, 98, 104), scenery.between(0, 1)),
            snow=scenery.between(0.35, 0.8) if snowy else 0.0,
        ),
        board=scenery.chance(0.6),
    )


def draw_gallery(scenery: Scenery, view: View, z: float, half_x: float, gap: float, like: Hall) -> None:
    """Low corridors (haenggak) to both sides of the middle, at depth z."""
    count = max(2, round((half_x - gap) / 3.6))
    wing = Hall(
        bays_x=count, bays_z=1, bay_m=(half_x - gap) / count, column_m=2.6, bracket_m=0.15, platform_m=0.5, overhang_m=1.1,
        roof=0.0, rise=1.7, lift=0.12, filling="plaster", door="plaster", finish=like.finish, stairs=False,
    )  # fmt: skip
    for side in (-1, 1):
        draw_hall(view.placed((side * (gap + half_x) / 2, 0, z)), wing, scenery.fork())


def plant(scenery: Scenery, view: View, spots: Sequence[Foot], shrubs: bool = False) -> None:
    """Trees or shrubs at (x, z, height), the far ones first, each with its shadow."""
    for x, z, height_m in sorted(spots, key=lambda spot: -spot[1]):
        kind = _pick_species(scenery, shrubs)
        draw_tree_shadow(view, (x, 0, z), height_m)
        draw_tree(view, scenery.fork(), (x, 0, z), height_m, kind)


def _pick_species(scenery: Scenery, shrubs: bool = False) -> Species:
    """A tree or shrub of the season, with a little color of its own."""
    season = SEASONS[scenery.season]
    kind = scenery.pick(season.shrubs if shrubs else season.trees)
    red, green, blue = kind.leaf
    other = (red * 1.08, green * 0.94, blue) if scenery.chance(0.5) else scaled(kind.leaf, 1.1)
    return Species(mix(kind.leaf, other, scenery.between(0, 1)), kind.bark, kind.shape, kind.dense)


def plant_beside(scenery: Scenery, view: View, x: Range, z: Range, tall: Range, count: int, shrubs: bool = False) -> None:
    """`count` plants to the left and the right, in these ranges of distance from the middle, depth and height."""
    spots = [
        ((1 - 2 * (index % 2)) * scenery.between(*x), scenery.between(*z), scenery.between(*tall)) for index in range(count)
    ]
    plant(scenery, view, spots, shrubs)


def plant_shrubs(scenery: Scenery, view: View, half_x: float, z: float) -> None:
    """In one of three scenes, four shrubs at both ends of a front of this half width at depth z."""
    plant_beside(scenery, view, (half_x + 0.5, half_x + 4), (z - 6, z - 3), (0.9, 1.5), scenery.pick([0, 0, 4]), shrubs=True)


def draw_woods(scenery: Scenery, view: View, z: float, spread_m: float, tall: float) -> None:
    """A belt of woods across the background."""
    kinds = tuple(_pick_species(scenery) for _ in range(3))
    draw_grove(view, scenery.fork(), z, spread_m, tall, kinds)


def hang_branch(scenery: Scenery, view: View, share: float) -> None:
    """In this share of scenes, a branch in an upper corner of the picture."""
    wanted, left, kind = scenery.chance(share), scenery.chance(0.5), _pick_species(scenery)
    if wanted:
        draw_branch(view, scenery.fork(), kind, left)


def draw_path(scenery: Scenery, view: View, half_x: float, z0: float, z1: float) -> None:
    """The royal way (eodo): three lanes of stone slabs."""
    view.fill(flats(-half_x, half_x, z0, z1), scaled(GRANITE, 0.72), UP)
    slabs, seams = [], []
    for lane, (a, b) in enumerate(((-1.0, -0.36), (-0.34, 0.34), (0.36, 1.0))):
        start = np.arange(z0, z1, 0.95) + 0.3 * (lane % 2)
        slabs.append(flats(a * half_x, b * half_x, start + 0.02, start + 0.92, 0.01))
        seams.append(flats(b * half_x, b * half_x + 0.06, z0, z1, 0.012))
    view.fill_varied(np.concatenate(slabs), scaled(GRANITE, 0.98), scenery.fork(), 0.14, UP)
    view.fill(np.concatenate(seams), scaled(GRANITE, 0.62), UP)


def draw_paving(scenery: Scenery, view: View, half_x: float, z0: float, z1: float, size_m: float) -> None:
    """A court of rough granite slabs (bakseok)."""
    rng = scenery.fork()
    view.fill(flats(-half_x, half_x, z0, z1), scaled(GRANITE, 0.66), UP)
    stones = []
    for row in np.arange(z0, z1, size_m):
        x = np.arange(-half_x, half_x, size_m * 1.35) + float(rng.uniform(-0.5, 0.5)) * size_m
        a, b = np.clip(x, -half_x, half_x), np.clip(x + size_m * 1.29, -half_x, half_x)
        stones.append(flats(a, b, row, row + size_m * 0.94, 0.005))
    view.fill_varied(np.concatenate(stones), GRANITE, rng, 0.18, UP)


def draw_rank_stones(view: View, x: float, z0: float, z1: float) -> None:
    """The two rows of rank stones (pumgyeseok) along the royal way."""
    for z in np.arange(z1, z0, -3.2):
        for side in (-x, x):
            view.fill(rectangles(side - 0.15, side + 0.15, 0, 0.75, z), scaled(GRANITE, 0.9))
            view.fill(rectangles(side - 0.17, side + 0.17, 0.62, 0.78, z - 0.01), scaled(GRANITE, 1.1))


def draw_pond(scenery: Scenery, view: View, shore: float) -> None:
    """A bank of granite blocks across the picture at depth `shore`, and water from its foot to the camera."""
    deep, edge = 0.45, view.placed((0, 0, shore))
    stones = np.arange(-60.0, 60.0, 1.5)
    edge.fill_varied(flats(stones, stones + 1.46, 0.0, 0.5, 0.02), GRANITE, scenery.fork(), 0.2, UP)
    edge.fill(rectangles(-60, 60, -deep, 0.02, 0.0), scaled(GRANITE, 0.55))
    edge.fill_varied(rectangles(stones, stones + 1.44, -deep, 0.0, -0.01), scaled(GRANITE, 0.9), scenery.fork(), 0.2)
    shore_px, foot_px = (float(edge.project((0.0, -deep, z))[0][1]) for z in (0.0, 1.2))
    draw_reflection(view, shore_px, foot_px, (66, 92, 76))
