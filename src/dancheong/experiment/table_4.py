"""The source paper's table 4 repeated: a discriminator's and a generator's own losses, with and without the filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dancheong.data.prepare import channels, prepare, target_to_network, to_network
from dancheong.experiment.findings import Interval, t_interval
from dancheong.experiment.one_run import Result
from dancheong.imaging.files import list_photos, read_photo
from dancheong.imaging.resize import resize, working_shape
from dancheong.params import Params

_CONTROL_PHOTOGRAPHS = 200


class Loss(NamedTuple):
    """A loss of the training: as table 4 names it, as a narrow column does, and what its curve shows (empty: it has none).

    `paper`: the source paper's (with filter, without), in its table 4.
    """

    label: str
    short: str
    curve: str = ""
    paper: tuple[float, float] | None = None

    @property
    def paper_change(self) -> float | None:
        """The paper's relative change, such as -.25; None for what it does not give."""
        return self.paper[0] / self.paper[1] - 1 if self.paper else None


LOSSES: Mapping[str, Loss] = {
    "d_real": Loss("discriminator on real (D_loss1)", "D on real", "discriminator on real", (0.28004, 0.32232)),
    "d_fake": Loss("discriminator on fake (D_loss2)", "D on fake", "discriminator on fake", (0.38701, 0.40546)),
    "g": Loss("generator (G_loss)", "G", paper=(3.04149, 4.03307)),
    "g_gan": Loss("of it adversarial", "G, adversarial", "generator, adversarial"),
    "color": Loss("of it the distance to the truth where LOSS is color, unweighted", "color distance",
                  "distance of the colors to the truth"),
    "l1": Loss("mean absolute difference (of it the distance where LOSS is l1), unweighted", "l1",
               "mean absolute difference to the truth"),
}


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
        theirs = LOSSES[self.name].paper_change
        if theirs is None:
            return "–"
        if self.change.known and self.change.low <= 0 <= self.change.high:
            return "neither way"
        return "the same" if (self.change.mean < 0) == (theirs < 0) else "the opposite"


def table_4(with_filter: Sequence[Result], without: Sequence[Result]) -> list[Row]:
    """A row a loss; results of the same seeds in the same order. Losses that were not trained with are left out."""
    rows = []
    for name in LOSSES:
        if all(name in result.final for result in (*with_filter, *without)):
            ours, theirs = (np.array([result.final[name] for result in results]) for results in (with_filter, without))
            rows.append(Row(name, t_interval(ours), t_interval(theirs), t_interval(ours / theirs - 1)))
    return rows


def repeat_the_gray(photos: Path, params: Params) -> dict[str, float]:
    """Mean absolute error, in network units, of the predictor that answers its own gray input, on the training's targets.

    Args:
        params: of an arm; its glare control makes the targets, as in training.

    Returns:
        "own": in the arm's own color space; "rgb": in RGB from -1 to 1, as the source paper trains.
    """
    files = list_photos(photos)
    rgb = params.model_copy(update={"color_space": "RGB"})
    errors: dict[str, list[float]] = {"own": [], "rgb": []}
    for index in sorted({int(i) for i in np.linspace(0, len(files) - 1, _CONTROL_PHOTOGRAPHS)}):
        ready = prepare(read_photo(files[index]).pixels, params, "train")
        assert ready.target_hwc is not None  # a color photograph in training is its own truth
        shape = working_shape(ready.target_hwc.shape[0], ready.target_hwc.shape[1], params.predict_px)
        for name, space in (("own", params), ("rgb", rgb)):
            target = target_to_network(resize(ready.target_hwc, shape), space)
            gray = to_network(resize(ready.input_hwc[..., 0], shape)[..., None], space) if channels(space)[1] == 3 else 0.0
            errors[name].append(float(np.abs(target - gray).mean()))
    return {name: float(np.mean(values)) for name, values in errors.items()}


def record(rows: Sequence[Row], control: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """For JSON."""
    found: dict[str, Any] = {}
    for row in rows:
        paper = LOSSES[row.name].paper
        found[row.name] = {
            "with_filter": row.with_filter.record(), "without": row.without.record(), "change": row.change.record(),
            "paper": {"with_filter": paper[0], "without": paper[1]} if paper else None,
        }
    return {**found, "repeat_the_gray": {name: dict(values) for name, values in control.items()}}
