"""Where things stand and where the camera is: one function per kind of picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancheong.data.scenes.canvas import UP, View, fill, flats, placed, project, rectangles, varied
from dancheong.data.scenes.light import GRANITE, NOEROK, SAND, SEOKGANJU, TILE, Light, Rgb, direction, mix, scaled
from dancheong.data.scenes.nature import (
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
from dancheong.data.scenes.noise import Noise
from dancheong.data.scenes.palace import (
    Hall,
    draw_balustrade,
    draw_garden_wall,
    draw_gate_base,
    draw_hall,
    draw_platform,
)
from dancheong.data.scenes.sky import Land, paint_backdrop, season_forest


@dataclass(frozen=True)
class Scenery:
    """What every composition is given: canvas, light, season, noise, and its own random numbers."""

    pixels_hwc: NDArray[np.uint8]
    light: Light
    season: str
    noise: Noise
    rng: np.random.Generator

    def fork(self) -> np.random.Generator:
        """Numbers for one object: how many it uses may depend on the picture's size, the composition must not."""
        return np.random.default_rng(int(self.rng.integers(1 << 62)))


def camera(scenery: Scenery, eye: tuple[float, float, float], yaw: float, view_m: float, horizon: float) -> View:
    """A camera at `eye` turned by `yaw`; `view_m` is the width over distance of the shorter-side view.

    `horizon` is the height of the horizon in the picture, from the top (0) to the bottom (1).
    """
    height, width = scenery.pixels_hwc.shape[:2]
    # Wide pictures show more to the sides, tall ones more above: the scale follows a 3:2 frame inside.
    focal = min(width / 1.5, float(height)) * 1.5 / view_m
    return View(
        scenery.pixels_hwc, np.array(eye, np.float64), yaw, focal, (width / 2, height * horizon), scenery.light,
        direction(scenery.light),
    )  # fmt: skip


def draw_land(scenery: Scenery, view: View, lawn_from_m: float | None, mountains: float, ground: Rgb = SAND) -> None:
    """Backdrop for the camera."""
    rng, winter = scenery.rng, scenery.season == "winter"
    cover = {"day": rng.uniform(0.1, 0.62), "golden": rng.uniform(0.1, 0.5), "dusk": rng.uniform(0.25, 0.6)}
    land = Land(
        float(cover.get(scenery.light.name, 0.6)), float(rng.uniform(0, 1)), mountains * float(rng.uniform(0.7, 1.2)),
        float(rng.uniform(0, 1)), season_forest(scenery.season, scenery.light), ground, 0.07,
        season_lawn(scenery.season) if lawn_from_m is not None else None, lawn_from_m or 0.0,
        0.3 if winter else 0.0,
    )  # fmt: skip
    paint_backdrop(view, land, scenery.noise)


def pick_hall(scenery: Scenery, **changes: object) -> Hall:
    """A hall with its own measures and paint."""
    rng = scenery.rng
    painted = bool(rng.random() < 0.82)
    red = mix(SEOKGANJU, (172, 62, 40), float(rng.random())) if painted else (128, 84, 54)
    frame = (NOEROK if rng.random() < 0.55 else scaled(SEOKGANJU, 0.9)) if painted else (116, 78, 52)
    measures: dict[str, object] = {
        "bays_x": int(rng.choice([3, 5, 5, 7])), "bays_z": int(rng.choice([2, 3])), "bay_m": float(rng.uniform(2.9, 3.8)),
        "column_m": float(rng.uniform(3.0, 3.9)), "bracket_m": float(rng.uniform(0.5, 1.3)) if painted else 0.2,
        "platform_m": float(rng.uniform(0.6, 1.4)), "overhang_m": float(rng.uniform(1.7, 2.3)),
        "roof": float(rng.choice([0.55, 0.6, 1.0])), "rise": float(rng.uniform(3.6, 4.8)), "lift": float(rng.uniform(0.8, 1.3)),
        "filling": str(rng.choice(["lattice", "lattice", "plaster"])), "door": str(rng.choice(["lattice", "plank", "open"])),
        "painted": painted, "white_ridge": bool(rng.random() < 0.7), "pillar": red, "frame": frame,
        "tile": mix(TILE, (92, 98, 104), float(rng.random())), "snow": snow_cover(scenery), "board": bool(rng.random() < 0.6),
    }  # fmt: skip
    measures.update(changes)
    return Hall(**measures)  # type: ignore[arg-type]


