"""Parameter tables in a database, and the history of runs beside them."""

import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from dancheong.params.errors import ExtraMissing
from dancheong.params.sources.database import Found, Place, TableName, connect, find, missing, parse_place

try:
    import sqlalchemy as sa
    from sqlalchemy.dialects.postgresql import JSONB
    from sqlalchemy.engine import Connection
except ModuleNotFoundError as error:
    raise ExtraMissing(f"a database needs {error.name}: pip install 'dancheong[tables]'") from error

from dancheong.params.sources.layout import (
    ALL_COLUMNS,
    COMMENT_COLUMN,
    check_columns,
    make_rows,
    recognize,
    shown,
    table_hash,
)
from dancheong.params.table import ParamError, TableRow

_ID = "id"


@dataclass(frozen=True)
class Run:
    """One entry of the history: when (UTC), by which command, from which table and photographs, which model, how good.

    The hashes are hex, empty where there is none; `model_hash` is the model file's digest. `scores` is what was measured.
    """

    when_utc: datetime
    command: str
    table_hash: str
    data_fingerprint: str
    model_hash: str
    scores: dict[str, Any]


def read_rows(place: str) -> list[TableRow]:
    """The rows of a table or view, in the order of its column `id` where it has one.

    A row's `where` is such as ``table dancheong_params row 7 (RESOL)``; the number is the `id`, or counted from 1.

    Raises:
        ParamError: no such database or table, or naming each row that is not of the table's form.
        ExtraMissing: the database's driver is not installed.
    """
    at = parse_place(place)
    with connect(at, writing=False) as connection:
        found = find(connection, at.params)
        if found is None:
            raise missing(connection, at, at.params)
        columns = _columns(found)
        clause = found.clause
        order = next((clause.c[name] for name in found.columns if name.lower() == _ID), None)
        chosen = [clause.c[name].label(column) for column, name in columns.items()]
        numbered = sa.select(*chosen) if order is None else sa.select(*chosen, order.label(_ID)).order_by(order)
        records = [dict(record) for record in connection.execute(numbered).mappings()]
    lines = []
    for count, record in enumerate(records, start=1):
        cells = {column: _text(record[column]) for column in columns}
        place_of_row = f"table {found.title} row {record.get(_ID, count)} ({cells['PARAM_NAME'] or 'no name'})"
        lines.append((cells, lambda _, said=place_of_row: said))
    return make_rows(lines)


def write_rows(place: str, rows: Sequence[TableRow]) -> None:
    """Replace the rows of the table in one transaction; make the table if it is not there.

    Raises:
        ParamError: it is a view, it has columns of its own (which would be lost), or the database refuses.
        ExtraMissing: as `read_rows`.
    """
    at = parse_place(place)
    with connect(at, writing=True) as connection:
        found = find(connection, at.params) or _create_params(connection, at.params)
        columns = _writable(found, rows)
        connection.execute(sa.delete(found.clause))
        records = [
            {columns[column]: text for column, text in zip(ALL_COLUMNS, _cells(row), strict=True) if column in columns}
            for row in rows
        ]
        if records:
            connection.execute(sa.insert(found.clause), records)


def table_exists(place: str) -> bool:
    """Whether the table or view of parameters is there. Raises as `read_rows`."""
    at = parse_place(place)
    if at.sqlite_file is not None and not at.sqlite_file.exists():
        return False
    with connect(at, writing=False) as connection:
        return find(connection, at.params) is not None


def create_runs(place: str) -> None:
    """Make the table of runs if it is not there. Raises as `write_rows`."""
    at = parse_place(place)
    with connect(at, writing=True) as connection:
        if _find_runs(connection, at) is None:
            _runs_table(at.runs).create(connection)


