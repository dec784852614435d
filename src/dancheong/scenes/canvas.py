"""A pinhole camera with a shift lens over an array of pixels, and the polygons that are drawn with it.

Lengths are meters: x right, y up, z away from the camera. Verticals stay vertical, as architects photograph.
Placing an object is moving the camera: `View.placed` returns the same canvas seen from the object's own coordinates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dancheong.scenes.light import Light, Rgb, Vector, shade, shadow_ratio
from dancheong.scenes.noise import Noise

NEAR_M = 0.25
FRONT = np.array([0.0, 0.0, -1.0])
UP = np.array([0.0, 1.0, 0.0])
DOWN = np.array([0.0, -1.0, 0.0])
# fillPoly takes fixed-point coordinates: four bits below the pixel, and no more than 15 above.
SHIFT = 4
REACH_PX = 20000.0

Points = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Canvas (height, width, 3) uint8 RGB, camera, light and noise, all in the coordinates of the object being drawn."""

    pixels_hwc: NDArray[np.uint8]
    eye: Vector
    yaw: float
    focal_px: float
    center_px: tuple[float, float]
    light: Light
    sun: Vector
    noise: Noise

    def placed(self, origin: Sequence[float], angle: float = 0.0) -> "View":
        """The view from the coordinates of an object that stands at `origin`, turned by `angle` about the vertical."""
        eye = _turn(self.eye - np.asarray(origin, np.float64), -angle)
        return replace(self, eye=eye, sun=_turn(self.sun, -angle), yaw=self.yaw - angle)

    def sides(self) -> tuple["View", "View", "View"]:
        """The object seen from its left, its right and its front; its back never shows in these scenes."""
        return self.placed((0, 0, 0), math.pi / 2), self.placed((0, 0, 0), -math.pi / 2), self.placed((0, 0, 0))

    def faces(self, half_x: float, half_z: float) -> list["Face"]:
        """The upright faces of a block that the camera sees, the flanks first."""
        left, right, front = self.sides()
        faces = [Face(left, half_z, -half_x, False), Face(right, half_z, -half_x, False), Face(front, half_x, -half_z, True)]
        return [face for face in faces if face.view.eye[2] < face.z]

    def project(self, points: ArrayLike) -> tuple[Points, Points]:
        """World points (..., 3) -> pixels (..., 2) and depths (...) in meters."""
        camera = self._to_camera(np.asarray(points, np.float64))
        scale = self.focal_px / np.maximum(camera[..., 2], NEAR_M / 2)
        u, v = self.center_px[0] + scale * camera[..., 0], self.center_px[1] - scale * camera[..., 1]
        return np.stack([u, v], axis=-1), camera[..., 2]

    def pixels_per_meter(self, point: ArrayLike) -> float:
        """Size on the canvas of one meter at `point`."""
        return self.focal_px / max(NEAR_M, float(self.project(point)[1]))

    def fill(
        self, polygons: ArrayLike, albedo: Rgb, normal: Vector = FRONT, lamp: float = 0.0, lit: bool = True,
        overlap: bool = False,
    ) -> None:  # fmt: skip
        """Fill polygons (n, k, 3) or (k, 3) of one material; `overlap` where they may cover one another."""
        points, depth_m = self._visible(polygons)
        color = shade(self.light, albedo, normal, self.sun, depth_m, lit, lamp).tolist()
        # One call for overlapping polygons would leave holes where an even number of them meet.
        for group in [[polygon] for polygon in points] if overlap else [points]:
            if group:
                cv2.fillPoly(self.pixels_hwc, group, color, cv2.LINE_AA, SHIFT)

    def fill_in_shade(self, polygons: ArrayLike, albedo: Rgb, lamp: float, normal: Vector = FRONT) -> None:
        """Fill polygons that no sun reaches, such as those under eaves; `lamp` is the share of the lamps' light."""
        self.fill(polygons, albedo, normal, lamp, lit=False)

    def fill_varied(
        self, polygons: Points, albedo: Rgb, rng: np.random.Generator, spread: float, normal: Vector = FRONT
    ) -> None:
        """Fill polygons (n, k, 3), such as stones, each a little lighter or darker than the next."""
        group = rng.integers(0, 5, len(polygons))
        for index in range(5):
            gain = 1 + spread * (index - 2) / 2
            if (group == index).any():
                self.fill(polygons[group == index], albedo * (gain, gain, 1 + 0.8 * (gain - 1)), normal)

    def darken(self, polygons: ArrayLike, normal: Vector = UP, strength: float = 1.0) -> None:
        """Cast shadow: inside polygons (n, k, 3) a surface that faces `normal` loses the light of the sun."""
        points, _ = self._visible(polygons)
        if not points:
            return
        height, width = self.pixels_hwc.shape[:2]
        whole = np.concatenate(points) >> SHIFT
        left, top = np.clip(whole.min(axis=0), 0, [width - 1, height - 1])
        right, bottom = np.clip(whole.max(axis=0) + 2, 1, [width, height])
        mask = np.zeros((bottom - top, right - left), np.uint8)
        for polygon in points:
            cv2.fillPoly(mask, [polygon - (np.array([left, top], np.int32) << SHIFT)], 255, cv2.LINE_8, SHIFT)
        ratio = shadow_ratio(self.light, normal, self.sun) ** (strength / 2.2)
        table = np.rint(np.arange(256)[:, None, None] * ratio[None, None]).astype(np.uint8)
        region = self.pixels_hwc[top:bottom, left:right]
        cv2.copyTo(cv2.LUT(np.ascontiguousarray(region), table), mask, region)

    def _to_camera(self, points: Points) -> Points:
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        x, y, z = np.moveaxis(points - self.eye, -1, 0)
        return np.stack([c * x - s * z, y, s * x + c * z], axis=-1)

    def _visible(self, polygons: ArrayLike) -> tuple[list[NDArray[np.int32]], float]:
        """Polygons (n, k, 3) -> what is in front of the camera, in fixed point; and the depth of the first, for the haze."""
        shaped = np.asarray(polygons, np.float64)
        camera = self._to_camera(shaped[None] if shaped.ndim == 2 else shaped)
        nearest, farthest = camera[..., 2].min(axis=1), camera[..., 2].max(axis=1)
        points = list(self._fixed_point(camera[nearest > NEAR_M]))
        points += [self._fixed_point(_cut(polygon)) for polygon in camera[(nearest <= NEAR_M) & (farthest > NEAR_M)]]
        return points, max(4 * NEAR_M, float(nearest[0]))

    def _fixed_point(self, camera: Points) -> NDArray[np.int32]:
        pixels = camera[..., :2] * (self.focal_px / camera[..., 2:]) * [1.0, -1.0] + self.center_px
        fixed: NDArray[np.int32] = np.rint(pixels.clip(-REACH_PX, REACH_PX) * (1 << SHIFT)).astype(np.int32)
        return fixed


