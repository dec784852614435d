"""`dancheong train-categories`: a model for each kind of place, one over all, and which of them colors which kind better."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import normalize

import typer

from dancheong.app import options
from dancheong.app.console import Console
from dancheong.app.evaluate_commands import known_words
from dancheong.app.train_commands import shown_on
from dancheong.params import COMMON, ParamError
from dancheong.system.outputs import check_folder, check_free

if TYPE_CHECKING:
    from dancheong.data.photographs import UnusablePhoto
    from dancheong.params import Params, Resolved, TableRow


@dataclass(frozen=True)
class _Kind:
    """A category with photographs, and perhaps others that choose its weights, and others that it is scored on."""

    name: str
    resolved: "Resolved"
    photos: Path
    val: str | Path | list[str] | None
    test: Path | None

    def begins_with(self, common: "Params") -> bool:
        """Whether it goes on from the model over all: a pretrained network of the same shape for the same task."""
        from dancheong.params.schema import DESCRIBES_NETWORK

        own = self.resolved.params
        same = all(getattr(own, row) == getattr(common, row) for row in (*DESCRIBES_NETWORK, "pairing"))
        return self.name != COMMON and own.encoder != "unet" and own.begin == "colorizer" and same


def train_categories(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A subfolder a category, such as PHOTOS/GOGUNG.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="For CATEGORY.h5 each, and COMMON.h5.")],
    val: Annotated[
        str | None,
        typer.Option(metavar="PHOTOS|SHARE", help="To validate with, as train --val: the same subfolders, or a share."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="PHOTOS", help="The same subfolders, never trained on: both models are scored.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was stopped; finished models are kept.")
    ] = False,
    overwrite: options.Overwrite = False,
    table: options.Table = None,
    settings: options.Settings = None,
    preset: options.Preset = "default",
    *, console: Console,
) -> None:
    """Train one model over all subfolders of PHOTOS, and one for each, with the rows that the table has for its name.

    A subfolder's training begins with the model over all, unless BEGIN=encoder or ENCODER=unet says otherwise.
    With --test each category's photographs are colored by its own model and by the one over all, to tell which is better.
    """
    from dancheong.params import parse_settings
    from dancheong.training.engine import require_extra
    from dancheong.training.loop import check_training

    require_extra()
    inner, outer = (None if test is None else test.resolve()), photos.resolve()
    if inner and (inner.is_relative_to(outer) or outer.is_relative_to(inner)):
        raise ParamError(f"--test {test}: these are photographs that are trained on; name others, outside of {photos}")
    rows = options.table_rows(table, console)
    kinds = _kinds(photos, val, test, rows, parse_settings(settings or []), preset)
    for kind in kinds:
        check_training(kind.resolved.params)
    check_folder(output)
    if not resume:
        check_free([output / f"{kind.name}.h5" for kind in kinds], overwrite, "--resume keeps it, --overwrite replaces it")
    output.mkdir(parents=True, exist_ok=True)
    models: list[dict[str, Any]] = []
    for kind in kinds:
        init = output / f"{COMMON}.h5" if kind.begins_with(kinds[0].resolved.params) else None
        models.append(_train(kind, output / f"{kind.name}.h5", init, resume, overwrite, console))
        if models[-1]["stopped"]:
            console.say("stopped; the same command with --resume goes on")
            console.emit({"models": models, "scores": None}, _model_lines(models))
            raise typer.Exit(130)
    scores = [_score(kind, output, console) for kind in kinds if kind.name != COMMON and kind.test is not None]
    console.emit({"models": models, "scores": scores or None}, [*_model_lines(models), *_score_lines(scores)])


def _kinds(
    photos: Path, val: str | None, test: Path | None, rows: "list[TableRow] | None", settings: dict[str, Any], preset: str
) -> list[_Kind]:
    """All subfolders together as COMMON, then each with its parameters.

    A share is held out of each subfolder, and COMMON does without the same photographs: what begins with it must not know them.
    """
    from dancheong.data.hold_out import hold_out, share_of
    from dancheong.params import resolve

    folders = {name: folder for name, folder in _subfolders(photos).items() if not name.startswith(".")}
    if not folders or {"gray", "color"} <= folders.keys():
        raise ParamError(f"{photos}: a subfolder for each category was expected, such as {photos / 'GOGUNG'}")
    in_table = {row.category.upper() for row in rows or () if row.use} - {COMMON}
    if missing := in_table - {name.upper() for name in folders}:
        raise ParamError(f"{photos} has no subfolder for the categories {', '.join(sorted(missing))} of the table")
    kinds = [
        _Kind(
            name, resolve(rows, name.upper() if name.upper() in in_table else None, settings, preset), folder,
            None if share_of(val) else _part(val, name), _part(test, name),
        )
        for name, folder in folders.items()
    ]
    common = _Kind(COMMON, resolve(rows, None, settings, preset), photos, val, test)
    if share := share_of(val):
        names = [sorted(hold_out(kind.photos, kind.resolved.params, share).names) for kind in kinds]
        kinds = [replace(kind, val=its) for kind, its in zip(kinds, names, strict=True)]
        common = replace(common, val=[f"{kind.name}/{name}" for kind, its in zip(kinds, names, strict=True) for name in its])
    return [common, *kinds]


def _part(photos: str | Path | None, name: str) -> Path | None:
    """The subfolder of a category, where photographs are named and have one."""
    return None if photos is None else _subfolders(Path(photos)).get(name)


def _subfolders(photos: Path) -> dict[str, Path]:
    """By their composed names, as a table has them; macOS decomposes Korean."""
    folders = sorted(path for path in photos.iterdir() if path.is_dir()) if photos.is_dir() else []
    return {normalize("NFC", folder.name): folder for folder in folders}


def _train(kind: _Kind, model: Path, init: Path | None, resume: bool, overwrite: bool, console: Console) -> dict[str, Any]:
    from dancheong.artifact import read_artifact
    from dancheong.report.training_page import trained_seconds
    from dancheong.training.checkpoint import checkpoint_path
    from dancheong.training.loop import train

    is_unfinished = checkpoint_path(model).exists()
    refusals: list[UnusablePhoto] = []
    stopped, written = False, model
    if resume and model.exists() and not is_unfinished:
        console.say(f"{kind.name}: {model} is there")
    else:
        with console.bar(kind.name) as bar:
            result = train(
                kind.photos, model, kind.resolved.params, category=kind.name, origins=kind.resolved.origins,
                val=kind.val, init=init, resume=resume, overwrite=overwrite, watch=shown_on(bar, console),
            )
        refusals, stopped, written = result.refusals, result.stopped, result.model
    data = read_artifact(written).data
    return {
        "category": kind.name, "model": str(written), "photographs": data["photographs"], "images_seen": data["images_seen"],
        "seconds": trained_seconds(model.with_name(model.stem + "_log")),
        "left_out": [vars(refusal) for refusal in refusals], "stopped": stopped,
    }


def _score(kind: _Kind, output: Path, console: Console) -> dict[str, Any]:
    """The category's photographs, colored by its own model and by the one over all."""
    from dancheong.evaluation.evaluate import evaluate

    assert kind.test is not None
    found: dict[str, Any] = {"category": kind.name}
    for column, name in (("own", kind.name), (COMMON.lower(), COMMON)):
        with console.bar(f"{kind.name} by {name}") as bar:
            scored = evaluate(output / f"{name}.h5", kind.test, watch=lambda done, total: bar(done / total))
        if scored.known:
            console.warn(f"{kind.name}: {known_words(Path(f'{name}.h5'), scored.known)}")
        found[column] = vars(scored.mean)
        found |= {"images": scored.images, "gray": vars(scored.gray)}
    found["better"] = min(("own", COMMON.lower()), key=lambda column: found[column]["delta_e_2000"])
    return found


def _model_lines(models: list[dict[str, Any]]) -> list[str]:
    return [f"{model['model']}: {model['photographs']} photographs, {model['seconds']:.0f} s" for model in models]


def _score_lines(scores: list[dict[str, Any]]) -> list[str]:
    if not scores:
        return []
    lines = ["", f"{'Delta E 2000':<16}{'photographs':>12}{'gray':>8}{'own':>8}{COMMON:>8}  better"]
    for score in scores:
        numbers = "".join(f"{score[column]['delta_e_2000']:>8.2f}" for column in ("gray", "own", COMMON.lower()))
        lines.append(f"{score['category']:<16}{score['images']:>12}{numbers}  {score['better'].replace('common', COMMON)}")
    return lines
