"""Parameter tables in databases, by SQLAlchemy URL.

``?table=NAME`` (or ``?table=SCHEMA.NAME``) in a URL names a table other than ``dancheong_params``.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from dancheong.system.errors import ExtraMissing, ParamError

try:
    import sqlalchemy as sa
    from sqlalchemy.engine import URL, Connection, Engine, make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
except ModuleNotFoundError as error:
    raise ExtraMissing(f"a database needs {error.name}: pip install 'dancheong[tables]'") from error

from dancheong.params.schema import nearest
from dancheong.params.sources import layout

PARAMS_TABLE = "dancheong_params"
_ID = "id"
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 30
_PASSWORD = re.compile(r"[^:]+://[^:/@\s]*:(.*)@")
_EXAMPLES = "sqlite:///params.db or postgresql+psycopg://user:password@host/base"


class Location(NamedTuple):
    """A URL taken apart: where to connect, which table is asked for, and the URL as messages show it."""

    url: URL
    schema: str | None
    name: str
    text: str

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database; None for other databases."""
        if self.url.get_backend_name() != "sqlite" or "uri" in self.url.query:
            return None
        if not self.url.database or self.url.database == ":memory:":
            raise ParamError(f"{self.text}: a database in memory is gone at once; write sqlite:///FILE")
        return Path(self.url.database)


class Found(NamedTuple):
    """The table or view that is there, and its own name of each column of a parameter table that it has."""

    table: Any  # a sqlalchemy TableClause
    is_view: bool
    columns: dict[str, str]


def read_lines(location: str) -> list[layout.Line]:
    """The lines of a table or view, in the order of its column `id` where it has one.

    A line is such as ``table dancheong_params row 7 (RESOL)``; the number is the `id`, or counted from 1.

    Raises:
        ParamError: no such database or table, or not of the table's form.
        ExtraMissing: the database's driver is not installed.
    """
    at = parse_location(location)
    with _connect(at, writing=False) as connection:
        found = _find(connection, at)
        if found is None:
            hint = nearest(at.name, _names(connection, at.schema))
            hint = hint or "; `dancheong params init` makes it, ?table=NAME names another"
            raise ParamError(f"{at.text}: there is no table {f'{at.schema}.' if at.schema else ''}{at.name}{hint}")
        chosen = sa.select(*(found.table.c[own].label(column) for column, own in found.columns.items()))
        order = next((column for column in found.table.c if column.name.lower() == _ID), None)
        if order is not None:
            chosen = chosen.add_columns(order.label(_ID)).order_by(order)
        records = [dict(record) for record in connection.execute(chosen).mappings()]
    lines: list[layout.Line] = []
    for count, record in enumerate(records, start=1):
        cells = {column: _text(record[column]) for column in found.columns}
        where = f"table {found.table.fullname} row {record.get(_ID, count)} ({cells['PARAM_NAME'] or 'no name'})"
        lines.append((cells, dict.fromkeys(layout.COLUMNS, where)))
    return lines


def write_rows(location: str, rows: Sequence[layout.TableRow]) -> None:
    """Replace the rows of the table in one transaction; make the table if it is not there.

    Raises:
        ParamError: it is a view, it has columns of its own (which would be lost), or the database refuses.
        ExtraMissing: as `read_lines`.
    """
    at = parse_location(location)
    with _connect(at, writing=True) as connection:
        found = _find(connection, at) or _made(connection, at)
        _check_writable(found, rows)
        connection.execute(sa.delete(found.table))
        own = found.columns
        records = [
            {own[column]: text for column, text in zip(layout.ALL_COLUMNS, row.cells, strict=True) if column in own}
            for row in rows
        ]
        if records:
            connection.execute(sa.insert(found.table), records)


def table_exists(location: str) -> bool:
    """Whether the table or view of parameters is there. Raises as `read_lines`."""
    at = parse_location(location)
    if at.sqlite_file is not None and not at.sqlite_file.exists():
        return False
    with _connect(at, writing=False) as connection:
        return _find(connection, at) is not None


def parse_location(location: str) -> Location:
    """Take a URL apart. Raises ParamError."""
    text = layout.redact_password(location)
    address = location.partition("?")[0] if "@" in location.partition("?")[0] else location
    if (password := _PASSWORD.match(address)) and set("@/?# ") & set(password[1]):
        # Else a part of it would be taken for the host's name, and shown.
        raise ParamError(
            f"{text}: the password has a sign that ends it in a URL: write @ as %40, / as %2F, ? as %3F, # as %23, "
            "a space as %20"
        )
    try:
        url = make_url(location)
    except (ArgumentError, ValueError) as error:
        raise ParamError(f"{text}: not a database URL; expected {_EXAMPLES}") from error
    # Written without a driver, the name means another one in each version of SQLAlchemy.
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    title = url.query.get("table", PARAMS_TABLE)
    schema, _, name = title.rpartition(".") if isinstance(title, str) else ("", "", "")
    if not name:
        raise ParamError(f"{text}: table is to be one name: ?table={PARAMS_TABLE}")
    return Location(url.difference_update_query(["table"]), schema or None, name, text)


