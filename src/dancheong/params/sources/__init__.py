"""Where parameter tables are kept: CSV files, Excel workbooks, databases. Each reads a place into rows and writes them."""

import re
from pathlib import Path

from dancheong.params.sources import csv_file
from dancheong.params.sources.layout import COLUMNS, COMMENT_COLUMN, shown, table_hash
from dancheong.params.table import ParamError, TableRow

__all__ = ["COLUMNS", "COMMENT_COLUMN", "is_database", "read_table", "shown", "table_exists", "table_hash", "write_table"]

# Two letters at least: C:// is a drive.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+_.-]+://")
_WORKBOOKS = (".xlsx", ".xlsm")
_PLACES = "a parameter table is a .csv or .xlsx file, or a database URL such as sqlite:///params.db"
_HINTS = {
    ".xls": "save it as .xlsx",
    ".ods": "save it as .xlsx",
    ".tsv": "save it as .csv",
    ".db": "write a database as sqlite:///FILE",
    ".sqlite": "write a database as sqlite:///FILE",
    ".sqlite3": "write a database as sqlite:///FILE",
}


def is_database(place: str | Path) -> bool:
    """Whether the place is a SQLAlchemy URL rather than a file."""
    return isinstance(place, str) and _URL.match(place) is not None


def read_table(place: str | Path) -> list[TableRow]:
    """The rows of a parameter table.

    Args:
        place: a .csv file (UTF-8, or the Korean code page that spreadsheets write), an .xlsx workbook, or a SQLAlchemy
            URL, in which ``?table=NAME`` names a table or view of one's own.

    Raises:
        ParamError: if the place cannot be read, or naming each row or cell that is not of the table's form.
        ExtraMissing: a workbook or database without the extra `tables`.
    """
    if is_database(place):
        from dancheong.params.sources import sql

        return sql.read_rows(str(place))
    path = _file(place)
    if path.suffix.lower() in _WORKBOOKS:
        from dancheong.params.sources import xlsx

        return xlsx.read_rows(path)
    return csv_file.read_rows(path)


def write_table(place: str | Path, rows: list[TableRow]) -> None:
    """Write the rows so that `read_table` gives them back: a file whole or not at all, a database in one transaction.

    Replaces the rows that are there; `table_exists` tells.

    Raises:
        ParamError: the place cannot be written, or cannot hold these rows.
        ExtraMissing: as `read_table`.
    """
    if is_database(place):
        from dancheong.params.sources import sql

        sql.write_rows(str(place), rows)
        return
    path = _file(place)
    if path.suffix.lower() in _WORKBOOKS:
        from dancheong.params.sources import xlsx

        xlsx.write_rows(path, rows)
    else:
        csv_file.write_rows(path, rows)


def table_exists(place: str | Path) -> bool:
    """Whether `write_table` would replace something: a file, or a table or view in a database.

    Raises:
        ParamError, ExtraMissing: as `read_table`.
    """
    if is_database(place):
        from dancheong.params.sources import sql

        return sql.table_exists(str(place))
    return _file(place).exists()


def _file(place: str | Path) -> Path:
    path = Path(place)
    suffix = path.suffix.lower()
    if suffix not in (".csv", *_WORKBOOKS):
        hint = f"; {_HINTS[suffix]}" if suffix in _HINTS else ""
        raise ParamError(f"{place}: {_PLACES}; this is {path.suffix or 'a file without suffix'}{hint}")
    return path
