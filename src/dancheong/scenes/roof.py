"""Giwa roofs: concave slopes of gray-blue tiles, eaves that rise at the corners, painted rafters, white ridges.

A roof has a front slope and, where it is hipped, slopes over its flanks; `flank` says which of the two is meant.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from dancheong.scenes.canvas import DOWN, FRONT, Points, View, disks, rectangles, strip
from dancheong.scenes.light import INK, LEAF_GREEN, NOEROK, OCHER, PLASTER, SEOKGANJU, VERMILION, WHITE, Finish, mix, rgb


@dataclass(frozen=True)
class Roof:
    """A roof over a rectangle, by its half widths (meters) at the eaves and at the top.

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
    finish: Finish

    def widths(self, flank: bool, t: ArrayLike) -> tuple[Points, Points]:
        """Half width and distance of a slope at t (0 at the eaves, 1 at the ridge), seen from the front or the flank."""
        up = np.asarray(t, np.float64)
        hip = np.minimum(up / self.gable_at, 1) if self.gable_at > 0 else np.ones_like(up)
        x = self.eave_x + (self.top_x - self.eave_x) * hip
        z = self.eave_z + (self.top_z - self.eave_z) * up
        return (z, x) if flank else (x, z)

    def surface(self, flank: bool, s: ArrayLike, t: ArrayLike) -> Points:
        """Points (..., 3) of a slope: s from -1 to 1 along it, t from the eaves (0) to the ridge (1)."""
        along, up = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(t, np.float64))
        width, distance = self.widths(flank, up)
        # Eaves rise and push out towards the corners; on plain gable roofs only a little.
        corner = self.lift * np.abs(along) ** 3 * (1 - up) ** 2
        sag = 0.10 * self.rise * along**2 * up**3
        y = self.base_y + self.rise * (0.62 * up + 0.38 * up**2) + corner + sag
        return np.stack([along * width + 0.4 * np.sign(along) * corner, y, -(distance + 0.4 * corner)], axis=-1)

    def normal(self, flank: bool, low: float, high: float) -> Points:
        """The direction in which a slope faces between two of its heights."""
        up = self.surface(flank, 0.0, high) - self.surface(flank, 0.0, low)
        normal: Points = np.array([0.0, up[2], -up[1]])
        return normal / max(1e-9, float(np.linalg.norm(normal)))


def draw_roof(view: View, roof: Roof, wall_x: float, wall_z: float, wall_y: float) -> None:
    """The whole roof over a wall of half widths (`wall_x`, `wall_z`) that ends at `wall_y`, far parts first."""
    left, right, front = view.sides()
    for flank in (left, right):
        if flank.eye[2] < -wall_x:
            _draw_soffit(flank, roof, True, wall_z, wall_x, wall_y)
            _draw_slope(flank, roof, True)
        if flank.eye[2] < -roof.top_x:
            _draw_gable(flank, roof)
    _draw_soffit(front, roof, False, wall_x, wall_z, wall_y)
    _draw_slope(front, roof, False)
    _draw_ridges(front, roof)


def _row(half_m: float, spacing_m: float) -> Points:
    """Where things stand along a slope of this half width, at about this spacing: shares from -1 to 1."""
    count = max(2, round(2 * half_m / spacing_m))
    return (np.arange(count) + 0.5) / count * 2 - 1


