"""Buildings of a palace, each drawn in its own coordinates: halls, pavilions, gates, galleries and garden walls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dancheong.scenes.canvas import (
    UP,
    Points,
    View,
    darken,
    disks,
    fill,
    flats,
    pixels_per_meter,
    rectangles,
    sides,
    varied,
)
from dancheong.scenes.light import (
    BRICK,
    GRANITE,
    INK,
    NOEROK,
    OCHER,
    SEOKGANJU,
    TILE,
    VERMILION,
    WHITE,
    WOOD,
    Rgb,
    mix,
    scaled,
)
from dancheong.scenes.roof import Roof, draw_roof
from dancheong.scenes.woodwork import Wall, draw_wall


@dataclass(frozen=True)
class Hall:
    """A hall in meters; `roof` is the share of the slope where the gable begins (see Roof.gable_at)."""

    bays_x: int
    bays_z: int
    bay_m: float
    column_m: float
    bracket_m: float
    platform_m: float
    overhang_m: float
    roof: float
    rise: float
    lift: float
    stories: int = 1
    filling: str = "lattice"
    door: str = "lattice"
    painted: bool = True
    white_ridge: bool = True
    pillar: Rgb = SEOKGANJU
    frame: Rgb = NOEROK
    tile: Rgb = TILE
    snow: float = 0.0
    board: bool = False
    stairs: bool = True

    @property
    def half_x(self) -> float:
        """Half length of the front."""
        return self.bays_x * self.bay_m / 2

    @property
    def half_z(self) -> float:
        """Half depth."""
        return self.bays_z * self.bay_m / 2

    @property
    def top_y(self) -> float:
        """Height of the walls of the first story, above the ground."""
        return self.platform_m + self.column_m + 0.62 + self.bracket_m


def masonry(view: View, rng: np.random.Generator, half_x: float, low: float, high: float, z: float, stone: Rgb) -> None:
    """A face of dressed stone in courses with staggered joints."""
    scale = pixels_per_meter(view, (0, high, z))
    fill(view, rectangles(-half_x, half_x, low, high, z), scaled(stone, 0.74))
    tall = max(0.42, 3.0 / scale)
    rows = max(1, round((high - low) / tall))
    tall = (high - low) / rows
    wide = 2.3 * tall
    gap = min(0.03, 0.1 * tall)
    stones = []
    for row in range(rows):
        x = np.arange(-half_x - wide * (0.5 * (row % 2)), half_x, wide)
        a, b = np.clip(x + gap, -half_x, half_x), np.clip(x + wide - gap, -half_x, half_x)
        stones.append(rectangles(a, b, low + row * tall + gap, low + (row + 1) * tall - gap, z - 0.005))
    varied(view, np.concatenate(stones), stone, rng, 0.16)


def ground_shadow(view: View, half_x: float, half_z: float, height_m: float, floor_y: float = 0.0) -> None:
    """The shadow of a block with a roof of this outline on the ground around it."""
    sun = view.sun
    if sun[1] < 0.15 or view.light.sun[0] < 0.2:
        return
    reach = -sun / sun[1] * (height_m - floor_y)
    box = np.array([[-half_x, -half_z], [half_x, -half_z], [half_x, half_z], [-half_x, half_z]])
    top = box + reach[[0, 2]]
    points = np.concatenate([box, top])
    center = points.mean(axis=0)
    hull = _hull(points - center) + center
    darken(view, np.stack([hull[:, 0], np.full(len(hull), floor_y), hull[:, 1]], axis=-1), UP)


def _hull(points: Points) -> Points:
    """Convex hull (k, 2) of a few points, by Andrew's monotone chain."""
    order = points[np.lexsort((points[:, 1], points[:, 0]))]

    def chain(sequence: Points) -> list[Points]:
        kept: list[Points] = []
        for point in sequence:
            while len(kept) > 1 and _cross(kept[-1] - kept[-2], point - kept[-2]) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return np.array(chain(order) + chain(order[::-1]))


def _cross(a: Points, b: Points) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def draw_platform(view: View, rng: np.random.Generator, half_x: float, half_z: float, height_m: float, stairs: bool) -> None:
    """A granite platform (woldae or gidan) with a capstone and, in front, stairs between cheek stones."""
    if height_m < 0.05:
        return
    fill(view, flats(-half_x, half_x, -half_z, half_z, height_m), scaled(GRANITE, 0.96), UP)
    left, right, front = sides(view)
    for flank, wide, reach in ((left, half_z, half_x), (right, half_z, half_x), (front, half_x, half_z)):
        if flank.eye[2] < -reach:
            masonry(flank, rng, wide, 0.0, height_m, -reach, GRANITE)
            fill(flank, rectangles(-wide, wide, height_m - 0.16, height_m, -reach - 0.05), scaled(GRANITE, 1.12))
    if stairs:
        draw_stairs(view, min(2.4, 0.5 * half_x), height_m, half_z)


