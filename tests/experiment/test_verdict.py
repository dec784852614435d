"""The verdict follows the numbers: it names a winner only where there is one, and says what speaks against it."""

import numpy as np
import pytest

from dancheong.experiment.arms import ARMS
from dancheong.experiment.findings import find
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result
from dancheong.experiment.table_4 import table_4
from dancheong.experiment.verdict import verdict

pytest.importorskip("scipy")
BY_NAME = {arm.name: arm for arm in ARMS}
SEEDS, PHOTOS = 5, 12
CONTROL = {"filtered": {"own": 0.08, "rgb": 0.09}, "unfiltered": {"own": 0.1, "rgb": 0.1}}


def cell(rng, inside=0.0, outside=0.0, clean=0.0):
    shift = {"inside": inside, "outside": outside, "clean": clean}
    return {name: 10 + shift.get(name, 0) + rng.normal(0, 0.01, (SEEDS, PHOTOS)) for name in METRICS}


def findings(seeds=SEEDS, **arms):
    rng = np.random.default_rng(4)
    scores = {("A" if name == "A" else name, 0 if name == "A" else 50): cell(rng, *shift) for name, shift in arms.items()}
    scores = {key: {name: values[:seeds] for name, values in of.items()} for key, of in scores.items()}
    gray = {name: [11.0] * PHOTOS for name in METRICS}
    return find([BY_NAME[name] for name in arms], list(range(1, seeds + 1)), 50, scores, gray)


def result(**final):
    return Result("key", "version", 1.0, 8, 4, {}, {}, final)


def rows(change):
    return table_4([result(d_real=0.5, g=g * (1 + change)) for g in (4.0, 4.1)], [result(d_real=0.5, g=g) for g in (4.0, 4.1)])


def test_a_clear_and_harmless_arm_wins():
    found = findings(A=(-1,), B=(), D=(-0.3,), F=(-0.6,))
    assert found.winner is BY_NAME["F"]
    text = "\n".join(verdict(found, [], {}))
    assert "Arm F" in text
    assert "wins" in text
    assert "−0.60" in text
    assert "It is clear of every other treatment." in text
    assert "settles nothing" not in text


def test_an_arm_that_harms_elsewhere_does_not_win():
    found = findings(B=(), D=(-0.3,), F=(-0.6, 0.5))
    assert found.winner is BY_NAME["D"]
    assert "F has a lower error inside, but is no candidate" in "\n".join(verdict(found, [], {}))


def test_without_a_difference_nobody_wins():
    found = findings(B=(), D=(), F=(0.4,))
    assert found.winner is None
    text = "\n".join(verdict(found, [], {}))
    assert "No treatment beats doing nothing" in text
    assert "Worse inside the mask than doing nothing: F" in text


def test_a_reference_and_a_control_never_win_and_the_reference_is_not_tested():
    found = findings(A=(-2,), B=(), D=(), N=(-1,), P=(-1,))
    assert found.winner is None
    assert np.isnan(found.to_untreated["A"]["inside"].p_holm)
    assert found.to_untreated["N"]["inside"].clear
    assert verdict(findings(A=(-1,), B=()), [], {}) == []


def test_few_seeds_settle_nothing():
    assert verdict(findings(2, B=(), F=(-0.6,)), [], {})[0].startswith("Only 2 seeds were run")
    assert verdict(findings(1, B=(), F=(-0.6,)), [], {})[0].startswith("Only 1 seed was run")
    assert findings(1, B=(), F=(-0.6,)).winner is None


def test_controls_tell_what_an_effect_is_due_to():
    better = "\n".join(verdict(findings(B=(), E=(-0.5,), P=()), [], {}))
    assert "the place of the loss mask matters" in better
    same = "\n".join(verdict(findings(B=(), E=(-0.5,), P=(-0.7,)), [], {}))
    assert "leaving out as much anywhere does as well, or better" in same


def test_a_lower_own_loss_without_better_color_is_called_what_it_is():
    text = verdict(findings(B=(), C=(0.2,)), rows(-0.25), CONTROL)[-1]
    assert "−25.0% here, −24.6% in the paper: the same direction" in text
    assert "changes its L1 by −20.0%" in text
    assert "an effect of the changed target" in text
    assert "the opposite direction" in verdict(findings(B=(), C=(0.2,)), rows(0.25), CONTROL)[-1]
    assert "the true error fell, too" in verdict(findings(B=(), C=(-0.4,)), rows(-0.25), CONTROL)[-1]
