"""The learned detector: a small U-Net of isotropic convolutions.

Isotropic 3x3 kernels (a weight each for the center, the cross and the box) make the result the same under flips and
turns. It was trained on synthetic glare over free photographs, never on photographs of the palace sets
(tools/train_detector.py, docs/glare.md).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np

from dancheong.imaging.color import float01
from dancheong.imaging.resize import resampled
from dancheong.imaging.tiling import ByRows
from dancheong.system.arrays import Float32, Pixels
from dancheong.system.onnx_session import open_session

GRAPH = Path(__file__).with_name("detector.onnx")
MULTIPLE_PX = 32  # five levels, the finest at half size
_LUMA = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
_OPENING = Lock()


def glare_probability(pixels: Pixels | ByRows, longer_px: int, gray: bool = False) -> Float32:
    """How likely each pixel is damaged by glare.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded.
        longer_px: the longer side at which the network looks; smaller pictures are not enlarged (but to 32 px a side).
        gray: look at the gray alone.

    Returns:
        float32 (h', w') in [0, 1], where h' and w' are multiples of 32 near the working size.
    """
    return run_network(_planes(_small(pixels, longer_px), gray))


def _small(pixels: Pixels | ByRows, longer_px: int) -> Pixels:
    """The picture, its sides shrunk to multiples of 32 with the longer about `longer_px`."""
    factor = min(1.0, longer_px / max(pixels.shape[:2]))
    height, width = (max(MULTIPLE_PX, round(side * factor / MULTIPLE_PX) * MULTIPLE_PX) for side in pixels.shape[:2])
    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    return resampled(pixels, (height, width), cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _planes(small: Pixels, gray: bool) -> list[Float32]:
    """Least channel, luma and greatest channel, each (h, w) in [0, 1]."""
    if small.ndim == 2:
        return [float01(small)] * 3
    luma = float01(np.asarray(cv2.transform(small, _LUMA)))
    if gray:
        return [luma] * 3
    red, green, blue = cv2.split(small)
    least, greatest = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    return [float01(np.asarray(least)), luma, float01(np.asarray(greatest))]


def run_network(planes: Sequence[Float32], graph: bytes | None = None) -> Float32:
    """The network of tools/train_detector.py: three planes (h, w), sides multiples of 32, to probabilities (h, w).

    Args:
        graph: as tools/detector_graph.py writes it, which tells what the network is handed; None: the one that comes along.
    """
    height, width = planes[0].shape
    h, w = height // 2, width // 2
    phases = np.empty((2, 2, 3, h, w), np.float32)
    for channel, plane in enumerate(planes):
        phases[:, :, channel] = plane.reshape(h, 2, w, 2).transpose(1, 3, 0, 2)
    least = phases[:, :, 0].reshape(4, h, w)
    means = [np.asarray(cv2.resize(plane, (w, h), interpolation=cv2.INTER_AREA), np.float32) for plane in planes]
    halved = np.stack([*means, least.max(axis=0), least.min(axis=0)])
    session = _session() if graph is None else _open(graph)
    (found,) = session.run(["probability"], {"halved": halved[None], "phases": phases.reshape(1, 12, h, w)})
    return np.asarray(found, np.float32).reshape(2, 2, h, w).transpose(2, 0, 3, 1).reshape(height, width)


def open_detector() -> None:
    """Open the network of the detector, which its first photograph would wait for: a thread can do so beside other work."""
    _session()


def _session() -> Any:
    with _OPENING:  # who comes while it is opened waits for it
        return _opened()


@lru_cache(maxsize=1)
def _opened() -> Any:
    return _open(GRAPH.read_bytes())


def _open(graph: bytes) -> Any:
    # One thread: where there are cores for more, more photographs are at work. All pictures are of one size here.
    return open_session(graph, 1, arena=True)
