"""Giwa roofs: concave slopes of gray-blue tiles, eaves that rise at the corners, painted rafters, white ridges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from dancheong.scenes.canvas import (
    DOWN,
    FRONT,
    Points,
    View,
    disks,
    fill,
    pixels_per_meter,
    rectangles,
    sides,
    strip,
)
from dancheong.scenes.light import (
    INK,
    LEAF_GREEN,
    NOEROK,
    OCHER,
    PLASTER,
    SEOKGANJU,
    TILE,
    VERMILION,
    WHITE,
    Rgb,
    mix,
    scaled,
)


@dataclass(frozen=True)
class Roof:
    """A roof over a rectangle, by its half widths (meters) at the eaves, at the top, and at the foot of the gable.

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
    white_ridge: bool
    painted: bool
    tile: Rgb = TILE
    snow: float = 0.0


def _widths(roof: Roof, flank: bool, t: ArrayLike) -> tuple[Points, Points]:
    """Half width and distance of a slope at t (0 at the eaves, 1 at the ridge), seen from the front or the flank."""
    up = np.asarray(t, np.float64)
    hip = np.minimum(up / roof.gable_at, 1) if roof.gable_at > 0 else np.ones_like(up)
    x = roof.eave_x + (roof.top_x - roof.eave_x) * hip
    z = roof.eave_z + (roof.top_z - roof.eave_z) * up
    return (z, x) if flank else (x, z)


def surface(roof: Roof, flank: bool, s: ArrayLike, t: ArrayLike) -> Points:
    """Points (..., 3) of a slope: s from -1 to 1 along it, t from the eaves (0) to the ridge (1)."""
    along, up = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(t, np.float64))
    width, distance = _widths(roof, flank, up)
    # Eaves rise and push out towards the corners; on plain gable roofs only a little.
    corner = roof.lift * np.abs(along) ** 3 * (1 - up) ** 2
    sag = 0.10 * roof.rise * along**2 * up**3
    y = roof.base_y + roof.rise * (0.62 * up + 0.38 * up**2) + corner + sag
    points = np.empty((*along.shape, 3))
    points[..., 0] = along * width + 0.4 * np.sign(along) * corner
    points[..., 1] = y
    points[..., 2] = -(distance + 0.4 * corner)
    return points


def _slope_end(roof: Roof, flank: bool) -> float:
    return roof.gable_at if flank else 1.0


def _columns(roof: Roof, flank: bool, spacing_m: float, low: float, high: float, half_m: float, shift_m: float) -> Points:
    """Strips (n, 2k, 3) of cover tiles, parallel as on a real roof, between two heights of a slope."""
    widest = float(_widths(roof, flank, low)[0])
    count = max(2, round(2 * widest / spacing_m))
    x = (np.arange(count) + 0.5) / count * 2 * widest - widest
    up = np.linspace(low, high, 4)
    width = np.maximum(_widths(roof, flank, up)[0], 1e-6)
    inside = np.abs(x)[:, None] <= width[None] + 1e-9
    x, inside = x[inside[:, 0]], inside[inside[:, 0]]
    # A tile row that meets the hip ends there: its upper points stay at its last point inside.
    reach = np.array([np.interp(-abs(v), -width, up) if width[-1] < abs(v) else high for v in x])
    t = low + (reach - low)[:, None] * np.linspace(0, 1, 4)[None]
    wide = np.maximum(_widths(roof, flank, t)[0], 1e-6)
    left = surface(roof, flank, np.clip((x[:, None] - half_m + shift_m) / wide, -1, 1), t)
    right = surface(roof, flank, np.clip((x[:, None] + half_m + shift_m) / wide, -1, 1), t)
    return np.concatenate([left, right[:, ::-1]], axis=1)


def _normal(roof: Roof, flank: bool, low: float, high: float) -> Points:
    a, b = surface(roof, flank, 0.0, low), surface(roof, flank, 0.0, high)
    rise, run = b[1] - a[1], b[2] - a[2]
    normal: Points = np.array([0.0, run, -rise])
    return normal / max(1e-9, float(np.linalg.norm(normal)))


def draw_slope(view: View, roof: Roof, flank: bool) -> None:
    """One slope: a dark bed, cover tiles with a lit and a shaded side, courses, and the row of eave tiles."""
    end = _slope_end(roof, flank)
    if end <= 0.02:
        return
    eave = surface(roof, flank, 0.0, 0.0)
    scale = pixels_per_meter(view, eave)
    spacing = max(0.30, 3.0 / scale)
    cuts = np.linspace(0, end, 4)
    along = np.linspace(-1, 1, 17)
    white = mix(roof.tile, (236, 240, 246), roof.snow)
    bright = 1.0 if view.sun[0] > 0 else -1.0
    for low, high in pairwise(cuts):
        normal = _normal(roof, flank, low, high)
        bed = strip(surface(roof, flank, along, low), surface(roof, flank, along, high))
        fill(view, bed, mix(scaled(roof.tile, 0.56), white, 0.8 * roof.snow), normal)
        fill(view, _columns(roof, flank, spacing, low, high, 0.30 * spacing, 0.0), mix(roof.tile, white, 0.9), normal)
        side = _columns(roof, flank, spacing, low, high, 0.11 * spacing, bright * 0.12 * spacing)
        fill(view, side, scaled(white, 1.26 - 0.2 * roof.snow), normal)
    _draw_courses(view, roof, flank, end, scale)
    _draw_eave_tiles(view, roof, flank, spacing, scale)


