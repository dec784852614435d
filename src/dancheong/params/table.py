"""From rows of a table to effective parameters, every problem reported with its row and the nearest valid name."""

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, field_validator

from dancheong.params import COMMON
from dancheong.params.schema import REMOVED, ROWS, AllRows, by_level, format_value, nearest
from dancheong.params.sources import TableRow, read_table
from dancheong.params.sources.layout import plain_category
from dancheong.system.arguments import checked
from dancheong.system.errors import ParamError

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # The best that was found without knowledge from outside.
    "scratch": {
        "encoder": "unet", "loss": "color", "epochs": 80, "lr": 5e-4, "lr_decay_start": 0.95, "beta1": 0.5, "ema": 0.9995,
    },
    # Isola et al. 2017 as the source paper used it, with its filter on the training images: the usual public recipe of the
    # filter, each coded channel for itself without border handling, then stretched to the full range.
    "paper": {
        "encoder": "unet", "resol": 256, "ngf": 64, "ndf": 64, "depth": 0, "norm": "batch", "dropout": 0.5,
        "upsample": "transposed",
        "color_space": "RGB",
        "batch_size": 1, "epochs": 200, "lr": 2e-4, "lr_decay_start": 0.5, "beta1": 0.5, "lambda_l1": 100.0,
        "lambda_gan": 1.0, "gan_start": 0.0, "ema": 0.0, "jitter": 30, "crop_scale_min": 1.0, "jitter_light": 0.0,
        "jitter_angle": 0.0,
        "predict_dropout": True, "glare_mode": "global", "glare_stage": "train", "hf_channel": "rgb",
        "hf_space": "coded", "hf_renorm": "minmax", "hf_border": "none", "aug_glare_p": 0.0,
        "precision": "32-true", "loss": "l1", "d_spectral": False,
    },
}


# Of 1,000 nobody knows whether it is one or a thousand.
_DECIMAL_COMMA = re.compile(r"-?(0*,\d+|\d+,(\d{1,2}|\d{4,}))")


