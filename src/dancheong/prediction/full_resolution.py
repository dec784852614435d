"""The network's answer at the photograph's own size, strip by strip."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from dancheong.data.prepare import AB_SCALE
from dancheong.imaging.color import lab_to_pixels, lightness_of, to_pixels
from dancheong.imaging.resize import guided_upsampler
from dancheong.imaging.tiling import ByRows
from dancheong.params import Params
from dancheong.system.arrays import Float32, Pixels

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

    def chroma_hwc(self, params: Params) -> Float32:
        """a* and b* (h, w, 2) of LAB models, with VIVID in them: the one place for rows of prediction that change chroma."""
        return self.output_hwc * np.float32(AB_SCALE * (1 if self.is_vivid else params.vivid))


def color_from_chroma(chroma_hwc: Float32, guide_hw: Float32, gray_hw: Pixels | ByRows) -> ByRows:
    """The photograph's own lightness with predicted chroma, which follows the edges of the lightness.

    Args:
        chroma_hwc: (h, w, 2) a* and b* at the working size.
        guide_hw: (h, w) L* at the working size.
        gray_hw: (H, W) uint8 or uint16, the photograph.

    Returns:
        (H, W, 3) RGB in the type of `gray_hw`; colors outside sRGB lose chroma, not lightness.
    """
    chroma_rows = guided_upsampler(chroma_hwc, guide_hw, (gray_hw.shape[0], gray_hw.shape[1]))

    def colored(rows: Pixels, part: slice) -> Pixels:
        lightness = lightness_of(rows)
        return lab_to_pixels(lightness, chroma_rows(lightness, part.start), rows.dtype)

    return ByRows.of(gray_hw).then(colored, 3)


def enlarged_color(rgb_hwc: Float32, size_hw: tuple[int, int], dtype: DTypeLike) -> ByRows:
    """The network's own RGB (h, w, 3) in [0, 1], resized to the photograph's size as uint8 or uint16."""
    # Without edges in the guide, guided upsampling is plain resampling.
    rgb_rows = guided_upsampler(rgb_hwc, np.zeros(rgb_hwc.shape[:2], np.float32), size_hw)
    blank = ByRows(size_hw, np.dtype(np.float32), lambda part: np.zeros((part.stop - part.start, size_hw[1]), np.float32))
    return blank.then(lambda rows, part: to_pixels(rgb_rows(rows, part.start), dtype), 3, dtype)