def draw_stairs(view: View, half_x: float, height_m: float, distance: float) -> None:
    """Granite stairs down to the front from (`height_m`, `distance`)."""
    count = max(2, round(height_m / 0.22))
    rise, run = height_m / count, 0.34
    for step in range(1, count):
        y, z = height_m - step * rise, -distance - step * run
        fill(view, flats(-half_x, half_x, z, z + run, y), scaled(GRANITE, 1.10), UP)
        fill(view, rectangles(-half_x, half_x, y - rise, y, z), scaled(GRANITE, 0.84))
    reach = -distance - count * run
    for side in (-1, 1):
        a, b = side * half_x, side * (half_x + 0.32)
        face = np.array([[a, 0, reach], [b, 0, reach], [b, 0.3, reach], [a, 0.3, reach]])
        slope = np.array([[a, 0.3, reach], [b, 0.3, reach], [b, height_m + 0.12, -distance], [a, height_m + 0.12, -distance]])
        cheek = np.array([[a, 0, reach], [a, 0.3, reach], [a, height_m + 0.12, -distance], [a, 0, -distance]])
        if side * view.eye[0] < side * a:
            fill(view, cheek, scaled(GRANITE, 0.9), np.array([-side * 1.0, 0, 0]))
        else:
            fill(view, cheek + np.array([side * 0.32, 0, 0]), scaled(GRANITE, 0.9), np.array([side * 1.0, 0, 0]))
        fill(view, slope, scaled(GRANITE, 1.05), np.array([0, 0.8, -0.6]))
        fill(view, face, scaled(GRANITE, 0.95))


def draw_balustrade(view: View, half_x: float, half_z: float, floor_y: float, gap_m: float) -> None:
    """White granite posts and rails around a terrace, open in the middle of the front."""
    left, right, front = sides(view)
    for flank, wide, reach, gap in ((left, half_z, half_x, 0.0), (right, half_z, half_x, 0.0), (front, half_x, half_z, gap_m)):
        if flank.eye[2] >= -reach:
            continue
        x = np.linspace(-wide, wide, max(3, round(wide / 0.9)))
        x = x[np.abs(x) >= gap]
        z = -reach + 0.2
        for y0, y1, gain in ((0.62, 0.80, 1.15), (0.0, 0.16, 0.95)):
            for a, b in ((-wide, -gap), (gap, wide)):
                fill(flank, rectangles(a, b, floor_y + y0, floor_y + y1, z), scaled(GRANITE, gain))
        fill(flank, rectangles(x - 0.12, x + 0.12, floor_y, floor_y + 1.0, z - 0.05), scaled(GRANITE, 1.08))
        fill(flank, disks(x, floor_y + 1.05, z - 0.06, 0.15, 8), scaled(GRANITE, 1.16))


def _walls(view: View, hall: Hall, half: tuple[float, float], foot: float, column: float, bracket: float) -> None:
    beam = foot + column
    left, right, front = sides(view)
    for flank, wide, reach, bays in (
        (left, half[1], half[0], hall.bays_z), (right, half[1], half[0], hall.bays_z), (front, half[0], half[1], hall.bays_x)
    ):  # fmt: skip
        if flank.eye[2] < -reach:
            door = hall.door if flank is front else hall.filling
            wall = Wall(wide, reach, foot, beam, beam + 0.62 + bracket, bays, hall.filling, door, hall.painted,
                        hall.pillar, hall.frame)  # fmt: skip
            draw_wall(flank, wall, hall.overhang_m)


