"""`dancheong train`."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancheong.app import options
from dancheong.app.console import emit, progress_bar, say

if TYPE_CHECKING:
    from dancheong.params import Params
    from dancheong.training.session import Progress, Remark, TrainResult

WORSE_THAN_GRAY = """\
WORSE THAN NOTHING: on the validation photographs the colors have Delta E 2000 {error:.2f}, the gray ones {gray:.2f}.
Likely reasons: too few photographs, or learned by heart (train fewer EPOCHS, or with more INIT_SHARE of a model that you
begin with); validation photographs of another kind than those trained on; gray and color that do not lie on each other
(`dancheong doctor` finds these)."""


def train(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder of photographs; see docs/data.md.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.h5", help="The model file to write.")],
    val: Annotated[
        str | None,
        typer.Option(metavar="PHOTOS|SHARE", help="Photographs kept out of the training, or the share of PHOTOS to keep out, "
                     "as .1: those of one view stay together, and those of one subfolder if it can be."),
    ] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="MODEL.h5", help="Begin with the network and the weights of this model.")
    ] = None,
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
    weights: Annotated[
        Path | None, typer.Option(metavar="CSV", help="How often an epoch shows photographs or subfolders, as GOGUNG,3 in a "
                                  "line; others once.")
    ] = None,
    doctor: Annotated[
        bool, typer.Option("--doctor/--no-doctor", help="Look first at what is wrong or risky in the photographs.")
    ] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was stopped.")] = False,
    overwrite: options.Overwrite = False,
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
    from dancheong.data.hold_out import share_of
    from dancheong.system.outputs import check_name
    from dancheong.training.engine import is_first_process, require_extra
    from dancheong.training.loop import check_training
    from dancheong.training.loop import train as run
    from dancheong.training.session import tensorboard_installed

    require_extra()
    check_training(resolved.params)
    share_of(val)
    check_name(output, ".h5", "a model file")
    say_if_nothing_to_resume(output, resume, quiet)
    counts: dict[str, int] | None = None
    remarks: list[Remark] = []
    if doctor and not resume and is_first_process():
        counts, remarks = _diagnosis(photos, Path(val) if val and not share_of(val) else None, resolved.params, quiet)
    events = tensorboard_installed() and log_dir is not None if tensorboard is None else tensorboard
    with progress_shown("training", quiet) as watch:
        result = run(
            photos, output, resolved.params, val=val, init=init, log_dir=log_dir, resume=resume, overwrite=overwrite,
            category=resolved.category, origins=resolved.origins, drawn_masks=drawn_masks, weights=weights, watch=watch,
            tensorboard=events, remarks=remarks,
        )
    emit_result(result, "images", as_json, quiet, {"doctor": counts})


@contextmanager
def progress_shown(title: str, quiet: bool) -> Iterator[Callable[["Progress"], bool]]:
    """A `watch` for a training that shows losses and speed beside a bar, and never stops it."""
    shown = {"D": ("d_real", "d_fake"), "G": ("g_gan",), "L1": ("l1",), "dE": ("val_delta_e_2000",), "PSNR": ("val_psnr",)}
    with progress_bar(title, 1.0, quiet) as bar:

        def watch(progress: "Progress") -> bool:
            losses = progress.losses
            text = " ".join(
                f"{label} {'/'.join(f'{losses[name]:.3g}' for name in names)}"
                for label, names in shown.items() if names[0] in losses
            )
            bar(progress.images_seen / progress.images_total, f"{text} {progress.images_per_second:.0f}/s")
            if progress.message:
                say(progress.message, quiet)
            return False

        yield watch


def emit_result(result: "TrainResult", unit: str, as_json: bool, quiet: bool, more: dict[str, Any] | None = None) -> None:
    """Say what a training did and leave the program: exit code 130 where it was stopped, else 0.

    Args:
        unit: of what was seen, in the plural.
        more: entries of the JSON object beside those of the result.

    Raises:
        typer.Exit: always.
    """
    # Of several processes one speaks.
    if not result.is_first_process:
        raise typer.Exit
    for refusal in result.refusals:
        say(f"left out: {refusal.file}: {refusal.kind}: {refusal.reason}", quiet)
    if result.split:
        say(result.split, quiet)
    if result.stopped:
        say(f"stopped after {result.images_seen} {unit}; the same command with --resume goes on", quiet)
    speed = f"{result.images_per_second:.1f} {unit}/s"
    summary = {
        "model": str(result.model), "images_seen": result.images_seen, "seconds": round(result.seconds, 2),
        "images_per_second": round(result.images_per_second, 2), "losses": result.losses, "val": result.val or None,
        "left_out": [vars(refusal) for refusal in result.refusals], "stopped": result.stopped, "page": str(result.page),
        "split": result.split or None,
        **(more or {}),
    }
    emit(summary, as_json, [
        f"{result.model}: {result.images_seen} {unit} in {result.seconds:.0f} s ({speed})",
        *(f"{name}: {value:.4f}" for name, value in {**result.losses, **result.val}.items()),
        f"curves and previews: {result.page} (open it in a browser)",
    ])
    error, gray = result.val.get("val_delta_e_2000", 0), result.val.get("val_gray_delta_e_2000", math.inf)
    if error >= gray:
        say(WORSE_THAN_GRAY.format(error=error, gray=gray))
    raise typer.Exit(130 if result.stopped else 0)


def say_if_nothing_to_resume(model: Path, resume: bool, quiet: bool) -> None:
    """A mistyped name must not look like a training that goes on."""
    from dancheong.training.checkpoint import checkpoint_path

    if resume and not model.exists() and not checkpoint_path(model).exists():
        say(f"dancheong: --resume: there is nothing to resume at {model}, neither a state nor a model: it begins anew", quiet)


def _diagnosis(
    photos: Path, val: Path | None, params: "Params", quiet: bool
) -> tuple[dict[str, int] | None, "list[Remark]"]:
    """What the doctor finds, as counts by kind and as lines for the page.

    None where there is nothing to look at, which the training says better.
    """
    from dancheong.data.doctor import ADVICE, count_photographs, diagnose
    from dancheong.data.photographs import NoPhotographs

    with suppress(NoPhotographs), progress_bar("looking", count_photographs(photos, val), quiet) as bar:
        # Light reflection is looked for by the training itself, photograph by photograph.
        diagnosis = diagnose(photos, params, val, progress=bar, glare=False)
        counts = diagnosis.counts()
        if counts:
            command = f"dancheong doctor {photos}" + (f" --test {val}" if val else "")
            say(f"doctor: {diagnosis.photographs} photographs; `{command}` names the files", quiet)
            for kind, count in counts.items():
                say(f"  {kind}: {count} -> {ADVICE[kind]}", quiet)
        return counts, [(kind, count, ADVICE[kind]) for kind, count in counts.items()]
    return None, []
