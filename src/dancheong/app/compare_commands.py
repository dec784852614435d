"""`dancheong compare`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancheong.app import options
from dancheong.app.console import Bar, Console
from dancheong.params import ParamError
from dancheong.system.outputs import check_folder, check_free, claimed

if TYPE_CHECKING:
    from dancheong.experiment.grid import Progress

# All arms on built-in scenes in under four minutes on two cores.
QUICK_SETTINGS = {
    "RESOL": 32, "NGF": 8, "NDF": 8,
    "ENCODER": "unet", "DEPTH": 4, "PATCH_SIZE": "16", "EPOCHS": 24, "BATCH_SIZE": 8, "VAL_IMAGES": 10**9,
    # Table 4 is about a discriminator, which the default recipe does without.
    "LAMBDA_GAN": 0.1,
}
QUICK_SCENES = (48, 12)
QUICK_SEEDS, SEEDS = 2, 5
NOTICE = "Generated scenes and a few moments of training: this shows that everything works, not which arm is better."


def compare(
    photos: Annotated[Path | None, typer.Argument(metavar="PHOTOS", help="Color photographs to train on.")] = None,
    test: Annotated[
        Path | None, typer.Option("--test", metavar="PHOTOS", help="Color photographs to judge with, of other places.")
    ] = None,
    output: options.OutputDir = Path("compare"),
    arms: Annotated[str, typer.Option(metavar="A,B,...", help="Arms to run; all of docs/experiment.md if not given.")] = "",
    own: Annotated[
        list[str] | None, typer.Option("--arm", metavar="NAME=TABLE", help="An arm of your own: a parameter table; repeatable.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, max=1000, help="Repetitions: seeds 1 to N; 5, or 2 with --quick.")] = None,
    dose: Annotated[int, typer.Option(min=0, max=100, help="Percent of the training photographs that are damaged.")] = 50,
    doses: Annotated[
        str, typer.Option(metavar="N,N,...", help="Doses at which B and F are run, too; 'none' for no others.")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Runs at once, each in a process of its own.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="All arms on built-in scenes, in minutes: to see that it works.")
    ] = False,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Train nothing: report the seeds that are complete.")
    ] = False,
    any_version: Annotated[
        bool, typer.Option("--any-version", help="Take finished runs as they are although the program's code has changed.")
    ] = False,
    drop_models: Annotated[bool, typer.Option("--drop-models", help="Remove each model once it is judged.")] = False,
    overwrite: options.Overwrite = False,
    *, chosen: options.TrainingOptions, console: Console,
) -> None:
    """The experiment with and without glare control: figures, tables, a report with a verdict.

    Glare is simulated on PHOTOS; arms that differ in nothing but their glare control are trained on them and judged against
    the clean truth. Ctrl-C saves and exits with code 130; the same command goes on. Finished runs are never repeated.
    """
    base = chosen.resolve(console, QUICK_SETTINGS if quick else {}, "quick")
    from dancheong.experiment.arms import chosen_arms, own_arm
    from dancheong.experiment.experiment import compare as run
    from dancheong.experiment.grid import Plan

    own_arms = [
        own_arm(name, options.table_rows(place, console) or [], chosen.category)
        for name, place in map(_name_and_table, own or [])
    ]
    curve = _numbers(doses or ("0,50" if quick else "0,25,50,100"))
    plan = Plan(
        base, chosen_arms([name.strip() for name in arms.split(",") if name.strip()], own_arms),
        seeds or (QUICK_SEEDS if quick else SEEDS), dose, curve, jobs, _devices(jobs), any_version, report_only, drop_models,
        NOTICE if quick else "",
    )
    check_folder(output)
    if not (output / "work").is_dir():
        # No experiment has been there, so a report is of something else.
        reports = [output / name for name in ("report.html", "report.md", "scores.csv", "compare.json")]
        check_free(reports, overwrite, "--overwrite replaces it, or choose another -o")
    if quick:
        photos, test = _quick_scenes(output, photos, test)
    elif photos is None or test is None:
        raise ParamError("give PHOTOS to train on and --test PHOTOS to judge with, or --quick for the built-in scenes")
    with claimed(output / "compare.json"), console.bar("comparing") as bar:
        result = run(photos, test, output, plan, lambda progress: _tell(progress, bar, console), console.say)
    for title, error in result.failures:
        console.warn(f"failed: {title}: {error}")
    if result.stopped:
        console.say("stopped; the same command goes on")
        console.emit(result.record, [])
        raise typer.Exit(130)
    console.emit(result.record, [*result.verdict, f"report: {result.record['report']}"])
    raise typer.Exit(1 if result.failures else 0)


def _quick_scenes(output: Path, photos: Path | None, test: Path | None) -> tuple[Path, Path]:
    if photos is not None or test is not None:
        raise ParamError("--quick brings its own scenes: leave PHOTOS and --test out, or leave --quick out")
    from dancheong.scenes import write_scenes

    places = output / "work" / "scenes_train", output / "work" / "scenes_test"
    for place, count, first_seed in zip(places, QUICK_SCENES, (1, 900_001), strict=True):
        if len(list(place.glob("*.png"))) != count:
            write_scenes(place, count, first_seed, 120, 80)
    return places


def _name_and_table(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals or not place:
        raise ParamError(f"--arm {text!r}: NAME=TABLE was expected, such as --arm MINE=mine.csv")
    return name.strip(), place


def _numbers(text: str) -> list[int]:
    if text.strip().lower() == "none":
        return []
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [-1]
    if not all(0 <= number <= 100 for number in numbers):
        raise ParamError(f"--doses {text!r}: whole percents from 0 to 100 were expected, such as 0,25,50,100, or none")
    return numbers


def _devices(jobs: int) -> int:
    """Accelerators for several runs at once; one run alone chooses by DEVICE."""
    if jobs == 1:
        return 0
    from dancheong.training.engine import accelerators

    return accelerators()


def _tell(progress: "Progress", bar: Bar, console: Console) -> None:
    done = f"{progress.done} of {progress.total} runs"
    left = "" if math.isnan(progress.seconds_left) else f"; {_duration(progress.seconds_left)} left"
    bar(progress.share, done)
    if progress.ended:
        console.say(f"{done}; {progress.ended}{left}")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
