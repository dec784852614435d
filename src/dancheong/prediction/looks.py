"""Other plausible colorings of a photograph, and one color over the frames of a sequence. Both change chroma alone.

A look adds a cast to the network's chroma: more yellow, more blue, more red, more green. The cast is strongest where the
network has decided on a color, because there the hue is in doubt; what it takes for gray changes half as much. Casts of one
strength everywhere, casts that follow the network's spread, and casts that were learned were further from the truth, or no
nearer (docs/log.md). The likelihoods are the shares of 134 photographs to which each look was the nearest.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.data.prepare import AB_SCALE
from dancheong.params import ParamError, Params
from dancheong.prediction.full_resolution import Predicted

FloatArray = NDArray[np.float32]

LIKELIHOODS = (0.60, 0.13, 0.12, 0.09, 0.06)  # of the ordinary look and of those of `_CASTS`
_CASTS = ((0, 1), (0, -1), (1, 0), (-1, 0))
_STRENGTH = 8.0  # mean change of a* or b*
_MOST = 2.0  # chroma beyond this many means of the photograph adds no more
REACH_FRAMES = 5  # frames before and after that a frame's color is averaged with
_AGREES = 0.35  # difference of lightness, in its standard deviations, at which a frame counts by exp(-1/2)
_LEAST_AGREEMENT = 0.5  # a frame that agrees less shows something else


def refuse_without_chroma(params: Params, option: str) -> None:
    """Raise ParamError for a model that repaints its photographs."""
    if params.color_space != "LAB":
        raise ParamError(f"{option} changes chroma alone, and COLOR_SPACE={params.color_space} predicts everything anew")


def likelihoods(looks: int) -> list[float]:
    """How likely each of `looks` looks is the nearest to the truth, the first one first; together 1.

    Raises:
        ParamError: more looks than there are.
    """
    if not 1 <= looks <= len(LIKELIHOODS):
        raise ParamError(f"{looks} looks came; 1 to {len(LIKELIHOODS)} were expected")
    return [round(one / sum(LIKELIHOODS[:looks]), 2) for one in LIKELIHOODS[:looks]]


def look_names(output: Path, looks: int) -> tuple[Path, ...]:
    """Where the second look and the following go: ``a_colored_look2.jpg`` for ``a_colored.jpg``."""
    return tuple(output.with_name(f"{output.stem}_look{number}{output.suffix}") for number in range(2, looks + 1))


def look_digest(params: str, number: int, is_one_of_several: bool = True) -> str:
    """What a result says of its parameters, whose digest is `params`, where it is this look."""
    return f"{params} look {number}" if number > 1 or is_one_of_several else params


def look(predicted: Predicted, number: int) -> Predicted:
    """The network's answer in another look; `number` from 1, which is the answer as it is."""
    if number == 1:
        return predicted
    chroma_hw = np.hypot(predicted.output_hwc[..., 0], predicted.output_hwc[..., 1])
    relative_hw = np.minimum(chroma_hw / max(float(chroma_hw.mean()), 1 / AB_SCALE), _MOST)
    weight_hwc = (0.5 + 0.5 * relative_hw / max(float(relative_hw.mean()), 0.5))[..., None]
    cast = np.array(_CASTS[number - 2]) * _STRENGTH / AB_SCALE
    return replace(predicted, output_hwc=(predicted.output_hwc + weight_hwc * cast).astype(np.float32))


def frames_around(photos: Sequence[Path]) -> dict[Path, tuple[Path, ...]]:
    """The frames before and after each photograph, in the order of names within its folder (2 stands before 10)."""
    around: dict[Path, tuple[Path, ...]] = {}
    for folder in dict.fromkeys(photo.parent for photo in photos):
        frames = sorted((photo for photo in photos if photo.parent == folder), key=_in_name_order)
        for number, photo in enumerate(frames):
            some = frames[max(0, number - REACH_FRAMES) : number + REACH_FRAMES + 1]
            around[photo] = tuple(frame for frame in some if frame != photo)
    return around


def _in_name_order(photo: Path) -> tuple[list[int | str], str]:
    # Digits stand at the odd places, so that numbers are compared with numbers.
    parts = re.split(r"([0-9]+)", photo.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], photo.name


def steadied(own: Predicted, others: Iterable[Predicted]) -> tuple[Predicted, int]:
    """The network's answer averaged with those for the frames around; and how many of these show the same subject.

    Each place is followed into the other frame (dense inverse search, Kroeger and others 2016), and counts as far as the
    lightness agrees there. Lightness is compared in its own mean and deviation, so that brackets of one subject agree.
    """
    own_hw = _standard(own.lightness_hw)
    total_hwc, weight_hw, count = own.output_hwc.copy(), np.ones_like(own_hw), 0
    for other in others:
        if other.lightness_hw.shape != own_hw.shape:
            continue
        moved_hwc, agreement_hw = _followed(own_hw, _standard(other.lightness_hw), other.output_hwc)
        if agreement_hw.mean() >= _LEAST_AGREEMENT:
            total_hwc += agreement_hw[..., None] * moved_hwc
            weight_hw += agreement_hw
            count += 1
    return replace(own, output_hwc=total_hwc / weight_hw[..., None]), count


def _standard(lightness_hw: FloatArray) -> FloatArray:
    result: FloatArray = (lightness_hw - lightness_hw.mean()) / np.float32(max(float(lightness_hw.std()), 1.0))
    return result


def _followed(own_hw: FloatArray, other_hw: FloatArray, output_hwc: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The other frame's answer at the places of this one, and how much the lightness agrees there, in [0, 1]."""
    codes = [np.clip(plane * 48 + 128, 0, 255).astype(np.uint8) for plane in (own_hw, other_hw)]
    flow_hwc = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(codes[0], codes[1], None)  # type: ignore[call-overload]
    h, w = own_hw.shape
    x_hw = (np.arange(w, dtype=np.float32) + flow_hwc[..., 0]).astype(np.float32)
    y_hw = (np.arange(h, dtype=np.float32)[:, None] + flow_hwc[..., 1]).astype(np.float32)
    moved_hwc, lightness_hw = (
        cv2.remap(np.ascontiguousarray(plane), x_hw, y_hw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for plane in (output_hwc, other_hw)
    )
    agreement_hw = np.exp(-0.5 * ((lightness_hw - own_hw) / _AGREES) ** 2)
    inside_hw = (x_hw >= 0) & (x_hw <= w - 1) & (y_hw >= 0) & (y_hw <= h - 1)
    return np.asarray(moved_hwc, np.float32), np.asarray(agreement_hw * inside_hw, np.float32)
