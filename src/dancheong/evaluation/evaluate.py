"""Scores of a model on photographs whose colors are known, beside those of the gray input itself: the baseline to beat."""

import csv
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import Refusal, find_pairs, read_pair
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import PhotoError, whole_file, write_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000, psnr, ssim
from dancheong.prediction.colorizer import Colorizer

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Scores:
    """Means over photographs. PSNR in dB, SSIM up to 1, Delta E 2000 (lower is better), colorfulness (8-bit scale)."""

    psnr: float
    ssim: float
    delta_e_2000: float
    colorfulness: float
    colorfulness_truth: float


@dataclass(frozen=True)
class PhotoScores:
    """One photograph: its result's scores and those of its gray input."""

    name: str
    result: Scores
    gray: Scores


@dataclass(frozen=True)
class Evaluation:
    """All photographs: means, a row each, what was left out, and (name, error) of what failed."""

    images: int
    mean: Scores
    gray: Scores
    photographs: list[PhotoScores]
    refusals: list[Refusal]
    failures: list[tuple[str, str]]
    seconds: float

    def record(self) -> dict[str, Any]:
        """The JSON object of `dancheong evaluate`."""
        return {"images": self.images, **vars(self.mean), "gray": vars(self.gray)}


def evaluate(
    model: str | Path | Colorizer,
    photos: str | Path,
    out_dir: str | Path | None = None,
    watch: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Evaluation:
    """Gray the photographs, predict, score against the truth at full size.

    Args:
        model: a model file or an open Colorizer.
        photos: one of the three layouts; the same as in training.
        out_dir: scores.csv and the colored photographs go here.
        settings: prediction parameters, such as ``GLARE_MODE="off"``.

    Raises:
        NoPhotographs: when nothing usable is left. A photograph that fails is named in `failures`.
    """
    colorizer = model if isinstance(model, Colorizer) else Colorizer.open(model, **settings)
    began = time.monotonic()
    pairs, refusals = find_pairs(Path(photos), colorizer.params)
    rows: list[PhotoScores] = []
    failures: list[tuple[str, str]] = []
    for number, pair in enumerate(pairs, 1):
        try:
            given, truth = read_pair(pair, colorizer.params)
            gray = gray_of(truth) if given is None else given
            result = colorizer(gray)
        except (PhotoError, ValueError, MemoryError) as error:
            failures.append((pair.name, str(error)))
            continue
        rows.append(PhotoScores(pair.name, score(result, truth), score(as_color(gray), truth)))
        if out_dir is not None:
            picture = Path(out_dir) / "photographs" / Path(pair.name).with_suffix(".png")
            picture.parent.mkdir(parents=True, exist_ok=True)
            write_photo(picture, result)
        if watch:
            watch(number, len(pairs))
    evaluation = Evaluation(
        len(rows), mean_scores([row.result for row in rows]), mean_scores([row.gray for row in rows]), rows, refusals,
        failures, time.monotonic() - began,
    )
    if out_dir is not None:
        write_csv(Path(out_dir) / "scores.csv", rows)
    return evaluation


def as_color(pixels: Pixels) -> Pixels:
    """Gray repeated in three channels; color as it is."""
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def score(result_hwc: Pixels, truth_hwc: Pixels) -> Scores:
    """Scores of one photograph against the truth of the same size."""
    return Scores(
        psnr(result_hwc, truth_hwc), ssim(result_hwc, truth_hwc), mean_delta_e_2000(result_hwc, truth_hwc),
        colorfulness(result_hwc), colorfulness(truth_hwc),
    )


def mean_scores(scores: list[Scores]) -> Scores:
    """The mean of each score; nothing scored is nan."""
    if not scores:
        return Scores(*[float("nan")] * len(fields(Scores)))
    return Scores(*(float(np.mean([getattr(one, field.name) for one in scores])) for field in fields(Scores)))


def write_csv(path: Path, rows: list[PhotoScores]) -> None:
    """A line a photograph: name, the result's scores, the gray input's."""
    names = [field.name for field in fields(Scores)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photograph", *names, *(f"gray_{name}" for name in names)])
    for row in rows:
        values = [getattr(scores, name) for scores in (row.result, row.gray) for name in names]
        writer.writerow([row.name, *(f"{value:.5g}" for value in values)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
