"""Intervals and tests over seeds and photographs. Source: Student 1908; Satterthwaite 1946; Holm 1979."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.params import ExtraMissing

LEVEL = 0.95
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean and its interval of 95 %; nan where there are too few values for one. `p`: of the mean being 0, two-sided."""

    mean: float
    low: float
    high: float
    p: float = math.nan

    def record(self) -> dict[str, float | None]:
        """For JSON, which knows no nan."""
        return {"mean": number(self.mean), "low": number(self.low), "high": number(self.high)}

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2

    @property
    def known(self) -> bool:
        """Whether there is more than a mean."""
        return math.isfinite(self.low)


def number(value: float) -> float | None:
    """A number for JSON; None for what is none."""
    return value if math.isfinite(value) else None


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


def differences(arm_sp: FloatArray, untreated_sp: FloatArray) -> FloatArray:
    """Paired differences (seeds, photographs); photographs without a value (nothing damaged in them) are left out."""
    difference = np.asarray(arm_sp, np.float64) - np.asarray(untreated_sp, np.float64)
    return difference[:, np.isfinite(difference).all(axis=0)]


def _from_variance(mean: float, variance: float, freedom: float) -> Interval:
    if variance == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    student = require_scipy()
    error = math.sqrt(variance)
    half = float(student.ppf(0.5 + LEVEL / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, float(2 * student.sf(abs(mean) / error, freedom)))


def p_text(p: float) -> str:
    """``.031``, ``< .001``, or a dash where there is none."""
    return "–" if not math.isfinite(p) else "< .001" if p < 0.001 else "1" if p > 0.9995 else f"{p:.3f}".lstrip("0")


def minus(text: str) -> str:
    """Hyphens of numbers as minus signs."""
    return text.replace("-", "−")


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
