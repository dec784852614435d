"""A pinhole camera with a shift lens over an array of pixels, and the few ways of drawing on it.

Lengths are meters: x right, y up, z away from the camera. Verticals stay vertical, as architects photograph.
Placing an object is moving the camera: `placed` returns the same canvas seen from the object's own coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dancheong.scenes.light import Light, Rgb, Vector, shade, shadow_ratio

NEAR_M = 0.25
FRONT = np.array([0.0, 0.0, -1.0])
UP = np.array([0.0, 1.0, 0.0])
DOWN = np.array([0.0, -1.0, 0.0])
# fillPoly takes fixed-point coordinates: four bits below the pixel, and no more than 15 above.
SHIFT = 4
REACH_PX = 20000.0
_FLIP = np.array([1.0, -1.0])

Points = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Canvas (height, width, 3) uint8 RGB, camera and light, all in the coordinates of the object being drawn."""

    pixels_hwc: NDArray[np.uint8]
    eye: Vector
    yaw: float
    focal_px: float
    center_px: tuple[float, float]
    light: Light
    sun: Vector


def _turn(vector: Vector, angle: float) -> Vector:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * vector[0] + s * vector[2], vector[1], -s * vector[0] + c * vector[2]])


def placed(view: View, origin: Sequence[float], angle: float = 0.0) -> View:
    """The view from the coordinates of an object that stands at `origin`, turned by `angle` about the vertical."""
    return replace(
        view,
        eye=_turn(view.eye - np.asarray(origin, np.float64), -angle),
        sun=_turn(view.sun, -angle),
        yaw=view.yaw - angle,
    )


def sides(view: View) -> list[View]:
    """The object seen from its front and its two flanks; its back never shows in these scenes."""
    return [placed(view, (0, 0, 0), angle) for angle in (math.pi / 2, -math.pi / 2, 0.0)]


def project(view: View, points: ArrayLike) -> tuple[Points, Points]:
    """World points (..., 3) -> pixels (..., 2) and depths (...) in meters."""
    camera = _camera_space(view, np.asarray(points, np.float64))
    scale = view.focal_px / np.maximum(camera[..., 2], NEAR_M / 2)
    u, v = view.center_px[0] + scale * camera[..., 0], view.center_px[1] - scale * camera[..., 1]
    return np.stack([u, v], axis=-1), camera[..., 2]


def pixels_per_meter(view: View, point: ArrayLike) -> float:
    """Size on the canvas of one meter at `point`."""
    return view.focal_px / max(NEAR_M, float(project(view, point)[1]))


def _camera_space(view: View, points: Points) -> Points:
    c, s = math.cos(view.yaw), math.sin(view.yaw)
    x, z = points[..., 0] - view.eye[0], points[..., 2] - view.eye[2]
    camera = np.empty_like(points)
    camera[..., 0] = c * x - s * z
    camera[..., 1] = points[..., 1] - view.eye[1]
    camera[..., 2] = s * x + c * z
    return camera


def _cut(polygon: Points) -> Points:
    """A polygon (k, 3) in camera space without what lies behind the near plane (Sutherland and Hodgman 1974)."""
    kept = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if a[2] > NEAR_M:
            kept.append(a)
        if (a[2] > NEAR_M) != (b[2] > NEAR_M):
            kept.append(a + (b - a) * ((NEAR_M - a[2]) / (b[2] - a[2])))
    return np.array(kept).reshape(-1, 3)


def _visible(view: View, polygons: ArrayLike) -> tuple[list[NDArray[np.int32]], float]:
    """Polygons (n, k, 3) -> what is in front of the camera, in fixed point; and a depth for the haze."""
    shaped = np.asarray(polygons, np.float64)
    camera = _camera_space(view, shaped[None] if shaped.ndim == 2 else shaped)
    depth = camera[..., 2]
    nearest = depth.min(axis=1)
    keep = nearest > NEAR_M
    hidden = not keep.all()
    ahead = camera[keep] if hidden else camera
    flat = ahead[..., :2] * (view.focal_px / ahead[..., 2:]) * _FLIP + view.center_px
    points = list(np.rint(flat.clip(-REACH_PX, REACH_PX) * (1 << SHIFT)).astype(np.int32))
    if hidden:
        for polygon in camera[~keep & (depth.max(axis=1) > NEAR_M)]:
            cut = _cut(polygon)
            across = cut[:, :2] * (view.focal_px / cut[:, 2:]) * _FLIP + view.center_px
            points.append(np.rint(np.clip(across, -REACH_PX, REACH_PX) * (1 << SHIFT)).astype(np.int32))
    return points, max(4 * NEAR_M, float(nearest[0]))


