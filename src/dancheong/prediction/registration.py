"""Where a colored version of a photograph lies on it, and its color brought there.

The colored version may have another size and other proportions, show a part of the photograph or have borders around it, and
be a little shifted or turned. Both lightnesses are compared with their local mean and contrast taken out, because another
program may have changed the tones. Candidates (stretched over the whole photograph, shifted or not; inside it; around it) are
refined by maximizing the correlation over affine maps (ECC, Evangelidis and Psarakis 2008), and the best one counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import gray_of, lightness_of, rgb_to_lab
from dancheong.imaging.resize import resize, scaled_size, working_shape
from dancheong.system.arrays import Float32, Pixels

COMPARED_PX = 144  # shorter side at which the two are compared
_LOCAL_PX = 6.0  # sigma of what "local" means, at that size
_FINE_PX = 3.0  # the same for the misfit: at finer detail another photograph agrees less by chance
_CONTRAST_FLOOR = 2.0  # L*: flatter places hold nothing but noise
_SMALLEST_SHARE = 0.35  # a smaller part of a photograph fits somewhere by chance
_STEP = 0.94  # from one size that is tried to the next
_GOOD = 0.3  # a misfit below which no further candidate is tried
_LEAST_SHARED = 0.1  # share of the photograph that both must show
_BLURS_PX = (3.0, 1.0)  # the refinement begins with blurred pictures, which find from farther away
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
_MOST_CHROMA_PX = 1 << 21  # finer chroma is not kept, because memory would grow with the photograph
_REACH = 0.02  # color is continued beyond the edge of the colored version by this share of the shorter side


@dataclass(frozen=True, eq=False)
class Fit:
    """Where a colored version lies.

    Attributes:
        matrix: (2, 3), from the photograph's coordinates to the colored version's; both run from 0 to 1 in x and in y.
        misfit: 0 where both show the same at every place, 1 where nothing agrees: 1 - the correlation of local lightness;
            nan where it cannot be measured.
    """

    matrix: NDArray[np.float64]
    misfit: float


def register(gray_hw: Pixels, colored: Pixels) -> Fit:
    """Find where a colored version lies on a photograph.

    Args:
        gray_hw: (h, w) uint8 or uint16, the photograph.
        colored: (h, w) or (h, w, 3) of any size, uint8 or uint16.
    """
    photo, version = (_compared(pixels) for pixels in (gray_hw, gray_of(colored)))
    best = Fit(np.eye(2, 3), 1.0)
    plane = _local(photo)
    for matrix in chain([np.eye(2, 3)], _shifted(plane, version), _inside(photo, version), _around(photo, version)):
        refined = _refined(photo, version, matrix)
        best = min(best, refined, key=lambda fit: fit.misfit)
        if best.misfit < _GOOD:
            break
    return best


def fit_of_layer(gray_hw: Pixels, colored: Pixels, painted_hw: NDArray[np.bool_]) -> Fit | None:
    """Where a layer lies that is painted on in part: just over the photograph. None where its proportions are others.

    The misfit is that of the painted part, and nan where this is paint, whose lightness has no detail that could agree.
    """
    h, w = gray_hw.shape
    if abs(painted_hw.shape[0] - painted_hw.shape[1] * h / w) > 0.01 * painted_hw.shape[0] + 1:
        return None
    photo = _compared(gray_hw)
    is_painted = resize(painted_hw * np.uint8(255), photo.shape) == 255
    layer = np.where(is_painted, lightness_of(resize(gray_of(colored), photo.shape)), photo)
    # Its edges are not the photograph's.
    reach = np.ones((2 * round(_FINE_PX) + 1,) * 2, np.uint8)
    within = cv2.erode(is_painted.astype(np.uint8), reach) > 0
    detail = cv2.GaussianBlur(layer, (0, 0), 1.0) - cv2.GaussianBlur(layer, (0, 0), _FINE_PX)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _FINE_PX))[within]
    if not within.any() or np.median(contrast) < _CONTRAST_FLOOR:
        return Fit(np.eye(2, 3), float("nan"))
    correlation = np.corrcoef(_local(photo, _FINE_PX)[within], _local(layer, _FINE_PX)[within])[0, 1]
    return Fit(np.eye(2, 3), float(np.clip(1 - correlation, 0, 1)))


def chroma_at(fit: Fit, colored: Pixels, size_hw: tuple[int, int]) -> tuple[Float32, Float32]:
    """The color of a registered version, in the photograph's frame.

    Args:
        colored: (h, w, 3), as `register` got it.
        size_hw: of the photograph.

    Returns:
        a* and b* (h, w, 2), as fine as the colored version is but no finer than the photograph; and (h, w) in [0, 1]: 1
        where the version shows the place, 0 where it does not. There the color falls to gray.
    """
    height, width = size_hw
    shares = np.abs(fit.matrix[:, :2]).max(axis=1)
    finest = max(colored.shape[1] * shares[0] / width, colored.shape[0] * shares[1] / height)
    factor = min(1.0, finest, (_MOST_CHROMA_PX / (height * width)) ** 0.5)
    size = scaled_size(height, width, factor)
    # Shrunk by area first, because the warp takes single pixels.
    shrunk = (max(1, round(size[0] / shares[1])), max(1, round(size[1] / shares[0])))
    small = resize(colored, (min(shrunk[0], colored.shape[0]), min(shrunk[1], colored.shape[1])))
    chroma_hwc = _warped(rgb_to_lab(small)[..., 1:], fit.matrix, size, cv2.BORDER_REPLICATE)
    shown_hw = _shown(fit.matrix, size)
    reach_px = max(1.0, _REACH * min(size))
    outside_px = cv2.distanceTransform((shown_hw < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    weight_hw = np.clip(2 - outside_px / reach_px, 0, 1).astype(np.float32)
    return chroma_hwc * weight_hw[..., None], shown_hw


def _compared(gray_hw: Pixels) -> Float32:
    """L* at the size of the comparison."""
    return lightness_of(resize(gray_hw, working_shape(gray_hw.shape[0], gray_hw.shape[1], COMPARED_PX)))


def _local(lightness_hw: Float32, sigma_px: float = _LOCAL_PX) -> Float32:
    """What is lighter or darker than its surroundings, in units of their contrast."""
    def mean(plane: Float32) -> Float32:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)

    detail = cv2.GaussianBlur(lightness_hw, (0, 0), 1.0) - mean(lightness_hw)
    return np.asarray(detail / np.sqrt(mean(detail * detail) + np.float32(_CONTRAST_FLOOR**2)), np.float32)


def _shifted(photo_local: Float32, version: Float32) -> Iterator[NDArray[np.float64]]:
    """The version is stretched over the photograph and shifted: where their phases correlate."""
    h, w = photo_local.shape
    window = cv2.createHanningWindow((w, h), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(photo_local, _local(resize(version, (h, w))), window)
    yield np.array([[1, 0, x / w], [0, 1, y / h]])


def _sizes_within(outer_hw: tuple[int, ...], inner_hw: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Sizes of the proportions of `inner_hw` from the largest that fits into `outer_hw` downwards."""
    factor = min(outer_hw[0] / inner_hw[0], outer_hw[1] / inner_hw[1])
    share = 1.0
    while share >= _SMALLEST_SHARE:
        yield scaled_size(inner_hw[0], inner_hw[1], factor * share)
        share *= _STEP


