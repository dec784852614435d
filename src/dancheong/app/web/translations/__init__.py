"""Everything the page says, in each language: en.json and ko.json beside this file.

`texts` has the sentences of the page by key, with {names} that are filled in; `errors` those of what goes wrong, by code;
`fields` what the fields of a request are called; `reasons` of a translation what stands there for a reason, by its kind,
because the program gives reasons in English; `labels` short names of parameters; `choices` what a choice of a parameter is
called where it does not speak for itself.
The meaning of a parameter, its unit and the heading of its section are in English those of the schema; a translation has
them as `meanings`, `units`, `sections` and `ranges`.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from dancheong.params import Params
from dancheong.params.schema import BASIC, ROWS, SECTIONS, section_title

LANGUAGES = ("en", "ko")


@cache
def catalogue(language: str) -> dict[str, Any]:
    """The file of a language."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name(f"{language}.json").read_text("utf-8"))
    return loaded


class Row(BaseModel):
    """A parameter for a form, in the language that was asked for."""

    name: str
    section: str
    is_basic: bool
    kind: Literal["choice", "switch", "number", "whole", "text"]
    choices: dict[str, str]
    low: float | None
    high: float | None
    value: bool | int | float | str
    label: str
    meaning: str


def rows(language: str, params: Params, names: frozenset[str]) -> list[Row]:
    """The parameters of a form, section by section. Most choices speak for themselves, and some rows have no label."""
    kinds: dict[type, Literal["switch", "number", "whole", "text"]] = {
        bool: "switch", int: "whole", float: "number", str: "text",
    }
    words = catalogue(language)
    return [
        Row(
            name=name, section=words.get("sections", {}).get(section.__name__, section_title(section)),
            is_basic=name in BASIC, kind="choice" if info.choices else kinds[info.kind], low=info.low, high=info.high,
            choices={choice: words["choices"].get(name, {}).get(choice, choice) for choice in info.choices},
            value=getattr(params, name), label=words["labels"].get(name, ""), meaning=meaning(language, name),
        )
        for section in SECTIONS for name, info in ROWS.items() if name in names & section.model_fields.keys()
    ]


def meaning(language: str, name: str) -> str:
    """What a parameter is, the range of a number (choices are in the field itself), and its unit."""
    info, words = ROWS[name], catalogue(language)
    text = words.get("meanings", {}).get(name, info.meaning)
    reach = info.range_text if info.kind in (int, float) else ""
    if reach and "ranges" in words:
        pattern = ("above" if info.above_low else "from") + ("" if info.high is None else "_to")
        reach = words["ranges"][pattern].format(low=f"{info.low:.10g}", high=f"{info.high or 0:.10g}")
    note = ", ".join(filter(None, (reach, words.get("units", {}).get(info.unit, info.unit))))
    return f"{text} ({note})" if note else str(text)


def problem_text(language: str, code: str, details: Mapping[str, Any]) -> str:
    """What went wrong, in words. A reason that the program has in English alone says so in other languages."""
    words = catalogue(language)
    reasons = words.get("reasons", {})
    frame = reasons.get(details.get("kind"), reasons.get("other", "{reason}")) if details.get("reason") else ""
    field = fields(language).get(details["field"], details["field"]) if details.get("field") else ""
    field += f" ({details['number']})" if field and details.get("number") else ""
    field += f" = {details['came']}" if field and "came" in details else ""
    text = str(words["errors"][code]).format(**{**details, "field": field, "reason": frame.format(**details)})
    return f"{text} {words['texts']['did_you_mean'].format(**details)}" if details.get("near") else text


def fields(language: str) -> dict[str, str]:
    """What the page calls the fields of a request, and parameters."""
    words = catalogue(language)
    return {**words["labels"], **words["fields"]}


def language_of(accept_language: str) -> str:
    """The language of ours that a browser asks for first (RFC 9110, 12.5.4); English where it asks for none."""
    pattern = re.compile(r"([a-z]{1,8})(?:-[\w-]*)?(?:\s*;\s*q=(\d+(?:\.\d*)?))?")
    parts = map(pattern.fullmatch, map(str.strip, accept_language.lower().split(",")[:50]))
    wishes = [(float(part[2] or 1), part[1]) for part in parts if part and part[1] in LANGUAGES]
    weight, language = max(wishes, key=lambda wish: wish[0], default=(0, ""))
    return language if weight else LANGUAGES[0]
