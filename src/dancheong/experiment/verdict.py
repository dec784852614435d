"""The verdict in words, each sentence made from the numbers it names."""

import math
from collections.abc import Mapping, Sequence

from dancheong.experiment.arms import UNTREATED
from dancheong.experiment.findings import MARGIN, PRIMARY, Findings
from dancheong.experiment.statistics import Interval, minus, p_text
from dancheong.experiment.table_4 import LABELS, Row, paper_change

ENOUGH_SEEDS = 5


def verdict(findings: Findings, rows: Sequence[Row], control: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Paragraphs: who wins, what it costs elsewhere, what the controls say, the dose, and the paper's table."""
    return [
        part for part in (
            _warning(findings), _who_wins(findings), _elsewhere(findings), _controls(findings), _dose(findings),
            _paper(findings, rows, control),
        ) if part
    ]


def spoken(interval: Interval, digits: int = 2) -> str:
    """``-0.31 (95 % interval -0.40 to -0.22)``."""
    if not math.isfinite(interval.low):
        return minus(f"{interval.mean:+.{digits}f} (no interval from one seed)")
    return minus(f"{interval.mean:+.{digits}f} (95 % interval {interval.low:+.{digits}f} to {interval.high:+.{digits}f})")


def _warning(findings: Findings) -> str:
    count = len(findings.seeds)
    if count >= ENOUGH_SEEDS:
        return ""
    return (
        f"Only {count} {'seed was' if count == 1 else 'seeds were'} run. This shows that everything works; it settles "
        f"nothing. {ENOUGH_SEEDS} seeds or more are needed."
    )


def _who_wins(findings: Findings) -> str:
    ranked, winner = findings.ranked, findings.winner
    if not ranked:
        return ""
    level = findings.levels[UNTREATED][PRIMARY].mean
    if winner is None:
        best = ranked[0].name
        difference = findings.to_untreated[best][PRIMARY]
        return (
            f"No treatment beats doing nothing (arm {UNTREATED}, Delta E {level:.2f} inside the mask). The nearest is {best}: "
            f"{spoken(difference.over_seeds)}, adjusted p {p_text(difference.p_holm)}"
            + ("." if findings.harmless(best) else f"; elsewhere it is not shown to lose less than {MARGIN}.")
        )
    difference = findings.to_untreated[winner.name][PRIMARY]
    share = -difference.over_seeds.mean / level
    text = (
        f"Arm {winner.name} ({winner.title}) wins: inside the mask its Delta E is {spoken(difference.over_seeds)} to the "
        f"untreated arm's {level:.2f}, which is {share:.1%} less; adjusted p {p_text(difference.p_holm)}. "
    )
    other = difference.over_both
    if other.high < 0:
        text += f"For other photographs of the kind, too: the interval over seeds and photographs is {_range(other)}."
    else:
        text += f"For other photographs it is not certain: the interval over seeds and photographs is {_range(other)}."
    if ranked[0].name != winner.name:
        text += f" {ranked[0].name} has a lower error inside, but is no candidate: not clear of zero, or worse elsewhere."
    near = [f"{name} ({spoken(other.over_seeds)})" for name, other in findings.to_best.items() if not other.over_seeds.low > 0]
    return text + (f" Not told apart from it: {', '.join(near)}." if near else " It is clear of every other treatment.")


def _elsewhere(findings: Findings) -> str:
    if not findings.ranked:
        return ""
    assert findings.best is not None  # there is a treatment
    name = findings.best.name
    parts = []
    for metric, where in (("outside", "outside of the damage"), ("clean", "on inputs without glare")):
        interval = findings.to_untreated[name][metric].over_seeds
        loses = "loses less than" if interval.high < MARGIN else "is not shown to lose less than"
        parts.append(f"{where} it {loses} {MARGIN} to the untreated arm: {spoken(interval)}")
    seen = findings.to_untreated[name]["inside_seen"].over_seeds
    inside = {arm.name: findings.to_untreated[arm.name][PRIMARY] for arm in findings.ranked}
    harmful = [arm for arm, difference in inside.items() if difference.clear and difference.over_seeds.mean > 0]
    more = f" Worse inside the mask than doing nothing: {', '.join(harmful)}." if harmful else ""
    return (
        f"{name} elsewhere: {'; '.join(parts)}. With its own lightness, as a viewer sees it, the error inside changes by "
        f"{spoken(seen)}.{more}"
    )


def _controls(findings: Findings) -> str:
    told = {
        ("E", "P"): ("the place of the loss mask matters", "leaving out as much anywhere does as well"),
        ("C", "N"): ("the paper's filter does more than change contrast", "a tone curve of the same contrast does as well"),
        ("C2", "N"): ("filtering luminance differs from a tone curve", "a tone curve does as well"),
    }
    parts = []
    for (arm, control), difference in findings.to_controls.items():
        yes, no = told[arm, control]
        interval = difference.over_seeds
        says = yes if interval.high < 0 else f"{no}, or better" if interval.low > 0 else f"not told apart ({no})"
        parts.append(f"{arm} less {control} is {spoken(interval)}: {says}")
    return f"Controls, Delta E inside the mask: {'; '.join(parts)}." if parts else ""


def _dose(findings: Findings) -> str:
    doses = [dose for dose, effects in findings.dose_effects.items() if "F" in effects]
    if len(doses) < 2:
        return ""
    levels = [f"{dose} %: {findings.by_dose[dose][UNTREATED][PRIMARY].mean:.2f}" for dose in doses]
    effects = [f"{dose} %: {spoken(findings.dose_effects[dose]['F'].over_seeds)}" for dose in doses]
    return (
        f"By share of damaged training photographs, the untreated arm's Delta E inside: {'; '.join(levels)}. "
        f"F less untreated: {'; '.join(effects)}."
    )


def _paper(findings: Findings, rows: Sequence[Row], control: Mapping[str, Mapping[str, float]]) -> str:
    named = [row for row in rows if paper_change(row.name) is not None]
    if not named or "C" not in findings.to_untreated:
        return ""
    parts = []
    for row in named:
        theirs, ours = paper_change(row.name) or 0.0, row.change
        if math.isfinite(ours.low) and ours.low <= 0 <= ours.high:
            same = "neither way"
        else:
            same = "the same direction" if (ours.mean < 0) == (theirs < 0) else "the opposite direction"
        parts.append(f"{LABELS[row.name]} {_percent(ours.mean)} here, {_percent(theirs)} in the paper: {same}")
    true = findings.to_untreated["C"][PRIMARY].over_seeds
    own, rgb = (control["filtered"][name] / control["unfiltered"][name] - 1 for name in ("own", "rgb"))
    text = (
        f"The paper's table 4, with its filter against without: {'; '.join(parts)}. A predictor that only repeats its gray "
        f"input changes its L1 by {_percent(own)} ({_percent(rgb)} in RGB) on the filtered targets, without learning anything. "
    )
    loss = next((row.change for row in named if row.name == "g"), None)
    if loss is None or loss.mean >= 0:
        return text + f"The true error inside the mask changed by {spoken(true)}."
    fell = true.high < 0
    why = (
        "a lower own loss is not by itself the reason to believe it" if fell
        else "it is an effect of the changed target, not of better color" if own < 0 else "it is no sign of better color"
    )
    other = "and the true error fell, too" if fell else "the true error did not fall"
    return text + f"The generator's loss fell by {-loss.mean:.1%}, {other} (Delta E inside {spoken(true)}): {why}."


def _percent(change: float) -> str:
    return minus(f"{change:+.1%}")


def _range(interval: Interval) -> str:
    return minus(f"{interval.low:+.2f} to {interval.high:+.2f}")
