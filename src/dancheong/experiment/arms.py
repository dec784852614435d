"""What is compared: an arm is a set of rows over one common base, and the photographs it is trained on (docs/experiment.md)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dancheong.params import ParamError, Params, TableRow, resolve
from dancheong.params.schema import nearest
from dancheong.params.table import PRESETS

Role = Literal["untreated", "reference", "treatment", "control"]
Photos = Literal["simulated", "toned"]

UNTREATED = "B"
# Every arm begins from these, so that an arm is what its own rows say, whatever the base's preset. No photograph is left
# out for its glare: all arms see the same photographs in the same order.
COMMON_ROWS: Mapping[str, Any] = {
    "glare_mode": "off", "glare_stage": "both", "aug_glare_p": 0.0, "loss_min_kept": 0.0,
    "hf_channel": "luma", "hf_space": "linear", "hf_renorm": "geomean", "hf_border": "symmetric",
}
_PAPER = {
    name: PRESETS["paper"][name]
    for name in ("glare_mode", "glare_stage", "hf_channel", "hf_space", "hf_renorm", "hf_border")
}


@dataclass(frozen=True)
class Arm:
    """One way to deal with glare.

    Attributes:
        settings: rows over the base and `COMMON_ROWS`, by lower-case name.
        role: "untreated" is what the others are compared with; a "reference" is trained on photographs that nobody has; a
            "control" rules out an explanation; a "treatment" is a candidate.
        photos: "simulated" glare, or the same photographs "toned": under a tone curve of the paper's contrast.
        dose: percent of damaged training photographs where the arm has its own; None: the experiment's.
        placebo: loss masks of equal area in other places, instead of the detector's.
        is_own: a user's own, which may differ in anything.
    """

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    role: Role = "treatment"
    photos: Photos = "simulated"
    dose: int | None = None
    placebo: bool = False
    is_own: bool = False

    def at(self, dose: int) -> int:
        """The arm's own dose where it has one, or else the experiment's."""
        return dose if self.dose is None else self.dose


ARMS: tuple[Arm, ...] = (
    Arm("A", "trained on clean photographs", role="reference", dose=0),
    Arm("B", "damaged photographs, untreated", role="untreated"),
    Arm("C", "the paper: each channel of the whole training picture filtered", _PAPER),
    Arm("C2", "whole picture filtered, luminance only, in training and prediction", {"glare_mode": "global"}),
    Arm("D", "region corrected", {"glare_mode": "region"}),
    Arm("E", "kept out of the loss", {"glare_mode": "lossmask"}),
    Arm("DE", "region corrected and kept out of the loss", {"glare_mode": "region+lossmask"}),
    Arm("F", "region, loss mask, and synthetic glare on half of the inputs",
        {"glare_mode": "region+lossmask", "aug_glare_p": 0.5}),
    Arm("P", "placebo: as E, masks of equal area elsewhere", {"glare_mode": "lossmask"}, "control", placebo=True),
    Arm("N", "placebo: a tone curve of the contrast of C", role="control", photos="toned"),
)
# The dose is varied for these only: what is untreated and what is treated with everything.
DOSE_ARMS = ("B", "F")


def chosen_arms(names: Sequence[str], own: Iterable[Arm] = ()) -> list[Arm]:
    """The built-in arms of these names (all where none is named), then `own`; the untreated one is always among them.

    Raises:
        ParamError: an unknown name, or one that stands twice.
    """
    known = {arm.name: arm for arm in ARMS}
    for name in names:
        if name not in known:
            raise ParamError(f"there is no arm {name}{nearest(name, known)}; there are {', '.join(known)}")
    wanted = {UNTREATED, *names} if names else set(known)
    arms = [*(arm for arm in ARMS if arm.name in wanted), *own]
    twice = sorted({arm.name for arm in arms if sum(other.name == arm.name for other in arms) > 1})
    if twice:
        raise ParamError(f"the name of an arm stands twice: {', '.join(twice)}; give your arm another name")
    return arms


def own_arm(name: str, rows: Sequence[TableRow], category: str | None = None) -> Arm:
    """An arm that a user has written as a parameter table; only the rows that stand in it count.

    Raises:
        ParamError: a name that does not do for a file, a built-in arm's, a table that cannot be used, or a seed in it.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}", name):
        raise ParamError(f"--arm {name}: a name of up to 20 Latin letters, digits, - and _ was expected")
    if name in {arm.name for arm in ARMS}:
        raise ParamError(f"--arm {name}: the experiment has an arm of this name; choose another")
    resolved = resolve(rows, category)
    given = {row: getattr(resolved.params, row) for row, origin in resolved.origins.items() if origin != "default"}
    if "seed" in given:
        raise ParamError(f"--arm {name}: SEED is the same in all arms; take the row out, and use --seeds")
    if not given:
        raise ParamError(f"--arm {name}: the table has no row that is in use; an arm differs from the others by its rows")
    title = ", ".join(f"{row.upper()}={value}" for row, value in list(given.items())[:4])
    return Arm(name, title + (", ..." if len(given) > 4 else ""), given, is_own=True)


def arm_params(base: Params, arm: Arm, seed: int) -> Params:
    """The effective parameters of an arm.

    Raises:
        ParamError: rows of an own arm that do not fit the base's.
    """
    return resolve(settings={**base.model_dump(), **COMMON_ROWS, **arm.settings, "seed": seed}).params


def check_base(origins: Mapping[str, str]) -> None:
    """Refuse rows that the arms set themselves. `origins` as `resolve` gives them.

    Raises:
        ParamError: naming the rows.
    """
    given = [
        f"{name.upper()} ({origins[name]})" for name in (*COMMON_ROWS, "seed")
        if origins.get(name, "default") != "default" and not origins[name].startswith("preset ")
    ]
    if given:
        raise ParamError(
            f"compare sets these rows itself, they are what the arms and seeds differ in: {', '.join(given)}; take them out, "
            "or put them into a table of your own arm: --arm MINE=TABLE"
        )