def fill(
    view: View,
    polygons: ArrayLike,
    albedo: Rgb,
    normal: Vector = FRONT,
    lit: bool = True,
    lamp: float = 0.0,
    overlap: bool = False,
) -> None:
    """Fill polygons (n, k, 3) or (k, 3) of one material; `overlap` where they may cover one another."""
    points, depth_m = _visible(view, polygons)
    if len(points) == 0:
        return
    color = shade(view.light, albedo, normal, view.sun, depth_m, lit, lamp)
    if overlap:  # one call would leave holes where an even number of polygons meet
        for polygon in points:
            cv2.fillPoly(view.pixels_hwc, [polygon], color, cv2.LINE_AA, SHIFT)
    else:
        cv2.fillPoly(view.pixels_hwc, points, color, cv2.LINE_AA, SHIFT)


def varied(
    view: View,
    polygons: ArrayLike,
    albedo: Rgb,
    rng: np.random.Generator,
    spread: float = 0.12,
    normal: Vector = FRONT,
    lit: bool = True,
) -> None:
    """Fill polygons (n, k, 3), such as stones, each a little lighter or darker than the next."""
    shaped = np.asarray(polygons, np.float64)
    group = rng.integers(0, 5, len(shaped))
    for index in range(5):
        gain = 1 + spread * (index - 2) / 2
        color = (albedo[0] * gain, albedo[1] * gain, albedo[2] * (1 + 0.8 * (gain - 1)))
        fill(view, shaped[group == index], color, normal, lit) if (group == index).any() else None


def darken(view: View, polygons: ArrayLike, normal: Vector = UP, strength: float = 1.0) -> None:
    """Cast shadow: inside polygons (n, k, 3) a surface that faces `normal` loses the light of the sun."""
    points, _ = _visible(view, polygons)
    if len(points) == 0:
        return
    height, width = view.pixels_hwc.shape[:2]
    whole = np.concatenate(points) >> SHIFT
    left, top = np.clip(whole.min(axis=0), 0, [width - 1, height - 1])
    right, bottom = np.clip(whole.max(axis=0) + 2, 1, [width, height])
    mask = np.zeros((bottom - top, right - left), np.uint8)
    offset = np.array([left, top], np.int32) << SHIFT
    for polygon in points:
        cv2.fillPoly(mask, [polygon - offset], 255, cv2.LINE_8, SHIFT)
    ratio = np.array(shadow_ratio(view.light, normal, view.sun)) ** (strength / 2.2)
    table = np.rint(np.arange(256)[:, None, None] * ratio[None, None]).astype(np.uint8)
    region = view.pixels_hwc[top:bottom, left:right]
    cv2.copyTo(cv2.LUT(np.ascontiguousarray(region), table), mask, region)


def rectangles(x0: ArrayLike, x1: ArrayLike, y0: ArrayLike, y1: ArrayLike, z: ArrayLike = 0.0) -> Points:
    """Upright rectangles (n, 4, 3) from arrays or numbers that broadcast together."""
    a, b, c, d, e = (np.asarray(value, np.float64) for value in (x0, x1, y0, y1, z))
    shape = np.broadcast_shapes(a.shape, b.shape, c.shape, d.shape, e.shape)
    corners = np.empty((*shape, 4, 3))
    for corner, (x, y) in enumerate(((a, c), (b, c), (b, d), (a, d))):
        corners[..., corner, 0], corners[..., corner, 1] = x, y
    corners[..., 2] = e[..., None]
    return corners.reshape(-1, 4, 3)


def flats(x0: ArrayLike, x1: ArrayLike, z0: ArrayLike, z1: ArrayLike, y: ArrayLike = 0.0) -> Points:
    """Level rectangles (n, 4, 3) at height `y`."""
    return rectangles(x0, x1, z0, z1, y)[..., [0, 2, 1]]


def disks(x: ArrayLike, y: ArrayLike, z: ArrayLike, radius: ArrayLike, corners: int = 10) -> Points:
    """Upright disks facing the front, as polygons (n, corners, 3)."""
    a, b, c, r = (np.asarray(value, np.float64)[..., None] for value in (x, y, z, radius))
    angle = np.arange(corners) * (2 * np.pi / corners)
    ring = np.empty((*np.broadcast_shapes(a.shape, b.shape, c.shape, r.shape)[:-1], corners, 3))
    ring[..., 0], ring[..., 1], ring[..., 2] = a + r * np.cos(angle), b + r * np.sin(angle), c
    return ring.reshape(-1, corners, 3)


def strip(lower: ArrayLike, upper: ArrayLike) -> Points:
    """The polygon (2k, 3) between two lines of k points each."""
    return np.concatenate([np.asarray(lower, np.float64), np.asarray(upper, np.float64)[::-1]])
