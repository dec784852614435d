"""Sky, mountains, ground, trees and water."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dancheong.scenes.canvas import Frame
from dancheong.scenes.table import TABLE, Field, Row, coded, color, linear, sample, stones

GRID = 72  # cells per side of the grid on which a crown is computed


def paint_sky(u: Field, v: Field, pixel: float, noise: Row, light: Row, land: Row) -> Field:
    """Sky, clouds and mountains (h, w, 3) behind all else, coded 0 to 255, by the rays across (1, w) and up (h, 1)."""
    above = np.maximum(v, 0)
    rise = above / np.sqrt(1 + above * above)
    gradient = np.stack([np.interp(rise, [0.0, 0.28, 0.85], light.sky[:3, i]) for i in range(3)], axis=-1)
    sky = (gradient + 0 * u[..., None]).astype(np.float32)
    if light.toward_sun[1] < 0.5:
        glow = np.exp(-(np.square(u - 1.4 * light.toward_sun[0]) + 3 * above * above) / 0.5)
        sky = _blend(sky, (255, 206, 138), 0.55 * glow * (1 - np.clip(rise * 2.2, 0, 1)))
    # Clouds lie on a plane overhead, so they shrink towards the horizon as real ones do.
    plane = 1 / (above + np.float32(0.16))
    x, y = u * plane * 0.10 + land.offset, plane * 0.16 + land.offset
    density = sample(noise.coarse, x, y) + 0.22 * sample(noise.fine, x * 1.5, y * 1.5)
    relief = density - sample(noise.coarse, x + math.copysign(0.012, light.toward_sun[0]), y - 0.02)
    share = np.clip((density - 1.1 + 2.2 * land.clouds) / 0.65, 0, 1)
    cloud = _blend(np.broadcast_to(light.cloud_shade, sky.shape), light.sky[3], np.clip(0.6 + 0.8 * relief, 0, 1))
    sky = _blend(sky, cloud, share * share * (3 - 2 * share) * np.clip(0.25 + rise * 4, 0, 0.92))
    for index, (distance_m, tall) in enumerate(((1040.0, 1.0), (520.0, 0.62), (220.0, 0.30)) if land.mountains else ()):
        across = u * (0.22 + 0.10 * index) + land.offset * 3 + 0.37 * index
        crest = land.mountains * tall * np.clip(0.55 + 0.33 * sample(noise.coarse, across, 0.11 + 0.29 * index), 0.06, None)
        texture = 0.6 * sample(noise.coarse, across * 3, v * -2.5) + 0.5 * sample(noise.fine, across * 5, v * -4.2)
        hidden = 1 - math.exp(-distance_m / light.haze_m)
        wooded = linear(land.forest) * (light.ambient * 0.9 + light.sun * light.toward_sun[1] * 0.7)
        code = coded(wooded * (1 - hidden) + linear(light.haze) * hidden) * (1 + 0.13 * (1 - hidden) * texture[..., None])
        code = _blend(code, light.haze, 0.25 * np.square(np.clip(1 - v / np.maximum(crest, 1e-3), 0, 1)))
        sky = _blend(sky, code, np.clip((crest - v) / pixel + 0.5, 0, 1))
    return sky


def draw_ground(world: Frame, land: Row) -> None:
    """The ground to the horizon: sand or stone, lawn, woods far away, and what is paved."""
    noise, ground = world.canvas.noise, world.plane((-1e5, 1e5), 0.0, (-1e5, 1e5))
    if not ground.is_seen:
        return
    x, z, depth = ground.x, ground.z, np.clip(ground.depth, 0, 4000)
    # Far away the field would only flicker: a coarser one takes over.
    near, far = sample(noise.coarse, x / 19, z / 19), sample(noise.coarse, x / 310, z / 310)
    coarse = far + np.exp(-depth / 90) * (near - far)
    grain = sample(noise.fine, x / 6, z / 6) * np.exp(-depth / 35)
    on_lawn = np.abs(x) - land.lawn_m + 0.25 * coarse + 0.12 * grain > 0
    gain = 1 + np.where(on_lawn, 0.22 * coarse + 0.32 * grain, 0.077 * coarse + 0.14 * grain)
    ground.paint(land.ground)
    ground.paint(land.lawn, on_lawn)
    ground.paint(land.forest * 0.8, depth + 6 * coarse > land.woods_m * 1.25)
    # A royal way (eodo) has three lanes.
    for (half, start, end), tall, lane in ((land.paved, 1.1, 1.5), (land.path, 0.95, land.path[0] * 0.7)):
        inside = (np.abs(x) < half) & (z > start) & (z < end)
        if half and inside.any():
            ground.paint(color("granite"), inside)
            gain = np.where(inside, stones(noise, x + 1.5 * lane, z, tall, lane) * (1 + 0.08 * grain), gain)
    ground.put(gain)


def grow(rng: np.random.Generator, name: str, wood: bool = False) -> Row:
    """A tree or shrub of the table with a crown of its own, or the edge of a wood of such trees."""
    row = {"wide": 1.0, "dense": 1.0, "limbs": 0, **TABLE["trees"][name], **(TABLE["wood"] if wood else {})}
    count, spread, (low, high), (least, most), flat = row["crown"]
    y, r = rng.uniform(low, high, count), rng.uniform(least, most, count)
    middle, half = (low + high) / 2, (high - low) / 2
    x = 0.5 + rng.uniform(-spread, spread, count) * np.sqrt(np.clip(1.15 - np.square((y - middle) / half), 0, 1))
    # All stays inside the box, so that no crown is cut straight.
    x, y = np.clip(x, 1.25 * r, 1 - 1.25 * r), np.clip(y, 1.25 * r * flat, 1 - 1.25 * r * flat)
    leaf, clumps = np.array(row["leaf"]) * rng.uniform(0.92, 1.08, 3), np.stack([x, y, r, r * flat], axis=1)
    return Row(**{**row, "leaf": leaf, "bark": np.array(row["bark"])}, clumps=clumps.astype(np.float32))


def draw_tree(frame: Frame, height_m: float, tree: Row) -> None:
    """A tree that stands at the origin and faces the camera; its trunk and limbs behind the leaves."""
    frame, half, fine = frame.placed(0, 0, 0, frame.yaw), tree.wide * height_m / 2, frame.canvas.noise.fine
    crown = frame.plane((-half, half), (0.0, height_m), 0.0)
    if not crown.is_seen:
        return
    _draw_limbs(frame, half, height_m, tree)
    across, up = np.broadcast_arrays(crown.x / (2 * half) + 0.5, crown.y / height_m)
    x, y = (np.asarray(part * GRID - 0.5, np.float32) for part in (across, up))
    inside, nx, ny = (cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in _crown(tree.clumps))
    x = across * tree.wide + float(tree.clumps.sum())
    grain = sample(fine, x * 0.45, up * 0.45) + 0.6 * sample(fine, x * 1.5, up * 1.5)
    crown.paint(tree.leaf, inside + 0.36 * grain > 1.1 - tree.dense)
    gain = np.clip(0.8 + 1.1 * (up - float(tree.clumps[:, 1].mean())) + 0.34 * grain, 0.16, 1.5)
    crown.put(gain, (nx * (1 + 0.4 * grain), ny + 0.35 + 0.2 * grain, -np.sqrt(np.clip(1 - nx * nx - ny * ny, 0.15, 1))))


def _draw_limbs(frame: Frame, half: float, height_m: float, tree: Row) -> None:
    """A tapering trunk with a bend, and limbs to the clumps."""
    wood = frame.plane((-half, half), (0.0, height_m), 0.02)
    ends = [((x - 0.5) * tree.wide, y) for x, y, _, _ in tree.clumps.tolist()]
    fork = (ends[0][0] * 0.3, 0.42)
    limbs = [((0.0, 0.0), fork, 0.03, 0.02), *((fork, end, 0.013, 0.003) for end in ends[: tree.limbs])]
    x, y = wood.x / height_m, wood.y / height_m
    for (ax, ay), (bx, by), w0, w1 in limbs if tree.limbs else ():
        dx, dy = bx - ax, by - ay
        t = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        wood.paint(tree.bark * 0.8, np.square(x - ax - t * dx) + np.square(y - ay - t * dy) < np.square(w0 + (w1 - w0) * t))
    wood.put()


def _crown(clumps: Field) -> list[Field]:
    """Fields (GRID, GRID), first row lowest: how deep inside the crown, and which way its clumps face, across and up."""
    axis, (x, y, rx, ry) = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID, clumps.T[:, :, None, None]
    dx, dy = np.broadcast_arrays((axis[None, None, :] - x) / rx, (axis[None, :, None] - y) / ry)
    depth = 1 - dx * dx - dy * dy
    nearest = depth.argmax(axis=0)[None]
    return [np.clip(np.take_along_axis(part, nearest, axis=0)[0], -3, 1) for part in (depth, dx, dy)]


def reflect(picture: Field, first: int, mirror: int, noise: Row, water: ArrayLike) -> None:
    """Water from row `first` down: what is above mirrored at row `mirror`, where its foot meets the water; in place.

    Ripples grow towards the camera, and with them the color of the water itself.
    """
    height, width = picture.shape[:2]
    if not 2 <= first < height - 2:
        return
    y, x = np.mgrid[0 : height - first, 0:width].astype(np.float32)
    near = (y + 1) / (height - first)
    wave = sample(noise.fine, x / width * 0.25, near * 0.5) * (0.4 + 3.2 * near) * np.float32(height / 840)
    source = np.clip(2 * mirror - first - y - np.abs(wave) * 1.6, 0, first - 1)
    mirrored = cv2.remap(picture, x + 0.8 * wave, source.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    swell = sample(noise.coarse, x / width, near * 0.6)
    picture[first:] = _blend(mirrored * np.float32(0.92), water, np.clip(0.14 + 0.26 * near + 0.05 * swell, 0.05, 0.6))


def _blend(base: Field, paint: Any, share: Field) -> Field:
    blended: Field = base + np.asarray(share, np.float32)[..., None] * (np.asarray(paint, np.float32) - base)
    return blended