class Params(AllRows):
    """Effective parameters: immutable, validated, complete. Make them with `Params.load` or `dancheong.params.resolve`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, rows: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Of rows by their names, in upper or lower case, or a mapping of such.

        Raises:
            ParamError: a line for each row that cannot be used; no mapping, such as the name of a table.
        """
        if not isinstance(rows, Mapping | None):
            raise ParamError(f"Params takes rows by name, as RESOL=64, not {rows!r:.80}; Params.load(TABLE) reads a table")
        given = [*(rows or {}).items(), *values.items()]
        named = {str(name).lower(): value for name, value in given}
        if len(named) < len(given):
            raise ParamError(f"{', '.join(str(name) for name, _ in given)}: one of these is set twice; keep one")
        try:
            super().__init__(**named)
        except ValidationError as error:
            raise ParamError("\n".join(_in_words(one) for one in error.errors())) from error

    def __setattr__(self, name: str, value: Any) -> None:
        raise ParamError(f"Params are frozen: Params(...) or Params.load(...) with {name.upper()}={value!r:.40} makes others")

    @field_validator("*", mode="before")
    @classmethod
    def _choice_in_any_case(cls, value: Any, info: Any) -> Any:
        """A spreadsheet writes `lab`, `Batch` or `Y`, and a column of real numbers 70.0; a choice is recognized in all."""
        choices = ROWS[info.field_name].choices
        if isinstance(value, str) and info.field_name != "fix_illuminant" and _DECIMAL_COMMA.fullmatch(value.strip()):
            value = value.strip().replace(",", ".")
        if choices or ROWS[info.field_name].kind is bool:
            text = str(value).strip()
            value = text.removesuffix(".0") if text.removesuffix(".0").isdecimal() else value
        if choices and isinstance(value, str | int):
            return next((choice for choice in choices if choice.lower() == str(value).strip().lower()), value)
        return value.strip() if isinstance(value, str) else value

    @field_validator("fix_illuminant")
    @classmethod
    def _three_positive_numbers(cls, value: str) -> str:
        try:
            numbers = [float(part) for part in value.split()]
        except ValueError:
            numbers = []
        if len(numbers) != 3 or not all(0 < number < 1e6 for number in numbers):
            raise ValueError(f"three numbers above 0 were expected, such as '1 1 1', not {value!r}")
        return value

    @classmethod
    @checked
    def load(cls, table: str | Path | None = None, category: str | None = None, **settings: Any) -> "Params":
        """Effective parameters from a table (none: the defaults) and settings, such as ``RESOL=512``.

        Warns of rows that were parameters of an earlier version, and without `category` of rows that are of one.

        Raises:
            ParamError: naming the row and the nearest valid name.
        """
        rows = None if table is None else read_table(table)
        for note in [*removed_notes(rows or ()), *([] if category else unused_notes(rows or ()))]:
            warnings.warn(note, stacklevel=2)
        return resolve(rows, category, settings).params

    @property
    def illuminant(self) -> tuple[float, float, float]:
        """FIX_ILLUMINANT as numbers."""
        red, green, blue = (float(part) for part in self.fix_illuminant.split())
        return red, green, blue

    @property
    def predict_px(self) -> int:
        """The shorter side of a photograph as the network sees it at prediction: PREDICT_RESOL, or what that says of 0."""
        if self.color_space == "RGB":
            return self.resol
        knows_scales = self.encoder != "unet" and self.crop_scale_min <= 0.25
        return self.predict_resol or (self.resol * 3 // 2 if knows_scales else self.resol)

    @property
    def levels(self) -> int:
        """Levels of the U-Net: DEPTH, or as often as RESOL can be halved (docs/decisions: any RESOL is padded)."""
        return self.depth or self.resol.bit_length() - 1


@dataclass(frozen=True)
class Resolved:
    """Effective parameters, the category they are for, and where each value came from."""

    params: Params
    category: str
    origins: dict[str, str]

    def __post_init__(self) -> None:
        # Composed, and COMMON in one word, whoever writes it.
        category = unicodedata.normalize("NFC", self.category.strip())
        object.__setattr__(self, "category", COMMON if plain_category(category) == COMMON else category)


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """``["RESOL=128"]`` as ``{"RESOL": "128"}``. Raises ParamError on what is not NAME=VALUE, or given twice."""
    pairs: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not equals or not name:
            raise ParamError(f"--set {setting!r}: NAME=VALUE was expected, such as --set RESOL=256")
        if name.upper() in map(str.upper, pairs):
            raise ParamError(f"--set {setting}: {name.upper()} is set twice; keep one")
        pairs[name] = value
    return pairs


def resolve(
    rows: Sequence[TableRow] | None = None,
    category: str | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: str = "default",
    own: Mapping[str, Any] | None = None,
    command: str = "",
) -> Resolved:
    """The effective parameters. Force: `settings` > rows of `category` > rows of COMMON > `own` of a `command` > `preset`.

    Rows of the table that were parameters of an earlier version count for nothing; `removed_notes` tells of them.

    Raises:
        ParamError: naming every row (or setting) that is unknown, doubled or out of range, with the nearest valid name.
    """
    if preset not in PRESETS:
        raise ParamError(f"preset {preset!r} does not exist; there are {', '.join(PRESETS)}")
    category = unicodedata.normalize("NFC", (category or COMMON).strip())
    category = COMMON if plain_category(category) == COMMON else category
    used = _used_rows(rows, category)
    problems = _doubled(used)
    own = {name.lower(): value for name, value in (own or {}).items()}
    values: dict[str, Any] = {**PRESETS[preset], **own}
    origins = {name: command if name in own else f"preset {preset}" if name in values else "default" for name in ROWS}
    # Rows of other categories are checked too: a mistake there should not wait for the day that category is used.
    by_force = {COMMON: 0, category.upper(): 1}
    for row in sorted(used, key=lambda row: by_force.get(row.category.upper(), -1)):
        counts = row.category.upper() in by_force
        where = f"{row.where} ({COMMON if row.category.upper() == COMMON else category})" if counts else row.where
        name = row.name.strip().lower()
        problem = "" if name in REMOVED else _problem(name, row.value)
        if problem:
            problems.append(f"{where}: {problem}")
        elif counts and name not in REMOVED:
            values[name], origins[name] = row.value, where
    for setting, value in (settings or {}).items():
        name = setting.strip().lower()
        problem = _problem(name, value)
        if origins.get(name) == "--set":
            problems.append(f"--set: {name.upper()} is set twice; keep one")
        elif problem:
            problems.append(f"--set: {problem}")
        else:
            values[name], origins[name] = value, "--set"
    if problems:
        raise ParamError("\n".join(problems))
    return Resolved(Params(**values), category, origins)


def removed_notes(rows: Iterable[TableRow]) -> list[str]:
    """A sentence for each row in use that was a parameter of an earlier version: which, and what holds instead."""
    return [
        f"{row.where}: {row.name} is no parameter any more, and the row counts for nothing: {REMOVED[name]}; take it out"
        for row in rows if row.use and (name := row.name.strip().lower()) in REMOVED
    ]


def unused_notes(rows: Sequence[TableRow], category: str | None = None) -> list[str]:
    """A sentence on the rows in use whose category is neither COMMON nor `category`: how many, and what would use them."""
    chosen = {COMMON, plain_category(category or COMMON)}
    others = Counter(row.category for row in rows if row.use and plain_category(row.category) not in chosen)
    if not others:
        return []
    names = ", ".join(others)
    use = f"--category {names} uses them" if len(others) == 1 else "--category NAME uses those of one"
    return [f"the table's rows of {names} ({sum(others.values())}) count for nothing: {use}"]


def _used_rows(rows: Sequence[TableRow] | None, category: str) -> list[TableRow]:
    used = [row for row in rows or () if row.use]
    categories = {row.category.upper(): row.category for row in used}
    if rows is not None and category.upper() != COMMON and category.upper() not in categories:
        if any(row.category.upper() == category.upper() for row in rows):
            raise ParamError(f"category {category!r} has only rows with USE_YN = N; set one to Y, or use another category")
        raise ParamError(
            f"category {category!r} is not in the table{nearest(category, categories.values())}; "
            f"it has {', '.join(sorted(categories.values())) or 'no rows'}"
        )
    return used


def _doubled(rows: Iterable[TableRow]) -> list[str]:
    """A line for each row that stands twice in its category, whether or not that category is used."""
    problems: list[str] = []
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row.category.upper(), row.name.upper())
        if key in seen:
            problems.append(f"{row.where}: {row.name} stands twice in {row.category} (first in {seen[key]}); keep one")
        seen.setdefault(key, row.where)
    return problems


