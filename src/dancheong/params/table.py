"""From rows of a table to effective parameters, every problem reported with its row and the nearest valid name."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dancheong.params.errors import DancheongError
from dancheong.params.schema import Params, choices_of

COMMON = "COMMON"

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # Isola et al. 2017 as the source paper used it, with its filter on the training images: the usual public recipe of the
    # filter, each coded channel for itself without border handling, then stretched to the full range.
    "paper": {
        "resol": 256, "ngf": 64, "ndf": 64, "depth": 0, "norm": "batch", "dropout": 0.5, "upsample": "transposed",
        "color_space": "RGB",
        "batch_size": 1, "epochs": 200, "lr": 2e-4, "lr_decay_start": 0.5, "beta1": 0.5, "lambda_l1": 100.0,
        "lambda_gan": 1.0, "gan_start": 0.0, "ema": 0.0, "jitter": 30, "crop_scale_min": 1.0, "jitter_light": 0.0,
        "jitter_angle": 0.0,
        "predict_dropout": True, "glare_mode": "global", "glare_stage": "train", "hf_channel": "rgb",
        "hf_space": "coded", "hf_renorm": "minmax", "hf_border": "none", "aug_glare_p": 0.0,
        "precision": "32-true", "loss": "l1", "d_spectral": False,
    },
}


class ParamError(DancheongError, ValueError):
    """A parameter table or setting that cannot be used; the message has a line a problem."""

    exit_code = 2


@dataclass(frozen=True)
class TableRow:
    """One row of a parameter table. `where` tells a person which row it is, such as ``params.csv row 7``."""

    category: str
    name: str
    value: str
    use: bool = True
    comment: str = ""
    where: str = ""


@dataclass(frozen=True)
class Resolved:
    """Effective parameters, the category they are for, and where each value came from."""

    params: Params
    category: str
    origins: dict[str, str]


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """``["RESOL=128"]`` as ``{"RESOL": "128"}``. Raises ParamError on what is not NAME=VALUE, or given twice."""
    pairs: dict[str, Any] = {}
    seen: set[str] = set()
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise ParamError(f"--set {setting!r}: NAME=VALUE was expected, such as --set RESOL=256")
        if name.strip().upper() in seen:
            raise ParamError(f"--set {setting}: {name.strip().upper()} is set twice; keep one")
        seen.add(name.strip().upper())
        pairs[name.strip()] = value.strip()
    return pairs


def resolve(
    rows: Sequence[TableRow] | None = None,
    category: str | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: str = "default",
) -> Resolved:
    """The effective parameters. Force: `settings` > rows of `category` > rows of COMMON > `preset`.

    Raises:
        ParamError: naming every row (or setting) that is unknown, doubled or out of range, with the nearest valid name.
    """
    if preset not in PRESETS:
        raise ParamError(f"preset {preset!r} does not exist; there are {', '.join(PRESETS)}")
    category = (category or COMMON).strip()
    used = _used_rows(rows, category)
    problems = _doubled(used)
    values: dict[str, Any] = dict(PRESETS[preset])
    origins = {name: f"preset {preset}" if name in values else "default" for name in Params.model_fields}
    for level in dict.fromkeys((COMMON, category)):
        for row in used:
            if row.category.upper() == level.upper():
                _take(row.name, row.value, f"{row.where} ({level})", values, origins, problems)
    for name, value in (settings or {}).items():
        _take(name, value, "--set", values, origins, problems)
    # Rows of other categories are checked too: a mistake there should not wait for the day that category is used.
    for row in used:
        if row.category.upper() not in (COMMON, category.upper()):
            _take(row.name, row.value, row.where, {}, {}, problems)
    params = None if problems else _validate(values, origins, problems)
    if params is None:
        raise ParamError("\n".join(problems))
    return Resolved(params, category, origins)


def nearest(name: str, valid: Iterable[str]) -> str:
    """`` (did you mean RESOL?)``, or nothing where no name is near."""
    close = difflib.get_close_matches(name.upper(), [word.upper() for word in valid], n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


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


def _take(
    name: str, value: Any, where: str, values: dict[str, Any], origins: dict[str, str], problems: list[str]
) -> None:
    field = name.strip().lower()
    if field not in Params.model_fields:
        problems.append(f"{where}: unknown parameter {name}{nearest(name, Params.model_fields)}")
        return
    try:
        Params.__pydantic_validator__.validate_assignment(Params.model_construct(), field, value)
    except ValidationError as error:
        problems.append(f"{where}: {_explain(field, value, error)}")
        return
    values[field], origins[field] = value, where


def _validate(values: dict[str, Any], origins: dict[str, str], problems: list[str]) -> Params | None:
    try:
        return Params(**values)
    except ValidationError as error:
        for one in error.errors():
            field = str(one["loc"][0])
            problems.append(f"{origins.get(field, '')}: {field.upper()}: {one['msg']}")
        return None


def _explain(field: str, value: Any, error: ValidationError) -> str:
    choices = choices_of(field)
    expected = f"one of {', '.join(choices)} was expected" if choices else f"{range_text(field)} was expected"
    custom = [one["msg"].removeprefix("Value error, ") for one in error.errors() if one["type"] == "value_error"]
    return f"{field.upper()} = {value!r}: {custom[0] if custom else expected}"


def range_text(field_name: str) -> str:
    """The type and range of a parameter in words, such as ``a whole number from 16 to 4096``."""
    choices = choices_of(field_name)
    if choices:
        return ", ".join(choices)
    field = Params.model_fields[field_name]
    words: dict[Any, str] = {int: "a whole number", float: "a number", bool: "Y or N", str: "text"}
    kind = words.get(field.annotation, "text")
    bounds = {type(item).__name__: item for item in field.metadata}
    low = f" from {bounds['Ge'].ge:g}" if "Ge" in bounds else f" above {bounds['Gt'].gt:g}" if "Gt" in bounds else ""
    high = f" to {bounds['Le'].le:.10g}" if "Le" in bounds else ""
    return kind + low + high


def complete_rows(preset: str = "default", category: str = COMMON) -> list[TableRow]:
    """A row for every parameter with the preset's value and a comment that says meaning, range and unit."""
    params = resolve(preset=preset).params
    rows = []
    for name, field in Params.model_fields.items():
        extra = field.json_schema_extra
        unit = f" [{extra['unit']}]" if isinstance(extra, dict) and extra["unit"] else ""
        comment = f"{field.description} ({range_text(name)}){unit}"
        rows.append(TableRow(category, name.upper(), format_value(getattr(params, name)), True, comment))
    return rows


def format_value(value: Any) -> str:
    """A value as a table shows it; reading it back gives the same value."""
    return ("Y" if value else "N") if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
