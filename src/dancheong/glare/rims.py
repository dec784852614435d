"""Where the light of an area ends: traits of the pixels in and around it, and small trees over them.

The network of `learned` sees rims on a coarser grid than the picture's. How far a pixel lies above the ground that is
continued from around, and what it and its neighbors look like, says more. The trees learned from the same pictures as the
network (tools/train_areas.py).
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.ground import push_pull
from dancheong.glare.light import area, gaussian, linear_enlarge
from dancheong.glare.mask import box_around, components, dilated, disk, scale_px
from dancheong.system.arrays import Float32
from dancheong.system.onnx_session import open_session

GRAPH = Path(__file__).with_name("rims.onnx")
# Pixels at 512: how far outside of an area its light may end, how far outside the ground begins, and how wide what is said of
# the ground's texture is. The ground is computed on so many times fewer pixels a side.
REACH_PX, GROUND_PX, TEXTURE_PX, STEP = 3, 4, 6, 3
AROUND_PX = GROUND_PX + 3 * TEXTURE_PX


def with_rims(
    found_hw: NDArray[np.bool_], likely_hw: Float32, seen_hw: Float32, paper_hw: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Areas of light with their rims where the trees see the light end, (h, w).

    Args:
        found_hw: the areas as far as they are known.
        likely_hw: how likely each pixel is glare, [0, 1].
        seen_hw: coded luminance, [0, 1].
        paper_hw: what is no light.
    """
    if not found_hw.any():
        return found_hw
    scale = scale_px(found_hw.shape)
    hole_hw = dilated(found_hw, GROUND_PX * scale)
    if hole_hw.all():
        return found_hw
    # What is farther away than the ground's texture is looked at says nothing.
    near = box_around(found_hw, max(3, round(AROUND_PX * scale)))
    places, traits = rim_traits(found_hw[near], hole_hw[near], likely_hw[near], seen_hw[near], scale)
    (lit,) = _trees().run(["certainty"], {"traits": traits})
    inside = np.zeros_like(found_hw[near])
    inside.flat[places] = lit[:, 0] >= 0.5
    # Each pixel was judged by itself: without single spots and holes.
    rimmed = np.zeros_like(found_hw)
    rimmed[near] = cv2.medianBlur(inside.view(np.uint8), 3).view(np.bool_)
    return np.asarray(rimmed & ~paper_hw)


def rim_traits(
    found_hw: NDArray[np.bool_], hole_hw: NDArray[np.bool_], likely_hw: Float32, seen_hw: Float32, scale: float
) -> tuple[NDArray[np.int64], Float32]:
    """The pixels in and within `REACH_PX` of areas, as indices (n,), and what tells whether they are lit, float32 (n, 13).

    Args:
        scale: how many pixels one pixel at 512 is.
    """
    shape = found_hw.shape
    found_hw, seen_hw = np.ascontiguousarray(found_hw), np.ascontiguousarray(seen_hw)
    labels, sizes = components(found_hw)
    outside_px, inside_px = (
        cv2.distanceTransform(part.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) / np.float32(scale)
        for part in (~found_hw, found_hw)
    )
    places = np.flatnonzero(outside_px <= REACH_PX)

    # -- the ground, which is smooth: continued from around, and how much it varies there
    size = tuple(max(1, side // STEP) for side in shape)
    known = (~hole_hw).astype(np.float32)
    weight = area(known, size)
    small = np.asarray(area(seen_hw * known, size) / np.maximum(weight, 1e-6), np.float32)
    ground = linear_enlarge(push_pull(small, weight), shape)
    counted, mean, squared = (
        gaussian(plane * weight, TEXTURE_PX * scale / STEP) for plane in (np.ones_like(small), small, small**2)
    )
    counted = np.maximum(counted, np.float32(1e-6))
    texture = linear_enlarge(np.sqrt(np.maximum(squared / counted - (mean / counted) ** 2, 0)), shape)

    # -- of the brightest and of the largest area that is near
    rise = seen_hw - ground
    peaks = np.zeros(len(sizes), np.float32)
    np.maximum.at(peaks, labels[found_hw], rise[found_hw])
    near = disk(REACH_PX * scale + 0.5)
    peak, largest = (
        cv2.dilate(of_area.astype(np.float32)[labels], near) for of_area in (peaks, np.log1p(sizes / scale**2))
    )

    # -- the pixel and its neighbors
    across, down = (cv2.Sobel(seen_hw, cv2.CV_32F, *way, scale=0.125) for way in ((1, 0), (0, 1)))
    square = np.ones((3, 3), np.uint8)
    planes = (
        rise, ground, likely_hw, outside_px - inside_px, peak, largest, cv2.blur(rise, (3, 3)), cv2.medianBlur(rise, 3),
        cv2.dilate(rise, square), cv2.erode(rise, square), texture, np.hypot(across, down), cv2.Laplacian(seen_hw, cv2.CV_32F),
    )  # fmt: skip
    return places, np.stack([plane.ravel()[places] for plane in planes], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _trees() -> Any:
    return open_session(GRAPH.read_bytes(), 1, arena=True)
