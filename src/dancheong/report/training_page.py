"""The page that every training leaves in its log folder: losses, validation, previews over time, parameters."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.files import read_photo
from dancheong.params import Params, Resolved
from dancheong.params.schema import format_value
from dancheong.report.chart import Curves
from dancheong.report.page import Comparison, Facts, Part, Table, compose, write_report

LOSSES, PAGE = "losses.jsonl", "training.html"
# Columns of previews between the gray and the truth: as many as a screen shows side by side.
_MOMENTS = 4
_PREVIEW = re.compile(r"preview_(\d+)\.png")
_WORDS = Path(__file__).with_name("templates") / "training.txt"
_NOTICE = (
    "Losses do not tell how good the colors are: look at the previews, and judge by the validation photographs, which the "
    "network never trains on."
)
# A chart each: what it shows, and the entries of losses.jsonl that are its lines.
LOSS_CHARTS = {
    "distance": ("distance to the truth", ("l1", "color")),
    "adversarial": ("adversarial loss", ("d_real", "d_fake", "g_gan")),
}
_VALIDATION = {
    "error": ("Delta E 2000", ("val_delta_e_2000", "val_gray_delta_e_2000", "val_input_delta_e_2000")),
    "colorfulness": ("colorfulness", ("val_colorfulness", "val_colorfulness_truth")),
    "psnr": ("PSNR (dB)", ("val_psnr", "val_psnr_bicubic")),
}


@dataclass(frozen=True)
class TrainingState:
    """What the log folder does not tell: the model, the state in a sentence, how far the run is to go, when it began.

    `remarks` are (what, how many, what to do) lines, such as a doctor's summary and the photographs that were left out.
    `earlier`: previews that another run has left in the folder, as `preview_times` gave them before this one began.
    `columns` name what stands side by side in a preview; the last but one is the network's.
    """

    model: str
    state: str
    images_total: int = 0
    remarks: Sequence[tuple[str, int, str]] = ()
    earlier: Mapping[str, int] = field(default_factory=dict)
    columns: Sequence[str] = ("gray", "predicted", "truth")


def trained_seconds(log_dir: str | Path) -> float:
    """How long the training took, as its log says; 0 where there is no log."""
    return max((entry.get("seconds", 0.0) for entry in read_losses(log_dir)), default=0.0)


def read_losses(log_dir: str | Path) -> list[dict[str, float]]:
    """The entries of losses.jsonl; empty where there is none. A last line that was cut off is left out."""
    file = Path(log_dir) / LOSSES
    entries = []
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def preview_times(log_dir: str | Path) -> dict[str, int]:
    """The previews in a log folder: name -> when written, in ns of the clock of its file system."""
    return {file.name: file.stat().st_mtime_ns for file in sorted(Path(log_dir).glob("preview_*.png"))}


def find_previews(
    log_dir: str | Path, entries: Sequence[Mapping[str, float]], earlier: Mapping[str, int] | None = None
) -> list[tuple[int, Path]]:
    """(images seen, file) of each preview, in order; those of an earlier run that are still there are passed over."""
    logged = {int(entry["images"]) for entry in entries}
    found = []
    for name, written in preview_times(log_dir).items():
        match = _PREVIEW.fullmatch(name)
        if match and int(match[1]) in logged and (earlier or {}).get(name) != written:
            found.append((int(match[1]), Path(log_dir) / name))
    return found


def write_training_page(log_dir: str | Path, resolved: Resolved, state: TrainingState) -> Path:
    """Write training.html, one file with everything in it, into the log folder of a training.

    Args:
        log_dir: has losses.jsonl and the previews; may still grow.
        resolved: the parameters and where each came from.

    Raises:
        OSError: the disk.
    """
    entries = read_losses(log_dir)
    validated = any(name.startswith("val_") for entry in entries for name in entry)
    parts: dict[str, Part | None] = {
        "facts": _facts(entries, resolved.params, state),
        "remarks": Table(("photographs", "how many", "what to do"), state.remarks) if state.remarks else None,
        "previews": _previews(find_previews(log_dir, entries, state.earlier), state.columns),
        **curves_of(entries), **curves_of(entries, _VALIDATION),
        "parameters": _parameters(resolved),
    }
    page = Path(log_dir) / PAGE
    write_report(
        page, f"Training of {Path(state.model).name}", compose(_WORDS, parts, validated=validated), state.state, _NOTICE
    )
    return page


def curves_of(
    entries: Sequence[Mapping[str, float]], charts: Mapping[str, tuple[str, Sequence[str]]] = LOSS_CHARTS
) -> dict[str, Curves | None]:
    """The charts of the losses, or others, over the images seen; None where there is nothing to draw."""
    found: dict[str, Curves | None] = {}
    for name, (label, keys) in charts.items():
        series = {key: [(entry["images"], entry[key]) for entry in entries if key in entry] for key in keys}
        series = {key: points for key, points in series.items() if points}
        found[name] = Curves(series, "images seen", label) if series else None
    return found


def _facts(entries: Sequence[Mapping[str, float]], params: Params, state: TrainingState) -> Facts:
    seen = int(max((entry["images"] for entry in entries), default=0))
    seconds = max((entry.get("seconds", 0.0) for entry in entries), default=0.0)
    goal = f"of {state.images_total:,}" if state.images_total else ""
    facts: list[tuple[str, Any, str]] = [
        ("images seen", seen, goal),
        ("minutes", f"{seconds / 60:.1f}", f"{seen / seconds:.1f} images a second" if seconds else ""),
    ]
    scores = [entry for entry in entries if math.isfinite(entry.get("val_delta_e_2000", math.nan))]
    if scores:
        best = min(scores, key=lambda entry: entry["val_delta_e_2000"])
        facts.append(("best Delta E 2000", best["val_delta_e_2000"], f"on validation, after {int(best['images']):,} images"))
        for name, what in (("val_gray_delta_e_2000", "gray photographs"), ("val_input_delta_e_2000", "inputs")):
            if name in best:
                facts.append((f"of the {what}", best[name], "as they are, on the same photographs"))
    if "gray" in state.columns:
        facts.append(("working size", f"{params.resol} px", f"{params.encoder}, NGF {params.ngf}, {params.color_space}"))
    return Facts(facts)


def _previews(previews: Sequence[tuple[int, Path]], columns: Sequence[str]) -> Comparison | None:
    """One row: what the network is given, what it made of it at some moments, the truth."""
    if not previews:
        return None
    chosen = np.unique(np.linspace(0, len(previews) - 1, min(_MOMENTS, len(previews))).round().astype(int))
    sheets = [(previews[index][0], _cells(previews[index][1], len(columns))) for index in chosen]
    shown = list(zip(columns, sheets[-1][1], strict=True))
    shown[-2:-1] = [(f"after {images:,} images", cells[-2]) for images, cells in sheets]
    headings, pictures = zip(*shown, strict=True)
    return Comparison(headings, [("as the training went on", pictures, "")])


def _cells(preview: Path, count: int) -> list[NDArray[Any]]:
    pixels_hwc = read_photo(preview).pixels
    width = pixels_hwc.shape[1] // count
    return [pixels_hwc[:, column * width : (column + 1) * width] for column in range(count)]


def _parameters(resolved: Resolved) -> Table:
    rows = [
        (name.upper(), format_value(getattr(resolved.params, name)), origin, str(Params.model_fields[name].description))
        for name, origin in resolved.origins.items() if name in Params.model_fields
    ]
    return Table(("name", "value", "from", "meaning"), rows, strong_rows=[
        index for index, row in enumerate(rows) if row[2] != "default"
    ])
