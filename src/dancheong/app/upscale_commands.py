"""`dancheong upscale` and `dancheong train-upscaler`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dancheong.app import options
from dancheong.app.console import progress_bar
from dancheong.app.predict_commands import Inputs, Overwrite, Pages, Strip, run_over_files
from dancheong.app.train_commands import emit_result, say_if_nothing_to_resume, shown_on

Scale = Annotated[Literal["2", "4"] | None, typer.Option(help="Enlargement; as --set SR_SCALE.")]


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
    pages: Pages = "first",
    strip: Strip = None,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Enlarge photographs, gray or color, 8 or 16 bits, as they are."""
    resolved, _ = options.effective(table, category, settings)
    from dancheong.prediction.folder import upscale_files
    from dancheong.prediction.manifest import manifest_name
    from dancheong.upscaling.upscaler import Upscaler

    upscaler, times = Upscaler.open(model), int(scale or resolved.params.sr_scale)
    run_over_files(
        "enlarging",
        lambda wanted: upscale_files(upscaler, inputs, output, None if times == 1 else times, resolved.params, wanted),
        as_json, quiet, output / manifest_name(None), overwrite=overwrite, pages=pages, strip=strip,
    )


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
    with progress_bar("training", 1.0, quiet) as bar:
        result = run(
            photos, output, resolved.params, val=val, init=init, log_dir=log_dir, resume=resume, overwrite=overwrite,
            category=resolved.category, origins=resolved.origins, watch=shown_on(bar, quiet),
        )
    emit_result(result, "patches", as_json, quiet)
