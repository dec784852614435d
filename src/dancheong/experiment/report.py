"""The experiment's report: one self-contained page, the same in Markdown with figures as files, and the scores as CSV."""

import csv
import io
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.experiment.arms import COMMON_ROWS, UNTREATED
from dancheong.experiment.findings import GUARDS, MARGIN, PRIMARY, Difference, Findings, Interval
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result, Run
from dancheong.experiment.pictures import EXPOSURE, GLARE_SEED, Pictures
from dancheong.experiment.table_4 import CAN_AND_CANNOT, LABELS, PAPER, Row, paper_change
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.sheet import sheet
from dancheong.params import Params
from dancheong.report.chart import Panel
from dancheong.report.page import (
    Cell,
    Comparison,
    Curves,
    Facts,
    Intervals,
    Part,
    Section,
    Table,
    render_markdown,
    write_report,
)
from dancheong.system.csv_text import to_cell, valid_text
from dancheong.system.whole_file import whole_file

_LIBRARIES = ("dancheong", "torch", "onnxruntime", "numpy", "scipy", "opencv-python-headless")
_SHORT = {"d_real": "D on real", "d_fake": "D on fake", "g": "G", "g_gan": "G, adversarial", "color": "color distance",
          "l1": "l1"}
_CURVES = {"d_real": "discriminator on real", "d_fake": "discriminator on fake", "g_gan": "generator, adversarial",
           "color": "distance of the colors to the truth", "l1": "mean absolute difference to the truth"}
_CELL_PX = 384
_LEVELS = (
    "Mean over photographs, then over seeds, with Student's interval of 95 % over seeds. "
    + " ".join(f"{metric.label}: {metric.meaning}." for metric in METRICS.values())
)
_DOSES = "A smaller dose is part of a greater one. At dose 0 the untreated arm is arm A."
_PICTURES = (
    "As the paper's figures 8 to 11. The photographs were chosen by how much of them is damaged, from the middle to the most, "
    "and not by any result; the first seed."
)


@dataclass(frozen=True)
class Material:
    """What the report is made of. `notes`: sentences that must not be overlooked; `origins`: of the base's rows.

    `rows` and `control` are those of table 4, empty where the paper's arm was not run.
    """

    findings: Findings
    rows: Sequence[Row]
    control: Mapping[str, Mapping[str, float]]
    runs: Sequence[Run]
    results: Mapping[str, Result]
    pictures: Pictures
    base: Params
    origins: Mapping[str, str]
    notes: Sequence[str] = ()

    def of_arm(self, name: str) -> list[Run]:
        """The arm's runs at the experiment's dose, or its own, in the order of seeds."""
        arm = next(arm for arm in self.findings.arms if arm.name == name)
        dose = self.findings.dose if arm.dose is None else arm.dose
        return [run for run in self.runs if run.arm == name and run.dose == dose and run.seed in self.findings.seeds]


def write_all(out: Path, material: Material) -> None:
    """Write report.html, report.md, figures/ and scores.csv to `out`."""
    findings = material.findings
    figures: dict[str, Part] = {"forest": _forest(findings), "pictures": _pictures(material)}
    if len(findings.by_dose) > 1:
        figures["doses"] = _doses(findings)
    losses = _loss_curves(material)
    figures |= {f"loss_{name}": curves for name, curves in losses.items()}
    sections = [
        Section("Verdict", "", (_facts(findings), verdict_table(findings), *_controls_table(findings))),
        Section("Delta E and the rest", _LEVELS, (
            _levels_table(findings), figures["forest"], _primary_table(findings), _secondary_table(findings),
        )),
        *([Section("How much of the training is damaged", _DOSES, (figures["doses"], _dose_table(findings)))]
          if "doses" in figures else []),
        *([Section("The paper's table 4", CAN_AND_CANNOT, (_table_4(material.rows), _control_table(material.control)))]
          if material.rows else []),
        Section("Pictures", _PICTURES, (figures["pictures"],)),
        Section("Losses", "Own losses, in each arm on its own targets: no evidence of better color.",
                (*losses.values(), _own_losses_table(material))),
        Section("Method", _method(material), (_arms_table(findings), _runs_table(material))),
        Section("Parameters and versions", "", (_parameters_table(material), _versions_table(material))),
    ]
    title = "dancheong: does glare control make the colors better?"
    lead = (
        f"{len(findings.arms)} arms, {len(findings.seeds)} seeds, {len(material.pictures.train_names)} training and "
        f"{findings.photographs} test photographs, judged against the clean truth."
    )
    notice = "\n\n".join(material.notes)
    write_report(out / "report.html", title, sections, lead, notice)
    files = {id(part): f"figures/{_write_figure(out / 'figures', name, part)}" for name, part in figures.items()}
    with whole_file(out / "report.md") as temporary:
        markdown = valid_text(render_markdown(title, sections, lead, notice, files))
        temporary.write_text(markdown, encoding="utf-8", newline="\n")
    _write_scores(out / "scores.csv", material)