def snow_cover(scenery: Scenery) -> float:
    """Share of the roofs under snow."""
    return float(scenery.rng.uniform(0.35, 0.8)) if scenery.season == "winter" and scenery.rng.random() < 0.45 else 0.0


def pick_tree(scenery: Scenery) -> Species:
    """A tree of the season."""
    kinds = SEASONS[scenery.season][0]
    return leaf_mix(kinds[int(scenery.rng.integers(len(kinds)))], scenery.rng)


def pick_shrub(scenery: Scenery) -> Species:
    """A shrub of the season."""
    kinds = SEASONS[scenery.season][1]
    return leaf_mix(kinds[int(scenery.rng.integers(len(kinds)))], scenery.rng)


def plant(scenery: Scenery, view: View, spots: list[tuple[float, float, float]], shrub: bool = False) -> None:
    """Trees at (x, z, height), the far ones first, each with its shadow."""
    for x, z, height_m in sorted(spots, key=lambda spot: -spot[1]):
        kind = pick_shrub(scenery) if shrub else pick_tree(scenery)
        tree_shadow(view, (x, 0, z), height_m)
        draw_tree(view, scenery.fork(), scenery.noise, (x, 0, z), height_m, kind)


def draw_path(scenery: Scenery, view: View, half_x: float, z0: float, z1: float) -> None:
    """The paved royal way (eodo): three lanes of stone slabs, the middle one raised."""
    rng = scenery.fork()
    z = np.arange(z0, z1, 0.95)
    slabs, edges = [], []
    for lane, (a, b) in enumerate(((-1.0, -0.36), (-0.34, 0.34), (0.36, 1.0))):
        offset = 0.3 * (lane % 2)
        slabs.append(flats(a * half_x, b * half_x, z + offset + 0.02, z + offset + 0.92, 0.01))
        edges.append(flats(b * half_x, b * half_x + 0.06, z0, z1, 0.012))
    fill(view, flats(-half_x, half_x, z0, z1), scaled(GRANITE, 0.72), UP)
    varied(view, np.concatenate(slabs), scaled(GRANITE, 0.98), rng, 0.14, UP)
    fill(view, np.concatenate(edges), scaled(GRANITE, 0.62), UP)


def draw_paving(scenery: Scenery, view: View, x0: float, x1: float, z0: float, z1: float, size_m: float) -> None:
    """A court of rough granite slabs (bakseok)."""
    rng = scenery.fork()
    fill(view, flats(x0, x1, z0, z1), scaled(GRANITE, 0.66), UP)
    rows = np.arange(z0, z1, size_m)
    stones = []
    for row in rows:
        x = np.arange(x0, x1, size_m * 1.35) + float(rng.uniform(-0.5, 0.5)) * size_m
        stones.append(flats(np.clip(x, x0, x1), np.clip(x + size_m * 1.29, x0, x1), row, row + size_m * 0.94, 0.005))
    varied(view, np.concatenate(stones), GRANITE, rng, 0.18, UP)


def _background(scenery: Scenery, view: View, z: float, spread: float, tall: float) -> None:
    kinds = tuple(pick_tree(scenery) for _ in range(3))
    draw_grove(view, scenery.fork(), scenery.noise, z, -spread, spread, tall, kinds)


def _gallery(scenery: Scenery, view: View, z: float, half_x: float, gap: float, like: Hall) -> None:
    """Low corridors to both sides of the middle."""
    count = max(2, round((half_x - gap) / 3.6))
    wing = Hall(count, 1, (half_x - gap) / count, 2.6, 0.15, 0.5, 1.1, 0.0, 1.7, 0.12, filling="plaster", door="plaster",
                painted=like.painted, white_ridge=like.white_ridge, pillar=like.pillar, frame=like.frame, tile=like.tile,
                snow=like.snow, stairs=False)  # fmt: skip
    for side in (-1, 1):
        draw_hall(placed(view, (side * (gap + half_x) / 2, 0, z)), wing, scenery.fork())


