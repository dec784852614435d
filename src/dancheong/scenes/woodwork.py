"""Walls under the eaves: red pillars, lattice doors, painted beams and brackets, after the order of a palace hall.

Details that would be smaller than a pixel of the canvas are left out or drawn wider: `scale` is the pixels per meter.
"""

from dataclasses import dataclass

import numpy as np

from dancheong.scenes.canvas import FRONT, Face, Points, View, disks, rectangles, strip
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
    Finish,
    Rgb,
    mix,
)


@dataclass(frozen=True)
class Wall:
    """One face of a hall in meters: `bays` between pillars from `foot_y` to `beam_y`, brackets up to `top_y`.

    `filling` is "lattice", "plank", "plaster", "open" (a dark passage) or "none" (nothing); `door` fills the middle bay.
    """

    face: Face
    bays: int
    foot_y: float
    beam_y: float
    top_y: float
    filling: str
    door: str
    finish: Finish


def draw_wall(wall: Wall, overhang_m: float) -> None:
    """The wall from back to front, then the shadow of the eaves, then what the eaves always shade."""
    view, half, z, _ = wall.face
    scale = view.pixels_per_meter((0, wall.beam_y, z))
    posts = np.linspace(-half, half, wall.bays + 1)
    left, right = posts[:-1], posts[1:]
    middle = np.arange(wall.bays) == wall.bays // 2
    for kind, chosen in ((wall.filling, ~middle), (wall.door, middle)):
        if chosen.any() and kind != "none":
            _fill_bays(wall, kind, left[chosen], right[chosen], scale)
    # Pillars are round: three strips from shade to light, on a foot of granite.
    sunny = 1.0 if view.sun[0] > 0 else -1.0
    for a, b, gain in ((-1.0, 1.0, 0.78), (-0.45, 0.75, 1.0), (-0.05, 0.45, 1.22)):
        sides = posts + 0.21 * a * sunny, posts + 0.21 * b * sunny
        view.fill(rectangles(*sides, wall.foot_y, wall.beam_y, z - 0.12), wall.finish.pillar * gain, lamp=0.55)
    view.fill(rectangles(posts - 0.34, posts + 0.34, wall.foot_y - 0.02, wall.foot_y + 0.22, z - 0.12 - 0.05), GRANITE)
    _draw_eave_shadow(wall, overhang_m)
    _draw_beam(wall, left, right, scale)
    _draw_brackets(wall, scale)


def _fill_bays(wall: Wall, kind: str, left: Points, right: Points, scale: float) -> None:
    """What stands between the pillars at `left` and `right`."""
    view, z, low, high = wall.face.view, wall.face.z, wall.foot_y, wall.beam_y
    red, width = wall.finish.pillar, right - left

    def level(share: float) -> float:
        return low + share * (high - low)

    if kind == "open":
        view.fill_in_shade(rectangles(left, right, low, high, z + 0.4), INK * 1.3, 0.35)
        view.fill_in_shade(rectangles(left, right, level(0.62), high, z + 0.3), SEOKGANJU * 0.55, 0.5)
    elif kind == "plank":
        view.fill(rectangles(left, right, low, high, z), red * 0.86)
        count = max(4, int(4 * round(float(width[0]) / 2.0)))
        seam = left[:, None] + width[:, None] * np.arange(1, count) / count
        thin = max(0.018, 0.6 / scale)
        view.fill(rectangles(seam - thin, seam + thin, low, high, z - 0.01), red * 0.55)
        for y in (level(0.22), level(0.78)):
            view.fill(rectangles(left, right, y - 0.07, y + 0.07, z - 0.02), red * 0.72)
        if scale > 14:
            view.fill(disks(seam[:, 1::2].ravel(), level(0.5), z - 0.03, 0.09), OCHER)
    elif kind == "plaster":
        sill, pad = level(0.30), 0.24 * width
        view.fill(rectangles(left, right, low, high, z), PLASTER, lamp=0.3)
        view.fill(rectangles(left, right, low, sill, z - 0.02), mix(BRICK, GRANITE, 0.35))
        view.fill(rectangles(left, right, sill, sill + 0.14, z - 0.03), red)
        _draw_lattice(wall, left + pad, right - pad, sill + 0.3, level(0.82), scale)
    else:
        sill, head = level(0.16), level(0.80)
        view.fill(rectangles(left, right, low, high, z), red * 0.9)
        panel = rectangles(left + 0.25, right - 0.25, low + 0.08, sill - 0.08, z - 0.01)
        view.fill(panel, wall.finish.frame * 0.8)
        leaves = 2 if float(width[0]) < 2.6 else 4
        a = (left[:, None] + width[:, None] / leaves * np.arange(leaves)).ravel()
        _draw_lattice(wall, a + 0.07, a + np.repeat(width / leaves, leaves) - 0.07, sill, head, scale)
        _draw_lattice(wall, left + 0.1, right - 0.1, head + 0.12, high - 0.08, scale)