def _draw_courses(view: View, roof: Roof, flank: bool, end: float, scale: float) -> None:
    length = float(np.linalg.norm(surface(roof, flank, 0.0, 0.0) - surface(roof, flank, 0.0, end)))
    count = int(length / max(0.42, 4.5 / scale))
    if count < 3:
        return
    t = np.arange(1, count) / count * end
    along = np.linspace(-1, 1, 13)
    thin = min(0.012, 0.10 / count) * end
    lower, upper = surface(roof, flank, along[None], t[:, None]), surface(roof, flank, along[None], t[:, None] + thin)
    fill(view, np.concatenate([lower, upper[:, ::-1]], axis=1), scaled(roof.tile, 0.70 + 0.5 * roof.snow),
         _normal(roof, flank, 0, end))  # fmt: skip


def _draw_eave_tiles(view: View, roof: Roof, flank: bool, spacing: float, scale: float) -> None:
    along = np.linspace(-1, 1, 25)
    edge = surface(roof, flank, along, 0.0)
    fill(view, strip(edge - [0, 0.20, 0], edge), scaled(roof.tile, 0.55), FRONT)
    half = float(_widths(roof, flank, 0.0)[0])
    count = max(2, round(2 * half / spacing))
    s = ((np.arange(count) + 0.5) / count) * 2 - 1
    ends = surface(roof, flank, s, 0.0)
    radius = 0.34 * spacing
    if radius * scale > 0.8:
        fill(view, disks(ends[:, 0], ends[:, 1] - 0.06, ends[:, 2] - 0.02, radius, 8),
             mix(roof.tile, PLASTER, 0.35), FRONT)  # fmt: skip
    if radius * scale > 3:
        fill(view, disks(ends[:, 0], ends[:, 1] - 0.06, ends[:, 2] - 0.03, radius * 0.6, 8), scaled(roof.tile, 0.7))


def draw_soffit(view: View, roof: Roof, flank: bool, wall_x: float, wall_z: float, wall_y: float) -> None:
    """Under the eaves: boards, then two layers of rafters with painted ends."""
    half, reach = (wall_z, wall_x) if flank else (wall_x, wall_z)
    width = float(_widths(roof, flank, 0.0)[0])
    along = np.linspace(-1, 1, 25)
    edge = surface(roof, flank, along, 0.0) - [0, 0.20, 0]
    x = np.clip(edge[:, 0], -half, half)
    inner = np.stack([x, np.full_like(x, wall_y), np.full_like(x, -reach)], axis=-1)
    boards = mix(SEOKGANJU, (70, 96, 74), 0.45) if roof.painted else (112, 78, 54)
    fill(view, strip(inner, edge), scaled(boards, 0.72), DOWN, lit=False, lamp=0.5)
    scale = pixels_per_meter(view, edge[12])
    spacing = max(0.42, 3.2 / scale)
    count = max(2, round(2 * width / spacing))
    s = ((np.arange(count) + 0.5) / count) * 2 - 1
    outer = surface(roof, flank, s, 0.0) - [0, 0.24, 0]
    start = np.stack([np.clip(outer[:, 0], -half, half), np.full(count, wall_y), np.full(count, -reach)], axis=-1)
    wood = NOEROK if roof.painted else (150, 104, 68)
    for begin, stop, gain, drop, thick in ((0.0, 0.66, 0.85, 0.0, 0.10), (0.52, 0.97, 1.1, 0.02, 0.09)):
        a, b = start + (outer - start) * begin, start + (outer - start) * stop
        a, b = a - [0, drop, 0], b - [0, drop, 0]
        w = np.array([thick * spacing / 0.42, 0, 0])
        fill(view, np.stack([a - w, a + w, b + w, b - w], axis=1), scaled(wood, gain), DOWN, lit=False, lamp=0.7)
        _draw_rafter_ends(view, b, thick * spacing / 0.42, scale, roof.painted, square=begin > 0)


def _draw_rafter_ends(view: View, ends: Points, radius: float, scale: float, painted: bool, square: bool) -> None:
    if radius * scale < 0.9:
        return
    x, y, z = ends[:, 0], ends[:, 1] - 0.03, ends[:, 2] - 0.02
    if not painted:
        fill(view, disks(x, y, z, radius, 8), (196, 158, 116), FRONT, lit=False, lamp=0.7)
        return
    rings: list[tuple[float, Rgb]] = [(1.15, LEAF_GREEN), (0.75, WHITE), (0.5, VERMILION)]
    if square:
        rings = [(1.15, NOEROK), (0.85, WHITE), (0.6, OCHER)]
    for ring, color in rings:
        r = radius * ring
        if r * scale > 0.6:
            shape = rectangles(x - r, x + r, y - r, y + r, z) if square else disks(x, y, z, r, 8)
            fill(view, shape, color, FRONT, lit=False, lamp=0.8)