def _problem(name: str, value: Any) -> str:
    try:
        Params(**{name: value})
    except ParamError as error:
        return str(error)
    return ""


def _in_words(error: Any) -> str:
    name = str(error["loc"][0]).lower()
    if name in REMOVED:
        return f"{name.upper()} is no parameter any more: {REMOVED[name]}; leave it out"
    if name not in ROWS:
        return f"unknown parameter {name.upper()}{nearest(name, ROWS)}"
    expected = f"{'one of ' if ROWS[name].choices else ''}{ROWS[name].range_text} was expected"
    if error["type"] == "value_error":
        expected = error["msg"].removeprefix("Value error, ")
    if ROWS[name].kind in (int, float) and "," in str(error["input"]):
        expected += "; write a point before decimals, and nothing between thousands"
    return f"{name.upper()} = {error['input']!r}: {expected}"


def complete_rows(preset: str = "default") -> list[TableRow]:
    """A row for every parameter, the basic ones first, with the preset's value and a comment that says what it is."""
    params = resolve(preset=preset).params
    rows = []
    for name in by_level():
        info = ROWS[name]
        comment = f"{info.level}: {info.meaning} ({info.range_text})" + (f" [{info.unit}]" if info.unit else "")
        rows.append(TableRow(COMMON, name.upper(), format_value(getattr(params, name)), True, comment))
    return rows