def _inside(photo: Float32, version: Float32) -> Iterator[NDArray[np.float64]]:
    """The version is a part of the photograph: the best place of all sizes."""
    h, w = photo.shape
    plane = _local(photo)
    found = (_best_place(plane, _local(resize(version, size))) for size in _sizes_within(photo.shape, version.shape))
    _, x, y, (height, width) = max(found, key=lambda one: one[0])
    yield np.array([[w / width, 0, -x / width], [0, h / height, -y / height]])


def _around(photo: Float32, version: Float32) -> Iterator[NDArray[np.float64]]:
    """The photograph is a part of the version, which has borders or shows more."""
    for matrix in _inside(version, photo):
        yield np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _best_place(plane: Float32, part: Float32) -> tuple[float, int, int, tuple[int, ...]]:
    """The correlation, column and row at which `part` fits best, and its size."""
    size = min(part.shape[0], plane.shape[0]), min(part.shape[1], plane.shape[1])
    scores = cv2.matchTemplate(plane, part[: size[0], : size[1]], cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    return best, x, y, size


def _refined(photo: Float32, version: Float32, matrix: NDArray[np.float64]) -> Fit:
    """The affine map near `matrix` under which both agree best."""
    h, w = photo.shape
    # The version in the photograph's density, so that neither is finer than the other.
    size = (max(8, round(h / matrix[1, 1])), max(8, round(w / matrix[0, 0])))
    version = resize(version, size)
    best = Fit(matrix, _misfit(photo, version, matrix))
    to_pixels = _pixel_matrix(matrix, (h, w), size)
    for blur in _BLURS_PX:
        one, other = (cv2.GaussianBlur(_local(plane), (0, 0), blur) for plane in (photo, version))
        try:
            _, found = cv2.findTransformECC(one, other, to_pixels.astype(np.float32), cv2.MOTION_AFFINE, _STEPS)
        except cv2.error:  # it does not converge: the two have nothing in common there
            continue
        to_pixels = np.asarray(found, np.float64)
        shares = _share_matrix(to_pixels, (h, w), size)
        best = min(best, Fit(shares, _misfit(photo, version, shares)), key=lambda fit: fit.misfit)
    return best


def _misfit(photo: Float32, version: Float32, matrix: NDArray[np.float64]) -> float:
    shown = _shown(matrix, photo.shape) > 0.5
    if shown.mean() < _LEAST_SHARED:
        return 1.0
    warped = _local(_warped(version, matrix, photo.shape, cv2.BORDER_REPLICATE), _FINE_PX)
    return float(np.clip(1 - np.corrcoef(_local(photo, _FINE_PX)[shown], warped[shown])[0, 1], 0, 1))


def _shown(matrix: NDArray[np.float64], size_hw: tuple[int, ...]) -> Float32:
    """1 where the version shows the place."""
    h, w = size_hw
    x, y = np.meshgrid((np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h)
    there = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))
    inside: Float32 = ((there >= 0) & (there <= 1)).all(axis=0).astype(np.float32)
    return inside