def _draw_lattice(wall: Wall, left: Points, right: Points, low: float, high: float, scale: float) -> None:
    """Leaves with paper behind muntins; the lower fifth of a tall leaf is a board."""
    view, z, pad = wall.face.view, wall.face.z - 0.02, 0.07
    view.fill(rectangles(left, right, low, high, z), wall.finish.frame, lamp=0.3)
    board = low + (0.24 * (high - low) if high - low > 1.4 else 0.0)
    if board > low:
        panel = rectangles(left + pad, right - pad, low + pad, board - pad, z - 0.005)
        view.fill(panel, mix(wall.finish.pillar, OCHER, 0.12))
    # Paper glows from within where there are lamps.
    view.fill(rectangles(left + pad, right - pad, board + pad, high - pad, z - 0.005), PAPER * 0.9, lamp=0.95)
    thin, step = max(0.020, 0.5 / scale), max(0.20, 3.2 / scale)
    columns = max(2, int(float(right[0] - left[0]) / step))
    rows = max(1, int((high - board) / (step * 1.15)))
    x = (left[:, None] + (right - left)[:, None] * np.arange(1, columns) / columns).ravel()
    y = board + (high - board) * np.arange(1, rows) / rows
    muntins = rectangles(x - thin, x + thin, board + pad, high - pad, z - 0.01)
    view.fill(muntins, wall.finish.frame * 0.8, lamp=0.3)
    if rows > 1:
        bars = rectangles(left[:, None] + pad, right[:, None] - pad, y - thin, y + thin, z - 0.012)
        view.fill(bars, wall.finish.frame * 0.8, lamp=0.3)


def _draw_eave_shadow(wall: Wall, overhang_m: float) -> None:
    """The shadow of the eaves on the wall, deeper in the middle than at the raised corners."""
    view, half, z, _ = wall.face
    sun = view.sun
    if sun[2] > -0.05:
        return
    drop, shift = overhang_m * float(sun[1]) / float(-sun[2]), overhang_m * float(sun[0]) / float(-sun[2])
    low = max(wall.foot_y, wall.top_y - 0.55 - drop)
    x = np.linspace(-1, 1, 13)
    lift = 0.35 * np.abs(x - 0.1 * np.sign(shift)) ** 3
    lower = np.stack([x * half * 1.02, low + lift * (wall.beam_y - low) * 0.5, 0 * x + z - 0.1], -1)
    view.darken(strip(lower, lower * [1, 0, 1] + [0, wall.top_y, 0]), FRONT)


def _draw_beam(wall: Wall, left: Points, right: Points, scale: float) -> None:
    """The lintel: plain timber, or green with a painted head at both ends (meoricho) and a flower in the middle."""
    view, z = wall.face.view, wall.face.z - 0.16
    low, high = wall.beam_y - 0.04, wall.beam_y + 0.46
    if not wall.finish.painted:
        view.fill_in_shade(rectangles(left, right, low, high, z), WOOD * 0.9, 0.7)
        view.fill_in_shade(rectangles(left, right, high - 0.06, high, z - 0.02), WOOD * 0.6, 0.7)
        return
    # The ends of the beams meet those of the flank at the corner.
    wide = wall.face.half + 0.16
    view.fill_in_shade(rectangles(-wide, wide, low, high, z), NOEROK, 0.75)
    middle, span = (left + right) / 2, (right - left) / 2
    bands = (
        (1.00, 0.95, INK), (0.95, 0.91, WHITE), (0.91, 0.83, VERMILION), (0.83, 0.79, WHITE), (0.79, 0.70, SAMCHEONG),
        (0.70, 0.66, WHITE), (0.66, 0.58, LEAF_GREEN), (0.58, 0.54, OCHER), (0.54, 0.47, VERMILION), (0.47, 0.44, WHITE),
    )  # fmt: skip
    for outer, inner, color in bands:
        if span[0] * (outer - inner) * scale < 0.7:
            continue
        for side in (-1, 1):
            a, b = middle + side * span * outer, middle + side * span * inner
            shape = rectangles(a, b, low + 0.05, high - 0.05, z - 0.01)
            if outer < 0.8:  # the inner bands end in points, as the painted nets do
                tip = np.stack([b - side * 0.16 * span, np.full_like(b, (low + high) / 2), np.full_like(b, z - 0.01)], -1)
                shape = np.concatenate([shape[:, :2], tip[:, None], shape[:, 2:]], axis=1)
            view.fill_in_shade(shape, color, 0.8)
    for radius, color in ((0.19, WHITE), (0.15, SKY_BLUE), (0.09, VERMILION)):
        if radius * scale > 1:
            view.fill_in_shade(disks(middle, (low + high) / 2, z - 0.02, radius), color, 0.8)
    for y0, y1, color in ((low, low + 0.05, INK), (high - 0.05, high + 0.05, WHITE), (high + 0.03, high + 0.22, SEOKGANJU)):
        view.fill_in_shade(rectangles(-wide - 0.03, wide + 0.03, y0, y1, z - 0.03), color, 0.8)


