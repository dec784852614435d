"""The findings follow the numbers: a winner is named only where there is one, and what speaks against an arm is said."""

import numpy as np
import pytest

from dancheong.experiment.arms import ARMS
from dancheong.experiment.findings import Findings
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result
from dancheong.experiment.report import verdict_table
from dancheong.experiment.table_4 import table_4

pytest.importorskip("scipy")
BY_NAME = {arm.name: arm for arm in ARMS}
SEEDS, PHOTOS = 5, 12


def cell(rng, inside=0.0, outside=0.0, clean=0.0):
    shift = {"inside": inside, "outside": outside, "clean": clean}
    return {name: 10 + shift.get(name, 0) + rng.normal(0, 0.01, (SEEDS, PHOTOS)) for name in METRICS}


def findings(seeds=SEEDS, **arms):
    rng = np.random.default_rng(4)
    scores = {("A" if name == "A" else name, 0 if name == "A" else 50): cell(rng, *shift) for name, shift in arms.items()}
    scores = {key: {name: values[:seeds] for name, values in of.items()} for key, of in scores.items()}
    gray = {name: [11.0] * PHOTOS for name in METRICS}
    return Findings([BY_NAME[name] for name in arms], list(range(1, seeds + 1)), 50, scores, gray)


def result(**final):
    return Result("key", "version", 1.0, 8, 4, {}, {}, final)


def rows(change):
    return table_4([result(d_real=0.5, g=g * (1 + change)) for g in (4.0, 4.1)], [result(d_real=0.5, g=g) for g in (4.0, 4.1)])


def verdicts(found):
    return {row[0]: row[3] for row in verdict_table(found).rows}


def test_a_clear_and_harmless_arm_wins():
    found = findings(A=(-1,), B=(), D=(-0.3,), F=(-0.6,))
    assert found.winner is BY_NAME["F"]
    assert verdicts(found) == {"A": "reference", "F": "wins", "D": "better", "B": "untreated"}
    table = verdict_table(found)
    assert [table.rows[index][0] for index in table.strong_rows] == ["F"]
    assert table.rows[1][1:3] == [pytest.approx(9.4, abs=0.02), "−6.0%"]


def test_an_arm_as_good_as_the_winner_is_not_told_apart_from_it():
    found = findings(B=(), D=(-0.6,), F=(-0.6,))
    other = next(arm.name for arm in found.ranked if arm is not found.winner)
    assert verdicts(found)[other] == "better; not told apart from the winner"


def test_an_arm_that_harms_elsewhere_does_not_win():
    found = findings(B=(), D=(-0.3,), F=(-0.6, 0.5))
    assert found.winner is BY_NAME["D"]
    assert verdicts(found)["F"] == "better inside; elsewhere not shown to lose less than 0.1"


def test_without_a_difference_nobody_wins():
    found = findings(B=(), D=(), F=(0.4,))
    assert found.winner is None
    assert verdicts(found) == {"B": "untreated", "D": "not told apart from untreated", "F": "worse than untreated"}


def test_a_reference_and_a_control_never_win_and_the_reference_is_not_tested():
    found = findings(A=(-2,), B=(), D=(), N=(-1,), P=(-1,))
    assert found.winner is None
    assert np.isnan(found.to_untreated["A"]["inside"].p_holm)
    assert found.to_untreated["N"]["inside"].clear
    assert verdicts(found)["N"] == "control: better"
    alone = findings(A=(-1,), B=())
    assert alone.best is None
    assert alone.to_best == {}


def test_one_seed_settles_nothing():
    found = findings(1, B=(), F=(-0.6,))
    assert found.winner is None
    assert verdicts(found)["F"] == "not told apart from untreated"


def test_arms_are_compared_with_their_controls_and_at_every_dose():
    found = findings(B=(), E=(-0.5,), P=(-0.7,))
    assert list(found.to_controls) == [("E", "P")]
    assert found.to_controls["E", "P"].over_seeds.mean == pytest.approx(0.2, abs=0.02)
    level, less_untreated = found.by_dose[50]["E"]
    assert level == found.levels["E"]["inside"]
    assert less_untreated.over_seeds == found.to_untreated["E"]["inside"].over_seeds


def test_the_direction_of_a_loss_is_set_beside_the_papers():
    assert {row.name: row.direction for row in rows(-0.25)} == {"d_real": "neither way", "g": "the same"}
    assert {row.name: row.direction for row in rows(0.25)}["g"] == "the opposite"
