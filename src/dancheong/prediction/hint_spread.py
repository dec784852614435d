"""From the colors that a person gave at some places to the color everywhere.

What the network missed at a hint, it missed likewise at places like it. The error of the chroma is taken for a Gaussian
process over the places of one photograph; its mean, given the errors at the hints, is added to the network's answer (kriging;
Rasmussen and Williams 2006, equation 2.25). The covariance of the errors at two places is

.. math:: s_p s_q (c + d\\, y_p \\cdot y_q + \\sum_k v_k \\exp(-|w_k (t_p - t_q)|))

of their traits t: where they are, their lightness and the network's chroma y. s is how large errors are at such lightness and
chroma, c a cast of the whole photograph, d a strength of color that is wrong everywhere, v and w a few reaches and their
shares. The smallest reach, of a few pixels, lets each hint's own place have its color.

These few numbers were fitted to the errors of a network on photographs that it had not seen (docs/log.md). A network that
takes hints as further inputs has an easier way: it learns the photographs by heart and does not listen.
"""

from dataclasses import dataclass
from typing import Any

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
# Reaches: share of the variance, and by how much a distance of one unit counts: of the longer side, of L* / 100, of chroma.
_REACHES = (
    (0.577, 0.141, 4.22, 0.091),
    (0.492, 2.69, 2.97, 0.106),
    (0.252, 6.82, 3.03, 0.047),
    (0.030, 65.0, 3.03, 0.047),
)
_CAST, _STRENGTH = 0.022, 0.00057
# Of L* / 100 - .5, its square, and the chroma / 30.
_AMPLITUDE = (-0.09, -1.66, 0.085)
_NOISE = 1e-3  # two colors at one place
_PAIRS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Canvas:
    """A photograph as the network answered it, ready for hints; it serves for any number of them.

    Attributes:
        predicted: the network's answer, brought along the edges of the lightness to the size at which hints are spread; VIVID
            is in it.
    """

    predicted: Predicted

    @classmethod
    def of(cls, input_hwc: Pixels, predicted: Predicted, params: Params) -> "Canvas":
        """The canvas of a prepared photograph (`Prepared.input_hwc`), of a model with these parameters."""
        height, width = input_hwc.shape[:2]
        size_hw = working_shape(height, width, max(SIDE_PX, params.resol))
        lightness_hw = lightness_of(resize(input_hwc, size_hw)[..., 0])
        output_hwc = predicted.output_hwc * np.float32(params.vivid)
        output_hwc = guided_upsampler(output_hwc, predicted.lightness_hw, size_hw)(lightness_hw, 0)
        return cls(Predicted(output_hwc, lightness_hw, is_vivid=True))

    def hinted(self, hints: Hints) -> Predicted:
        """The network's answer with the colors of `hints` in it and around them; without any, as it was."""
        answer = self.predicted
        chroma_hwc = answer.output_hwc * np.float32(AB_SCALE)
        if hints.cast is not None:
            chroma_hwc = chroma_hwc + (hints.cast - chroma_hwc.mean(axis=(0, 1)))
        if len(hints.places):
            chroma_hwc = chroma_hwc + _correction(hints, chroma_hwc, answer.lightness_hw)
        return Predicted(chroma_hwc / np.float32(AB_SCALE), answer.lightness_hw, is_vivid=True)


def refuse_repainting(params: Params) -> None:
    """Raise ParamError for a model that does not predict the chroma of a gray photograph."""
    if params.color_space != "LAB" or params.pairing == "side_by_side":
        raise ParamError(
            "hints are colors for a gray photograph's own lightness; this model repaints (COLOR_SPACE=RGB or "
            "PAIRING=side_by_side): give a model of COLOR_SPACE=LAB, such as the one that comes along"
        )


def _correction(hints: Hints, chroma_hwc: FloatArray, lightness_hw: FloatArray) -> FloatArray:
    """What is to be added to the chroma everywhere, (h, w, 2)."""
    h, w = lightness_hw.shape
    traits = _traits(chroma_hwc, lightness_hw)
    columns, rows = np.minimum(hints.places * (w, h), (w - 1, h - 1)).astype(int).T
    known = traits[rows * w + columns]
    covariance = _covariance(known, known).astype(np.float64) + _NOISE * np.eye(len(known))
    weights = np.linalg.solve(covariance, hints.colors - chroma_hwc[rows, columns]).astype(np.float32)
    count = max(1, _PAIRS_AT_ONCE // len(known))
    parts = [_covariance(traits[start : start + count], known) @ weights for start in range(0, len(traits), count)]
    return np.concatenate(parts).reshape(h, w, 2)


def _traits(chroma_hwc: FloatArray, lightness_hw: FloatArray) -> FloatArray:
    """(h w, 6): row and column, lightness, chroma, and how large errors are at such places."""
    h, w = lightness_hw.shape
    rows, columns = np.indices((h, w), np.float32) / max(h, w)
    light = lightness_hw / 100 - 0.5
    planes = (light, light**2, np.hypot(chroma_hwc[..., 0], chroma_hwc[..., 1]) / 30)
    amplitude = np.exp(np.tanh(2 * sum(factor * plane for factor, plane in zip(_AMPLITUDE, planes, strict=True))))
    traits = np.stack([rows, columns, light, chroma_hwc[..., 0], chroma_hwc[..., 1], amplitude], axis=-1)
    return np.asarray(traits.reshape(h * w, -1), np.float32)


def _covariance(p: FloatArray, q: FloatArray) -> FloatArray:
    """(len(p), len(q)) of places with these traits."""
    total = _CAST + _STRENGTH * (p[:, 3:5] @ q[:, 3:5].T)
    squares = [(np.subtract.outer(p[:, index], q[:, index])) ** 2 for index in range(5)]
    place, light, chroma = squares[0] + squares[1], squares[2], squares[3] + squares[4]
    for share, *units in _REACHES:
        distance = sum(np.float32(unit**2) * square for unit, square in zip(units, (place, light, chroma), strict=True))
        total += np.float32(share) * np.exp(-np.sqrt(distance))
    return np.asarray(total * p[:, 5:] * q[:, 5], np.float32)