def _draw_slope(view: View, roof: Roof, flank: bool) -> None:
    """One slope: a dark bed, cover tiles with a lit and a shaded side, courses, and the row of eave tiles."""
    end = roof.gable_at if flank else 1.0
    if end <= 0.02:
        return
    tile, snow = roof.finish.tile, roof.finish.snow
    eave = roof.surface(flank, 0.0, 0.0)
    scale = view.pixels_per_meter(eave)
    spacing = max(0.30, 3.0 / scale)
    white = mix(tile, (236, 240, 246), snow)
    bright = 1.0 if view.sun[0] > 0 else -1.0
    along = np.linspace(-1, 1, 17)
    for low, high in pairwise(np.linspace(0, end, 4)):
        normal = roof.normal(flank, low, high)
        bed = strip(roof.surface(flank, along, low), roof.surface(flank, along, high))
        view.fill(bed, mix(tile * 0.56, white, 0.8 * snow), normal)
        view.fill(_tile_rows(roof, flank, spacing, low, high, 0.30 * spacing, 0.0), mix(tile, white, 0.9), normal)
        lit_side = _tile_rows(roof, flank, spacing, low, high, 0.11 * spacing, bright * 0.12 * spacing)
        view.fill(lit_side, white * (1.26 - 0.2 * snow), normal)
    # Courses: thin dark lines across the rows, where there are pixels enough for three of them.
    count = int(float(np.linalg.norm(eave - roof.surface(flank, 0.0, end))) / max(0.42, 4.5 / scale))
    if count >= 3:
        t = np.arange(1, count)[:, None] / count * end
        along = np.linspace(-1, 1, 13)
        courses = strip(roof.surface(flank, along, t), roof.surface(flank, along, t + min(0.012, 0.10 / count) * end))
        view.fill(courses, tile * (0.70 + 0.5 * snow), roof.normal(flank, 0, end))
    # Eave tiles: the board below them, their round ends, and a sign on each end.
    edge = roof.surface(flank, np.linspace(-1, 1, 25), 0.0)
    view.fill(strip(edge - [0, 0.20, 0], edge), tile * 0.55)
    x, y, z = roof.surface(flank, _row(float(roof.widths(flank, 0.0)[0]), spacing), 0.0).T
    radius = 0.34 * spacing
    if radius * scale > 0.8:
        view.fill(disks(x, y - 0.06, z - 0.02, radius, 8), mix(tile, PLASTER, 0.35))
    if radius * scale > 3:
        view.fill(disks(x, y - 0.06, z - 0.03, radius * 0.6, 8), tile * 0.7)


def _tile_rows(roof: Roof, flank: bool, spacing_m: float, low: float, high: float, half_m: float, shift_m: float) -> Points:
    """Strips (n, 2k, 3) of cover tiles, parallel as on a real roof, between two heights of a slope."""
    widest = float(roof.widths(flank, low)[0])
    x = _row(widest, spacing_m) * widest
    up = np.linspace(low, high, 4)
    width = np.maximum(roof.widths(flank, up)[0], 1e-6)
    x = x[np.abs(x) <= width[0] + 1e-9]
    # A tile row that meets the hip ends there: its upper points stay at its last point inside.
    reach = np.array([np.interp(-abs(v), -width, up) if width[-1] < abs(v) else high for v in x])
    t = low + (reach - low)[:, None] * np.linspace(0, 1, 4)[None]
    wide = np.maximum(roof.widths(flank, t)[0], 1e-6)
    left, right = (
        roof.surface(flank, np.clip((x[:, None] + side * half_m + shift_m) / wide, -1, 1), t) for side in (-1, 1)
    )
    return strip(left, right)


def _draw_soffit(view: View, roof: Roof, flank: bool, half: float, reach: float, wall_y: float) -> None:
    """Under the eaves: boards, then two layers of rafters with painted ends, over a wall of this half width and distance."""
    painted = roof.finish.painted

    def wall_top(below: Points) -> Points:
        """The points at the top of the wall that are nearest to points of the eaves."""
        x = np.clip(below[:, 0], -half, half)
        return np.stack([x, np.full_like(x, wall_y), np.full_like(x, -reach)], axis=-1)

    edge = roof.surface(flank, np.linspace(-1, 1, 25), 0.0) - [0, 0.20, 0]
    boards = mix(SEOKGANJU, (70, 96, 74), 0.45) if painted else rgb(112, 78, 54)
    view.fill_in_shade(strip(wall_top(edge), edge), boards * 0.72, 0.5, DOWN)
    scale = view.pixels_per_meter(edge[12])
    spacing = max(0.42, 3.2 / scale)
    outer = roof.surface(flank, _row(float(roof.widths(flank, 0.0)[0]), spacing), 0.0) - [0, 0.24, 0]
    start = wall_top(outer)
    # Round rafters reach from the wall two thirds of the way; square flying rafters go on from there.
    for begin, stop, gain, drop, thick in ((0.0, 0.66, 0.85, 0.0, 0.10), (0.52, 0.97, 1.1, 0.02, 0.09)):
        a, b = (start + (outer - start) * share - [0, drop, 0] for share in (begin, stop))
        radius = thick * spacing / 0.42
        side = np.array([radius, 0, 0])
        rafters = np.stack([a - side, a + side, b + side, b - side], axis=1)
        view.fill_in_shade(rafters, (NOEROK if painted else rgb(150, 104, 68)) * gain, 0.7, DOWN)
        if radius * scale >= 0.9:
            _draw_rafter_ends(view, b - [0, 0.03, 0.02], radius, scale, painted, square=begin > 0)