def compose_hall(scenery: Scenery) -> None:
    """A hall across a court, from the front or from an angle."""
    rng = scenery.rng
    hall = pick_hall(scenery)
    turn = math.radians(float(rng.choice([0, rng.uniform(14, 34), -rng.uniform(14, 34)])))
    away = hall.half_x * 2.0 + hall.half_z + 7.5
    eye = (float(rng.uniform(-2.5, 2.5)), float(rng.uniform(1.6, 3.2)), -away)
    view = camera(scenery, eye, 0.0, 1.30 if turn == 0 else 1.22, float(rng.uniform(0.66, 0.74)))
    lawn = bool(rng.random() < 0.5)
    draw_land(scenery, view, hall.half_x * 0.55 + 1.5 if lawn else None, float(rng.choice([0.10, 0.22, 0.32])))
    _background(scenery, view, hall.half_z + 22, 75, float(rng.uniform(6, 10)))
    if rng.random() < 0.6 and turn == 0:
        _gallery(scenery, view, hall.half_z + 8, hall.half_x + 40, hall.half_x + 2.5, hall)
    plant(scenery, view, [(side * float(rng.uniform(hall.half_x + 3.5, hall.half_x + 9)), hall.half_z + float(rng.uniform(1, 7)),
                           float(rng.uniform(6, 10))) for side in (-1, 1) if rng.random() < 0.75])  # fmt: skip
    if turn == 0:
        if not lawn and rng.random() < 0.5:
            draw_paving(scenery, view, -hall.half_x * 1.5, hall.half_x * 1.5, -away + 1.0, -hall.half_z - 3.5, 1.0)
        draw_path(scenery, view, 1.7, -away + 0.6, -hall.half_z - 2)
    draw_hall(placed(view, (0, 0, 0), turn), hall, rng)
    _foreground(scenery, view, hall.half_x, -hall.half_z)


def _foreground(scenery: Scenery, view: View, half_x: float, z: float) -> None:
    rng = scenery.rng
    if rng.random() < 0.45:
        spots = [(side * (half_x + float(rng.uniform(0.5, 4))), z - float(rng.uniform(3, 6)), float(rng.uniform(0.9, 1.5)))
                 for side in (-1, -1, 1, 1)]  # fmt: skip
        plant(scenery, view, spots, shrub=True)
    if rng.random() < 0.3:
        draw_branch(view, scenery.fork(), scenery.noise, pick_tree(scenery), bool(rng.random() < 0.5))


def compose_throne_hall(scenery: Scenery) -> None:
    """The great hall of two stories on its terraces, over a paved court."""
    rng = scenery.rng
    hall = pick_hall(scenery, stories=2, bays_x=5, bays_z=4, bay_m=4.0, column_m=4.2, bracket_m=1.2, platform_m=0.4, painted=True,
                     filling="lattice", overhang_m=2.5, rise=5.2, lift=1.4, board=True, white_ridge=True, pillar=SEOKGANJU,
                     frame=NOEROK, stairs=False)  # fmt: skip
    turn = math.radians(float(rng.choice([0, 28, -28]) + rng.uniform(-4, 4)))
    turn = 0.0 if abs(turn) < 0.1 else turn
    eye = (float(rng.uniform(-1, 1)), float(rng.uniform(1.7, 3.5)), -46.0)
    view = camera(scenery, eye, 0.0, 0.98, float(rng.uniform(0.76, 0.82)))
    draw_land(scenery, view, None, float(rng.choice([0.16, 0.3, 0.4])), mix(SAND, GRANITE, 0.6))
    _background(scenery, view, 34, 80, 7)
    draw_paving(scenery, view, -34, 34, -44, -16, 1.3)
    if turn == 0:
        _gallery(scenery, view, 22, 60, 17, hall)
    court = placed(view, (0, 0, 0), turn)
    for half_x, half_z, low, high in ((19.0, 16.5, 0.0, 1.3), (15.5, 13.0, 1.3, 2.6)):
        level = placed(court, (0, low, 0))
        draw_platform(level, scenery.fork(), half_x, half_z, high - low, True)
        draw_balustrade(level, half_x, half_z, high - low, 3.0)
    draw_hall(placed(court, (0, 2.6, 0)), hall, rng)
    if turn == 0:
        draw_path(scenery, view, 2.2, -45.0, -19.0)
    if rng.random() < 0.3:
        draw_branch(view, scenery.fork(), scenery.noise, pick_tree(scenery), bool(rng.random() < 0.5))


