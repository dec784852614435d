"""The experiment's report: one self-contained page, the same in Markdown, and the numbers as JSON and CSV."""

import csv
import io
import math
from pathlib import Path

import numpy as np

from dancheong.experiment import figures
from dancheong.experiment.arms import UNTREATED
from dancheong.experiment.findings import MARGIN, PRIMARY, Findings
from dancheong.experiment.judge import METRICS
from dancheong.experiment.markdown import to_markdown
from dancheong.experiment.pictures import EXPOSURE, GLARE_SEED
from dancheong.experiment.table_4 import CAN_AND_CANNOT
from dancheong.experiment.tables import (
    Material,
    arms_table,
    control_table,
    dose_table,
    facts,
    levels_table,
    losses_table,
    of_arm,
    own_losses_table,
    parameters_table,
    primary_table,
    runs_table,
    secondary_table,
    versions_table,
)
from dancheong.experiment.verdict import verdict
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo
from dancheong.report.page import Drawing, Section, write_report
from dancheong.system.whole_file import whole_file


def write_all(out: Path, material: Material) -> list[str]:
    """Write report.html, report.md, figures/ and scores.csv to `out`; returns the verdict's paragraphs."""
    findings = material.findings
    words = verdict(findings, material.rows, material.control)
    drawn = _draw(out / "figures", material)
    sections = [
        Section("Verdict", "\n\n".join(words), (facts(findings),)),
        Section("Delta E and the rest", _LEVELS, (
            levels_table(findings), drawn["forest"], primary_table(findings), secondary_table(findings),
        )),
        *([Section("How much of the training is damaged", _DOSES, (drawn["doses"], dose_table(findings)))]
          if "doses" in drawn else []),
        *([Section("The paper's table 4", CAN_AND_CANNOT, (losses_table(material.rows), control_table(material.control)))]
          if material.rows else []),
        Section("Pictures", _PICTURES, (drawn["pictures"],)),
        Section("Losses", "Own losses, in each arm on its own targets: no evidence of better color.",
                (drawn["losses"], own_losses_table(material))),
        Section("Method", _method(material), (arms_table(findings), runs_table(material))),
        Section("Parameters and versions", "", (parameters_table(material), versions_table(material))),
    ]
    title = "dancheong: does glare control make the colors better?"
    lead = (
        f"{len(findings.arms)} arms, {len(findings.seeds)} seeds, {len(material.pictures.train_names)} training and "
        f"{findings.photographs} test photographs, judged against the clean truth."
    )
    notice = "\n\n".join(material.notes)
    write_report(out / "report.html", title, sections, lead, notice)
    with whole_file(out / "report.md") as temporary:
        names = {id(part): f"figures/{name}.png" for name, part in drawn.items()}
        temporary.write_text(to_markdown(title, lead, notice, sections, names), encoding="utf-8", newline="\n")
    _write_scores(out / "scores.csv", material)
    return words


_LEVELS = (
    "Mean over photographs, then over seeds, with Student's interval of 95 % over seeds. "
    + " ".join(f"{metric.label}: {metric.meaning}." for metric in METRICS.values())
)
_DOSES = "A smaller dose is part of a greater one. At dose 0 the untreated arm is arm A."
_PICTURES = (
    "As the paper's figures 8 to 11. The photographs were chosen by how much of them is damaged, from the middle to the most, "
    "and not by any result; the first seed."
)


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


def _draw(folder: Path, material: Material) -> dict[str, Drawing]:
    """The figures as files, and as parts of the page."""
    findings = material.findings
    drawn = {
        "forest": (figures.forest(folder / "forest", findings),
                   f"Differences from the untreated arm {UNTREATED} with intervals of 95 %."),
        "losses": (figures.losses(folder / "losses", {
            name: [material.results[run.key].curve for run in of_arm(material, name)] for name in _curve_arms(findings)
        }), "Losses over the training, mean over seeds: untreated, the paper's filter and its control, and the best."),
        "pictures": (_pictures(folder / "pictures", material),
                     "Input with simulated glare, results, and the clean truth. Left: Delta E inside the mask, in the same "
                     "order."),
    }
    if len(findings.by_dose) > 1:
        drawn["doses"] = (figures.doses(folder / "doses", findings),
                          "Delta E inside the mask, with intervals of 95 % over seeds.")
    return {
        name: Drawing(files[1].read_text("utf-8"), caption, caption) for name, (files, caption) in drawn.items()
    }


def _curve_arms(findings: Findings) -> list[str]:
    wanted = {UNTREATED, "C", "N", findings.best.name if findings.best else UNTREATED}
    return [arm.name for arm in findings.arms if arm.name in wanted]


def _pictures(path: Path, material: Material) -> list[Path]:
    """gray | Pix2Pix | filter + Pix2Pix | the best | truth, of the photographs that every run has kept."""
    findings, test = material.findings, material.pictures.test
    best = findings.best
    columns = {UNTREATED: "Pix2Pix", "C": "filter + Pix2Pix (C)"}
    if best is not None and best.name not in columns:
        columns[best.name] = f"{best.name}, {'the winner' if findings.winner else 'the nearest'}"
    first = {arm: of_arm(material, arm)[0] for arm in columns if arm in findings.levels}
    shown = next(iter(first.values())).shown
    rows, remarks = [], []
    for name in shown:
        results = [read_photo(run.folder / "pictures" / name).pixels for run in first.values()]
        damaged, clean = (read_photo(test / kind / name).pixels for kind in ("damaged", "clean"))
        rows.append([gray_of(damaged), *results, clean])
        inside = [material.results[run.key].scores[PRIMARY][int(Path(name).stem)] for run in first.values()]
        remarks.append(" / ".join(f"{value:.1f}" for value in inside))
    return figures.pictures(path, ["gray", *(columns[arm] for arm in first), "truth"], rows, remarks)


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
            writer.writerow([run.arm, run.dose, run.seed, name,
                             *("" if math.isnan(value) else f"{value:.6g}" for value in values), run.folder.name])
    with whole_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
