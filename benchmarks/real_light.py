"""Real light for tests of the detector: bright sources cut out of photographs where they stand before a dark ground.

`find_sources(FOLDERS)` looks for small bright areas (lamps, windows, the sun, glints on water and metal) whose surroundings are
dark, so that what is there is the source with the bloom, streaks and halo that a real lens and sensor gave it. Light adds, so a
patch less its dark ground can be added to another photograph (`add_real_light`). Nothing learns from it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.simulate import damage
from dancheong.imaging.color import decode
from dancheong.imaging.files import list_photos, read_photo

CORE_CODE, GROUND_CODE = 225, 90
LEAST_PX, MOST_SHARE = 9, 0.012
LEAST_ROUNDNESS = 0.78  # share of a patch's variance that the distance from its middle tells
Patch = NDArray[np.float32]


def find_sources(folders: Sequence[Path]) -> list[Patch]:
    """Patches (h, w, 3) of linear light above its ground, which end in 0 at their rim."""
    return [patch for folder in folders for file in list_photos(folder) for patch in _sources_of(read_photo(file).pixels)]


def _sources_of(pixels: NDArray[Any]) -> list[Patch]:
    if pixels.ndim == 2 or pixels.dtype != np.uint8:
        return []
    least = pixels.min(axis=-1)
    height, width = least.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats((least >= CORE_CODE).view(np.uint8), connectivity=8)
    found = []
    for left, top, w, h, count in stats[1:]:
        if count < LEAST_PX or count > MOST_SHARE * least.size or max(w, h) > 4 * min(w, h):
            continue
        reach = max(6, int(1.2 * max(w, h)))
        box = slice(top - reach, top + h + reach), slice(left - reach, left + w + reach)
        if top < reach or left < reach or top + h + reach > height or left + w + reach > width:
            continue
        rim = np.concatenate([least[box][0], least[box][-1], least[box][:, 0], least[box][:, -1]])
        if np.percentile(rim, 80) > GROUND_CODE:
            continue
        patch = _above_ground(decode(pixels[box]))
        if _is_source(patch):
            found.append(patch)
    return found


def _is_source(patch: Patch) -> bool:
    """Whether the light falls off around a middle, as it does about a lamp or the sun and not on white cloth or paper."""
    light = np.minimum(patch.mean(axis=-1), 1)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    middle = [float((axis * light).sum() / light.sum()) for axis in (y, x)]
    steps = np.rint(np.hypot(y - middle[0], x - middle[1])).astype(int)
    profile = np.bincount(steps.ravel(), light.ravel()) / np.maximum(np.bincount(steps.ravel()), 1)
    left_over = float(((light - profile[steps]) ** 2).mean() / light.var())
    return left_over < 1 - LEAST_ROUNDNESS and bool((np.diff(profile[: min(light.shape) // 2]) < 0.05).all())


def _above_ground(light: Patch) -> Patch:
    rim = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    above = np.clip(light - np.percentile(rim, 75, axis=0), 0, None)
    windows = [np.clip(1.6 * np.sin(np.pi * (np.arange(side) + 0.5) / side), 0, 1) for side in light.shape[:2]]
    return np.asarray(above * (windows[0][:, None] * windows[1][None, :])[..., None], np.float32)


def add_real_light(pixels: NDArray[Any], seed: int, sources: Sequence[Patch]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """One to eight sources at places by chance; see `dancheong.glare.simulate.add_glare` for what comes back."""
    rng = np.random.default_rng([31, seed])
    height, width = pixels.shape[:2]
    local = np.zeros((height, width, 3), np.float32)
    for _ in range(int(rng.integers(1, 9))):
        patch = np.rot90(sources[int(rng.integers(0, len(sources)))], int(rng.integers(0, 4)))
        zoom = float(np.exp(rng.uniform(np.log(0.7), np.log(1.8))))
        strength = rng.uniform(0.8, 2.5)  # what a sensor clipped was brighter than it shows
        move = np.float32([
            [zoom, 0, rng.uniform(0, width) - zoom * patch.shape[1] / 2],
            [0, zoom, rng.uniform(0, height) - zoom * patch.shape[0] / 2],
        ])
        local += cv2.warpAffine(np.ascontiguousarray(patch), move, (width, height)) * np.float32(strength)
    return damage(pixels, local, np.zeros_like(local))