def _draw_brackets(wall: Wall, scale: float) -> None:
    """Rows of brackets (gongpo): tiers of arms that widen upwards, green and blue with white edges, red between."""
    view, half, z, _ = wall.face
    low, high = wall.beam_y + 0.62, wall.top_y
    back = mix(SEOKGANJU, INK, 0.25) if wall.finish.painted else PLASTER
    view.fill_in_shade(rectangles(-half, half, low - 0.2, high, z), back * 0.85, 0.6)
    if high - low < 0.25 or not wall.finish.painted:
        return
    bay = 2 * half / wall.bays
    step = bay / max(1, round(bay / max(1.15, 9 / scale)))
    x = np.arange(-half, half + 0.01, step)
    # The wall between brackets (pobyeok): ocher panels with a painted flower.
    radius = min(0.30 * step, 0.32 * (high - low))
    if radius * scale >= 1.5:
        for size, color in ((1.0, OCHER), (0.8, mix(NOEROK, OCHER, 0.2)), (0.5, VERMILION), (0.24, WHITE)):
            flower = disks(x[:-1] + step / 2, low + 0.36 * (high - low), z - 0.02, radius * size)
            view.fill_in_shade(flower, color * 0.9, 0.7)
    tiers = max(1, min(5, round((high - low) / 0.30)))
    tall = (high - low) / tiers
    for tier in range(tiers):
        y, front, wide = low + tier * tall, z - 0.2 - 0.2 * tier, half + 0.1 * tier
        for y0, y1, paint in ((0.62, 0.86, NOEROK * 0.8), (0.62, 0.68, WHITE)):
            view.fill_in_shade(rectangles(-wide, wide, y + y0 * tall, y + y1 * tall, front + 0.1), paint, 0.7)
        color = (NOEROK, SAMCHEONG, LEAF_GREEN, SAMCHEONG, NOEROK)[tier]
        _draw_arms(view, x, step * min(0.46, 0.25 + 0.07 * tier), y, tall, front, color, scale)
        nose = 0.075 * step
        for y0, y1, paint in ((-0.1, 0.80, NOEROK), (0.1, 0.42, VERMILION), (0.5, 0.68, WHITE)):
            view.fill_in_shade(rectangles(x - nose, x + nose, y + y0 * tall, y + y1 * tall, front - 0.2), paint, 0.85)


def _draw_arms(view: View, x: Points, half: float, y: float, tall: float, z: float, color: Rgb, scale: float) -> None:
    """One tier of arms (cheomcha), boat-shaped, with bearing blocks at both ends and in the middle."""
    boat = np.array([[-0.55, 0.0], [0.55, 0.0], [0.9, 0.18], [1.0, 0.55], [-1.0, 0.55], [-0.9, 0.18]])
    for size, paint in ((1.0, WHITE), (0.84, color)):
        if size == 1.0 and 0.1 * tall * scale < 0.5:
            continue
        across = x[:, None] + half * size * boat[:, 0]
        up = y + tall * (0.275 + size * (boat[:, 1] - 0.275))
        view.fill_in_shade(np.stack(np.broadcast_arrays(across, up, z), axis=-1), paint, 0.85)
    block = 0.16 * half
    for side, paint in ((-0.84, OCHER), (0.84, OCHER), (0.0, VERMILION)):
        a = x + side * half
        view.fill_in_shade(rectangles(a - block, a + block, y + 0.5 * tall, y + tall, z - 0.01), paint, 0.85)
