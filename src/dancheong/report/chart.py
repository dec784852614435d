"""Line charts as inline SVG: small, without a plotting library, in the colors of the page around them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 30, 44
_MOST_POINTS = 400
_COLORS = 6  # --c1 to --c6 in the style sheet of the page
_DASHES = ("", "7 3", "2 3")


@dataclass(frozen=True)
class _Axis:
    """A scale from values to the unit interval, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool

    def place(self, value: float) -> float:
        position = math.log10(value) if self.log else value
        return (position - self.low) / (self.high - self.low)


def line_chart(series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, summary: str, log_y: bool = False) -> str:
    """An SVG element with a line per series, a grid, and a legend below it that names each series' last value.

    Noisy series are drawn twice: faint as they are, and strong as their running mean.

    Args:
        series: name -> (x, y) in the order of x. Points that are not finite (or, with `log_y`, not positive) are left out.
        summary: what a reader who cannot see the chart should know.
        log_y: logarithmic y axis.

    Returns:
        HTML. A chart without any finite point says so instead of drawing.
    """
    kept = {name: _thin(_usable(points, log_y)) for name, points in series.items()}
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return f'<p class="empty">No values to draw yet: {escape(y_label)} over {escape(x_label)}.</p>'
    every = [point for points in kept.values() for point in points]
    places = [x for x, _ in every]
    x_axis = _linear_axis(places, from_zero=0 <= min(places) < 0.1 * max(places))
    values = [y for _, y in every]
    y_axis = _log_axis(values) if log_y else _linear_axis(values, from_zero=min(values) >= 0)
    lines = [_line(points, index, x_axis, y_axis) for index, points in enumerate(kept.values())]
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(summary)}">'
        f"<title>{escape(summary)}</title>{_grid(x_axis, y_axis, x_label, y_label)}{''.join(lines)}</svg>{_legend(kept)}"
    )


def _usable(points: Sequence[Point], log_y: bool) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log_y)]


def _thin(points: list[Point]) -> list[Point]:
    """Means of equal runs, where there are more points than a chart has room for; the last point is kept."""
    run = math.ceil(len(points) / _MOST_POINTS)
    if run <= 1:
        return points
    parts = [points[start : start + run] for start in range(0, len(points) - 1, run)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts] + [points[-1]]


def _linear_axis(values: Sequence[float], from_zero: bool) -> _Axis:
    low, high = (0.0 if from_zero else min(values)), max(values)
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    ticks = [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return _Axis(low, high, tuple(ticks), log=False)


def _log_axis(values: Sequence[float]) -> _Axis:
    low, high = math.log10(min(values)), math.log10(max(values))
    middle = (low + high) / 2
    low, high = min(low, middle - 0.25), max(high, middle + 0.25)
    factors = (1,) if high - low > 2 else (1, 2, 5)
    ticks = [f * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for f in factors]
    return _Axis(low, high, tuple(tick for tick in ticks if low <= math.log10(tick) <= high), log=True)


def _x_px(axis: _Axis, value: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * axis.place(value)


def _y_px(axis: _Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * axis.place(value)


def _grid(x_axis: _Axis, y_axis: _Axis, x_label: str, y_label: str) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for tick in y_axis.ticks:
        y = _y_px(y_axis, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.10g}</text>')
    for tick in x_axis.ticks:
        x = _x_px(x_axis, tick)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:,.10g}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(f'<text class="label" x="{right}" y="{_HEIGHT - 4}" text-anchor="end">{escape(x_label)}</text>')
    parts.append(f'<text class="label" x="0" y="14">{escape(y_label)}</text>')
    return "".join(parts)


def _line(points: list[Point], index: int, x_axis: _Axis, y_axis: _Axis) -> str:
    style = f'class="c{index % _COLORS + 1}" stroke-dasharray="{_DASHES[index // _COLORS % len(_DASHES)]}"'
    if len(points) == 1:
        x, y = points[0]
        return f'<circle {style} cx="{_x_px(x_axis, x):.1f}" cy="{_y_px(y_axis, y):.1f}" r="3"/>'
    strong = _running_mean(points) if len(points) > 40 else points
    faint = f'<polyline {style} opacity="0.25" points="{_path(points, x_axis, y_axis)}"/>' if strong is not points else ""
    return f'{faint}<polyline {style} stroke-width="2.2" points="{_path(strong, x_axis, y_axis)}"/>'


def _path(points: Sequence[Point], x_axis: _Axis, y_axis: _Axis) -> str:
    return " ".join(f"{_x_px(x_axis, x):.1f},{_y_px(y_axis, y):.1f}" for x, y in points)


def _running_mean(points: list[Point]) -> list[Point]:
    """Mean over a window centered on each point; narrower at the beginning, where losses fall, and looking back at the end.

    A window that narrowed at the end as well would show the noise of the last point as a turn.
    """
    half = max(1, len(points) // 40)
    means = []
    for index, (x, _) in enumerate(points):
        back = min(half, index)
        window = points[index - back : index + back + 1]
        means.append((x, sum(y for _, y in window) / len(window)))
    return means


def _legend(series: Mapping[str, Sequence[Point]]) -> str:
    items = [
        f'<li><svg class="key" viewBox="0 0 26 8" aria-hidden="true"><line class="c{index % _COLORS + 1}" '
        f'stroke-dasharray="{_DASHES[index // _COLORS % len(_DASHES)]}" x1="0" x2="26" y1="4" y2="4"/></svg>'
        f'{escape(name)} <span class="last">{points[-1][1]:.4g}</span></li>'
        for index, (name, points) in enumerate(series.items())
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'
