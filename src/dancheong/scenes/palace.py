"""Buildings of a palace, each drawn in its own coordinates: halls, pavilions, gates, galleries and garden walls."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from dancheong.scenes.canvas import FRONT, UP, View, disks, flats, rectangles
from dancheong.scenes.light import BRICK, GRANITE, INK, OCHER, SEOKGANJU, TILE, VERMILION, WHITE, WOOD, Finish, Rgb, mix, rgb
from dancheong.scenes.roof import Roof, draw_roof
from dancheong.scenes.woodwork import Wall, draw_wall

TIE_M = 0.62  # the beam and what lies on it, between the columns and the brackets


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
    filling: str
    door: str
    finish: Finish
    stories: int = 1
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
        return self.platform_m + self.column_m + TIE_M + self.bracket_m


def draw_hall(view: View, hall: Hall, rng: np.random.Generator) -> None:
    """A hall or the pavilion of a gate, of one or two stories, standing on its platform at the origin."""
    x, z, over = hall.half_x, hall.half_z, hall.overhang_m
    _cast_shadow(view, x + over * 0.8, z + over * 0.8, hall.top_y + 0.4 * hall.rise)
    draw_platform(view, rng, x + over * 0.75, z + over * 0.75, hall.platform_m, hall.stairs)
    if hall.platform_m > 0.05:
        _cast_shadow(view, x, z, hall.top_y, hall.platform_m)
    if hall.filling == "open":
        _draw_open_story(view, hall)
    else:
        _draw_story(view, hall, x, z, hall.platform_m, hall.column_m, hall.bracket_m)
    ridge_x = max(0.0, x - z * (1.0 if hall.roof >= 0.98 else 0.35 * hall.roof)) if hall.roof > 0.02 else x + 0.9
    top = Roof(x + over, z + over, ridge_x, 0.0, hall.top_y - 0.30, hall.rise, hall.lift, hall.roof, hall.finish)
    if hall.stories == 1:
        draw_roof(view, top, x, z, hall.top_y)
        _draw_board(view, hall, hall.platform_m + hall.column_m + 0.5, z + 0.4)
        return
    # Two stories: a skirt roof around the first, then smaller walls and the main roof.
    inset = min(1.5, 0.3 * z)
    upper_x, upper_z = x - inset, z - inset
    skirt = replace(top, top_x=upper_x, top_z=upper_z, rise=0.42 * hall.rise, gable_at=1.0)
    draw_roof(view, skirt, x, z, hall.top_y)
    foot, column, bracket = top.base_y + skirt.rise, 0.45 * hall.column_m, 0.8 * hall.bracket_m
    _draw_story(view, replace(hall, door=hall.filling), upper_x, upper_z, foot, column, bracket)
    wall_y = foot + column + TIE_M + bracket
    top_x = max(0.0, ridge_x - (0.4 * inset if hall.roof > 0.02 else 0.0))
    upper = replace(top, eave_x=top.eave_x - inset, eave_z=top.eave_z - inset, top_x=top_x, base_y=wall_y - 0.3)
    draw_roof(view, upper, upper_x, upper_z, wall_y)
    _draw_board(view, hall, foot + column + 0.5, upper_z + 0.5)


def _draw_story(view: View, hall: Hall, half_x: float, half_z: float, foot: float, column: float, bracket: float) -> None:
    """The walls of one story."""
    beam = foot + column
    for face in view.faces(half_x, half_z):
        bays, door = (hall.bays_x, hall.door) if face.is_front else (hall.bays_z, hall.filling)
        draw_wall(Wall(face, bays, foot, beam, beam + TIE_M + bracket, hall.filling, door, hall.finish), hall.overhang_m)


def _draw_open_story(view: View, hall: Hall) -> None:
    """Pillars, a raised floor with a railing, painted beams: one looks through to the garden."""
    x, z, foot, finish = hall.half_x, hall.half_z, hall.platform_m, hall.finish
    beam, floor = foot + hall.column_m, foot + 0.35
    posts = np.linspace(-x, x, hall.bays_x + 1)
    view.fill_in_shade(rectangles(-x, x, beam - 0.3, hall.top_y, z), SEOKGANJU * 0.4, 0.5)
    view.fill_in_shade(rectangles(posts - 0.18, posts + 0.18, foot, beam, z), finish.pillar * 0.55, 0.6)
    view.fill_in_shade(flats(-x, x, -z, z, floor), WOOD * 0.8, 0.5, UP)
    for face in view.faces(x, z):
        side, wide, near, _ = face
        side.fill(rectangles(-wide, wide, foot, floor, near), finish.pillar * 0.8)
        # The railing: three rails and its posts.
        for y0, y1, color in ((0.0, 0.10, finish.frame), (0.30, 0.37, finish.frame), (0.62, 0.72, finish.pillar)):
            side.fill(rectangles(-wide, wide, floor + y0, floor + y1, near - 0.05), color)
        rails = np.linspace(-wide, wide, max(4, round(wide / 0.35)))
        side.fill(rectangles(rails - 0.05, rails + 0.05, floor, floor + 0.7, near - 0.06), finish.frame)
        bays = hall.bays_x if face.is_front else hall.bays_z
        draw_wall(Wall(face, bays, foot, beam, hall.top_y, "none", "none", finish), hall.overhang_m)


def _draw_board(view: View, hall: Hall, y: float, distance: float) -> None:
    """The name board under the eaves: dark, with a gilded or white frame and three signs nobody needs to read."""
    if not hall.board:
        return
    z = -distance - 0.3
    view.fill_in_shade(rectangles(-1.25, 1.25, y - 0.1, y + 0.95, z), OCHER, 0.9)
    view.fill_in_shade(rectangles(-1.12, 1.12, y + 0.02, y + 0.83, z - 0.02), INK * 0.9, 0.9)
    x0, x1 = np.array([-0.22, -0.05, -0.22, -0.18]), np.array([0.22, 0.05, 0.22, 0.18])
    y0, y1 = np.array([0.62, 0.16, 0.38, 0.14]), np.array([0.70, 0.70, 0.46, 0.21])
    for x in (-0.7, 0.0, 0.7):
        strokes = rectangles(x + x0, x + x1, y + y0, y + y1, z - 0.03)
        view.fill(strokes, WHITE, lamp=0.9, lit=False, overlap=True)


def _draw_masonry(view: View, rng: np.random.Generator, half_x: float, low: float, high: float, z: float, stone: Rgb) -> None:
    """A face of dressed stone in courses with staggered joints."""
    view.fill(rectangles(-half_x, half_x, low, high, z), stone * 0.74)
    # Courses are at least three pixels tall.
    rows = max(1, round((high - low) / max(0.42, 3.0 / view.pixels_per_meter((0, high, z)))))
    tall = (high - low) / rows
    wide, gap = 2.3 * tall, min(0.03, 0.1 * tall)
    stones = []
    for row in range(rows):
        x = np.arange(-half_x - wide * (0.5 * (row % 2)), half_x, wide)
        a, b = np.clip(x + gap, -half_x, half_x), np.clip(x + wide - gap, -half_x, half_x)
        stones.append(rectangles(a, b, low + row * tall + gap, low + (row + 1) * tall - gap, z - 0.005))
    view.fill_varied(np.concatenate(stones), stone, rng, 0.16)


def _cast_shadow(view: View, half_x: float, half_z: float, height_m: float, floor_y: float = 0.0) -> None:
    """The shadow of a block with a roof of this outline on the ground around it."""
    if view.sun[1] < 0.15 or view.light.sun[0] < 0.2:
        return
    reach = -view.sun / view.sun[1] * (height_m - floor_y)
    box = np.array([[-half_x, -half_z], [half_x, -half_z], [half_x, half_z], [-half_x, half_z]])
    points = np.concatenate([box, box + reach[[0, 2]]])
    outline = points[cv2.convexHull(points.astype(np.float32), returnPoints=False)[:, 0]]
    view.darken(np.insert(outline, 1, floor_y, axis=1))


def draw_platform(view: View, rng: np.random.Generator, half_x: float, half_z: float, height_m: float, stairs: bool) -> None:
    """A granite platform (woldae or gidan) with a capstone and, in front, stairs between cheek stones."""
    if height_m < 0.05:
        return
    view.fill(flats(-half_x, half_x, -half_z, half_z, height_m), GRANITE * 0.96, UP)
    for side, wide, z, _ in view.faces(half_x, half_z):
        _draw_masonry(side, rng, wide, 0.0, height_m, z, GRANITE)
        side.fill(rectangles(-wide, wide, height_m - 0.16, height_m, z - 0.05), GRANITE * 1.12)
    if stairs:
        _draw_stairs(view, min(2.4, 0.5 * half_x), height_m, half_z)


def _draw_stairs(view: View, half_x: float, height_m: float, distance: float) -> None:
    """Granite stairs down to the front from (`height_m`, `distance`)."""
    count = max(2, round(height_m / 0.22))
    rise, run = height_m / count, 0.34
    for step in range(1, count):
        y, z = height_m - step * rise, -distance - step * run
        view.fill(flats(-half_x, half_x, z, z + run, y), GRANITE * 1.10, UP)
        view.fill(rectangles(-half_x, half_x, y - rise, y, z), GRANITE * 0.84)
    reach, top = -distance - count * run, height_m + 0.12
    for side in (-1, 1):
        a, b = side * half_x, side * (half_x + 0.32)
        # Of a cheek stone one sees the side that faces the camera, the sloping top and the front.
        near_x, facing = (a, -side) if side * view.eye[0] < side * a else (a + side * 0.32, side)
        cheek = np.array([[near_x, 0, reach], [near_x, 0.3, reach], [near_x, top, -distance], [near_x, 0, -distance]])
        view.fill(cheek, GRANITE * 0.9, np.array([facing * 1.0, 0, 0]))
        slope = np.array([[a, 0.3, reach], [b, 0.3, reach], [b, top, -distance], [a, top, -distance]])
        view.fill(slope, GRANITE * 1.05, np.array([0, 0.8, -0.6]))
        view.fill(rectangles(a, b, 0, 0.3, reach), GRANITE * 0.95)


def draw_balustrade(view: View, half_x: float, half_z: float, floor_y: float, gap_m: float) -> None:
    """White granite posts and rails around a terrace, open in the middle of the front."""
    for side, wide, near, is_front in view.faces(half_x, half_z):
        gap, z = gap_m if is_front else 0.0, near + 0.2
        x = np.linspace(-wide, wide, max(3, round(wide / 0.9)))
        x = x[np.abs(x) >= gap]
        for y0, y1, gain in ((0.62, 0.80, 1.15), (0.0, 0.16, 0.95)):
            for a, b in ((-wide, -gap), (gap, wide)):
                side.fill(rectangles(a, b, floor_y + y0, floor_y + y1, z), GRANITE * gain)
        side.fill(rectangles(x - 0.12, x + 0.12, floor_y, floor_y + 1.0, z - 0.05), GRANITE * 1.08)
        side.fill(disks(x, floor_y + 1.05, z - 0.06, 0.15, 8), GRANITE * 1.16)


def draw_gate_base(view: View, rng: np.random.Generator, half_x: float, half_z: float, height_m: float, arches: int) -> None:
    """The granite base of a great gate with its arched passages."""
    _cast_shadow(view, half_x, half_z, height_m)
    for side, wide, z, _ in view.faces(half_x, half_z):
        _draw_masonry(side, rng, wide, 0, height_m, z, mix(GRANITE, WHITE, 0.25))
        side.fill(rectangles(-wide, wide, height_m - 0.25, height_m, z - 0.1), GRANITE * 1.1)
    spacing = 2 * half_x / (arches + 0.9)
    for index in range(arches):
        offset = index - (arches - 1) / 2
        top = (0.76 if offset == 0 else 0.70) * height_m
        _draw_arch(view, offset * spacing, min(0.27 * spacing, 0.46 * top), top, -half_z)


def draw_parapet(view: View, rng: np.random.Generator, half_x: float, half_z: float, foot_y: float) -> None:
    """The brick parapet (yeojang) around the top of a gate base; it hides the feet of the pavilion behind it."""
    for side, wide, z, _ in view.faces(half_x, half_z):
        _draw_masonry(side, rng, wide, foot_y, foot_y + 0.9, z + 0.2, mix(BRICK, INK, 0.35))
        side.fill(rectangles(-wide, wide, foot_y + 0.9, foot_y + 1.08, z + 0.1), TILE * 0.8)


def _draw_arch(view: View, x: float, half: float, top: float, z: float) -> None:
    """A passage under a round arch, its vault in shade, red door leaves folded at its sides."""
    spring = top - half
    for size, gain in ((1.16, 1.08), (1.0, 0.42)):
        r, angle = half * size, np.linspace(0, np.pi, 15)
        across, up = np.append(x + r * np.cos(angle), [x - r, x + r]), np.append(spring + r * np.sin(angle), [0, 0])
        view.fill(np.stack(np.broadcast_arrays(across, up, z - 0.02), axis=-1), GRANITE * gain, lamp=0.6, lit=size > 1)
    leaf = 0.42 * half
    for side in (-1, 1):
        a, b = x + side * half * 0.96, x + side * (half * 0.96 - leaf)
        view.fill_in_shade(rectangles(a, b, 0.05, spring, z - 0.03), VERMILION * 0.7, 0.9)
        studs = np.linspace(min(a, b) + 0.2 * leaf, max(a, b) - 0.2 * leaf, 3)
        view.fill_in_shade(disks(studs[:, None], np.linspace(0.15, 0.9, 6) * spring, z - 0.04, 0.06, 6), OCHER, 0.9)
    # One sees the light of the court behind.
    view.fill_in_shade(rectangles(x - half * 0.5, x + half * 0.5, 0.05, spring, z - 0.035), rgb(150, 150, 140), 0.7)


def draw_garden_wall(view: View, rng: np.random.Generator, half_x: float, height_m: float, kind: str, like: Hall) -> None:
    """A wall along x at the origin: granite below, brick, plaster or stone above, a small coping tiled like that hall."""
    deep, low = 0.35, 0.45 * height_m
    _cast_shadow(view, half_x, deep, height_m + 0.5)
    _draw_masonry(view, rng, half_x, 0, low, -deep, mix(GRANITE, (170, 160, 146), 0.4))
    upper = {"brick": mix(BRICK, GRANITE, 0.15), "plaster": rgb(214, 196, 168), "stone": GRANITE}[kind]
    _draw_masonry(view, rng, half_x, low, height_m, -deep, upper)
    if kind != "stone":
        for y in (low, height_m - 0.22):
            view.fill(rectangles(-half_x, half_x, y - 0.05, y + 0.05, -deep - 0.01), WHITE)
    view.darken(rectangles(-half_x, half_x, height_m - 0.45, height_m, -deep - 0.01), FRONT)
    finish = replace(like.finish, painted=False, white_ridge=False)
    draw_roof(view, Roof(half_x, deep + 0.45, half_x, 0.0, height_m - 0.05, 0.55, 0.0, 0.0, finish), half_x, deep, height_m)
