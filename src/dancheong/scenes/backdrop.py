"""What lies behind and below the buildings: sky, clouds, mountains, ground."""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dancheong.scenes.canvas import UP, View
from dancheong.scenes.light import Rgb, shade
from dancheong.scenes.noise import FieldHW, sample

ColorHWC = NDArray[Any]  # float32, coded 0 to 255


@dataclass(frozen=True)
class Land:
    """The open country of one scene: how cloudy, which mountains, what the ground is made of."""

    cloud_cover: float
    cloud_offset: float
    mountain_height: float
    mountain_offset: float
    forest: Rgb
    ground: Rgb
    lawn: Rgb | None
    lawn_from_m: float
    woods_from_m: float


def paint_backdrop(view: View, land: Land) -> None:
    """Sky, mountains and ground over the whole canvas, at a fraction of its resolution, since little of it is sharp."""
    height, width = view.pixels_hwc.shape[:2]
    half, quarter = _reduced(view, 2), _reduced(view, 4)
    half_h, half_w = half.pixels_hwc.shape[:2]
    rows = _sky_rows(half)
    soft = _paint_sky(quarter, land)
    whole = cv2.resize(soft, (half_w, 2 * soft.shape[0]), interpolation=cv2.INTER_LINEAR)[:rows]
    if land.mountain_height > 0:
        _paint_mountains(half, whole, land)
    if rows < half_h:
        whole = np.concatenate([whole, _paint_ground(half, land, half_h - rows)])
    codes = np.clip(np.rint(whole), 0, 255).astype(np.uint8)
    view.pixels_hwc[:] = cv2.resize(codes, (width, height), interpolation=cv2.INTER_LINEAR)


