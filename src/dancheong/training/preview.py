"""Scores and pictures of a generator during training, at working size."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.data.prepare import from_network
from dancheong.imaging.files import write_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.resize import pad_to_multiple
from dancheong.imaging.sheet import sheet
from dancheong.models.network import Network, as_predictor
from dancheong.params import Params

Pixels = NDArray[Any]
PREVIEWS = 6


def score(
    generator: Network, samples: Iterable[tuple[str, Pixels, Pixels]], params: Params
) -> tuple[dict[str, float], list[list[Pixels]]]:
    """Mean scores over (name, input_chw, target_chw) samples and rows input | predicted | truth of the first few.

    The generator is put into the state in which it will predict: the scores are those of its predictions.
    """
    network = as_predictor(generator, predict_dropout=params.predict_dropout, seed=params.seed)
    rows: list[list[Pixels]] = []
    means: dict[str, list[float]] = {}
    for _, input_chw, target_chw in samples:
        padded_hwc, (height, width) = pad_to_multiple(np.moveaxis(input_chw, 0, -1), generator.multiple_px)
        output_chw = network(np.moveaxis(padded_hwc, -1, 0)[None])[0, :, :height, :width]
        predicted = from_network(input_chw, output_chw, params)
        truth = from_network(input_chw, target_chw, params)
        for name, value in {
            "val_l1": float(np.abs(output_chw - target_chw).mean()),
            "val_delta_e_2000": mean_delta_e_2000(predicted, truth),
            "val_colorfulness": colorfulness(predicted),
            "val_colorfulness_truth": colorfulness(truth),
        }.items():
            means.setdefault(name, []).append(value)
        if len(rows) < PREVIEWS:
            rows.append([np.rint((np.moveaxis(input_chw, 0, -1) + 1) * 127.5).astype(np.uint8), predicted, truth])
    return {name: float(np.mean(values)) for name, values in means.items()}, rows


def write_previews(path: Path, rows: list[list[Pixels]]) -> None:
    """One PNG: a row a photograph, gray | predicted | truth."""
    write_photo(path, sheet(rows, captions=["gray", "predicted", "truth"]))
