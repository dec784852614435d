"""Finding glare: small bright areas that stand out of their surroundings, each with its flank."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.areas import BURNT_SHARE, certainty
from dancheong.glare.learned import glare_probability
from dancheong.glare.light import area, gaussian, linear_enlarge, luminance_of
from dancheong.glare.mask import VISIBLE_RISE, GlareMask, components, dilated, make_mask, nearest_inside, scale_px, soft_alpha
from dancheong.glare.rims import with_rims
from dancheong.imaging.color import decode, float01, gray_of, linear_to_srgb
from dancheong.imaging.resize import fit_size
from dancheong.imaging.tiling import ByRows
from dancheong.params import Params
from dancheong.system.arrays import Float32, Pixels

# How likely glare is in the pixels of an area that is looked at as a whole.
LOOKED_AT = 0.4
# Spots that the network does not see are looked at, too: as bright as this share of the brightest, and brighter by so
# much than the mean of the pixels that far around (at 512).
BRIGHT_LEVEL, SPOT_RISE, SPOT_AROUND_PX = 0.88, 0.15, 16
# A burnt-out place of which so much was found is glare as a whole, and of which less than so much was found is none.
WHOLE_SHARE, PIECE_SHARE = 0.5, 0.35
# An area that is just certain enough loses so much of its light, and one that is so certain loses all: a lamp or a white wall
# that is taken for a glint by mistake is less certain than most glints.
LEAST_STRENGTH, ALL_CERTAIN = 0.1, 0.992
# How much of a row or column at the edge of the picture is as bright where it is a margin.
MARGIN_SHARE = 0.9
# How far from where the network sees it the rim of a small area may lie, what is small, and the Gaussian that continues the
# ground around: pixels at 512. It is computed on so many pixels that its Gaussian has `FINE_SIGMA_PX` of them.
RIM_PX, SMALL_AREA_PX, GROUND_SIGMA_PX, FINE_SIGMA_PX = 2, 2500, 6, 3


def detect(pixels: Pixels | ByRows, params: Params) -> GlareMask:
    """Find glare by DET_METHOD.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded.
    """
    found, strength = _judged(pixels, params)
    return make_mask(soft_alpha(found, (pixels.shape[0], pixels.shape[1]), params, strength), pixels, params)


def find(pixels: Pixels | ByRows, params: Params) -> NDArray[np.bool_]:
    """The area of glare before it grows, at the working size (DET_WORK_SIZE)."""
    return _judged(pixels, params)[0]


def _judged(pixels: Pixels | ByRows, params: Params) -> tuple[NDArray[np.bool_], Float32 | None]:
    """The area of glare and how much of its light is to go; None: all."""
    size = fit_size(pixels.shape[0], pixels.shape[1], params.det_work_size)
    if params.det_method == "learned":
        return _judged_by_areas(pixels, size, params)
    plane = search_plane(area(pixels, size), params)
    stands_out = prominence(plane, params.det_levels, params.det_max_area)
    core = (plane >= params.det_core_level) & (stands_out >= params.det_core_prominence)
    flank = (plane >= params.det_flank_floor) & (stands_out >= params.det_flank_prominence)
    return _components_with(core | flank, core, params.det_min_area_px) > 0, None


def _judged_by_areas(
    pixels: Pixels | ByRows, size: tuple[int, int], params: Params
) -> tuple[NDArray[np.bool_], Float32 | None]:
    """Areas of pixels that may be glare, with their true rims, where an area as a whole is certain enough."""
    labels, likely, seen, paper = areas_to_judge(pixels, size, params)
    if not labels.any():
        return labels > 0, None
    certain = np.append(np.float32(0), certainty(labels, likely, seen))
    found = with_whole_burnt(labels, certain >= params.det_confidence, seen, paper)
    if not found.any():
        return found, None
    found = with_rims(found, likely, seen, paper)
    return found, strengths(found, certain[labels], params.det_confidence)


def strengths(found_hw: NDArray[np.bool_], certain_hw: Float32, least: float) -> Float32:
    """How much of each area's light is to go, (h, w): from `LEAST_STRENGTH` where it is just certain enough to all of it.

    What a rim was found to be but no pixel of an area that was asked is as the nearest that was.

    Args:
        certain_hw: how certain it is that what a pixel belongs to is glare; below `least` where that was not asked.
        least: what is certain enough.
    """
    areas, sizes = components(found_hw)
    at = np.flatnonzero(found_hw & (certain_hw >= least))
    counts, sums = (np.bincount(areas.ravel()[at], weights, minlength=len(sizes)) for weights in (None, certain_hw.ravel()[at]))
    certain = np.where(counts > 0, sums / np.maximum(counts, 1), least)
    own, lowest, highest = (np.log(share / (1 - share)) for share in (np.minimum(certain, ALL_CERTAIN), least, ALL_CERTAIN))
    strength = LEAST_STRENGTH + (1 - LEAST_STRENGTH) * ((own - lowest) / (highest - lowest)) ** 2
    strength_hw = np.asarray(strength, np.float32)[areas]
    unasked_hw = found_hw & (counts == 0)[areas]
    if at.size and unasked_hw.any():
        _, nearest = nearest_inside(found_hw & (certain_hw >= least))
        strength_hw[unasked_hw] = strength_hw.ravel()[nearest[unasked_hw]]
    return strength_hw


def with_whole_burnt(
    labels: NDArray[np.int32], certain: NDArray[np.bool_], seen: Float32, paper: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The certain areas without pieces of burnt-out places, which would leave a crescent of a sun or darken a part of a sky.

    Args:
        labels: 0 outside, 1 to n in the areas.
        certain: (n + 1,), of each label.
        seen: coded luminance, [0, 1].
        paper: what is not looked at.

    Returns:
        The pixels of these areas, with all of the places that they hold `WHOLE_SHARE` of, without those areas whose burnt-out
        pixels lie for the most part in places of which less than `PIECE_SHARE` was found.
    """
    found = np.asarray(certain[labels])
    if not found.any():
        return found
    places, sizes = components((seen >= BURNT_SHARE * seen.max()) & ~paper)
    burnt = found & (places > 0)
    shares = np.bincount(places[burnt], minlength=len(sizes)) / np.maximum(sizes, 1)
    in_pieces = np.bincount(labels[burnt & (shares < PIECE_SHARE)[places]], minlength=len(certain))
    given_up = 2 * in_pieces > np.bincount(labels[burnt], minlength=len(certain))
    return np.asarray(found & ~given_up[labels] | (shares >= WHOLE_SHARE)[places])


