"""`dancheong params`: write, show, check and copy parameter tables."""

from typing import Annotated, Any

import typer

from dancheong.app import options
from dancheong.app.console import emit
from dancheong.params import COMMON, TableRow, complete_rows, read_table, resolve, write_table
from dancheong.params.sources import is_database, shown, table_exists
from dancheong.params.table import ParamError, format_value

app = typer.Typer(help="Write, show, check and copy parameter tables.", no_args_is_help=True)

TablePlace = Annotated[str, typer.Argument(metavar="TABLE", help="A .csv or .xlsx file, or a database URL.")]
Database = Annotated[str, typer.Argument(metavar="URL", help="A database, such as sqlite:///params.db.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a table that is there.")]


@app.command()
def init(
    table: TablePlace,
    preset: options.Preset = "default",
    overwrite: Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a complete table with a comment on every row; in a database also the table for the history of runs."""
    rows = complete_rows(preset)
    _write(table, rows, overwrite)
    if is_database(table):
        from dancheong.params.sources.sql import create_runs

        create_runs(table)
    _emit_written(table, rows, as_json)


@app.command()
def show(
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    preset: options.Preset = "default",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the effective values and where each came from."""
    resolved, _ = options.effective(table, category, settings, preset, quiet)
    values = {
        name.upper(): {"value": getattr(resolved.params, name), "origin": origin}
        for name, origin in resolved.origins.items()
    }
    width = max(map(len, values))
    lines = [f"{name:<{width}}  {format_value(one['value']):<16}  {one['origin']}" for name, one in values.items()]
    emit({"params": values, "category": resolved.category}, as_json, lines)


@app.command()
def check(table: TablePlace, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Validate a table for every category it has."""
    rows = read_table(table)
    categories = [COMMON, *sorted({row.category.upper() for row in rows if row.use} - {COMMON})]
    for category in categories:
        resolve(rows, category)
    result = {"rows": len(rows), "categories": categories, "valid": True}
    emit(result, as_json, [f"{shown(table)}: {len(rows)} rows, categories {', '.join(categories)}: valid"])


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A .csv or .xlsx file, or a database URL.")],
    destination: Annotated[str, typer.Argument(metavar="DST", help="The same; made if it is not there.")],
    overwrite: Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy a table to another place, among .csv, .xlsx and databases."""
    rows = read_table(source)
    _write(destination, rows, overwrite)
    _emit_written(destination, rows, as_json)


@app.command()
def runs(database: Database, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List the runs recorded in a database: when, from which table and photographs, which model, how good."""
    if not is_database(database):
        raise ParamError(f"{database}: runs are recorded in databases only; a URL such as sqlite:///params.db was expected")
    from dancheong.params.sources.sql import list_runs

    history = list_runs(database)
    records = [{**vars(run), "when_utc": run.when_utc.isoformat()} for run in history]
    lines = [
        f"{run.when_utc:%Y-%m-%d %H:%M:%S} UTC  table {run.table_hash[:8]}  data {run.data_fingerprint[:8] or '-'}  "
        f"model {run.model_hash[:8] or '-'}  {_scores(run.scores)}\n    {run.command}"
        for run in history
    ]
    emit({"runs": records}, as_json, lines or [f"{shown(database)}: no runs recorded"])


def _write(place: str, rows: list[TableRow], overwrite: bool) -> None:
    if not overwrite and table_exists(place):
        raise ParamError(f"{shown(place)}: a table is there already; --overwrite replaces it")
    write_table(place, rows)


def _emit_written(place: str, rows: list[TableRow], as_json: bool) -> None:
    emit({"rows": len(rows), "table": shown(place)}, as_json, [f"{shown(place)}: {len(rows)} rows"])


def _scores(scores: dict[str, Any]) -> str:
    """The plain numbers among the scores."""
    numbers = {name: value for name, value in scores.items() if isinstance(value, int | float)}
    return " ".join(f"{name}={value:.4g}" for name, value in numbers.items())
