"""Patches of photographs, small and large: what the upscaler is trained and validated on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.data.cache import Cache, Record
from dancheong.params import Params
from dancheong.upscaling.degrade import degrade
from dancheong.upscaling.upscaler import planes_of

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]

# Side of a patch as the network sees it: nearly twice the receptive field of its 12 convolutions, 25 px.
PATCH_PX = 48
VALIDATION_PX = 192
VALIDATION_PHOTOGRAPHS = 32


def patch_pair(record: Record, params: Params, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """One varied patch: a place, one of eight ways to turn and mirror it, and what happened to it on its way (SR_DEGRADATION).

    Args:
        record: of a cache; its last three planes are the photograph.

    Returns:
        (c, PATCH_PX, PATCH_PX) as the network sees it, and the truth (c, PATCH_PX * SR_SCALE, ...); float32 in [0, 1].
    """
    side_px = PATCH_PX * int(params.sr_scale)
    height, width = record.shape[:2]
    top, left = (int(rng.integers(max(size - side_px, 0) + 1)) for size in (height, width))
    truth = _filled(record[top : top + side_px, left : left + side_px, -3:], side_px)
    turned, mirrored = int(rng.integers(4)), rng.random() < 0.5
    truth = np.ascontiguousarray(np.rot90(truth[:, ::-1] if mirrored else truth, turned))
    return _pair(truth, params, rng)


def validation_pairs(
    cache: Cache, params: Params, limit: int = VALIDATION_PHOTOGRAPHS
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """The middle of some photographs, spread over the set, not varied; what happens to each depends on its number alone."""
    scale = int(params.sr_scale)
    for index in np.unique(np.linspace(0, len(cache) - 1, min(limit, len(cache))).round().astype(int)):
        photo = cache[int(index)][..., -3:]
        side_px = min(VALIDATION_PX, *photo.shape[:2]) // scale * scale
        top, left = ((size - side_px) // 2 for size in photo.shape[:2])
        truth = np.ascontiguousarray(photo[top : top + side_px, left : left + side_px])
        yield _pair(truth, params, np.random.default_rng((params.seed, int(index), 1)))


def _pair(truth: Record, params: Params, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    small = degrade(truth, int(params.sr_scale), params.sr_degradation, rng)
    channels = 1 if params.sr_planes == "luma" else 3
    return planes_of(small, channels), planes_of(truth, channels)


def _filled(patch: Record, side_px: int) -> Record:
    """A photograph smaller than the patch is mirrored at its lower and right edge."""
    missing = [(0, side_px - size) for size in patch.shape[:2]]
    return np.pad(patch, (*missing, (0, 0)), "symmetric") if patch.shape[:2] != (side_px, side_px) else patch