def areas_to_judge(
    pixels: Pixels | ByRows, size: tuple[int, int], params: Params
) -> tuple[NDArray[np.int32], Float32, Float32, NDArray[np.bool_]]:
    """Areas that may be glare (1 to n, 0 outside), how likely each pixel is, coded luminance, and paper: (h, w) = `size`."""
    probability = glare_probability(pixels, params.det_work_size, gray=params.det_source == "gray")
    likely = np.asarray(cv2.resize(probability, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32).reshape(size)
    # Averaged as light, not as codes, whose rounding would decide about a rim.
    light = ByRows.of(pixels).then(lambda rows, _: luminance_of(decode(rows)), 0, np.float32)
    seen = linear_to_srgb(area(light, size))
    bright = np.asarray(seen >= BRIGHT_LEVEL * seen.max())
    paper = dilated(_paper(bright), RIM_PX * scale_px(size))  # its rims are soft
    core = (likely >= LOOKED_AT) & ~paper
    found = _components_with(core, core, params.det_min_area_px) > 0
    found |= _bright_spots(bright, seen, found, params.det_min_area_px) & ~paper
    labels = _components_with(_with_true_rims(found, seen) & ~paper, found, params.det_min_area_px)
    return labels, likely, seen, paper


def _paper(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Margins, which are bright for nearly all of a row or column, and what is bright from a corner within them on, as sky."""
    rows, columns = (bright.mean(axis=axis) >= MARGIN_SHARE for axis in (1, 0))
    inner_rows, inner_columns = (
        np.flatnonzero(~(np.logical_and.accumulate(lines) | np.logical_and.accumulate(lines[::-1])[::-1]))
        for lines in (rows, columns)
    )
    paper = np.ones(bright.shape, bool)
    if inner_rows.size and inner_columns.size:
        inner = np.s_[inner_rows[0] : inner_rows[-1] + 1, inner_columns[0] : inner_columns[-1] + 1]
        labels, sizes = components(bright[inner])
        at_corner = np.zeros(len(sizes), bool)
        at_corner[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = True
        at_corner[0] = False
        paper[inner] = at_corner[labels]
    return paper


def _bright_spots(
    bright: NDArray[np.bool_], seen: Float32, found_hw: NDArray[np.bool_], min_area_px: int
) -> NDArray[np.bool_]:
    """Small areas that stand out of their surroundings, nearly as bright as anything, and are none of those found."""
    scale = scale_px(seen.shape)
    side_px = 2 * round(SPOT_AROUND_PX * scale) + 1
    around = cv2.boxFilter(seen, -1, (side_px, side_px), borderType=cv2.BORDER_REFLECT)
    labels, sizes = components(bright & (seen - around >= SPOT_RISE))
    kept = (sizes >= max(1, min_area_px)) & (sizes < SMALL_AREA_PX * scale**2)
    kept[labels[dilated(found_hw, RIM_PX * scale)]] = False
    return np.asarray(kept[labels])


def search_plane(pixels: Pixels, params: Params) -> Float32:
    """The sRGB plane in [0, 1] that is searched: the least channel, since reflected light adds to all, or the gray."""
    if pixels.ndim == 2:
        return float01(pixels)
    return float01(gray_of(pixels) if params.det_source == "gray" else pixels.min(axis=-1))


def prominence(plane_hw: Float32, levels: int, max_area: float) -> Float32:
    """How far each pixel stands out: the share of `levels` thresholds at which its component is smaller than `max_area`.

    Args:
        plane_hw: [0, 1].
        max_area: share of the picture.
    """
    total = np.zeros(plane_hw.shape, np.float32)
    limit = max_area * plane_hw.size
    for level in range(levels):
        above = plane_hw >= (level + 0.5) / levels
        if not above.any():
            break
        labels, sizes = components(above)
        total += ((sizes > 0) & (sizes < limit)).astype(np.float32)[labels]
    return total / np.float32(levels)


def _components_with(area_hw: NDArray[np.bool_], core_hw: NDArray[np.bool_], min_area_px: int) -> NDArray[np.int32]:
    """The connected components of an area that hold a core pixel and at least `min_area_px` pixels: 1 to n, 0 outside."""
    labels, sizes = components(area_hw)
    kept = np.zeros(len(sizes), bool)
    kept[labels[core_hw]] = True
    kept &= sizes >= max(1, min_area_px)
    return np.asarray((np.cumsum(kept) * kept)[labels], np.int32)


def _with_true_rims(found_hw: NDArray[np.bool_], seen: Float32) -> NDArray[np.bool_]:
    """Small areas with their rims where the light ends: `VISIBLE_RISE` above the ground that is continued from around.

    Of a small glint most pixels are near its rim, and the network sees the rim on a coarser grid. A large one has lit up the
    ground around it, so its rim cannot be told this way.
    """
    scale = scale_px(found_hw.shape)
    labels, sizes = components(found_hw)
    small = ((sizes > 0) & (sizes < SMALL_AREA_PX * scale**2))[labels]
    hole = dilated(found_hw, 2 * RIM_PX * scale)
    if not small.any() or hole.all():
        return found_hw
    # The ground is as smooth as its Gaussian, so fewer pixels will do for it.
    known, sigma_px = (~hole).astype(np.float32), GROUND_SIGMA_PX * scale
    step = max(1.0, sigma_px / FINE_SIGMA_PX)
    size = tuple(max(1, round(side / step)) for side in known.shape)
    weighted, weight = (gaussian(area(plane, size), sigma_px / step) for plane in (seen * known, known))
    rise = seen - linear_enlarge(weighted / np.maximum(weight, np.float32(1e-6)), known.shape)
    risen = (dilated(small, RIM_PX * scale) & (rise > VISIBLE_RISE)).view(np.uint8)
    # Without single pixels, each of which would be a glint of its own.
    return np.asarray((found_hw & ~small) | cv2.medianBlur(risen, 3).view(np.bool_))
