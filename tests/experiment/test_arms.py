"""Arms differ in their own rows and in nothing else, whatever they start from."""

import pytest

from dancheong.experiment.arms import ARMS, COMMON_ROWS, arm_params, check_base, chosen_arms, own_arm
from dancheong.params import ParamError, Params, TableRow, resolve

BY_NAME = {arm.name: arm for arm in ARMS}


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_an_arm_is_its_own_rows_over_the_base(preset):
    base = resolve(settings={"RESOL": 64}, preset=preset).params
    untreated = arm_params(base, BY_NAME["B"], 3)
    assert (untreated.resol, untreated.glare_mode, untreated.seed) == (64, "off", 3)
    for arm in ARMS:
        ours, theirs = arm_params(base, arm, 3).model_dump(), untreated.model_dump()
        assert {name for name in ours if ours[name] != theirs[name]} <= set(arm.settings)
        assert all(ours[name] == value for name, value in arm.settings.items())
    left = {name for name, value in base.model_dump().items() if value != getattr(untreated, name)}
    assert left <= {*COMMON_ROWS, "seed"}


def test_the_papers_arm_has_the_filter_of_the_papers_preset():
    paper = resolve(preset="paper").params
    ours = arm_params(Params(), BY_NAME["C"], 1)
    for name in ("glare_mode", "glare_stage", "hf_channel", "hf_space", "hf_renorm", "hf_border"):
        assert getattr(ours, name) == getattr(paper, name)


def test_the_untreated_arm_is_always_there_and_names_are_checked():
    assert [arm.name for arm in chosen_arms(["F", "C"])] == ["B", "C", "F"]
    assert [arm.name for arm in chosen_arms([])] == [arm.name for arm in ARMS]
    with pytest.raises(ParamError, match="no arm G"):
        chosen_arms(["G"])
    mine = own_arm("MINE", [TableRow("COMMON", "GLARE_MODE", "region")])
    with pytest.raises(ParamError, match="twice: MINE"):
        chosen_arms(["A"], [mine, mine])


def test_an_own_arm_has_the_rows_of_its_table_only():
    rows = [TableRow("COMMON", *row) for row in (("GLARE_MODE", "region"), ("FIX_GROW", "2"), ("NGF", "9", False))]
    arm = own_arm("MINE", rows)
    assert dict(arm.settings) == {"glare_mode": "region", "fix_grow": 2.0}
    assert arm.is_own
    params = arm_params(Params(ngf=12), arm, 1)
    assert (params.ngf, params.glare_mode, params.fix_grow) == (12, "region", 2.0)


@pytest.mark.parametrize(
    ("name", "rows", "match"),
    [
        ("B", [("NGF", "8")], "has an arm of this name"),
        ("mine/../x", [("NGF", "8")], "Latin letters"),
        ("MINE", [("SEED", "8")], "SEED"),
        ("MINE", [], "no row"),
        ("MINE", [("GLARE_MOOD", "off")], "GLARE_MODE"),
    ],
)
def test_an_own_arm_that_cannot_be_one_is_refused(name, rows, match):
    with pytest.raises(ParamError, match=match):
        own_arm(name, [TableRow("COMMON", *row) for row in rows])


def test_rows_that_the_arms_differ_in_are_refused_in_the_base():
    check_base(resolve(preset="paper").origins)
    check_base(resolve(settings={"HF_CUTOFF": 4, "RESOL": 64}).origins)
    with pytest.raises(ParamError, match=r"GLARE_MODE \(--set\), SEED \(--set\)"):
        check_base(resolve(settings={"GLARE_MODE": "off", "SEED": 5}).origins)
