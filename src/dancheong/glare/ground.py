"""The ground under light: continued smoothly from around, with the slope of a halo where there is one."""

import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import area, gaussian, linear_enlarge
from dancheong.glare.mask import box_around, nearest_inside, radii, scale_px
from dancheong.system.arrays import Float32

RELAXATIONS = 8
# The slope of a halo: of how many sectors around an area, of how wide rings (pixels at 512, or half of the area's radius), and
# how much steeper it is inside.
HALO_SECTORS, HALO_PX, HALO_STEEPER = 8, 3, np.float32(1.5)


def push_pull(values: Float32, weight_hw: Float32, most: Float32 | None = None) -> Float32:
    """Push-pull (Gortler et al. 1996) with relaxation at every level, which ends near the harmonic continuation.

    Plain push-pull (normalized convolution on a pyramid) takes too much from afar: a tree darkens a hole in the sky.

    Args:
        values: (h, w) or (h, w, c) float32.
        weight_hw: 0 where a value is unknown, 1 where it is known.
        most: as `values`: what a value is at most, where that is known. A dark eave inside of a hole so holds down
            what comes in from the bright sky beside it (an obstacle problem in place of the harmonic one).

    Returns:
        The values, those of weight 0 replaced by a smooth continuation of the known ones.

    Raises:
        ValueError: no value is known.
    """
    if not weight_hw.any():
        raise ValueError("there is nothing to fill from: every pixel is masked")
    weight = weight_hw if values.ndim == 2 else weight_hw[..., None]
    return _pull(values * weight, weight_hw, most)


def _pull(weighted: Float32, weight_hw: Float32, most: Float32 | None) -> Float32:
    """`weighted` is values times weight; the result is known everywhere."""
    weight = weight_hw if weighted.ndim == 2 else weight_hw[..., None]
    mean = np.asarray(weighted / np.maximum(weight, np.float32(1e-6)), np.float32)
    height, width = weight_hw.shape
    if weight_hw.min() > 0.999 or max(height, width) == 1:
        return mean
    size = ((height + 1) // 2, (width + 1) // 2)
    most_below = None if most is None else area(most, size)
    around = linear_enlarge(_pull(area(weighted, size), area(weight_hw, size), most_below), (height, width))
    known = np.minimum(weight, 1)

    def blended(around: Float32, part: tuple[slice, slice]) -> Float32:
        values = known[part] * mean[part] + (1 - known[part]) * around
        return np.asarray(values if most is None else np.minimum(values, most[part]), np.float32)

    filled = blended(around, np.s_[:, :])
    # What is known stays as it is, so only the hole and what its Gaussian reaches are looked at.
    part = box_around(weight_hw < 1, 4)
    for _ in range(RELAXATIONS):
        filled[part] = blended(gaussian(filled[part], 1.0), part)
    return filled


def halo(z_hw: Float32, damaged_hw: NDArray[np.bool_]) -> Float32:
    """How much brighter the ground becomes toward the middle of areas with a halo of their own, as that of the sun: log light.

    The light around such an area falls off on all sides. So the slope at its rim is that between two rings, on average of the
    two opposite sectors where it is least; a ground that only rises on one side, as far as it falls on the other, has none.
    Sectors beyond the edge of the picture are as those that mirror them.
    """
    rise = np.zeros(z_hw.shape, np.float32)
    if not damaged_hw.any() or damaged_hw.all():
        return rise
    labels, radii_px, depth_px = radii(damaged_hw)
    width_px = np.maximum(HALO_PX * scale_px(z_hw.shape), radii_px / 2)
    distance_px, nearest = nearest_inside(damaged_hw)
    area_hw = labels.ravel()[nearest]
    close_hw = distance_px <= 2 * width_px[area_hw]
    around = np.flatnonzero((distance_px > 0) & close_hw)
    areas = area_hw.ravel()[around]
    rings = distance_px.ravel()[around] / width_px[areas]
    (y, x), (from_y, from_x) = (divmod(places, z_hw.shape[1]) for places in (around, nearest.ravel()[around]))
    # Straight and diagonal ways lie in the middle of sectors, so that these turn and flip with the picture.
    turns = np.arctan2(y - from_y, x - from_x) / (2 * np.pi) + 1
    sectors = np.floor(turns * HALO_SECTORS + 0.5).astype(np.int64) % HALO_SECTORS
    # Of each area and sector the mean of the nearer ring, and of the farther one.
    cells = (len(radii_px), HALO_SECTORS, 3)
    index = (areas * HALO_SECTORS + sectors) * 3 + np.minimum(rings, 2).astype(np.int64)
    counts, sums = (
        np.bincount(index, weights, minlength=np.prod(cells)).reshape(cells) for weights in (None, z_hw.ravel()[around])
    )
    means = sums / np.maximum(counts, 1)
    falls = np.where(counts[..., :2].min(axis=-1) > 0, means[..., 0] - means[..., 1], np.nan)
    mirrored = -np.arange(HALO_SECTORS)
    for edges, sector in ((np.s_[[0, -1]], mirrored), (np.s_[:, [0, -1]], mirrored + HALO_SECTORS // 2)):
        at_edge = np.isin(np.arange(len(falls)), area_hw[edges][close_hw[edges]])
        falls = np.where(at_edge[:, None] & np.isnan(falls), falls[:, sector % HALO_SECTORS], falls)
    opposite = np.nan_to_num(falls).reshape(len(falls), 2, -1)
    fall = np.maximum(opposite.mean(axis=1).min(axis=1), 0)
    slopes = HALO_STEEPER * fall.astype(np.float32) / width_px
    inside, reach_px = labels[damaged_hw], np.maximum(radii_px, 1)
    rise[damaged_hw] = (slopes * reach_px)[inside] * -np.expm1(-depth_px[damaged_hw] / reach_px[inside])
    return rise