def compose_gate(scenery: Scenery) -> None:
    """A great gate: a pavilion of one or two stories on a granite base with arches, walls at its sides."""
    rng = scenery.rng
    base_m, arches = float(rng.uniform(4.8, 6.0)), int(rng.choice([1, 3, 3]))
    half_x = 13.5 if arches == 3 else 9.5
    stories = int(rng.choice([1, 2, 2]))
    hall = pick_hall(scenery, stories=stories, bays_x=5 if arches == 3 else 3, bays_z=2, bay_m=3.7, column_m=2.5, bracket_m=1.0,
                     platform_m=0.05, painted=True, roof=1.0 if rng.random() < 0.5 else 0.6, filling="plank", door="plank", board=True,
                     overhang_m=2.2, rise=4.4, lift=1.2, white_ridge=True, stairs=False)  # fmt: skip
    turn = math.radians(float(rng.choice([0, 0, 22, -22])))
    eye = (float(rng.uniform(-2, 2)), 1.7, -40.0 if arches == 3 else -34.0)
    view = camera(scenery, eye, 0.0, 1.0, float(rng.uniform(0.80, 0.86)))
    draw_land(scenery, view, None, float(rng.choice([0.0, 0.18, 0.3])))
    _background(scenery, view, 26, 80, 8)
    side_x = half_x + 20
    for side in (-1, 1):
        if turn == 0:
            draw_garden_wall(placed(view, (side * side_x, 0, 1.5)), rng, 20.0, 4.0, hall.tile, "stone", hall.snow)
    plant(scenery, view, [(side * (half_x + float(rng.uniform(4, 9))), 7.0, float(rng.uniform(8, 11))) for side in (-1, 1)
                          if rng.random() < 0.5])  # fmt: skip
    if turn == 0:
        draw_path(scenery, view, 2.4, -39, -5)
    gate = placed(view, (0, 0, 0), turn)
    draw_gate_base(gate, scenery.fork(), half_x, 4.6, base_m, arches)
    draw_hall(placed(gate, (0, base_m, 0)), hall, rng)
    _foreground(scenery, view, half_x, -6)


def compose_pavilion(scenery: Scenery) -> None:
    """An open pavilion among trees, often by a pond that mirrors it."""
    rng = scenery.rng
    pond, single = bool(rng.random() < 0.75), bool(rng.random() < 0.3)
    hall = pick_hall(scenery, bays_x=2 if single else int(rng.choice([3, 5])), bays_z=2, bay_m=2.5 if single else 3.1, painted=True,
                     filling="open", column_m=3.0, bracket_m=0.5, platform_m=1.1 if pond else 0.7, stairs=False, overhang_m=1.7,
                     roof=1.0 if single else float(rng.choice([0.6, 1.0])), rise=3.4 if single else 3.8,
                     board=not single and bool(rng.random() < 0.4))  # fmt: skip
    turn = math.radians(float(rng.uniform(-32, 32)))
    away = 13 + 2.0 * hall.half_x
    eye = (float(rng.uniform(-3, 3)), float(rng.uniform(2.0, 2.8)), -away)
    view = camera(scenery, eye, 0.0, 1.12, float(rng.uniform(0.50, 0.56) if pond else rng.uniform(0.66, 0.72)))
    draw_land(scenery, view, 0.0, float(rng.choice([0.12, 0.24])))
    _background(scenery, view, 26, 70, 10)
    _background(scenery, view, 18, 60, 6)
    plant(scenery, view, [(side * (hall.half_x + float(rng.uniform(3.5, 9))), float(rng.uniform(0, 8)), float(rng.uniform(6, 10)))
                          for side in (-1, 1, 1, -1)])  # fmt: skip
    draw_hall(placed(view, (0, 0, 0), turn), hall, scenery.fork())
    front = -math.cos(turn) * (hall.half_z + 1.3) - abs(math.sin(turn)) * (hall.half_x + 1.3)
    shrubs = [(side * (hall.half_x + float(rng.uniform(1.5, 9))), front + float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.8, 1.6)))
              for side in (-1, 1, -1, 1, 1)]  # fmt: skip
    plant(scenery, view, shrubs, shrub=True)
    if pond:
        _draw_pond(scenery, view, front - 0.3)
    if rng.random() < 0.4:
        draw_branch(view, scenery.fork(), scenery.noise, pick_tree(scenery), bool(rng.random() < 0.5))


