"""What the parts of `glare` share: resampling, and a gain that keeps color ratios and the gamut."""


import cv2
import numpy as np

from dancheong.imaging.color import luminance
from dancheong.imaging.resize import resampled
from dancheong.imaging.tiling import ByRows
from dancheong.system.arrays import Float32, Pixels


def luminance_of(linear: Float32) -> Float32:
    """Luminance of linear light (h, w, 3); gray (h, w) is its own."""
    return luminance(linear) if linear.ndim == 3 else linear


def multiply(light: Float32, gain_hw: Float32, luma_hw: Float32 | None = None) -> Float32:
    """`light` times `gain_hw`, brought back into [0, 1] by desaturation: luminance is kept, no channel is clipped alone.

    Args:
        light: (h, w) or (h, w, 3) in [0, 1].
        gain_hw: factor at or above 0.
        luma_hw: weighted sum of the channels of `light`, when it is known.
    """
    if light.ndim == 2:
        return np.asarray(np.clip(light * gain_hw, 0, 1), np.float32)
    brighter: Float32 = light * gain_hw[..., None]
    over = np.maximum(np.maximum(brighter[..., 0], brighter[..., 1]), brighter[..., 2]) > 1
    if over.any():
        luma = (luminance(light) if luma_hw is None else luma_hw)[over] * gain_hw[over]
        brighter[over] = desaturate(brighter[over], luma)
    return brighter


def desaturate(light_nc: Float32, luma_n: Float32) -> Float32:
    """Colors (n, 3) with a channel above 1, moved toward the gray of the same luminance until they fit; white at most."""
    top = light_nc.max(axis=-1)
    luma = np.minimum(luma_n, 1)
    keep = np.where(top > 1, (1 - luma) / np.maximum(top - luma, 1e-6), 1).astype(np.float32)
    fitted: Float32 = np.clip(luma[:, None] + keep[:, None] * (light_nc - luma[:, None]), 0, 1)
    return fitted


def area(picture: Pixels | ByRows, size: tuple[int, int]) -> Pixels:
    """Averaged over areas to (height, width) `size`, which is not larger."""
    return resampled(picture, size, cv2.INTER_AREA)


def linear_enlarge(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Enlarged to (height, width) `size` by linear interpolation."""
    return resampled(picture, size, cv2.INTER_LINEAR)


def gaussian(plane: Float32, sigma_px: float) -> Float32:
    """Gaussian blur with symmetric borders, (h, w) or (h, w, c)."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.float32).reshape(
        plane.shape
    )
