"""`dancheong params`: write, show, check and copy parameter tables."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from dancheong.app import options
from dancheong.app.console import Console
from dancheong.params import COMMON, ParamError

if TYPE_CHECKING:
    from dancheong.params import TableRow

app = typer.Typer(help="Write, show, check and copy parameter tables.", no_args_is_help=True)

TableLocation = Annotated[str, typer.Argument(metavar="TABLE", help="A .csv or .xlsx file, or a database URL.")]


@app.command()
@options.with_groups
def init(
    table: TableLocation,
    preset: options.Preset = "default",
    category: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also a first row of this category, to be changed and followed by others."),
    ] = None,
    overwrite: options.Overwrite = False,
    *, console: Console,
) -> None:
    """Write a complete table with a comment on every row, the basic parameters first."""
    from dancheong.params import complete_rows

    rows = complete_rows(preset)
    vivid = next(row for row in rows if row.name == "VIVID")
    _write(table, rows + [replace(vivid, category=name) for name in category or ()], overwrite, console)


@app.command()
@options.with_groups
def show(
    chosen: options.TrainingOptions,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also the advanced and expert parameters that have their defaults.")
    ] = False,
    *, console: Console,
) -> None:
    """Show the effective values and where each came from: the basic parameters, and what differs from the defaults.

    With --json the object holds all parameters.
    """
    from dancheong.params.schema import ROWS, by_level, format_value

    resolved = chosen.resolve(console)
    params, origins = resolved.params, resolved.origins
    names = [
        name for name in by_level()
        if show_all or ROWS[name].level == "basic" or getattr(params, name) != ROWS[name].default
    ]
    width = max(map(len, names))
    lines = [
        f"{name.upper():<{width}}  {format_value(getattr(params, name)):<16}  {ROWS[name].level:<8}  {origins[name]}"
        for name in names
    ]
    values = {name.upper(): {"value": getattr(params, name), "origin": origin} for name, origin in origins.items()}
    console.emit({"params": values, "category": resolved.category}, lines)
    if len(names) < len(ROWS) and not console.as_json:
        console.say(f"{len(ROWS) - len(names)} more parameters have their defaults: --all shows them")


@app.command()
@options.with_groups
def check(table: TableLocation, console: Console) -> None:
    """Validate a table for every category it has."""
    from dancheong.params import resolve
    from dancheong.params.schema import REMOVED
    from dancheong.params.sources import redact_password
    from dancheong.params.table import unused_notes

    rows = options.table_rows(table, console) or []
    categories = [COMMON, *sorted({row.category.upper() for row in rows if row.use} - {COMMON})]
    for category in categories:
        resolve(rows, category)
    never = [row.where for row in rows if not row.use or row.name.lower() in REMOVED]
    notes = [f"never count, as USE_YN is N or the parameter is gone: {', '.join(never)}"] if never else []
    notes += unused_notes(rows)
    result = {"rows": len(rows), "categories": categories, "valid": True, "never_count": never}
    console.emit(result, [*notes, f"{redact_password(table)}: {len(rows)} rows, categories {', '.join(categories)}: valid"])


@app.command()
@options.with_groups
def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A .csv or .xlsx file, or a database URL.")],
    destination: Annotated[str, typer.Argument(metavar="DST", help="The same; made if it is not there.")],
    overwrite: options.Overwrite = False,
    *, console: Console,
) -> None:
    """Copy a table to another place, among .csv, .xlsx and databases."""
    from dancheong.params import read_table

    _write(destination, read_table(source), overwrite, console)


def _write(location: str, rows: "list[TableRow]", overwrite: bool, console: Console) -> None:
    from dancheong.params import write_table
    from dancheong.params.sources import redact_password, table_exists

    shown = redact_password(location)
    if not overwrite and table_exists(location):
        raise ParamError(f"{shown}: a table is there already; --overwrite replaces it")
    write_table(location, rows)
    console.emit({"rows": len(rows), "table": shown}, [f"{shown}: {len(rows)} rows"])