class Face(NamedTuple):
    """One upright face of a block in its own coordinates: x from -`half` to `half`, at depth `z`."""

    view: View
    half: float
    z: float
    is_front: bool


def _turn(vector: Vector, angle: float) -> Vector:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * vector[0] + s * vector[2], vector[1], -s * vector[0] + c * vector[2]])


def _cut(polygon: Points) -> Points:
    """A polygon (k, 3) in camera space without what lies behind the near plane (Sutherland and Hodgman 1974)."""
    kept = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if a[2] > NEAR_M:
            kept.append(a)
        if (a[2] > NEAR_M) != (b[2] > NEAR_M):
            kept.append(a + (b - a) * ((NEAR_M - a[2]) / (b[2] - a[2])))
    return np.array(kept).reshape(-1, 3)


def rectangles(x0: ArrayLike, x1: ArrayLike, y0: ArrayLike, y1: ArrayLike, z: ArrayLike = 0.0) -> Points:
    """Upright rectangles (n, 4, 3) from arrays or numbers that broadcast together."""
    a, b, c, d, e = np.broadcast_arrays(x0, x1, y0, y1, z)
    corners = [np.stack([x, y, e], axis=-1) for x, y in ((a, c), (b, c), (b, d), (a, d))]
    return np.stack(corners, axis=-2).reshape(-1, 4, 3)


def flats(x0: ArrayLike, x1: ArrayLike, z0: ArrayLike, z1: ArrayLike, y: ArrayLike = 0.0) -> Points:
    """Level rectangles (n, 4, 3) at height `y`."""
    return rectangles(x0, x1, z0, z1, y)[..., [0, 2, 1]]


def disks(x: ArrayLike, y: ArrayLike, z: ArrayLike, radius: ArrayLike, corners: int = 10) -> Points:
    """Upright disks facing the front, as polygons (n, corners, 3)."""
    a, b, c, r = (value[..., None] for value in np.broadcast_arrays(x, y, z, radius))
    angle = np.arange(corners) * (2 * np.pi / corners)
    return np.stack([a + r * np.cos(angle), b + r * np.sin(angle), c + 0 * angle], axis=-1).reshape(-1, corners, 3)


def strip(lower: Points, upper: Points) -> Points:
    """The polygons (..., 2k, 3) between pairs of lines (..., k, 3)."""
    return np.concatenate([lower, upper[..., ::-1, :]], axis=-2)