def _reduced(view: View, factor: int) -> View:
    height, width = (max(1, -(-side // factor)) for side in view.pixels_hwc.shape[:2])
    center = (view.center_px[0] / factor, view.center_px[1] / factor)
    return replace(
        view, pixels_hwc=np.zeros((height, width, 3), np.uint8), focal_px=view.focal_px / factor, center_px=center
    )


def _sky_rows(view: View) -> int:
    """Rows from the top of the canvas to the horizon, at least one."""
    return int(min(max(1, math.ceil(view.center_px[1]) + 1), view.pixels_hwc.shape[0]))


def _rays(view: View) -> tuple[FieldHW, FieldHW]:
    """Directions through the pixels: right (1, w) and up (h, 1), for one unit of depth."""
    height, width = view.pixels_hwc.shape[:2]
    u = (np.arange(width, dtype=np.float32)[None] - view.center_px[0]) / view.focal_px
    v = (view.center_px[1] - np.arange(height, dtype=np.float32)[:, None]) / view.focal_px
    return u.astype(np.float32), v.astype(np.float32)


def _blend(base: ColorHWC, color: ArrayLike, share_hw: FieldHW) -> ColorHWC:
    blended: ColorHWC = base + share_hw[..., None] * (np.asarray(color, np.float32) - base)
    return blended


def _smoothstep(low: float, high: float, value: FieldHW) -> FieldHW:
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _paint_sky(view: View, land: Land) -> ColorHWC:
    """Sky (rows, w, 3) float32, coded 0 to 255: a gradient by the height of the ray, glow around the sun, clouds."""
    light, noise = view.light, view.noise
    u, v = _rays(view)
    u, v = np.broadcast_arrays(u, v[: _sky_rows(view)])
    rise = np.clip(v, 0, None) / np.sqrt(1 + np.square(v))
    stops = np.array([0.0, 0.28, 0.85], np.float32)
    gradient = [np.interp(rise[:, 0], stops, light.sky[:3, i]) for i in range(3)]
    sky = np.stack(gradient, axis=-1).astype(np.float32)[:, None] + np.zeros((1, u.shape[1], 1), np.float32)
    if light.name in ("dusk", "golden"):
        glow = np.exp(-(np.square(u - 1.4 * np.float32(light.toward_sun[0])) + 3 * np.square(v)) / 0.5)
        sky = _blend(sky, (255, 206, 138), 0.55 * glow * (1 - np.clip(rise * 2.2, 0, 1)))
    # Clouds lie on a plane overhead, so they shrink towards the horizon as real ones do.
    plane = 1 / (np.clip(v, 0, None) + 0.16)
    x, y = u * plane * 0.10 + land.cloud_offset, plane * 0.16 + land.cloud_offset
    density = sample(noise.coarse, x, y) + 0.22 * sample(noise.fine, x * 1.5, y * 1.5)
    toward_sun = np.float32(math.copysign(0.012, light.azimuth))
    relief = density - sample(noise.coarse, x + toward_sun, y - np.float32(0.02))
    share = _smoothstep(1.1 - 2.2 * land.cloud_cover, 1.75 - 2.2 * land.cloud_cover, density)
    shaded = np.zeros_like(sky) + np.asarray(light.cloud_shade, np.float32)
    cloud = _blend(shaded, light.sky[3], np.clip(0.6 + 0.8 * relief, 0, 1))
    return _blend(sky, cloud, share * np.clip(0.25 + rise * 4, 0, 0.92))


def _paint_mountains(view: View, sky: ColorHWC, land: Land) -> None:
    """Ranges of wooded mountains over the horizon, the far ones in haze; in place."""
    noise, horizon = view.noise, view.center_px[1]
    u, _ = _rays(view)
    rows = np.arange(sky.shape[0], dtype=np.float32)[:, None]
    for index, (distance_m, share) in enumerate(((5200.0, 1.0), (2600.0, 0.62), (1100.0, 0.30))):
        across = u * (0.22 + 0.10 * index) + land.mountain_offset + 0.37 * index
        profile = sample(noise.coarse, across, np.full_like(across, 0.11 + 0.29 * index))
        crest_px = horizon - land.mountain_height * share * np.clip(0.55 + 0.33 * profile, 0.06, None) * view.focal_px
        first = max(0, math.floor(float(crest_px.min())))
        band, below = sky[first:], rows[first:]
        if len(band) == 0:
            continue
        cover = np.clip(below - crest_px + 0.5, 0, 1)
        x = np.broadcast_to(across * 3, cover.shape).astype(np.float32)
        y = ((below - horizon) / view.focal_px * 2.5 + 0 * cover).astype(np.float32)
        texture = 0.6 * sample(noise.coarse, x, y) + 0.5 * sample(noise.fine, x * 1.7, y * 1.7)
        color = shade(view.light, land.forest, UP * 0.7, view.sun, distance_m * 0.2).astype(np.float32)
        haze = 1 - math.exp(-distance_m * 0.2 / view.light.haze_m)
        wooded = color * (1 + 0.13 * (1 - haze) * texture[..., None])
        foot = np.clip((below - crest_px) / np.maximum(horizon - crest_px, 1), 0, 1)
        wooded = _blend(wooded, view.light.haze, 0.25 * foot.astype(np.float32) ** 2)
        sky[first:] = _blend(band, wooded, cover.astype(np.float32))


def _paint_ground(view: View, land: Land, rows: int) -> ColorHWC:
    """The level ground (rows, w, 3) of the lowest `rows` of the canvas: sand or stone, and lawn behind a soft edge."""

    def albedo(color: Rgb) -> ColorHWC:
        return shade(view.light, color, UP, view.sun, 0.0).astype(np.float32)

    noise = view.noise
    u, v = _rays(view)
    depth = np.minimum(np.float32(view.eye[1]) / np.maximum(-v[-rows:], 1e-4), 4000.0)
    across = u * depth
    c, s = math.cos(view.yaw), math.sin(view.yaw)
    x = (np.float32(view.eye[0]) + c * across + s * depth).astype(np.float32)
    z = (np.float32(view.eye[2]) - s * across + c * depth).astype(np.float32)
    # Far away the field would only flicker: a coarser one takes over.
    near_coarse, far_coarse = sample(noise.coarse, x / 19, z / 19), sample(noise.coarse, x / 310, z / 310)
    coarse = far_coarse + np.exp(-depth / 90) * (near_coarse - far_coarse)
    grain = sample(noise.fine, x / 6, z / 6) * np.exp(-depth / 35).astype(np.float32)
    ground = albedo(land.ground) * (1 + 0.07 * (0.55 * coarse + grain))[..., None]
    if land.lawn is not None:
        edge = np.abs(x) - land.lawn_from_m + 0.25 * coarse
        share = _smoothstep(-0.15, 0.15, edge.astype(np.float32)) * np.float32(0.96)
        blades = 1 + 0.10 * coarse + 0.15 * grain
        ground = _blend(ground, albedo(land.lawn) * blades[..., None], share)
    share = _smoothstep(land.woods_from_m, 1.5 * land.woods_from_m, depth + 6 * coarse)
    ground = _blend(ground, albedo(land.forest) * 0.8 * (1 + 0.16 * coarse)[..., None], share)
    haze = 1 - np.exp(-depth / view.light.haze_m)
    return _blend(ground, view.light.haze, np.broadcast_to(haze, ground.shape[:2]).astype(np.float32))
