"""Weights of photographs: a table of names and whole numbers."""

import unicodedata

import pytest

from dancheong.data.weights import read_weights, times_shown
from dancheong.params import ParamError

NAMES = ["궁/a.png", "궁/b.png", "color/temple/c.png", "d.png"]


def test_what_is_nearest_to_a_photograph_counts():
    weights = {unicodedata.normalize("NFD", "궁"): 3, "궁/B.png": 0, "temple/": 2}
    assert times_shown(NAMES, weights) == [3, 0, 2, 1]


@pytest.mark.parametrize("sign", [",", ";", "\t", " , ", "|"])
def test_any_separator_with_a_header_or_without(tmp_path, sign):
    table = tmp_path / "w.csv"
    table.write_text(f'name{sign}times\n"a,b/c d.png"{sign}"2"\n\n궁{sign}3\n', "utf-8")
    assert read_weights(table) == {"a,b/c d.png": 2, "궁": 3}


@pytest.mark.parametrize("line", ["궁", "궁,-1", "궁,1.5", "궁,many", "궁,1001"])
def test_a_line_that_says_nothing_is_named(tmp_path, line):
    table = tmp_path / "w.csv"
    table.write_text(f"궁,1\n{line}\n", "utf-8")
    with pytest.raises(ParamError, match=r"line 2.*GOGUNG,3"):
        read_weights(table)


@pytest.mark.parametrize("text", ["궁,1.5\n", "궁,-1\n", "궁\n", "\n", "", "궁,three\n"])
def test_a_first_line_that_is_no_header_is_no_header(tmp_path, text):
    table = tmp_path / "w.csv"
    table.write_text(text, "utf-8")
    with pytest.raises(ParamError, match="GOGUNG,3"):
        read_weights(table)


@pytest.mark.parametrize("times", [1.5, "3", -1, True, None])
def test_a_mapping_is_held_to_the_same(times):
    with pytest.raises(ParamError, match=r"궁.*GOGUNG,3"):
        read_weights({"궁": times})


def test_names_of_nothing_and_nothing_left_are_refused(tmp_path):
    with pytest.raises(ParamError, match="gone"):
        times_shown(NAMES, {"궁": 2, "gone": 3})
    assert times_shown(NAMES, {"gone": 3}, ["gone/x.png"]) == [1, 1, 1, 1]
    with pytest.raises(ParamError, match="no photograph is left"):
        times_shown(["궁/a.png"], {"궁": 0})
    with pytest.raises(ParamError, match="No such file"):
        read_weights(tmp_path / "none.csv")
