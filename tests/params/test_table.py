"""The parameter table: order of force, and that every mistake is named with its row and the nearest valid name."""

from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancheong.glare.homomorphic import homomorphic
from dancheong.params import ParamError, Params, TableRow, complete_rows, parse_settings, resolve
from dancheong.params.schema import BASIC, EXPERT, MEANT, REMOVED, ROWS, format_value
from dancheong.params.table import Resolved, removed_notes, unused_notes


def row(name, value, category="COMMON", use=True, where="table row 2"):
    return TableRow(category, name, value, use, "", where)


def test_force_setting_over_category_over_common_over_default():
    rows = [row("RESOL", "128"), row("RESOL", "64", "GOGUNG"), row("NGF", "16")]
    assert resolve(rows).params.resol == 128
    assert resolve(rows, "GOGUNG").params.resol == 64
    assert resolve(rows, "gogung", {"RESOL": "32"}).params.resol == 32
    resolved = resolve(rows, "GOGUNG", {"KSIZE": "5"})
    assert resolved.params.ngf == 16
    assert resolved.params.lr == Params().lr
    assert resolved.origins["ksize"] == "--set"
    assert "table row 2" in resolved.origins["ngf"]
    assert resolved.origins["lr"] == "default"


def test_unused_rows_count_for_nothing():
    assert resolve([row("RESOL", "128", use=False)]).params == Params()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (row("RESOLL", "128"), ["table row 2", "RESOLL", "did you mean RESOL?"]),
        (row("RESOL", "8"), ["table row 2", "RESOL", "'8'", "16 to 4096"]),
        (row("RESOL", "wide"), ["table row 2", "'wide'", "whole number"]),
        (row("LR", "nan"), ["LR"]),
        (row("LR", "inf"), ["LR"]),
        (row("NORM", "bach"), ["batch, instance, channel, none"]),
        (row("FIX_ILLUMINANT", "1 1"), ["three numbers"]),
        (row("FLIP", "1.5", "OTHER"), ["FLIP", "0 to 1"]),
    ],
)
def test_a_bad_row_is_named(bad, words):
    with pytest.raises(ParamError) as error:
        resolve([bad])
    assert all(word in str(error.value) for word in words), error.value


def test_all_problems_are_listed_at_once():
    rows = [row("A", "1", where="t row 2"), row("NGF", "0", where="t row 3"), row("NGF", "4", where="t row 4")]
    with pytest.raises(ParamError) as error:
        resolve(rows)
    assert [f"t row {number}" in str(error.value) for number in (2, 3, 4)] == [True] * 3


def test_doubled_rows_stop():
    with pytest.raises(ParamError, match="twice"):
        resolve([row("NGF", "8"), row("ngf", "16", where="table row 3")])


@pytest.mark.parametrize("category", [None, "OTHER"])
def test_doubled_rows_stop_in_a_category_that_is_not_used_too(category):
    rows = [row("NGF", "8", "GOGUNG"), row("NGF", "8", "gogung", where="table row 3"), row("NGF", "8", "OTHER")]
    with pytest.raises(ParamError, match=r"table row 3: NGF stands twice in gogung \(first in table row 2\)"):
        resolve(rows, category)
    assert resolve([rows[0], row("NGF", "16", "GOGUNG", use=False)], "GOGUNG").params.ngf == 8


def test_a_category_of_unused_rows_does_not_exist():
    with pytest.raises(ParamError, match="USE_YN = N"):
        resolve([row("NGF", "8", "GOGUNG", use=False), row("NGF", "4")], "gogung")


def test_a_category_must_exist_in_a_table_but_is_only_a_name_without_one():
    with pytest.raises(ParamError, match=r"did you mean GOGUNG\?"):
        resolve([row("NGF", "8", "GOGUNG")], "GOGONG")
    assert resolve(None, "GOGUNG").category == "GOGUNG"


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_complete_table_gives_the_preset_back(preset):
    rows = complete_rows(preset)
    assert {row.name.lower() for row in rows} == set(Params.model_fields)
    assert resolve(rows).params == resolve(preset=preset).params
    assert all(row.comment for row in rows)


def test_the_paper_preset_is_the_papers():
    paper = resolve(preset="paper").params
    assert (paper.color_space, paper.upsample, paper.norm, paper.batch_size) == ("RGB", "transposed", "batch", 1)
    assert (paper.dropout, paper.lambda_l1, paper.lambda_gan, paper.ngf, paper.levels) == (0.5, 100, 1, 64, 8)
    assert (paper.lr, paper.beta1, paper.jitter, paper.epochs) == (2e-4, 0.5, 30, 200)


