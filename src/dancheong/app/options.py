"""Options that every command shares, and what they mean together."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancheong.app.console import say
from dancheong.params import COMMON, ParamError

if TYPE_CHECKING:
    from dancheong.params import Resolved, TableRow

Table = Annotated[str | None, typer.Option("--params", help="Parameter table: .csv, .xlsx or a database URL.", metavar="TABLE")]
PredictionTable = Annotated[
    str | None,
    typer.Option(
        "--params", metavar="TABLE",
        help="Parameter table, of which only the rows of prediction and light reflection count; they override the model's.",
    ),
]
Category = Annotated[str | None, typer.Option("--category", help="Category whose rows override COMMON.", metavar="NAME")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE",
        help="Override one parameter; repeatable. `dancheong params show` lists the basic parameters, with --all the others.",
    ),
]
Preset = Annotated[str, typer.Option("--preset", help="Values to start from: default, or paper (the source paper's).")]
Json = Annotated[bool, typer.Option("--json", help="The last line of stdout is one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars, no word of files that went well, no messages.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there and was not made by this run.")]
OutputDir = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.", metavar="DIR")]
Runtime = Annotated[str, typer.Option("--runtime", help="auto, onnx, openvino (extra fast) or torch.")]

Device = Annotated[
    str | None,
    typer.Option("--device", help="Where to predict: auto, cpu, cuda, coreml, directml or openvino-gpu (docs/faq.md)."),
]


def table_rows(table: str | None, quiet: bool = False) -> "list[TableRow] | None":
    """The rows of the table that --params names, None without one; of rows that are no parameters any more it is said so."""
    if not table:
        return None
    from dancheong.params import read_table
    from dancheong.params.table import removed_notes

    rows = read_table(table)
    for note in removed_notes(rows):
        say(f"dancheong: {note}", quiet)
    return rows


def effective(
    table: str | None, category: str | None, settings: list[str] | None, preset: str = "default", quiet: bool = False
) -> "tuple[Resolved, list[TableRow] | None]":
    """The effective parameters and the rows of the table (None without one).

    A table that `params init` wrote has a row for everything, so nothing of a preset is left: that is said.
    """
    from dancheong.params import parse_settings, resolve
    from dancheong.params.sources import redact_password
    from dancheong.params.table import PRESETS

    rows = table_rows(table, quiet)
    resolved = resolve(rows, category, parse_settings(settings or []), preset)
    _say_unused(rows or [], category, quiet)
    if table and preset != "default":
        values = PRESETS[preset]
        lost = [
            name for name, origin in resolved.origins.items()
            if name in values and origin not in (f"preset {preset}", "--set") and getattr(resolved.params, name) != values[name]
        ]
        if lost:
            say(
                f"dancheong: {len(lost)} of the {len(values)} values of --preset {preset} are overridden by rows of "
                f"{redact_password(table)} ({', '.join(name.upper() for name in lost[:3])}{', ...' if lost[3:] else ''}): "
                f"take these rows out, or write the table with `dancheong params init --preset {preset}`", quiet,
            )
    return resolved, rows


def with_own(
    own: Mapping[str, Any], command: str, rows: "list[TableRow] | None", category: str | None, settings: list[str] | None,
    preset: str = "default",
) -> "Resolved":
    """The effective parameters, with a command's own values where neither the table nor a setting says anything."""
    from dancheong.params import parse_settings, resolve

    given = parse_settings(settings or [])
    origins = resolve(rows, category, given, preset).origins
    values = {name: value for name, value in own.items() if origins[name.lower()] in ("default", f"preset {preset}")}
    resolved = resolve(rows, category, {**values, **given}, preset)
    return replace(resolved, origins={**resolved.origins, **{name.lower(): command for name in values}})


def _say_unused(rows: "list[TableRow]", category: str | None, quiet: bool) -> None:
    from dancheong.params.table import unused_notes

    for note in unused_notes(rows, category):
        say(f"dancheong: {note}", quiet)


def _category_of(model: Path) -> str:
    from dancheong.artifact import read_artifact

    return read_artifact(model).category


def at_prediction(
    table: str | None, category: str | None, settings: list[str] | None, model: Path | None = None, quiet: bool = False
) -> dict[str, Any]:
    """What a table and settings change of a model's parameters. Settings are not sifted: the model refuses what it must.

    Without `category` the rows of the model's own category count over COMMON, where the table has any.
    """
    from dancheong.params import parse_settings, resolve
    from dancheong.params.schema import AT_PREDICTION
    from dancheong.params.sources.layout import plain_category

    if category and not table:
        raise ParamError(f"--category {category} chooses rows of a table: give --params TABLE as well")
    given = {name.lower(): value for name, value in parse_settings(settings or []).items()}
    if not table:
        return given
    table_of = table_rows(table, quiet) or []
    own = COMMON if model is None else _category_of(model)
    if category is None and plain_category(own) in {plain_category(row.category) for row in table_of if row.use}:
        category = own
    elif category is not None and own != COMMON and plain_category(category) != plain_category(own):
        say(f"dancheong: --category {category} counts, and not {own}, for which {model} was trained", quiet)
    _say_unused(table_of, category, quiet)
    resolved = resolve(table_of, category)
    rows = {name: getattr(resolved.params, name) for name in AT_PREDICTION if resolved.origins[name] != "default"}
    return {**rows, **given}
