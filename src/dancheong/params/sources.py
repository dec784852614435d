"""Where parameter tables are kept. A source reads a place into rows and writes rows to it; CSV here."""

import csv
import io
from pathlib import Path

from dancheong.params.table import ParamError, TableRow, nearest

COLUMNS = ("CATEGORY", "PARAM_NAME", "PARAM_VALUE", "USE_YN")
COMMENT_COLUMN = "COMMENTS"


def read_table(place: str | Path) -> list[TableRow]:
    """The rows of a parameter table (a .csv file; UTF-8, or the Korean code page that spreadsheets write).

    Raises:
        ParamError: if the place cannot be read or a column is missing, naming the row.
    """
    path = _csv_path(place)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ParamError(f"{place}: the parameter table cannot be read: {error.strerror}") from error
    return _parse_csv(_decode(data, path), path.name)


def write_table(place: str | Path, rows: list[TableRow]) -> None:
    """Write the rows so that `read_table` gives them back. Replaces the file whole."""
    path = _csv_path(place)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, COMMENT_COLUMN))
    writer.writerows((row.category, row.name, row.value, "Y" if row.use else "N", row.comment) for row in rows)
    # The byte order mark lets spreadsheets recognize UTF-8, so that Korean comments stay readable.
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text.getvalue(), encoding="utf-8-sig")
        temporary.replace(path)
    except OSError as error:
        raise ParamError(f"{place}: the parameter table cannot be written: {error.strerror}") from error


def _csv_path(place: str | Path) -> Path:
    path = Path(place)
    if path.suffix.lower() != ".csv":
        raise ParamError(f"{place}: a parameter table is a .csv file; this is {path.suffix or 'a file without suffix'}")
    return path


def _decode(data: bytes, path: Path) -> str:
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ParamError(f"{path}: the table is neither UTF-8 nor CP949 text; save it as CSV UTF-8")


def _parse_csv(text: str, name: str) -> list[TableRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ParamError(f"{name} row {reader.line_num}: not valid CSV: {error}") from error
    if not lines:
        raise ParamError(f"{name}: the table is empty; columns {', '.join(COLUMNS)} were expected")
    header = [cell.strip().upper() for cell in lines[0][1]]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        hints = "".join(nearest(column, header) for column in missing)
        raise ParamError(f"{name} row 1: column {', '.join(missing)} is missing{hints}")
    return [_row(dict(zip(header, cells, strict=False)), f"{name} row {number}") for number, cells in lines[1:]]


def _row(cells: dict[str, str], where: str) -> TableRow:
    lacking = [column for column in COLUMNS if not cells.get(column, "").strip()]
    if lacking:
        raise ParamError(f"{where}: {', '.join(lacking)} is empty")
    use = cells["USE_YN"].strip().upper()
    if use not in ("Y", "N"):
        raise ParamError(f"{where}: USE_YN is {cells['USE_YN']!r}; Y or N was expected")
    category, name, value = (cells[column].strip() for column in COLUMNS[:3])
    return TableRow(category, name, value, use == "Y", cells.get(COMMENT_COLUMN, "").strip(), where)
