"""Where parameter tables are kept: CSV files, Excel workbooks, databases. Each reads a location into rows and writes them."""

import re
from pathlib import Path
from types import ModuleType

from dancheong.params.sources import csv_file
from dancheong.params.sources.layout import TableRow, make_rows, redact_password
from dancheong.system.errors import ParamError
from dancheong.system.whole_file import whole_file

__all__ = ["TableRow", "read_table", "redact_password", "table_exists", "write_table"]

# Two letters at least: C:// is a drive.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+_.-]+://")
_LOCATIONS = "a parameter table is a .csv, .tsv, .txt or .xlsx file, or a database URL such as sqlite:///params.db"
_HINTS = dict.fromkeys((".xls", ".ods"), "save it as .xlsx")
_HINTS |= dict.fromkeys((".db", ".sqlite", ".sqlite3"), "write a database as sqlite:///FILE")
_MAX_BYTES = 64 << 20


def read_table(location: str | Path) -> list[TableRow]:
    """The rows of a parameter table.

    Args:
        location: a .csv, .tsv or .txt file (see `dancheong.system.csv_text.decoded`), an .xlsx workbook, or a SQLAlchemy URL,
            in which ``?table=NAME`` names a table or view of one's own.

    Raises:
        ParamError: if the location cannot be read, or naming each row or cell that is not of the table's form.
        ExtraMissing: a workbook or database without the extra `tables`.
    """
    source, location = _source(location)
    if isinstance(location, str):
        return make_rows(source.read_lines(location))
    return make_rows(source.read_lines(_read(location), location))


def write_table(location: str | Path, rows: list[TableRow]) -> None:
    """Write the rows so that `read_table` gives them back: a file whole or not at all, a database in one transaction.

    Replaces the rows that are there; `table_exists` tells.

    Raises:
        ParamError: the location cannot be written, or cannot hold these rows.
        ExtraMissing: as `read_table`.
    """
    source, location = _source(location)
    if isinstance(location, str):
        source.write_rows(location, rows)
        return
    data = source.to_bytes(rows, location)
    try:
        with whole_file(location) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise ParamError(f"{location}: the parameter table cannot be written: {error.strerror}") from error


def table_exists(location: str | Path) -> bool:
    """Whether `write_table` would replace something: a file, or a table or view in a database.

    Raises:
        ParamError, ExtraMissing: as `read_table`.
    """
    source, location = _source(location)
    return location.exists() if isinstance(location, Path) else bool(source.table_exists(location))


def _source(location: str | Path) -> tuple[ModuleType, str | Path]:
    """The module that reads and writes the location, and the location as it takes it: a database's URL, or a file's path."""
    if isinstance(location, str) and _URL.match(location):
        from dancheong.params.sources import sql

        return sql, location
    path = Path(location)
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm"):
        from dancheong.params.sources import xlsx

        return xlsx, path
    if suffix not in (".csv", ".tsv", ".txt"):
        hint = f"; {_HINTS[suffix]}" if suffix in _HINTS else ""
        raise ParamError(f"{location}: {_LOCATIONS}; this is {path.suffix or 'a file without suffix'}{hint}")
    return csv_file, path


def _read(path: Path) -> bytes:
    try:
        # A pipe would block the reader.
        if path.exists() and not path.is_file():
            raise ParamError(f"{path}: the parameter table cannot be read: it is not a file")
        if path.exists() and path.stat().st_size > _MAX_BYTES:
            raise ParamError(f"{path}: larger than {_MAX_BYTES >> 20} MB, which no parameter table is")
        return path.read_bytes()
    except OSError as error:
        raise ParamError(f"{path}: the parameter table cannot be read: {error.strerror}") from error
