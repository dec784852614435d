"""Scores of an upscaler beside bicubic and Lanczos, on photographs that are made smaller and enlarged again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dancheong.imaging.color import as_rgb, float01, gray_of, to_pixels
from dancheong.imaging.files import read_photo
from dancheong.imaging.metrics import mean_delta_e_2000, psnr, ssim
from dancheong.imaging.sheet import sheet
from dancheong.upscaling.patches import BICUBIC, LANCZOS, Degradation, degrade, resampled

Pixels = NDArray[Any]
Enlarge = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class UpscaleScores:
    """Means over photographs: PSNR (dB) and SSIM of the gray (Y) and Delta E 2000 against the truth; `drift`: Delta E 2000
    of the result, made smaller again, to what was given."""

    psnr_y: float
    ssim_y: float
    delta_e_2000: float
    drift: float


def plain(pixels: Pixels, scale: int, kernel: Image.Resampling) -> Pixels:
    """Enlarged by a kernel alone: the baseline."""
    height, width = pixels.shape[:2]
    return to_pixels(resampled(float01(pixels), (scale * height, scale * width), kernel), pixels.dtype)


def baselines(scale: int) -> dict[str, Enlarge]:
    """Bicubic and Lanczos by name."""
    return {name: partial(plain, scale=scale, kernel=kernel) for name, kernel in (("bicubic", BICUBIC), ("lanczos", LANCZOS))}


def compare(
    ways: Mapping[str, Enlarge], photos: Iterable[Path], scale: int, how: Degradation, seed: int = 1,
    watch: Callable[[int], None] = lambda done: None,
) -> dict[str, UpscaleScores]:
    """Mean scores of each way. What happens to the index-th photograph depends on (seed, index) alone."""
    scores: dict[str, list[UpscaleScores]] = {name: [] for name in ways}
    for index, path in enumerate(photos):
        truth = multiple_of(as_rgb(read_photo(path).pixels), scale)
        small = degrade(truth, scale, how, np.random.default_rng((seed, index)))
        for name, enlarge in ways.items():
            scores[name].append(score(enlarge(small), truth, small))
        watch(index + 1)
    return {name: mean_of(found) for name, found in scores.items()}


def score(result: Pixels, truth: Pixels, small: Pixels) -> UpscaleScores:
    """Scores of one result (H, W, 3) against the truth of the same size; `small` is what was given."""
    gray, true_gray = gray_of(result), gray_of(truth)
    again = to_pixels(resampled(float01(result), small.shape[:2], BICUBIC), small.dtype)
    return UpscaleScores(
        min(psnr(gray, true_gray), 100.0), ssim(gray, true_gray), mean_delta_e_2000(result, truth),
        mean_delta_e_2000(again, small),
    )


def mean_of(scores: Sequence[UpscaleScores]) -> UpscaleScores:
    """The mean of each score; nothing scored is nan."""
    columns = ([getattr(one, field.name) for one in scores] for field in fields(UpscaleScores))
    return UpscaleScores(*(float(np.mean(column)) if column else float("nan") for column in columns))


def multiple_of(pixels: Pixels, scale: int) -> Pixels:
    """Without the last rows and columns that are no whole multiple of `scale`."""
    height, width = (size // scale * scale for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def figure(
    ways: Mapping[str, Enlarge], truths: Sequence[Pixels], scale: int, how: Degradation, seed: int = 1, side_px: int = 160
) -> Pixels:
    """A row a photograph, seen closely: given | each way | truth; of each the middle `side_px`, enlarged twice."""
    rows = []
    for index, picture in enumerate(truths):
        truth = multiple_of(picture, scale)
        small = degrade(truth, scale, how, np.random.default_rng((seed, index)))
        given = np.repeat(np.repeat(small, scale, axis=0), scale, axis=1)
        rows.append([_middle(one, side_px) for one in (given, *(enlarge(small) for enlarge in ways.values()), truth)])
    return sheet(rows, ["given", *ways, "truth"], 2 * side_px)


def _middle(pixels: Pixels, side_px: int) -> Pixels:
    top, left = (max(0, (size - side_px) // 2) for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side_px, left : left + side_px])