# --- The verdict --------------------------------------------------------------------------------------------------------

def verdict_table(findings: Findings) -> Table:
    """Who wins, and what is said of each other arm; the smallest error inside the mask first."""
    ordered = sorted(findings.arms, key=lambda arm: findings.levels[arm.name][PRIMARY].mean)
    untreated = findings.levels[UNTREATED][PRIMARY].mean
    rows: list[list[Cell]] = []
    for arm in ordered:
        level = findings.levels[arm.name][PRIMARY].mean
        change = "–" if arm.name == UNTREATED else _signed(level / untreated - 1, ".1%")
        rows.append([arm.name, level, change, findings.verdict(arm), arm.title])
    caption = (
        f"An arm wins if it is below {UNTREATED} inside the mask with an adjusted p below .05, and is shown to lose less than "
        f"{MARGIN} outside and on clean inputs."
    )
    best = [index for index, arm in enumerate(ordered) if arm == findings.winner]
    return Table(("arm", METRICS[PRIMARY].label, f"to {UNTREATED}", "verdict", "what it is"), rows, caption, strong_rows=best)


def _controls_table(findings: Findings) -> list[Table]:
    rows: list[list[Cell]] = []
    for (arm, control), difference in findings.to_controls.items():
        interval = difference.over_seeds
        says = "better than its control" if interval.high < 0 else "worse than its control" if interval.low > 0 else (
            "not told apart: the control does as well")
        rows.append([f"{arm} less {control}", _range(interval), says])
    return [Table(("pair", METRICS[PRIMARY].label, "so it is"), rows, "Arms beside their controls.")] if rows else []


def _facts(findings: Findings) -> Facts:
    best = findings.best
    items: list[tuple[str, Cell, str]] = [
        ("untreated, inside", findings.levels[UNTREATED][PRIMARY].mean, "Delta E 2000, lightness known"),
        ("gray input, inside", findings.gray[PRIMARY], "the baseline of all"),
    ]
    if best is not None:
        level = findings.levels[best.name][PRIMARY]
        remark = f"± {level.half:.2f} over seeds" if level.known else "one seed"
        items.insert(0, (f"{'winner' if findings.winner else 'nearest'}: {best.name}, inside", level.mean, remark))
    return Facts(items)


# --- Scores -------------------------------------------------------------------------------------------------------------

def _levels_table(findings: Findings) -> Table:
    rows: list[list[Cell]] = [
        [arm.name, *(_level(findings.levels[arm.name][name], metric.digits) for name, metric in METRICS.items())]
        for arm in findings.arms
    ]
    rows.append(["gray input", *(_minus(f"{findings.gray[name]:.{metric.digits}f}") for name, metric in METRICS.items())])
    columns = ["arm", *(metric.label for metric in METRICS.values())]
    return Table(columns, rows, "Levels: mean ± half of the interval over seeds.", strong_rows=[len(rows) - 1])


def _primary_table(findings: Findings) -> Table:
    rows: list[list[Cell]] = [
        [arm, _range(of[PRIMARY].over_seeds), _range(of[PRIMARY].over_both), p_text(of[PRIMARY].p_holm),
         *(_range(of[name].over_seeds) for name in GUARDS)]
        for arm, of in findings.to_untreated.items()
    ]
    columns = [
        "arm", METRICS[PRIMARY].label, "over seeds and photographs", "adjusted p", *(METRICS[name].label for name in GUARDS)
    ]
    caption = (
        f"Paired differences from {UNTREATED}, with intervals of 95 % over seeds; the second column also holds for other "
        "photographs. p after Holm, over the arms that are tested (A is a reference)."
    )
    return Table(columns, rows, caption)


