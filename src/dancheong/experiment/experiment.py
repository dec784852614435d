"""The experiment from photographs to report: make the pictures, run the grid, judge, say what came out."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dancheong.experiment.arms import UNTREATED, arm_params, check_base
from dancheong.experiment.findings import ENOUGH_SEEDS, Findings, require_scipy, scores_of
from dancheong.experiment.grid import GridError, Outcome, Plan, Progress, check_same_start, plan_runs, run_grid
from dancheong.experiment.judge import METRICS, judge_gray, shown_photographs
from dancheong.experiment.one_run import Run
from dancheong.experiment.pictures import Pictures, dosed, make_pictures
from dancheong.experiment.report import Material, verdict_table, write_all
from dancheong.experiment.table_4 import record, repeat_the_gray, table_4
from dancheong.experiment.versions import run_version
from dancheong.system.json_text import finite
from dancheong.system.whole_file import write_text

SHOWN = 4


@dataclass(frozen=True)
class Compared:
    """What `dancheong compare` says: its JSON object, a line of verdict for each arm, failed runs, whether it was stopped."""

    record: dict[str, Any]
    verdict: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    stopped: bool = False


def compare(
    photos: Path, test: Path, out: Path, plan: Plan,
    watch: Callable[[Progress], None] = lambda progress: None, say: Callable[[str], None] = lambda line: None,
) -> Compared:
    """Run the experiment in `out`, or go on with it, and write report.html, report.md, compare.json, scores.csv, figures/.

    Args:
        photos, test: to train on and to judge with; color photographs.
        watch: is told how far the grid is; say: gets lines for people.

    Raises:
        ParamError: rows that the arms set themselves, or that cannot be trained with. NoPhotographs. ExtraMissing.
        GridError: runs that cannot be compared, or no seed whose runs are all there.
    """
    from dancheong.training.loop import check_training

    require_scipy()
    check_base(plan.base.origins)
    for arm in plan.arms:  # before a photograph is read
        check_training(arm_params(plan.base.params, arm, 1))
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    say("simulating light reflection on the photographs ...")
    pictures = make_pictures(photos, test, work, plan.base.params)
    shown = shown_photographs(pictures.test, SHOWN)
    runs = plan_runs(plan, pictures, work, shown)
    began = time.monotonic()
    outcome = run_grid(runs, plan, watch)
    if outcome.stopped:
        done = len(outcome.results)
        return Compared({"runs": len({run.key for run in runs}), "runs_finished": done, "stopped": True}, stopped=True)
    material = _material(plan, pictures, runs, outcome)
    write_all(out, material)
    rows = verdict_table(material.findings).rows
    verdict = [f"{name}: {inside:.2f} inside ({change}): {says}; {title}" for name, inside, change, says, title in rows]
    found = finite(_record(material, out, time.monotonic() - began))
    write_text(out / "compare.json", json.dumps({**found, "verdict": verdict}, indent=1, allow_nan=False))
    return Compared(found, [*material.notes, *verdict], outcome.failures)


def _material(plan: Plan, pictures: Pictures, runs: Sequence[Run], outcome: Outcome) -> Material:
    scores, seeds = scores_of(runs, outcome.results)
    if not seeds:
        raise GridError("no seed has all of its runs yet" + "".join(f"\n{title}: {error}" for title, error in outcome.failures))
    findings = Findings(plan.arms, seeds, plan.dose, scores, _gray_scores(pictures))
    material = Material(findings, [], {}, runs, outcome.results, pictures, plan.base, _notes(plan, runs, outcome, seeds))
    arms = {arm.name: arm for arm in plan.arms}
    if "C" not in arms:
        return material
    # Table 4 and its control are about the paper's arm.
    photos = dosed(pictures, plan.dose)
    control = {
        label: repeat_the_gray(photos, arm_params(plan.base.params, arms[name], 0))
        for label, name in (("filtered", "C"), ("unfiltered", UNTREATED))
    }
    rows = table_4(material.results_of(arms["C"]), material.results_of(arms[UNTREATED]))
    return replace(material, rows=rows, control=control)


def _notes(plan: Plan, runs: Sequence[Run], outcome: Outcome, seeds: Sequence[int]) -> list[str]:
    """What a reader must not overlook. Raises GridError: runs that cannot be compared."""
    own = [arm.name for arm in plan.arms if arm.is_own]
    notes = [plan.notice] * bool(plan.notice) + check_same_start(runs, outcome.results, own)
    missing = sorted({run.seed for run in runs} - set(seeds))
    if missing:
        notes.append(f"Seeds {', '.join(map(str, missing))} are left out: not all of their runs are there.")
    if len({result.version for result in outcome.results.values()}) > 1:
        notes.append("The runs were made by more than one version of the code.")
    if len(seeds) < ENOUGH_SEEDS:
        notes.append(
            f"Only {len(seeds)} {'seed was' if len(seeds) == 1 else 'seeds were'} run. This shows that everything works; it "
            f"settles nothing. {ENOUGH_SEEDS} seeds or more are needed."
        )
    return notes


def _gray_scores(pictures: Pictures) -> dict[str, list[float]]:
    """Scores of the gray input, kept beside the pictures: they are the same for every grid."""
    file = pictures.folder / f"gray-{run_version()[:12]}.json"
    if not file.exists():
        write_text(file, json.dumps(judge_gray(pictures.test)))
    scores: dict[str, list[float]] = json.loads(file.read_text("utf-8"))
    return scores


def _record(material: Material, out: Path, seconds: float) -> dict[str, Any]:
    findings = material.findings
    return {
        "arms": {name: {metric: of.record() for metric, of in levels.items()} for name, levels in findings.levels.items()},
        "table_4": record(material.rows, material.control) if material.rows else None,
        "differences": {
            name: {metric: difference.record() for metric, difference in of.items()}
            for name, of in findings.to_untreated.items()
        },
        "doses": {
            str(dose): {name: level.record() for name, (level, _) in of.items()} for dose, of in findings.by_dose.items()
        },
        "gray": findings.gray,
        "winner": findings.winner.name if findings.winner else None,
        "seeds": list(findings.seeds), "dose": findings.dose, "runs": len(material.results),
        "photographs": {"train": len(material.pictures.train_names), "test": findings.photographs},
        "code": material.versions, "data": material.pictures.digest,
        "report": str(out / "report.html"), "seconds": round(seconds, 1),
        "metrics": {name: metric.meaning for name, metric in METRICS.items()},
    }
