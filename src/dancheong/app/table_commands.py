"""`dancheong params`: write, show, check and copy parameter tables."""

from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import emit
from dancheong.params import COMMON, complete_rows, parse_settings, read_table, resolve, write_table
from dancheong.params.table import ParamError, format_value

app = typer.Typer(help="Write, show, check and copy parameter tables.", no_args_is_help=True)

TablePlace = Annotated[str, typer.Argument(metavar="TABLE", help="A .csv file.")]


@app.command()
def init(
    table: TablePlace,
    preset: options.Preset = "default",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write a complete table with a comment on every row."""
    if Path(table).exists() and not overwrite:
        raise ParamError(f"{table}: a file is there already; --overwrite replaces it")
    rows = complete_rows(preset)
    write_table(table, rows)
    emit({"rows": len(rows), "table": table}, as_json, [f"{table}: {len(rows)} rows"])


@app.command()
def show(
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    preset: options.Preset = "default",
    as_json: options.Json = False,
) -> None:
    """Show the effective values and where each came from."""
    rows = read_table(table) if table else None
    resolved = resolve(rows, category, parse_settings(settings or []), preset)
    values = {
        name.upper(): {"value": getattr(resolved.params, name), "origin": origin}
        for name, origin in resolved.origins.items()
    }
    width = max(map(len, values))
    lines = [f"{name:<{width}}  {format_value(one['value']):<16}  {one['origin']}" for name, one in values.items()]
    emit({"params": values, "category": resolved.category}, as_json, lines)


@app.command()
def check(table: TablePlace, as_json: options.Json = False) -> None:
    """Validate a table for every category it has."""
    rows = read_table(table)
    categories = [COMMON, *sorted({row.category for row in rows} - {COMMON})]
    for category in categories:
        resolve(rows, category)
    result = {"rows": len(rows), "categories": categories, "valid": True}
    emit(result, as_json, [f"{table}: {len(rows)} rows, categories {', '.join(categories)}: valid"])


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="SRC")],
    destination: Annotated[str, typer.Argument(metavar="DST")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Copy a table to another place."""
    if Path(destination).exists() and not overwrite:
        raise ParamError(f"{destination}: a file is there already; --overwrite replaces it")
    rows = read_table(source)
    write_table(destination, rows)
    emit({"rows": len(rows), "table": destination}, as_json, [f"{destination}: {len(rows)} rows"])
