"""Parameter tables as CSV."""

import csv
import io
import re
from pathlib import Path

from dancheong.params.sources.layout import ALL_COLUMNS, COLUMNS, Line, TableRow, check_columns, recognize
from dancheong.system.csv_text import csv_table, decoded
from dancheong.system.errors import ParamError


def read_lines(data: bytes, path: Path) -> list[Line]:
    """The lines of a table in text, in any encoding and with any separator of spreadsheets. Raises ParamError."""
    lines = _lines(decoded(data, path), path.name)
    if not lines:
        raise ParamError(f"{path.name}: the table is empty; columns {', '.join(COLUMNS)} were expected")
    number, header = lines[0]
    found = recognize(header)
    if len(header) == 1 and all(column in header[0].upper() for column in COLUMNS):
        raise ParamError(
            f"{path.name} row {number}: {header[0].strip()!r} is one column: part columns by commas, semicolons, tabs or bars, "
            "or name the sign that does in a first line such as sep=:"
        )
    check_columns(found, header, f"{path.name} row {number}")
    return [
        ({column: cells[at] for column, at in found.items() if at < len(cells)},
         dict.fromkeys(COLUMNS, f"{path.name} row {number}"))
        for number, cells in lines[1:]
    ]  # fmt: skip


def to_bytes(rows: list[TableRow], path: Path) -> bytes:
    """A .csv file; of another suffix with tabs."""
    text = csv_table([ALL_COLUMNS, *(row.cells for row in rows)], "," if path.suffix.lower() == ".csv" else "\t")
    # The byte order mark lets spreadsheets recognize UTF-8, so that Korean comments stay readable.
    return text.encode("utf-8-sig")


def _lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Lines with their numbers, without the empty ones."""
    skipped, separator, text = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [(reader.line_num + skipped, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ParamError(f"{name} row {reader.line_num + skipped}: not valid CSV: {error}") from error


def _separator(text: str) -> tuple[int, str, str]:
    """Lines before the header that only name the separator, as `sep=;` of spreadsheets; the separator; the other lines.

    Without such a line it is the sign that separates most of the header's columns: a comma, a semicolon, a tab or a bar.
    """
    first, _, rest = text.partition("\n")
    if named := re.fullmatch(r'"?sep=(.)"?[,;]*\s*', first, re.IGNORECASE):
        return 1, named[1], rest
    header = next((line for line in text.splitlines() if line.strip()), "")
    return 0, max((",", ";", "\t", "|"), key=lambda sign: len(recognize(header.replace('"', "").split(sign)))), text
