"""`dancheong train`, `train-upscaler`, and `doctor`, which looks at photographs before a training does."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dancheong.app import options
from dancheong.app.console import Bar, Console
from dancheong.app.file_commands import Scale

if TYPE_CHECKING:
    from dancheong.data.doctor import Diagnosis
    from dancheong.params import Params
    from dancheong.training.session import Progress, Remark, TrainResult

# A terminal is for an overview; --json lists everything.
_SHOWN_FILES = 5
_UNSEEN_LIGHT = (
    "Not found are reflections on glass, most ghosts of the lens and wide halos: leave photographs of them out, or draw them "
    "(--drawn-masks)"
)
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the same command was stopped.")]
WORSE_THAN_NOTHING = """\
WORSE THAN NOTHING: on the validation photographs the results have Delta E 2000 {error:.2f}, the inputs as they are {input:.2f}.
Likely reasons: too few photographs, or learned by heart (train fewer EPOCHS, or with more INIT_SHARE of a model that you
begin with); validation photographs of another kind than those trained on; input and truth that do not lie on each other
(`dancheong doctor` finds these). A training that ran away, to be seen in its losses, needs a lower LR."""


def train(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder of photographs; see docs/data.md.")],
    output: options.OutputModel,
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
    resume: Resume = False,
    overwrite: options.Overwrite = False,
    *, chosen: options.TrainingOptions, console: Console,
) -> None:
    """Train on PHOTOS and write one model file. Photographs that cannot be used are left out and named: exit code 0.

    Ctrl-C saves and exits with code 130; --resume goes on.
    """
    resolved = chosen.resolve(console)
    from dancheong.data.hold_out import share_of
    from dancheong.training.engine import require_extra
    from dancheong.training.loop import train as run
    from dancheong.training.session import tensorboard_installed

    require_extra()
    _say_if_nothing_to_resume(output, resume, console)
    found: list[Remark] | None = None
    events = tensorboard_installed() and log_dir is not None if tensorboard is None else tensorboard
    with console.bar("training") as bar:

        def look() -> "list[Remark]":
            nonlocal found
            found = _diagnosis(photos, Path(val) if val and not share_of(val) else None, resolved.params, bar, console)
            return found or []

        result = run(
            photos, output, resolved.params, val=val, init=init, log_dir=log_dir, resume=resume, overwrite=overwrite,
            category=resolved.category, origins=resolved.origins, drawn_masks=drawn_masks, weights=weights,
            watch=shown_on(bar, console), tensorboard=events, remarks=look if doctor and not resume else (),
        )
    counts = None if found is None else {kind: count for kind, count, _ in found}
    _emit_result(result, "images", console, {"doctor": counts})


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
    resume: Resume = False,
    overwrite: options.Overwrite = False,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """Train what enlarges photographs on PHOTOS, and write one model file; see docs/upscaling.md.

    Ctrl-C saves and exits with code 130; --resume goes on.
    """
    if scale:
        chosen = replace(chosen, settings=[*(chosen.settings or []), f"SR_SCALE={scale}"])
    resolved = chosen.resolve(console)
    from dancheong.upscaling.training import train_upscaler as run

    _say_if_nothing_to_resume(output, resume, console)
    with console.bar("training") as bar:
        result = run(
            photos, output, resolved.params, val=val, init=init, log_dir=log_dir, resume=resume, overwrite=overwrite,
            category=resolved.category, origins=resolved.origins, watch=shown_on(bar, console),
        )
    _emit_result(result, "patches", console)


def doctor(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Photographs to train on; see docs/data.md.")],
    test: Annotated[
        Path | None, typer.Option(metavar="PHOTOS", help="Photographs to test on: searched for what is in both.")
    ] = None,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """Say what is wrong or risky in a set of photographs, and what to do. Exit code 1 only if something cannot be looked at."""
    params = chosen.resolve(console).params
    from dancheong.data.doctor import count_photographs, diagnose

    began = time.monotonic()
    with console.bar("looking", count_photographs(photos, test)) as bar:
        diagnosis = diagnose(photos, params, test, progress=bar)
    result = {
        "findings": [vars(finding) for finding in diagnosis.findings],
        "counts": diagnosis.counts(),
        "photographs": diagnosis.photographs,
        "test_photographs": diagnosis.test_photographs if test is not None else None,
        "shorter_px": diagnosis.shorter_px,
        "glare_share": None if diagnosis.glare_share is None else round(diagnosis.glare_share, 4),
        "unreadable": diagnosis.unreadable,
        "seconds": round(time.monotonic() - began, 2),
    }
    for reason in diagnosis.unreadable:
        console.warn(f"dancheong: {reason}")
    console.emit(result, _findings(diagnosis, test is not None))
    raise typer.Exit(1 if diagnosis.unreadable else 0)


def _findings(diagnosis: "Diagnosis", tested: bool) -> list[str]:
    lines = []
    for kind, count in diagnosis.counts().items():
        findings = [finding for finding in diagnosis.findings if finding.kind == kind]
        lines.append(f"{kind}: {count}")
        lines += [f"  {finding.file}: {finding.detail}" for finding in findings[:_SHOWN_FILES]]
        if count > _SHOWN_FILES:
            lines.append(f"  and {count - _SHOWN_FILES} more (--json lists all)")
        lines += [f"  -> {findings[0].advice}", ""]
    photographs = f"{diagnosis.photographs} photographs" + (f" and {diagnosis.test_photographs} to test" if tested else "")
    sides = "" if diagnosis.shorter_px is None else "; shorter sides {}, {}, {} px (least, median, greatest)".format(
        *diagnosis.shorter_px
    )
    glare = "" if diagnosis.glare_share is None else f"; light reflection {diagnosis.glare_share:.1%} on average"
    lines += [_UNSEEN_LIGHT] if glare else []
    return [*lines, f"{photographs}{sides}{glare}; {len(diagnosis.findings) or 'no'} findings"]


def shown_on(bar: Bar, console: Console) -> Callable[["Progress"], bool]:
    """A `watch` for a training that shows losses and speed beside a bar, and never stops it."""
    shown = {"D": ("d_real", "d_fake"), "G": ("g_gan",), "L1": ("l1",), "dE": ("val_delta_e_2000",), "PSNR": ("val_psnr",)}

    def watch(progress: "Progress") -> bool:
        losses = progress.losses
        text = " ".join(
            f"{label} {'/'.join(f'{losses[name]:.3g}' for name in names)}"
            for label, names in shown.items() if names[0] in losses
        )
        bar(progress.images_seen / progress.images_total, f"{text} {progress.images_per_second:.0f}/s")
        if progress.message:
            console.say(progress.message)
        return False

    return watch


def _emit_result(result: "TrainResult", unit: str, console: Console, more: dict[str, Any] | None = None) -> NoReturn:
    """Say what a training did and leave the program: exit code 130 where it was stopped, else 0.

    `unit`: of what was seen, in the plural; `more`: entries of the JSON object beside those of the result.
    """
    # Of several processes one speaks.
    if not result.is_first_process:
        raise typer.Exit
    for refusal in result.refusals:
        console.say(f"left out: {refusal.file}: {refusal.kind}: {refusal.reason}")
    if result.split:
        console.say(result.split)
    if result.stopped:
        console.say(f"stopped after {result.images_seen} {unit}; the same command with --resume goes on")
    speed = f"{result.images_per_second:.1f} {unit}/s"
    summary = {
        "model": str(result.model), "images_seen": result.images_seen, "seconds": round(result.seconds, 2),
        "images_per_second": round(result.images_per_second, 2), "losses": result.losses, "val": result.val or None,
        "left_out": [vars(refusal) for refusal in result.refusals], "stopped": result.stopped, "page": str(result.page),
        "split": result.split or None,
        **(more or {}),
    }
    console.emit(summary, [
        f"{result.model}: {result.images_seen} {unit} in {result.seconds:.0f} s ({speed})",
        *(f"{name}: {value:.4f}" for name, value in {**result.losses, **result.val}.items()),
        f"curves and previews: {result.page} (open it in a browser)",
    ])
    error = result.val.get("val_delta_e_2000", 0)
    baseline = min(result.val.get(f"val_{name}_delta_e_2000", math.inf) for name in ("gray", "input"))
    if error >= baseline:
        for line in WORSE_THAN_NOTHING.format(error=error, input=baseline).splitlines():
            console.warn(line)
    raise typer.Exit(130 if result.stopped else 0)


def _say_if_nothing_to_resume(model: Path, resume: bool, console: Console) -> None:
    """A mistyped name must not look like a training that goes on."""
    from dancheong.training.checkpoint import checkpoint_path

    if resume and not model.exists() and not checkpoint_path(model).exists():
        console.say(f"dancheong: --resume: there is nothing to resume at {model}, neither a state nor a model: it begins anew")


def _diagnosis(photos: Path, val: Path | None, params: "Params", bar: Bar, console: Console) -> "list[Remark] | None":
    """What the doctor finds, by kind; None where there is nothing to look at, which the training says better."""
    from dancheong.data.doctor import ADVICE, count_photographs, diagnose
    from dancheong.data.photographs import NoPhotographs

    with suppress(NoPhotographs):
        total = max(count_photographs(photos, val), 1)
        # Light reflection is looked for by the training itself, photograph by photograph.
        diagnosis = diagnose(photos, params, val, progress=lambda done: bar(done / total, "looking"), glare=False)
        bar(0)
        counts = diagnosis.counts()
        if counts:
            command = f"dancheong doctor {photos}" + (f" --test {val}" if val else "")
            console.say(f"doctor: {diagnosis.photographs} photographs; `{command}` names the files")
            for kind, count in counts.items():
                console.say(f"  {kind}: {count} -> {ADVICE[kind]}")
        return [(kind, count, ADVICE[kind]) for kind, count in counts.items()]
    return None
