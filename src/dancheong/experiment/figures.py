"""Figures as PNG and SVG: intervals, losses, doses, and pictures beside each other. Readable without color vision."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dancheong.experiment.arms import UNTREATED
from dancheong.experiment.findings import GUARDS, MARGIN, PRIMARY, Difference, Findings
from dancheong.experiment.judge import METRICS
from dancheong.params import ExtraMissing

# Okabe and Ito 2008, without its yellow, which is too pale for lines; marker and dash tell arms apart as well.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
DASHES = ("-", "--", "-.", ":")
_INK, _SOFT = "#222222", "#666666"
_DPI = 150
LOSSES = {"d_real": "discriminator on real", "d_fake": "discriminator on fake", "g_gan": "generator, adversarial",
          "l1": "distance to the truth"}


def require_matplotlib() -> Any:
    """The class of figures, before an experiment and not only at its end.

    Raises:
        ExtraMissing: naming what is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraMissing(f"comparing needs {error.name or 'matplotlib'}: pip install 'dancheong[compare]'") from error
    return Figure


def forest(path: Path, findings: Findings, metrics: Sequence[str] = (PRIMARY, *GUARDS)) -> list[Path]:
    """Differences from the untreated arm with their intervals, an axis a metric; zero and the margin are marked."""
    arms = [arm for arm in findings.arms if arm.name != UNTREATED]
    figure = _figure(10, 1.6 + 0.42 * len(arms))
    axes = np.atleast_1d(figure.subplots(1, len(metrics), sharey=True))
    for axis, metric in zip(axes, metrics, strict=True):
        axis.axvline(0, color=_INK, linewidth=1)
        if metric != PRIMARY:
            axis.axvline(MARGIN, color=_SOFT, linewidth=1, linestyle=":")
            axis.annotate(f"margin {MARGIN}", (MARGIN, 1), xycoords=("data", "axes fraction"), xytext=(3, 3),
                          textcoords="offset points", fontsize=7, color=_SOFT)
        for row, arm in enumerate(arms):
            _interval(axis, row, findings.to_untreated[arm.name][metric])
        axis.set_title(METRICS[metric].label, fontsize=10, loc="left", pad=14)
        axis.set_xlabel(f"less {UNTREATED} (untreated)", fontsize=8)
        _plain(axis)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x", color="#e4e4e4", linewidth=0.7)
    axes[0].set_yticks(range(len(arms)), [arm.name for arm in arms])
    axes[0].set_ylim(len(arms) - 0.5, -0.5)
    figure.supxlabel("left is better · thick: 95 % over seeds, thin: over seeds and photographs · filled: clear of zero (Holm)",
                     fontsize=8, color=_SOFT)
    return _save(figure, path)


def _interval(axis: Any, row: int, difference: Difference) -> None:
    mean = difference.over_seeds.mean
    color = COLORS[0] if mean < 0 else COLORS[1]
    for interval, width in ((difference.over_both, 1.0), (difference.over_seeds, 3.2)):
        if math.isfinite(interval.low):
            axis.plot((interval.low, interval.high), (row, row), color=color, linewidth=width, solid_capstyle="butt")
    marker = "o" if mean < 0 else "D"
    axis.plot(mean, row, marker, color=color, markersize=7, markerfacecolor=color if difference.clear else "white",
              markeredgewidth=1.6)


def losses(path: Path, curves: Mapping[str, Sequence[Sequence[tuple[float, Mapping[str, float]]]]]) -> list[Path]:
    """Losses over images seen, an axis a loss, a line an arm: mean over seeds. `curves`: arm -> seeds -> points."""
    names = [name for name in LOSSES if any(name in point for seeds in curves.values() for _, point in seeds[0])]
    figure = _figure(10, 2.9 * math.ceil(len(names) / 2) + 0.5)
    axes = figure.subplots(math.ceil(len(names) / 2), 2, squeeze=False).ravel()
    for axis, name in zip(axes, names, strict=False):
        for index, (arm, seeds) in enumerate(curves.items()):
            lines = [[(at, point[name]) for at, point in seed if name in point] for seed in seeds]
            length = min(map(len, lines))
            at = [x for x, _ in lines[0][:length]]
            axis.plot(at, np.mean([[y for _, y in line[:length]] for line in lines], axis=0), label=arm, linewidth=1.6,
                      color=COLORS[index % len(COLORS)], linestyle=DASHES[index % len(DASHES)])
        axis.set_title(LOSSES[name], fontsize=10, loc="left")
        axis.set_xlabel("images seen", fontsize=8)
        axis.grid(color="#e4e4e4", linewidth=0.7)
        _plain(axis)
    for axis in axes[len(names):]:
        axis.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(10, len(labels)), frameon=False, fontsize=8,
                  handlelength=3)
    return _save(figure, path)


def doses(path: Path, findings: Findings) -> list[Path]:
    """Error inside the mask by the share of damaged training photographs, a line an arm."""
    figure = _figure(6.2, 4.0)
    axis = figure.subplots()
    arms = {
        arm.name: arm.title for arm in findings.arms if sum(arm.name in levels for levels in findings.by_dose.values()) > 1
    }
    for index, arm in enumerate(arms):
        points = [(dose, levels[arm][PRIMARY]) for dose, levels in findings.by_dose.items() if arm in levels]
        # Side by side, so that intervals do not hide each other.
        at = [dose + 1.2 * (index - (len(arms) - 1) / 2) for dose, _ in points]
        means = [level.mean for _, level in points]
        half = [level.high - level.mean if math.isfinite(level.high) else 0.0 for _, level in points]
        axis.errorbar(at, means, half, label=f"{arm}: {arms[arm]}", color=COLORS[index % len(COLORS)],
                      marker=MARKERS[index % len(MARKERS)], linestyle=DASHES[index % len(DASHES)], capsize=3, linewidth=1.6)
    axis.set_xlabel("damaged training photographs, %", fontsize=9)
    axis.set_ylabel(METRICS[PRIMARY].label, fontsize=9)
    axis.set_xticks(list(findings.by_dose))
    axis.grid(axis="y", color="#e4e4e4", linewidth=0.7)
    _plain(axis)
    figure.legend(frameon=False, fontsize=8, loc="outside lower left")
    return _save(figure, path)


def pictures(path: Path, headings: Sequence[str], rows: Sequence[Sequence[Any]], remarks: Sequence[str]) -> list[Path]:
    """Rows of photographs under headings, as the paper's figures 8 to 11; a remark stands left of each row."""
    heights = [row[0].shape[0] / row[0].shape[1] for row in rows]
    width = 10.0
    figure = _figure(width, width / len(headings) * sum(heights) + 0.35 + 0.1 * len(rows))
    axes = figure.subplots(len(rows), len(headings), squeeze=False, height_ratios=heights)
    for line, row, remark in zip(axes, rows, remarks, strict=True):
        for axis, pixels in zip(line, row, strict=True):
            axis.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_visible(False)
        line[0].set_ylabel(remark, fontsize=7, color=_SOFT)
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=9)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    return _save(figure, path)


def _figure(width_in: float, height_in: float) -> Any:
    return require_matplotlib()(figsize=(width_in, height_in), layout="constrained", facecolor="white")


def _plain(axis: Any) -> None:
    axis.tick_params(labelsize=8, colors=_INK)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _save(figure: Any, path: Path) -> list[Path]:
    """`path` with the endings of both formats; the same numbers give the same SVG."""
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": path.name, "font.family": "DejaVu Sans"}):
        figure.savefig(path.with_suffix(".png"), dpi=_DPI)
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    return [path.with_suffix(".png"), path.with_suffix(".svg")]
