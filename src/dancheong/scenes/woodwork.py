"""Walls under the eaves: red pillars, lattice doors, painted beams and brackets, after the order of a palace hall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancheong.scenes.canvas import Points, View, darken, disks, fill, pixels_per_meter, rectangles
from dancheong.scenes.light import (
    BRICK,
    GRANITE,
    INK,
    LEAF_GREEN,
    NOEROK,
    OCHER,
    PAPER,
    PLASTER,
    SAMCHEONG,
    SEOKGANJU,
    SKY_BLUE,
    VERMILION,
    WHITE,
    WOOD,
    Rgb,
    mix,
    scaled,
)


@dataclass(frozen=True)
class Wall:
    """One side of a hall in meters: `bays` between pillars from `foot_y` to `beam_y`, brackets up to `top_y`.

    `filling` is "lattice", "plank", "plaster", "open" (a dark passage) or "none" (nothing); `door` fills the middle bay.
    """

    half_x: float
    distance: float
    foot_y: float
    beam_y: float
    top_y: float
    bays: int
    filling: str
    door: str
    painted: bool
    pillar: Rgb = SEOKGANJU
    frame: Rgb = NOEROK


def _posts(wall: Wall) -> Points:
    return np.linspace(-wall.half_x, wall.half_x, wall.bays + 1)


def draw_wall(view: View, wall: Wall, overhang_m: float) -> None:
    """The wall from back to front, then the shadow of the eaves, then what the eaves always shade."""
    z = -wall.distance
    scale = pixels_per_meter(view, (0, wall.beam_y, z))
    posts = _posts(wall)
    left, right = posts[:-1], posts[1:]
    middle = np.arange(wall.bays) == wall.bays // 2
    for kind, chosen in ((wall.filling, ~middle), (wall.door, middle)):
        if chosen.any() and kind != "none":
            _fill_bays(view, wall, kind, left[chosen], right[chosen], scale)
    _draw_pillars(view, wall, posts)
    _draw_eave_shadow(view, wall, overhang_m)
    _draw_beam(view, wall, left, right, scale)
    _draw_brackets(view, wall, scale)


def _fill_bays(view: View, wall: Wall, kind: str, left: Points, right: Points, scale: float) -> None:
    z, low, high = -wall.distance, wall.foot_y, wall.beam_y
    if kind == "open":
        fill(view, rectangles(left, right, low, high, z + 0.4), scaled(INK, 1.3), lit=False, lamp=0.35)
        inner = low + 0.62 * (high - low)
        fill(view, rectangles(left, right, inner, high, z + 0.3), scaled(SEOKGANJU, 0.55), lit=False, lamp=0.5)
    elif kind == "plank":
        fill(view, rectangles(left, right, low, high, z), scaled(wall.pillar, 0.86))
        _draw_planks(view, left, right, (low, high, z), wall.pillar, scale)
    elif kind == "plaster":
        sill = low + 0.30 * (high - low)
        fill(view, rectangles(left, right, low, high, z), PLASTER, lamp=0.3)
        fill(view, rectangles(left, right, low, sill, z - 0.02), mix(BRICK, GRANITE, 0.35))
        pad = 0.24 * (right - left)
        fill(view, rectangles(left, right, sill, sill + 0.14, z - 0.03), wall.pillar)
        _draw_lattice(view, wall, left + pad, right - pad, sill + 0.3, low + 0.82 * (high - low), scale)
    else:
        sill = low + 0.16 * (high - low)
        head = low + 0.80 * (high - low)
        fill(view, rectangles(left, right, low, high, z), scaled(wall.pillar, 0.9))
        fill(view, rectangles(left + 0.25, right - 0.25, low + 0.08, sill - 0.08, z - 0.01), scaled(wall.frame, 0.8))
        leaves = 2 if float(right[0] - left[0]) < 2.6 else 4
        step = (right - left) / leaves
        a = (left[:, None] + step[:, None] * np.arange(leaves)).ravel()
        b = a + np.repeat(step, leaves)
        _draw_lattice(view, wall, a + 0.07, b - 0.07, sill, head, scale)
        _draw_lattice(view, wall, left + 0.1, right - 0.1, head + 0.12, high - 0.08, scale)


def _draw_planks(view: View, left: Points, right: Points, box: tuple[float, float, float], red: Rgb, scale: float) -> None:
    low, high, z = box
    count = max(4, int(4 * round(float(right[0] - left[0]) / 2.0)))
    seam = left[:, None] + (right - left)[:, None] * np.arange(1, count) / count
    width = max(0.018, 0.6 / scale)
    fill(view, rectangles(seam - width, seam + width, low, high, z - 0.01), scaled(red, 0.55))
    for share in (0.22, 0.78):
        y = low + share * (high - low)
        fill(view, rectangles(left, right, y - 0.07, y + 0.07, z - 0.02), scaled(red, 0.72))
    if scale > 14:
        x = seam[:, 1::2].ravel()
        fill(view, disks(x, low + 0.5 * (high - low), z - 0.03, 0.09), OCHER)


def _draw_lattice(view: View, wall: Wall, left: Points, right: Points, low: float, high: float, scale: float) -> None:
    """Leaves with paper behind muntins; the lower fifth of a tall leaf is a board."""
    z = -wall.distance - 0.02
    fill(view, rectangles(left, right, low, high, z), wall.frame, lamp=0.3)
    pad = 0.07
    board = low + (0.24 * (high - low) if high - low > 1.4 else 0.0)
    if board > low:
        fill(view, rectangles(left + pad, right - pad, low + pad, board - pad, z - 0.005), mix(wall.pillar, OCHER, 0.12))
    # Paper glows from within where there are lamps.
    fill(view, rectangles(left + pad, right - pad, board + pad, high - pad, z - 0.005), scaled(PAPER, 0.9), lamp=0.95)
    width = max(0.020, 0.5 / scale)
    step = max(0.20, 3.2 / scale)
    columns = max(2, int(float(right[0] - left[0]) / step))
    rows = max(1, int((high - board) / (step * 1.15)))
    x = (left[:, None] + (right - left)[:, None] * np.arange(1, columns) / columns).ravel()
    y = board + (high - board) * np.arange(1, rows) / rows
    color = scaled(wall.frame, 0.8)
    if columns > 1:
        fill(view, rectangles(x - width, x + width, board + pad, high - pad, z - 0.01), color, lamp=0.3)
    if rows > 1:
        bars = rectangles(left[:, None] + pad, right[:, None] - pad, y[None] - width, y[None] + width, z - 0.012)
        fill(view, bars, color, lamp=0.3)


def _draw_pillars(view: View, wall: Wall, posts: Points) -> None:
    z, radius = -wall.distance - 0.12, 0.21
    turn = 1.0 if view.sun[0] > 0 else -1.0
    rounds: list[tuple[float, float, float]] = [(-1.0, 1.0, 0.78), (-0.45, 0.75, 1.0), (-0.05, 0.45, 1.22)]
    for a, b, gain in rounds:
        x0, x1 = posts + radius * a * turn, posts + radius * b * turn
        fill(view, rectangles(x0, x1, wall.foot_y, wall.beam_y, z), scaled(wall.pillar, gain), lamp=0.55)
    fill(view, rectangles(posts - 0.34, posts + 0.34, wall.foot_y - 0.02, wall.foot_y + 0.22, z - 0.05), GRANITE)


def _draw_eave_shadow(view: View, wall: Wall, overhang_m: float) -> None:
    if view.sun[2] > -0.05:
        return
    drop = overhang_m * float(view.sun[1]) / float(-view.sun[2])
    shift = overhang_m * float(view.sun[0]) / float(-view.sun[2])
    low = max(wall.foot_y, wall.top_y - 0.55 - drop)
    x = np.linspace(-1, 1, 13)
    lift = 0.35 * np.abs(x - 0.1 * np.sign(shift)) ** 3
    lower = np.stack([x * wall.half_x * 1.02, low + lift * (wall.beam_y - low) * 0.5, 0 * x - wall.distance - 0.1], -1)
    upper = lower * [1, 0, 1] + [0, wall.top_y, 0]
    darken(view, np.concatenate([lower, upper[::-1]]), np.array([0.0, 0.0, -1.0]))


def _draw_beam(view: View, wall: Wall, left: Points, right: Points, scale: float) -> None:
    """The lintel: plain timber, or green with a painted head at both ends (meoricho) and a flower in the middle."""
    z = -wall.distance - 0.16
    low, high = wall.beam_y - 0.04, wall.beam_y + 0.46
    if not wall.painted:
        fill(view, rectangles(left, right, low, high, z), scaled(WOOD, 0.9), lit=False, lamp=0.7)
        fill(view, rectangles(left, right, high - 0.06, high, z - 0.02), scaled(WOOD, 0.6), lit=False, lamp=0.7)
        return
    # The ends of the beams meet those of the flank at the corner.
    wide = wall.half_x + 0.16
    fill(view, rectangles(-wide, wide, low, high, z), NOEROK, lit=False, lamp=0.75)
    middle, span = (left + right) / 2, (right - left) / 2
    bands: list[tuple[float, float, Rgb]] = [
        (1.00, 0.95, INK), (0.95, 0.91, WHITE), (0.91, 0.83, VERMILION), (0.83, 0.79, WHITE), (0.79, 0.70, SAMCHEONG),
        (0.70, 0.66, WHITE), (0.66, 0.58, LEAF_GREEN), (0.58, 0.54, OCHER), (0.54, 0.47, VERMILION), (0.47, 0.44, WHITE),
    ]  # fmt: skip
    for outer, inner, color in bands:
        if span[0] * (outer - inner) * scale < 0.7:
            continue
        for side in (-1, 1):
            a, b = middle + side * span * outer, middle + side * span * inner
            shape = rectangles(a, b, low + 0.05, high - 0.05, z - 0.01)
            if outer < 0.8:  # the inner bands end in points, as the painted nets do
                tip = np.stack([b - side * 0.16 * span, np.full_like(b, (low + high) / 2), np.full_like(b, z - 0.01)], -1)
                shape = np.concatenate([shape[:, :2], tip[:, None], shape[:, 2:]], axis=1)
            fill(view, shape, color, lit=False, lamp=0.8)
    for radius, color in ((0.19, WHITE), (0.15, SKY_BLUE), (0.09, VERMILION)):
        if radius * scale > 1:
            fill(view, disks(middle, (low + high) / 2, z - 0.02, radius), color, lit=False, lamp=0.8)
    for y0, y1, color in ((low, low + 0.05, INK), (high - 0.05, high + 0.05, WHITE), (high + 0.03, high + 0.22, SEOKGANJU)):
        fill(view, rectangles(-wide - 0.03, wide + 0.03, y0, y1, z - 0.03), color, lit=False, lamp=0.8)


def _draw_brackets(view: View, wall: Wall, scale: float) -> None:
    """Rows of brackets (gongpo): tiers of arms that widen upwards, green and blue with white edges, red between."""
    low, high = wall.beam_y + 0.62, wall.top_y
    back = mix(SEOKGANJU, INK, 0.25) if wall.painted else PLASTER
    fill(view, rectangles(-wall.half_x, wall.half_x, low - 0.2, high, -wall.distance), scaled(back, 0.85), lit=False, lamp=0.6)
    if high - low < 0.25 or not wall.painted:
        return
    bay = 2 * wall.half_x / wall.bays
    step = bay / max(1, round(bay / max(1.15, 9 / scale)))
    x = np.arange(-wall.half_x, wall.half_x + 0.01, step)
    _draw_panels(view, wall, x[:-1] + step / 2, step, low, high, scale)
    tiers = max(1, min(5, round((high - low) / 0.30)))
    tall = (high - low) / tiers
    for tier in range(tiers):
        y, z = low + tier * tall, -wall.distance - 0.2 - 0.2 * tier
        half = step * min(0.46, 0.25 + 0.07 * tier)
        color = (NOEROK, SAMCHEONG, LEAF_GREEN, SAMCHEONG, NOEROK)[tier]
        for y0, y1, paint in ((0.62, 0.86, scaled(NOEROK, 0.8)), (0.62, 0.68, WHITE)):
            wide = wall.half_x + 0.1 * tier
            fill(view, rectangles(-wide, wide, y + y0 * tall, y + y1 * tall, z + 0.1), paint, lit=False, lamp=0.7)
        _draw_arm(view, x, half, y, tall, z, color, scale)
        nose = 0.075 * step
        for y0, y1, paint in ((-0.1, 0.80, NOEROK), (0.1, 0.42, VERMILION), (0.5, 0.68, WHITE)):
            fill(view, rectangles(x - nose, x + nose, y + y0 * tall, y + y1 * tall, z - 0.2), paint, lit=False, lamp=0.85)


def _draw_panels(view: View, wall: Wall, x: Points, step: float, low: float, high: float, scale: float) -> None:
    """The wall between brackets (pobyeok): ocher panels with a painted flower."""
    z, y = -wall.distance - 0.01, low + 0.36 * (high - low)
    r = min(0.30 * step, 0.32 * (high - low))
    if r * scale < 1.5:
        return
    for size, color in ((1.0, OCHER), (0.8, mix(NOEROK, OCHER, 0.2)), (0.5, VERMILION), (0.24, WHITE)):
        fill(view, disks(x, y, z - 0.01, r * size), scaled(color, 0.9), lit=False, lamp=0.7)


def _draw_arm(view: View, x: Points, half: float, y: float, tall: float, z: float, color: Rgb, scale: float) -> None:
    """One tier of arms (cheomcha), boat-shaped, with bearing blocks at both ends and in the middle."""
    shape = np.array([[-0.55, 0.0], [0.55, 0.0], [0.9, 0.18], [1.0, 0.55], [-1.0, 0.55], [-0.9, 0.18]])
    for size, paint in ((1.0, WHITE), (0.84, color)):
        polygon = np.stack(
            [
                x[:, None] + half * size * shape[None, :, 0],
                y + tall * (0.275 + size * (shape[None, :, 1] - 0.275)) + 0 * x[:, None],
                np.full((len(x), len(shape)), z),
            ],
            axis=-1,
        )
        if size == 1.0 and 0.1 * tall * scale < 0.5:
            continue
        fill(view, polygon, paint, lit=False, lamp=0.85)
    block = 0.16 * half
    for side, paint in ((-0.84, OCHER), (0.84, OCHER), (0.0, VERMILION)):
        a = x + side * half
        fill(view, rectangles(a - block, a + block, y + 0.5 * tall, y + tall, z - 0.01), paint, lit=False, lamp=0.85)