def record_run(
    place: str,
    *,
    command: str | Sequence[str],
    rows: Iterable[TableRow],
    data_fingerprint: str = "",
    model_hash: str = "",
    scores: Mapping[str, Any] | None = None,
) -> Run:
    """Add a run to the history in the database that the parameters came from.

    Args:
        place: the URL of the parameter table.
        command: the command line, or its words; passwords in it are left out.
        rows: the parameter table as read; its `table_hash` is stored.
        scores: numbers by name, nested as one likes; those that are not finite become null, as JSON has no others.

    Raises:
        ParamError: a table of the name `runs` is something else, or the database refuses.
    """
    words = command if isinstance(command, str) else shlex.join(shown(word) for word in command)
    run = Run(
        datetime.now(UTC).replace(microsecond=0), shown(words), table_hash(rows), data_fingerprint, model_hash,
        json.loads(json.dumps(_finite(dict(scores or {})))),
    )  # fmt: skip
    at = parse_place(place)
    with connect(at, writing=True) as connection:
        table = _runs_table(at.runs)
        found = _find_runs(connection, at)
        if found is None:
            table.create(connection)
        else:
            table = _runs_table(found.title)
        connection.execute(sa.insert(table), [asdict(run)])
    return run


def list_runs(place: str) -> list[Run]:
    """The history, oldest first; empty where nothing was recorded. Raises as `read_rows`."""
    at = parse_place(place)
    with connect(at, writing=False) as connection:
        found = _find_runs(connection, at)
        if found is None:
            return []
        table = _runs_table(found.title)
        names = list(Run.__dataclass_fields__)
        records = connection.execute(sa.select(*(table.c[name] for name in names)).order_by(table.c[_ID])).mappings()
        # SQLite keeps no time zone; what is stored is UTC.
        return [Run(**{**record, "when_utc": _utc(record["when_utc"])}) for record in records]


def _params_table(title: TableName) -> sa.Table:
    return sa.Table(
        title.name,
        sa.MetaData(schema=title.schema),
        sa.Column(_ID, sa.Integer, primary_key=True),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("param_name", sa.Text, nullable=False),
        sa.Column("param_value", sa.Text, nullable=False),
        sa.Column("use_yn", sa.String(1), sa.CheckConstraint("use_yn IN ('Y', 'N')"), nullable=False, server_default="Y"),
        sa.Column("comments", sa.Text, nullable=False, server_default=""),
    )


def _runs_table(title: TableName) -> sa.Table:
    return sa.Table(
        title.name,
        sa.MetaData(schema=title.schema),
        sa.Column(_ID, sa.Integer, primary_key=True),
        sa.Column("when_utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("table_hash", sa.String(64), nullable=False),
        sa.Column("data_fingerprint", sa.String(64), nullable=False),
        sa.Column("model_hash", sa.String(64), nullable=False),
        sa.Column("scores", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
    )


def _create_params(connection: Connection, title: TableName) -> Found:
    table = _params_table(title)
    table.create(connection)
    return Found(title, False, tuple(table.columns.keys()))


def _find_runs(connection: Connection, at: Place) -> Found | None:
    found = find(connection, at.runs)
    if found is not None and not set(_runs_table(at.runs).columns.keys()) <= set(found.columns):
        raise ParamError(f"{at.text}: the table {found.title} there is no history of runs; name another with ?runs=NAME")
    return found


def _columns(found: Found) -> dict[str, str]:
    """The spelling of each column in this table."""
    positions = recognize(found.columns)
    check_columns(positions, found.columns, f"table {found.title}")
    return {column: found.columns[position] for column, position in positions.items()}


def _writable(found: Found, rows: Sequence[TableRow]) -> dict[str, str]:
    columns = _columns(found)
    if found.is_view:
        raise ParamError(f"{found.title} is a view, which can be read only; name a table with ?table=NAME")
    others = [name for name in found.columns if name not in columns.values() and name.lower() != _ID]
    if others:
        raise ParamError(
            f"table {found.title} has columns of its own ({', '.join(others)}), whose contents would be lost; "
            "it can be read only; name another with ?table=NAME"
        )
    if COMMENT_COLUMN not in columns and any(row.comment for row in rows):
        raise ParamError(f"table {found.title} has no column comments for the comments of the rows; add one of type text")
    return columns


def _cells(row: TableRow) -> tuple[str, str, str, str, str]:
    return row.category, row.name, row.value, "Y" if row.use else "N", row.comment


def _text(value: Any) -> str:
    """A value of a user's own table, which need not be text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    return repr(value) if isinstance(value, float) else str(value).strip()


def _finite(value: Any) -> Any:
    """Scores as JSON can hold them."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def _utc(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
