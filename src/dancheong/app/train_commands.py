"""`dancheong train`."""

from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import emit, progress_bar, say
from dancheong.params.sources import is_database


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(train)


def train(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder of photographs; see docs/data.md.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.h5", help="The model file to write.")],
    val: Annotated[Path | None, typer.Option(metavar="PHOTOS", help="Photographs kept out of the training.")] = None,
    log_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="For losses.jsonl and previews.")] = None,
    drawn_masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Masks of light reflection drawn by hand: PNG of the same stems.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was stopped.")] = False,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    preset: options.Preset = "default",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train on PHOTOS and write one model file. Photographs that cannot be used are left out and named: exit code 0.

    Ctrl-C saves and exits with code 130; --resume goes on.
    """
    resolved, rows = options.effective(table, category, settings, preset, quiet)
    from dancheong.training.loop import Progress
    from dancheong.training.loop import train as run

    with progress_bar("training", 1.0, quiet) as bar:

        def watch(progress: Progress) -> bool:
            losses = progress.losses
            shown = {"D": ("d_real", "d_fake"), "G": ("g_gan",), "L1": ("l1",), "dE": ("val_delta_e_2000",)}
            text = " ".join(
                f"{label} {'/'.join(f'{losses[name]:.2g}' for name in names)}"
                for label, names in shown.items() if names[0] in losses
            )
            bar(progress.images_seen / progress.images_total, f"{text} {progress.images_per_second:.0f}/s")
            if progress.message:
                say(progress.message, quiet)
            return False

        result = run(
            photos, output, resolved.params, val=val, log_dir=log_dir, resume=resume, category=resolved.category,
            origins=resolved.origins, drawn_masks=drawn_masks, watch=watch,
        )
    if not result.is_first_process:
        raise typer.Exit
    if table and rows is not None and is_database(table):
        from dancheong.params.sources.sql import record_run

        record_run(
            table, command=["train", str(photos), "-o", str(output)], rows=rows, data_fingerprint=result.fingerprint,
            model_hash=result.digest, scores=result.val or result.losses,
        )
    for refusal in result.refusals:
        say(f"left out: {refusal.file}: {refusal.kind}: {refusal.reason}", quiet)
    if result.stopped:
        say(f"stopped after {result.images_seen} images; the same command with --resume goes on", quiet)
    summary = {
        "model": str(result.model), "images_seen": result.images_seen, "seconds": round(result.seconds, 2),
        "images_per_second": round(result.images_per_second, 2), "losses": result.losses, "val": result.val or None,
        "left_out": [vars(refusal) for refusal in result.refusals], "stopped": result.stopped,
    }
    emit(summary, as_json, [
        f"{result.model}: {result.images_seen} images in {result.seconds:.0f} s ({result.images_per_second:.1f} images/s)",
        *(f"{name}: {value:.4f}" for name, value in {**result.losses, **result.val}.items()),
    ])
    raise typer.Exit(130 if result.stopped else 0)
