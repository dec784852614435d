"""Pages about one evaluation: scores beside the baseline, the best and the worst pictures, the losses that led there."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dancheong.evaluation.curves import TradePoint
from dancheong.evaluation.evaluate import Evaluation, PhotoScores, Scores, gray_and_truth
from dancheong.imaging.files import read_photo
from dancheong.params import Params
from dancheong.report.chart import Curves
from dancheong.report.page import Comparison, Facts, Part, Table, compose, write_report
from dancheong.report.templating import shrunk
from dancheong.report.training_page import curves_of

SCORE_NAMES = {
    "delta_e_2000": "Delta E 2000", "psnr": "PSNR (dB)", "ssim": "SSIM", "colorfulness": "colorfulness",
    "colorfulness_truth": "colorfulness of the truth",
}
_WORDS = Path(__file__).with_name("templates") / "evaluation.txt"
# Of the best, and of the worst: enough to see what they have in common.
SHOWN = 6


def score_table(evaluation: Evaluation) -> Table:
    """Means of the result beside those of the gray input."""
    rows = [
        (SCORE_NAMES[field.name], getattr(evaluation.mean, field.name), getattr(evaluation.gray, field.name))
        for field in fields(Scores)
    ]
    return Table(("mean of the photographs", "result", "gray input"), rows, digits=3)


def comparison(rows: Sequence[PhotoScores], params: Params) -> Comparison:
    """gray | colored | truth for each photograph whose result was written, with its Delta E 2000."""
    shown = []
    for row in rows:
        if row.pair is None or row.picture is None:
            continue
        gray, truth = gray_and_truth(row.pair, params)
        remark = f"Delta E 2000 {row.result.delta_e_2000:.1f} (gray {row.gray.delta_e_2000:.1f})"
        # Shrunk one by one: a page of large photographs would not fit into memory.
        pictures = tuple(shrunk(pixels) for pixels in (gray, read_photo(row.picture).pixels, truth))
        shown.append((row.name, pictures, remark))
    return Comparison(("gray", "colored", "truth"), shown)


def best_first(evaluation: Evaluation) -> list[PhotoScores]:
    """The photographs by their Delta E 2000."""
    return sorted(evaluation.photographs, key=lambda row: row.result.delta_e_2000)


def write_evaluation_page(
    path: str | Path, evaluation: Evaluation, params: Params, title: str, points: Sequence[TradePoint] = ()
) -> None:
    """The page that `dancheong evaluate -o` leaves: scores, how they spread, the best and the worst photographs.

    Args:
        path: the HTML file; its folder exists.
        evaluation: with pictures written, as `evaluate` with an `out_dir` gives it.
        params: of the model, which say how a photograph is read.
        points: of the trade between error and color, where it was looked at.
    """
    ordered = best_first(evaluation)
    # None is shown twice.
    best, worst = ordered[:SHOWN], ordered[SHOWN:][-SHOWN:][::-1]
    missing = [(name, "failed", error) for name, error in evaluation.failures]
    missing += [(str(refusal.file), refusal.kind, refusal.reason) for refusal in evaluation.refusals]
    parts = {
        "facts": _facts(evaluation), "scores": score_table(evaluation), "spread": _spread(ordered), **_trade_parts(points),
        "best": comparison(best, params), "worst": comparison(worst, params) if worst else None,
        "missing": Table(("file", "kind", "reason"), missing) if missing else None, **curves_of([]),
    }
    colorfulness = evaluation.mean.colorfulness_truth if not points else points[0].colorfulness_truth
    lead = "Each photograph was turned gray, colored again, and compared with its own true colors at full size."
    write_report(path, title, compose(_WORDS, parts, demo=False, colorfulness=colorfulness), lead)


def write_demo_page(
    path: Path, evaluation: Evaluation, params: Params, entries: Sequence[Mapping[str, float]],
    facts: Sequence[tuple[str, Any, str]], notice: str,
) -> None:
    """The page that `dancheong demo` leaves: what was made, how well, how."""
    parts = {
        "facts": Facts(facts), "scores": score_table(evaluation), "spread": None, **_trade_parts(()),
        "best": comparison(best_first(evaluation), params), "worst": None, "missing": None, **curves_of(entries),
    }
    sections = compose(_WORDS, parts, demo=True, colorfulness=evaluation.mean.colorfulness_truth)
    write_report(path, "dancheong: the demo", sections, "Gray pictures of palaces back in color.", notice)


def _facts(evaluation: Evaluation) -> Facts:
    better = sum(row.result.delta_e_2000 < row.gray.delta_e_2000 for row in evaluation.photographs)
    mean, gray = evaluation.mean.delta_e_2000, evaluation.gray.delta_e_2000
    known = evaluation.known
    warned = [("learned from", len(known), "of these photographs: such scores say nothing about others")] if known else []
    return Facts([
        ("Delta E 2000", mean, f"gray input {gray:.2f}"), ("photographs", evaluation.images, ""),
        ("nearer to the truth than gray", better, f"of {evaluation.images}"), *warned,
    ])


def _spread(ordered: Sequence[PhotoScores]) -> Curves:
    """Every photograph from the best to the worst, beside its gray input."""
    series = {
        name: [(float(rank), getattr(row, kind).delta_e_2000) for rank, row in enumerate(ordered, 1)]
        for name, kind in (("result", "result"), ("gray input", "gray"))
    }
    return Curves(series, "photographs, from the best to the worst", "Delta E 2000")


def _trade_parts(points: Sequence[TradePoint]) -> dict[str, Part | None]:
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
