"""Charts as SVG, without a plotting library: lines over an axis, and means with their intervals.

Here is where everything lies, in pixels; `templates/chart.html` says what is drawn there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dancheong.report.templating import templates

Point = tuple[float, float]
Span = tuple[float, float]

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 544, 30, 216  # the frame of curves
_MOST_POINTS = 400
_NOISY = 40  # points, above which a running mean is drawn, too
_COLORS = 6  # .c1 to .c6 in chart.css
_DASHES = ("", "7 3", "2 3")
_ROW_PX, _LETTER_PX = 22, 6.2


class Chart:
    """Draws itself; `keys` are the lines that a legend names."""

    keys: Sequence["Line"] = ()
    height_px: float = HEIGHT

    def html(self) -> str:
        """For a page: the colors are the page's, and the legend is a list that wraps."""
        return self._drawn("page")

    def document(self) -> str:
        """An SVG file of its own, with the colors and the legend inside."""
        return self._drawn("document")

    def _drawn(self, form: str) -> str:
        macro: Any = getattr(templates().get_template("chart.html").module, form)
        return str(macro(self))

    @property
    def legend(self) -> tuple[list[tuple["Line", float, float]], float]:
        """Where each key stands in a file of its own, and the height of the whole."""
        x, y, placed = 0.0, self.height_px + 14, []
        for line in self.keys:
            width = 46 + _LETTER_PX * len(line.name)
            if x and x + width > WIDTH:
                x, y = 0.0, y + 18
            placed.append((line, x, y))
            x += width
        return placed, y + 8 if placed else self.height_px


@dataclass(frozen=True)
class Axis:
    """A scale from values to pixels, `start_px` for `low` to `end_px` for `high`, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    start_px: float
    end_px: float

    def px(self, value: float) -> float:
        return self.start_px + (self.end_px - self.start_px) * (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Line:
    """A series: its points, their intervals if it has any, and their running mean if they are many."""

    name: str
    index: int
    points: Sequence[Point]
    spans: Sequence[Span] = ()

    @property
    def color(self) -> str:
        return f"c{self.index % _COLORS + 1}"

    @property
    def dash(self) -> str:
        return _DASHES[self.index // _COLORS % len(_DASHES)]

    @property
    def mean(self) -> Sequence[Point]:
        """Mean over a window centered on each point; narrower at the beginning, where losses fall. Empty for few points.

        The window looks back at the end, because a narrower one would show the noise of the last point as a turn.
        """
        if len(self.points) <= _NOISY:
            return ()
        half = len(self.points) // 40
        windows = [self.points[at - min(half, at) : at + min(half, at) + 1] for at in range(len(self.points))]
        return [(x, _mean(window)[1]) for (x, _), window in zip(self.points, windows, strict=True)]


@dataclass(frozen=True)
class Curves(Chart):
    """A line a series over one x axis; the legend names its last value. Noisy ones are drawn faint, and strong as their mean.

    Attributes:
        series: name -> (x, y) in the order of x. Points that are not finite are left out.
        caption: what a reader who cannot see the chart should know.
        spans: name -> the interval of y at each point of that series, all finite.
        file: where it lies beside the report in Markdown.
    """

    series: Mapping[str, Sequence[Point]]
    x_label: str
    y_label: str
    caption: str = ""
    spans: Mapping[str, Sequence[Span]] | None = None
    file: str = ""

    @cached_property
    def keys(self) -> list[Line]:  # type: ignore[override]
        """The lines; empty where there is no finite point."""
        kept = {name: [point for point in points if all(map(math.isfinite, point))] for name, points in self.series.items()}
        named = [(name, _thin(points)) for name, points in kept.items() if points]
        return [Line(name, index, points, (self.spans or {}).get(name, ())) for index, (name, points) in enumerate(named)]

    @property
    def x_axis(self) -> Axis:
        values = [x for line in self.keys for x, _ in line.points]
        return _axis(values, 0 <= min(values) < 0.1 * max(values), LEFT, RIGHT)

    @property
    def y_axis(self) -> Axis:
        values = [y for line in self.keys for _, y in line.points]
        values += [end for line in self.keys for span in line.spans for end in span]
        # Intervals are what a chart with spans is about: an axis from zero would press them together.
        return _axis(values, min(values) >= 0 and not self.spans, BOTTOM, TOP)


@dataclass(frozen=True)
class Panel:
    """A column of `Intervals`: for each row the mean, a thick span, a thin span, and whether its mark is filled.

    `limit`: a value that is marked beside zero. A span that is not finite is not drawn.
    """

    title: str
    rows: Sequence[tuple[float, Span, Span, bool]]
    limit: float | None = None


@dataclass(frozen=True)
class Intervals(Chart):
    """A forest plot: means with their intervals, a row a name, panels side by side, each with its own axis and its zero.

    `caption` and `file`: as of `Curves`.
    """

    names: Sequence[str]
    panels: Sequence[Panel]
    x_label: str
    caption: str = ""
    file: str = ""

    @property
    def rows(self) -> list[tuple[str, float]]:
        """The names, and where each row lies."""
        return [(name, TOP + 14 + _ROW_PX * (row + 0.5)) for row, name in enumerate(self.names)]

    @property
    def bottom(self) -> float:
        return TOP + 14 + _ROW_PX * len(self.names)

    @property
    def height_px(self) -> float:  # type: ignore[override]
        return self.bottom + 44

    @property
    def columns(self) -> list[tuple[Panel, Axis]]:
        left = 12 + _LETTER_PX * max(map(len, self.names), default=0)
        width = (WIDTH - left) / len(self.panels)
        found = []
        for index, panel in enumerate(self.panels):
            ends = [end for mean, thick, thin, _ in panel.rows for end in (mean, *thick, *thin) if math.isfinite(end)]
            start = left + index * width
            found.append((panel, _axis([0.0, panel.limit or 0.0, *ends], False, start + 8, start + width - 14, steps=3)))
        return found


def _thin(points: list[Point]) -> list[Point]:
    """Means of equal runs, where there are more points than a chart has room for; the last point is kept."""
    run = math.ceil(len(points) / _MOST_POINTS)
    if run <= 1:
        return points
    return [_mean(points[start : start + run]) for start in range(0, len(points) - 1, run)] + [points[-1]]


def _mean(points: Sequence[Point]) -> Point:
    xs, ys = zip(*points, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def _axis(values: Sequence[float], from_zero: bool, start_px: float, end_px: float, steps: int = 5) -> Axis:
    low, high = (0.0 if from_zero else min(values)), max(values)
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    ticks = [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return Axis(low, high, tuple(ticks), start_px, end_px)
