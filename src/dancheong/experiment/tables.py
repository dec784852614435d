"""What the report is made of, and its tables."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from dancheong.experiment.arms import COMMON_ROWS, UNTREATED
from dancheong.experiment.findings import GUARDS, PRIMARY, Findings
from dancheong.experiment.judge import METRICS
from dancheong.experiment.one_run import Result, Run
from dancheong.experiment.pictures import Pictures
from dancheong.experiment.statistics import Interval, minus, p_text
from dancheong.experiment.table_4 import LABELS, PAPER, Row, paper_change
from dancheong.params import Params
from dancheong.report.page import Cell, Facts, Table

_VERSIONS = ("dancheong", "torch", "onnxruntime", "numpy", "scipy", "opencv-python-headless")

_SHORT = {"d_real": "D on real", "d_fake": "D on fake", "g": "G", "g_gan": "G, adversarial", "l1": "distance"}


@dataclass(frozen=True)
class Material:
    """What the report is made of. `notes`: sentences that must not be overlooked; `origins`: of the base's rows."""

    findings: Findings
    rows: Sequence[Row]
    control: Mapping[str, Mapping[str, float]]
    runs: Sequence[Run]
    results: Mapping[str, Result]
    pictures: Pictures
    base: Params
    origins: Mapping[str, str]
    notes: Sequence[str] = ()


def of_arm(material: Material, name: str) -> list[Run]:
    """The arm's runs at the experiment's dose, or its own, in the order of seeds."""
    arm = next(arm for arm in material.findings.arms if arm.name == name)
    dose = material.findings.dose if arm.dose is None else arm.dose
    seeds = material.findings.seeds
    return [run for run in material.runs if run.arm == name and run.dose == dose and run.seed in seeds]


def facts(findings: Findings) -> Facts:
    best = findings.best
    items: list[tuple[str, Cell, str]] = [
        ("untreated, inside", findings.levels[UNTREATED][PRIMARY].mean, "Delta E 2000, lightness known"),
        ("gray input, inside", findings.gray[PRIMARY], "the baseline of all"),
    ]
    if best is not None:
        level = findings.levels[best.name][PRIMARY]
        items.insert(0, (f"{'winner' if findings.winner else 'nearest'}: {best.name}, inside", level.mean, _plus(level, 2)))
    return Facts(items)


def levels_table(findings: Findings) -> Table:
    rows: list[list[Cell]] = [
        [arm.name, *(_told(findings.levels[arm.name][name], metric.digits) for name, metric in METRICS.items())]
        for arm in findings.arms
    ]
    gray = (minus(f"{findings.gray[name]:.{metric.digits}f}") for name, metric in METRICS.items())
    rows.append(["gray input", *gray])
    columns = ["arm", *(metric.label for metric in METRICS.values())]
    return Table(columns, rows, "Levels: mean ± half of the interval over seeds.", strong_rows=[len(rows) - 1])


def primary_table(findings: Findings) -> Table:
    """Differences that the verdict rests on."""
    rows: list[list[Cell]] = []
    for arm in findings.arms:
        if arm.name == UNTREATED:
            continue
        of = findings.to_untreated[arm.name]
        primary = of[PRIMARY]
        rows.append([
            arm.name, _range(primary.over_seeds), _range(primary.over_both), p_text(primary.p_holm),
            *(_range(of[name].over_seeds) for name in GUARDS),
        ])
    columns = [
        "arm", METRICS[PRIMARY].label, "over seeds and photographs", "adjusted p", *(METRICS[name].label for name in GUARDS)
    ]
    caption = (
        f"Paired differences from {UNTREATED}, with intervals of 95 % over seeds; the second column also holds for other "
        "photographs. p after Holm, over the arms that are tested (A is a reference)."
    )
    return Table(columns, rows, caption)


def secondary_table(findings: Findings) -> Table:
    """The other differences."""
    names = [name for name in METRICS if name != PRIMARY and name not in GUARDS]
    rows: list[list[Cell]] = [
        [arm.name, *(_range(findings.to_untreated[arm.name][name].over_seeds, METRICS[name].digits) for name in names)]
        for arm in findings.arms if arm.name != UNTREATED
    ]
    return Table(["arm", *(METRICS[name].label for name in names)], rows, "The other differences, with intervals over seeds.")


def dose_table(findings: Findings) -> Table:
    rows: list[list[Cell]] = []
    for dose, levels in findings.by_dose.items():
        effect = findings.dose_effects[dose].get("F")
        rows.append([f"{dose} %", _told(levels[UNTREATED][PRIMARY], 2), _told(levels["F"][PRIMARY], 2) if effect else "–",
                     _range(effect.over_seeds) if effect else "–"])
    return Table(("damaged photographs", UNTREATED, "F", f"F less {UNTREATED}"), rows, "Delta E inside the true mask.")


