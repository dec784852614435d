"""Intervals and corrections against an independent library, and against what they promise."""

import math

import numpy as np
import pytest

from dancheong.experiment.findings import Interval, crossed_interval, difference, holm, t_interval
from dancheong.experiment.report import p_text

stats = pytest.importorskip("scipy.stats")


def test_students_interval_and_p_are_those_of_scipy():
    values = np.random.default_rng(1).normal(0.4, 1, 7)
    ours = t_interval(values)
    low, high = stats.t.interval(0.95, 6, values.mean(), stats.sem(values))
    assert (ours.mean, ours.low, ours.high) == pytest.approx((values.mean(), low, high))
    assert ours.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_too_few_values_have_a_mean_and_no_interval():
    one, none = t_interval(np.array([2.0])), t_interval(np.array([]))
    assert one.record()["mean"] == 2.0
    assert not one.known
    assert all(map(math.isnan, none.record().values()))
    assert not crossed_interval(np.ones((1, 5))).known
    assert t_interval(np.array([2.0, 2.0])) == Interval(2.0, 2.0, 2.0, 0.0)


def test_the_interval_for_other_photographs_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered, narrower = 0, 0
    for _ in range(400):
        values = rng.normal(0, 0.3, (6, 1)) + rng.normal(0, 1, (1, 30)) + rng.normal(0, 0.5, (6, 30)) + 0.7
        interval = crossed_interval(values)
        covered += interval.low < 0.7 < interval.high
        narrower += interval.half < t_interval(values.mean(axis=1)).half - 1e-12
    assert covered / 400 > 0.93
    assert narrower == 0


def test_few_seeds_never_make_it_explode():
    rng = np.random.default_rng(0)
    for _ in range(300):
        values = rng.normal(0, 1, (2, 12))
        widest = max(t_interval(values.mean(axis=1)).half, t_interval(values.mean(axis=0)).half)
        assert crossed_interval(values).half <= 20 * max(widest, 0.05)


def test_holms_p_are_those_of_the_definition():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan, "e": 0.9})
    assert math.isnan(adjusted.pop("d"))
    # Sorted: .01 * 4, .03 * 3, max(.04 * 2, the one before), .9.
    assert adjusted == pytest.approx({"a": 0.04, "c": 0.09, "b": 0.09, "e": 0.9})


def test_photographs_without_damage_are_left_out_of_differences():
    arm, untreated = np.array([[1.0, math.nan, 3.0], [2.0, math.nan, 3.0]]), np.array([[0.5, math.nan, 3.0]] * 2)
    found = difference({"inside": arm}, {"inside": untreated})
    # Two seeds, two photographs: .5 and 0, 1.5 and 0.
    assert found.over_seeds == t_interval(np.array([0.25, 0.75]))
    assert found.over_both == crossed_interval(np.array([[0.5, 0.0], [1.5, 0.0]]))


@pytest.mark.parametrize(("p", "text"), [(math.nan, "–"), (0.0004, "< .001"), (0.0314, ".031"), (1.0, "1")])
def test_p_is_told_as_people_write_it(p, text):
    assert p_text(p) == text
