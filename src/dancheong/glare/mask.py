"""The soft mask of damaged pixels and the map of clipped ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import area
from dancheong.imaging.resize import fit_size, linear_rows
from dancheong.imaging.tiling import ByRows
from dancheong.params import ParamError, Params
from dancheong.system.arrays import Float32, Pixels

WORK_PX = 1024  # longer side at which smooth fields are computed
VISIBLE_RISE = 0.1  # a pixel is damaged where reflected light raises its sRGB luminance by this much
TAIL = 0.4  # of an area's radius
REFERENCE_PX = 512  # the FIX rows are in pixels of a picture whose longer side is this


# Some rows of a plane in [0, 1], as `__getitem__` of an array gives them.
Rows = Callable[[slice], Float32]


@dataclass(frozen=True, eq=False)
class GlareMask:
    """Where a picture is damaged by light.

    Attributes:
        shape: (h, w) of the picture.
        alpha: gives some rows (slice) of a float32 plane: 1 fully damaged, exactly 0 where the picture is left alone.
        small_hw: alpha averaged over areas, the longer side at most `WORK_PX`.
        share: mean of alpha as found; it stays what it was when the detector abstains.
        abstained: more than DET_MAX_TOTAL was found, so alpha is 0 everywhere.
        invented_hw: as `small_hw`, True where the correction holds nothing of the photograph's own; None: none was asked for.
    """

    shape: tuple[int, int]
    alpha: Rows
    small_hw: Float32
    share: float
    abstained: bool
    invented_hw: NDArray[np.bool_] | None = None

    @property
    def invented_share(self) -> float:
        """Share of the picture that is invented."""
        return 0.0 if self.invented_hw is None else float(self.invented_hw.mean())

    @cached_property
    def alpha_hw(self) -> Float32:
        """All of alpha, (h, w)."""
        return self.alpha(slice(0, self.shape[0]))


def mask_from_drawing(mask_u8: Pixels, pixels: Pixels | ByRows, params: Params) -> GlareMask:
    """A hand-drawn mask: white is damaged, black is not, gray in between; taken as drawn, never grown, however large.

    Args:
        mask_u8: (h, w) or (h, w, 3) of uint8, uint16 or bool; of several channels the brightest counts.
        pixels: the photograph.

    Raises:
        ParamError: the mask has another size than the photograph, or another type.
    """
    if mask_u8.dtype not in (np.uint8, np.uint16, np.bool_) or mask_u8.ndim not in (2, 3):
        raise ParamError(f"a mask (h, w) of uint8 was expected, not {mask_u8.dtype} of shape {mask_u8.shape}")
    drawn = mask_u8.max(axis=-1) if mask_u8.ndim == 3 else mask_u8
    if drawn.shape != pixels.shape[:2]:
        raise ParamError(
            f"the mask is {drawn.shape[1]} x {drawn.shape[0]} px, its photograph {pixels.shape[1]} x {pixels.shape[0]}: "
            "draw it on the photograph itself, or resize it"
        )
    peak = 1 if drawn.dtype == np.bool_ else np.iinfo(drawn.dtype).max
    return make_mask(lambda part: drawn[part].astype(np.float32) / np.float32(peak), pixels, params, may_abstain=False)


def make_mask(alpha: Float32 | Rows, pixels: Pixels | ByRows, params: Params, may_abstain: bool = True) -> GlareMask:
    """The mask of a picture with its share; empty where DET_MAX_TOTAL is exceeded and it may abstain.

    Args:
        alpha: (h, w), or what gives some rows of that.
        pixels: the picture.
    """
    shape = pixels.shape[0], pixels.shape[1]
    rows = alpha.__getitem__ if isinstance(alpha, np.ndarray) else alpha
    small = area(ByRows(shape, np.dtype(np.float32), rows), fit_size(*shape, WORK_PX))
    share = float(small.mean(dtype=np.float64))
    if may_abstain and share > params.det_max_total:
        return GlareMask(shape, nothing(shape), np.zeros_like(small), share, True)
    return GlareMask(shape, rows, small, share, False)


def nothing(shape: tuple[int, int]) -> Rows:
    """Rows of zeros."""
    return lambda part: np.zeros((part.stop - part.start, shape[1]), np.float32)


def clipped(pixels: Pixels, params: Params) -> NDArray[np.bool_]:
    """Where any channel is at or above DET_CLIP_LEVEL (8-bit codes; scaled for 16 bits) and holds no information."""
    level = params.det_clip_level * (np.iinfo(pixels.dtype).max // 255)
    brightest = pixels if pixels.ndim == 2 else np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return np.asarray(brightest >= level)


def scale_px(shape: tuple[int, ...]) -> float:
    """How many pixels of a picture of this shape one pixel `at 512` is."""
    return max(shape[:2]) / REFERENCE_PX


def dilated(area_hw: NDArray[np.bool_], radius_px: float) -> NDArray[np.bool_]:
    """The area and all that is at most so far from it, and at least its neighbors."""
    reach = disk(max(1.0, radius_px))
    return np.asarray(cv2.dilate(area_hw.view(np.uint8), reach, borderType=cv2.BORDER_CONSTANT, borderValue=0)).view(np.bool_)


def disk(radius_px: float) -> NDArray[np.uint8]:
    """1 where a pixel is at most so far from the middle, (2 n + 1, 2 n + 1) with the whole pixels of the radius."""
    steps = np.arange(-int(radius_px), int(radius_px) + 1)
    return (np.hypot(steps[:, None], steps[None, :]) <= radius_px).view(np.uint8)


def box_around(area_hw: NDArray[np.bool_], margin_px: int) -> tuple[slice, slice]:
    """The rows and columns of an area that has pixels, and of so much around it."""
    lines = (np.flatnonzero(area_hw.any(axis=axis)) for axis in (1, 0))
    rows, columns = (slice(max(0, int(of[0]) - margin_px), int(of[-1]) + margin_px + 1) for of in lines)
    return rows, columns


def components(area_hw: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The connected components of an area by 8 neighbors, (h, w): 1 to n, 0 outside; and the pixels of each, outside none."""
    # OpenCV's own statistics take six times as long as its components.
    count, labels = cv2.connectedComponents(area_hw.view(np.uint8), connectivity=8)
    return np.asarray(labels, np.int32), np.bincount(labels[area_hw], minlength=count)


