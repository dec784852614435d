"""From the colors that a person gave at some places to the color everywhere.

What the network missed at a hint, it missed likewise at places like it. The error of the chroma is taken for a Gaussian
process over the places of one photograph; its mean, given the errors at the hints, is added to the network's answer (kriging;
Rasmussen and Williams 2006, equation 2.25). The covariance of the errors at two places p and q is

.. math:: s_p s_q \\left(c + t_p \\cdot D t_q + \\sum_k v_k \\exp(-|W_k (t_p - t_q)|^{e_k})\\right)

of their traits t: row and column, lightness, the network's a* and b*, and the mean lightness around at three widths, because
a sky and a white wall differ by what is beside them. s is how large errors are at a place of such lightness, c a cast of the
whole photograph; D lets the cast change along the traits, most of all with the network's chroma, whose strength and hue may be
wrong everywhere. v, W and e are a few reaches: along a row errors are alike farther than up and down, because sky, roofs, walls
and ground lie in layers. The smallest reach, of some pixels, lets each hint's own place have its color.

These few numbers were fitted to the errors of a network on photographs that it had not seen (docs/log.md). A network that
takes hints as further inputs has an easier way: it learns the photographs by heart and does not listen.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.data.prepare import AB_SCALE
from dancheong.imaging.color import lightness_of
from dancheong.imaging.resize import guided_upsampler, resize, working_shape
from dancheong.params import ParamError, Params
from dancheong.prediction.full_resolution import Predicted
from dancheong.prediction.hints import Hints

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]

# Hints are spread at this shorter side, or at the network's where that is larger.
SIDE_PX = 256
# Of the traits: row and column in shares of the longer side, lightness in L* / 100, a*, b*, and the lightness around, as
# Gaussian means of these deviations, in shares of the longer side. Places and lightness are counted from about the middle.
_MIDDLE = (0.4, 0.4, 0.5)
_AROUND = (0.006, 0.02, 0.07)
# Reaches: share v, exponent e, and weights W of each trait.
_REACHES = (
    (0.346, 1.25, 0.824, 0.0154, 6.22, 0.0781, 0.0843, 5.4, 4.2, 3.44),
    (0.943, 1.48, 5.24, 0.114, 1.69, 0.264, 0.0637, 3.38, 2.02, 2.98),
    (0.261, 1.55, 6.6, 4.07, 0.697, 0.00994, 0.0491, 3.14, 1.79, 1.33),
    (0.02, 1.0, 60.0, 60.0, 3.0, 0.05, 0.05, 0.05, 0.05, 0.05),
)
_CAST, _SLOPES = 0.0584, (0.189, 0.0186, 0.0575, 0.00808, 0.000614, 0.126, 0.0525, 0.127)
# How large errors are: of lightness, its square, chroma / 30, row, and the lightness around.
_AMPLITUDE = (-0.311, -2.092, -0.111, 0.177, 0.381, -0.269, -0.29)
# How far a palette's colors reach, in L*, a* and b*, and what share of the way to them is gone.
_PALETTE_SPREAD, _PALETTE_STRENGTH = np.array([16, 15, 15], np.float32), np.float32(0.5)
_NOISE = 1e-3  # two colors at one place
_PAIRS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Canvas:
    """A photograph as the network answered it, ready for hints; it serves for any number of them.

    Attributes:
        predicted: the network's answer, brought along the edges of the lightness to the size at which hints are spread; VIVID
            is in it.
        reach: HINT_REACH.
    """

    predicted: Predicted
    reach: float = 1.0

    @classmethod
    def of(cls, input_hwc: Pixels, predicted: Predicted, params: Params) -> "Canvas":
        """The canvas of a prepared photograph (`Prepared.input_hwc`), of a model with these parameters."""
        height, width = input_hwc.shape[:2]
        size_hw = working_shape(height, width, max(SIDE_PX, params.predict_px))
        lightness_hw = lightness_of(resize(input_hwc, size_hw).reshape(size_hw))
        output_hwc = predicted.chroma_hwc(params) / np.float32(AB_SCALE)
        output_hwc = guided_upsampler(output_hwc, predicted.lightness_hw, size_hw)(lightness_hw, 0)
        return cls(Predicted(output_hwc, lightness_hw, is_vivid=True), params.hint_reach)

    def hinted(self, hints: Hints) -> Predicted:
        """The network's answer with the colors of `hints` in it and around them; without any, as it was."""
        answer = self.predicted
        chroma_hwc = answer.output_hwc * np.float32(AB_SCALE)
        if hints.cast is not None:
            chroma_hwc = chroma_hwc + (hints.cast - chroma_hwc.mean(axis=(0, 1)))
        if len(hints.palette):
            chroma_hwc = _toward(hints.palette, chroma_hwc, answer.lightness_hw)
        if len(hints.places):
            chroma_hwc = chroma_hwc + _correction(hints, chroma_hwc, answer.lightness_hw, self.reach)
        return Predicted(chroma_hwc / np.float32(AB_SCALE), answer.lightness_hw, is_vivid=True)


