"""From results of runs to levels, paired differences and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dancheong.experiment.arms import UNTREATED, Arm
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result, Run
from dancheong.experiment.statistics import Interval, crossed_interval, differences, holm, t_interval

PRIMARY = "inside"
# Outside of the damage, and on inputs without any, a treatment may cost this much Delta E at the most.
GUARDS = ("outside", "clean")
MARGIN = 0.1
SIGNIFICANT = 0.05
# Pairs beside those with the untreated arm, each of an arm and the control that rules an explanation out.
CONTROLS = (("E", "P"), ("C", "N"), ("C2", "N"))


@dataclass(frozen=True)
class Difference:
    """Of one metric, this arm less the other, paired. `over_seeds` holds for these photographs; `over_both` also for others.

    `p_holm`: of `over_seeds`, adjusted for the arms that are tested; nan where it is not among them.
    """

    over_seeds: Interval
    over_both: Interval
    p_holm: float = float("nan")

    @property
    def clear(self) -> bool:
        """Whether it is clear of zero, other arms counted."""
        return self.p_holm < SIGNIFICANT


@dataclass(frozen=True)
class Findings:
    """All that the report says, as numbers.

    Attributes:
        levels: arm -> metric -> mean over photographs, interval over seeds.
        to_untreated: arm -> metric -> difference from the untreated arm.
        to_controls: (arm, its control) -> difference of the primary metric; to_best: other treatment -> the same, less `best`.
        by_dose: dose -> arm -> metric -> level; dose_effects: dose -> arm -> difference of the primary metric.
        gray: metric -> the gray input's mean.
    """

    arms: Sequence[Arm]
    seeds: Sequence[int]
    dose: int
    photographs: int
    levels: Mapping[str, Mapping[str, Interval]]
    to_untreated: Mapping[str, Mapping[str, Difference]]
    to_controls: Mapping[tuple[str, str], Difference] = field(default_factory=dict)
    to_best: Mapping[str, Difference] = field(default_factory=dict)
    by_dose: Mapping[int, Mapping[str, Mapping[str, Interval]]] = field(default_factory=dict)
    dose_effects: Mapping[int, Mapping[str, Difference]] = field(default_factory=dict)
    gray: Mapping[str, float] = field(default_factory=dict)

    @property
    def ranked(self) -> list[Arm]:
        """Treatments, the smallest error inside the mask first."""
        treatments = [arm for arm in self.arms if arm.role == "treatment"]
        return sorted(treatments, key=lambda arm: self.levels[arm.name][PRIMARY].mean)

    def harmless(self, arm: str) -> bool:
        """Not worse than untreated by MARGIN outside of the damage and on inputs without any."""
        return all(self.to_untreated[arm][metric].over_seeds.high < MARGIN for metric in GUARDS)

    def beats_untreated(self, arm: str) -> bool:
        """Better inside the mask, clear of zero, and harmless elsewhere."""
        difference = self.to_untreated[arm][PRIMARY]
        return difference.clear and difference.over_seeds.mean < 0 and self.harmless(arm)

    @property
    def winner(self) -> Arm | None:
        """The best treatment that beats the untreated arm."""
        return next((arm for arm in self.ranked if self.beats_untreated(arm.name)), None)

    @property
    def best(self) -> Arm | None:
        """The winner; where there is none, the treatment with the smallest error inside the mask."""
        return self.winner or (self.ranked[0] if self.ranked else None)


Scores = Mapping[tuple[str, int], Mapping[str, Any]]


def scores_of(
    runs: Sequence[Run], results: Mapping[str, Result]
) -> tuple[dict[tuple[str, int], dict[str, Any]], list[int]]:
    """(arm, dose) -> metric -> (seeds, photographs), over the seeds of which no run is missing; and these seeds."""
    missing = {run.seed for run in runs if run.key not in results}
    seeds = [seed for seed in dict.fromkeys(run.seed for run in runs) if seed not in missing]
    cells: dict[tuple[str, int], dict[str, Any]] = {}
    for arm, dose in dict.fromkeys((run.arm, run.dose) for run in runs):
        of_seed = {run.seed: results[run.key].scores for run in runs
                   if (run.arm, run.dose) == (arm, dose) and run.seed in seeds}
        cells[arm, dose] = {metric: np.array([of_seed[seed][metric] for seed in seeds]) for metric in METRICS}
    return cells, seeds


def find(
    arms: Sequence[Arm], seeds: Sequence[int], dose: int, scores: Scores, gray: Mapping[str, Sequence[float]]
) -> Findings:
    """Levels, differences and tests of finished runs; `scores` as `scores_of` gives it."""
    at_dose = {arm.name: scores[arm.name, dose if arm.dose is None else arm.dose] for arm in arms}
    untreated = at_dose[UNTREATED]
    to_untreated = {
        name: {metric: _difference(cell[metric], untreated[metric]) for metric in METRICS}
        for name, cell in at_dose.items() if name != UNTREATED
    }
    # A reference cannot be chosen, so it is not tested.
    tested = [arm.name for arm in arms if arm.name != UNTREATED and arm.role != "reference"]
    for metric in METRICS:
        adjusted = holm({name: to_untreated[name][metric].over_seeds.p for name in tested})
        for name, p in adjusted.items():
            old = to_untreated[name][metric]
            to_untreated[name][metric] = Difference(old.over_seeds, old.over_both, p)
    doses = sorted({other for _, other in scores})
    by_dose = {
        other: {name: _levels(cell) for (name, of), cell in scores.items() if of == other and (UNTREATED, of) in scores}
        for other in doses if (UNTREATED, other) in scores
    }
    findings = Findings(
        arms, seeds, dose, len(next(iter(untreated.values()))[0]) if len(seeds) else 0,
        {name: _levels(cell) for name, cell in at_dose.items()}, to_untreated,
        {
            (name, control): _difference(at_dose[name][PRIMARY], at_dose[control][PRIMARY])
            for name, control in CONTROLS if name in at_dose and control in at_dose
        },
        by_dose=by_dose,
        dose_effects={
            other: {
                name: _difference(scores[name, other][PRIMARY], scores[UNTREATED, other][PRIMARY])
                for name in levels if name != UNTREATED
            }
            for other, levels in by_dose.items()
        },
        gray={metric: float(np.nanmean(values)) for metric, values in gray.items()},
    )
    best = findings.best.name if findings.best else ""
    to_best = {arm.name: _difference(at_dose[arm.name][PRIMARY], at_dose[best][PRIMARY])
               for arm in findings.ranked if arm.name != best}
    return replace(findings, to_best=to_best)


def _levels(cell: Mapping[str, Any]) -> dict[str, Interval]:
    return {metric: t_interval(np.nanmean(values_sp, axis=1)) for metric, values_sp in cell.items()}


def _difference(arm_sp: Any, other_sp: Any) -> Difference:
    difference = differences(arm_sp, other_sp)
    return Difference(t_interval(difference.mean(axis=1)), crossed_interval(difference))
