"""From the network's picture to the photograph's own size, strip by strip; and what memory a photograph will take."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dancheong.imaging.color import lab_to_rgb, lightness_of, to_pixels
from dancheong.imaging.resize import guided_upsampler, working_shape
from dancheong.imaging.tiling import strips
from dancheong.params import ParamError, Params

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]

# Fits the processor's cache (strips of a million pixels take five times as long a pixel), and takes some 10 MB.
STRIP_PIXELS = 1 << 16
STRIP_BYTES = 150

# Bytes a pixel of the photograph, at the peak of reading, coloring and writing one file with its mask; by (color, 16 bit).
# Measured as growth of the process over files of 24 and 48 megapixels (JPEG, PNG, TIFF; GLARE_MODE=region+lossmask; in
# coloring alone the other modes differ by 1 at most): 13.4, 25.6, 39.1, 42.1. Of color the gray is computed in float.
FULL_SIZE_BYTES = {(False, False): 14, (False, True): 26, (True, False): 40, (True, True): 43}
# Bytes a pixel of the working size: measured 327 and 322 with NGF=32 at 1.6 and 4.2 megapixels, 566 with NGF=64.
NETWORK_BYTES, NETWORK_BYTES_PER_NGF = 90, 8


def strip_rows(width_px: int, tile_px: int = 0) -> int:
    """Rows of a strip: TILE_PX where it is given, else as many as STRIP_PIXELS hold; at least 1."""
    return tile_px or max(1, STRIP_PIXELS // width_px)


def memory_gb(pixels: Pixels, params: Params) -> float:
    """About how many GB (10^9 bytes) coloring a photograph takes, beside the program and the model itself.

    Args:
        pixels: (h, w) or (h, w, 3), uint8 or uint16: the photograph as it was read.
    """
    height, width = pixels.shape[:2]
    full = height * width * FULL_SIZE_BYTES[pixels.ndim == 3, pixels.dtype.itemsize == 2]
    network = math.prod(working_shape(height, width, params.resol)) * (NETWORK_BYTES + NETWORK_BYTES_PER_NGF * params.ngf)
    strip = min(strip_rows(width, params.tile_px), height) * width * STRIP_BYTES
    return float(full + network + strip) / 1e9


def check_memory(pixels: Pixels, params: Params) -> None:
    """Refuse a photograph that needs more than MEMORY_GB, before anything is computed.

    Raises:
        ParamError: saying how much it needs and what to do.
    """
    needed = memory_gb(pixels, params)
    if needed > params.memory_gb:
        height, width = pixels.shape[:2]
        raise ParamError(
            f"{width} x {height} px: coloring it needs about {needed:.1f} GB, MEMORY_GB is {params.memory_gb:g}: "
            "raise MEMORY_GB if the machine has that much, or make the photograph smaller"
        )


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
