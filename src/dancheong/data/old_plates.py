"""Gray photographs as an old plate would show them: emulsion, blur, grain, scratches and fading (OLD_PLATES).

Emulsions before panchromatic film (from about 1906, usual from about 1925) saw no red: a vermilion gate is nearly black
on them and a blue sky white. A network that knows only today's gray takes such a gate for a dark one. The ranges below are
wide on purpose; they follow what is seen on scans, and no measurement of one emulsion.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import decode, linear_to_srgb, luminance, to_pixels

Codes = NDArray[np.uint8]

# Shares of the light that the emulsion takes from red and blue; green gives the rest. Blue alone: wet collodion.
_RED, _BLUE = (0.0, 0.1), (0.3, 1.0)
# In shares of the shorter side, of white, and as numbers.
_BLUR, _GRAIN, _GRAIN_SIZE = 0.005, 0.06, (0.0, 0.004)
_BLACK, _WHITE, _CONTRAST = (0.0, 0.3), (0.75, 1.0), (0.7, 1.3)
_SCRATCHES, _SPOTS = 6, 12
# Dark places have a ratio of two colors, too, but a very noisy one.
_FLOOR = 0.01


def as_old_plate(gray_hw: Codes, truth_hwc: Codes, rng: np.random.Generator) -> Codes:
    """The gray input (h, w) of the colors `truth_hwc` (h, w, 3) as an old plate might show it, uint8."""
    height, width = gray_hw.shape
    side_px = min(height, width)

    # The emulsion: each pixel's light by the ratio of what the emulsion sees to what an eye sees.
    red, blue = rng.uniform(*_RED), rng.uniform(*_BLUE)
    light_hwc = decode(truth_hwc)
    seen_hw = light_hwc @ np.array([red, max(0.0, 1 - red - blue), blue], np.float32)
    light_hw = decode(gray_hw) * (seen_hw + _FLOOR) / (luminance(light_hwc) + _FLOOR)
    tone_hw = linear_to_srgb(np.clip(light_hw, 0, 1)) ** np.float32(rng.uniform(*_CONTRAST))

    # Lens and grain, which clumps.
    tone_hw = _blurred(tone_hw, rng.uniform(0, _BLUR) * side_px)
    grain_hw = _blurred(rng.standard_normal((height, width), np.float32), rng.uniform(*_GRAIN_SIZE) * side_px)
    tone_hw = tone_hw + rng.uniform(0, _GRAIN) * grain_hw / max(float(grain_hw.std()), 1e-6)

    # Damage of the surface, black or white, and fading.
    tone_hw = _damaged(np.ascontiguousarray(tone_hw, np.float32), rng)
    black, white = rng.uniform(*_BLACK), rng.uniform(*_WHITE)
    return to_pixels(np.clip(black + (white - black) * np.clip(tone_hw, 0, 1), 0, 1).astype(np.float32), np.uint8)


def _blurred(plane_hw: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane_hw, (0, 0), sigma_px), np.float32) if sigma_px > 0.1 else plane_hw


def _damaged(tone_hw: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = tone_hw.shape
    for _ in range(int(rng.integers(_SCRATCHES + 1))):
        x, slant = rng.uniform(0, width), rng.normal(0, 0.1) * height
        cv2.line(tone_hw, (round(x), 0), (round(x + slant), height), float(rng.integers(2)), 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(_SPOTS + 1))):
        place = int(rng.integers(width)), int(rng.integers(height))
        radius_px = int(rng.integers(1, max(2, min(height, width) // 50)))
        cv2.circle(tone_hw, place, radius_px, float(rng.integers(2)), -1, cv2.LINE_AA)
    return tone_hw