def draw_gable(view: View, roof: Roof) -> None:
    """The gable of a flank (in flank coordinates): boards, their edges, and a painted pendant."""
    if roof.gable_at >= 0.98:
        return
    t = np.linspace(roof.gable_at, 1, 7)
    y = surface(roof, False, 0.97, t)[:, 1]
    z = _widths(roof, False, t)[1]
    set_back = -(roof.top_x - 0.25)
    right = np.stack([z, y, np.full_like(z, set_back)], axis=-1)
    left = right * [-1, 1, 1]
    fill(view, strip(left, right), scaled(SEOKGANJU, 0.9) if roof.painted else (150, 130, 108), FRONT)
    out = np.array([0, 0, -0.3])
    for edge in (left, right):
        fill(view, strip(edge + out - [0, 0.45, 0], edge + out), scaled(SEOKGANJU, 0.7), FRONT)
    if roof.painted:
        middle = float(y[0] + 0.55 * (y[-1] - y[0]))
        size = 0.16 * float(y[-1] - y[0])
        for ring, color in ((1.0, NOEROK), (0.7, OCHER), (0.4, VERMILION)):
            fill(view, disks(0, middle, set_back - 0.05, size * ring), color, FRONT)


def _ridge(view: View, line: Points, height_m: float, white: bool, tile: Rgb, snow: float) -> None:
    up = np.array([0, height_m, 0])
    body = mix(PLASTER if white else scaled(tile, 0.92), WHITE, 0.5) if white else scaled(tile, 0.92)
    fill(view, strip(line, line + up), body, FRONT * 0.9)
    cap = mix(scaled(tile, 0.62), WHITE, snow)
    fill(view, strip(line + 0.86 * up, line + 1.18 * up), cap, FRONT)
    fill(view, strip(line - 0.05 * up, line + 0.14 * up), scaled(tile, 0.5), FRONT)


def draw_ridges(view: View, roof: Roof) -> None:
    """Hip ridges with their row of small figures, gable descents, the main ridge and its end tiles."""
    size = 0.30 + 0.05 * roof.rise
    hips = [(-1, view.eye[0] < 0), (1, view.eye[0] >= 0)]
    for side, _ in sorted(hips, key=lambda item: item[1]):
        if roof.gable_at > 0.02:
            t = np.linspace(0.015, roof.gable_at, 9)
            line = surface(roof, False, side, t)
            _ridge(view, line, size, roof.white_ridge, roof.tile, roof.snow)
            _draw_figures(view, line, size, roof)
        if roof.gable_at < 0.98:
            t = np.linspace(max(roof.gable_at, 0.02), 1, 7)
            _ridge(view, surface(roof, False, 0.985 * side, t), size, roof.white_ridge, roof.tile, roof.snow)
    if roof.top_z < 0.05 and roof.top_x > 0.3:
        line = surface(roof, False, np.linspace(-1, 1, 17), 1.0)
        _ridge(view, line, size * 1.5, roof.white_ridge, roof.tile, roof.snow)
        for side, end in ((-1, line[0]), (1, line[-1])):
            hook = np.array([[0.25, 0], [0.25, 2.2], [-0.35, 2.9], [-0.75, 2.5], [-0.45, 1.8], [-0.55, 0]]) * size * 1.1
            shape = np.stack([end[0] - side * hook[:, 0] * -1, end[1] + hook[:, 1], np.full(6, end[2])], axis=-1)
            fill(view, shape, scaled(roof.tile, 0.7), FRONT)
    elif roof.top_z < 0.05:
        top = surface(roof, False, 0.0, 1.0)
        fill(view, rectangles(top[0] - 0.4, top[0] + 0.4, top[1] - 0.1, top[1] + 0.35, 0), scaled(roof.tile, 0.7))
        fill(view, disks(top[0], top[1] + 0.75, 0, 0.42, 12), scaled(roof.tile, 0.8))


def _draw_figures(view: View, line: Points, size: float, roof: Roof) -> None:
    if not roof.white_ridge:
        return
    feet = line[1:4] + np.array([0, size, 0])
    steps = np.concatenate([feet, (feet[:-1] + feet[1:]) / 2])
    fill(view, rectangles(steps[:, 0] - 0.09, steps[:, 0] + 0.09, steps[:, 1], steps[:, 1] + 0.42, steps[:, 2]),
         scaled(INK, 1.8), FRONT)  # fmt: skip


def draw_roof(view: View, roof: Roof, wall_x: float, wall_z: float, wall_y: float) -> None:
    """The whole roof over a wall of half widths (`wall_x`, `wall_z`) that ends at `wall_y`, far parts first."""
    left, right, front = sides(view)
    for flank in (left, right):
        if flank.eye[2] < -wall_x:
            draw_soffit(flank, roof, True, wall_x, wall_z, wall_y)
            draw_slope(flank, roof, True)
        if flank.eye[2] < -roof.top_x:
            draw_gable(flank, roof)
    draw_soffit(front, roof, False, wall_x, wall_z, wall_y)
    draw_slope(front, roof, False)
    draw_ridges(front, roof)