def draw_hall(view: View, hall: Hall, rng: np.random.Generator) -> None:
    """A hall or the pavilion of a gate, of one or two stories, standing on its platform at the origin."""
    x, z = hall.half_x, hall.half_z
    ground_shadow(view, x + hall.overhang_m * 0.8, z + hall.overhang_m * 0.8, hall.top_y + 0.4 * hall.rise)
    draw_platform(view, rng, x + hall.overhang_m * 0.75, z + hall.overhang_m * 0.75, hall.platform_m, hall.stairs)
    if hall.platform_m > 0.05:
        ground_shadow(view, x, z, hall.top_y, hall.platform_m)
    if hall.filling == "open":
        draw_open_pavilion(view, hall)
    else:
        _walls(view, hall, (x, z), hall.platform_m, hall.column_m, hall.bracket_m)
    base, wall_y = hall.top_y - 0.30, hall.top_y
    ridge_x = max(0.0, x - z * (1.0 if hall.roof >= 0.98 else 0.35 * hall.roof))
    if hall.roof <= 0.02:
        ridge_x = x + 0.9
    top = Roof(
        x + hall.overhang_m, z + hall.overhang_m, ridge_x, 0.0, base, hall.rise, hall.lift, hall.roof, hall.white_ridge,
        hall.painted, hall.tile, hall.snow,
    )  # fmt: skip
    if hall.stories == 1:
        draw_roof(view, top, x, z, wall_y)
        _draw_board(view, hall, hall.platform_m + hall.column_m + 0.5, z + 0.4)
        return
    inset = min(1.5, 0.3 * z)
    upper_x, upper_z = x - inset, z - inset
    skirt = replace(top, top_x=upper_x, top_z=upper_z, rise=0.42 * hall.rise, gable_at=1.0)
    draw_roof(view, skirt, x, z, wall_y)
    foot = base + skirt.rise
    _walls(view, replace(hall, door=hall.filling), (upper_x, upper_z), foot, 0.45 * hall.column_m, 0.8 * hall.bracket_m)
    wall_y = foot + 0.45 * hall.column_m + 0.62 + 0.8 * hall.bracket_m
    shift = inset if hall.roof > 0.02 else 0.0
    upper = replace(
        top, eave_x=top.eave_x - inset, eave_z=top.eave_z - inset, top_x=max(0.0, ridge_x - 0.4 * shift), base_y=wall_y - 0.3
    )
    draw_roof(view, upper, upper_x, upper_z, wall_y)
    _draw_board(view, hall, foot + 0.45 * hall.column_m + 0.5, upper_z + 0.5)


def _draw_board(view: View, hall: Hall, y: float, distance: float) -> None:
    """The name board under the eaves: dark, with a gilded or white frame and three signs nobody needs to read."""
    if not hall.board:
        return
    z = -distance - 0.3
    fill(view, rectangles(-1.25, 1.25, y - 0.1, y + 0.95, z), OCHER, lit=False, lamp=0.9)
    fill(view, rectangles(-1.12, 1.12, y + 0.02, y + 0.83, z - 0.02), scaled(INK, 0.9), lit=False, lamp=0.9)
    for x in (-0.7, 0.0, 0.7):
        bars = np.array(
            [[-0.22, 0.22, 0.62, 0.70], [-0.05, 0.05, 0.16, 0.70], [-0.22, 0.22, 0.38, 0.46], [-0.18, 0.18, 0.14, 0.21]]
        )
        fill(view, rectangles(x + bars[:, 0], x + bars[:, 1], y + bars[:, 2], y + bars[:, 3], z - 0.03), WHITE, lit=False,
             lamp=0.9, overlap=True)  # fmt: skip


def draw_open_pavilion(view: View, hall: Hall) -> None:
    """Pillars, a raised floor with a railing, painted beams: one looks through to the garden."""
    x, z, foot = hall.half_x, hall.half_z, hall.platform_m
    beam = foot + hall.column_m
    floor = foot + 0.35
    posts = np.linspace(-x, x, hall.bays_x + 1)
    fill(view, rectangles(-x, x, beam - 0.3, hall.top_y, z), scaled(SEOKGANJU, 0.4), lit=False, lamp=0.5)
    fill(view, rectangles(posts - 0.18, posts + 0.18, foot, beam, z), scaled(hall.pillar, 0.55), lit=False, lamp=0.6)
    fill(view, flats(-x, x, -z, z, floor), scaled(WOOD, 0.8), UP, lit=False, lamp=0.5)
    left, right, front = sides(view)
    for flank, wide, reach, bays in ((left, z, x, hall.bays_z), (right, z, x, hall.bays_z), (front, x, z, hall.bays_x)):
        if flank.eye[2] >= -reach:
            continue
        fill(flank, rectangles(-wide, wide, foot, floor, -reach), scaled(hall.pillar, 0.8))
        _draw_railing(flank, wide, reach, floor, hall)
        wall = Wall(wide, reach, foot, beam, hall.top_y, bays, "none", "none", hall.painted, hall.pillar, hall.frame)
        draw_wall(flank, wall, hall.overhang_m)


def _draw_railing(view: View, wide: float, reach: float, floor: float, hall: Hall) -> None:
    z = -reach - 0.05
    for y0, y1 in ((0.0, 0.10), (0.30, 0.37), (0.62, 0.72)):
        fill(view, rectangles(-wide, wide, floor + y0, floor + y1, z), hall.pillar if y1 > 0.5 else hall.frame)
    x = np.linspace(-wide, wide, max(4, round(wide / 0.35)))
    fill(view, rectangles(x - 0.05, x + 0.05, floor, floor + 0.7, z - 0.01), hall.frame)


