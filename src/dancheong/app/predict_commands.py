"""`dancheong predict` and `dancheong filter`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancheong.app import options
from dancheong.app.console import emit, progress_bar, say
from dancheong.params import ParamError

if TYPE_CHECKING:
    from dancheong.prediction.folder import FileResult

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Photographs, or folders of them.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there (never an input).")]
Masks = Annotated[Path | None, typer.Option(metavar="DIR", help="Write each photograph's glare mask here.")]
Drawn = Annotated[Path | None, typer.Option(metavar="DIR", help="Masks drawn by hand: PNG of the same stems.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(predict)
    app.command("filter")(filter_)


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.h5")],
    inputs: Inputs,
    output: options.OutputDir,
    runtime: options.Runtime = "auto",
    shard: Annotated[str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts, from 1.")] = None,
    overwrite: Overwrite = False,
    mask_dir: Masks = None,
    drawn_masks: Drawn = None,
    table: options.PredictionTable = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Color gray (or color) photographs at their full size."""
    from dancheong.prediction.colorizer import Colorizer
    from dancheong.prediction.folder import predict_files

    part = _parse_shard(shard)
    colorizer = Colorizer.open(model, runtime=runtime, **options.at_prediction(table, category, settings))
    with progress_bar("coloring", 1.0, quiet) as bar:
        results = predict_files(
            colorizer, inputs, output, overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, shard=part,
            progress=lambda result, done, total: bar(done / total, result.input.name), tell=lambda text: say(text, quiet),
        )
    _report(results, as_json)


def filter_(
    inputs: Inputs,
    output: options.OutputDir,
    mask_dir: Masks = None,
    drawn_masks: Drawn = None,
    overwrite: Overwrite = False,
    sheet: Annotated[Path | None, typer.Option(metavar="PNG", help="Also a sheet: before | mask | after.")] = None,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find and correct light reflection, without coloring. Writes the masks it used where asked."""
    resolved, _ = options.effective(table, category, settings)
    from dancheong.prediction.folder import filter_files

    with progress_bar("filtering", 1.0, quiet) as bar:
        results = filter_files(
            resolved.params, inputs, output, overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, sheet_path=sheet,
            progress=lambda result, done, total: bar(done / total, result.input.name), tell=lambda text: say(text, quiet),
        )
    _report(results, as_json)


def _report(results: list["FileResult"], as_json: bool) -> None:
    failed = [result for result in results if result.status == "failed"]
    seconds = sum(result.seconds for result in results if result.status == "ok")
    good = sum(result.status == "ok" for result in results)
    for result in failed:
        say(f"failed: {result.input}: {result.error}")
    rate = round(good / seconds, 3) if seconds else 0.0
    emit(
        {"files": [result.record() for result in results], "images_per_second": rate},
        as_json,
        [f"{result.status}: {result.input}" + (f" -> {result.output}" if result.output else "") for result in results]
        + [f"{good} of {len(results)} done, {len(failed)} failed, {rate} images/s"],
    )
    raise typer.Exit(1 if failed else 0)


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise ParamError(f"--shard {text}: I/N with 1 <= I <= N was expected, such as 2/8")
    return int(index), int(count)