def _draw_pond(scenery: Scenery, view: View, shore: float) -> None:
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


def compose_wall(scenery: Scenery) -> None:
    """A garden wall with a small gate, roofs and trees behind it."""
    rng = scenery.rng
    kind = str(rng.choice(["brick", "plaster", "stone"]))
    turn = math.radians(float(rng.choice([0, 18, -18, 30, -30])))
    view = camera(scenery, (float(rng.uniform(-2, 2)), 1.65, -11.0), 0.0, 1.35, float(rng.uniform(0.66, 0.72)))
    draw_land(scenery, view, float(rng.uniform(2, 4)) if rng.random() < 0.6 else None, float(rng.choice([0.0, 0.2])))
    _background(scenery, view, 34, 80, 10)
    behind = pick_hall(scenery, bays_x=5, stairs=False)
    draw_hall(placed(view, (float(rng.uniform(-9, 9)), 0.8, 15.0), turn * 0.5), behind, rng)
    plant(scenery, view, [(float(rng.uniform(-10, 10)), 5.0 + float(rng.uniform(0, 4)), float(rng.uniform(5.5, 8))) for _ in range(3)])
    wall = placed(view, (0, 0, 1.0), turn)
    height_m = float(rng.uniform(2.2, 2.8))
    spot = float(rng.uniform(-4, 4))
    for a, b in ((-34.0, spot - 1.7), (spot + 1.7, 34.0)):
        draw_garden_wall(placed(wall, ((a + b) / 2, 0, 0)), rng, (b - a) / 2, height_m, behind.tile, kind, behind.snow)
    small = pick_hall(scenery, bays_x=1, bays_z=1, bay_m=3.0, column_m=2.7, bracket_m=0.2, platform_m=0.15, overhang_m=0.8, roof=0.0,
                      rise=1.25, lift=0.25, filling="plank", door="plank", painted=behind.painted, board=False, tile=behind.tile,
                      snow=behind.snow, stairs=False)  # fmt: skip
    draw_hall(placed(wall, (spot, 0, 0.8)), small, rng)
    _foreground(scenery, view, 5.0, -0.5)


def compose_eaves(scenery: Scenery) -> None:
    """A corner of a painted hall from nearby, looking up under the eaves."""
    rng = scenery.rng
    hall = pick_hall(scenery, painted=True, bays_x=5, bay_m=3.4, bracket_m=float(rng.uniform(0.9, 1.4)), overhang_m=2.3, roof=0.6,
                     platform_m=0.8, lift=1.3, white_ridge=True, board=False)  # fmt: skip
    side = float(rng.choice([-1, 1]))  # of the corner that is shown
    turn = math.radians(side * float(rng.uniform(20, 42)))
    x, z = side * hall.half_x, -hall.half_z
    corner = (math.cos(turn) * x + math.sin(turn) * z, -math.sin(turn) * x + math.cos(turn) * z)
    away = float(rng.uniform(11.0, 15.0))
    # The camera stands in front of the corner, which then lies a little beside the middle.
    view = camera(scenery, (-side * float(rng.uniform(0.2, 2.2)), 1.6, -away), 0.0, float(rng.uniform(0.66, 0.86)),
                  float(rng.uniform(0.98, 1.12)))  # fmt: skip
    draw_land(scenery, view, None, 0.1)
    if rng.random() < 0.6:
        plant(scenery, view, [(side * float(rng.uniform(4, 8)), float(rng.uniform(4, 12)), float(rng.uniform(7, 10)))])
    draw_hall(placed(view, (-corner[0], 0.0, -corner[1]), turn), hall, scenery.fork())


