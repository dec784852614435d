"""Charts as SVG, without a plotting library: lines over an axis, and means with their intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

Point = tuple[float, float]
Span = tuple[float, float]

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 30, 44
_MOST_POINTS = 400
_COLORS = 6  # .c1 to .c6 in chart.css
_DASHES = ("", "7 3", "2 3")
_ROW_PX, _LETTER_PX = 22, 6.2
_STYLE = Path(__file__).with_name("templates") / "chart.css"


@dataclass(frozen=True)
class Chart:
    """A drawn chart. `body`: SVG elements; `keys`: the name of each line and its last value, for the legend."""

    body: str
    height_px: float
    summary: str
    keys: Sequence[tuple[str, str]] = ()

    def html(self) -> str:
        """For a page: the colors are the page's, and the legend is a list that wraps."""
        title = _tag("title", self.summary)
        items = [
            f'<li><svg class="key" viewBox="0 0 26 8" aria-hidden="true">{_key(index, 0, 4)}</svg>'
            f'{escape(name)} <span class="last">{last}</span></li>'
            for index, (name, last) in enumerate(self.keys)
        ]
        return (
            f'<svg class="chart" viewBox="0 0 {_WIDTH} {self.height_px:g}" role="img" aria-label="{escape(self.summary)}">'
            f"{title}{self.body}</svg>" + (f'<ul class="legend">{"".join(items)}</ul>' if items else "")
        )

    def document(self) -> str:
        """An SVG file of its own, with the colors and the legend inside."""
        x, y, legend = 0.0, self.height_px + 14, []
        for index, (name, _) in enumerate(self.keys):
            width = 46 + _LETTER_PX * len(name)
            if x and x + width > _WIDTH:
                x, y = 0.0, y + 18
            legend += [_key(index, x, y - 4), _tag("text", name, x=x + 32, y=y)]
            x += width
        height = y + 8 if legend else self.height_px
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:g}" '
            f'viewBox="0 0 {_WIDTH} {height:g}" font-family="sans-serif">'
            f"{_tag('title', self.summary)}<style>{_STYLE.read_text('utf-8')}</style>"
            f'<rect width="100%" height="100%" fill="#fff"/>{self.body}{"".join(legend)}</svg>\n'
        )


@dataclass(frozen=True)
class Panel:
    """A column of `draw_intervals`: for each row the mean, a thick span, a thin span, and whether its mark is filled.

    `limit`: a value that is marked beside zero. A span that is not finite is not drawn.
    """

    title: str
    rows: Sequence[tuple[float, Span, Span, bool]]
    limit: float | None = None