def _secondary_table(findings: Findings) -> Table:
    names = [name for name in METRICS if name != PRIMARY and name not in GUARDS]
    rows: list[list[Cell]] = [
        [arm, *(_range(of[name].over_seeds, METRICS[name].digits) for name in names)]
        for arm, of in findings.to_untreated.items()
    ]
    return Table(["arm", *(METRICS[name].label for name in names)], rows, "The other differences, with intervals over seeds.")


def _dose_table(findings: Findings) -> Table:
    rows: list[list[Cell]] = []
    for dose, levels in findings.by_dose.items():
        effect = findings.dose_effects[dose].get("F")
        rows.append([f"{dose} %", _level(levels[UNTREATED][PRIMARY], 2), _level(levels["F"][PRIMARY], 2) if effect else "–",
                     _range(effect.over_seeds) if effect else "–"])
    return Table(("damaged photographs", UNTREATED, "F", f"F less {UNTREATED}"), rows, "Delta E inside the true mask.")


def _forest(findings: Findings) -> Intervals:
    def mark(difference: Difference) -> tuple[float, tuple[float, float], tuple[float, float], bool]:
        seeds, both = difference.over_seeds, difference.over_both
        return seeds.mean, (seeds.low, seeds.high), (both.low, both.high), difference.clear

    panels = [
        Panel(METRICS[metric].label, [mark(of[metric]) for of in findings.to_untreated.values()],
              None if metric == PRIMARY else MARGIN)
        for metric in (PRIMARY, *GUARDS)
    ]
    caption = (
        f"Differences from the untreated arm {UNTREATED} with intervals of 95 %: left is better; thick over seeds, thin over "
        "seeds and photographs; filled where clear of zero (Holm)."
    )
    return Intervals(list(findings.to_untreated), panels, f"less {UNTREATED} (untreated)", caption)


def _doses(findings: Findings) -> Curves:
    arms = {arm.name: arm.title for arm in findings.arms if sum(arm.name in of for of in findings.by_dose.values()) > 1}
    points: dict[str, list[tuple[float, float]]] = {}
    spans: dict[str, list[tuple[float, float]]] = {}
    for index, (arm, title) in enumerate(arms.items()):
        levels = [(dose, of[arm][PRIMARY]) for dose, of in findings.by_dose.items() if arm in of]
        # Side by side, so that intervals do not hide each other.
        aside = 1.2 * (index - (len(arms) - 1) / 2)
        points[f"{arm}: {title}"] = [(dose + aside, level.mean) for dose, level in levels]
        if all(level.known for _, level in levels):
            spans[f"{arm}: {title}"] = [(level.low, level.high) for _, level in levels]
    return Curves(points, "damaged training photographs, %", METRICS[PRIMARY].label,
                  "Delta E inside the mask, with intervals of 95 % over seeds.", spans=spans)


# --- Own losses ---------------------------------------------------------------------------------------------------------

def _table_4(rows: Sequence[Row]) -> Table:
    body: list[list[Cell]] = []
    for row in rows:
        theirs, change = PAPER.get(row.name), paper_change(row.name)
        body.append([
            LABELS[row.name], _level(row.with_filter, 4), _level(row.without, 4), _range(row.change, form="+.1%"),
            f"{theirs[0]:.5f}" if theirs else "–", f"{theirs[1]:.5f}" if theirs else "–",
            _signed(change, ".1%") if change is not None else "–", row.direction,
        ])
    columns = ("loss, last epoch", "with filter (C)", f"without ({UNTREATED})", "change", "paper, with", "paper, without",
               "paper, change", "direction")
    caption = (
        "Mean ± half of the interval over seeds. The paper gives one run without seeds; its settings are not the same, so "
        "directions are compared, not sizes."
    )
    return Table(columns, body, caption)


def _control_table(control: Mapping[str, Mapping[str, float]]) -> Table:
    rows: list[list[Cell]] = [
        [label, control["filtered"][name], control["unfiltered"][name],
         _signed(control["filtered"][name] / control["unfiltered"][name] - 1, ".1%")]
        for name, label in (("own", "L1 in the arms' color space"), ("rgb", "L1 in RGB from -1 to 1, as in the paper"))
    ]
    return Table(("the predictor that repeats its gray input", "filtered targets", "unfiltered targets", "change"), rows,
                 "It has learned nothing: where its loss changes, the targets have changed.", digits=4)