def soft_alpha(
    found_hw: NDArray[np.bool_], shape: tuple[int, int], params: Params, strength_hw: Float32 | None = None
) -> Rows:
    """Alpha at `shape` of areas found on a smaller picture: 1 within FIX_GROW, then it falls to 0.

    It falls over FIX_FEATHER, and over `TAIL` of the area's radius more, since the tail of a large glint reaches farther.

    Args:
        strength_hw: what stands for 1, in [0, 1], of each pixel that is found; None: 1.
    """
    if not found_hw.any() or found_hw.all():
        return linear_rows(found_hw.astype(np.float32), shape)
    distance_px, nearest = nearest_inside(found_hw)
    labels, radii_px, _ = radii(found_hw)
    radius_px = radii_px[labels].ravel()[nearest]
    scale = np.float32(scale_px(found_hw.shape))
    beyond = distance_px / scale - np.float32(params.fix_grow)
    strength = np.ones_like(beyond) if strength_hw is None else strength_hw.ravel()[nearest]
    if params.fix_feather == 0:
        hard, most = (linear_rows(plane, shape) for plane in ((beyond <= 0).astype(np.float32), strength))
        return lambda part: np.where(hard(part) >= 0.5, most(part), np.float32(0))
    reach = np.float32(params.fix_feather) + np.float32(TAIL) * radius_px / scale
    ramp = np.clip(1 - beyond / reach, 0, 1)
    return linear_rows(np.asarray(strength * ramp * ramp * (3 - 2 * ramp), np.float32), shape)


def nearest_inside(inside_hw: NDArray[np.bool_]) -> tuple[Float32, NDArray[np.int64]]:
    """Of every pixel: its distance to the nearest pixel of an area, and the index of that.

    Args:
        inside_hw: neither empty nor full.
    """
    outside = (~inside_hw).view(np.uint8)
    distance_px, label = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    place = np.zeros(int(label.max()) + 1, np.int64)
    index = np.flatnonzero(inside_hw)
    place[label.ravel()[index]] = index
    return np.asarray(distance_px, np.float32), place[label]


def radii(inside_hw: NDArray[np.bool_]) -> tuple[NDArray[np.int32], Float32, Float32]:
    """The components of an area, (h, w); the radius of each, (n + 1,); how deep inside each pixel is, (h, w): in pixels."""
    labels, sizes = components(inside_hw)
    depth_px = cv2.distanceTransform(inside_hw.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    radii_px = np.zeros(len(sizes), np.float32)
    np.maximum.at(radii_px, labels[inside_hw], depth_px[inside_hw])
    return labels, radii_px, np.asarray(depth_px, np.float32)
