"""Tables in CSV whose cells may hold any text: a row is one line of valid UTF-8, and a spreadsheet runs no cell as a formula.

What would break that is percent-encoded (RFC 3986), so that other programs can decode it, too.
"""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from dancheong.system.errors import ParamError

# What ends a line somewhere, controls, bytes that are no UTF-8, what looks encoded; and first letters of formulas.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|%(?=[0-9A-Fa-f]{2})"
    "|^(?P<blank> *)(?P<sign>[=+\\-@\uff1d\uff0b\uff0d\uff20])"
)


def decoded(data: bytes, path: Path) -> str:
    """The text of a table as spreadsheets save it: UTF-8, UTF-16 with a mark, or the Korean code page. Raises ParamError."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp949"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ParamError(f"{path}: the table is neither UTF-8, UTF-16 with a mark nor CP949 text; save it as CSV UTF-8")


def csv_table(rows: Iterable[Iterable[object]], separator: str = ",") -> str:
    """Rows as they are; a name of a file goes through `to_cell` before."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", delimiter=separator).writerows(rows)
    return text.getvalue()


def csv_line(cells: Iterable[str]) -> bytes:
    """A row, with its end. Every cell stands in quotes, because some spreadsheets separate cells by semicolons."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(map(to_cell, cells))
    return text.getvalue().encode()


def to_cell(text: str) -> str:
    """Any text, such as the name of a file, as a cell."""
    return _UNSAFE.sub(lambda found: (found["blank"] or "") + _encoded(found["sign"] or found[0]), text)


def valid_text(text: str) -> str:
    """A name of a file as text that can be written anywhere: bytes that are no UTF-8 are percent-encoded, the rest stays."""
    return re.sub("[\ud800-\udfff]", lambda found: _encoded(found[0]), text)


def from_cell(cell: str) -> str:
    """The text that `to_cell` got."""
    return unquote(cell, errors="surrogateescape")


def _encoded(letter: str) -> str:
    # A byte of a name that is no UTF-8, or half a letter of UTF-16 (Windows).
    errors = "surrogateescape" if "\udc80" <= letter <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", errors))
