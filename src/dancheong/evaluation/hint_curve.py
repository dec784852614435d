"""What hints are worth: the error that is left after some hints of a simulated person, who knows the truth at each place.

One person gives colors at places by chance. The other looks at the result after each hint and gives the next one where the
largest region is wrong: at the maximum of the error, averaged over a neighborhood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import find_pairs, read_pair
from dancheong.imaging.color import gray_of, rgb_to_lab
from dancheong.imaging.metrics import delta_e_2000
from dancheong.imaging.resize import resize
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.hint_spread import Canvas, refuse_repainting
from dancheong.prediction.hints import MAX_HINTS, Hints

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]
COUNTS = (0, 1, 3, 5, 10, 20)
# Of the longer side: the neighborhood over which a person sees an error.
_NEIGHBORHOOD = 0.03


@dataclass(frozen=True)
class HintPoint:
    """Mean Delta E 2000 over photographs after so many hints: at places by chance, and where the result was wrong."""

    hints: int
    by_chance: float
    where_wrong: float


def hint_curve(
    colorizer: Colorizer, photos: str | Path, counts: Sequence[int] = COUNTS, seed: int = 1,
    watch: Callable[[int, int], None] | None = None,
) -> list[HintPoint]:
    """The error after each of `counts` hints, at the size at which hints are spread (shorter side 256 px).

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
    for number, pair in enumerate(pairs, 1):
        given, truth = read_pair(pair, colorizer.params)
        person = _Person(colorizer, gray_of(truth) if given is None else given, truth)
        by_chance = np.random.default_rng((seed, number)).random((max(counts), 2), np.float32)
        where_wrong = person.where_wrong(max(counts))
        errors += [[person.error_after(places[:count]) for places in (by_chance, where_wrong)] for count in counts]
        if watch:
            watch(number, len(pairs))
    return [HintPoint(count, *map(float, row / len(pairs))) for count, row in zip(counts, errors, strict=True)]


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
