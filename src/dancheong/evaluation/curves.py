"""What more color, and what hints, are worth: the error of one model at several values of VIVID, and after some hints."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import Pair, find_pairs
from dancheong.evaluation.evaluate import gray_and_truth
from dancheong.imaging.color import rgb_to_lab
from dancheong.imaging.metrics import chroma_wasserstein, colorfulness, delta_e_2000, mean_delta_e_2000
from dancheong.imaging.resize import resize
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.hint_spread import Canvas, refuse_repainting
from dancheong.prediction.hints import MAX_HINTS, Hints

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]
Watch = Callable[[int, int], None]
VIVIDS = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0)
# Enough for means; each is colored once for each VIVID.
PHOTOGRAPHS = 60
_SEED = 1
# Of the longer side: the neighborhood over which a person sees an error.
_NEIGHBORHOOD = 0.03


@dataclass(frozen=True)
class TradePoint:
    """Means over photographs at one VIVID; `chroma_wasserstein` is the distance of the histograms of a* and b*, in Lab."""

    vivid: float
    delta_e_2000: float
    colorfulness: float
    colorfulness_truth: float
    chroma_wasserstein: float


@dataclass(frozen=True)
class HintPoint:
    """Mean Delta E 2000 over photographs after so many hints: at places by chance, and where the result was wrong."""

    hints: int
    by_chance: float
    where_wrong: float


def trade(
    colorizer: Colorizer, photos: str | Path, vivids: Sequence[float] = VIVIDS, watch: Watch | None = None
) -> list[TradePoint]:
    """Scores at each VIVID, over at most PHOTOGRAPHS photographs spread evenly over the folder.

    A network that is unsure of a color answers between the candidates: the error is small and the color washed out. VIVID
    multiplies the predicted chroma. More of it costs error; the curve says how much, and where a model's color is as strong,
    or spread as widely, as the truth's.

    Raises:
        ParamError: the model repaints everything (COLOR_SPACE=RGB), so that VIVID does nothing.
        NoPhotographs, PhotographRefused: nothing usable is left, or one of them is not.
    """
    if colorizer.params.color_space != "LAB":
        raise ParamError("COLOR_SPACE=RGB: such a model repaints everything, and VIVID does nothing")
    pairs, _ = find_pairs(Path(photos), colorizer.params)
    chosen = pairs[:: -(-len(pairs) // PHOTOGRAPHS)]
    scores = np.zeros((len(vivids), len(fields(TradePoint)) - 1))
    for gray, truth in _each(colorizer, chosen, watch):
        scores += _at_vivids(colorizer, gray, truth, vivids)
    return [TradePoint(vivid, *map(float, row / len(chosen))) for vivid, row in zip(vivids, scores, strict=True)]


def hint_curve(
    colorizer: Colorizer, photos: str | Path, counts: Sequence[int], watch: Watch | None = None
) -> list[HintPoint]:
    """The error after each of `counts` hints, at the size at which hints are spread (shorter side 256 px).

    The hints are those of two simulated persons, who know the truth at each place. One gives colors at places by chance. The
    other looks at the result after each hint and gives the next one where the largest region is wrong: at the maximum of
    the error, averaged over a neighborhood.

    Raises:
        ParamError: the model does not predict chroma alone.
        ValueError: counts that no person gives.
        NoPhotographs, PhotographRefused: nothing usable is left, or one of them is not.
    """
    refuse_repainting(colorizer.params)
    if not counts or min(counts) < 0 or max(counts) > MAX_HINTS:
        raise ValueError(f"numbers of hints from 0 to {MAX_HINTS} were expected, not {list(counts)}")
    pairs, _ = find_pairs(Path(photos), colorizer.params)
    errors = np.zeros((len(counts), 2))
    for number, (gray, truth) in enumerate(_each(colorizer, pairs, watch), 1):
        person = _Person(colorizer, gray, truth)
        by_chance = np.random.default_rng((_SEED, number)).random((max(counts), 2), np.float32)
        where_wrong = person.where_wrong(max(counts))
        errors += [[person.error_after(places[:count]) for places in (by_chance, where_wrong)] for count in counts]
    return [HintPoint(count, *map(float, row / len(pairs))) for count, row in zip(counts, errors, strict=True)]


def _each(colorizer: Colorizer, pairs: Sequence[Pair], watch: Watch | None) -> Iterator[tuple[Pixels, Pixels]]:
    for number, pair in enumerate(pairs, 1):
        yield gray_and_truth(pair, colorizer.params)
        if watch:
            watch(number, len(pairs))


def _at_vivids(colorizer: Colorizer, gray: Pixels, truth_hwc: Pixels, vivids: Sequence[float]) -> NDArray[np.float64]:
    input_hwc = colorizer.prepare(gray).input_hwc
    rows = []
    for vivid in vivids:
        # The network itself is shared.
        other = copy.copy(colorizer)
        other.params = colorizer.params.model_copy(update={"vivid": vivid})
        result_hwc = other.color(input_hwc)
        rows.append([
            mean_delta_e_2000(result_hwc, truth_hwc), colorfulness(result_hwc), colorfulness(truth_hwc),
            chroma_wasserstein(result_hwc, truth_hwc),
        ])
    return np.array(rows)


class _Person:
    """Someone who knows the true colors of one photograph."""

    def __init__(self, colorizer: Colorizer, gray: Pixels, truth_hwc: Pixels) -> None:
        input_hwc = colorizer.prepare(gray).input_hwc
        self._colorizer = colorizer
        self._canvas = Canvas.of(input_hwc, colorizer.predict(input_hwc), colorizer.params)
        self._size_hw = self._canvas.predicted.lightness_hw.shape
        self._input_hwc = resize(input_hwc, self._size_hw)
        self._truth_hwc = rgb_to_lab(resize(truth_hwc, self._size_hw))

    def error_after(self, places: FloatArray) -> float:
        """Mean Delta E 2000 once the colors at `places` (n, 2), shares of width and height, are given."""
        return float(self._errors(places).mean(dtype=np.float64))

    def where_wrong(self, count: int) -> FloatArray:
        """The places of `count` hints, each in the middle of what was wrong most after those before."""
        height, width = self._size_hw
        places = np.zeros((0, 2), np.float32)
        for _ in range(count):
            near_px = _NEIGHBORHOOD * max(height, width)
            seen = cv2.GaussianBlur(self._errors(places), (0, 0), near_px)
            for column, row in places * (width, height):  # nobody says the same twice
                cv2.circle(seen, (int(column), int(row)), round(near_px), 0.0, -1)
            row, column = np.unravel_index(np.argmax(seen), seen.shape)
            place = np.array([[(column + 0.5) / width, (row + 0.5) / height]], np.float32)
            places = np.concatenate([places, place])
        return places

    def _errors(self, places: FloatArray) -> FloatArray:
        height, width = self._size_hw
        columns, rows = np.minimum(places * (width, height), (width - 1, height - 1)).astype(int).T
        hints = Hints(places, self._truth_hwc[rows, columns, 1:])
        result_hwc = self._colorizer.color(self._input_hwc, predicted=self._canvas.hinted(hints))
        return delta_e_2000(rgb_to_lab(result_hwc), self._truth_hwc)
