"""Databases by SQLAlchemy URL: where to connect, one transaction, and which tables are there.

``?table=NAME`` and ``?runs=NAME`` (or ``SCHEMA.NAME``) in a URL name tables other than ``dancheong_params`` and ``runs``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancheong.params.errors import ExtraMissing

try:
    import sqlalchemy as sa
    from sqlalchemy.engine import URL, Connection, Engine, make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool
except ModuleNotFoundError as error:
    raise ExtraMissing(f"a database needs {error.name}: pip install 'dancheong[tables]'") from error

from dancheong.params.sources.layout import shown
from dancheong.params.table import ParamError, nearest

PARAMS_TABLE = "dancheong_params"
RUNS_TABLE = "runs"
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 30
_EXAMPLES = "sqlite:///params.db or postgresql+psycopg://user:password@host/base"


@dataclass(frozen=True)
class TableName:
    """A table's name as it was asked for."""

    name: str
    schema: str | None = None

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """``NAME`` or ``SCHEMA.NAME``."""
        schema, _, name = text.rpartition(".")
        return cls(name, schema or None)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True)
class Place:
    """A URL taken apart: where to connect, and the tables there."""

    url: URL
    params: TableName
    runs: TableName
    text: str  # as messages show it

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database; None for other databases."""
        if self.url.get_backend_name() != "sqlite" or "uri" in self.url.query:
            return None
        if not self.url.database or self.url.database == ":memory:":
            raise ParamError(f"{self.text}: a database in memory is gone at once; write sqlite:///FILE")
        return Path(self.url.database)


@dataclass(frozen=True)
class Found:
    """A table or view that is there, its columns as they are spelt."""

    title: TableName
    is_view: bool
    columns: tuple[str, ...]

    @property
    def clause(self) -> Any:
        """For statements."""
        return sa.table(self.title.name, *(sa.column(name) for name in self.columns), schema=self.title.schema)


def parse_place(place: str) -> Place:
    """Take a URL apart. Raises ParamError."""
    text = shown(place)
    try:
        url = make_url(place)
    except (ArgumentError, ValueError) as error:
        raise ParamError(f"{text}: not a database URL; expected {_EXAMPLES}") from error
    # Written without a driver, the name means another one in each version of SQLAlchemy.
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    names = []
    for key, default in (("table", PARAMS_TABLE), ("runs", RUNS_TABLE)):
        value = url.query.get(key, default)
        name = TableName.parse(value) if isinstance(value, str) else None
        if name is None or not name.name:
            raise ParamError(f"{text}: {key} is to be one name: ?{key}={default}")
        names.append(name)
    return Place(url.difference_update_query(["table", "runs"]), names[0], names[1], text)


@contextmanager
def connect(place: Place, writing: bool) -> Iterator[Connection]:
    """A connection in one transaction, committed at the end, rolled back on any error.

    Raises:
        ParamError: whatever the database refuses, in its own words and without the password.
        ExtraMissing: the driver is not installed.
    """
    file = place.sqlite_file
    if file is not None and not writing and not file.exists():
        raise ParamError(f"{place.text}: there is no such file")
    try:
        engine = _engine(place.url, writing)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{place.text} needs the driver {error.name}: pip install 'dancheong[tables]' for SQLite and PostgreSQL, "
            f"pip install {error.name} for others"
        ) from error
    except (NoSuchModuleError, ArgumentError) as error:
        raise ParamError(f"{place.text}: there is no database {place.url.drivername!r}; expected {_EXAMPLES}") from error
    except SQLAlchemyError as error:
        # Without a cause: a driver may quote the password.
        raise ParamError(f"{place.text}: {_words(error, place.url)}") from None


def find(connection: Connection, title: TableName) -> Found | None:
    """The table or view of this name; in other case if there is only one such."""
    tables, views = _names(connection, title.schema)
    same = [name for name in (*tables, *views) if name == title.name]
    near = [name for name in (*tables, *views) if name.casefold() == title.name.casefold()]
    chosen = same or near
    if len(chosen) != 1:
        return None
    columns = sa.inspect(connection).get_columns(chosen[0], schema=title.schema)
    return Found(TableName(chosen[0], title.schema), chosen[0] in views, tuple(column["name"] for column in columns))


def missing(connection: Connection, place: Place, title: TableName) -> ParamError:
    """The error for a table that is not there, with the nearest that is."""
    tables, views = _names(connection, title.schema)
    hint = nearest(title.name, [*tables, *views]) or "; `dancheong params init` makes it, ?table=NAME names another"
    return ParamError(f"{place.text}: there is no table {title}{hint}")


def _engine(url: URL, writing: bool) -> Engine:
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite":
        arguments = {"timeout": _LOCK_SECONDS}
    elif url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
        arguments = {"connect_timeout": _CONNECT_SECONDS}
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    if url.get_backend_name() == "sqlite":
        # Python's driver would commit each CREATE TABLE on its own (SQLAlchemy, "Transactions with SQLite"). A writer
        # takes its lock at once: two that read first and then both wanted to write would block each other.
        begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
        sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _names(connection: Connection, schema: str | None) -> tuple[list[str], list[str]]:
    inspector = sa.inspect(connection)
    views = list(inspector.get_view_names(schema))
    if connection.dialect.name == "postgresql":
        views += inspector.get_materialized_view_names(schema)
    return inspector.get_table_names(schema), views


def _words(error: SQLAlchemyError, url: URL) -> str:
    cause: object = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split())[:500]
    secrets = [url.password, *(value for key, value in url.query.items() if "pass" in key or "pwd" in key)]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return shown(text)
