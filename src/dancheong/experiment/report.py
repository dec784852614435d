"""The experiment's report: one self-contained page, the same in Markdown with figures as files, and the scores as CSV.

Its words are in `templates/report.txt`.
"""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.experiment.arms import COMMON_ROWS, UNTREATED, Arm
from dancheong.experiment.findings import GUARDS, MARGIN, PRIMARY, Findings, Interval
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result, Run
from dancheong.experiment.pictures import EXPOSURE, GLARE_SEED, Pictures
from dancheong.experiment.table_4 import LOSSES, Row
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.sheet import sheet
from dancheong.params import Resolved
from dancheong.report.chart import Chart, Curves, Intervals, Panel
from dancheong.report.page import Comparison, Facts, Section, Table, compose, render_report, write_report
from dancheong.report.templating import Cell
from dancheong.system.csv_text import csv_table, to_cell
from dancheong.system.whole_file import write_text

_WORDS = Path(__file__).with_name("templates") / "report.txt"
_TITLE = "dancheong: does glare control make the colors better?"
_LIBRARIES = ("dancheong", "torch", "onnxruntime", "numpy", "scipy", "opencv-python-headless")
_CELL_PX = 384


@dataclass(frozen=True)
class Material:
    """What the report is made of. `notes`: sentences that must not be overlooked; `base`: the parameters of all arms.

    `rows` and `control` are those of table 4, empty where the paper's arm was not run.
    """

    findings: Findings
    rows: Sequence[Row]
    control: Mapping[str, Mapping[str, float]]
    runs: Sequence[Run]
    results: Mapping[str, Result]
    pictures: Pictures
    base: Resolved
    notes: Sequence[str] = ()

    @property
    def versions(self) -> list[str]:
        """Of the code that made the results."""
        return sorted({result.version for result in self.results.values()})

    def runs_of(self, arm: Arm) -> list[Run]:
        """The arm's runs at the experiment's dose, or its own, in the order of seeds."""
        dose, seeds = arm.at(self.findings.dose), self.findings.seeds
        return [run for run in self.runs if (run.arm, run.dose) == (arm.name, dose) and run.seed in seeds]

    def results_of(self, arm: Arm) -> list[Result]:
        """The results of `runs_of`."""
        return [self.results[run.key] for run in self.runs_of(arm)]


def write_all(out: Path, material: Material) -> None:
    """Write report.html, report.md, figures/ and scores.csv to `out`."""
    findings, pictures = material.findings, material.pictures
    sections = _sections(material)
    lead = (
        f"{len(findings.arms)} arms, {len(findings.seeds)} seeds, {len(pictures.train_names)} training and "
        f"{findings.photographs} test photographs, judged against the clean truth."
    )
    notice = "\n\n".join(material.notes)
    write_report(out / "report.html", _TITLE, sections, lead, notice)
    (out / "figures").mkdir(exist_ok=True)
    for part in (part for section in sections for part in section.parts):
        if isinstance(part, Comparison):
            rows = [[pixels for pixels in row if pixels is not None] for _, row, _ in part.rows]
            write_photo(out / part.file, sheet(rows, part.headings, _CELL_PX))
        elif isinstance(part, Chart):
            write_text(out / part.file, part.document())
    write_text(out / "report.md", render_report(_TITLE, sections, lead, notice, "report.md"))
    _write_scores(out / "scores.csv", material)


def _sections(material: Material) -> list[Section]:
    findings = material.findings
    parts = {
        "facts": _facts(findings), "verdict": verdict_table(findings), "controls": _controls_table(findings),
        "levels": _levels_table(findings), "forest": _forest(findings), "differences": _differences_table(findings),
        "other_differences": _other_differences_table(findings),
        "doses": _doses(findings), "dose_table": _dose_table(findings),
        "table_4": _table_4(material.rows), "control": _control_table(material.control),
        "pictures": _pictures(material),
        **_loss_curves(material), "own_losses": _own_losses_table(material),
        "arms": _arms_table(findings), "runs": _runs_table(material),
        "parameters": _parameters_table(material.base), "versions": _versions_table(material),
    }
    return compose(
        _WORDS, parts, untreated=UNTREATED, margin=MARGIN, metrics=METRICS, losses=LOSSES, pictures=material.pictures,
        exposure=EXPOSURE, glare_seed=GLARE_SEED, dose=findings.dose, common_rows=_settings(COMMON_ROWS),
        seconds=[result.seconds for result in material.results.values()],
    )


