"""Buildings of a palace, each drawn in its own coordinates: halls, pavilions, gates, galleries and garden walls."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dancheong.scenes.canvas import Box, Frame, Range, draw_panel
from dancheong.scenes.table import TABLE, Field, Rgb, Row, color, part, sample, stones

TIE_M = 0.62  # the beam and what lies on it, between the columns and the brackets


def hall_of(**measures: Any) -> Row:
    """A hall with the measures that the table has under [hall], its `colors` and the share of `snow` on its roof.

    Added to them are the `kind` of its patterns, half its length and depth, the height of its first story above the
    ground, and the `blocks` that cast its shadow.
    """
    hall = Row(**measures)
    hall.kind, hall.bracket_m = ("", hall.bracket_m) if hall.painted else ("plain_", min(0.2, hall.bracket_m))
    hall.half_x, hall.half_z = x, z = hall.bays_x * hall.bay_m / 2, hall.bays_z * hall.bay_m / 2
    hall.top_y = top = hall.platform_m + hall.column_m + TIE_M + hall.bracket_m
    over, ridge = hall.overhang_m, (0.75 * x, 0.3 * z, top, top + 0.55 * hall.rise * hall.stories)
    walls = [(x - 0.1, z - 0.1, hall.platform_m, top)] if hall.filling != "none" else []
    platform = (x + over * 0.75, z + over * 0.75, -0.1, hall.platform_m)
    hall.blocks = ((x + over, z + over, top - 0.3, top + 0.2), ridge, platform, *walls)
    return hall


def changed(hall: Row, **measures: Any) -> Row:
    """The same hall with other measures."""
    return hall_of(**{**vars(hall), **measures})


def draw_hall(frame: Frame, hall: Row) -> None:
    """A hall or the pavilion of a gate, of one or two stories, standing on its platform at the origin."""
    x, z, over, rise = hall.half_x, hall.half_z, hall.overhang_m, hall.rise
    draw_platform(frame, x + over * 0.75, z + over * 0.75, hall.platform_m, hall.stairs)
    if hall.filling == "none":
        _draw_floor(frame, hall)
    _draw_story(frame, hall, x, z)
    ridge_x = max(0.0, x - z * (1.0 if hall.roof >= 0.98 else 0.35 * hall.roof)) if hall.roof > 0.02 else x + 0.9
    wall_y = hall.top_y
    if hall.stories > 1:  # a skirt roof around the first story, then smaller walls and the main roof
        inset = min(1.5, 0.3 * z)
        skirt = Roof(x + over, z + over, x - inset, z - inset, wall_y - 0.3, 0.42 * rise, hall.lift, 1.0, hall)
        draw_roof(frame, skirt, x, z, wall_y)
        x, z, ridge_x = x - inset, z - inset, max(0.0, ridge_x - 0.4 * inset)
        foot, column, bracket = wall_y - 0.3 + skirt.rise, 0.45 * hall.column_m, 0.8 * hall.bracket_m
        upper = changed(hall, door=hall.filling, column_m=column, bracket_m=bracket, platform_m=foot)
        _draw_story(frame, upper, x, z)
        wall_y = upper.top_y
    draw_roof(frame, Roof(x + over, z + over, ridge_x, 0.0, wall_y - 0.3, rise, hall.lift, hall.roof, hall), x, z, wall_y)
    if hall.board:
        tall = min(1.05, 0.45 + hall.bracket_m * (0.8 if hall.stories > 1 else 1))
        half, low = 1.2 * tall, wall_y - tall - 0.2
        draw_panel(frame, (-half, half), -z - 0.9, "board", 2 * half, low, tall, {}, -half, 0.9)


def _draw_story(frame: Frame, hall: Row, half_x: float, half_z: float) -> None:
    """The walls of one story: what fills the bays, pillars, the beam, brackets; each a little before the last."""
    foot, column, bracket, own = hall.platform_m, hall.column_m, hall.bracket_m, hall.colors
    beam, low = foot + column, foot + column + TIE_M
    tiers = max(1, min(5, round(bracket / 0.30))) if hall.painted and bracket > 0.25 else 0
    for side, half, z, flank in frame.faces(half_x, half_z):
        bays = hall.bays_z if flank else hall.bays_x
        bay, wide, door = 2 * half / bays, half + 0.16, hall.filling if flank else hall.door
        left, right = bays // 2 * bay - half, (bays // 2 + 1) * bay - half
        for x, kind in (((-half, left), hall.filling), ((left, right), door), ((right, half), hall.filling)):
            draw_panel(side, x, z, kind, bay, foot, column, own, -half, 0.45)
        _draw_pillars(side, half, bay, foot, beam, z - 0.12, own["pillar"])
        draw_panel(side, (-wide, wide), z - 0.16, f"{hall.kind}beam", bay, beam - 0.04, TIE_M + 0.04, own, -half, 0.75, 0.9)
        # Brackets stand at the pillars and between them, nearer to one another where there are pixels enough.
        step, tall = bay / max(1, round(bay / max(1.15, 9 * side.pixel_m(0, beam, z)))), bracket / max(1, tiers)
        draw_panel(side, (-half, half), z, f"{hall.kind}bracket_wall", step, low - 0.2, bracket + 0.2, own, -half, 0.6, 0.8)
        for tier in range(tiers):
            paint, wide = {**own, "arm": color(("green", "blue", "leaf", "blue", "green")[tier])}, half + 0.25 + 0.1 * tier
            at = z - 0.2 - 0.2 * tier
            draw_panel(side, (-wide, wide), at, "brackets", step, low + tier * tall, tall, paint, -half - step / 2, 0.8, 0.9)


def _draw_pillars(frame: Frame, half: float, bay: float, foot: float, beam: float, z: float, paint: Rgb) -> None:
    pillars = frame.plane((-half - 0.34, half + 0.34), (foot - 0.02, beam), z)
    off = pillars.x + half - np.round((pillars.x + half) / bay) * bay
    pillars.paint(paint, np.abs(off) < 0.21)
    pillars.paint(color("granite"), (np.abs(off) < 0.34) & (pillars.y < foot + 0.22))
    pillars.put(normal=(off / 0.17, 0.0, -1.0), lamp=0.55, gloss=0.2)


def _draw_floor(frame: Frame, hall: Row) -> None:
    """What one sees through an open pavilion: the pillars behind, a raised floor with railings, the dark of the ceiling."""
    x, z, foot, own = hall.half_x, hall.half_z, hall.platform_m, hall.colors
    beam = foot + hall.column_m
    _draw_pillars(frame, x, hall.bay_m, foot, beam, z, own["pillar"] * 0.7)
    for y, name in ((foot + 0.35, "wood*0.8"), (beam + 0.1, "red*0.35")):
        boards = frame.plane((-x, x), y, (-z, z))
        boards.paint(color(name))
        boards.put(0.5, lamp=0.5)
    draw_panel(frame, (-x, x), z, "bracket_wall", hall.bay_m, beam - 0.3, hall.top_y - beam + 0.3, own, -x, 0.3, 0.25)
    for side, half, away, _ in (*frame.faces(x, z), (frame, x, z, False)):
        draw_panel(side, (-half, half), away - 0.05, "railing", 0.7, foot, 1.07, own, lamp=0.4)


def draw_stone(frame: Frame, name: str, half_x: float, half_z: float, height_m: float) -> None:
    """A building of stone of the table: its blocks, in courses of dressed stone or in one piece."""
    for paint, course_m, out, (share, above), (end, more) in TABLE["stone"][name] if height_m > 0.05 else ():
        x, z, low, high, stone = half_x + out, half_z + out, share * height_m + above, end * height_m + more, color(paint)
        top = frame.plane((-x, x), high, (-z, z))
        top.paint(stone)
        top.put()
        for side, half, away, _ in frame.faces(x, z):
            wall, gain = side.plane((-half, half), (low, high), away), np.array(0.85, np.float32)
            if course_m and wall.is_seen:  # courses are at least three pixels tall
                tall = (high - low) / max(1, round((high - low) / max(course_m, 3 * side.pixel_m(0, high, away))))
                gain = stones(frame.canvas.noise, wall.x + 0 * wall.y, wall.y - low, tall, 2.3 * tall)
            wall.paint(stone)
            wall.put(gain)


def draw_platform(frame: Frame, half_x: float, half_z: float, height_m: float, stairs: bool, balustrade: bool = False) -> None:
    """A granite platform (woldae or gidan) with stairs between cheek stones in front, and a balustrade beside them."""
    draw_stone(frame, "platform", half_x, half_z, height_m)
    count, wide = max(2, round(height_m / 0.22)) if stairs and height_m > 0.05 else 0, min(2.4, 0.5 * half_x)
    for step in range(1, count):
        y, z = height_m * (1 - step / count), -half_z - (step - 0.5) * 0.34
        draw_stone(frame.placed(0, 0, z), "step", wide, 0.17, y)
        for x in (-wide - 0.16, wide + 0.16):
            draw_stone(frame.placed(x, 0, z), "step", 0.16, 0.17, y + 0.2)
    for side, half, z, flank in frame.faces(half_x, half_z) if balustrade else ():
        for ends in ((-half, half),) if flank else ((-half, -3.0), (3.0, half)):
            draw_panel(side, ends, z + 0.2, "balustrade", 1.8, height_m, 1.2, {})


def draw_garden_wall(frame: Frame, half_x: float, height_m: float, kind: str, like: Row) -> None:
    """A wall along x at the origin with a small coping of tiles."""
    draw_stone(frame, kind, half_x, 0.35, height_m)
    plain = changed(like, painted=False)
    draw_roof(frame, Roof(half_x, 0.8, half_x, 0.0, height_m - 0.05, 0.55, 0.0, 0.0, plain), half_x, 0.35, height_m)


@dataclass(frozen=True)
class Roof:
    """A roof over a rectangle, by its half widths (meters) at the eaves and at the top; `hall` has its colors.

    `gable_at` is the share of the slope where a gable begins: 1 is a hipped roof, 0 a plain gable roof, between
    them the hip-and-gable roof (paljak). A skirt roof of a lower story ends at (`top_x`, `top_z`) under a wall.
    """

    eave_x: float
    eave_z: float
    top_x: float
    top_z: float
    base_y: float
    rise: float
    lift: float
    gable_at: float
    hall: Row

    def height(self, t: ArrayLike, s: ArrayLike) -> Field:
        """Height at t, and at s from the middle (0) to the corner (1): eaves rise there, and the ridge a little."""
        up, along = np.asarray(t), np.asarray(s)
        square, down = along * along, 1 - up
        rise = self.rise * up * (0.62 + up * (0.38 + 0.10 * square * up))
        found: Field = self.base_y + rise + self.lift * along * square * down * down
        return found


def draw_roof(frame: Frame, roof: Roof, wall_x: float, wall_z: float, wall_y: float) -> None:
    """The whole roof over a wall of half widths (`wall_x`, `wall_z`) that ends at `wall_y`."""
    for side, half, z, flank in frame.faces(wall_x, wall_z):
        if roof.gable_at > 0.02 or not flank:
            _draw_slope(side, roof, flank)
            _draw_eaves(side, roof, flank, half, -z, wall_y)
        if roof.gable_at < 0.98 and flank:
            _draw_gable(side, roof)
    _draw_ridges(frame, roof)


def _draw_slope(frame: Frame, roof: Roof, flank: bool) -> None:
    """One slope: rows of round cover tiles on a dark bed, in courses, lips of plaster along the hips, snow in winter."""
    begin, stop, end = (-roof.eave_x, -roof.top_x, roof.gable_at) if flank else (-roof.eave_z, -roof.top_z, 1.0)

    def along(z: Field) -> Field:
        t: Field = np.clip(np.float32(end / (stop - begin)) * (z - np.float32(begin)), 0, 1)
        return t

    def half_width(t: Field) -> Field:
        if flank:
            return roof.eave_z + (roof.top_z - roof.eave_z) * t
        return roof.eave_x + (roof.top_x - roof.eave_x) * np.minimum((t + 1e-6) / (roof.gable_at + 1e-6), 1)

    def height(x: Field, z: Field) -> Field:
        t = along(z)
        return roof.height(t, np.minimum(np.abs(x) / np.maximum(half_width(t), 1e-3), 1))

    widest, pixel_m = roof.eave_z if flank else max(roof.eave_x, roof.top_x), frame.pixel_m(0, roof.base_y, begin)
    slope = frame.curved(height, (-widest, widest), (roof.base_y, roof.base_y + roof.lift + 1.1 * roof.rise), (begin, stop))
    if not slope.is_seen:
        return
    tile, x, noise, t = roof.hall.colors["tile"], slope.x, frame.canvas.noise, along(slope.z)
    half, phase = half_width(t), part(x / max(0.30, 3.0 * pixel_m)) - 0.5
    inside, cover = np.abs(x) <= half, np.abs(phase) < 0.31
    slope.paint(tile * 0.62, inside)
    slope.paint(tile * 1.04, inside & cover)
    if roof.hall.snow:
        drift = sample(noise.coarse, x / 9, t * 0.5) + 0.4 * sample(noise.fine, x / 7, t * 0.6) - 0.5 * cover
        slope.paint(color("snow"), inside & (drift > 1.2 - 3.2 * roof.hall.snow))
    slope.paint(roof.hall.colors["ridge"], inside & (half - np.abs(x) < 0.26))
    # Each tile of a row is a little darker where it slips under the next one.
    course = part(t / end * math.hypot(stop - begin, roof.rise * end) / max(0.42, 4.5 * pixel_m))
    gain = (1 + 0.06 * sample(noise.fine, x / 5, t)) * np.where(course < 0.14, 0.72, 0.94 + 0.1 * course)
    nx, ny, nz = slope.normal
    slope.put(gain, (nx + np.where(cover, 2.2 * phase, 0), ny, nz), gloss=0.5)


def _draw_eaves(frame: Frame, roof: Roof, flank: bool, half: float, away: float, wall_y: float) -> None:
    """What hangs over a wall of this half width and distance: eave tiles, two rows of rafters with painted ends, boards."""
    (front, wide), hall = (roof.eave_x, roof.eave_z) if flank else (roof.eave_z, roof.eave_x), roof.hall
    over, pixel_m = front - away, frame.pixel_m(0, roof.base_y, -front)
    reach = (roof.base_y - 0.9, roof.base_y + roof.lift + 0.2)

    def ceiling(x: Field, share: Field | float) -> Field:
        edge = roof.height(0.0, np.minimum(np.abs(x) * (1 / (half + share * over)), 1)) - 0.20
        return wall_y + share * (edge - wall_y)

    tile_m, rafter_m = max(0.30, 3 * pixel_m), max(0.42, 3.2 * pixel_m)
    for name, share, drop, cell, tall in (
        ("eave_tiles", 1.0, 0.08, tile_m, 0.34), (f"{hall.kind}rafters", 1.0, 0.30, rafter_m, 0.5 * rafter_m),
        (f"{hall.kind}round_rafters", 0.66, 0.26, rafter_m, 0.5 * rafter_m),
    ):  # fmt: skip
        long, z = half + share * over, -away - share * over + 0.02
        foot = lambda x, share=share, drop=drop: ceiling(x, share) - drop  # noqa: E731
        draw_panel(frame, (-long, long), z, name, cell, foot, tall, hall.colors, lamp=0.7, reach=reach)
    ends = (-wide, wide), reach, (-front, -away)
    soffit = frame.curved(lambda x, z: ceiling(x, np.clip((-z - away) / over, 0, 1)), *ends, below=True)
    if soffit.is_seen:
        inside = np.abs(soffit.x) <= half - soffit.z - away
        soffit.paint(hall.colors["boards"], inside)
        soffit.paint(hall.colors["rafter"], inside & (np.abs(part(soffit.x / rafter_m) - 0.5) < 0.26))
        soffit.put(lamp=0.6)


def _draw_gable(frame: Frame, roof: Roof) -> None:
    """The gable of a flank (in flank coordinates): boards, their edges, and a painted pendant."""
    wide, hall = roof.eave_z + (roof.top_z - roof.eave_z) * roof.gable_at, roof.hall
    low, high = float(roof.height(roof.gable_at, 0.97)), float(roof.height(1.0, 1.0))
    gable = frame.plane((-wide, wide), (low, high), 0.25 - roof.top_x)
    below = roof.height((roof.eave_z - np.abs(gable.x)) / (roof.eave_z - roof.top_z), 1.0) - gable.y
    gable.inside &= below > 0
    gable.paint(hall.colors["gable"])
    gable.paint(hall.colors["verge"], below < 0.45)
    away = np.hypot(gable.x, gable.y - (low + high) / 2) / (high - low)
    for size, name in ((0.16, "green"), (0.11, "ocher"), (0.06, "vermilion")) if hall.painted else ():
        gable.paint(color(name), away < size)
    gable.put()


def _draw_ridges(frame: Frame, roof: Roof) -> None:
    """Hip ridges with their row of small figures, gable descents, the main ridge and its end tiles, or a finial."""
    size, gable, own, x = 0.30 + 0.05 * roof.rise, roof.gable_at, roof.hall.colors, roof.top_x
    z_gable, peak = -(roof.eave_z + (roof.top_z - roof.eave_z) * gable), float(roof.height(1.0, 1.0))
    for side in (-1, 1):
        if gable > 0.02:
            _draw_ridge(frame, roof, (side * roof.eave_x, -roof.eave_z), (side * x, z_gable), (0, gable, 1, 1), size)
        if gable < 0.98:
            _draw_ridge(frame, roof, (side * x, z_gable), (side * x, -roof.top_z), (gable, 1, 1, 1), size)
    if roof.top_z < 0.05 and x <= 0.3:  # a skirt roof has no ridge
        draw_panel(frame, (-0.6, 0.6), -0.05, "finial", 1.2, peak - 0.2, 1.6, own, begin_m=-0.6)
    elif roof.top_z < 0.05:
        _draw_ridge(frame, roof, (-x, 0), (x, 0), (1, 1, -1, 1), 1.5 * size)
        for end in (-x, x):
            draw_panel(frame, (end - size, end + size), -0.05, "end_tile", 2 * size, peak, 3.4 * size, own, begin_m=end - size)


def _draw_ridge(frame: Frame, roof: Roof, foot: Range, head: Range, way: Box, size: float) -> None:
    """An upright band between two places (x, z) of the ground plan; `way`: t from and to, and s from and to, below it."""
    (dx, dz), own, top = (head[0] - foot[0], head[1] - foot[1]), roof.hall.colors, roof.base_y + roof.lift + 1.1 * roof.rise
    placed, length = frame.placed(foot[0], 0, foot[1], math.atan2(-dz, dx)), math.hypot(dx, dz)
    reach = (roof.base_y - 0.1, top + 2 * size)

    def base(x: Field) -> Field:
        share = np.clip(x / length, 0, 1)
        return roof.height(way[0] + (way[1] - way[0]) * share, np.abs(way[2] + (way[3] - way[2]) * share)) - 0.05

    draw_panel(placed, (0, length), 0.0, "ridge", length, base, 1.2 * size, own, reach=reach)
    if way[0] == 0 and roof.hall.painted:
        draw_panel(placed, (0.3, 0.4 * length), 0.0, "figures", 0.55, lambda x: base(x) + 1.1 * size, 0.45, own, reach=reach)