def refuse_repainting(params: Params) -> None:
    """Raise ParamError for a model that does not predict the chroma of a gray photograph."""
    if params.color_space != "LAB" or params.pairing == "side_by_side":
        raise ParamError(
            "hints are colors for a gray photograph's own lightness; this model repaints (COLOR_SPACE=RGB or "
            "PAIRING=side_by_side): give a model of COLOR_SPACE=LAB, such as the one that comes along"
        )


def _toward(palette: FloatArray, chroma_hwc: FloatArray, lightness_hw: FloatArray) -> FloatArray:
    """The chroma, moved halfway to the palette's colors that are likely there: of like lightness and near the network's answer.

    All the way would be worth more where a palette is right to the point, and harm where a person misjudged it (docs/log.md).
    """
    own = np.concatenate([lightness_hw[..., None], chroma_hwc], axis=-1)
    squares = [np.square(np.nan_to_num((own - color) / _PALETTE_SPREAD)).sum(axis=-1) for color in palette]
    likely = np.exp((np.min(squares, axis=0) - squares) / 2)
    colors_hwc = np.einsum("nhw,nc->hwc", likely / likely.sum(axis=0), palette[:, 1:])
    return np.asarray(chroma_hwc + _PALETTE_STRENGTH * (colors_hwc - chroma_hwc), np.float32)


def _correction(hints: Hints, chroma_hwc: FloatArray, lightness_hw: FloatArray, reach: float) -> FloatArray:
    """What is to be added to the chroma everywhere, (h, w, 2); `reach`: see HINT_REACH."""
    h, w = lightness_hw.shape
    traits = _traits(chroma_hwc, lightness_hw)
    columns, rows = np.minimum(hints.places * (w, h), (w - 1, h - 1)).astype(int).T
    known = traits[rows * w + columns]
    covariance = _covariance(known, known, reach).astype(np.float64) + _NOISE * np.eye(len(known))
    weights = np.linalg.solve(covariance, hints.colors - chroma_hwc[rows, columns]).astype(np.float32)
    count = max(1, _PAIRS_AT_ONCE // len(known))
    parts = [_covariance(traits[start : start + count], known, reach) @ weights for start in range(0, len(traits), count)]
    return np.concatenate(parts).reshape(h, w, 2)


def _traits(chroma_hwc: FloatArray, lightness_hw: FloatArray) -> FloatArray:
    """(h w, 9): row, column, lightness, a*, b*, lightness around (3), and how large errors are at such places."""
    h, w = lightness_hw.shape
    rows, columns = (np.indices((h, w), np.float32) + np.float32(0.5)) / max(h, w)
    light_hw = lightness_hw / 100 - np.float32(_MIDDLE[2])
    row, column = rows - _MIDDLE[0], columns - _MIDDLE[1]
    around = [cv2.GaussianBlur(light_hw, (0, 0), share * max(h, w)) for share in _AROUND]
    a, b = np.moveaxis(chroma_hwc, -1, 0)
    size = np.stack([light_hw, light_hw**2, np.hypot(a, b) / 30, row, *around], axis=-1) @ np.array(_AMPLITUDE)
    traits = np.stack([row, column, light_hw, a, b, *around, np.exp(np.tanh(2 * size))], axis=-1)
    return np.asarray(traits.reshape(h * w, -1), np.float32)


def _covariance(p: FloatArray, q: FloatArray, reach: float) -> FloatArray:
    """(len(p), len(q)) of places with these traits."""
    some, others = p[:, :-1], q[:, :-1]
    # A hint that reaches less far than usual says less of the whole photograph.
    total = np.float32(min(1.0, reach) ** 2) * (np.float32(_CAST) + (some * np.array(_SLOPES, np.float32)) @ others.T)
    for share, exponent, *weights in _REACHES:
        scale = np.array(weights, np.float32) / np.float32(reach)
        near, far = some * scale, others * scale
        squares = (near**2).sum(axis=1)[:, None] + (far**2).sum(axis=1) - 2 * (near @ far.T)
        total += np.float32(share) * np.exp(-(np.maximum(squares, 0) ** np.float32(exponent / 2)))
    return np.asarray(total * p[:, -1:] * q[:, -1], np.float32)
