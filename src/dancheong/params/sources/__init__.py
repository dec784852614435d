"""Where parameter tables are kept: CSV files, Excel workbooks, databases. Each reads a location into rows and writes them."""

import re
from pathlib import Path
from types import ModuleType

from dancheong.params.errors import ParamError
from dancheong.params.sources import csv_file
from dancheong.params.sources.layout import TableRow, redact_password

__all__ = ["TableRow", "read_table", "redact_password", "table_exists", "write_table"]

# Two letters at least: C:// is a drive.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+_.-]+://")
_WORKBOOKS = (".xlsx", ".xlsm")
_LOCATIONS = "a parameter table is a .csv or .xlsx file, or a database URL such as sqlite:///params.db"
_HINTS = {
    ".xls": "save it as .xlsx",
    ".ods": "save it as .xlsx",
    ".tsv": "save it as .csv",
    ".db": "write a database as sqlite:///FILE",
    ".sqlite": "write a database as sqlite:///FILE",
    ".sqlite3": "write a database as sqlite:///FILE",
}


def read_table(location: str | Path) -> list[TableRow]:
    """The rows of a parameter table.

    Args:
        location: a .csv file (UTF-8, or the Korean code page that spreadsheets write), an .xlsx workbook, or a SQLAlchemy
            URL, in which ``?table=NAME`` names a table or view of one's own.

    Raises:
        ParamError: if the location cannot be read, or naming each row or cell that is not of the table's form.
        ExtraMissing: a workbook or database without the extra `tables`.
    """
    source, location = _source(location)
    rows: list[TableRow] = source.read_rows(location)
    return rows


def write_table(location: str | Path, rows: list[TableRow]) -> None:
    """Write the rows so that `read_table` gives them back: a file whole or not at all, a database in one transaction.

    Replaces the rows that are there; `table_exists` tells.

    Raises:
        ParamError: the location cannot be written, or cannot hold these rows.
        ExtraMissing: as `read_table`.
    """
    source, location = _source(location)
    source.write_rows(location, rows)


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
    if suffix in _WORKBOOKS:
        from dancheong.params.sources import xlsx

        return xlsx, path
    if suffix != ".csv":
        hint = f"; {_HINTS[suffix]}" if suffix in _HINTS else ""
        raise ParamError(f"{location}: {_LOCATIONS}; this is {path.suffix or 'a file without suffix'}{hint}")
    return csv_file, path
