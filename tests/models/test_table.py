"""The rules of a table: what a stranger's file may not ask for."""

import json
from fractions import Fraction
from itertools import pairwise

import pytest

from dancheong.models.table import INPUT, Row, Table, compact_table, unet_table
from dancheong.params import Params

SOUND = unet_table(Params(resol=32, ngf=4, depth=3), 1, 2)


def with_row(name: str, changes: dict[str, object]) -> str:
    """The sound table as JSON, with changes in one row."""
    description = SOUND.to_json()
    description["rows"] = [{**row, **changes} if row["name"] == name else row for row in description["rows"]]
    return json.dumps(description)


@pytest.mark.parametrize(
    ("row", "changes", "word"),
    [
        ("enc1", {"name": "Enc 1"}, "name = Enc 1: .*pattern"),
        ("enc1", {"name": INPUT}, "row input has the name of a row above it"),
        ("enc2", {"name": "enc1"}, "name of a row above"),
        ("enc2", {"kind": "loop"}, "kind = loop: .*'conv', 'transposed'"),
        ("enc2", {"kind": []}, r"kind = \[\]: "),
        ("enc2", {"norm": "group"}, "norm = group: "),
        ("enc2", {"before": "tanh"}, "before = tanh: "),
        ("enc2", {"after": "gelu"}, "after = gelu: "),
        ("enc2", {"c_out": 0}, "c_out = 0: "),
        ("enc2", {"c_out": True}, "c_out = True: "),
        ("enc2", {"c_out": 1 << 40}, "c_out"),
        ("enc2", {"c_out": "8"}, "c_out = 8: .*integer"),
        ("enc2", {"ksize": 64}, "ksize = 64: "),
        ("enc2", {"ksize": 4.0}, r"ksize = 4\.0: "),
        ("enc2", {"stride": 1}, "kernel 4 and stride 1 is not known"),
        ("enc2", {"stride": 3}, "stride 3 is not known"),
        ("dec2", {"ksize": 4}, "resize .* kernel 4"),
        ("enc2", {"groups": 3}, "in 3 groups"),
        ("enc2", {"bias": 1}, "bias = 1: "),
        ("enc2", {"dropout": 1.0}, r"dropout = 1\.0: "),
        ("enc2", {"dropout": float("nan")}, "dropout = "),
        ("enc2", {"inputs": ()}, "inputs"),
        ("enc2", {"inputs": (["enc1"],)}, "inputs"),
        ("enc2", {"inputs": ("dec1",)}, "'dec1', which is no row above it"),
        ("dec2", {"c_in": 99}, "row dec2 takes 99 channels, but 16 reach it"),
        ("dec2", {"inputs": ("enc1", "dec3"), "c_in": 12}, "different sizes"),
        ("dec1", {"kind": "shuffle"}, "a shuffle has neither kernel"),
        ("dec1", {"kind": "nearest", "c_in": 8}, "a nearest has neither kernel"),
    ],
)
def test_a_row_that_does_not_fit_is_named(row: str, changes: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Table.from_json(with_row(row, changes))


def test_a_result_that_no_row_takes_is_named() -> None:
    aside = Row(name="aside", kind="conv", inputs=("input",), c_in=1, c_out=1)
    with pytest.raises(ValueError, match="no row takes what aside gives"):
        Table(1, (aside, *SOUND.rows))


@pytest.mark.parametrize("c_in", [0, "1", True, 1 << 20])
def test_channels_of_the_input_are_checked(c_in: object) -> None:
    with pytest.raises(ValueError, match=f"c_in = {c_in}: "):
        Table.from_json(json.dumps({**SOUND.to_json(), "c_in": c_in}))


@pytest.mark.parametrize(
    "description",
    [None, [], {}, {"c_in": 1}, {"c_in": 1, "rows": {}}, {"c_in": 1, "rows": [], "more": 1}, {"c_in": 1, "rows": []},
     {"c_in": 1, "rows": [{"name": "enc1"}]}, {"c_in": 1, "rows": [["enc1"]]}, {"c_in": 1, "rows": [None]}],
)
def test_what_is_no_table_is_refused(description: object) -> None:
    with pytest.raises(ValueError, match=r"rows|c_in|the table|more"):
        Table.from_json(json.dumps(description))


def test_unknown_fields_are_refused() -> None:
    description = SOUND.to_json()
    description["rows"][2]["graph"] = "x"
    with pytest.raises(ValueError, match="rows 2 graph = x: "):
        Table.from_json(json.dumps(description))


def enlarging(times: int, stride: int = 2) -> Table:
    names = ["input", *(f"n{k}" for k in range(times))]
    return Table(1, tuple(
        Row(name=name, kind="nearest", inputs=(above,), c_in=1, c_out=1, stride=stride)
        for above, name in pairwise(names)
    ))


def joining(times: int) -> Table:
    names = ["input", *(f"n{k}" for k in range(times))]
    return Table(1, tuple(
        Row(name=name, kind="conv", inputs=(above, above), c_in=2 ** (k + 1), c_out=2 ** (k + 1), groups=2 ** (k + 1))
        for k, (above, name) in enumerate(pairwise(names))
    ))


def side_by_side(times: int) -> Table:
    rows = [Row(name=f"n{k}", kind="conv", inputs=("input",), c_in=1, c_out=64) for k in range(times)]
    names = tuple(row.name for row in rows)
    return Table(1, (*rows, Row(name="all", kind="sum", inputs=names, c_in=64, c_out=64)))


def test_memory_and_work_are_bounded() -> None:
    assert enlarging(3).output_scale == 8
    with pytest.raises(ValueError, match="16 times the input"):
        enlarging(4)
    joining(10)
    with pytest.raises(ValueError, match="numbers are kept"):
        joining(12)
    side_by_side(100)
    with pytest.raises(ValueError, match="numbers are kept"):
        side_by_side(200)
    halving = tuple(
        Row(name=f"n{k}", kind="conv", inputs=(f"n{k - 1}" if k else INPUT,), c_in=1, c_out=1, ksize=3, stride=2)
        for k in range(13)
    )
    assert Table(1, halving[:12]).multiple_px == 4096
    with pytest.raises(ValueError, match="1/8192 times"):
        Table(1, halving)
    with pytest.raises(ValueError, match="products"):
        compact_table(3, 1000, 100, 4)
    with pytest.raises(ValueError, match="at most 1024"):
        Table(1, SOUND.rows[:1] * 1025)


@pytest.mark.parametrize("settings", [{}, {"upsample": "transposed"}])
def test_the_largest_networks_that_parameters_allow_are_within_the_bounds(settings: dict[str, object]) -> None:
    table = unet_table(Params(resol=4096, ngf=256, depth=12, ksize=8, **settings), 3, 3)
    assert table.multiple_px == 4096
    assert compact_table(3, 256, 64, 4).output_scale == 4


def test_sizes_and_reach_follow_from_the_rows() -> None:
    assert SOUND.multiple_px == 8
    assert SOUND.scales["enc3"] == Fraction(1, 8)
    assert (SOUND.output_scale, SOUND.c_out) == (1, 2)
    compact = compact_table(3, 8, 4, 2)
    assert (compact.multiple_px, compact.output_scale, compact.c_out, compact.radius_px) == (1, 2, 3, 6)


def test_each_result_is_given_back_once_after_its_last_use() -> None:
    uses = SOUND.last_uses()
    assert uses["enc2"] == []  # dec2 takes enc1, too
    assert uses["dec2"] == ["enc2", "dec3"]
    given_back = [name for names in uses.values() for name in names]
    assert sorted(given_back) == sorted([INPUT, *(row.name for row in SOUND.rows[:-1])])


@pytest.mark.parametrize(
    ("shape", "word"),
    [((1, 1, 8, 9), "multiples of 8, not 8 x 9: pad the input to 8 x 16"), ((1, 3, 8, 8), r"\(batch, 1, height, width\)"),
     ((1, 8, 8), "not"), ((0, 1, 8, 8), "not"), ((1, 1, 0, 8), "not")],
)
def test_an_input_that_does_not_fit_is_refused_in_words(shape: tuple[int, ...], word: str) -> None:
    SOUND.check_input((2, 1, 16, 8))
    with pytest.raises(ValueError, match=word):
        SOUND.check_input(shape)
