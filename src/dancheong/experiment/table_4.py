"""The source paper's table 4 repeated: a discriminator's and a generator's own losses, with and without the filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancheong.data.prepare import channels, prepare, target_to_network, to_network
from dancheong.experiment.findings import Interval, t_interval
from dancheong.experiment.one_run import Result
from dancheong.imaging.files import list_photos, read_photo
from dancheong.imaging.resize import resize, working_shape
from dancheong.params import Params

# The paper's table 4: (with filter, without).
PAPER = {"d_real": (0.28004, 0.32232), "d_fake": (0.38701, 0.40546), "g": (3.04149, 4.03307)}
LABELS = {
    "d_real": "discriminator on real (D_loss1)", "d_fake": "discriminator on fake (D_loss2)", "g": "generator (G_loss)",
    "g_gan": "of it adversarial", "color": "of it the distance to the truth where LOSS is color, unweighted",
    "l1": "mean absolute difference (of it the distance where LOSS is l1), unweighted",
}
CAN_AND_CANNOT = (
    "These are the training's own losses, in its last epoch, on its own targets. They can show whether the two networks are in "
    "balance. They cannot show that colors are better: with the filter the targets themselves are other pictures, "
    "of other contrast, and a predictor that learns nothing at all has another loss on them, too."
)
_CONTROL_PHOTOGRAPHS = 200


@dataclass(frozen=True)
class Row:
    """One loss: with and without the filter over seeds, and the paired relative change."""

    name: str
    with_filter: Interval
    without: Interval
    change: Interval

    @property
    def direction(self) -> str:
        """Of its change, beside the paper's."""
        theirs = paper_change(self.name)
        if theirs is None:
            return "–"
        if self.change.known and self.change.low <= 0 <= self.change.high:
            return "neither way"
        return "the same" if (self.change.mean < 0) == (theirs < 0) else "the opposite"


def table_4(with_filter: Sequence[Result], without: Sequence[Result]) -> list[Row]:
    """A row a loss; results of the same seeds in the same order. Losses that were not trained with are left out."""
    rows = []
    for name in LABELS:
        if not all(name in result.final for result in (*with_filter, *without)):
            continue
        ours, theirs = (np.array([result.final[name] for result in results]) for results in (with_filter, without))
        rows.append(Row(name, t_interval(ours), t_interval(theirs), t_interval(ours / theirs - 1)))
    return rows


def paper_change(name: str) -> float | None:
    """The paper's relative change of a loss, such as -.25; None for what it does not give."""
    if name not in PAPER:
        return None
    with_filter, without = PAPER[name]
    return with_filter / without - 1


def repeat_the_gray(photos: Path, params: Params) -> dict[str, float]:
    """Mean absolute error, in network units, of the predictor that answers its own gray input, on the training's targets.

    Args:
        params: of an arm; its glare control makes the targets, as in training.

    Returns:
        "own": in the arm's own color space; "rgb": in RGB from -1 to 1, as the source paper trains.
    """
    files = list_photos(photos)
    chosen = [files[index] for index in sorted({int(i) for i in np.linspace(0, len(files) - 1, _CONTROL_PHOTOGRAPHS)})]
    rgb = params.model_copy(update={"color_space": "RGB"})
    sums: dict[str, list[float]] = {"own": [], "rgb": []}
    for file in chosen:
        ready = prepare(read_photo(file).pixels, params, "train")
        assert ready.target_hwc is not None  # a color photograph in training is its own truth
        shape = working_shape(ready.target_hwc.shape[0], ready.target_hwc.shape[1], params.predict_px)
        for name, space in (("own", params), ("rgb", rgb)):
            target = target_to_network(resize(ready.target_hwc, shape), space)
            gray = to_network(resize(ready.input_hwc[..., 0], shape)[..., None], space) if channels(space)[1] == 3 else 0.0
            sums[name].append(float(np.abs(target - gray).mean()))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def record(rows: Sequence[Row], control: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """For JSON."""
    return {
        **{
            row.name: {
                "with_filter": row.with_filter.record(), "without": row.without.record(), "change": row.change.record(),
                "paper": dict(zip(("with_filter", "without"), PAPER[row.name], strict=True)) if row.name in PAPER else None,
            }
            for row in rows
        },
        "repeat_the_gray": {name: dict(values) for name, values in control.items()},
    }
