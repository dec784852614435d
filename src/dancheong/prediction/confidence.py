r"""The confidence in a coloring, pixel by pixel: the error to be expected, without knowing the truth.

Three things show it. A network that knows what it sees gives the same chroma for the mirrored photograph and for the
photograph at other sizes; the more these answers spread, the larger is the error. Near black and near white sRGB has no
room for chroma, so the error is small. And where the prediction fills much of that room, the network has decided on a
color; where it stays gray, it averages over several. The expected Delta E 2000 is

.. math:: E + 2 = \exp(1.216 + 0.303 \ln(R + 3) + 0.240 \ln(S + 1) - 0.556\, C / (R + 5) - 0.004\, L^*)

with the room R for chroma at L*, the spread S and the predicted chroma C. The weights were fitted to the errors of two
models on their own training photographs (docs/log.md). The spread under changes of exposure and contrast was tried, too:
its order is no better than chance. Confidence is :math:`1 / (1 + (E / 8)^2)`.
"""


import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.data.prepare import AB_SCALE
from dancheong.imaging.color import rgb_to_lab
from dancheong.imaging.resize import resize, scaled_size, working_shape
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.full_resolution import Predicted
from dancheong.system.arrays import Float32, Pixels

SCALES = (0.75, 1.33)
# The largest chroma in sRGB at L* = 0, 5, ..., 100, the mean over hues.
ROOM = (0.0, 16.5, 24.2, 30.0, 35.5, 40.8, 45.8, 50.7, 55.3, 59.1, 62.8,
        65.1, 64.1, 61.6, 58.4, 54.6, 49.9, 44.5, 36.2, 18.6, 0.0)  # fmt: skip
_SMOOTH = 85  # the spread is smoothed with a sigma of RESOL / 85
_HALF_CONFIDENCE = 8.0  # Delta E 2000 at which confidence is one half


def confidence_map(model: Colorizer, input_hwc: Pixels, predicted: Predicted | None = None) -> NDArray[np.uint8]:
    """The confidence in each pixel's color, as (h, w) uint8: 255 is sure, 128 a Delta E 2000 of 8 to be expected.

    Args:
        input_hwc: a prepared photograph (`Prepared.input_hwc`), any size.
        predicted: the network's answer for `input_hwc`; None: the network is asked.

    Raises:
        ParamError: the model is of side-by-side pairs, whose truth is not a color of the input.
    """
    refuse_pairs(model)
    error_hw = expected_error(model, input_hwc, predicted)
    levels = np.rint(255 / (1 + (error_hw / _HALF_CONFIDENCE) ** 2)).astype(np.uint8)
    return resize(levels, (input_hwc.shape[0], input_hwc.shape[1]))


def refuse_pairs(model: Colorizer) -> None:
    """Raise ParamError for a model of side-by-side pairs."""
    if model.params.pairing == "side_by_side":
        raise ParamError("a map of confidence is of the colors of a gray photograph; PAIRING=side_by_side has none")


def expected_error(model: Colorizer, input_hwc: Pixels, predicted: Predicted | None = None) -> Float32:
    """The Delta E 2000 to be expected at each pixel of the working size, float32 (h, w), at or above 0."""
    lightness_hw, chroma_hwc = _lab(model, predicted or model.predict(input_hwc))
    spread_hw = _spread(model, input_hwc, chroma_hwc)
    room = np.interp(lightness_hw, np.linspace(0, 100, len(ROOM)), ROOM)
    filled = np.hypot(chroma_hwc[..., 0], chroma_hwc[..., 1]) / (room + 5)
    logarithm = 1.216 + 0.303 * np.log(room + 3) + 0.24 * np.log(spread_hw + 1) - 0.556 * filled - 0.004 * lightness_hw
    return np.asarray(np.maximum(np.exp(logarithm) - 2, 0), np.float32)


def _spread(model: Colorizer, input_hwc: Pixels, chroma_hwc: Float32) -> Float32:
    """Root mean square distance of the chroma of the photograph mirrored and at other sizes, smoothed; in a* and b*."""
    h, w = chroma_hwc.shape[:2]
    small = resize(input_hwc, working_shape(input_hwc.shape[0], input_hwc.shape[1], model.params.predict_px))
    others = [_lab(model, model.predict(np.ascontiguousarray(small[:, ::-1])))[1][:, ::-1]]
    for scale in SCALES:
        scaled = resize(input_hwc, scaled_size(h, w, scale))
        others.append(resize(_lab(model, model.predict_at_size(scaled))[1], (h, w)))
    squares = np.mean([((other - chroma_hwc) ** 2).sum(axis=-1) for other in others], axis=0, dtype=np.float32)
    sigma_px = max(model.params.predict_px / _SMOOTH, 0.5)
    return np.asarray(cv2.GaussianBlur(np.sqrt(squares), (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), np.float32)


def _lab(model: Colorizer, predicted: Predicted) -> tuple[Float32, Float32]:
    """L* (h, w), and a* and b* (h, w, 2), of the network's answer, without VIVID, which adds no knowledge."""
    if model.params.color_space == "LAB":
        return predicted.lightness_hw, predicted.output_hwc * np.float32(AB_SCALE)
    lab_hwc = rgb_to_lab(np.clip(predicted.output_hwc * np.float32(0.5) + np.float32(0.5), 0, 1))
    return lab_hwc[..., 0], np.ascontiguousarray(lab_hwc[..., 1:])
