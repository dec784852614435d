"""What two pictures have to do with each other: the same view, two halves of one file; and whether one has color."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.resize import fit_size, resize, scaled_size
from dancheong.system.arrays import Pixels

# Measured on 586 photographs of buildings: the 99th percentile of max - min over R, G, B is 28 codes in the palest
# (fog), and 0 to 3 in gray pictures saved as color JPEG.
GRAY_SPREAD_CODES = 12
# Measured on 216 photographs of 512 px: aligned pairs with another emulsion's gray, noise, blur or a tone curve all pass;
# shifts of 4 px and more and other photographs are all found (2 px pass; so do 3 % of mirrored, symmetrical buildings).
SAME_SCENE_CORRELATION = 0.45
ALIGN_LONGER_PX = 256
ALIGN_SEARCH_PX = 12
# Measured on 48 photographs, as they are and as old plates: turned by 1 degree or scaled by 1.02 all are found, and none else.
TURNED_DEGREES, SCALED_SHARE = 0.4, 0.008
# Measured: 174 of 176 pairs of facades and drawings of them are found, and all of 120 of gray and color; of 340 photographs
# cut to twice their height 2 are taken for pairs, of which one shows plates side by side.
SEAM_RATIO = 1.75
SEAM_REACH_PX = 32
# Of edges of both halves; less is asked where both are plain at the seam.
SHAPE_CORRELATION, PLAIN_SHAPE_CORRELATION = 0.9, 0.5


def has_color(pixels: Pixels) -> bool:
    """Whether a photograph holds color: some of it differs visibly between R, G and B."""
    if pixels.ndim == 2:
        return False
    height, width = pixels.shape[:2]
    # Shrinking first averages the colored grain of a gray picture away.
    small = resize(pixels, scaled_size(height, width, min(1.0, 128 / min(height, width))))
    spread = np.ptp(small.astype(np.int32), axis=2) * (255 / np.iinfo(pixels.dtype).max)
    return bool(np.percentile(spread, 99) >= GRAY_SPREAD_CODES)


def mismatch(gray: Pixels, color: Pixels) -> str:
    """Why a gray and a color picture are not the same view pixel by pixel; empty if they are.

    Fine detail of both, shrunk to 256 px, is compared at shifts up to 12 px; a plain picture without detail passes.
    """
    if gray.shape[:2] != color.shape[:2]:
        return sizes_differ(gray.shape[1::-1], color.shape[1::-1])
    first, second = _detail(gray), _detail(color)
    margin = min(ALIGN_SEARCH_PX, (min(first.shape) - 1) // 4)
    inner = second[margin : second.shape[0] - margin, margin : second.shape[1] - margin]
    if min(float(inner.std()), float(first.std())) < 1.0:
        return ""
    scores = cv2.matchTemplate(first, inner, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(scores)
    if best < SAME_SCENE_CORRELATION:
        further = _turned_or_scaled(first, second)
        return further or f"gray and color do not show the same view (their detail correlates by {best:.2f})"
    shift_px = np.hypot(row - margin, column - margin) * max(1.0, max(gray.shape[:2]) / ALIGN_LONGER_PX)
    if max(abs(row - margin), abs(column - margin)) > 1:
        return f"gray and color are shifted against each other by about {shift_px:.0f} px; align them first"
    return _turned_or_scaled(first, second)


def _turned_or_scaled(first: NDArray[np.float32], second: NDArray[np.float32]) -> str:
    """How one detail picture lies on the other by OpenCV's ECC (Evangelidis and Psarakis 2008), if not straight."""
    try:
        correlation, affine = cv2.findTransformECC(
            first, second, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-5), np.ones(second.shape, np.uint8), 5,
        )
    except cv2.error:  # it does not settle
        return ""
    angle = math.degrees(math.atan2(affine[1, 0] - affine[0, 1], affine[0, 0] + affine[1, 1]))
    scale = math.sqrt(abs(float(np.linalg.det(affine[:, :2]))))
    if correlation < SAME_SCENE_CORRELATION or (abs(angle) < TURNED_DEGREES and abs(scale - 1) < SCALED_SHARE):
        return ""
    how = f"turned by {abs(angle):.1f} degrees and scaled by {scale:.3f}"
    return f"gray and color are {how} against each other; align them first"


def sizes_differ(gray_px: tuple[int, ...], color_px: tuple[int, ...]) -> str:
    (gray_width, gray_height), (width, height) = gray_px, color_px
    return f"gray is {gray_width} x {gray_height} px and color {width} x {height} px; both must be of the same size"


def looks_like_pair(pixels: Pixels) -> bool:
    """Whether a picture (h, w) or (h, w, 3) shows two pictures of the same size side by side.

    Two pictures meet in a seam: colors change there more than from column to column nearby. Where there is none, as between
    drawings on white paper, the halves must have the same edges.
    """
    middle = pixels.shape[1] // 2
    if middle < 4:
        return False
    reach = min(SEAM_REACH_PX, middle)
    near = as_rgb(pixels[:, middle - reach : middle + reach]).astype(np.float32) * (255 / np.iinfo(pixels.dtype).max)
    steps = np.abs(np.diff(near, axis=1)).mean(axis=(0, 2))
    # The columns beside the seam are left out, because compression blurs it.
    usual = float(np.percentile(np.delete(steps, slice(reach - 2, reach + 1)), 90))
    is_plain = max(usual, float(steps[reach - 1])) < 0.5
    if not is_plain and steps[reach - 1] >= SEAM_RATIO * usual:
        return True
    small = gray_of(resize(pixels[:, : 2 * middle], (96, 192)))
    edges = [np.abs(_detail(half)).ravel() for half in (small[:, :96], small[:, 96:])]
    least = PLAIN_SHAPE_CORRELATION if is_plain else SHAPE_CORRELATION
    return min(edge.std() for edge in edges) > 0 and bool(np.corrcoef(np.stack(edges))[0, 1] >= least)


def _detail(pixels: Pixels) -> NDArray[np.float32]:
    """Gray in 8-bit codes without its smooth part, longer side 256 px."""
    gray = gray_of(pixels)
    small = resize(gray, fit_size(gray.shape[0], gray.shape[1], ALIGN_LONGER_PX))
    codes = small.astype(np.float32) * np.float32(255 / np.iinfo(gray.dtype).max)
    return codes - np.asarray(cv2.GaussianBlur(codes, (0, 0), 4), dtype=np.float32)
