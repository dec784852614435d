"""Does confidence order errors? Spearman's rank correlation and the sparsification curve, over color photographs.

    python benchmarks/bench_confidence.py MODEL.h5 PHOTOGRAPHS [--images 40]

Error is the Delta E 2000 of each pixel at full size, beside 1 - confidence. `ause` is the area between the curve of the
mean error of what is left after the least confident pixels are taken away, and the curve with the true errors' own
order; 0 is that order, 1 chance. The last line is JSON.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancheong import Colorizer
from dancheong.imaging.color import gray_of, rgb_to_lab
from dancheong.imaging.files import list_photos, read_photo
from dancheong.imaging.metrics import delta_e_2000
from dancheong.prediction.confidence import confidence_map

Values = NDArray[np.floating]
PIXELS_A_PHOTOGRAPH = 20_000


def ranks(values: Values) -> Values:
    """Ranks from 0, ties with their mean."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[where]


def spearman(doubt: Values, error: Values) -> float:
    """Rank correlation; 0 where either is constant."""
    a, b = ranks(doubt), ranks(error)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def ause(doubt: Values, error: Values) -> float:
    """Area between the sparsification curves: 0 the errors' own order, 1 chance."""
    count = np.arange(1, error.size + 1)
    # Ties are in the order of chance, not of the picture.
    order = np.lexsort((np.random.default_rng(0).random(error.size), doubt))
    left = np.cumsum(error[order]) / count
    best = np.cumsum(np.sort(error)) / count
    return float((left - best).mean() / (error.mean() - best.mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--images", type=int, default=40)
    given = parser.parse_args()
    model = Colorizer.open(given.model, threads=1, GLARE_MODE="off")
    paths = list_photos(given.photographs)
    rng = np.random.default_rng(0)
    doubts, errors, rows = [], [], []
    for path in paths[:: max(1, len(paths) // given.images)][: given.images]:
        truth = read_photo(path).pixels
        if truth.ndim == 2:
            continue
        gray_hwc = gray_of(truth)[..., None]
        predicted = model.predict(gray_hwc)
        error = delta_e_2000(rgb_to_lab(model.color(gray_hwc, predicted=predicted)), rgb_to_lab(truth)).ravel()
        doubt = 1 - confidence_map(model, gray_hwc, predicted).ravel() / 255
        some = rng.choice(error.size, min(PIXELS_A_PHOTOGRAPH, error.size), replace=False)
        doubt, error = doubt[some], error[some].astype(np.float64)
        rows.append((spearman(doubt, error), ause(doubt, error), doubt.mean(), error.mean()))
        doubts.append(doubt)
        errors.append(error)
    table = np.array(rows)
    doubt, error = np.concatenate(doubts), np.concatenate(errors)
    print(json.dumps({
        "model": Path(given.model).name, "photographs": len(rows), "delta_e_2000": round(float(error.mean()), 3),
        "spearman_within": round(float(table[:, 0].mean()), 3), "ause_within": round(float(table[:, 1].mean()), 3),
        "better_than_chance": round(float((table[:, 0] > 0).mean()), 3),
        "spearman_pooled": round(spearman(doubt, error), 3), "ause_pooled": round(ause(doubt, error), 3),
        "spearman_of_photographs": round(spearman(table[:, 2], table[:, 3]), 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
