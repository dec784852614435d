"""`dancheong train`."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancheong.app import options
from dancheong.app.console import Bar, emit, progress_bar, say
from dancheong.app.training_log import TrainingLog, is_first_process, kept_log, tensorboard_there
from dancheong.params import Params

if TYPE_CHECKING:
    from dancheong.training.loop import Progress


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(train)


def train(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder of photographs; see docs/data.md.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.h5", help="The model file to write.")],
    val: Annotated[Path | None, typer.Option(metavar="PHOTOS", help="Photographs kept out of the training.")] = None,
    log_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For training.html, losses.jsonl, previews and, where TensorBoard is installed, its "
                     "events; without it all but the events go beside the model."),
    ] = None,
    tensorboard: Annotated[
        bool | None,
        typer.Option("--tensorboard/--no-tensorboard", help="Write TensorBoard events, or not, whatever --log-dir says.",
                     show_default=False),
    ] = None,
    drawn_masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Masks of light reflection drawn by hand: PNG of the same stems.")
    ] = None,
    doctor: Annotated[
        bool, typer.Option("--doctor/--no-doctor", help="Look first at what is wrong or risky in the photographs.")
    ] = True,
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
    resolved, _ = options.effective(table, category, settings, preset, quiet)
    from dancheong.training.engine import require_extra
    from dancheong.training.loop import check_training
    from dancheong.training.loop import train as run

    require_extra()
    check_training(resolved.params)
    events = tensorboard_there() and log_dir is not None if tensorboard is None else tensorboard
    # As `dancheong.training.loop.train` places it.
    log_dir = log_dir or output.with_name(output.stem + "_log")
    with kept_log(log_dir, output, resolved, events, resume) as log:
        counts = None
        if doctor and not resume and is_first_process():
            counts = _summary(photos, val, resolved.params, log, quiet)
        with progress_bar("training", 1.0, quiet) as bar:

            def watch(progress: "Progress") -> bool:
                log.look(progress)
                _show(progress, bar, quiet)
                return False

            result = run(
                photos, output, resolved.params, val=val, log_dir=log_dir, resume=resume, category=resolved.category,
                origins=resolved.origins, drawn_masks=drawn_masks, watch=watch,
            )
        page = log.finish(result) if result.is_first_process else None
    if page is None:
        raise typer.Exit
    for refusal in result.refusals:
        say(f"left out: {refusal.file}: {refusal.kind}: {refusal.reason}", quiet)
    if result.stopped:
        say(f"stopped after {result.images_seen} images; the same command with --resume goes on", quiet)
    summary = {
        "model": str(result.model), "images_seen": result.images_seen, "seconds": round(result.seconds, 2),
        "images_per_second": round(result.images_per_second, 2), "losses": result.losses, "val": result.val or None,
        "left_out": [vars(refusal) for refusal in result.refusals], "stopped": result.stopped, "page": str(page),
        "doctor": counts,
    }
    emit(summary, as_json, [
        f"{result.model}: {result.images_seen} images in {result.seconds:.0f} s ({result.images_per_second:.1f} images/s)",
        *(f"{name}: {value:.4f}" for name, value in {**result.losses, **result.val}.items()),
        f"curves and previews: {page} (open it in a browser)",
    ])
    raise typer.Exit(130 if result.stopped else 0)


def _show(progress: "Progress", bar: Bar, quiet: bool) -> None:
    """Losses and speed beside the bar."""
    losses = progress.losses
    shown = {"D": ("d_real", "d_fake"), "G": ("g_gan",), "L1": ("l1",), "dE": ("val_delta_e_2000",)}
    text = " ".join(
        f"{label} {'/'.join(f'{losses[name]:.2g}' for name in names)}"
        for label, names in shown.items() if names[0] in losses
    )
    bar(progress.images_seen / progress.images_total, f"{text} {progress.images_per_second:.0f}/s")
    if progress.message:
        say(progress.message, quiet)


def _summary(photos: Path, val: Path | None, params: Params, log: TrainingLog, quiet: bool) -> dict[str, int] | None:
    """What the doctor finds, in a line a kind; None where there is nothing to look at, which the training says better."""
    from dancheong.data.doctor import ADVICE, count_photographs, diagnose
    from dancheong.data.photographs import NoPhotographs

    with suppress(NoPhotographs), progress_bar("looking", count_photographs(photos, val), quiet) as bar:
        # Light reflection is looked for by the training itself, photograph by photograph.
        diagnosis = diagnose(photos, params, val, progress=bar, glare=False)
        counts = diagnosis.counts()
        for kind, count in counts.items():
            log.remark(kind, count, ADVICE[kind])
        if counts:
            command = f"dancheong doctor {photos}" + (f" --test {val}" if val else "")
            say(f"doctor: {diagnosis.photographs} photographs; `{command}` names the files", quiet)
            for kind, count in counts.items():
                say(f"  {kind}: {count} -> {ADVICE[kind]}", quiet)
        return counts
    return None
