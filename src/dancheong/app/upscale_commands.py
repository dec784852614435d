"""`dancheong upscale` and `dancheong train-upscaler`."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from dancheong.app import options
from dancheong.app.console import progress_bar
from dancheong.app.predict_commands import Inputs, LeftOutFiles, Overwrite, Strip, report
from dancheong.app.train_commands import emit_result, progress_shown, say_if_nothing_to_resume

Scale = Annotated[Literal["2", "4"] | None, typer.Option(help="Enlargement; as --set SR_SCALE.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(upscale)
    app.command("train-upscaler")(train_upscaler)


def upscale(
    inputs: Inputs,
    output: options.OutputDir,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="UPSCALER",
            help="What train-upscaler wrote, or .safetensors of others (extra spandrel); without it the one that comes along.",
        ),
    ] = None,
    scale: Scale = None,
    overwrite: Overwrite = False,
    strip: Strip = None,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Enlarge photographs, gray or color, 8 or 16 bits, as they are."""
    resolved, _ = options.effective(table, category, settings)
    from dancheong.prediction.folder import FolderOptions, upscale_files
    from dancheong.upscaling.upscaler import Upscaler

    began, left_out = time.monotonic(), LeftOutFiles()
    upscaler = Upscaler.open(model)
    wanted = scale or resolved.params.sr_scale
    with progress_bar("enlarging", 1.0, quiet) as bar:
        run_options = FolderOptions(
            overwrite, strip=strip, left_out=left_out,
            progress=lambda result, done, total: bar(done / total, result.input.name),
        )
        results = upscale_files(
            upscaler, inputs, output, None if wanted == "1" else int(wanted), resolved.params, run_options
        )
    report(results, left_out, as_json, quiet, time.monotonic() - began)


def train_upscaler(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Color photographs; see docs/data.md.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="UP.h5", help="The model file to write.")],
    val: Annotated[Path | None, typer.Option(metavar="PHOTOS", help="Photographs kept out of the training.")] = None,
    scale: Scale = None,
    init: Annotated[
        Path | None, typer.Option(metavar="WEIGHTS", help="Weights of an SRVGGNetCompact to begin with: .safetensors.")
    ] = None,
    log_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For training.html, losses.jsonl and previews; beside the model without it."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was stopped.")] = False,
    overwrite: options.Overwrite = False,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train what enlarges photographs on PHOTOS, and write one model file; see docs/upscaling.md.

    Ctrl-C saves and exits with code 130; --resume goes on.
    """
    given = [*(settings or []), *([f"SR_SCALE={scale}"] if scale else [])]
    resolved, _ = options.effective(table, category, given)
    from dancheong.upscaling.training import train_upscaler as run

    say_if_nothing_to_resume(output, resume, quiet)
    with progress_shown("training", quiet) as watch:
        result = run(
            photos, output, resolved.params, val=val, init=init, log_dir=log_dir, resume=resume, overwrite=overwrite,
            category=resolved.category, origins=resolved.origins, watch=watch,
        )
    emit_result(result, "patches", as_json, quiet)
