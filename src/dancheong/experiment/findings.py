"""From the scores of runs to levels, paired differences, their intervals and tests.

Source: Student 1908; Satterthwaite 1946; Holm 1979.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.experiment.arms import UNTREATED, Arm
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result, Run
from dancheong.params import ExtraMissing

PRIMARY = "inside"
# Outside of the damage, and on inputs without any, a treatment may cost this much Delta E at the most.
GUARDS = ("outside", "clean")
MARGIN = 0.1
LEVEL, SIGNIFICANT = 0.95, 0.05
ENOUGH_SEEDS = 5
# Pairs beside those with the untreated arm, each of an arm and the control that rules an explanation out.
CONTROLS = (("E", "P"), ("C", "N"), ("C2", "N"))

FloatArray = NDArray[np.float64]
Levels = dict[str, "Interval"]
Scores = Mapping[tuple[str, int], Mapping[str, FloatArray]]


@dataclass(frozen=True)
class Interval:
    """A mean and its interval of 95 %; nan where there are too few values for one. `p`: of the mean being 0, two-sided."""

    mean: float
    low: float
    high: float
    p: float = math.nan

    def record(self) -> dict[str, float]:
        """As the JSON output names it."""
        return {"mean": self.mean, "low": self.low, "high": self.high}

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2

    @property
    def known(self) -> bool:
        """Whether there is more than a mean."""
        return math.isfinite(self.low)


@dataclass(frozen=True)
class Difference:
    """Of one metric, this arm less the other, paired. `over_seeds` holds for these photographs; `over_both` also for others.

    `p_holm`: of `over_seeds`, adjusted for the arms that are tested; nan where it is not among them.
    """

    over_seeds: Interval
    over_both: Interval
    p_holm: float = math.nan

    @property
    def clear(self) -> bool:
        """Whether it is clear of zero, other arms counted."""
        return self.p_holm < SIGNIFICANT


@dataclass(frozen=True)
class Findings:
    """All that the report says, as numbers.

    Attributes:
        dose: percent of damaged training photographs, of the arms that have none of their own.
        scores: (arm, dose) -> metric -> (seeds, photographs), as `scores_of` gives it.
        gray_scores: metric -> a value for each photograph, of the gray input itself.
    """

    arms: Sequence[Arm]
    seeds: Sequence[int]
    dose: int
    scores: Scores
    gray_scores: Mapping[str, Sequence[float]]

    @property
    def photographs(self) -> int:
        """How many were judged."""
        return len(next(iter(self.gray_scores.values())))

    @cached_property
    def gray(self) -> dict[str, float]:
        """Metric -> the gray input's mean."""
        return {metric: float(np.nanmean(values)) for metric, values in self.gray_scores.items()}

    @cached_property
    def levels(self) -> dict[str, Levels]:
        """Arm -> metric -> mean over photographs, interval over seeds."""
        return {name: _levels(cell) for name, cell in self._cells.items()}

    @cached_property
    def to_untreated(self) -> dict[str, dict[str, Difference]]:
        """Arm -> metric -> difference from the untreated arm."""
        untreated = self._cells[UNTREATED]
        found = {
            name: {metric: difference(cell[metric], untreated[metric]) for metric in METRICS}
            for name, cell in self._cells.items() if name != UNTREATED
        }
        # A reference cannot be chosen, so it is not tested.
        tested = [arm.name for arm in self.arms if arm.name != UNTREATED and arm.role != "reference"]
        for metric in METRICS:
            for name, p in holm({name: found[name][metric].over_seeds.p for name in tested}).items():
                found[name][metric] = replace(found[name][metric], p_holm=p)
        return found

    @cached_property
    def to_controls(self) -> dict[tuple[str, str], Difference]:
        """(Arm, its control) -> difference of the primary metric."""
        cells = self._cells
        return {(arm, other): self._primary(cells[arm], cells[other]) for arm, other in CONTROLS if {arm, other} <= set(cells)}

    @cached_property
    def to_best(self) -> dict[str, Difference]:
        """Each other treatment -> difference of the primary metric from the best one."""
        if self.best is None:
            return {}
        best, cells = self.best.name, self._cells
        return {arm.name: self._primary(cells[arm.name], cells[best]) for arm in self.ranked if arm.name != best}

    @cached_property
    def by_dose(self) -> dict[int, dict[str, Levels]]:
        """Dose -> arm -> metric -> level, for the doses at which the untreated arm was run."""
        return {dose: {name: _levels(cell) for name, cell in cells.items()} for dose, cells in self._doses.items()}

    @cached_property
    def dose_effects(self) -> dict[int, dict[str, Difference]]:
        """Dose -> arm -> difference of the primary metric from the untreated arm at that dose."""
        return {
            dose: {name: self._primary(cell, cells[UNTREATED]) for name, cell in cells.items() if name != UNTREATED}
            for dose, cells in self._doses.items()
        }

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
        inside = self.to_untreated[arm][PRIMARY]
        return inside.clear and inside.over_seeds.mean < 0 and self.harmless(arm)

    @cached_property
    def winner(self) -> Arm | None:
        """The best treatment that beats the untreated arm."""
        return next((arm for arm in self.ranked if self.beats_untreated(arm.name)), None)

    @property
    def best(self) -> Arm | None:
        """The winner; where there is none, the treatment with the smallest error inside the mask."""
        return self.winner or next(iter(self.ranked), None)

    def verdict(self, arm: Arm) -> str:
        """What the numbers say of an arm, in a few words."""
        if arm.role in ("untreated", "reference"):
            return arm.role
        inside = self.to_untreated[arm.name][PRIMARY]
        if arm == self.winner:
            says = "wins"
        elif inside.clear and inside.over_seeds.mean > 0:
            says = "worse than untreated"
        elif not inside.clear:
            says = "not told apart from untreated"
        elif not self.harmless(arm.name):
            says = f"better inside; elsewhere not shown to lose less than {MARGIN}"
        elif arm.name in self.to_best and not self.to_best[arm.name].over_seeds.low > 0:
            says = "better; not told apart from the winner"
        else:
            says = "better"
        return f"control: {says}" if arm.role == "control" else says

    @cached_property
    def _cells(self) -> dict[str, Mapping[str, FloatArray]]:
        return {arm.name: self.scores[arm.name, self.dose if arm.dose is None else arm.dose] for arm in self.arms}

    @cached_property
    def _doses(self) -> dict[int, dict[str, Mapping[str, FloatArray]]]:
        return {
            dose: {name: cell for (name, at), cell in self.scores.items() if at == dose}
            for dose in sorted(dose for name, dose in self.scores if name == UNTREATED)
        }

    @staticmethod
    def _primary(arm: Mapping[str, FloatArray], other: Mapping[str, FloatArray]) -> Difference:
        return difference(arm[PRIMARY], other[PRIMARY])


