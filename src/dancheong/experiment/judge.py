"""Scores of one model on damaged and on clean inputs, against the clean truth, which no filter has touched."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import as_rgb, gray_of, rgb_to_lab
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.metrics import colorfulness, delta_e_2000, psnr, ssim

Pixels = NDArray[Any]
Scores = dict[str, list[float]]


@dataclass(frozen=True)
class Metric:
    """What is measured of each test photograph."""

    label: str
    meaning: str
    digits: int = 2


METRICS: Mapping[str, Metric] = {
    "inside": Metric("Delta E inside", "Delta E 2000 inside the true mask, input with glare, lightness known (the truth's)"),
    "outside": Metric("Delta E outside", "the same outside the true mask"),
    "clean": Metric("Delta E clean", "Delta E 2000 on inputs without glare, lightness known"),
    "inside_seen": Metric(
        "as seen inside", "Delta E 2000 inside the true mask with the result's own lightness: what a viewer sees"
    ),
    "psnr": Metric("PSNR (dB)", "of the whole result, input with glare"),
    "ssim": Metric("SSIM", "of the whole result, input with glare", 3),
    "colorfulness": Metric("colorfulness", "of the result less the truth's, input with glare; below 0 is washed out"),
}


def judge(
    colorize: Callable[[Pixels], Pixels], test: Path, pictures: Mapping[str, Path], watch: Callable[[float], bool]
) -> Scores | None:
    """Score what colors photographs.

    Args:
        test: `Pictures.test`.
        pictures: file name -> where the result of the damaged input goes, for figures.
        watch: gets the share that is done; True stops.

    Returns:
        METRICS -> a value for each test photograph in the order of names; nan where it has nothing inside. None: stopped.
    """
    files = sorted((test / "clean").iterdir())
    scores: Scores = {name: [] for name in METRICS}
    for done, file in enumerate(files, 1):
        clean, damaged, mask = (read_photo(test / kind / file.name).pixels for kind in ("clean", "damaged", "mask"))
        result = colorize(damaged)
        if picture := pictures.get(file.name):
            picture.parent.mkdir(parents=True, exist_ok=True)
            write_photo(picture, result)
        for name, value in score_one(result, colorize(clean), clean, gray_of(mask) > 0).items():
            scores[name].append(value)
        if watch(done / len(files)):
            return None
    return scores


def judge_gray(test: Path) -> Scores:
    """The same scores of the gray input itself, the baseline of all."""
    scores = judge(lambda pixels: as_rgb(gray_of(pixels)), test, {}, lambda share: False)
    assert scores is not None
    return scores


def score_one(from_damaged: Pixels, from_clean: Pixels, truth: Pixels, mask_hw: NDArray[np.bool_]) -> dict[str, float]:
    """METRICS of one photograph: results (h, w, 3) of the damaged and of the clean input, the truth, its true mask."""
    truth_lab = rgb_to_lab(truth)
    damaged_lab, clean_lab = rgb_to_lab(from_damaged), rgb_to_lab(from_clean)
    # Lightness is given with a gray photograph: color alone is judged, as if the light had been known.
    known = delta_e_2000(_with_lightness(damaged_lab, truth_lab), truth_lab)
    return {
        "inside": _mean(known[mask_hw]),
        "outside": _mean(known[~mask_hw]),
        "clean": _mean(delta_e_2000(_with_lightness(clean_lab, truth_lab), truth_lab)),
        "inside_seen": _mean(delta_e_2000(damaged_lab[mask_hw], truth_lab[mask_hw])),
        "psnr": psnr(from_damaged, truth),
        "ssim": ssim(from_damaged, truth),
        "colorfulness": colorfulness(from_damaged) - colorfulness(truth),
    }


def shown_photographs(test: Path, count: int) -> Sequence[str]:
    """File names for figures, chosen by their damage alone and never by a result: spread over the damaged share."""
    shares = sorted((float((read_photo(file).pixels > 0).mean()), file.name) for file in (test / "mask").iterdir())
    last = len(shares) - 1
    # From the middle up: where nothing is damaged there is nothing to show.
    places = {round(last * (0.5 + 0.48 * step / max(1, count - 1))) for step in range(count)}
    return [shares[place][1] for place in sorted(places)]


def _with_lightness(lab: Pixels, other_lab: Pixels) -> Pixels:
    return np.concatenate([other_lab[..., :1], lab[..., 1:]], axis=-1)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else math.nan
