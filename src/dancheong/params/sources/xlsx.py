"""Parameter tables as Excel workbooks: written with drop-downs, ranges and comments, read as people leave them."""

import io
import math
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from dancheong.params.errors import ExtraMissing

try:
    from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]
    from openpyxl.comments import Comment  # type: ignore[import-untyped]
    from openpyxl.styles import Alignment, Font, PatternFill  # type: ignore[import-untyped]
    from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]
    from openpyxl.worksheet.datavalidation import DataValidation  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise ExtraMissing(f"a workbook (.xlsx) needs {error.name}: pip install 'dancheong[tables]'") from error

from dancheong.params.schema import Params, choices_of
from dancheong.params.sources.layout import ALL_COLUMNS, COLUMNS, check_columns, make_rows, read_whole, recognize, write_whole
from dancheong.params.table import ParamError, TableRow, format_value, range_text

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
_FIXED = re.compile(r"0\.(0+)")
_WIDTHS = {"CATEGORY": 14, "PARAM_NAME": 24, "PARAM_VALUE": 22, "USE_YN": 9, "COMMENTS": 100}


def read_rows(path: Path) -> list[TableRow]:
    """The rows of the first sheet that has the columns of a parameter table.

    A row's `where` is its cell, such as ``params.xlsx Parameters!C7``.

    Raises:
        ParamError: no workbook, no such sheet, or a line for each cell that holds nothing usable.
    """
    data = read_whole(path)
    try:
        lines, problems = _cells(data, path)
    except ParamError:
        raise
    except Exception as error:  # a damaged workbook raises about every kind there is, also long after it was opened
        raise ParamError(
            f"{path}: not a workbook that can be read ({type(error).__name__}); "
            "save it as .xlsx, without a password to open it"
        ) from error
    if problems:
        raise ParamError("\n".join(problems))
    return make_rows(lines)