# --- The verdict --------------------------------------------------------------------------------------------------------

def verdict_table(findings: Findings) -> Table:
    """Who wins, and what is said of each other arm; the smallest error inside the mask first."""
    level = {arm.name: findings.levels[arm.name][PRIMARY].mean for arm in findings.arms}
    ordered = sorted(findings.arms, key=lambda arm: level[arm.name])
    rows: list[list[Cell]] = [
        [arm.name, level[arm.name],
         "–" if arm.name == UNTREATED else _minus(f"{level[arm.name] / level[UNTREATED] - 1:+.1%}"),
         findings.verdict(arm), arm.title]
        for arm in ordered
    ]
    best = [index for index, arm in enumerate(ordered) if arm == findings.winner]
    return Table(("arm", METRICS[PRIMARY].label, f"to {UNTREATED}", "verdict", "what it is"), rows, strong_rows=best)


def _controls_table(findings: Findings) -> Table | None:
    rows = []
    for (arm, control), difference in findings.to_controls.items():
        interval = difference.over_seeds
        says = "better than its control" if interval.high < 0 else "worse than its control" if interval.low > 0 else (
            "not told apart: the control does as well")
        rows.append([f"{arm} less {control}", _range(interval), says])
    return Table(("pair", METRICS[PRIMARY].label, "so it is"), rows) if rows else None


def _facts(findings: Findings) -> Facts:
    items: list[tuple[str, Cell, str]] = [
        ("untreated, inside", findings.levels[UNTREATED][PRIMARY].mean, "Delta E 2000, lightness known"),
        ("gray input, inside", findings.gray[PRIMARY], "the baseline of all"),
    ]
    if best := findings.best:
        level = findings.levels[best.name][PRIMARY]
        remark = f"± {level.half:.2f} over seeds" if level.known else "one seed"
        items.insert(0, (f"{'winner' if findings.winner else 'nearest'}: {best.name}, inside", level.mean, remark))
    return Facts(items)


# --- Scores -------------------------------------------------------------------------------------------------------------

def _levels_table(findings: Findings) -> Table:
    """``9.36 ± 0.69``."""
    levels = findings.levels
    rows = [[arm, *(_level(of[name], metric.digits) for name, metric in METRICS.items())] for arm, of in levels.items()]
    rows.append(["gray input", *(_minus(f"{findings.gray[name]:.{metric.digits}f}") for name, metric in METRICS.items())])
    return Table(["arm", *(metric.label for metric in METRICS.values())], rows, strong_rows=[len(levels)])


def _differences_table(findings: Findings) -> Table:
    rows = [
        [arm, _range(of[PRIMARY].over_seeds), _range(of[PRIMARY].over_both), p_text(of[PRIMARY].p_holm),
         *(_range(of[name].over_seeds) for name in GUARDS)]
        for arm, of in findings.to_untreated.items()
    ]
    labels = [METRICS[name].label for name in GUARDS]
    return Table(["arm", METRICS[PRIMARY].label, "over seeds and photographs", "adjusted p", *labels], rows)


def _other_differences_table(findings: Findings) -> Table:
    others = {name: metric for name, metric in METRICS.items() if name not in (PRIMARY, *GUARDS)}
    rows = [
        [arm, *(_range(of[name].over_seeds, metric.digits) for name, metric in others.items())]
        for arm, of in findings.to_untreated.items()
    ]
    return Table(["arm", *(metric.label for metric in others.values())], rows)


def _forest(findings: Findings) -> Intervals:
    def panel(metric: str, limit: float | None) -> Panel:
        differences = [of[metric] for of in findings.to_untreated.values()]
        spans = [[(interval.low, interval.high) for interval in (of.over_seeds, of.over_both)] for of in differences]
        rows = [(of.over_seeds.mean, thick, thin, of.clear) for of, (thick, thin) in zip(differences, spans, strict=True)]
        return Panel(METRICS[metric].label, rows, limit)

    panels = [panel(PRIMARY, None), *(panel(metric, MARGIN) for metric in GUARDS)]
    return Intervals(list(findings.to_untreated), panels, f"less {UNTREATED} (untreated)", file="figures/forest.svg")


