"""Pages about one evaluation: scores beside the baseline, the pictures from worst to best, the losses that led there."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dancheong.evaluation.evaluate import Evaluation, PhotoScores, Scores
from dancheong.evaluation.report import Comparison, Curves, Facts, Section, Table, write_report
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo

SCORE_NAMES = {
    "delta_e_2000": "Delta E 2000", "psnr": "PSNR (dB)", "ssim": "SSIM", "colorfulness": "colorfulness",
    "colorfulness_truth": "colorfulness of the truth",
}
MEANING = (
    "Delta E 2000 is the mean perceived color difference to the truth: lower is better, about 1 is just visible. "
    "The gray input itself is the baseline to beat. Colorfulness below the truth's means washed-out color."
)


def score_table(evaluation: Evaluation) -> Table:
    """Means of the result beside those of the gray input."""
    rows = [
        (SCORE_NAMES[field.name], getattr(evaluation.mean, field.name), getattr(evaluation.gray, field.name))
        for field in fields(Scores)
    ]
    return Table(("mean of the photographs", "result", "gray input"), rows, digits=3)


def comparison(rows: Sequence[PhotoScores]) -> Comparison:
    """gray | colored | truth for each photograph whose result was written, with its Delta E 2000."""
    shown = []
    for row in rows:
        if row.truth is None or row.picture is None:
            continue
        truth, colored = read_photo(row.truth).pixels, read_photo(row.picture).pixels
        remark = f"Delta E 2000 {row.result.delta_e_2000:.1f} (gray {row.gray.delta_e_2000:.1f})"
        shown.append((row.name, (gray_of(truth), colored, truth), remark))
    return Comparison(("gray", "colored", "truth"), shown)


def loss_curves(curve: Sequence[tuple[float, Mapping[str, float]]]) -> Curves:
    """The losses of a training over the images it has seen."""
    names = ("l1", "d_real", "d_fake", "g_gan")
    series = {name: [(at, losses[name]) for at, losses in curve if name in losses] for name in names}
    return Curves(
        {name: points for name, points in series.items() if points}, "images seen", "loss",
        "l1: mean absolute error in network units. d_real, d_fake, g_gan: the discriminator on truths and on predictions, the "
        "generator against it; about 0.69 means that neither side wins.",
    )


def write_demo_page(
    path: Path, evaluation: Evaluation, curve: Sequence[tuple[float, Mapping[str, float]]],
    facts: Sequence[tuple[str, Any, str]], notice: str,
) -> None:
    """The page that `dancheong demo` leaves: what was made, how well, how."""
    ordered = sorted(evaluation.photographs, key=lambda row: row.result.delta_e_2000)
    sections = [
        Section("Result", MEANING, (Facts(facts), score_table(evaluation))),
        Section("Scenes it had not seen", "From the best to the worst.", (comparison(ordered),)),
        Section("Training", "", (loss_curves(curve),)),
    ]
    write_report(path, "dancheong: the demo", sections, "Gray pictures of palaces back in color.", notice)