def _cells(data: bytes, path: Path) -> tuple[list[tuple[dict[str, str], Callable[[str], str]]], list[str]]:
    """The texts of each row by column, with a function that tells where they stand; and what is wrong with cells."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _MAX_UNPACKED_BYTES:
        raise ParamError(f"{path}: unpacked it is larger than {_MAX_UNPACKED_BYTES >> 20} MB, which no parameter table is")
    with closing(_open(data, data_only=True)) as values, closing(_open(data, data_only=False)) as formulas:
        sheet, header_number, found = _find_table(values, path)
        problems: list[str] = []
        lines = []
        pairs = zip(_rows(sheet), _rows(formulas[sheet.title]), strict=False)
        for number, (cells, sources) in enumerate(pairs, start=1):
            if number <= header_number:
                continue
            if number > _MAX_ROWS:
                raise ParamError(f"{path}: the sheet has more than {_MAX_ROWS} rows, which no parameter table has")
            where = _where(f"{path.name} {sheet.title}", found, number)
            texts = {}
            for column, position in found.items():
                texts[column], problem = _text(_at(cells, position), _at(sources, position))
                if problem:
                    problems.append(f"{where(column)}: {problem}")
            if any(texts.values()):
                lines.append((texts, where))
    return lines, problems


def write_rows(path: Path, rows: list[TableRow]) -> None:
    """Write a workbook whose cells explain themselves and refuse what is out of range. Raises ParamError."""
    if path.suffix.lower() != ".xlsx":
        raise ParamError(f"{path}: a workbook is written as .xlsx, not {path.suffix}")
    for row in rows:
        _check_text(path, row)
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = SHEET
    _write_header(sheet)
    for number, row in enumerate(rows, start=2):
        _write_row(sheet, number, row)
    last = len(rows) + 1 + _SPARE_ROWS
    use = DataValidation("list", '"Y,N"', sqref=f"D2:D{last}", showErrorMessage=True, error="Y or N")
    sheet.add_data_validation(use)
    stream = io.BytesIO()
    workbook.save(stream)
    write_whole(path, stream.getvalue())


def _open(data: bytes, data_only: bool) -> Any:
    # openpyxl warns of decoration that it does not know, which is none of a table's business.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_workbook(io.BytesIO(data), read_only=True, data_only=data_only)


def _rows(sheet: Any) -> Any:
    # What a workbook says of its own size may be wrong.
    sheet.reset_dimensions()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from sheet.iter_rows()


def _find_table(workbook: Any, path: Path) -> tuple[Any, int, dict[str, int]]:
    """The sheet, the number of its header row, and which column stands where."""
    best: tuple[dict[str, int], list[str], str] | None = None
    for sheet in workbook.worksheets:
        for number, cells in enumerate(_rows(sheet), start=1):
            if number > _HEADER_ROWS:
                break
            header = [str(cell.value or "") for cell in cells]
            found = recognize(header)
            if all(column in found for column in COLUMNS):
                return sheet, number, found
            if any(header) and (best is None or len(found) > len(best[0])):
                best = found, header, f"{path.name} {sheet.title}!A{number}"
    if best is not None:
        check_columns(*best)
    raise ParamError(f"{path.name}: the workbook is empty; columns {', '.join(COLUMNS)} were expected")


def _where(place: str, found: Mapping[str, int], number: int) -> Callable[[str], str]:
    return lambda column: f"{place}!{get_column_letter(found.get(column, 0) + 1)}{number}"


def _at(cells: Sequence[Any], position: int) -> Any:
    return cells[position] if position < len(cells) else None


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
        return ("Y" if value else "N"), ""
    if isinstance(value, int | float):
        return _number_text(value, cell.number_format), ""
    if isinstance(value, str):
        return value.strip(), ""
    return "", f"the cell holds a date or time ({value}); write the value as text: format the cell as text first"


def _number_text(number: int | float, number_format: str) -> str:
    """A number as it is written in other tables; with the decimals that are shown where they lose nothing."""
    fixed = _FIXED.fullmatch(number_format)
    if not math.isfinite(number):
        return repr(number)
    if fixed and float(f"{number:.{len(fixed[1])}f}") == number:
        return f"{number:.{len(fixed[1])}f}"
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _as_number(text: str) -> tuple[int | float, str] | None:
    """The number and number format of a cell that reads back as exactly this text; None where there is none."""
    if not re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text, re.ASCII):
        return None
    try:
        stored = f"{float(text):.16g}"  # as openpyxl writes it
        number = float(stored) if any(sign in stored for sign in ".e") else int(stored)
        _, _, decimals = text.partition(".")
        for number_format in ("General", f"0.{'0' * len(decimals)}"):
            if _number_text(number, number_format) == text:
                return number, number_format
    except (ValueError, OverflowError):
        return None
    return None


def _check_text(path: Path, row: TableRow) -> None:
    for text in (row.category, row.name, row.value, row.comment):
        if _NOT_IN_XML.search(text):
            raise ParamError(f"{row.where or path}: {row.name!r} holds a control character, which a workbook cannot hold")
        if len(text) > _CELL_LETTERS:
            raise ParamError(f"{row.where or path}: {row.name!r} holds {len(text)} letters; a cell holds {_CELL_LETTERS}")


def _write_header(sheet: Any) -> None:
    for position, column in enumerate(ALL_COLUMNS, start=1):
        cell = sheet.cell(1, position, column)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="2F5D50")
        sheet.column_dimensions[get_column_letter(position)].width = _WIDTHS[column]
    sheet.freeze_panes = "A2"


def _write_row(sheet: Any, number: int, row: TableRow) -> None:
    for position, text in enumerate((row.category, row.name, row.value, "Y" if row.use else "N", row.comment), start=1):
        cell = sheet.cell(number, position, text)
        if text:
            cell.data_type = "s"  # not a formula, whatever the text begins with
    field = row.name.lower()
    value_cell = sheet.cell(number, 3)
    value_cell.alignment = Alignment(horizontal="left")
    if field not in Params.model_fields:
        return
    as_number = _as_number(row.value) if Params.model_fields[field].annotation is not str else None
    if as_number is not None:
        value_cell.value, value_cell.number_format = as_number
    sheet.cell(number, 2).comment = Comment(_meaning(field), "dancheong", height=140, width=320)
    rule = _rule(field, value_cell.coordinate)
    if rule is not None:
        sheet.add_data_validation(rule)


def _meaning(field: str) -> str:
    """A parameter in the words of its comment."""
    info = Params.model_fields[field]
    extra: Any = info.json_schema_extra
    lines = [
        f"{field.upper()}: {info.description}",
        f"Range: {range_text(field)}",
        f"Unit: {extra['unit']}" if extra["unit"] else "",
        f"Default: {format_value(info.default)}",
        f"Source: {extra['source']}",
    ]
    return "\n".join(line for line in lines if line)


def _rule(field: str, cell: str) -> Any:
    """What a spreadsheet checks when a person types into the cell; None for free text."""
    info = Params.model_fields[field]
    kind = info.annotation
    choices = ("Y", "N") if kind is bool else choices_of(field)
    if choices and len(listed := f'"{",".join(choices)}"') <= _LIST_LETTERS:
        rule = DataValidation("list", listed, sqref=cell)
    elif kind is int or kind is float:
        rule = _number_rule("whole" if kind is int else "decimal", info.metadata, cell)
    else:
        return None
    rule.showInputMessage = rule.showErrorMessage = True
    rule.promptTitle = rule.errorTitle = field.upper()[:_TITLE_LETTERS]
    rule.prompt = f"{range_text(field)}\n{info.description}"[:_PROMPT_LETTERS]
    rule.error = f"{range_text(field)} was expected"[:_ERROR_LETTERS]
    return rule


def _number_rule(kind: str, metadata: Sequence[Any], cell: str) -> Any:
    bounds = {
        name: f"{getattr(item, name):.15g}" for item in metadata for name in ("ge", "gt", "le", "lt") if hasattr(item, name)
    }
    if bounds.keys() == {"ge", "le"}:
        return DataValidation(kind, bounds["ge"], bounds["le"], operator="between", sqref=cell)
    # The plain rules know no range with an open end.
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    tests = [f"ISNUMBER({cell})", *(f"{cell}{signs[name]}{bound}" for name, bound in bounds.items())]
    if kind == "whole":
        tests.append(f"{cell}=INT({cell})")
    return DataValidation("custom", f"AND({','.join(tests)})", sqref=cell)
