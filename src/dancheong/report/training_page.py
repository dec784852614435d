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
from dancheong.report.page import Comparison, Curves, Facts, Section, Table, write_report

LOSSES, PAGE = "losses.jsonl", "training.html"
# Columns of previews between the gray and the truth: as many as a screen shows side by side.
_MOMENTS = 4
_PREVIEW = re.compile(r"preview_(\d+)\.png")
_NOTICE = (
    "Losses do not tell how good the colors are: look at the previews, and judge by the validation photographs, which the "
    "network never trains on."
)
_DISTANCE = (
    "l1 is the mean absolute difference to the truth in units of the network (in LAB 1 stands for 110 units of a* and b*, so "
    ".05 are 5.5 units), color the mean distance of whole colors. LOSS says which of them is learned from; it counts LAMBDA_L1 "
    "times. They should fall quickly and then slowly."
)
_ADVERSARIAL = (
    "d_real and d_fake tell how wrong the discriminator is about true and about predicted colors, g_gan how surely it catches "
    "the generator. At .69 (ln 2) it only guesses. d_real and d_fake near 0 while g_gan climbs mean that the "
    "discriminator has won and teaches nothing more: lower LAMBDA_GAN (SR_LAMBDA_GAN of an upscaler) or NDF, or use a "
    "smaller PATCH_SIZE."
)
_LOSSES = (
    ("distance to the truth", ("l1", "color"), _DISTANCE), ("adversarial loss", ("d_real", "d_fake", "g_gan"), _ADVERSARIAL),
)
_ERROR = (
    "Delta E 2000 is the perceived difference to the true colors at working size: lower is better. The model file keeps the "
    "weights of the lowest point. Where this curve rises while l1 still falls, the network learns the photographs by heart: "
    "more photographs, fewer EPOCHS or a smaller NGF help."
)
_VALIDATION = (
    ("Delta E 2000", ("val_delta_e_2000",), _ERROR),
    ("colorfulness", ("val_colorfulness", "val_colorfulness_truth"),
     "Below the truth's: washed out. VIVID changes it at prediction."),
    ("PSNR (dB)", ("val_psnr", "val_psnr_bicubic"), "Of the enlarged photographs: higher is better; bicubic is what to beat."),
)


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
    sections = [
        Section("Where it stands", "", (_facts(entries, resolved.params, state), *_remarks(state))),
        *_previews(find_previews(log_dir, entries, state.earlier), state.columns, unseen=any(map(_is_validation, entries))),
        Section("Losses", "", loss_curves(entries)),
        *_validation(entries),
        Section("Parameters", "Rows set apart are not at their default.", (_parameters(resolved),)),
    ]
    page = Path(log_dir) / PAGE
    write_report(page, f"Training of {Path(state.model).name}", sections, state.state, _NOTICE)
    return page


def loss_curves(entries: Sequence[Mapping[str, float]]) -> tuple[Curves, ...]:
    """The losses over the images seen: the distance to the truth, and the two networks against each other."""
    return _charts(entries, _LOSSES)


def _charts(
    entries: Sequence[Mapping[str, float]], charts: Sequence[tuple[str, Sequence[str], str]]
) -> tuple[Curves, ...]:
    """The charts of which there is anything to draw."""
    return tuple(
        Curves(series, "images seen", label, caption) for label, names, caption in charts if (series := _series(entries, names))
    )


def _series(entries: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    series = {name: [(entry["images"], entry[name]) for entry in entries if name in entry] for name in names}
    return {name: points for name, points in series.items() if points}


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
    if "gray" in state.columns:
        facts.append(("working size", f"{params.resol} px", f"{params.encoder}, NGF {params.ngf}, {params.color_space}"))
    return Facts(facts)


def _remarks(state: TrainingState) -> tuple[Table, ...]:
    return (Table(("photographs", "how many", "what to do"), state.remarks),) if state.remarks else ()


def _previews(previews: Sequence[tuple[int, Path]], columns: Sequence[str], unseen: bool) -> list[Section]:
    """One row: what the network is given, what it made of it at some moments, the truth."""
    if not previews:
        return []
    chosen = np.unique(np.linspace(0, len(previews) - 1, min(_MOMENTS, len(previews))).round().astype(int))
    sheets = [(previews[index][0], read_photo(previews[index][1]).pixels) for index in chosen]
    count, latest = len(columns), sheets[-1][1]
    shown = [(name, _column(latest, index, count)) for index, name in enumerate(columns)]
    shown[-2:-1] = [(f"after {images:,} images", _column(sheet, count - 2, count)) for images, sheet in sheets]
    headings, pictures = zip(*shown, strict=True)
    whose = "Validation photographs" if unseen else "Photographs of the training itself, which unseen ones will not equal"
    row = ("as the training went on", pictures, "")
    return [Section("Previews", f"{whose}, at working size.", (Comparison(headings, [row]),))]


def _column(sheet_hwc: NDArray[Any], column: int, count: int) -> NDArray[Any]:
    """One of the `count` columns of a preview."""
    width = sheet_hwc.shape[1] // count
    return sheet_hwc[:, column * width : (column + 1) * width]


def _is_validation(entry: Mapping[str, float]) -> bool:
    return any(name.startswith("val_") for name in entry)


def _validation(entries: Sequence[Mapping[str, float]]) -> list[Section]:
    charts = _charts(entries, _VALIDATION)
    return [Section("Validation", "", charts)] if charts else []


def _parameters(resolved: Resolved) -> Table:
    rows = [
        (name.upper(), format_value(getattr(resolved.params, name)), origin, str(Params.model_fields[name].description))
        for name, origin in resolved.origins.items()
    ]
    return Table(("name", "value", "from", "meaning"), rows, strong_rows=[
        index for index, row in enumerate(rows) if row[2] != "default"
    ])