def _draw_rafter_ends(view: View, ends: Points, radius: float, scale: float, painted: bool, square: bool) -> None:
    x, y, z = ends.T
    if not painted:
        view.fill_in_shade(disks(x, y, z, radius, 8), rgb(196, 158, 116), 0.7)
        return
    round_rings = ((1.15, LEAF_GREEN), (0.75, WHITE), (0.5, VERMILION))
    square_rings = ((1.15, NOEROK), (0.85, WHITE), (0.6, OCHER))
    for size, color in square_rings if square else round_rings:
        r = radius * size
        if r * scale > 0.6:
            shape = rectangles(x - r, x + r, y - r, y + r, z) if square else disks(x, y, z, r, 8)
            view.fill_in_shade(shape, color, 0.8)


def _draw_gable(view: View, roof: Roof) -> None:
    """The gable of a flank (in flank coordinates): boards, their edges, and a painted pendant."""
    if roof.gable_at >= 0.98:
        return
    t = np.linspace(roof.gable_at, 1, 7)
    y = roof.surface(False, 0.97, t)[:, 1]
    z = roof.widths(False, t)[1]
    set_back = -(roof.top_x - 0.25)
    right = np.stack([z, y, np.full_like(z, set_back)], axis=-1)
    left = right * [-1, 1, 1]
    view.fill(strip(left, right), SEOKGANJU * 0.9 if roof.finish.painted else rgb(150, 130, 108))
    for edge in (left - [0, 0, 0.3], right - [0, 0, 0.3]):
        view.fill(strip(edge - [0, 0.45, 0], edge), SEOKGANJU * 0.7)
    if roof.finish.painted:
        middle, size = float(y[0] + 0.55 * (y[-1] - y[0])), 0.16 * float(y[-1] - y[0])
        for ring, color in ((1.0, NOEROK), (0.7, OCHER), (0.4, VERMILION)):
            view.fill(disks(0, middle, set_back - 0.05, size * ring), color)


def _draw_ridges(view: View, roof: Roof) -> None:
    """Hip ridges with their row of small figures, gable descents, the main ridge and its end tiles."""
    finish, size = roof.finish, 0.30 + 0.05 * roof.rise
    for side in (1, -1) if view.eye[0] < 0 else (-1, 1):
        if roof.gable_at > 0.02:
            line = roof.surface(False, side, np.linspace(0.015, roof.gable_at, 9))
            _draw_ridge(view, line, size, finish)
            if finish.white_ridge:
                feet = line[1:4] + np.array([0, size, 0])
                x, y, z = np.concatenate([feet, (feet[:-1] + feet[1:]) / 2]).T
                view.fill(rectangles(x - 0.09, x + 0.09, y, y + 0.42, z), INK * 1.8)
        if roof.gable_at < 0.98:
            descent = np.linspace(max(roof.gable_at, 0.02), 1, 7)
            _draw_ridge(view, roof.surface(False, 0.985 * side, descent), size, finish)
    if roof.top_z >= 0.05:  # a skirt roof has no ridge
        return
    if roof.top_x > 0.3:
        line = roof.surface(False, np.linspace(-1, 1, 17), 1.0)
        _draw_ridge(view, line, size * 1.5, finish)
        hook = np.array([[0.25, 0], [0.25, 2.2], [-0.35, 2.9], [-0.75, 2.5], [-0.45, 1.8], [-0.55, 0]]) * size * 1.1
        for side, end in ((-1, line[0]), (1, line[-1])):
            tile = np.stack([end[0] + side * hook[:, 0], end[1] + hook[:, 1], np.full(6, end[2])], axis=-1)
            view.fill(tile, finish.tile * 0.7)
    else:  # the finial of a pyramid roof
        x, y, _ = roof.surface(False, 0.0, 1.0)
        view.fill(rectangles(x - 0.4, x + 0.4, y - 0.1, y + 0.35, 0), finish.tile * 0.7)
        view.fill(disks(x, y + 0.75, 0, 0.42, 12), finish.tile * 0.8)


def _draw_ridge(view: View, line: Points, height_m: float, finish: Finish) -> None:
    up = np.array([0, height_m, 0])
    body = mix(PLASTER, WHITE, 0.5) if finish.white_ridge else finish.tile * 0.92
    view.fill(strip(line, line + up), body, FRONT * 0.9)
    view.fill(strip(line + 0.86 * up, line + 1.18 * up), mix(finish.tile * 0.62, WHITE, finish.snow))
    view.fill(strip(line - 0.05 * up, line + 0.14 * up), finish.tile * 0.5)