def draw_gate_base(view: View, rng: np.random.Generator, half_x: float, half_z: float, height_m: float, arches: int) -> None:
    """The granite base of a great gate with its arched passages."""
    ground_shadow(view, half_x, half_z, height_m)
    left, right, front = sides(view)
    for flank, wide, reach in ((left, half_z, half_x), (right, half_z, half_x), (front, half_x, half_z)):
        if flank.eye[2] < -reach:
            masonry(flank, rng, wide, 0, height_m, -reach, mix(GRANITE, WHITE, 0.25))
            fill(flank, rectangles(-wide, wide, height_m - 0.25, height_m, -reach - 0.1), scaled(GRANITE, 1.1))
    spacing = 2 * half_x / (arches + 0.9)
    for index in range(arches):
        offset = index - (arches - 1) / 2
        top = (0.76 if offset == 0 else 0.70) * height_m
        draw_arch(front, offset * spacing, min(0.27 * spacing, 0.46 * top), top, -half_z)


def draw_parapet(view: View, rng: np.random.Generator, half_x: float, half_z: float, foot_y: float) -> None:
    """The brick parapet (yeojang) around the top of a gate base; it hides the feet of the pavilion behind it."""
    left, right, front = sides(view)
    for flank, wide, reach in ((left, half_z, half_x), (right, half_z, half_x), (front, half_x, half_z)):
        if flank.eye[2] < -reach:
            masonry(flank, rng, wide, foot_y, foot_y + 0.9, -reach + 0.2, mix(BRICK, INK, 0.35))
            fill(flank, rectangles(-wide, wide, foot_y + 0.9, foot_y + 1.08, -reach + 0.1), scaled(TILE, 0.8))


def draw_arch(view: View, x: float, half: float, top: float, z: float) -> None:
    """A passage under a round arch, its vault in shade, red door leaves folded at its sides."""
    for size, color in ((1.16, scaled(GRANITE, 1.08)), (1.0, scaled(GRANITE, 0.42))):
        r, angle = half * size, np.linspace(0, np.pi, 15)
        y = top - half + r * np.sin(angle)
        line = np.stack([x + r * np.cos(angle), y, np.full_like(y, z - 0.02)], axis=-1)
        foot = np.array([[x - r, 0, z - 0.02], [x + r, 0, z - 0.02]])
        fill(view, np.concatenate([line, foot]), color, lit=size > 1, lamp=0.6)
    leaf = 0.42 * half
    spring = top - half
    for side in (-1, 1):
        a, b = x + side * half * 0.96, x + side * (half * 0.96 - leaf)
        fill(view, rectangles(a, b, 0.05, spring, z - 0.03), scaled(VERMILION, 0.7), lit=False, lamp=0.9)
        stud = np.linspace(min(a, b) + 0.2 * leaf, max(a, b) - 0.2 * leaf, 3)
        rows = np.linspace(0.15, 0.9, 6) * spring
        fill(view, disks(stud[:, None], rows[None], z - 0.04, 0.06, 6), OCHER, lit=False, lamp=0.9)
    inner = x + np.array([-1, 1]) * half * 0.5
    glow = rectangles(inner[0], inner[1], 0.05, spring, z - 0.035)
    fill(view, glow, (150, 150, 140), lit=False, lamp=0.7)


def draw_garden_wall(
    view: View, rng: np.random.Generator, half_x: float, height_m: float, tile: Rgb, kind: str, snow: float
) -> None:
    """A wall along x at the origin: granite blocks below, brick or plaster above, a small tiled coping."""
    deep = 0.35
    ground_shadow(view, half_x, deep, height_m + 0.5)
    low = 0.45 * height_m
    masonry(view, rng, half_x, 0, low, -deep, mix(GRANITE, (170, 160, 146), 0.4))
    upper = {"brick": mix(BRICK, GRANITE, 0.15), "plaster": (214, 196, 168), "stone": GRANITE}[kind]
    masonry(view, rng, half_x, low, height_m, -deep, upper)
    if kind != "stone":
        for y in (low, height_m - 0.22):
            fill(view, rectangles(-half_x, half_x, y - 0.05, y + 0.05, -deep - 0.01), WHITE)
    roof = Roof(half_x, deep + 0.45, half_x, 0.0, height_m - 0.05, 0.55, 0.0, 0.0, False, False, tile, snow)
    darken(view, rectangles(-half_x, half_x, height_m - 0.45, height_m, -deep - 0.01), np.array([0.0, 0.0, -1.0]))
    draw_roof(view, roof, half_x, deep, height_m)
