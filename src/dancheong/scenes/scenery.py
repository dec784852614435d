"""One scene while it is drawn: its camera and random numbers, its land, plants and paving, and where its buildings stand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dancheong.scenes import nature
from dancheong.scenes.backdrop import Land, paint_backdrop
from dancheong.scenes.canvas import UP, View, flats, rectangles
from dancheong.scenes.light import GRANITE, NOEROK, SAND, SEOKGANJU, TILE, Finish, Light, Rgb, mix, rgb
from dancheong.scenes.noise import Noise
from dancheong.scenes.palace import Hall, draw_hall

Range = tuple[float, float]
T = TypeVar("T")
_CLOUD_COVER = {"day": 0.60, "golden": 0.50, "dusk": 0.46, "overcast": 0.62}


@dataclass
class Scenery:
    """What every composition is given: canvas, a copy of its backdrop, light, season, noise, and random numbers.

    `view` is the camera, once `look` has placed it.
    """

    pixels_hwc: NDArray[np.uint8]
    backdrop_hwc: NDArray[np.uint8]
    light: Light
    season: str
    noise: Noise
    rng: np.random.Generator
    view: View = field(init=False)

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

    def turn(self, frontal: float, least: float, most: float) -> float:
        """Angle of a building to the picture in radians: 0 in the share `frontal`, otherwise to one side."""
        degrees = self.pick([-1, 1]) * self.between(least, most)
        return 0.0 if self.chance(frontal) else math.radians(degrees)

    def look(self, eye: Sequence[float], view_m: float, horizon: float, yaw: float = 0.0) -> None:
        """Place a camera at `eye` turned by `yaw`, which sees `view_m` meters across at one meter in a 3:2 picture.

        `horizon` is the height of the horizon in the picture, from the top (0) to the bottom (1).
        """
        height, width = self.pixels_hwc.shape[:2]
        # Other shapes than 3:2 partly show more, partly crop: the mean between the two, as photographers frame.
        fitting, area = min(width / 1.5, float(height)), math.sqrt(width * height / 1.5)
        focal_px, center_px = 1.5 * math.sqrt(fitting * area) / view_m, (width / 2, height * horizon)
        sun = self.light.toward_sun
        self.view = View(self.pixels_hwc, np.array(eye, np.float64), yaw, focal_px, center_px, self.light, sun, self.noise)

    def land(self, lawn_from_m: float | None, mountains: float, ground: Rgb = SAND, woods_from_m: float = 75.0) -> None:
        """Sky, mountains of about this height over distance, and ground: lawn beyond `lawn_from_m` from the middle."""
        season, weather = nature.SEASONS[self.season], self.light.name
        most = _CLOUD_COVER[weather]
        cover, offset = self.between(0.4 * most, most), self.between(0, 1)
        height, shift = mountains * self.between(0.7, 1.2), self.between(0, 1)
        forest = mix(season.forest, (96, 100, 92), 0.25 if weather == "overcast" else 0.1)
        lawn = season.lawn if lawn_from_m is not None else None
        paint_backdrop(self.view, Land(cover, offset, height, shift, forest, ground, lawn, lawn_from_m or 0.0, woods_from_m))
        self.backdrop_hwc[:] = self.view.pixels_hwc

    def hall(self, painted: bool | None = None, white_ridge: bool = False, **measures: Any) -> Hall:
        """A hall with its own measures and paint, but for those given.

        Unless asked for, one in six is of unpainted timber, and three of ten have plain ridges.
        """
        painted = self.chance(0.83) if painted is None else painted
        red = mix(SEOKGANJU, (172, 62, 40), self.between(0, 1)) if painted else rgb(128, 84, 54)
        frame = (NOEROK if self.chance(0.55) else SEOKGANJU * 0.9) if painted else rgb(116, 78, 52)
        snowy = self.season == "winter" and self.chance(0.5)
        hall = Hall(
            bays_x=self.pick([3, 5, 5, 7]), bays_z=self.pick([2, 3]), bay_m=self.between(2.9, 3.8),
            column_m=self.between(3.0, 3.9), bracket_m=self.between(0.5, 1.3) if painted else 0.2,
            platform_m=self.between(0.6, 1.4), overhang_m=self.between(1.7, 2.3), roof=self.pick([0.55, 0.6, 1.0]),
            rise=self.between(3.6, 4.8), lift=self.between(0.8, 1.3), filling=self.pick(["lattice", "lattice", "plaster"]),
            door=self.pick(["lattice", "plank", "open"]),
            finish=Finish(
                painted=painted, white_ridge=self.chance(0.7) or white_ridge, pillar=red, frame=frame,
                tile=mix(TILE, (92, 98, 104), self.between(0, 1)), snow=self.between(0.35, 0.8) if snowy else 0.0,
            ),
            board=self.chance(0.6),
        )  # fmt: skip
        return replace(hall, **measures)

    def build(self, hall: Hall, at: Sequence[float] = (0, 0, 0), turn: float = 0.0) -> None:
        """Draw a hall that stands at a place, turned."""
        draw_hall(self.view.placed(at, turn), hall, self.fork())

    def gallery(self, z: float, half_x: float, gap: float, like: Hall) -> None:
        """Low corridors (haenggak) to both sides of the middle, at depth z."""
        count = max(2, round((half_x - gap) / 3.6))
        wing = Hall(
            bays_x=count, bays_z=1, bay_m=(half_x - gap) / count, column_m=2.6, bracket_m=0.15, platform_m=0.5,
            overhang_m=1.1, roof=0.0, rise=1.7, lift=0.12, filling="plaster", door="plaster", finish=like.finish, stairs=False,
        )  # fmt: skip
        for side in (-1, 1):
            self.build(wing, (side * (gap + half_x) / 2, 0, z))

    def plant(self, spots: Sequence[nature.Foot], shrubs: bool = False) -> None:
        """Trees or shrubs at (x, z, height), the far ones first, each with its shadow."""
        for x, z, height_m in sorted(spots, key=lambda spot: -spot[1]):
            kind = self._species(shrubs)
            nature.draw_tree_shadow(self.view, (x, 0, z), height_m)
            nature.draw_tree(self.view, self.fork(), (x, 0, z), height_m, kind)

    def plant_beside(self, x: Range, z: Range, tall: Range, count: int, shrubs: bool = False) -> None:
        """`count` plants to the left and the right, in these ranges of distance from the middle, depth and height."""
        sides = [1 - 2 * (index % 2) for index in range(count)]
        self.plant([(side * self.between(*x), self.between(*z), self.between(*tall)) for side in sides], shrubs)

    def plant_shrubs(self, half_x: float, z: float) -> None:
        """In one of three scenes, four shrubs at both ends of a front of this half width at depth z."""
        self.plant_beside((half_x + 0.5, half_x + 4), (z - 6, z - 3), (0.9, 1.5), self.pick([0, 0, 4]), shrubs=True)

    def woods(self, z: float, spread_m: float, tall: float) -> None:
        """A belt of woods across the background."""
        kinds = [self._species() for _ in range(3)]
        nature.draw_grove(self.view, self.fork(), z, spread_m, tall, kinds)

    def hang_branch(self, share: float) -> None:
        """In this share of scenes, a branch in an upper corner of the picture."""
        wanted, left, kind = self.chance(share), self.chance(0.5), self._species()
        if wanted:
            nature.draw_branch(self.view, self.fork(), kind, left)

    def _species(self, shrubs: bool = False) -> nature.Species:
        """A tree or shrub of the season, with a little color of its own."""
        season = nature.SEASONS[self.season]
        kind = self.pick(season.shrubs if shrubs else season.trees)
        other = kind.leaf * ((1.08, 0.94, 1) if self.chance(0.5) else (1.1, 1.1, 1.1))
        return replace(kind, leaf=mix(kind.leaf, other, self.between(0, 1)))

    def path(self, half_x: float, z0: float, z1: float) -> None:
        """The royal way (eodo): three lanes of stone slabs."""
        self.view.fill(flats(-half_x, half_x, z0, z1), GRANITE * 0.72, UP)
        slabs, seams = [], []
        for lane, (a, b) in enumerate(((-1.0, -0.36), (-0.34, 0.34), (0.36, 1.0))):
            start = np.arange(z0, z1, 0.95) + 0.3 * (lane % 2)
            slabs.append(flats(a * half_x, b * half_x, start + 0.02, start + 0.92, 0.01))
            seams.append(flats(b * half_x, b * half_x + 0.06, z0, z1, 0.012))
        self.view.fill_varied(np.concatenate(slabs), GRANITE * 0.98, self.fork(), 0.14, UP)
        self.view.fill(np.concatenate(seams), GRANITE * 0.62, UP)

    def paving(self, half_x: float, z0: float, z1: float, size_m: float) -> None:
        """A court of rough granite slabs (bakseok)."""
        rng = self.fork()
        self.view.fill(flats(-half_x, half_x, z0, z1), GRANITE * 0.66, UP)
        stones = []
        for row in np.arange(z0, z1, size_m):
            x = np.arange(-half_x, half_x, size_m * 1.35) + float(rng.uniform(-0.5, 0.5)) * size_m
            a, b = np.clip(x, -half_x, half_x), np.clip(x + size_m * 1.29, -half_x, half_x)
            stones.append(flats(a, b, row, row + size_m * 0.94, 0.005))
        self.view.fill_varied(np.concatenate(stones), GRANITE, rng, 0.18, UP)

    def rank_stones(self, x: float, z0: float, z1: float) -> None:
        """The two rows of rank stones (pumgyeseok) along the royal way."""
        for z in np.arange(z1, z0, -3.2):
            for side in (-x, x):
                self.view.fill(rectangles(side - 0.15, side + 0.15, 0, 0.75, z), GRANITE * 0.9)
                self.view.fill(rectangles(side - 0.17, side + 0.17, 0.62, 0.78, z - 0.01), GRANITE * 1.1)

    def pond(self, shore: float) -> None:
        """A bank of granite blocks across the picture at depth `shore`, and water from its foot to the camera."""
        deep, edge = 0.45, self.view.placed((0, 0, shore))
        stones = np.arange(-60.0, 60.0, 1.5)
        edge.fill_varied(flats(stones, stones + 1.46, 0.0, 0.5, 0.02), GRANITE, self.fork(), 0.2, UP)
        edge.fill(rectangles(-60, 60, -deep, 0.02, 0.0), GRANITE * 0.55)
        edge.fill_varied(rectangles(stones, stones + 1.44, -deep, 0.0, -0.01), GRANITE * 0.9, self.fork(), 0.2)
        shore_px, foot_px = (float(edge.project((0.0, -deep, z))[0][1]) for z in (0.0, 1.2))
        nature.draw_reflection(self.view, shore_px, foot_px, rgb(66, 92, 76))
