"""The learned detector: a small U-Net of isotropic convolutions, run with numpy and OpenCV.

Isotropic 3x3 kernels (a weight each for the center, the cross and the box) make the result the same under flips and turns
and cost a third of free ones: the sums are taken once, the rest is one matrix product. It was trained on synthetic glare
over free photographs and built-in scenes, never on photographs of palaces (tools/train_detector.py, docs/glare.md).
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from dancheong.glare.light import Float32, Pixels
from dancheong.imaging.color import float01

WEIGHTS = Path(__file__).with_name("detector.npz")
MULTIPLE_PX = 32  # five levels, the finest at half size
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def glare_probability(pixels: Pixels, longer_px: int, gray: bool = False) -> Float32:
    """How likely each pixel is damaged by glare.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded.
        longer_px: the longer side at which the network looks; smaller pictures are not enlarged (but to 32 px a side).
        gray: look at the gray alone.

    Returns:
        float32 (h', w') in [0, 1], where h' and w' are multiples of 32 near the working size.
    """
    return run_network(_planes(_small(pixels, longer_px), gray), _weights())


def _small(pixels: Pixels, longer_px: int) -> Float32:
    """The picture as floats, its sides shrunk to multiples of 32 with the longer about `longer_px`."""
    factor = min(1.0, longer_px / max(pixels.shape[:2]))
    height, width = (max(MULTIPLE_PX, round(side * factor / MULTIPLE_PX) * MULTIPLE_PX) for side in pixels.shape[:2])
    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), pixels.dtype)
    return float01(resized.reshape(height, width, *pixels.shape[2:]))


def _planes(coded: Float32, gray: bool) -> Float32:
    """(h, w, 3): least channel, luma, greatest channel."""
    if coded.ndim == 2:
        return np.stack([coded, coded, coded], axis=-1)
    luma = coded @ _LUMA
    return np.stack([luma] * 3 if gray else [coded.min(axis=-1), luma, coded.max(axis=-1)], axis=-1)


def run_network(planes_hwc: Float32, weights: Mapping[str, Float32]) -> Float32:
    """The network of tools/train_detector.py, layer by layer: planes (h, w, 3) to probabilities (h, w)."""
    least = np.ascontiguousarray(planes_hwc[..., 0])
    extremes = [_halved(least, np.maximum)[..., None], _halved(least, np.minimum)[..., None]]
    x = np.concatenate([_pooled(planes_hwc), *extremes], axis=-1)
    skips = []
    depth = sum(name.startswith("down_") and name.endswith("_weight") for name in weights)
    for level in range(depth):
        x = _convolve(_pooled(x) if level else x, weights, f"down_{level}")
        skips.append(x)
    x = _convolve(x, weights, "deep")
    for level, skip in enumerate(skips[-2::-1]):
        x = _convolve(skip + _double(x @ weights[f"project_{level}_weight"]), weights, f"up_{level}")
    x = _double(x @ weights["project_head_weight"]) + _convolve(planes_hwc, weights, "head", relu=False)
    logits = (np.maximum(x, 0, out=x) @ weights["last_weight"])[..., 0] + weights["last_bias"]
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def _convolve(x: Float32, weights: Mapping[str, Float32], name: str, relu: bool = True) -> Float32:
    """Isotropic 3x3 convolution; outside of the picture is 0, as in training."""
    x = np.ascontiguousarray(x)
    cross = _box_sum(x, 3, 1) + _box_sum(x, 1, 3)
    y = np.concatenate([x, cross, _box_sum(x, 3, 3)], axis=-1) @ weights[f"{name}_weight"]
    y += weights[f"{name}_bias"]
    return np.asarray(np.maximum(y, 0, out=y) if relu else y, np.float32)


def _box_sum(x: Float32, width: int, height: int) -> Float32:
    summed = cv2.boxFilter(x, -1, (width, height), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float32).reshape(x.shape)


def _pooled(x: Float32) -> Float32:
    """The mean of each four pixels."""
    return _halved(x, np.add) * np.float32(0.25)


def _halved(x: Float32, two: np.ufunc) -> Float32:
    """Four pixels as one: (h, w, ...) to (h/2, w/2, ...); rows first, as whole rows are quick to take together."""
    rows = two(x[0::2], x[1::2])
    return np.asarray(two(rows[:, 0::2], rows[:, 1::2]), np.float32)


def _double(x: Float32) -> Float32:
    return np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, Float32]:
    with np.load(WEIGHTS) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
