"""Scores of a model on photographs whose colors are known, beside those of the gray input itself: the baseline to beat."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.data.cache import fingerprint_of, mark_of, pixels_digest
from dancheong.data.photographs import Pair, PhotographRefused, UnusablePhoto, find_pairs, nothing_left, read_pair
from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import write_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000, psnr, ssim
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.names import result_names
from dancheong.prediction.result import error_message
from dancheong.prediction.search import identity
from dancheong.system.arguments import checked
from dancheong.system.csv_text import csv_table, to_cell
from dancheong.system.outputs import check_folder, check_free, claimed
from dancheong.system.whole_file import write_text

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
    """One photograph: its result's scores, those of its gray input, where it lies, and the file of the result.

    `is_known`: the model learned from these very pixels; None: its file does not say from which.
    """

    name: str
    result: Scores
    gray: Scores
    pair: Pair | None = None
    picture: Path | None = None
    digest: bytes = b""
    is_known: bool | None = None


@dataclass(frozen=True)
class Evaluation:
    """All photographs: means (nan where nothing was scored), a row each, what was left out, (name, error) of what failed.

    `fingerprint` identifies the photographs as it does in training.
    """

    images: int
    mean: Scores
    gray: Scores
    photographs: list[PhotoScores]
    refusals: list[UnusablePhoto]
    failures: list[tuple[str, str]]
    seconds: float
    fingerprint: str = ""

    @property
    def known(self) -> list[str]:
        """Names of the photographs that the model learned from, so that their scores say nothing about others."""
        return [row.name for row in self.photographs if row.is_known]

    def record(self) -> dict[str, Any]:
        """The JSON object of `dancheong evaluate`; `learned_from` is None where the model file does not say."""
        says = all(row.is_known is not None for row in self.photographs)
        return {
            "images": self.images, **vars(self.mean), "gray": vars(self.gray), "learned_from": self.known if says else None,
            "failures": [{"file": name, "error": error} for name, error in self.failures],
            "left_out": [vars(refusal) for refusal in self.refusals], "seconds": round(self.seconds, 2),
        }


@checked
def evaluate(
    model: str | Path | Colorizer | None,
    photos: str | Path,
    out_dir: str | Path | None = None,
    watch: Callable[[int, int], None] | None = None,
    *,
    overwrite: bool = False,
    **settings: Any,
) -> Evaluation:
    """Gray the photographs, predict, score against the truth at full size.

    Args:
        model: a model file or an open Colorizer; None: the colorizer that comes with the program.
        photos: one of the three layouts; the same as in training.
        out_dir: scores.csv goes here, and into its folder `photographs` the colored photographs, as PNG.
        overwrite: replace results that are there (never an original photograph).
        settings: prediction parameters, such as ``GLARE_MODE``, for a model file; an open Colorizer has its own.

    Raises:
        NoPhotographs: when nothing usable is left. A photograph that is damaged or fails is named in `failures`.
        ParamError: when results would lie among the photographs or replace one; settings beside an open Colorizer.
        OutputTaken: when results are there, or another run writes them.
    """
    if settings and isinstance(model, Colorizer):
        raise ParamError(
            f"{', '.join(settings)}: an open Colorizer has its settings already: give them to Colorizer.open, or give "
            "evaluate the model file"
        )
    photos = Path(photos)
    colorizer = model if isinstance(model, Colorizer) else Colorizer.open(model, **settings)
    began = time.monotonic()
    pairs, refusals = find_pairs(photos, colorizer.params)
    pictures: Sequence[Path | None] = [None] * len(pairs)
    scores_file = None if out_dir is None else Path(out_dir) / "scores.csv"
    if scores_file is not None:
        check_folder(scores_file.parent)
        folder = scores_file.with_name("photographs")
        if folder.resolve().is_relative_to(photos.resolve()):
            raise ParamError(
                f"{scores_file.parent}: results here would be photographs of the next evaluation or training; "
                f"choose another -o, outside of {photos}"
            )
        pictures = _pictures(pairs, refusals, folder)
        check_free([scores_file, *filter(None, pictures)], overwrite, "--overwrite replaces it, or choose another -o")
    failures = [(str(refusal.file), refusal.reason) for refusal in refusals if refusal.kind == "corrupt"]
    refusals = [refusal for refusal in refusals if refusal.kind != "corrupt"]
    with nullcontext() if scores_file is None else claimed(scores_file):
        rows = _evaluate_all(colorizer, list(zip(pairs, pictures, strict=True)), refusals, failures, watch)
        if not rows and not failures:
            raise nothing_left(refusals, photos)
        if scores_file is not None:
            write_csv(scores_file, rows)
    return Evaluation(
        len(rows), mean_scores([row.result for row in rows]), mean_scores([row.gray for row in rows]), rows, refusals,
        failures, time.monotonic() - began, fingerprint_of((row.name, row.digest) for row in rows),
    )


def _evaluate_all(
    colorizer: Colorizer, work: Sequence[tuple[Pair, Path | None]], refusals: list[UnusablePhoto],
    failures: list[tuple[str, str]], watch: Callable[[int, int], None] | None,
) -> list[PhotoScores]:
    """A row for each photograph that could be scored; what could not is added to `refusals` or `failures`."""
    rows: list[PhotoScores] = []
    for number, (pair, picture) in enumerate(work, 1):
        try:
            rows.append(_evaluate_one(colorizer, pair, picture))
        except PhotographRefused as error:
            if error.refusal.kind == "corrupt":
                failures.append((str(error.refusal.file), error.refusal.reason))
            else:
                refusals.append(error.refusal)
        except OSError:  # of the disk that results go to: the next photograph would meet it too
            raise
        except Exception as error:  # whatever one photograph does, the others are scored
            failures.append((str(pair.color), error_message(error, pair.color)))
        if watch:
            watch(number, len(work))
    return rows


def _evaluate_one(colorizer: Colorizer, pair: Pair, picture: Path | None) -> PhotoScores:
    given, truth = read_pair(pair, colorizer.params)
    gray = gray_of(truth) if given is None else given
    result = colorizer(gray)
    digest = pixels_digest(given, truth)
    is_known = None if colorizer.marks is None else mark_of(given, truth, digest) in colorizer.marks
    row = PhotoScores(pair.name, score(result, truth), score(as_rgb(gray), truth), pair, picture, digest, is_known)
    if picture is not None:
        picture.parent.mkdir(parents=True, exist_ok=True)
        write_photo(picture, result)
    return row


def gray_and_truth(pair: Pair, params: Params) -> tuple[Pixels, Pixels]:
    """The gray photograph that a model is given, and its true colors. Raises as `read_pair`."""
    gray, truth = read_pair(pair, params)
    return gray_of(truth) if gray is None else gray, truth


def _pictures(pairs: list[Pair], refusals: list[UnusablePhoto], folder: Path) -> list[Path]:
    """Where each result goes: a name for each, none of them an original's."""
    originals = {identity(file) for pair in pairs for file in (pair.color, pair.gray) if file is not None}
    originals |= {identity(refusal.file) for refusal in refusals}
    pictures = [folder / name for name in result_names([Path(pair.name) for pair in pairs], ".png")]
    for picture in pictures:
        if identity(picture) in originals:
            raise ParamError(f"{picture}: a result would replace this original photograph; choose another -o")
    return pictures


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
    """A line a photograph: name, the result's scores, the gray input's, whether the model learned from it."""
    names = [field.name for field in fields(Scores)]
    lines = [["photograph", *names, *(f"gray_{name}" for name in names), "learned_from"]]
    for row in rows:
        values = [getattr(scores, name) for scores in (row.result, row.gray) for name in names]
        known = {True: "yes", False: "no", None: ""}[row.is_known]
        lines.append([to_cell(row.name), *(f"{value:.5g}" for value in values), known])
    # The byte order mark lets spreadsheets recognize UTF-8, so that Korean names stay readable.
    write_text(path, csv_table(lines), "utf-8-sig")