def test_the_papers_filter_takes_each_channel_for_itself():
    """A color cast of the light goes with it, which one gain for all channels would keep."""
    paper = resolve(preset="paper").params
    falling = np.linspace(60, 200, 48)
    planes = [np.tile(falling, (32, 1)), np.tile(falling[::-1], (32, 1)), np.full((32, 48), 120)]
    picture = np.stack(planes, -1).astype(np.uint8)
    filtered = homomorphic(picture, paper)
    one_by_one = [homomorphic(np.ascontiguousarray(picture[..., channel]), paper) for channel in range(3)]
    np.testing.assert_array_equal(filtered, np.stack(one_by_one, -1))
    assert filtered[..., :2].min() == 0
    assert filtered[..., :2].max() == 255


def test_unknown_preset():
    with pytest.raises(ParamError, match="default, scratch, paper"):
        resolve(preset="papre")


@pytest.mark.parametrize(("setting", "value"), [("RESOL=64", "64"), (" LR = 1e-3 ", "1e-3"), ("X=", ""), ("A=b=c", "b=c")])
def test_settings(setting, value):
    assert list(parse_settings([setting]).values()) == [value]


@pytest.mark.parametrize("setting", ["RESOL", "=5", ""])
def test_a_setting_without_name_or_value(setting):
    with pytest.raises(ParamError, match="NAME=VALUE"):
        parse_settings([setting])


def test_a_setting_given_twice():
    with pytest.raises(ParamError, match="RESOL is set twice"):
        parse_settings(["RESOL=64", "resol = 32"])


@given(st.one_of(st.booleans(), st.integers(-10**9, 10**9), st.floats(1e-12, 1e12)))
def test_a_shown_value_reads_back(value):
    field = "hf_dc_keep" if isinstance(value, bool) else None
    text = format_value(value)
    if field:
        assert Params(**{field: text}).hf_dc_keep is value
    else:
        assert type(value)(text) == value


def test_levels_follow_from_resol_where_depth_is_zero():
    assert [Params(depth=0, resol=size).levels for size in (16, 64, 255, 256, 300, 1024)] == [4, 6, 7, 8, 8, 10]


def test_parameters_cannot_be_changed():
    with pytest.raises(ParamError, match="frozen"):
        Params().resol = 64
    with pytest.raises(ParamError, match="VIVID is set twice"):
        resolve(settings={"VIVID": 0, "vivid": 1})


def test_levels_name_rows_once_and_at_most_twenty_are_basic():
    assert len(BASIC) <= 20
    assert not set(BASIC) & set(EXPERT)
    assert set(BASIC) | set(EXPERT) <= set(ROWS) == set(Params.model_fields)
    assert len({*BASIC, *EXPERT}) == len(BASIC) + len(EXPERT)
    assert not set(REMOVED) & set(ROWS)


@pytest.mark.parametrize("name", REMOVED)
def test_a_removed_row_counts_for_nothing_and_is_told(name):
    old = row(name.upper(), "any")
    assert resolve([old, row("NGF", "8")]).params == Params(ngf=8)
    (note,) = removed_notes([old, row(name, "1", use=False)])
    assert note.startswith(f"table row 2: {name.upper()} is no parameter any more")
    assert REMOVED[name] in note
    with pytest.raises(ParamError, match=f"--set: {name.upper()} is no parameter any more"):
        resolve(settings={name: "1"})


def test_rows_of_a_category_that_is_not_used_are_told_with_what_would_use_them():
    paper = [row("RESOL", "1024", "GOGUNG"), row("KSIZE", "4")]
    (note,) = unused_notes(paper)
    assert "rows of GOGUNG (1) count for nothing" in note
    assert "--category GOGUNG" in note
    assert unused_notes(paper, "gogung") == []
    assert unused_notes([row("KSIZE", "4", "all")]) == []
    assert Resolved(Params(), normalize("NFD", "궁"), {}).category == normalize("NFC", "궁")


@pytest.mark.parametrize(("name", "meant"), [("LEARNING_RATE", "LR"), ("n_epochs", "EPOCHS"), ("load size", "RESOL")])
def test_a_name_of_another_program_is_understood_by_meaning(name, meant):
    with pytest.raises(ParamError, match=rf"did you mean {meant}\?"):
        resolve([row(name, "1")])
    assert set(MEANT.values()) <= ROWS.keys()


def test_choices_from_a_column_of_real_numbers():
    rows = [row("PATCH_SIZE", "16.0"), row("SR_SCALE", "2.0"), row("PREDICT_DROPOUT", "1.0"), row("RESOL", "64.0")]
    params = resolve(rows).params
    assert (params.patch_size, params.sr_scale, params.predict_dropout, params.resol) == ("16", "2", True, 64)


def test_python_takes_the_names_of_the_table():
    assert Params(RESOL=64, Vivid=1.2) == Params(resol=64, vivid=1.2)
    with pytest.raises(ParamError, match=r"(?s)RESOL = 'abc'.*whole number.*RESOLL \(did you mean RESOL\?\)"):
        Params(RESOL="abc", RESOLL=64)