@contextmanager
def _connect(at: Location, writing: bool) -> Iterator[Connection]:
    """A connection in one transaction, committed at the end, rolled back on any error.

    Whatever the database refuses is a ParamError in its own words, without the password.
    """
    file = at.sqlite_file
    if file is not None and not writing and not file.exists():
        raise ParamError(f"{at.text}: there is no such file")
    try:
        with _engine(at.url, writing).begin() as connection:
            yield connection
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{at.text} needs the driver {error.name}: pip install 'dancheong[tables]' for SQLite and PostgreSQL; for MySQL "
            f"and MariaDB pip install pymysql and write mysql+pymysql://; pip install {error.name} for others"
        ) from error
    except (NoSuchModuleError, ArgumentError) as error:
        raise ParamError(f"{at.text}: there is no database {at.url.drivername!r}; expected {_EXAMPLES}") from error
    except SQLAlchemyError as error:
        # Without a cause: a driver may quote the password.
        raise ParamError(f"{at.text}: {_message(error, at.url)}") from None


def _engine(url: URL, writing: bool) -> Engine:
    arguments: dict[str, Any] = {}
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        arguments = {"timeout": _LOCK_SECONDS}
    elif url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
        arguments = {"connect_timeout": _CONNECT_SECONDS}
    elif url.get_driver_name() == "pymysql" and url.password:
        # As text it would be sent in Latin-1, which no server expects and many words do not fit.
        arguments = {"password": url.password.encode()}
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=arguments, hide_parameters=True)
    if is_sqlite:
        # Python's driver would commit each CREATE TABLE on its own (SQLAlchemy, "Transactions with SQLite"). A writer
        # takes its lock at once: two that read first and then both wanted to write would block each other.
        begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
        sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _message(error: SQLAlchemyError, url: URL) -> str:
    cause: object = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split())[:500]
    for secret in (url.password, *(value for key, value in url.query.items() if "pass" in key or "pwd" in key)):
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return layout.redact_password(text)


def _names(connection: Connection, schema: str | None) -> dict[str, bool]:
    inspector = sa.inspect(connection)
    views = list(inspector.get_view_names(schema))
    if connection.dialect.name == "postgresql":
        views += inspector.get_materialized_view_names(schema)
    return dict.fromkeys(inspector.get_table_names(schema), False) | dict.fromkeys(views, True)


def _find(connection: Connection, at: Location) -> Found | None:
    """The table or view that is asked for; in other case if there is only one such. ParamError: it lacks a column.

    Its columns have no type, because a user's own may be of any, and each value is read as the driver gives it.
    """
    names = _names(connection, at.schema)
    chosen = [name for name in names if name == at.name] or [name for name in names if name.casefold() == at.name.casefold()]
    if len(chosen) != 1:
        return None
    own = [column["name"] for column in sa.inspect(connection).get_columns(chosen[0], schema=at.schema)]
    table = sa.table(chosen[0], *map(sa.column, own), schema=at.schema)
    positions = layout.recognize(own)
    layout.check_columns(positions, own, f"table {table.fullname}")
    return Found(table, names[chosen[0]], {column: own[position] for column, position in positions.items()})


def _made(connection: Connection, at: Location) -> Found:
    texts = [sa.Column(name, sa.Text, nullable=False) for name in ("category", "param_name", "param_value")]
    is_yn = sa.CheckConstraint("use_yn IN ('Y', 'N')")
    table = sa.Table(
        at.name, sa.MetaData(schema=at.schema), sa.Column(_ID, sa.Integer, primary_key=True), *texts,
        sa.Column("use_yn", sa.String(1), is_yn, nullable=False, server_default="Y"),
        sa.Column("comments", sa.Text, nullable=False, server_default=sa.text("('')")),  # as MySQL wants it
        mysql_charset="utf8mb4",  # whatever that of the database is
    )
    table.create(connection)
    return Found(table, False, {column: column.lower() for column in layout.ALL_COLUMNS})


def _check_writable(found: Found, rows: Sequence[layout.TableRow]) -> None:
    title = found.table.fullname
    if found.is_view:
        raise ParamError(f"{title} is a view, which can be read only; name a table with ?table=NAME")
    known = set(found.columns.values())
    others = [column.name for column in found.table.c if column.name not in known and column.name.lower() != _ID]
    if others:
        raise ParamError(
            f"table {title} has columns of its own ({', '.join(others)}), whose contents would be lost; "
            "it can be read only; name another with ?table=NAME"
        )
    if layout.COMMENT_COLUMN not in found.columns and any(row.comment for row in rows):
        raise ParamError(f"table {title} has no column comments for the comments of the rows; add one of type text")


def _text(value: Any) -> str:
    """A value of a user's own table, which need not be text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    return repr(value) if isinstance(value, float) else str(value).strip()
