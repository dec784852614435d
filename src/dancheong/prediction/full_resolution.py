"""The network's answer at the photograph's own size, strip by strip."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from dancheong.imaging.color import lab_to_pixels, lightness_of, to_pixels
from dancheong.imaging.resize import guided_upsampler
from dancheong.imaging.tiling import for_each_strip
from dancheong.system.arrays import Float32, Pixels

# Large enough that the work that holds Python's lock is small; a strip takes some 40 MB.
STRIP_PIXELS = 1 << 18
STRIP_BYTES = 150  # memory a pixel of a strip


@dataclass(frozen=True, eq=False)
class Predicted:
    """The network's answer at the working size.

    `output_hwc`: (h, w, 2) chroma or (h, w, 3) RGB in [-1, 1]; `lightness_hw`: (h, w) L* of its input (of LAB models);
    `is_vivid`: VIVID is in it.
    """

    output_hwc: Float32
    lightness_hw: Float32
    is_vivid: bool = False


def strip_rows(width_px: int, tile_px: int = 0) -> int:
    """Rows of a strip: TILE_PX where it is given, else as many as STRIP_PIXELS hold; at least 1."""
    return tile_px or max(1, STRIP_PIXELS // width_px)


def color_from_chroma(
    chroma_hwc: Float32, guide_hw: Float32, gray_hw: Pixels, rows: int, threads: int = 1
) -> Pixels:
    """The photograph's own lightness with predicted chroma, which follows the edges of the lightness.

    Args:
        chroma_hwc: (h, w, 2) a* and b* at the working size.
        guide_hw: (h, w) L* at the working size.
        gray_hw: (H, W) uint8 or uint16, the photograph.
        rows: height of a strip; the result does not depend on it.
        threads: strips at a time; the result does not depend on it.

    Returns:
        (H, W, 3) RGB in the type of `gray_hw`; colors outside sRGB lose chroma, not lightness.
    """
    chroma_rows = guided_upsampler(chroma_hwc, guide_hw, gray_hw.shape)
    rgb = np.empty((*gray_hw.shape, 3), gray_hw.dtype)

    def color_strip(part: slice) -> None:
        lightness = lightness_of(gray_hw[part])
        rgb[part] = lab_to_pixels(lightness, chroma_rows(lightness, part.start), rgb.dtype)

    for_each_strip(color_strip, gray_hw.shape[0], rows, threads)
    return rgb


def enlarged_color(
    rgb_hwc: Float32, size_hw: tuple[int, int], dtype: DTypeLike, rows: int, threads: int = 1
) -> Pixels:
    """The network's own RGB (h, w, 3) in [0, 1], resized to the photograph's size as uint8 or uint16."""
    # Without edges in the guide, guided upsampling is plain resampling.
    rgb_rows = guided_upsampler(rgb_hwc, np.zeros(rgb_hwc.shape[:2], np.float32), size_hw)
    rgb = np.empty((*size_hw, 3), dtype)

    def resize_strip(part: slice) -> None:
        blank = np.zeros((part.stop - part.start, size_hw[1]), np.float32)
        rgb[part] = to_pixels(rgb_rows(blank, part.start), dtype)

    for_each_strip(resize_strip, size_hw[0], rows, threads)
    return rgb