def _own_losses_table(material: Material) -> Table:
    names = [name for name in LABELS if all(name in result.final for result in material.results.values())]
    rows: list[list[Cell]] = []
    for arm in material.findings.arms:
        finals = [material.results[run.key].final for run in material.of_arm(arm.name)]
        rows.append([arm.name, *(float(np.mean([final[name] for final in finals])) for name in names)])
    return Table(("arm", *(_SHORT[name] for name in names)), rows, "Last epoch, mean over seeds.", digits=4)


def _loss_curves(material: Material) -> dict[str, Curves]:
    """A chart a loss, a line an arm: mean over seeds."""
    findings = material.findings
    wanted = {UNTREATED, "C", "N", findings.best.name if findings.best else UNTREATED}
    curves = {
        arm.name: [material.results[run.key].curve for run in material.of_arm(arm.name)]
        for arm in findings.arms if arm.name in wanted
    }
    found = {}
    for name, label in _CURVES.items():
        lines = {arm: _mean_curve(seeds, name) for arm, seeds in curves.items()}
        if any(lines.values()):
            caption = f"Mean over seeds: untreated, the paper's filter and its control, and the best. {label.capitalize()}."
            found[name] = Curves(lines, "images seen", label, caption)
    return found


def _mean_curve(seeds: Sequence[Sequence[tuple[float, Mapping[str, float]]]], name: str) -> list[tuple[float, float]]:
    lines = [[(at, point[name]) for at, point in seed if name in point] for seed in seeds]
    length = min(map(len, lines))
    return [(lines[0][index][0], float(np.mean([line[index][1] for line in lines]))) for index in range(length)]


# --- Pictures -----------------------------------------------------------------------------------------------------------

def _pictures(material: Material) -> Comparison:
    """gray | Pix2Pix | filter + Pix2Pix | the best | truth, of the photographs that every run has kept."""
    findings, test = material.findings, material.pictures.test
    best = findings.best
    columns = {UNTREATED: "Pix2Pix", "C": "filter + Pix2Pix (C)"}
    if best is not None and best.name not in columns:
        columns[best.name] = f"{best.name}, {'the winner' if findings.winner else 'the nearest'}"
    first = {arm: material.of_arm(arm)[0] for arm in columns if arm in findings.levels}
    rows: list[tuple[str, Sequence[NDArray[Any]], str]] = []
    for name in next(iter(first.values())).shown:
        results = [read_photo(run.folder / "pictures" / name).pixels for run in first.values()]
        damaged, clean = (read_photo(test / kind / name).pixels for kind in ("damaged", "clean"))
        index = int(Path(name).stem)
        inside = [material.results[run.key].scores[PRIMARY][index] for run in first.values()]
        rows.append((material.pictures.test_names[index], [gray_of(damaged), *results, clean],
                     "Delta E inside " + " / ".join(f"{value:.1f}" for value in inside)))
    return Comparison(["gray", *(columns[arm] for arm in first), "truth"], rows,
                      "Input with simulated glare, results, and the clean truth; Delta E inside the mask in the same order.")


