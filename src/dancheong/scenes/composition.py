"""Where things stand and where the camera is, as the table of scenes tells."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dancheong.scenes.canvas import Box, Shadow, Spot, draw_panel, turn
from dancheong.scenes.nature import draw_ground, draw_tree, grow
from dancheong.scenes.palace import changed, draw_garden_wall, draw_hall, draw_platform, draw_stone, hall_of
from dancheong.scenes.table import TABLE, Row, color, drawn, mix


class Scene:
    """One scene of the table: the camera, and what is drawn where. No number depends on the picture's size."""

    def __init__(self, rng: np.random.Generator, name: str, season: str, clouds: float) -> None:
        self.rng, self.row, self.season = rng, TABLE["scenes"][name], TABLE["seasons"][season]
        self.things: list[tuple[Callable[..., None], Spot, tuple[Any, ...]]] = []
        self.shadows: list[Shadow] = []
        self.shore: float | None = None
        frontal, least, most = self.row["turn"]
        turned = math.radians(self.draw([least, most]) * (-1) ** int(rng.integers(2)))
        self.turn, self.has_snow = 0.0 if rng.random() < frontal else turned, season == "winter" and rng.random() < 0.5
        self.hall = self.new_hall(self.row.get("hall", {}))
        self.view_m, self.horizon, self.yaw = self.get("view_m"), self.get("horizon"), self.get("yaw")
        # Where plants are measured from, and where the hall stands.
        is_core = "at" not in self.row and "corner" not in self.row
        self.half_x, self.half_z = float(self.hall.half_x * is_core), float(self.hall.half_z * is_core)
        x, y, beyond, at_x, at_z = (self.draw(value) for value in (*self.row["eye"], *self.row.get("at", (0, 0))))
        if "corner" in self.row:
            side = math.copysign(1, self.turn)
            at_x, _, at_z = turn((-side * self.hall.half_x, 0, self.hall.half_z), self.turn)
            x *= -side
        self.eye = (x, y, -beyond - 1.75 * self.half_x - self.half_z)
        self.land = self.draw_land(clouds)
        self.add(draw_ground, (0, 0, 0, 0), self.land)
        self.build((at_x, 0.0, at_z, self.turn))
        self.plant()

    def draw(self, value: Any) -> Any:
        """A value of the table, drawn from its range."""
        return drawn(self.rng, value)

    def get(self, name: str, default: Any = 0) -> Any:
        """What the scene's row has under a name, drawn from its range."""
        return self.draw(self.row.get(name, default))

    def add(self, draw: Callable[..., None], spot: Spot, *measures: Any, shadows: tuple[Box | float, ...] = ()) -> None:
        """Something to draw at a spot, and the blocks or the crown that cast its shadow; those of a hall are known."""
        self.things.append((draw, spot, measures))
        self.shadows += [(spot, shape) for shape in (measures[0].blocks if draw is draw_hall else shadows)]

    def new_hall(self, measures: dict[str, Any]) -> Row:
        """A hall with its own measures and paint, but for those given."""
        found = {key: self.draw(value) for key, value in {**TABLE["hall"], **measures}.items()}
        own = TABLE["finish"]["painted" if found["painted"] else "plain"]
        found["colors"] = {name: color(self.draw(value)) for name, value in own.items()}
        found["snow"] = self.draw((0.35, 0.8)) if self.has_snow else 0.0
        return hall_of(**found)

    def draw_land(self, clouds: float) -> Row:
        """The open country, how cloudy it is, and what of it is paved: half widths, and depths from and to."""
        lawn_m, paved, path = self.get("lawn_m", 1e6), self.get("paved_m"), self.get("path_m")
        front = -self.row.get("terraces", ((0, self.half_z),))[0][1] - 2.2
        return Row(
            clouds=clouds * self.draw((0.4, 1)), offset=self.draw((0, 1)), woods_m=self.get("woods_m", 75),
            mountains=self.get("mountains") * self.draw((0.7, 1.2)), forest=mix(self.season["forest"], (96, 100, 92), 0.15),
            ground=color(self.row.get("ground", "sand")), lawn=np.array(self.season["lawn"]), lawn_m=lawn_m,
            paved=(paved if lawn_m > 1e5 else 0, self.eye[2] + 0.6, front - 1),
            path=(path if self.turn == 0 else 0, self.eye[2] + 0.4, 40 if "yaw" in self.row else front),
        )  # fmt: skip

    def build(self, spot: Spot) -> None:
        """The hall, what it stands on, and what stands around it."""
        hall, row, (x, y, z, angle) = self.hall, self.row, spot
        for half_x, half_z, height in row.get("terraces", ()):
            shadow = (half_x, half_z, 0, height)
            self.add(draw_platform, (x, y, z, angle), half_x, half_z, height, True, True, shadows=(shadow,))
            y += height
        if "base_m" in row:
            wide, base_m, arches = hall.half_x + 3, self.get("base_m"), self.get("arches")
            self.add(draw_stone, spot, "gate", wide, 4.6, base_m, shadows=((wide, 4.6, 0, base_m),))
            cell, y = min(2 * wide / (arches + 0.9), 1.7 * base_m), y + base_m
            begin, tall = -cell * arches / 2, (0.88 if arches > 1 else 0.5) * cell
            self.add(draw_panel, spot, (begin, -begin), -4.62, "arch", cell, 0.0, tall, {}, begin, 0.6)
        self.add(draw_hall, (x, y, z, angle * row.get("turned", 1)), hall)
        is_front = self.turn == 0
        if "wall" in row and ("gate" in row["wall"] or is_front):
            self.build_wall(**{key: self.draw(value) for key, value in row["wall"].items()})
        for away, beside, kind, bays in self.get("others", ()) if is_front else ():
            other = self.other(kind, bays)
            for side in (-1, 1) if beside else (0,):
                self.add(draw_hall, (side * (self.half_x + self.draw(beside) + other.half_x), 0, self.half_z + away, 0), other)
        for index in range(row.get("rank_stones", 0) if is_front else 0):  # pumgyeseok, along the royal way
            self.add(draw_panel, (0, 0, -21 - 3.2 * index, 0), (-8, 8), 0.0, "rank_stones", 8.0, 0.0, 0.75, {})
        if "pond" in row:  # a bank of granite before the hall, and water from its foot to the camera
            self.shore = -math.cos(self.turn) * (hall.half_z + 1.6) - abs(math.sin(self.turn)) * (hall.half_x + 1.6)
            self.add(draw_stone, (0, -row["pond"], self.shore + 3, 0), "platform", 60.0, 3.0, row["pond"] + 0.02)

    def other(self, kind: str, bays: Any) -> Row:
        """What is like the hall but for the measures of its kind and its bays."""
        measures = {**TABLE["others"][kind], "bays_x": bays}
        return changed(self.hall, **{key: self.draw(value) for key, value in measures.items()})

    def build_wall(self, kind: str, height_m: float, z: float, gate: bool = False) -> None:
        """A garden wall to both sides of a small gate, or of what stands in the middle."""
        middle, gap, angle = (self.draw((-4, 4)), 1.7, self.turn) if gate else (0.0, self.hall.half_x + 3, 0.0)
        (x, _, away), wide = turn((middle, 0, 0.8), angle), gap + 18
        if gate:
            self.add(draw_hall, (x, 0, z + away, angle), self.other("small_gate", 1))
        for side in (-1, 1):
            x, _, away = turn((middle + side * wide, 0, 0), angle)
            shadow = (18, 0.8, 0, height_m + 0.5)
            self.add(draw_garden_wall, (x, 0, z + away, angle), 18.0, height_m, kind, self.hall, shadows=(shadow,))

    def plant(self) -> None:
        """Belts of woods across the background, trees and shrubs to the left and right."""
        for spread, behind, tall in self.row.get("woods", ()):
            height, z = self.draw(tall), self.half_z + behind
            for x in np.arange(-spread, spread, height * 1.9):
                tree = grow(self.rng, str(self.rng.choice(self.season["trees"])), wood=True)
                self.add(draw_tree, (float(x), 0, z, 0), height * self.draw((0.75, 1.15)), tree)
        for kind, z in (("trees", self.half_z), ("shrubs", -self.half_z)):
            beside, behind, tall, count = self.row.get(kind, (0, 0, 0, 0))
            for index in range(self.draw(count)):
                x, height = (self.half_x + self.draw(beside)) * (-1) ** index, self.draw(tall)
                tree = grow(self.rng, str(self.rng.choice(self.season[kind])))
                self.add(draw_tree, (x, 0, z + self.draw(behind), 0), height, tree, shadows=(height,))
