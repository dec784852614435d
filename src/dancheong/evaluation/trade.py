"""The trade between error and color, made visible: scores of one model at several values of VIVID.

A network that is unsure of a color answers between the candidates: the error is small and the color washed out. VIVID
multiplies the predicted chroma. More of it costs error; the curve says how much, and where a model's color is as strong,
or spread as widely, as the truth's.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import find_pairs, read_pair
from dancheong.imaging.color import gray_of
from dancheong.imaging.metrics import chroma_wasserstein, colorfulness, mean_delta_e_2000
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.report.chart import Curves
from dancheong.report.page import Part, Table

Pixels = NDArray[Any]
VIVIDS = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0)
# Enough for means; each is colored once for each VIVID.
PHOTOGRAPHS = 60


@dataclass(frozen=True)
class TradePoint:
    """Means over photographs at one VIVID; `chroma_wasserstein` is the distance of the histograms of a* and b*, in Lab."""

    vivid: float
    delta_e_2000: float
    colorfulness: float
    colorfulness_truth: float
    chroma_wasserstein: float


def trade(
    colorizer: Colorizer,
    photos: str | Path,
    vivids: Sequence[float] = VIVIDS,
    watch: Callable[[int, int], None] | None = None,
) -> list[TradePoint]:
    """Scores at each VIVID, over at most PHOTOGRAPHS photographs spread evenly over the folder.

    Raises:
        ParamError: the model repaints everything (COLOR_SPACE=RGB), so that VIVID does nothing.
        NoPhotographs, PhotographRefused: nothing usable is left, or one of them is not.
    """
    if colorizer.params.color_space != "LAB":
        raise ParamError("COLOR_SPACE=RGB: such a model repaints everything, and VIVID does nothing")
    pairs, _ = find_pairs(Path(photos), colorizer.params)
    chosen = pairs[:: -(-len(pairs) // PHOTOGRAPHS)]
    scores = np.zeros((len(vivids), len(fields(TradePoint)) - 1))
    for number, pair in enumerate(chosen, 1):
        given, truth = read_pair(pair, colorizer.params)
        scores += _one(colorizer, gray_of(truth) if given is None else given, truth, vivids)
        if watch:
            watch(number, len(chosen))
    return [TradePoint(vivid, *map(float, row / len(chosen))) for vivid, row in zip(vivids, scores, strict=True)]


def _one(colorizer: Colorizer, gray: Pixels, truth_hwc: Pixels, vivids: Sequence[float]) -> NDArray[np.float64]:
    """Scores of one photograph, a row for each VIVID."""
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


def trade_parts(points: Sequence[TradePoint]) -> dict[str, Part | None]:
    """The two curves and their table, for a page; None where there are no points."""
    if not points:
        return dict.fromkeys(("price", "histograms", "trade"))
    price = [(point.colorfulness, point.delta_e_2000) for point in points]
    histograms = [(point.colorfulness, point.chroma_wasserstein) for point in points]
    columns = [field.name for field in fields(TradePoint)]
    return {
        "price": Curves({"Delta E 2000": price}, "colorfulness", "Delta E 2000"),
        "histograms": Curves({"distance of the histograms": histograms}, "colorfulness", "Wasserstein distance (Lab)"),
        "trade": Table([name.replace("_", " ") for name in columns], [list(vars(point).values()) for point in points]),
    }