def _write_figure(folder: Path, name: str, part: Part) -> str:
    """Write a figure as a file for other documents; returns its name."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(part, Comparison):
        rows = [[pixels for pixels in pictures if pixels is not None] for _, pictures, _ in part.rows]
        write_photo(folder / f"{name}.png", sheet(rows, part.headings, _CELL_PX))
        return f"{name}.png"
    assert isinstance(part, Curves | Intervals)
    chart = part.chart()
    assert chart is not None  # a finished run has losses and scores
    with whole_file(folder / f"{name}.svg") as temporary:
        temporary.write_text(chart.document(), encoding="utf-8", newline="\n")
    return f"{name}.svg"


# --- Method, parameters, versions ---------------------------------------------------------------------------------------

def _method(material: Material) -> str:
    pictures, findings = material.pictures, material.findings
    seconds = [result.seconds for result in material.results.values()]
    return (
        f"Each photograph, its longer side at most {pictures.longer_px} px, is darkened to {EXPOSURE:.0%} of its light; glare "
        f"is added in linear light (docs/glare.md, the simulator) by a seed of its own (from {GLARE_SEED}). Of the "
        f"training photographs {findings.dose} % are damaged, input and target alike, as a user's own would be. The truth of "
        f"the test photographs stays clean and unfiltered. {pictures.damaged_share:.2%} of their area is damaged."
        "\n\nArms of a seed begin with the same weights and take the same photographs in the same order, equally often. No "
        "weights are chosen by looking at test photographs. A model predicts as it was trained: what an arm does to glare at "
        "prediction is part of the arm."
        "\n\nThe primary measure is Delta E 2000 inside the true mask with the truth's lightness put in place of the result's: "
        f"color alone. Outside and on clean inputs an arm may lose less than {MARGIN}. Differences are paired by seed and "
        "photograph; intervals are Student's over seeds, and over seeds and photographs at once (two crossed random effects)."
        f"\n\n{len(seconds)} runs, {sum(seconds) / 3600:.1f} hours of training in all, {float(np.mean(seconds)):.0f} s a run; "
        f"{len(pictures.left_out)} photographs could not be used and were left out of all arms."
    )


def _arms_table(findings: Findings) -> Table:
    rows = [[arm.name, arm.role, arm.title, _settings(arm.settings) or "–"] for arm in findings.arms]
    return Table(("arm", "role", "what it is", "its rows"), rows, f"All arms begin from {_settings(COMMON_ROWS)}.")


def _settings(rows: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.upper()}={value}" for name, value in rows.items())


def _runs_table(material: Material) -> Table:
    rows: list[list[Cell]] = []
    for seed in material.findings.seeds:
        run = next(run for run in material.runs if run.seed == seed)
        result = material.results[run.key]
        rows.append([seed, result.photographs, result.images_seen, *(value[:16] or "–" for value in result.start.values())])
    columns = ("seed", "photographs", "images seen", "generator's first weights", "discriminator's", "order of photographs")
    return Table(columns, rows, "The same in every arm of a seed, as sha256 (first 16 digits): checked for each run.")


def _parameters_table(material: Material) -> Table:
    rows = [
        [name.upper(), str(getattr(material.base, name)), origin] for name, origin in material.origins.items()
        if origin != "default"
    ]
    return Table(("parameter", "value", "from"), rows or [["–", "all defaults", ""]],
                 "The base of all arms; what is not named has its default.")


def _versions_table(material: Material) -> Table:
    rows = [
        ["code that trains, predicts and judges (sha256)", ", ".join(sorted({of.version for of in material.results.values()}))],
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
    """A line a run and photograph."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "dose", "seed", "photograph", *METRICS, "run"])
    for run in material.runs:
        if run.key not in material.results:
            continue
        scores = material.results[run.key].scores
        for index, name in enumerate(material.pictures.test_names):
            values = [scores[metric][index] for metric in METRICS]
            writer.writerow([run.arm, run.dose, run.seed, to_cell(name),
                             *("" if math.isnan(value) else f"{value:.6g}" for value in values), run.folder.name])
    with whole_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")


# --- Numbers as people write them ---------------------------------------------------------------------------------------

def _level(interval: Interval, digits: int) -> str:
    """``9.36 ± 0.69``."""
    return _minus(f"{interval.mean:.{digits}f}" + (f" ± {interval.half:.{digits}f}" if interval.known else ""))


def _range(interval: Interval, digits: int = 2, form: str = "") -> str:
    """``−0.31 (−0.40 to −0.22)``."""
    form = form or f"+.{digits}f"
    bounds = f" ({interval.low:{form}} to {interval.high:{form}})" if interval.known else ""
    return _minus(f"{interval.mean:{form}}{bounds}")


def _signed(value: float, form: str) -> str:
    return _minus(f"{value:+{form}}")


def _minus(text: str) -> str:
    """Hyphens of numbers as minus signs."""
    return text.replace("-", "−")


def p_text(p: float) -> str:
    """``.031``, ``< .001``, or a dash where there is none."""
    return "–" if not math.isfinite(p) else "< .001" if p < 0.001 else "1" if p > 0.9995 else f"{p:.3f}".lstrip("0")
