"""Workbooks: what people type is read, what is written explains itself and reads back, mistakes name the cell."""

import io
import sys
import zipfile
from datetime import date

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dancheong.params.sources as sources
from dancheong.params import ExtraMissing, ParamError, Params, TableRow, complete_rows, read_table, resolve, write_table
from table_rows import as_read

HEADER = ("CATEGORY", "PARAM_NAME", "PARAM_VALUE", "USE_YN", "COMMENTS")


def book(tmp_path, *rows, sheet="표 1", name="params.xlsx", before=()):
    """A workbook as a person would make it."""
    workbook = openpyxl.Workbook()
    page = workbook.active
    page.title = sheet
    for row in (*before, *rows):
        page.append(row)
    workbook.save(tmp_path / name)
    return tmp_path / name


def plain(rows):
    return [TableRow(row.category, row.name, row.value, row.use, row.comment) for row in rows]


def refusal(path):
    with pytest.raises(ParamError) as error:
        resolve(read_table(path))
    return str(error.value)


def test_cells_of_every_kind_become_the_text_of_other_tables(tmp_path):
    path = book(
        tmp_path, HEADER, ("COMMON", "RESOL", 256, "Y", None), ("COMMON", "LR", 0.0002, "y", "학습률"), (),
        ("GOGUNG", " NORM ", "Batch", True, None), ("GOGUNG", "HF_DC_KEEP", False, "N", "꺼둠"),
        ("GOGUNG", "NGF", 32.0, "Y", None),
    )
    rows = read_table(path)
    assert plain(rows) == [
        TableRow("COMMON", "RESOL", "256"), TableRow("COMMON", "LR", "0.0002", True, "학습률"),
        TableRow("GOGUNG", "NORM", "Batch"), TableRow("GOGUNG", "HF_DC_KEEP", "N", False, "꺼둠"),
        TableRow("GOGUNG", "NGF", "32"),
    ]
    assert rows[0].where == "params.xlsx 표 1!C2"
    assert rows[2].where == "params.xlsx 표 1!C5"
    assert resolve(rows, "GOGUNG").params == Params(resol=256, lr=0.0002)


@pytest.mark.parametrize(
    "header",
    [
        ("범주", "파라미터명", "값", "사용여부", "설명"),
        ("카테고리", "파라미터 이름", "파라미터값", "사용 여부", "비고"),
        ("category", "Param name", "param_value ", "Use_YN", "comment"),
    ],
)
@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_headers_in_korean_and_as_people_write_them(tmp_path, header, suffix):
    rows = [header, ("COMMON", "RESOL", "128", "Y", "해상도")]
    if suffix == "xlsx":
        path = book(tmp_path, *rows)
    else:
        path = tmp_path / "표.csv"
        path.write_text("\n".join(map(",".join, rows)), "cp949")
    assert plain(read_table(path)) == [TableRow("COMMON", "RESOL", "128", True, "해상도")]


def test_a_title_other_sheets_and_columns_of_ones_own_do_no_harm(tmp_path):
    path = book(
        tmp_path, ("담당", "사용여부", "파라미터명", "값", "범주"), ("김", "Y", "RESOL", 64, "COMMON"),
        before=[("궁궐 사진 설정",), ()],
    )
    workbook = openpyxl.load_workbook(path)
    workbook.create_sheet("안내", 0).append(["읽어 보세요"])
    workbook.save(path)
    (row,) = read_table(path)
    assert plain([row]) == [TableRow("COMMON", "RESOL", "64")]
    assert row.where.endswith("표 1!D4")


@pytest.mark.parametrize(
    ("row", "cell", "words"),
    [
        (("COMMON", "RESOL", 8, "Y"), "C2", ["RESOL", "'8'", "16 to 4096"]),
        (("COMMON", "RESOLL", 256, "Y"), "B2", ["RESOLL", "did you mean RESOL?"]),
        (("COMMON", "RESOL", None, "Y"), "C2", ["PARAM_VALUE is empty"]),
        ((None, "RESOL", 256, "Y"), "A2", ["CATEGORY is empty"]),
        (("COMMON", "RESOL", 256, "yes"), "D2", ["USE_YN", "'yes'"]),
        (("COMMON", "RESOL", "=128*2", "Y"), "C2", ["formula without a result"]),
        (("COMMON", "RESOL", date(2024, 1, 2), "Y"), "C2", ["date"]),
        (("COMMON", "RESOL", "#REF!", "Y"), "C2", ["#REF!"]),
    ],
)
def test_mistakes_name_the_cell(tmp_path, row, cell, words):
    message = refusal(book(tmp_path, HEADER, row))
    assert all(word in message for word in (f"params.xlsx 표 1!{cell}", *words)), message


def test_all_mistakes_are_told_at_once(tmp_path):
    message = refusal(book(tmp_path, HEADER, ("COMMON", "NGF", None, "Y"), ("COMMON", "NDF", 4, None)))
    assert "!C2" in message
    assert "!D3" in message


