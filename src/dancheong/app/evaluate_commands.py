"""`dancheong evaluate` and `dancheong demo`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import Console, photographs
from dancheong.params import ParamError
from dancheong.system.outputs import check_folder, check_free


def evaluate(
    words: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL.h5] PHOTOS",
            help="Color photographs that the model has not seen; before them the model, else the one that comes along.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="For scores.csv (a line a photograph), report.html (the best and "
                     "the worst) and the colored photographs."),
    ] = None,
    with_trade: Annotated[
        bool,
        typer.Option("--trade", help="Also color at several values of VIVID: error against colorfulness and against the "
                     "distance of the color histograms."),
    ] = False,
    hints: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Also the error that is left after so many hints of a simulated person, such as "
                     "0,1,3,5,10,20 (docs/hints.md)."),
    ] = None,
    overwrite: options.Overwrite = False,
    runtime: options.Runtime = "auto",
    *, chosen: options.PredictionOptions, console: Console,
) -> None:
    """Gray the photographs, predict, and score against the truth. A damaged photograph is a failure: exit code 1."""
    model, photos = _model_and_photos(words, console)
    counts = [] if hints is None else _counts(hints)
    given = chosen.at_prediction(console, model)
    from dancheong.evaluation.curves import hint_curve, trade
    from dancheong.evaluation.evaluate import evaluate as run
    from dancheong.evaluation.pages import write_evaluation_page
    from dancheong.prediction.colorizer import Colorizer

    report = None if output is None else output / "report.html"
    if report is not None:
        check_free([report], overwrite)
    colorizer = Colorizer.open(model, runtime=runtime, **given)
    with console.bar("evaluating") as bar:
        result = run(colorizer, photos, output, lambda done, total: bar(done / total), overwrite=overwrite)
    points = []
    if with_trade:
        with console.bar("trying VIVID") as bar:
            points = trade(colorizer, photos, watch=lambda done, total: bar(done / total))
    curve = []
    if counts:
        with console.bar("giving hints") as bar:
            curve = hint_curve(colorizer, photos, counts, watch=lambda done, total: bar(done / total))
    if report is not None:
        write_evaluation_page(report, result, colorizer.params, f"{model.name} on {photos.name}", points)
    for refusal in result.refusals:
        console.say(f"left out: {refusal.file}: {refusal.kind}: {refusal.reason}")
    for name, error in result.failures:
        console.warn(f"failed: {name}: {error}")
    if result.known:
        console.warn(known_words(model, result.known))
    scores = result.record()
    names = ("delta_e_2000", "psnr", "ssim", "colorfulness", "colorfulness_truth")
    lines = [photographs(result.images)]
    if result.images:
        lines += [f"{'':<20}{'result':>10}{'gray':>10}"]
        lines += [f"{name:<20}{getattr(result.mean, name):>10.3f}{getattr(result.gray, name):>10.3f}" for name in names]
    if report is not None:
        lines.append(f"the best and the worst: {report} (open it in a browser)")
    if points:
        lines += ["", f"{'VIVID':>6}{'Delta E 2000':>14}{'colorfulness':>14}{'histograms':>12}"]
        lines += [
            f"{point.vivid:>6.2f}{point.delta_e_2000:>14.3f}{point.colorfulness:>14.1f}{point.chroma_wasserstein:>12.2f}"
            for point in points
        ]
        scores["trade"] = [vars(point) for point in points]
    if curve:
        lines += ["", f"{'hints':>6}{'by chance':>12}{'where wrong':>14}   (Delta E 2000 at 256 px)"]
        lines += [f"{point.hints:>6}{point.by_chance:>12.3f}{point.where_wrong:>14.3f}" for point in curve]
        scores["hints"] = [vars(point) for point in curve]
    record = {**scores, "model": str(model), "report": None if report is None else str(report)}
    console.emit(record, lines)
    raise typer.Exit(1 if result.failures else 0)


def known_words(model: Path, known: Sequence[str]) -> str:
    """What to say of scores on photographs that the model learned from."""
    more = ", ..." if len(known) > 3 else ""
    return (
        f"{model.name} learned from {photographs(len(known))} of these ({', '.join(known[:3])}{more}): such scores say "
        "nothing about photographs that it has not seen"
    )


def _counts(text: str) -> list[int]:
    from dancheong.prediction.hints import MAX_HINTS

    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) <= MAX_HINTS for word in words):
        raise ParamError(f"--hints {text}: numbers from 0 to {MAX_HINTS} were expected, such as 0,1,3,5,10,20")
    return sorted({int(word) for word in words})


def _model_and_photos(words: list[Path], console: Console) -> tuple[Path, Path]:
    given, photos = options.split_model(words, "a folder of color photographs was expected")
    if len(photos) > 1:
        raise ParamError(f"{photos[1]}: one folder of color photographs was expected, and before it a model file (.h5) or none")
    return options.model_path(given, console), photos[0]


def demo(
    output: options.OutputDir = Path("demo"),
    overwrite: options.Overwrite = False,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """The main job on built-in scenes: train, predict unseen ones, evaluate, report. Minutes on two cores."""
    from dancheong.app.demo import DEMO_SETTINGS, run_demo

    check_folder(output)
    check_free([output / "demo.h5", output / "report.html"], overwrite)
    if not (chosen.table or chosen.category):
        chosen = replace(chosen, category="DEMO")
    resolved = chosen.resolve(console, DEMO_SETTINGS, "demo")
    with console.bar("demo") as bar:
        result = run_demo(output, resolved, console.say, bar)
    console.emit(result, [
        f"model: {result['model']}", f"report: {result['report']} (open it in a browser)",
        f"Delta E 2000: {result['delta_e_2000']:.2f} (gray input: {result['delta_e_2000_gray']:.2f})",
        f"{result['seconds']:.0f} s",
    ])
