"""From the network's picture to the photograph's own size, strip by strip, so that memory does not grow with the height."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dancheong.imaging.color import lab_to_rgb, lightness_of, to_pixels
from dancheong.imaging.resize import guided_upsampler
from dancheong.imaging.tiling import strips

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]

# Fits the processor's cache (strips of a million pixels take five times as long a pixel), and takes some 10 MB at 150
# bytes a pixel: less than any MEMORY_GB allows.
STRIP_PIXELS = 1 << 16


def strip_rows(width_px: int, tile_px: int = 0) -> int:
    """Rows of a strip: TILE_PX where it is given, else as many as STRIP_PIXELS hold; at least 1."""
    return tile_px or max(1, STRIP_PIXELS // width_px)


def color_from_chroma(chroma_hwc: FloatArray, guide_hw: FloatArray, gray_hw: Pixels, rows: int) -> Pixels:
    """The photograph's own lightness with predicted chroma, which follows the edges of the lightness.

    Args:
        chroma_hwc: (h, w, 2) a* and b* at the working size.
        guide_hw: (h, w) L* at the working size.
        gray_hw: (H, W) uint8 or uint16, the photograph.
        rows: height of a strip; the result does not depend on it.

    Returns:
        (H, W, 3) RGB in the type of `gray_hw`; colors outside sRGB lose chroma, not lightness.
    """
    height, width = gray_hw.shape
    chroma_rows = guided_upsampler(chroma_hwc, guide_hw, (height, width))
    color = np.empty((height, width, 3), gray_hw.dtype)
    for strip in strips(height, rows, 0):
        part = slice(strip.keep_start, strip.keep_stop)
        lightness = lightness_of(gray_hw[part])
        lab = np.concatenate([lightness[..., None], chroma_rows(lightness, strip.keep_start)], axis=2)
        color[part] = to_pixels(lab_to_rgb(lab), color.dtype)
    return color


def enlarged_color(rgb_hwc: FloatArray, size_hw: tuple[int, int], dtype: DTypeLike, rows: int) -> Pixels:
    """The network's own RGB (h, w, 3) in [0, 1], resized to the photograph's size as uint8 or uint16."""
    # With a guide that shows nothing there is nothing to follow: plain resampling, in strips.
    rgb_rows = guided_upsampler(rgb_hwc, np.zeros(rgb_hwc.shape[:2], np.float32), size_hw)
    color = np.empty((*size_hw, 3), dtype)
    for strip in strips(size_hw[0], rows, 0):
        blank = np.zeros((strip.keep_stop - strip.keep_start, size_hw[1]), np.float32)
        color[strip.keep_start : strip.keep_stop] = to_pixels(rgb_rows(blank, strip.keep_start), dtype)
    return color