def _doses(findings: Findings) -> Curves | None:
    """Arms that were run at more than one dose; None where there is only one."""
    arms = [arm for arm in findings.arms if sum(arm.name in of for of in findings.by_dose.values()) > 1]
    points: dict[str, list[tuple[float, float]]] = {}
    spans: dict[str, list[tuple[float, float]]] = {}
    for index, arm in enumerate(arms):
        name = f"{arm.name}: {arm.title}"
        levels = {dose: of[arm.name][0] for dose, of in findings.by_dose.items() if arm.name in of}
        # Side by side, so that intervals do not hide each other.
        aside = 1.2 * (index - (len(arms) - 1) / 2)
        points[name] = [(dose + aside, level.mean) for dose, level in levels.items()]
        if all(level.known for level in levels.values()):
            spans[name] = [(level.low, level.high) for level in levels.values()]
    curves = Curves(points, "damaged training photographs, %", METRICS[PRIMARY].label, spans=spans, file="figures/doses.svg")
    return curves if arms else None


def _dose_table(findings: Findings) -> Table | None:
    rows = []
    for dose, of in findings.by_dose.items():
        treated = [_level(of["F"][0]), _range(of["F"][1].over_seeds)] if "F" in of else ["–", "–"]
        rows.append([f"{dose} %", _level(of[UNTREATED][0]), *treated])
    return Table(("damaged photographs", UNTREATED, "F", f"F less {UNTREATED}"), rows) if len(rows) > 1 else None


# --- Own losses ---------------------------------------------------------------------------------------------------------

def _table_4(rows: Sequence[Row]) -> Table | None:
    body = []
    for row in rows:
        loss = LOSSES[row.name]
        paper = [*(f"{value:.5f}" for value in loss.paper), _minus(f"{loss.paper_change:+.1%}")] if loss.paper else ["–"] * 3
        ours = _level(row.with_filter, 4), _level(row.without, 4), _range(row.change, form="+.1%")
        body.append([loss.label, *ours, *paper, row.direction])
    columns = ("loss, last epoch", "with filter (C)", f"without ({UNTREATED})", "change", "paper, with", "paper, without",
               "paper, change", "direction")
    return Table(columns, body) if body else None


def _control_table(control: Mapping[str, Mapping[str, float]]) -> Table | None:
    if not control:
        return None
    rows: list[list[Cell]] = []
    for name, label in (("own", "L1 in the arms' color space"), ("rgb", "L1 in RGB from -1 to 1, as in the paper")):
        filtered, unfiltered = control["filtered"][name], control["unfiltered"][name]
        rows.append([label, filtered, unfiltered, _minus(f"{filtered / unfiltered - 1:+.1%}")])
    columns = ("the predictor that repeats its gray input", "filtered targets", "unfiltered targets", "change")
    return Table(columns, rows, digits=4)


def _own_losses_table(material: Material) -> Table:
    names = [name for name in LOSSES if all(name in result.final for result in material.results.values())]
    finals = {arm.name: [result.final for result in material.results_of(arm)] for arm in material.findings.arms}
    means = {arm: [float(np.mean([final[name] for final in of])) for name in names] for arm, of in finals.items()}
    rows: list[list[Cell]] = [[arm, *values] for arm, values in means.items()]
    return Table(("arm", *(LOSSES[name].short for name in names)), rows, digits=4)


def _loss_curves(material: Material) -> dict[str, Curves | None]:
    """A chart a loss, a line an arm: mean over seeds."""
    best = material.findings.best
    arms = [arm for arm in material.findings.arms if arm.name in (UNTREATED, "C", "N") or arm == best]
    charts: dict[str, Curves | None] = {}
    for name, loss in LOSSES.items():
        lines = {arm.name: _mean_curve([result.curve for result in material.results_of(arm)], name) for arm in arms}
        chart = Curves(lines, "images seen", loss.curve, file=f"figures/loss_{name}.svg")
        charts[f"loss_{name}"] = chart if any(lines.values()) else None
    return charts


def _mean_curve(seeds: Sequence[Sequence[tuple[float, Mapping[str, float]]]], name: str) -> list[tuple[float, float]]:
    lines = [[(at, point[name]) for at, point in seed if name in point] for seed in seeds]
    return [(points[0][0], float(np.mean([value for _, value in points]))) for points in zip(*lines, strict=False)]


# --- Pictures -----------------------------------------------------------------------------------------------------------

