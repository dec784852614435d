"""The form that all sources share: columns and their names, one row, and how a place is shown."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dancheong.params.schema import Params
from dancheong.params.table import ParamError, TableRow, nearest

COLUMNS = ("CATEGORY", "PARAM_NAME", "PARAM_VALUE", "USE_YN")
COMMENT_COLUMN = "COMMENTS"
ALL_COLUMNS = (*COLUMNS, COMMENT_COLUMN)

# What people write above the columns, without spaces, underscores and case.
_NAMES = {
    "CATEGORY": ("CATEGORY", "범주", "카테고리", "분류", "구분"),
    "PARAM_NAME": (
        "PARAMNAME", "PARAMETERNAME", "PARAMETER", "파라미터명", "파라미터이름", "파라미터", "매개변수명", "매개변수",
    ),
    "PARAM_VALUE": ("PARAMVALUE", "PARAMETERVALUE", "VALUE", "값", "파라미터값", "매개변수값", "설정값"),
    "USE_YN": ("USEYN", "USE", "사용여부", "사용유무", "사용"),
    "COMMENTS": ("COMMENTS", "COMMENT", "설명", "주석", "비고"),
}  # fmt: skip
_COLUMN_OF = {name: column for column, names in _NAMES.items() for name in names}

_MAX_BYTES = 64 << 20

_PASSWORDS = (
    re.compile(r"(://[^:/@\s]*:)\S*(?=@)"),
    re.compile(r"([?&](?:password|passwd|pwd|sslpassword)=)[^&\s]*", re.IGNORECASE),
)


def recognize(header: Sequence[str]) -> dict[str, int]:
    """Which cell of a header is which column, in English or Korean; the first of its kind counts."""
    found: dict[str, int] = {}
    for position, cell in enumerate(header):
        plain = re.sub(r"[\s_]+", "", unicodedata.normalize("NFC", cell)).upper()
        column = _COLUMN_OF.get(plain)
        if column is not None:
            found.setdefault(column, position)
    return found


def check_columns(found: Mapping[str, int], header: Sequence[str], where: str) -> None:
    """Raise ParamError if a column is missing, naming the cell that may have been meant."""
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        names = [cell.strip().upper() for cell in header if cell.strip()]
        hints = "".join(nearest(column, names) for column in missing)
        raise ParamError(f"{where}: column {', '.join(missing)} is missing{hints}; {', '.join(COLUMNS)} were expected")


def make_rows(lines: Iterable[tuple[Mapping[str, str], Callable[[str], str]]]) -> list[TableRow]:
    """Rows of lines: the texts by column, and what tells a person where a column's text stands.

    Raises:
        ParamError: with a line for every problem.
    """
    rows, problems = [], []
    for cells, where in lines:
        try:
            rows.append(_row(cells, where))
        except ParamError as error:
            problems.append(str(error))
    if problems:
        raise ParamError("\n".join(problems))
    return rows


def _row(cells: Mapping[str, str], where: Callable[[str], str]) -> TableRow:
    lacking = [column for column in COLUMNS if not cells.get(column, "").strip()]
    if lacking:
        raise ParamError(f"{where(lacking[0])}: {', '.join(lacking)} is empty")
    use = cells["USE_YN"].strip().upper()
    if use not in ("Y", "N"):
        raise ParamError(f"{where('USE_YN')}: USE_YN is {cells['USE_YN']!r}; Y or N was expected")
    category, name, value = (cells[column].strip() for column in COLUMNS[:3])
    # The place of what is wrong with a row: its name if there is no such parameter, else its value.
    at = "PARAM_VALUE" if name.lower() in Params.model_fields else "PARAM_NAME"
    comment = cells.get(COMMENT_COLUMN, "").replace("\r\n", "\n").strip()
    return TableRow(category, name, value, use == "Y", comment, where(at))


def table_hash(rows: Iterable[TableRow]) -> str:
    """sha256 (hex) over what a table says, wherever it is kept: neither the order of rows nor comments count."""
    said = sorted((row.category.upper(), row.name.upper(), row.value, row.use) for row in rows)
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def shown(text: str | Path) -> str:
    """A place (or a command line with one) as messages show it: passwords are `***`."""
    text = str(text)
    for password in _PASSWORDS:
        text = password.sub(r"\1***", text)
    return text


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises ParamError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ParamError(f"{path}: the parameter table cannot be written: {error.strerror}") from error


def read_whole(path: Path) -> bytes:
    """The bytes of a file. Raises ParamError."""
    try:
        # A pipe would block the reader.
        if path.exists() and not path.is_file():
            raise ParamError(f"{path}: the parameter table cannot be read: it is not a file")
        if path.exists() and path.stat().st_size > _MAX_BYTES:
            raise ParamError(f"{path}: larger than {_MAX_BYTES >> 20} MB, which no parameter table is")
        return path.read_bytes()
    except OSError as error:
        raise ParamError(f"{path}: the parameter table cannot be read: {error.strerror}") from error