@dataclass(frozen=True)
class _Axis:
    """A scale from values to pixels, `start_px` for `low` to `end_px` for `high`, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    start_px: float
    end_px: float
    log: bool = False

    def px(self, value: float) -> float:
        position = math.log10(value) if self.log else value
        return self.start_px + (self.end_px - self.start_px) * (position - self.low) / (self.high - self.low)


def line_chart(series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, summary: str, log_y: bool = False) -> str:
    """`draw_lines` as HTML. A chart without any finite point says so instead of drawing."""
    chart = draw_lines(series, x_label, y_label, summary, log_y)
    return chart.html() if chart else f'<p class="empty">No values to draw yet: {escape(y_label)} over {escape(x_label)}.</p>'


def draw_lines(
    series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, summary: str, log_y: bool = False,
    spans: Mapping[str, Sequence[Span]] | None = None,
) -> Chart | None:
    """A line per series and a grid; the legend names each series' last value. None: there is no finite point.

    Noisy series are drawn twice: faint as they are, and strong as their running mean.

    Args:
        series: name -> (x, y) in the order of x. Points that are not finite (or, with `log_y`, not positive) are left out.
        summary: what a reader who cannot see the chart should know.
        log_y: logarithmic y axis.
        spans: name -> the interval of y at each point of that series, all finite.
    """
    kept = {name: _thin(_usable(points, log_y)) for name, points in series.items()}
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return None
    bars = {name: list(spans[name]) if spans and name in spans else [] for name in kept}
    xs = [x for points in kept.values() for x, _ in points]
    ys = [y for points in kept.values() for _, y in points] + [end for of in bars.values() for span in of for end in span]
    x_axis = _linear_axis(xs, 0 <= min(xs) < 0.1 * max(xs), _LEFT, _WIDTH - _RIGHT)
    y_px = (_HEIGHT - _BOTTOM, _TOP)
    # Intervals are what a chart with spans is about: an axis from zero would press them together.
    y_axis = _log_axis(ys, *y_px) if log_y else _linear_axis(ys, min(ys) >= 0 and not spans, *y_px)
    lines = [_line(points, bars[name], index, x_axis, y_axis) for index, (name, points) in enumerate(kept.items())]
    body = _grid(x_axis, y_axis, x_label, y_label) + "".join(lines)
    return Chart(body, _HEIGHT, summary, [(name, f"{points[-1][1]:.4g}") for name, points in kept.items()])


def draw_intervals(names: Sequence[str], panels: Sequence[Panel], x_label: str, summary: str) -> Chart:
    """A forest plot: a row per name, panels side by side, each with its own axis on which zero is marked."""
    left = 12 + _LETTER_PX * max(map(len, names), default=0)
    width = (_WIDTH - left) / len(panels)
    bottom = _TOP + 14 + _ROW_PX * len(names)
    rows_px = [_TOP + 14 + _ROW_PX * (row + 0.5) for row in range(len(names))]
    parts = [_tag("text", name, class_="label", x=0, y=y + 4) for name, y in zip(names, rows_px, strict=True)]
    for index, panel in enumerate(panels):
        marked = [0.0] if panel.limit is None else [0.0, panel.limit]
        ends = [end for mean, *spans, _ in panel.rows for end in (mean, *spans[0], *spans[1]) if math.isfinite(end)]
        start = left + index * width
        axis = _linear_axis([*marked, *ends], False, start + 8, start + width - 14, steps=3)
        parts.append(_tag("text", panel.title, class_="label", x=start + 8, y=14))
        for tick in axis.ticks:
            parts.append(_segment("grid", axis.px(tick), _TOP + 10, axis.px(tick), bottom))
            parts.append(_tag("text", _number(tick), x=axis.px(tick), y=bottom + 16, text_anchor="middle"))
        for value, dash in zip(marked, ("", "2 3"), strict=False):
            parts.append(_segment("axis", axis.px(value), _TOP + 4, axis.px(value), bottom, stroke_dasharray=dash))
        if panel.limit is not None:
            parts.append(_tag("text", f"margin {panel.limit:g}", x=axis.px(panel.limit) + 3, y=_TOP + 4))
        for y, (mean, thick, thin, is_filled) in zip(rows_px, panel.rows, strict=True):
            # Better (lower) and worse differ in color; a hollow mark is not clear of zero.
            color = "c3" if mean < 0 else "c2"
            for (low, high), stroke in ((thin, 1.2), (thick, 3.4)):
                if math.isfinite(low):
                    parts.append(_segment(color, axis.px(low), y, axis.px(high), y, stroke_width=stroke))
            mark = f"{color} {'full' if is_filled else 'hollow'}"
            parts.append(_tag("circle", class_=mark, cx=axis.px(mean), cy=y, r=4))
    parts.append(_tag("text", x_label, class_="label", x=_WIDTH, y=bottom + 36, text_anchor="end"))
    return Chart("".join(parts), bottom + 44, summary)


def _usable(points: Sequence[Point], log_y: bool) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log_y)]


def _thin(points: list[Point]) -> list[Point]:
    """Means of equal runs, where there are more points than a chart has room for; the last point is kept."""
    run = math.ceil(len(points) / _MOST_POINTS)
    if run <= 1:
        return points
    parts = [points[start : start + run] for start in range(0, len(points) - 1, run)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts] + [points[-1]]


def _linear_axis(values: Sequence[float], from_zero: bool, start_px: float, end_px: float, steps: int = 5) -> _Axis:
    low, high = (0.0 if from_zero else min(values)), max(values)
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    ticks = [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return _Axis(low, high, tuple(ticks), start_px, end_px)


def _log_axis(values: Sequence[float], start_px: float, end_px: float) -> _Axis:
    low, high = math.log10(min(values)), math.log10(max(values))
    middle = (low + high) / 2
    low, high = min(low, middle - 0.25), max(high, middle + 0.25)
    factors = (1,) if high - low > 2 else (1, 2, 5)
    ticks = [f * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for f in factors]
    return _Axis(low, high, tuple(tick for tick in ticks if low <= math.log10(tick) <= high), start_px, end_px, log=True)


def _grid(x_axis: _Axis, y_axis: _Axis, x_label: str, y_label: str) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for tick in y_axis.ticks:
        y = y_axis.px(tick)
        parts += [_segment("grid", _LEFT, y, right, y), _tag("text", _number(tick), x=_LEFT - 8, y=y + 4, text_anchor="end")]
    for tick in x_axis.ticks:
        x = x_axis.px(tick)
        parts.append(_segment("axis", x, bottom, x, bottom + 4))
        parts.append(_tag("text", _number(tick), x=x, y=bottom + 18, text_anchor="middle"))
    parts.append(_segment("axis", _LEFT, bottom, right, bottom))
    parts.append(_tag("text", x_label, class_="label", x=right, y=_HEIGHT - 4, text_anchor="end"))
    parts.append(_tag("text", y_label, class_="label", x=0, y=14))
    return "".join(parts)


def _line(points: list[Point], bars: Sequence[Span], index: int, x_axis: _Axis, y_axis: _Axis) -> str:
    style: dict[str, Any] = {"class_": f"c{index % _COLORS + 1}", "stroke_dasharray": _DASHES[index // _COLORS % len(_DASHES)]}
    drawn = [
        _tag("line", x1=x_axis.px(x), y1=y_axis.px(low), x2=x_axis.px(x), y2=y_axis.px(high), class_=style["class_"])
        for (x, _), (low, high) in zip(points, bars, strict=False)
    ]
    if len(points) == 1:
        return "".join([*drawn, _tag("circle", **style, cx=x_axis.px(points[0][0]), cy=y_axis.px(points[0][1]), r=3)])
    strong = _running_mean(points) if len(points) > 40 else points
    lines = [(strong, {"stroke_width": "2.2"})]
    if strong is not points:
        lines.insert(0, (points, {"opacity": "0.25"}))
    for line, weight in lines:
        path = " ".join(f"{x_axis.px(x):.1f},{y_axis.px(y):.1f}" for x, y in line)
        drawn.append(_tag("polyline", **style, **weight, points=path))
    return "".join(drawn)


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


def _key(index: int, x: float, y: float) -> str:
    dash = _DASHES[index // _COLORS % len(_DASHES)]
    return _segment(f"c{index % _COLORS + 1}", x, y, x + 26, y, stroke_dasharray=dash)


def _segment(kind: str, x1: float, y1: float, x2: float, y2: float, **attributes: Any) -> str:
    return _tag("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _tag(name: str, text: str = "", **attributes: Any) -> str:
    """An element; `class_` and `stroke_width` stand for class and stroke-width, and empty attributes are left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{round(value, 1):g}"' if isinstance(value, float)
        else f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items() if value != ""
    )
    return f"<{name}{told}>{escape(text)}</{name}>" if text else f"<{name}{told}/>"