def test_a_calculated_formula_counts_as_its_result(tmp_path):
    path = book(tmp_path, HEADER, ("COMMON", "RESOL", "=128*2", "Y"))
    edited = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(edited, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):  # as a spreadsheet saves it
                assert b"<f>128*2</f><v />" in data or b"<f>128*2</f><v/>" in data
                data = data.replace(b"<v />", b"<v>256</v>").replace(b"<v/>", b"<v>256</v>")
            new.writestr(name, data)
    path.write_bytes(edited.getvalue())
    assert read_table(path)[0].value == "256"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], ["empty", "CATEGORY"]),
        ([("CATEGORY", "PARAM_NAM", "PARAM_VALUE", "USE_YN")], ["!A1", "PARAM_NAME", "did you mean PARAM_NAM?"]),
    ],
)
def test_no_table_in_the_workbook(tmp_path, rows, words):
    message = refusal(book(tmp_path, *rows))
    assert all(word in message for word in words), message


def test_not_a_workbook(tmp_path):
    path = tmp_path / "params.xlsx"
    path.write_bytes(b"PK\3\4 cut off")
    assert "not a workbook" in refusal(path)
    assert "cannot be read" in refusal(tmp_path / "missing.xlsx")
    assert "save it as .xlsx" in refusal(tmp_path / "old.xls")


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_complete_table_survives(tmp_path, preset):
    rows = complete_rows(preset)
    write_table(tmp_path / "t.xlsx", rows)
    assert plain(read_table(tmp_path / "t.xlsx")) == rows


def test_a_written_workbook_explains_itself(tmp_path):
    rows = complete_rows()
    write_table(tmp_path / "t.xlsx", rows)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    assert sheet.freeze_panes == "A2"
    line = {cell.value: cell.row for cell in sheet["B"]}

    def rule(name):
        cell = f"C{line[name]}"
        (found,) = [rule for rule in sheet.data_validations.dataValidation if cell in rule.sqref]
        return found

    assert rule("NORM").formula1 == '"batch,instance,channel,none"'
    assert rule("HF_DC_KEEP").formula1 == '"Y,N"'
    assert [getattr(rule("RESOL"), name) for name in ("type", "operator", "formula1", "formula2")] == [
        "whole", "between", "16", "4096",
    ]
    assert [getattr(rule("FLIP"), name) for name in ("type", "formula1", "formula2")] == ["decimal", "0", "1"]
    assert rule("LR").formula1 == "AND(ISNUMBER({0}),{0}>0,{0}<=1)".format(f"C{line['LR']}")
    for found in (rule(row.name) for row in rows if row.name != "FIX_ILLUMINANT"):
        assert found.showErrorMessage
        assert len(found.formula1) <= 255
        assert len(found.prompt) <= 255
        assert len(found.promptTitle) <= 32
        assert len(found.error) <= 224
    assert any('"Y,N"' in found.formula1 and "D2" in found.sqref for found in sheet.data_validations.dataValidation)
    for row in rows:
        note = sheet.cell(line[row.name], 2).comment.text
        assert all(word in note for word in ("Range: ", "Default: ", "Level: "))
        assert Params.model_fields[row.name.lower()].description in note
    assert "Unit: px" in sheet.cell(line["RESOL"], 2).comment.text
    # Numbers are numbers, so that the range is checked and formulas may use them.
    assert isinstance(sheet.cell(line["RESOL"], 3).value, int)
    assert isinstance(sheet.cell(line["LR"], 3).value, float)


letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
cell = st.text(letters, min_size=1, max_size=12).map(str.strip).filter(bool)
number = st.one_of(st.integers().map(str), st.floats().map(repr), st.decimals(places=2).map(str))
name = st.one_of(cell, st.sampled_from(["RESOL", "lr", "NORM", "PATCH_SIZE", "FIX_ILLUMINANT", "HF_DC_KEEP"]))
odd = st.sampled_from(["=1+1", "#REF!", "007", "1e-05", "1.50", "TRUE", "1.0", "-0", "0.1", "1_0", "256.000", "١٢"])


@settings(max_examples=25)
@given(st.lists(st.builds(TableRow, cell, name, st.one_of(cell, number, odd), st.booleans(), cell), max_size=12))
def test_written_rows_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("book") / "t.xlsx"
    write_table(path, rows)
    assert plain(read_table(path)) == [as_read(row) for row in rows]


@pytest.mark.parametrize("bad", ["a\x01b", "x" * 40000, "a\ufffe"])
def test_what_a_workbook_cannot_hold_is_refused_and_the_old_one_stays(tmp_path, bad):
    path = book(tmp_path, HEADER)
    before = path.read_bytes()
    with pytest.raises(ParamError, match=r"params\.csv row 7"):
        write_table(path, [TableRow("COMMON", "RESOL", "1", True, bad, "params.csv row 7")])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.delitem(sys.modules, "dancheong.params.sources.xlsx", raising=False)
    monkeypatch.delattr(sources, "xlsx", raising=False)
    with pytest.raises(ExtraMissing, match=r"openpyxl.*dancheong\[tables\]"):
        write_table(tmp_path / "t.xlsx", complete_rows())
