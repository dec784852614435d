"""CSV tables: what a spreadsheet writes is read, what is written reads back, mistakes name the row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancheong.params import ParamError, Params, TableRow, read_table, write_table
from table_rows import as_read

HEADER = "CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN,COMMENTS\n"


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "파라미터 표.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_reads_what_spreadsheets_write(tmp_path, encoding):
    path = table(tmp_path, HEADER + "COMMON,RESOL,128,Y,해상도\r\n\r\nGOGUNG,NGF,16,n,\r\n", encoding)
    rows = read_table(path)
    assert [(row.category, row.name, row.value, row.use) for row in rows] == [
        ("COMMON", "RESOL", "128", True), ("GOGUNG", "NGF", "16", False),
    ]
    assert rows[0].comment == "해상도"
    assert rows[1].where.endswith("row 4")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("CATEGORY,PARAM_NAM,PARAM_VALUE,USE_YN\n", ["row 1", "PARAM_NAME", "PARAM_NAM"]),
        ("CATEGORY:PARAM_NAME:PARAM_VALUE:USE_YN\n", ["row 1", "is one column", "sep=:"]),
        (HEADER + "COMMON,RESOL,,Y,\n", ["row 2", "PARAM_VALUE is empty"]),
        (HEADER + "COMMON,RESOL\n", ["row 2", "USE_YN"]),
        (HEADER + "COMMON,RESOL,128,yes,\n", ["row 2", "USE_YN", "'yes'"]),
        (HEADER + 'COMMON,RESOL,"128,Y,\n', ["not valid CSV"]),
    ],
)
def test_mistakes_name_the_row(tmp_path, text, words):
    with pytest.raises(ParamError) as error:
        read_table(table(tmp_path, text))
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(("name", "encoding", "sign"), [
    ("t.txt", "utf-16", "\t"), ("t.csv", "utf-8", "|"), ("t.tsv", "cp949", "\t"),
])
def test_what_else_programs_write_is_read_and_written(tmp_path, name, encoding, sign):
    rows = [["CATEGORY", "PARAM_NAME", "PARAM_VALUE", "USE_YN"], ["궁", "LR", "0,0005", "Y"], ["궁", "RESOL", "64,0", "Y"]]
    (tmp_path / name).write_text("\n".join(map(sign.join, rows)), encoding)
    params = Params.load(tmp_path / name, category="궁")
    assert (params.lr, params.resol) == (0.0005, 64)
    write_table(tmp_path / name, read_table(tmp_path / name))
    assert Params.load(tmp_path / name, category="궁") == params


@pytest.mark.parametrize(("value", "words"), [
    ("0,5", "if the value is 0.5, write it with a point"), ("1;000", "expected"), ('"1,000"', "nothing between thousands"),
])
def test_a_comma_that_may_mean_two_things_is_told(tmp_path, value, words):
    table(tmp_path, f"CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\nCOMMON,FLIP,{value},Y\n")
    with pytest.raises(ParamError, match=words):
        Params.load(tmp_path / "파라미터 표.csv")


def test_neither_a_table_nor_there(tmp_path):
    with pytest.raises(ParamError, match=r"cannot be read"):
        read_table(tmp_path / "missing.csv")
    with pytest.raises(ParamError, match=r"\.csv"):
        read_table(tmp_path / "table.doc")
    with pytest.raises(ParamError, match="UTF-8"):
        read_table(table(tmp_path, "\xff\x81\xfd", "latin-1"))


cell = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)


@given(st.lists(st.builds(TableRow, cell, cell, cell, st.booleans(), cell)))
def test_written_rows_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    write_table(path, rows)
    read = [TableRow(row.category, row.name, row.value, row.use, row.comment) for row in read_table(path)]
    assert read == [as_read(row) for row in rows]


def test_load_is_the_short_way(tmp_path):
    path = table(tmp_path, HEADER + "COMMON,RESOL,128,Y,\nGOGUNG,NGF,16,Y,\n")
    assert Params.load(path, category="GOGUNG", KSIZE=5) == Params(resol=128, ngf=16, ksize=5)


def test_load_warns_of_rows_that_count_for_nothing(tmp_path):
    path = table(tmp_path, HEADER + "COMMON,SR_LR,.1,Y,\n")
    with pytest.warns(UserWarning, match="row 2: SR_LR is no parameter any more"):
        assert Params.load(path) == Params()
    path = table(tmp_path, HEADER + "GOGUNG,RESOL,1024,Y,\n")
    with pytest.warns(UserWarning, match=r"rows of GOGUNG \(1\) count for nothing"):
        assert Params.load(path) == Params()


@pytest.mark.parametrize(("first", "separator"), [
    ("", ";"), ("", "\t"), ("sep=;\n", ";"), ('"sep=;"\r\n', ";"), ("sep=,\n", ","), ("SEP=\t\n", "\t"), ("sep=|\n", "|"),
])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949"])
def test_any_separator_of_a_spreadsheet_is_read(tmp_path, first, separator, encoding):
    lines = ["CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN,COMMENTS", "COMMON,RESOL,64,Y,해상도", "COMMON,VIVID,1.5,N,"]
    path = table(tmp_path, first + "\n".join(lines).replace(",", separator), encoding)
    rows = read_table(path)
    assert [(one.name, one.value, one.use, one.comment) for one in rows] == [
        ("RESOL", "64", True, "해상도"), ("VIVID", "1.5", False, ""),
    ]
    assert rows[1].where.endswith("row 4" if first else "row 3")


def test_all_and_common_in_korean_are_common_and_a_decomposed_category_is_the_composed_one(tmp_path):
    import unicodedata

    names = ["ALL", "all", "공통", unicodedata.normalize("NFD", "공통"), unicodedata.normalize("NFD", "사찰")]
    rows = read_table(table(tmp_path, HEADER + "".join(f"{name},{row},16,Y,\n" for name, row in zip(
        names, ["RESOL", "NGF", "NDF", "EPOCHS", "NGF"], strict=True))))
    assert [one.category for one in rows] == ["COMMON"] * 4 + ["사찰"]
    assert Params.load(tmp_path / "파라미터 표.csv", unicodedata.normalize("NFD", "사찰")).ngf == 16
