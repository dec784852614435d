"""Filling what light has clipped from patches around it, in the manner of Criminisi, Pérez and Toyama (2004)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.system.arrays import Float32

PATCH_PX = 9
REACH_PX = 48  # patches come from no farther, beside the hole
_EDGE = 1e-3  # of data, so that a place without edges is filled, too


def fill_by_patches(picture: Float32, hole_hw: NDArray[np.bool_], usable_hw: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill a hole in place, from its rim inward, where edges run into it first.

    Args:
        picture: (h, w) or (h, w, 3), coded values in [0, 1].
        usable_hw: whose pixels may be copied; none of the hole's.

    Returns:
        What was filled, (h, w); less than the hole where nothing usable lies around a part of it.
    """
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(hole_hw.view(np.uint8), connectivity=8)
    filled = np.zeros_like(hole_hw)
    for label in range(1, count):
        left, top, width, height = boxes[label, :4]
        box = (slice(max(0, top - REACH_PX), top + height + REACH_PX), slice(max(0, left - REACH_PX), left + width + REACH_PX))
        part = parts[box] == label
        filled[box] |= _fill_one(picture[box], part, usable_hw[box] & ~hole_hw[box])
    return filled


def _fill_one(picture: Float32, hole: NDArray[np.bool_], usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = PATCH_PX // 2
    square = np.ones((PATCH_PX, PATCH_PX), np.uint8)
    # Centers of patches that lie in the picture and are usable as a whole.
    sources = cv2.erode(usable.view(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    if not sources.any():
        return np.zeros_like(hole)
    sources = sources[reach:-reach, reach:-reach]
    unknown, trust = hole.copy(), (~hole).astype(np.float32)
    while unknown.any():
        front = unknown & (cv2.dilate((~unknown).view(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        order = cv2.blur(trust, (PATCH_PX, PATCH_PX)) * (_edges(picture, unknown) + np.float32(_EDGE))
        y, x = np.unravel_index(np.argmax(np.where(front, order, -1)), hole.shape)
        # At the rim of the picture the patch moves inward.
        top, left = (int(np.clip(at - reach, 0, size - PATCH_PX)) for at, size in zip((y, x), hole.shape, strict=True))
        patch = slice(top, top + PATCH_PX), slice(left, left + PATCH_PX)
        new = unknown[patch]
        known = (~new).astype(np.float32)
        error = cv2.matchTemplate(picture, np.ascontiguousarray(picture[patch]), cv2.TM_SQDIFF, mask=known)
        row, column = np.unravel_index(np.argmin(np.where(sources, error, np.inf)), error.shape)
        source = picture[row : row + PATCH_PX, column : column + PATCH_PX].copy()
        trust[patch][new] = float(trust[patch].mean())
        picture[patch][new] = source[new]
        unknown[patch] = False
    return hole


def _edges(picture: Float32, unknown: NDArray[np.bool_]) -> Float32:
    """The strongest known edge within a patch around each pixel."""
    gray = np.asarray(picture if picture.ndim == 2 else picture.mean(axis=-1), np.float32)
    known = cv2.erode((~unknown).view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    steps = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.dilate(np.where(known, steps, 0), np.ones((PATCH_PX, PATCH_PX), np.uint8)), np.float32)
