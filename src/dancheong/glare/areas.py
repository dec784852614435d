"""How certain it is that an area is glare: traits of the area as a whole, and small trees over them.

The network of `learned` sees pixels. Whether what it found is burnt out, falls off from its middle, or stands on bright ground
tells glints from walls, paper and clouds. The trees learned from the same pictures as the network (tools/train_areas.py).
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.mask import dilated, scale_px
from dancheong.system.arrays import Float32
from dancheong.system.onnx_session import open_session

GRAPH = Path(__file__).with_name("areas.onnx")
BURNT_SHARE = 0.98  # of the picture's brightest
# Pixels at 512: the surroundings of an area begin and end so far from it.
NEAR_PX, FAR_PX = 2, 8


def certainty(labels_hw: NDArray[np.int32], likely_hw: Float32, seen_hw: Float32) -> Float32:
    """How certain it is that each area is glare.

    Args:
        labels_hw: 0 outside, 1 to n in the areas, each of which has pixels.
        likely_hw: how likely each pixel is glare, [0, 1].
        seen_hw: coded luminance, [0, 1].

    Returns:
        float32 (n,) in [0, 1].
    """
    (found,) = _trees().run(["certainty"], {"traits": traits(labels_hw, likely_hw, seen_hw)})
    return np.asarray(found, np.float32)[:, 0]


def traits(labels_hw: NDArray[np.int32], likely_hw: Float32, seen_hw: Float32) -> Float32:
    """What tells glare from bright things: float32 (n, 13), in the order of docs/glare.md."""
    scale = scale_px(labels_hw.shape)
    inside = labels_hw > 0
    at = np.flatnonzero(inside)
    labels, likely, seen = labels_hw.ravel()[at] - 1, likely_hw.ravel()[at], seen_hw.ravel()[at]
    pixels = np.bincount(labels)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(labels, values) / pixels

    def greatest(values: Float32) -> Float32:
        most = np.zeros(len(pixels), np.float32)
        np.maximum.at(most, labels, values)
        return most

    # -- its size and rim
    framed = cv2.copyMakeBorder(inside.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth_hw = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    depth = np.asarray(depth_hw[inside], np.float32)
    rim = depth <= 1
    across, down = (cv2.Sobel(seen_hw, cv2.CV_32F, *way, scale=0.125).ravel()[at] for way in ((1, 0), (0, 1)))
    steps = np.hypot(across, down) * np.float32(scale)
    rim_pixels = np.maximum(pixels * mean(rim), 1)

    # -- how its light falls off from its middle
    light, middle = mean(seen), mean(depth)
    spread = np.sqrt(np.maximum((mean(seen**2) - light**2) * (mean(depth**2) - middle**2), 0))
    fall_off = (mean(seen * depth) - light * middle) / np.maximum(spread, 1e-3 * scale)

    # -- its surroundings
    outside = (~dilated(inside, NEAR_PX * scale)).astype(np.float32)
    side_px = 2 * round(FAR_PX * scale) + 1
    counted, around, squared = (
        mean(cv2.boxFilter(plane, -1, (side_px, side_px), borderType=cv2.BORDER_CONSTANT).ravel()[at])
        for plane in (outside, outside * seen_hw, outside * seen_hw**2)
    )
    around, squared = around / np.maximum(counted, 1e-3), squared / np.maximum(counted, 1e-3)

    # -- the whole picture, which is dark at night
    brightest = max(float(seen_hw.max()), 1e-3)
    burnt_level = np.float32(BURNT_SHARE * brightest)
    picture = (np.full(len(pixels), share) for share in (seen_hw.mean(), (seen_hw >= burnt_level).mean()))
    return np.stack([
        np.log(pixels / scale**2), np.sqrt(mean(seen >= burnt_level)),
        np.log(pixels * mean(rim * steps) / rim_pixels + 0.005), mean(likely),
        -np.log(1.0005 - np.minimum(greatest(likely), 1)), light, greatest(seen) / brightest, fall_off, around,
        np.sqrt(np.maximum(squared - around**2, 0)), np.log(4 * np.pi * pixels / rim_pixels**2), *picture,
    ], axis=1).astype(np.float32)  # fmt: skip


@lru_cache(maxsize=1)
def _trees() -> Any:
    return open_session(GRAPH.read_bytes(), 1, arena=True)