def _warped(plane: Float32, matrix: NDArray[np.float64], size_hw: tuple[int, ...], border: int) -> Float32:
    """A plane of the version in the photograph's frame."""
    to_pixels = _pixel_matrix(matrix, size_hw, plane.shape[:2])
    size = (size_hw[1], size_hw[0])
    return np.asarray(
        cv2.warpAffine(plane, to_pixels, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border), np.float32
    )


def _pixel_matrix(matrix: NDArray[np.float64], from_hw: tuple[int, ...], to_hw: tuple[int, ...]) -> NDArray[np.float64]:
    """The map of pixel numbers, whose centers lie half a pixel from the edge, that a map of shares means."""
    linear = np.diag([to_hw[1], to_hw[0]]) @ matrix[:, :2] @ np.diag([1 / from_hw[1], 1 / from_hw[0]])
    offset = np.array([to_hw[1], to_hw[0]]) * matrix[:, 2] + linear @ [0.5, 0.5] - 0.5
    return np.column_stack([linear, offset])


def _share_matrix(pixels: NDArray[np.float64], from_hw: tuple[int, ...], to_hw: tuple[int, ...]) -> NDArray[np.float64]:
    """The inverse of `_pixel_matrix`."""
    shrink = np.diag([1 / to_hw[1], 1 / to_hw[0]])
    linear = shrink @ pixels[:, :2] @ np.diag([from_hw[1], from_hw[0]])
    offset = shrink @ (pixels[:, 2] + 0.5 - pixels[:, :2] @ [0.5, 0.5])
    return np.column_stack([linear, offset])