def compose_doors(scenery: Scenery) -> None:
    """The front of a hall from a few steps away: doors, pillars and the painted beam."""
    rng = scenery.rng
    hall = pick_hall(scenery, bays_x=5, bays_z=2, platform_m=0.9)
    away = hall.half_z + float(rng.uniform(7.5, 10.5))
    view = camera(scenery, (float(rng.uniform(-4, 4)), 2.0, -away), 0.0, float(rng.uniform(0.85, 1.1)), float(rng.uniform(0.68, 0.76)))
    draw_land(scenery, view, None, 0.0)
    draw_paving(scenery, view, -16, 16, -away + 0.6, -hall.half_z - 1, 0.9)
    draw_hall(placed(view, (0, 0, 0), math.radians(float(rng.uniform(-5, 5)))), hall, rng)
    if rng.random() < 0.5:
        x = float(rng.choice([-1, 1]) * rng.uniform(3, 5))
        plant(scenery, view, [(x, -hall.half_z - 3.5, float(rng.uniform(1.0, 1.5)))], shrub=True)


def compose_distance(scenery: Scenery) -> None:
    """The palace from a hill: roofs behind roofs, mountains beyond."""
    rng = scenery.rng
    view = camera(scenery, (float(rng.uniform(-8, 8)), float(rng.uniform(17, 24)), -62.0), float(rng.uniform(-0.12, 0.12)), 1.05, float(rng.uniform(0.30, 0.38)))
    draw_land(scenery, view, None, float(rng.uniform(0.2, 0.34)))
    kinds = tuple(pick_tree(scenery) for _ in range(3))
    for z in (190.0, 130.0):
        draw_grove(view, scenery.fork(), scenery.noise, z, -150, 150, 13, kinds)
    main = pick_hall(scenery, stories=2, bays_x=5, bays_z=4, bay_m=4.0, roof=0.6, painted=True, platform_m=2.2, white_ridge=True)
    _gallery(scenery, view, 88, 90, 3, main)
    draw_hall(placed(view, (0, 0, 62.0)), main, rng)
    for side in (-1, 1):
        for z in (70.0, 44.0, 18.0):
            x = side * float(rng.uniform(26, 48))
            house = pick_hall(scenery, bays_z=2, tile=main.tile, snow=main.snow, painted=True, platform_m=0.6, stairs=False)
            draw_hall(placed(view, (x, 0, z), math.radians(float(rng.choice([0, 0, 12, -12])))), house, rng)
            plant(scenery, view, [(x + side * 16 + float(rng.uniform(-5, 5)), z + 5, float(rng.uniform(6, 9))),
                                  (x - side * 14, z - 4, float(rng.uniform(4, 7)))])  # fmt: skip
    draw_path(scenery, view, 2.4, -12, 52)
    _gallery(scenery, view, 8, 70, 7, main)
    gate = pick_hall(scenery, bays_x=3, bays_z=2, tile=main.tile, snow=main.snow, painted=True, platform_m=0.6, filling="plank", door="open")
    draw_hall(placed(view, (0, 0, 8.0)), gate, rng)
    plant(scenery, view, [(float(rng.uniform(-34, 34)), float(rng.uniform(-26, -12)), float(rng.uniform(5, 9))) for _ in range(6)])


COMPOSITIONS: tuple[tuple[Callable[[Scenery], None], float], ...] = (
    (compose_hall, 0.24), (compose_throne_hall, 0.15), (compose_gate, 0.14), (compose_pavilion, 0.16), (compose_wall, 0.09),
    (compose_eaves, 0.10), (compose_doors, 0.05), (compose_distance, 0.07),
)  # fmt: skip
