"""Options that several commands share, and what they mean together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancheong.app.console import Console
from dancheong.params import COMMON, ParamError

if TYPE_CHECKING:
    from dancheong.params import Resolved, TableRow

Table = Annotated[str | None, typer.Option("--params", help="Parameter table: .csv, .xlsx or a database URL.", metavar="TABLE")]
Category = Annotated[str | None, typer.Option("--category", help="Category whose rows override COMMON.", metavar="NAME")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE",
        help="Override one parameter; repeatable. `dancheong params show` lists the basic parameters, with --all the others.",
    ),
]
Preset = Annotated[
    str, typer.Option(
        "--preset", help="Values to start from: default, scratch (no pretrained encoder) or paper (the source paper's).",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there and was not made by this run.")]
OutputDir = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.", metavar="DIR")]
OutputModel = Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.h5", help="The model file to write.")]
Runtime = Annotated[str, typer.Option("--runtime", help="auto, onnx, openvino (extra fast) or torch.")]
Device = Annotated[
    str | None,
    typer.Option("--device", help="Where to predict: auto, cpu, cuda, coreml, directml or openvino-gpu (docs/faq.md)."),
]

# How model files begin, and those of other programs, which opening them will refuse.
_BEGINNINGS = (b"dancheong model file", b"\x89HDF")


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer takes it: a parameter that is a dataclass becomes one option for each of its fields."""
    own = signature(command).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)}
    options = {name: [one for one in fields(group) if one.init] for name, group in groups.items()}
    parameters: list[Parameter] = []
    for name, parameter in own.items():
        parameters += [
            Parameter(option.name, Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
            for option in options[name]
        ] if name in groups else [parameter.replace(kind=Parameter.KEYWORD_ONLY)]

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{option.name: given.pop(option.name, option.default) for option in options[name]})
        command(**given)

    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return run


@dataclass(frozen=True)
class ParamOptions:
    """Where the parameters of a command come from."""

    table: Table = None
    category: Category = None
    settings: Settings = None
    preset: str = field(default="default", init=False)

    def resolve(self, console: Console, own: Mapping[str, Any] | None = None, command: str = "") -> "Resolved":
        """The effective parameters, with the `own` values of a command where nothing else says anything.

        A table that `params init` wrote has a row for everything, so nothing of a preset is left: that is said.
        """
        from dancheong.params.sources import redact_password
        from dancheong.params.table import PRESETS, parse_settings, resolve

        rows = table_rows(self.table, console)
        resolved = resolve(rows, self.category, parse_settings(self.settings or []), self.preset, own, command)
        _say_unused(rows or [], self.category, console)
        values = PRESETS[self.preset]
        lost = [
            name for name, origin in resolved.origins.items()
            if name in values and origin not in (f"preset {self.preset}", "--set", command)
            and getattr(resolved.params, name) != values[name]
        ]
        if self.table and lost:
            console.say(
                f"dancheong: {len(lost)} of the {len(values)} values of --preset {self.preset} are overridden by rows of "
                f"{redact_password(self.table)} ({', '.join(name.upper() for name in lost[:3])}{', ...' if lost[3:] else ''}): "
                f"take these rows out, or write the table with `dancheong params init --preset {self.preset}`"
            )
        return resolved

    def at_prediction(self, console: Console, model: Path | None = None) -> dict[str, Any]:
        """What a table and settings change of a model's parameters. Settings are not sifted: the model refuses what it must.

        Without `category` the rows of the model's own category count over COMMON, where the table has any.
        """
        from dancheong.artifact import read_artifact
        from dancheong.params import parse_settings, resolve
        from dancheong.params.schema import AT_PREDICTION
        from dancheong.params.sources.layout import plain_category

        category = self.category
        if category and not self.table:
            raise ParamError(f"--category {category} chooses rows of a table: give --params TABLE as well")
        given = {name.lower(): value for name, value in parse_settings(self.settings or []).items()}
        if not self.table:
            return given
        rows = table_rows(self.table, console) or []
        own = COMMON if model is None else read_artifact(model).category
        if category is None and plain_category(own) in {plain_category(row.category) for row in rows if row.use}:
            category = own
        elif category is not None and own != COMMON and plain_category(category) != plain_category(own):
            console.say(f"dancheong: --category {category} counts, and not {own}, for which {model} was trained")
        _say_unused(rows, category, console)
        resolved = resolve(rows, category)
        changed = {name: getattr(resolved.params, name) for name in AT_PREDICTION if resolved.origins[name] != "default"}
        return {**changed, **given}


@dataclass(frozen=True)
class TrainingOptions(ParamOptions):
    """With the presets that a training may start from."""

    preset: Preset = "default"


@dataclass(frozen=True)
class PredictionOptions(ParamOptions):
    """Of a model's parameters those may be changed that say how it predicts."""

    table: Annotated[
        str | None,
        typer.Option(
            "--params", metavar="TABLE",
            help="Parameter table, of which only the rows of prediction and light reflection count; they override the model's.",
        ),
    ] = None


def table_rows(table: str | None, console: Console) -> "list[TableRow] | None":
    """The rows of the table that --params names, None without one; of rows that are no parameters any more it is said so."""
    if not table:
        return None
    from dancheong.params import read_table
    from dancheong.params.table import removed_notes

    rows = read_table(table)
    for note in removed_notes(rows):
        console.say(f"dancheong: {note}")
    return rows


def _say_unused(rows: "list[TableRow]", category: str | None, console: Console) -> None:
    from dancheong.params.table import unused_notes

    for note in unused_notes(rows, category):
        console.say(f"dancheong: {note}")


def split_model(words: list[Path], expected: str) -> tuple[Path | None, list[Path]]:
    """The model file, None where the first word is none, and the other words.

    Args:
        expected: what must follow the model, for the error.

    Raises:
        ParamError: nothing follows, or a model file stands elsewhere.
    """
    model, rest = (words[0], words[1:]) if _is_model(words[0]) else (None, words)
    if not rest:
        raise ParamError(f"{model}: {expected} after the model file")
    for word in rest:
        if _is_model(word):
            where = "only one model file is used" if model is not None else "a model file comes first"
            raise ParamError(f"{word}: {where}; {expected} after it")
    return model, rest


def model_path(model: Path | None, console: Console) -> Path:
    """The model file, or the one that comes along, which is said.

    Raises:
        ArtifactError: this installation has none.
    """
    if model is not None:
        return model
    from dancheong.prediction.shipped import shipped_model_path

    path = shipped_model_path()
    console.say(
        "dancheong: no model file was given: the colorizer that comes along is used (`dancheong models card colorizer`)"
    )
    return path


def _is_model(path: Path) -> bool:
    """Whether a word names a model file: by its suffix, whether it exists or not, or by the first bytes of the file."""
    if path.suffix.lower() == ".h5" and not path.is_dir():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(32).startswith(_BEGINNINGS)
