"""Parameter tables as Excel workbooks: written with drop-downs, ranges and comments, read as people leave them."""

import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dancheong.system.errors import ExtraMissing, ParamError

try:
    from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]
    from openpyxl.comments import Comment  # type: ignore[import-untyped]
    from openpyxl.styles import Alignment, Font, PatternFill  # type: ignore[import-untyped]
    from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]
    from openpyxl.worksheet.datavalidation import DataValidation  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise ExtraMissing(f"a workbook (.xlsx) needs {error.name}: pip install 'dancheong[tables]'") from error

from dancheong.params.schema import ROWS, RowInfo, format_value
from dancheong.params.sources.layout import ALL_COLUMNS, COLUMNS, Line, TableRow, check_columns, recognize

SHEET = "Parameters"
# People put a title above a table; the header is looked for in so many rows.
_HEADER_ROWS = 10
# Rows below the table that are prepared for additions.
_SPARE_ROWS = 100
# A few hundred rows are a large table; a small file can say that it has a million, or unpack to gigabytes.
_MAX_ROWS, _MAX_UNPACKED_BYTES = 20_000, 64 << 20
# What Excel allows, see [MS-OI29500] 2.1.613 and its limits of a cell and of a list.
_PROMPT_LETTERS, _TITLE_LETTERS, _ERROR_LETTERS, _LIST_LETTERS, _CELL_LETTERS = 255, 32, 224, 255, 32767
# Signs that XML cannot hold, or that come back as others.
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_WIDTHS = (14, 24, 22, 9, 100)


def read_lines(data: bytes, path: Path) -> list[Line]:
    """The lines of the first sheet that has the columns of a parameter table, placed such as ``params.xlsx Parameters!C7``.

    Raises:
        ParamError: no workbook, no such sheet, or a line for each cell that holds nothing usable.
    """
    try:
        # openpyxl warns of decoration that it does not know, which is none of a table's business.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _lines(data, path)
    except ParamError:
        raise
    except Exception as error:  # a damaged workbook raises about every kind there is, also long after it was opened
        raise ParamError(
            f"{path}: not a workbook that can be read ({type(error).__name__}); "
            "save it as .xlsx, without a password to open it"
        ) from error


def _lines(data: bytes, path: Path) -> list[Line]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise ParamError(f"{path}: unpacked it is larger than {_MAX_UNPACKED_BYTES >> 20} MB, which no parameter table is")
    # openpyxl gives either the results of formulas or the formulas: a formula without a result shows in both together.
    opened = (load_workbook(io.BytesIO(data), read_only=True, data_only=data_only) for data_only in (True, False))
    with closing(next(opened)) as values, closing(next(opened)) as formulas:
        sheet, header_number, found = _find_table(values, path)
        lines: list[Line] = []
        problems: list[str] = []
        for number, (cells, sources) in enumerate(zip(_rows(sheet), _rows(formulas[sheet.title]), strict=False), start=1):
            if number > _MAX_ROWS:
                raise ParamError(f"{path}: the sheet has more than {_MAX_ROWS} rows, which no parameter table has")
            if number <= header_number:
                continue
            places = {column: f"{path.name} {sheet.title}!{get_column_letter(at + 1)}{number}" for column, at in found.items()}
            pairs = list(zip_longest(cells, sources))
            texts = {}
            for column, position in found.items():
                texts[column], problem = _text(*pairs[position]) if position < len(pairs) else ("", "")
                if problem:
                    problems.append(f"{places[column]}: {problem}")
            if any(texts.values()):
                lines.append((texts, places))
    if problems:
        raise ParamError("\n".join(problems))
    return lines


def _rows(sheet: Any) -> Iterator[Any]:
    # What a workbook says of its own size may be wrong.
    sheet.reset_dimensions()
    yield from sheet.iter_rows()


def _find_table(workbook: Any, path: Path) -> tuple[Any, int, dict[str, int]]:
    """The sheet, the number of its header row, and which column stands where."""
    best: tuple[dict[str, int], list[str], str] = {}, [], ""
    for sheet in workbook.worksheets:
        for number, cells in zip(range(1, _HEADER_ROWS + 1), _rows(sheet), strict=False):
            header = [str(cell.value or "") for cell in cells]
            found = recognize(header)
            if all(column in found for column in COLUMNS):
                return sheet, number, found
            if any(header) and (not best[1] or len(found) > len(best[0])):
                best = found, header, f"{path.name} {sheet.title}!A{number}"
    if best[1]:
        check_columns(*best)
    raise ParamError(f"{path.name}: the workbook is empty; columns {', '.join(COLUMNS)} were expected")


def _text(cell: Any, source: Any) -> tuple[str, str]:
    """What a cell says as text, and what is wrong with it. `source` is the same cell with its formula."""
    value = None if cell is None else cell.value
    if value is None:
        if source is not None and source.data_type == "f":
            return "", "a formula without a result: open and save the workbook in a spreadsheet, or write the value itself"
        return "", ""
    if cell.data_type == "e":
        return "", f"the cell holds the error {value}; a value was expected"
    if isinstance(value, bool):
        return format_value(value), ""
    if isinstance(value, int | float):
        return _number_text(value, cell.number_format), ""
    if isinstance(value, str):
        return value.strip(), ""
    return "", f"the cell holds a date or time ({value}); write the value as text: format the cell as text first"