def _pictures(material: Material) -> Comparison:
    """gray | Pix2Pix | filter + Pix2Pix | the best | truth, of the photographs that every run has kept."""
    findings, test = material.findings, material.pictures.test
    columns = {UNTREATED: "Pix2Pix", "C": "filter + Pix2Pix (C)"}
    if best := findings.best:
        columns.setdefault(best.name, f"{best.name}, {'the winner' if findings.winner else 'the nearest'}")
    runs = [material.runs_of(arm)[0] for name in columns for arm in findings.arms if arm.name == name]
    rows: list[tuple[str, Sequence[NDArray[Any]], str]] = []
    for name in runs[0].shown:
        results = [read_photo(run.folder / "pictures" / name).pixels for run in runs]
        damaged, clean = (read_photo(test / kind / name).pixels for kind in ("damaged", "clean"))
        index = int(Path(name).stem)
        inside = " / ".join(f"{material.results[run.key].scores[PRIMARY][index]:.1f}" for run in runs)
        rows.append((material.pictures.test_names[index], [gray_of(damaged), *results, clean], f"Delta E inside {inside}"))
    return Comparison(["gray", *(columns[run.arm] for run in runs), "truth"], rows, file="figures/pictures.png")


# --- Method, parameters, versions ---------------------------------------------------------------------------------------

def _arms_table(findings: Findings) -> Table:
    rows = [[arm.name, arm.role, arm.title, _settings(arm.settings) or "–"] for arm in findings.arms]
    return Table(("arm", "role", "what it is", "its rows"), rows)


def _settings(rows: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.upper()}={value}" for name, value in rows.items())


def _runs_table(material: Material) -> Table:
    rows: list[list[Cell]] = []
    for seed in material.findings.seeds:
        result = next(material.results[run.key] for run in material.runs if run.seed == seed)
        rows.append([seed, result.photographs, result.images_seen, *(value[:16] or "–" for value in result.start.values())])
    columns = ("seed", "photographs", "images seen", "generator's first weights", "discriminator's", "order of photographs")
    return Table(columns, rows)


def _parameters_table(base: Resolved) -> Table:
    changed = {name: origin for name, origin in base.origins.items() if origin != "default"}
    rows = [[name.upper(), str(getattr(base.params, name)), origin] for name, origin in changed.items()]
    return Table(("parameter", "value", "from"), rows or [["–", "all defaults", ""]])


def _versions_table(material: Material) -> Table:
    rows = [
        ["code that trains, predicts and judges (sha256)", ", ".join(material.versions)],
        ["photographs and their glare (sha256)", material.pictures.digest],
        ["Python", platform.python_version()],
        ["machine", f"{platform.system()} {platform.machine()}"],
    ]
    for name in _LIBRARIES:
        try:
            rows.append([name, version(name)])
        except PackageNotFoundError:
            continue
    return Table(("what", "version"), rows)


def _write_scores(path: Path, material: Material) -> None:
    lines: list[list[object]] = [["arm", "dose", "seed", "photograph", *METRICS, "run"]]
    for run in material.runs:
        if result := material.results.get(run.key):
            scores = (result.scores[metric] for metric in METRICS)
            for name, *values in zip(material.pictures.test_names, *scores, strict=True):
                numbers = ("" if math.isnan(value) else f"{value:.6g}" for value in values)
                lines.append([run.arm, run.dose, run.seed, to_cell(name), *numbers, run.folder.name])
    write_text(path, csv_table(lines))


# --- Numbers as people write them ---------------------------------------------------------------------------------------

def _level(interval: Interval, digits: int = 2) -> str:
    return _minus(f"{interval.mean:.{digits}f}" + (f" ± {interval.half:.{digits}f}" if interval.known else ""))


def _range(interval: Interval, digits: int = 2, form: str = "") -> str:
    """``−0.31 (−0.40 to −0.22)``."""
    form = form or f"+.{digits}f"
    bounds = f" ({interval.low:{form}} to {interval.high:{form}})" if interval.known else ""
    return _minus(f"{interval.mean:{form}}{bounds}")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def p_text(p: float) -> str:
    """``.031``, ``< .001``, or a dash where there is none."""
    return "–" if not math.isfinite(p) else "< .001" if p < 0.001 else "1" if p > 0.9995 else f"{p:.3f}".lstrip("0")