def losses_table(rows: Sequence[Row]) -> Table:
    body: list[list[Cell]] = []
    for row in rows:
        theirs = PAPER.get(row.name)
        change = paper_change(row.name)
        body.append([
            LABELS[row.name], _told(row.with_filter, 4), _told(row.without, 4), _percent(row.change),
            f"{theirs[0]:.5f}" if theirs else "–", f"{theirs[1]:.5f}" if theirs else "–",
            minus(f"{change:+.1%}") if change is not None else "–",
        ])
    columns = ("loss, last epoch", "with filter (C)", f"without ({UNTREATED})", "change", "paper, with", "paper, without",
               "paper, change")
    caption = (
        "Mean ± half of the interval over seeds. The paper gives one run without seeds; its settings are not the same, so "
        "directions are compared, not sizes."
    )
    return Table(columns, body, caption)


def control_table(control: Mapping[str, Mapping[str, float]]) -> Table:
    rows: list[list[Cell]] = [
        [label, control["filtered"][name], control["unfiltered"][name],
         minus(f"{control['filtered'][name] / control['unfiltered'][name] - 1:+.1%}")]
        for name, label in (("own", "L1 in the arms' color space"), ("rgb", "L1 in RGB from -1 to 1, as in the paper"))
    ]
    return Table(("the predictor that repeats its gray input", "filtered targets", "unfiltered targets", "change"), rows,
                 "It has learned nothing: where its loss changes, the targets have changed.", digits=4)


def own_losses_table(material: Material) -> Table:
    names = [name for name in LABELS if all(name in result.final for result in material.results.values())]
    rows: list[list[Cell]] = []
    for arm in material.findings.arms:
        finals = [material.results[run.key].final for run in of_arm(material, arm.name)]
        rows.append([arm.name, *(float(np.mean([final[name] for final in finals])) for name in names)])
    return Table(("arm", *(_SHORT[name] for name in names)), rows, "Last epoch, mean over seeds.", digits=4)


def arms_table(findings: Findings) -> Table:
    rows: list[list[Cell]] = []
    for arm in findings.arms:
        told = ", ".join(f"{name.upper()}={value}" for name, value in arm.settings.items())
        rows.append([arm.name, arm.role, arm.title, told or "–"])
    common = ", ".join(f"{name.upper()}={value}" for name, value in COMMON_ROWS.items())
    return Table(("arm", "role", "what it is", "its rows"), rows, f"All arms begin from {common}.")


def runs_table(material: Material) -> Table:
    rows: list[list[Cell]] = []
    for seed in material.findings.seeds:
        run = next(run for run in material.runs if run.seed == seed)
        result = material.results[run.key]
        rows.append([seed, result.photographs, result.images_seen, *(value[:16] or "–" for value in result.start.values())])
    columns = ("seed", "photographs", "images seen", "generator's first weights", "discriminator's", "order of photographs")
    return Table(columns, rows, "The same in every arm of a seed, as sha256 (first 16 digits): checked for each run.")


def parameters_table(material: Material) -> Table:
    own = {name: origin for name, origin in material.origins.items() if origin != "default"}
    rows: list[list[Cell]] = [[name.upper(), str(getattr(material.base, name)), origin] for name, origin in own.items()]
    return Table(("parameter", "value", "from"), rows or [["–", "all defaults", ""]],
                 "The base of all arms; what is not named has its default.")


def versions_table(material: Material) -> Table:
    used = {result.version for result in material.results.values()}
    rows: list[list[Cell]] = [
        ["code that trains, predicts and judges (sha256)", ", ".join(sorted(used))],
        ["photographs and their glare (sha256)", material.pictures.digest],
        ["Python", platform.python_version()],
        ["machine", f"{platform.system()} {platform.machine()}"],
    ]
    for name in _VERSIONS:
        try:
            rows.append([name, version(name)])
        except PackageNotFoundError:
            continue
    return Table(("what", "version"), rows)


def _told(interval: Interval, digits: int) -> str:
    return minus(f"{interval.mean:.{digits}f}" + (f" ± {interval.half:.{digits}f}" if interval.known else ""))


def _plus(interval: Interval, digits: int) -> str:
    return f"± {interval.half:.{digits}f} over seeds" if interval.known else "one seed"


def _range(interval: Interval, digits: int = 2) -> str:
    return _with_range(interval, f"+.{digits}f")


def _percent(interval: Interval) -> str:
    return _with_range(interval, "+.1%")


def _with_range(interval: Interval, form: str) -> str:
    bounds = f" ({interval.low:{form}} to {interval.high:{form}})" if interval.known else ""
    return minus(f"{interval.mean:{form}}{bounds}")