def scores_of(runs: Sequence[Run], results: Mapping[str, Result]) -> tuple[dict[tuple[str, int], dict[str, Any]], list[int]]:
    """(arm, dose) -> metric -> (seeds, photographs), over the seeds of which no run is missing; and these seeds."""
    missing = {run.seed for run in runs if run.key not in results}
    seeds = [seed for seed in dict.fromkeys(run.seed for run in runs) if seed not in missing]
    found: dict[tuple[str, int], dict[int, dict[str, list[float]]]] = {}
    for run in runs:
        if run.seed in seeds:
            found.setdefault((run.arm, run.dose), {})[run.seed] = results[run.key].scores
    return {
        cell: {metric: np.array([of_seed[seed][metric] for seed in seeds]) for metric in METRICS}
        for cell, of_seed in found.items()
    }, seeds


def difference(arm_sp: FloatArray, other_sp: FloatArray) -> Difference:
    """Paired, over (seeds, photographs); photographs without a value (nothing damaged in them) are left out."""
    paired = np.asarray(arm_sp, np.float64) - np.asarray(other_sp, np.float64)
    paired = paired[:, np.isfinite(paired).all(axis=0)]
    return Difference(t_interval(paired.mean(axis=1)), crossed_interval(paired))


def t_interval(values: FloatArray) -> Interval:
    """Student's interval of the mean of independent values, such as one a seed."""
    values = np.asarray(values, np.float64)
    if len(values) == 0:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    variance = float(values.var(ddof=1)) / len(values)
    return _from_variance(mean, variance, len(values) - 1)


def crossed_interval(values_sp: FloatArray) -> Interval:
    r"""Interval of the mean of (seeds, photographs) for other seeds *and* other photographs of the kind.

    Both are random and crossed: :math:`Var = (MS_s + MS_p - MS_e) / (s p)`, degrees of freedom after Satterthwaite. With few
    seeds that estimate can come out small by chance: the interval is never narrower than that over either alone.
    """
    seeds, photographs = values_sp.shape
    if seeds < 2 or photographs < 2:
        return Interval(float(values_sp.mean()) if values_sp.size else math.nan, math.nan, math.nan)
    mean = float(values_sp.mean())
    of_seed, of_photo = values_sp.mean(axis=1), values_sp.mean(axis=0)
    rest = values_sp - of_seed[:, None] - of_photo[None, :] + mean
    squares = np.array([
        photographs * float(((of_seed - mean) ** 2).sum()) / (seeds - 1),
        seeds * float(((of_photo - mean) ** 2).sum()) / (photographs - 1),
        float((rest**2).sum()) / ((seeds - 1) * (photographs - 1)),
    ])
    freedom = np.array([seeds - 1, photographs - 1, (seeds - 1) * (photographs - 1)], np.float64)
    total = float(squares[0] + squares[1] - squares[2])
    intervals = [t_interval(of_seed), t_interval(of_photo)]
    if total > 0:
        # Satterthwaite's number can fall below that of either factor where mean squares are subtracted; it has no use there.
        spread = max(total**2 / float((squares**2 / freedom).sum()), float(freedom[:2].min()))
        intervals.append(_from_variance(mean, total / values_sp.size, spread))
    return max(intervals, key=lambda interval: interval.half)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values: comparing each with the level keeps the chance of any false finding below it. nan stays nan."""
    known = sorted((p, name) for name, p in p_values.items() if math.isfinite(p))
    adjusted = dict.fromkeys(p_values, math.nan)
    highest = 0.0
    for rank, (p, name) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[name] = highest
    return adjusted


def require_scipy() -> Any:
    """Student's distribution, before an experiment and not only at its end.

    Raises:
        ExtraMissing: naming what is missing.
    """
    try:
        from scipy.stats import t
    except ImportError as error:
        raise ExtraMissing(f"comparing needs {error.name or 'scipy'}: pip install 'dancheong[compare]'") from error
    return t


def _levels(cell: Mapping[str, FloatArray]) -> Levels:
    return {metric: t_interval(np.nanmean(values_sp, axis=1)) for metric, values_sp in cell.items()}


def _from_variance(mean: float, variance: float, freedom: float) -> Interval:
    if variance == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    student = require_scipy()
    error = math.sqrt(variance)
    half = float(student.ppf(0.5 + LEVEL / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, float(2 * student.sf(abs(mean) / error, freedom)))
