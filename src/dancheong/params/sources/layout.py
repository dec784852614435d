"""The form that all sources share: a row, the columns and their names, and how a location is shown."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dancheong.params.schema import ROWS, nearest
from dancheong.system.errors import ParamError

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

# What people write for the category that counts for all.
_COMMON = ("COMMON", "ALL", "공통", "전체")

_PASSWORDS = (
    re.compile(r"(://[^:/@\s]*:).*(?=@)"),
    re.compile(r"([?&](?:password|passwd|pwd|sslpassword)=)[^&\s]*", re.IGNORECASE),
)

# A line of a table: its texts by column, and where each of them stands, for a person.
Line = tuple[Mapping[str, str], Mapping[str, str]]


@dataclass(frozen=True)
class TableRow:
    """One row of a parameter table. `where` tells a person which row it is, such as ``params.csv row 7``."""

    category: str
    name: str
    value: str
    use: bool = True
    comment: str = ""
    where: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The texts of ALL_COLUMNS."""
        return self.category, self.name, self.value, "Y" if self.use else "N", self.comment


def recognize(header: Sequence[str]) -> dict[str, int]:
    """Which cell of a header is which column, in English or Korean; the first of its kind counts."""
    found: dict[str, int] = {}
    for position, cell in enumerate(header):
        plain = re.sub(r"[\s_]+", "", unicodedata.normalize("NFC", cell)).upper()
        if plain in _COLUMN_OF:
            found.setdefault(_COLUMN_OF[plain], position)
    return found


def check_columns(found: Mapping[str, int], header: Sequence[str], where: str) -> None:
    """Raise ParamError if a column is missing, naming the cell that may have been meant."""
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        names = [cell.strip().upper() for cell in header if cell.strip()]
        hints = "".join(nearest(column, names) for column in missing)
        raise ParamError(f"{where}: column {', '.join(missing)} is missing{hints}; {', '.join(COLUMNS)} were expected")


def make_rows(lines: Iterable[Line]) -> list[TableRow]:
    """The rows of the lines of a table. Raises ParamError with a line for every problem."""
    rows, problems = [], []
    for cells, places in lines:
        try:
            rows.append(_row(cells, places))
        except ParamError as error:
            problems.append(str(error))
    if problems:
        raise ParamError("\n".join(problems))
    return rows


def _row(cells: Mapping[str, str], places: Mapping[str, str]) -> TableRow:
    lacking = [column for column in COLUMNS if not cells.get(column, "").strip()]
    if lacking:
        raise ParamError(f"{places[lacking[0]]}: {', '.join(lacking)} is empty")
    use = cells["USE_YN"].strip().upper()
    if use not in ("Y", "N"):
        number = f"{cells['PARAM_VALUE'].strip()}.{use}"
        comma = f"; if the value is {number}, write it with a point" if number.replace(".", "", 1).isdecimal() else ""
        raise ParamError(f"{places['USE_YN']}: USE_YN is {cells['USE_YN']!r}; Y or N was expected{comma}")
    category, name, value = (unicodedata.normalize("NFC", cells[column].strip()) for column in COLUMNS[:3])
    category = "COMMON" if plain_category(category) == "COMMON" else category
    # A problem with a row is a problem with its name if there is no such parameter, else with its value.
    at = "PARAM_VALUE" if name.lower() in ROWS else "PARAM_NAME"
    comment = cells.get(COMMENT_COLUMN, "").replace("\r\n", "\n").strip()
    return TableRow(category, name, value, use == "Y", comment, places[at])


def plain_category(category: str) -> str:
    """A category as it is compared: composed, in upper case, and COMMON in any of its words."""
    plain = unicodedata.normalize("NFC", category.strip()).upper()
    return "COMMON" if plain in _COMMON else plain


def redact_password(text: str | Path) -> str:
    """A location (or a text with one) as messages show it: passwords are `***`."""
    text = str(text)
    for password in _PASSWORDS:
        text = password.sub(r"\1***", text)
    return text
