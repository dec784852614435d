"""What a camera sees, pixel by pixel: depth, color and direction of the nearest surface, and the light on it.

Lengths are meters: x right, y up, z away from the camera. The camera looks level, as architects photograph, so a ray's
direction across depends on its column alone and its rise on its row alone: an upright plane costs hardly more than one
row of numbers and one column.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dancheong.scenes.table import TABLE, Field, Rgb, Row, coded, color, drawn, linear, part

Vector = NDArray[Any]
Range = tuple[float, float]
Spot = tuple[float, float, float, float]  # x, y, z in meters, and a turn in radians
Box = tuple[float, float, float, float]  # half widths x and z, lower and upper height, in meters
Shadow = tuple[Spot, Box | float]  # of a box, or of a crown of a height in meters
NEAR_M, FAR_M = 0.25, 1e5


class Canvas:
    """The surfaces seen through the pixels of a picture, or of some of its rows.

    `across` (1, w) and `rise` (h, 1) are the rays' slopes, `pixel` is the step from one to the next. Of each pixel:
    `depth` in meters, `index` of its color among `colors`, `normal` (3, h, w) of any length, and `varied` (3, h, w): how
    much lighter than the color, the share of the lamps' light, and gloss.
    """

    def __init__(self, across: Field, rise: Field, pixel: float, noise: Row) -> None:
        shape = rise.shape[0], across.shape[1]
        self.across, self.rise, self.pixel, self.noise = across, rise, pixel, noise
        self.depth, self.index = np.full(shape, FAR_M, np.float32), np.zeros(shape, np.uint16)
        self.normal, self.varied = np.zeros((2, 3, *shape), np.float32)
        self.colors: list[Rgb] = [np.zeros(3, np.float32)]


@dataclass(frozen=True)
class Frame:
    """A canvas, and the camera in the coordinates of an object that is turned by `angle` about the vertical."""

    canvas: Canvas
    eye: Vector
    yaw: float
    angle: float = 0.0

    def placed(self, x: float, y: float, z: float, angle: float = 0.0) -> "Frame":
        """The same canvas from the coordinates of an object that stands at a place, turned."""
        eye = np.array(turn(self.eye - np.array([x, y, z], np.float32), -angle), np.float32)
        return replace(self, eye=eye, yaw=self.yaw - angle, angle=self.angle + angle)

    def faces(self, half_x: float, half_z: float) -> Iterator[tuple["Frame", float, float, bool]]:
        """The upright faces of a block that the camera sees: their frames, half widths and depths, and if it is a flank."""
        for angle, half, away in ((math.pi / 2, half_z, half_x), (-math.pi / 2, half_z, half_x), (0.0, half_x, half_z)):
            frame = self.placed(0, 0, 0, angle)
            if frame.eye[2] < -away:
                yield frame, half, -away, angle != 0

    def pixel_m(self, x: float, y: float, z: float) -> float:
        """Size of a pixel in meters at a place."""
        return self.canvas.pixel * max(NEAR_M, float(self._project((x, y, z))[2]))

    def plane(self, x: Range, y: Range | float, z: Range | float) -> "Surface":
        """An upright rectangle where z is one number, a level one where y is."""
        low_high, near_far = y if isinstance(y, tuple) else (y, y), z if isinstance(z, tuple) else (z, z)
        window, (dx, rise, dz) = self._rays(x, low_high, near_far)
        depth = (y - self.eye[1]) / rise if not isinstance(y, tuple) else (near_far[0] - self.eye[2]) / dz
        facing = (0.0, 1.0, 0.0) if not isinstance(y, tuple) else (0.0, 0.0, -1.0 if self.eye[2] < near_far[0] else 1.0)
        surface = Surface(self, window, (dx, rise, dz), depth, facing)
        for place, (low, high) in ((surface.x, x), *([(surface.y, y)] if isinstance(y, tuple) else [(surface.z, near_far)])):
            surface.inside &= (place >= low) & (place <= high)
        return surface

    def curved(self, height: Callable[[Field, Field], Field], x: Range, y: Range, z: Range, below: bool = False) -> "Surface":
        """The surface y = height(x, z), convex over depth, seen from before and above it, or from `below`.

        Rays are followed back from the far end by the secant method.
        """
        window, (dx, rise, dz) = self._rays(x, y, z)
        sign = np.float32(-1 if below else 1)

        def above(depth: Field) -> Field:
            found: Field = self.eye[1] + depth * rise - height(self.eye[0] + depth * dx, self.eye[2] + depth * dz)
            return found * sign

        first, last = (np.float32(end - self.eye[2]) / dz for end in z)
        found = above(last)
        inside = (dz > 1e-3) & (first > NEAR_M) & (above(first) >= 0) & (found <= 0)
        before, depth = last + 0 * found, last + (first - last) * np.float32(0.03) + 0 * found
        for _ in range(4 if inside.any() else 0):
            now = above(depth)
            change = now - found
            step = np.where(np.abs(change) > 1e-7, now * (depth - before) / np.where(change == 0, 1, change), 0)
            before, depth, found = depth, np.clip(depth - step, first, last), now
        surface = Surface(self, window, (dx, rise, dz), depth, (0.0, float(sign), 0.0))
        surface.inside &= inside & (surface.x >= x[0]) & (surface.x <= x[1])
        if surface.is_seen:
            here, by = height(surface.x, surface.z), np.float32(0.05)
            slope_x, slope_z = height(surface.x + by, surface.z) - here, height(surface.x, surface.z + by) - here
            surface.normal = (-sign * slope_x / by, sign, -sign * slope_z / by)
        return surface

    def _project(self, points: ArrayLike) -> tuple[Field, Field, Field]:
        """Slopes across and up, and depths, of the rays to points (..., 3)."""
        x, y, z = np.moveaxis(np.asarray(points, np.float64) - self.eye, -1, 0)
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        depth = np.maximum(s * x + c * z, 1e-6)
        return (c * x - s * z) / depth, y / depth, depth

    def _rays(self, x: Range, y: Range, z: Range) -> tuple[tuple[slice, slice], tuple[Field, Field, Field]]:
        """The part of the canvas that may show a box, and its rays: across (1, w), up (h, 1), away (1, w)."""
        across, rise, depth = self._project(list(product(x, y, z)))
        rows, columns = slice(None), slice(None)
        if depth.min() > NEAR_M:
            first, last = np.searchsorted(-self.canvas.rise[:, 0], (-rise.max(), -rise.min()))
            rows = slice(max(0, int(first) - 1), int(last) + 1)
            first, last = np.searchsorted(self.canvas.across[0], (across.min(), across.max()))
            columns = slice(max(0, int(first) - 1), int(last) + 1)
        c, s, u = np.float32(math.cos(self.yaw)), np.float32(math.sin(self.yaw)), self.canvas.across[:, columns]
        rays = (c * u + s, self.canvas.rise[rows], c - s * u)
        return (rows, columns), tuple(np.where(np.abs(ray) < 1e-9, np.float32(1e-9), ray) for ray in rays)  # type: ignore[return-value]


class Surface:
    """What of one surface is before all else so far: it is painted part by part, and then put on the canvas.

    `x`, `y` and `z` are its places in the frame's coordinates; `inside` may be narrowed before it is painted.
    """

    def __init__(self, frame: Frame, window: Any, rays: tuple[Field, ...], depth: Field, normal: tuple[Any, ...]) -> None:
        self.frame, self.canvas, self.window, self.depth, self.normal = frame, frame.canvas, window, depth, normal
        self.x, self.y, self.z = (start + depth * ray for start, ray in zip(frame.eye, rays, strict=True))
        self.inside = (depth > NEAR_M) & (depth < self.canvas.depth[window])
        self._index = np.zeros(self.inside.shape, np.uint16)

    @property
    def is_seen(self) -> bool:
        """Whether any of it is."""
        return bool(self.inside.any())

    def paint(self, paint: Rgb, where: ArrayLike = True) -> None:
        """Give a color, sRGB-coded, to a part; what is painted nowhere is transparent."""
        self.canvas.colors.append(paint)
        np.copyto(self._index, len(self.canvas.colors) - 1, where=where)

    def put(self, gain: ArrayLike = 1.0, normal: tuple[Any, ...] = (), lamp: float = 0.0, gloss: float = 0.0) -> None:
        """Put what was painted on the canvas, lighter by `gain`, facing along `normal` in its frame."""
        shown, canvas, window = self.inside & (self._index > 0), self.canvas, self.window
        if not shown.any():
            return
        canvas.index[window][shown] = self._index[shown]
        canvas.depth[window][shown] = np.broadcast_to(self.depth, shown.shape)[shown]
        facing = turn(normal or self.normal, self.frame.angle)
        for plane, value in zip((*canvas.normal, *canvas.varied), (*facing, gain, lamp, gloss), strict=True):
            plane[window][shown] = np.broadcast_to(value, shown.shape)[shown]


def draw_panel(
    frame: Frame, x: Range, z: float, pattern: str, cell_m: float, foot: float | Callable[[Field], Field], tall_m: float,
    own: Mapping[str, Rgb], begin_m: float = 0.0, lamp: float = 0.0, gain: float = 1.0, reach: Range | None = None,
) -> None:  # fmt: skip
    """An upright panel of a pattern of the table from x to x at depth z, in a building's own colors.

    Its cells are `cell_m` wide, one of them from `begin_m`; its foot may be a function of x, between the heights `reach`.
    """
    surface = frame.plane(x, reach or (float(foot), float(foot) + tall_m), z)  # type: ignore[arg-type]
    if surface.is_seen:
        up = (surface.y - (foot(surface.x) if callable(foot) else foot)) / tall_m
        for group in TABLE["patterns"][pattern]:
            _paint(surface, group, (surface.x - begin_m) / cell_m, up, tall_m / cell_m, own)
        surface.put(gain, lamp=lamp)


def _paint(surface: Surface, group: Mapping[str, Any], along: Field, up: Field, aspect: float, own: Mapping[str, Rgb]) -> None:
    """Paint the rows of a group of a pattern (see the table); `along` counts cells, `up` goes from 0 to 1."""
    across, (u0, u1), (v0, v1) = np.abs(part(along) - 0.5) * 2, group.get("u", (0, 1)), group.get("v", (0, 1))
    where = (across >= u0) & (across <= u1) & (up >= v0) & (up <= v1)
    columns, rows = group.get("x", 1), group.get("y", 1)
    u, v = np.abs(part(along * columns) - 0.5) * 2, (up - v0) / (v1 - v0) * rows
    v = v if rows == 1 else part(v)
    tall = 2 * aspect * columns * (v1 - v0) / rows  # of a cell, in halves of its width
    for name, *row in group["rows"]:
        if len(row) == 3:
            inside = np.square(u - row[0]) + np.square((v - row[1]) * tall) < row[2] ** 2
        else:
            left, right, low, high, narrow = (*row, 0)[:5]
            share = (v - low) / (high - low)
            slant = narrow * np.abs(2 * share - 1) if narrow > 0 else -narrow * (1 - share)
            inside = (u >= left) & (u <= right - (slant if narrow else 0)) & (v >= low) & (v <= high)
        surface.paint(color(name, own), where & inside)


def turn(vector: Any, angle: float) -> list[Any]:
    """A vector (x, y, z), of numbers or arrays, turned about the vertical."""
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    x, y, z = vector
    return [c * x + s * z, y, c * z - s * x]


def draw_light(rng: np.random.Generator, name: str) -> Row:
    """The light of the named hour, varied a little: its row of the table, one `sky`, and a unit vector `toward_sun`."""
    if name not in TABLE["hours"]:
        raise ValueError(f"unknown light {name!r}: use {', '.join(TABLE['hours'])}")
    row, elevation = TABLE["hours"][name], math.radians(drawn(rng, TABLE["hours"][name]["elevation"]))
    azimuth, across = math.radians(float(rng.choice([-1, 1]) * rng.uniform(18, 62))), math.cos(elevation)
    toward = (across * math.sin(azimuth), math.sin(elevation), -across * math.cos(azimuth))
    sky, numbers = row["skies"][int(rng.integers(len(row["skies"])))], {key: row[key] for key in row if key != "skies"}
    return Row(**{key: np.array(value, np.float32) for key, value in {**numbers, "sky": sky, "toward_sun": toward}.items()})


def shade(world: Frame, light: Row, shadows: Sequence[Shadow]) -> Field:
    """What is on the canvas (h, w, 3), coded 0 to 255, 0 where nothing is: matte surfaces under sun, sky and lamps, in haze."""
    canvas, sun = world.canvas, light.toward_sun
    ray, (gain, lamp, gloss) = turn((canvas.across, canvas.rise, np.float32(1)), world.yaw), canvas.varied
    normal = canvas.normal / np.sqrt(np.maximum(np.square(canvas.normal).sum(axis=0), np.float32(1e-9)))
    facing = np.maximum(sum(n * s for n, s in zip(normal, sun, strict=True)), 0)
    if light.sun.max() > 0.2:
        lit = np.nonzero(facing)
        depth = canvas.depth[lit]
        points = [eye + np.broadcast_to(part, facing.shape)[lit] * depth for eye, part in zip(world.eye, ray, strict=True)]
        facing[lit] *= ~_in_shadow(points, sun, shadows)
    # Glazed tiles and lacquer mirror the sun a little.
    away = np.sqrt(sum(np.square(part) for part in ray))
    half = [s - part / away for s, part in zip(sun, ray, strict=True)]
    glint = np.maximum(sum(n * h for n, h in zip(normal, half, strict=True)) / np.sqrt(sum(np.square(h) for h in half)), 0)
    glint = np.square(np.square(np.square(np.square(glint)))) * gloss * (facing > 0)
    upward, haze = 0.5 + 0.5 * normal[1], 1 - np.exp(canvas.depth * np.float32(-1 / light.haze_m))
    albedo, picture = linear(np.array(canvas.colors)), np.zeros((*facing.shape, 3), np.float32)
    for channel, (sky, below, warm, lamps) in enumerate(zip(light.ambient, light.bounce, light.sun, light.lamp, strict=True)):
        received = (below + (sky - below) * upward + warm * facing + lamps * lamp) * gain
        seen = albedo[canvas.index, channel] * received + np.float32(0.35) * warm * glint
        picture[..., channel] = coded(seen + (linear(light.haze)[channel] - seen) * haze)
    return picture * (canvas.depth < FAR_M)[..., None]


def _in_shadow(points: Sequence[Field], sun: Vector, shadows: Sequence[Shadow]) -> Field:
    """Which of the points, three arrays (n,), something stands before, seen from the sun."""
    hidden = np.zeros(len(points[0]), bool)
    for (x, y, z, angle), shape in shadows:
        local = turn([part - np.float32(at) for part, at in zip(points, (x, y, z), strict=True)], -angle)
        toward = turn(sun, -angle)
        if isinstance(shape, tuple):
            enter, leave = np.float32(0.02), np.float32(1e6)
            half_x, half_z, low, high = shape
            for start, step, ends in zip(local, toward, ((-half_x, half_x), (low, high), (-half_z, half_z)), strict=True):
                near, far = ((np.float32(end) - start) / step for end in (ends if step > 0 else ends[::-1]))
                enter, leave = np.maximum(enter, near), np.minimum(leave, far)
            hidden |= leave > enter
        else:
            local[1] = local[1] - np.float32(0.6 * shape)
            along = -sum(a * b for a, b in zip(local, toward, strict=True))
            away = sum(np.square(a + along * b) for a, b in zip(local, toward, strict=True))
            wobble = 1 + 0.25 * np.sin(7 * points[0] / shape) * np.sin(9 * points[2] / shape + 1)
            hidden |= (along > 0.3 * shape) & (away < (0.36 * shape) ** 2 * wobble)
    return hidden
