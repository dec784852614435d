"""Any text in a table: one line, valid UTF-8, no formula, and the same text when it is read again."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancheong.system.csv_text import csv_line, from_cell, to_cell

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", '=cmd|" /C calc"!A0',
]
ANY_TEXT = st.text(
    st.characters(exclude_categories=()) | st.sampled_from("=+-@%;,\"'\n\r\t\u2028\u2029\x85\x0b\x0c\x1c\udcff\\ ")
)


@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_a_row_is_one_line_of_utf8_from_which_the_texts_come_back(texts):
    line = csv_line(texts)
    text = line.decode("utf-8")
    assert text.splitlines() == [text[:-1]]
    (cells,) = csv.reader([text], strict=True)
    for cell, given_text in zip(cells, texts, strict=True):
        assert cell.lstrip()[:1] not in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
        if not any("\ud800" <= letter < "\udc80" or "\udcff" < letter <= "\udfff" for letter in given_text):
            assert from_cell(cell).encode("utf-8", "surrogateescape") == given_text.encode("utf-8", "surrogateescape")


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_are_two_cells(one, other):
    assert (to_cell(one) == to_cell(other)) == (one == other)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text):
    assert to_cell(text).lstrip(" ")[0] == "%"
    assert from_cell(to_cell(text)) == text


@pytest.mark.parametrize(
    "text", ["a b.jpg", "근정전 (1).tif", "100 % sure.png", "C:\\scans\\a.tif", "it's, \"so\"; here.png", "a-b=c.png"]
)
def test_ordinary_names_stay_as_they_are(text):
    assert to_cell(text) == text


def test_a_table_that_is_split_at_semicolons_runs_nothing_either():
    (cells,) = csv.reader([csv_line(["a;=1+1;b", "c"]).decode()], delimiter=";")
    assert not any(cell.startswith("=") for cell in cells)
