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
Cell = Mapping[str, FloatArray]  # metric -> (seeds, photographs), of one arm at one dose


@dataclass(frozen=True)
class Interval:
    """A mean and its interval of 95 %; nan where there are too few values for one. `p`: of the mean being 0, two-sided."""

    mean: float
    low: float = math.nan
    high: float = math.nan
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

    def record(self) -> dict[str, Any]:
        """As the JSON output names it."""
        return {**self.over_seeds.record(), "p_adjusted": self.p_holm, "over_photographs_too": self.over_both.record()}

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
    scores: Mapping[tuple[str, int], Cell]
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
    def levels(self) -> dict[str, dict[str, Interval]]:
        """Arm -> metric -> mean over photographs, interval over seeds."""
        return {name: {metric: _level(cell, metric) for metric in cell} for name, cell in self._cells.items()}

    @cached_property
    def to_untreated(self) -> dict[str, dict[str, Difference]]:
        """Arm -> metric -> difference from the untreated arm."""
        cells = self._cells
        found = {
            name: {metric: difference(cell, cells[UNTREATED], metric) for metric in METRICS}
            for name, cell in cells.items() if name != UNTREATED
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
        return {(arm, other): difference(cells[arm], cells[other]) for arm, other in CONTROLS if {arm, other} <= set(cells)}

    @cached_property
    def to_best(self) -> dict[str, Difference]:
        """Each other treatment -> difference of the primary metric from the best one."""
        cells, best = self._cells, self.best
        return {arm.name: difference(cells[arm.name], cells[best.name]) for arm in self.ranked if best and arm != best}

    @cached_property
    def by_dose(self) -> dict[int, dict[str, tuple[Interval, Difference]]]:
        """Dose -> arm -> level of the primary metric and its difference from the untreated arm, where that was run."""
        found: dict[int, dict[str, tuple[Interval, Difference]]] = {}
        for dose in sorted(dose for name, dose in self.scores if name == UNTREATED):
            untreated = self.scores[UNTREATED, dose]
            found[dose] = {
                name: (_level(cell, PRIMARY), difference(cell, untreated))
                for (name, at), cell in self.scores.items() if at == dose
            }
        return found

    @property
    def ranked(self) -> list[Arm]:
        """Treatments, the smallest error inside the mask first."""
        treatments = [arm for arm in self.arms if arm.role == "treatment"]
        return sorted(treatments, key=lambda arm: self.levels[arm.name][PRIMARY].mean)

    def harmless(self, arm: Arm) -> bool:
        """Not worse than untreated by MARGIN outside of the damage and on inputs without any."""
        return all(self.to_untreated[arm.name][metric].over_seeds.high < MARGIN for metric in GUARDS)

    @cached_property
    def winner(self) -> Arm | None:
        """The best treatment that is better than untreated inside the mask, clear of zero, and harmless elsewhere."""
        inside = {arm.name: self.to_untreated[arm.name][PRIMARY] for arm in self.ranked}
        better = (arm for arm in self.ranked if inside[arm.name].clear and inside[arm.name].over_seeds.mean < 0)
        return next((arm for arm in better if self.harmless(arm)), None)

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
        elif not inside.clear:
            says = "not told apart from untreated"
        elif inside.over_seeds.mean > 0:
            says = "worse than untreated"
        elif not self.harmless(arm):
            says = f"better inside; elsewhere not shown to lose less than {MARGIN}"
        elif arm.name in self.to_best and not self.to_best[arm.name].over_seeds.low > 0:
            says = "better; not told apart from the winner"
        else:
            says = "better"
        return f"control: {says}" if arm.role == "control" else says

    @cached_property
    def _cells(self) -> dict[str, Cell]:
        return {arm.name: self.scores[arm.name, arm.at(self.dose)] for arm in self.arms}


def scores_of(runs: Sequence[Run], results: Mapping[str, Result]) -> tuple[dict[tuple[str, int], dict[str, Any]], list[int]]:
    """(arm, dose) -> metric -> (seeds, photographs), over the seeds of which no run is missing; and these seeds."""
    missing = {run.seed for run in runs if run.key not in results}
    seeds = [seed for seed in dict.fromkeys(run.seed for run in runs) if seed not in missing]
    cells: dict[tuple[str, int], dict[str, Any]] = {}
    for run in runs:  # seed by seed
        if run.seed in seeds:
            cell = cells.setdefault((run.arm, run.dose), {metric: [] for metric in METRICS})
            for metric, rows in cell.items():
                rows.append(results[run.key].scores[metric])
    return {name: {metric: np.array(rows) for metric, rows in cell.items()} for name, cell in cells.items()}, seeds


def difference(arm: Cell, other: Cell, metric: str = PRIMARY) -> Difference:
    """Paired by seed and photograph; photographs without a value (nothing damaged in them) are left out."""
    paired_sp = np.asarray(arm[metric] - other[metric], np.float64)
    paired_sp = paired_sp[:, np.isfinite(paired_sp).all(axis=0)]
    return Difference(t_interval(paired_sp.mean(axis=1)), crossed_interval(paired_sp))


def t_interval(values: FloatArray) -> Interval:
    """Student's interval of the mean of independent values, such as one a seed."""
    if len(values) < 2:
        return Interval(float(np.mean(values)) if len(values) else math.nan)
    return _from_variance(float(np.mean(values)), float(np.var(values, ddof=1)) / len(values), len(values) - 1)


def crossed_interval(values_sp: FloatArray) -> Interval:
    r"""Interval of the mean of (seeds, photographs) for other seeds *and* other photographs of the kind.

    Both are random and crossed: :math:`Var = (MS_s + MS_p - MS_e) / (s p)`, degrees of freedom after Satterthwaite. With few
    seeds that estimate can come out small by chance: the interval is never narrower than that over either alone.
    """
    mean = float(values_sp.mean()) if values_sp.size else math.nan
    seeds, photographs = values_sp.shape
    if min(seeds, photographs) < 2:
        return Interval(mean)
    of_seed, of_photo = values_sp.mean(axis=1), values_sp.mean(axis=0)
    rest = values_sp - of_seed[:, None] - of_photo[None, :] + mean
    freedom = np.array([seeds - 1, photographs - 1, (seeds - 1) * (photographs - 1)], np.float64)
    sums = [photographs * ((of_seed - mean) ** 2).sum(), seeds * ((of_photo - mean) ** 2).sum(), (rest**2).sum()]
    squares = np.array(sums) / freedom
    total = float(squares[0] + squares[1] - squares[2])
    intervals = [t_interval(of_seed), t_interval(of_photo)]
    if total > 0:
        # Satterthwaite's number can fall below that of either factor where mean squares are subtracted; it has no use there.
        spread = max(total**2 / float((squares**2 / freedom).sum()), float(freedom[:2].min()))
        intervals.append(_from_variance(mean, total / values_sp.size, spread))
    return max(intervals, key=lambda interval: interval.half)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values: comparing each with the level keeps the chance of any false finding below it. nan stays nan."""
    names = sorted((name for name, p in p_values.items() if math.isfinite(p)), key=lambda name: p_values[name])
    scaled = [min(1.0, p_values[name] * (len(names) - rank)) for rank, name in enumerate(names)]
    return {**dict.fromkeys(p_values, math.nan), **dict(zip(names, map(float, np.maximum.accumulate(scaled)), strict=True))}


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


def _level(cell: Cell, metric: str) -> Interval:
    return t_interval(np.nanmean(cell[metric], axis=1))


def _from_variance(mean: float, variance: float, freedom: float) -> Interval:
    if variance == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    student, error = require_scipy(), math.sqrt(variance)
    half = float(student.ppf(0.5 + LEVEL / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, float(2 * student.sf(abs(mean) / error, freedom)))