def _number_text(number: int | float, number_format: str) -> str:
    """A number as it is written in other tables; with the decimals that are shown where they lose nothing."""
    if not math.isfinite(number):
        return repr(number)
    decimals = re.fullmatch(r"0\.(0+)", number_format)
    if decimals and float(fixed := f"{number:.{len(decimals[1])}f}") == number:
        return fixed
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _as_number(text: str) -> tuple[int | float, str] | None:
    """The number and number format of a cell that reads back as exactly this text; None where there is none."""
    if not re.fullmatch(r"-?\d{1,300}(\.\d+)?(e[+-]?\d+)?", text, re.ASCII):
        return None
    stored = f"{float(text):.16g}"  # as openpyxl writes it
    if "inf" in stored:
        return None
    number = float(stored) if any(sign in stored for sign in ".e") else int(stored)
    formats = ("General", f"0.{'0' * len(text.partition('.')[2])}")
    return next(((number, form) for form in formats if _number_text(number, form) == text), None)


def to_bytes(rows: list[TableRow], path: Path) -> bytes:
    """A workbook whose cells explain themselves and refuse what is out of range. Raises ParamError."""
    if path.suffix.lower() != ".xlsx":
        raise ParamError(f"{path}: a workbook is written as .xlsx, not {path.suffix}")
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = SHEET
    for position, (column, width) in enumerate(zip(ALL_COLUMNS, _WIDTHS, strict=True), start=1):
        cell = sheet.cell(1, position, column)
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="2F5D50")
        sheet.column_dimensions[get_column_letter(position)].width = width
    sheet.freeze_panes = "A2"
    for number, row in enumerate(rows, start=2):
        _write_row(sheet, number, row, row.where or str(path))
    last = len(rows) + 1 + _SPARE_ROWS
    sheet.add_data_validation(DataValidation("list", '"Y,N"', sqref=f"D2:D{last}", showErrorMessage=True, error="Y or N"))
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _write_row(sheet: Any, number: int, row: TableRow, where: str) -> None:
    for position, text in enumerate(row.cells, start=1):
        if _NOT_IN_XML.search(text):
            raise ParamError(f"{where}: {row.name!r} holds a control character, which a workbook cannot hold")
        if len(text) > _CELL_LETTERS:
            raise ParamError(f"{where}: {row.name!r} holds {len(text)} letters; a cell holds {_CELL_LETTERS}")
        cell = sheet.cell(number, position, text)
        if text:
            cell.data_type = "s"  # not a formula, whatever the text begins with
    value = sheet.cell(number, 3)
    value.alignment = Alignment(horizontal="left")
    info = ROWS.get(row.name.lower())
    if info is None:
        return
    # A number is stored as a number, so that the range is checked and formulas may use it.
    as_number = _as_number(row.value) if info.kind is not str or info.choices else None
    if as_number is not None:
        value.value, value.number_format = as_number
    lines = (
        f"{info.name.upper()}: {info.meaning}", f"Range: {info.range_text}", info.unit and f"Unit: {info.unit}",
        f"Default: {format_value(info.default)}", f"Source: {info.source}", f"Level: {info.level}",
    )
    sheet.cell(number, 2).comment = Comment("\n".join(filter(None, lines)), "dancheong", height=140, width=320)
    rule = _rule(info, value.coordinate)
    if rule is not None:
        rule.showInputMessage = rule.showErrorMessage = True
        rule.promptTitle = rule.errorTitle = info.name.upper()[:_TITLE_LETTERS]
        rule.prompt = f"{info.range_text}\n{info.meaning}"[:_PROMPT_LETTERS]
        rule.error = f"{info.range_text} was expected"[:_ERROR_LETTERS]
        sheet.add_data_validation(rule)


def _rule(info: RowInfo, cell: str) -> Any:
    """What a spreadsheet checks when a person types into the cell; None for free text."""
    choices = ("Y", "N") if info.kind is bool else info.choices
    if choices and len(listed := f'"{",".join(choices)}"') <= _LIST_LETTERS:
        return DataValidation("list", listed, sqref=cell)
    if info.kind not in (int, float):
        return None
    low, high = ("" if bound is None else f"{bound:.15g}" for bound in (info.low, info.high))
    if low and high and not info.above_low:
        return DataValidation("whole" if info.kind is int else "decimal", low, high, operator="between", sqref=cell)
    # The plain rules know no range with an open end.
    tests = [
        f"ISNUMBER({cell})", low and f"{cell}{'>' if info.above_low else '>='}{low}", high and f"{cell}<={high}",
        f"{cell}=INT({cell})" if info.kind is int else "",
    ]
    return DataValidation("custom", f"AND({','.join(filter(None, tests))})", sqref=cell)
