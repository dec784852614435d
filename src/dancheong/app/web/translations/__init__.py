"""Everything the page says, in each language: en.json and ko.json beside this file.

`texts` has the sentences of the page by key, with {names} that are filled in; `errors` those of what goes wrong, by code;
`labels` short names of parameters; `choices` what a choice of a parameter is called where it does not speak for itself.
The meaning of a parameter, its unit and the heading of its section are in English those of the schema; a translation has
them as `meanings`, `units`, `sections` and `ranges`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dancheong.params.schema import ROWS, RowInfo, section_title

LANGUAGES = ("en", "ko")


@cache
def catalogue(language: str) -> dict[str, Any]:
    """The file of a language."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name(f"{language}.json").read_text("utf-8"))
    return loaded


class Words:
    """What the page says in one language: `problem("busy", {})`."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._catalogue = catalogue(self.language)

    def choice(self, name: str, choice: str) -> str:
        """What a choice of a parameter is called; most speak for themselves."""
        return str(self._catalogue["choices"].get(name, {}).get(choice, choice))

    def label(self, name: str) -> str:
        """A short name of a parameter for people, empty where there is none."""
        return str(self._catalogue["labels"].get(name, ""))

    def problem(self, code: str, details: dict[str, Any]) -> str:
        """What went wrong, in words."""
        text: str = self._catalogue["errors"][code]
        return text.format(**details)

    def section(self, section: type[BaseModel]) -> str:
        """The heading of a section of the table."""
        return str(self._catalogue.get("sections", {}).get(section.__name__, section_title(section)))

    def meaning(self, name: str) -> str:
        """What a parameter is, its range and its unit."""
        info = ROWS[name]
        text = self._catalogue.get("meanings", {}).get(name, info.meaning)
        unit = self._catalogue.get("units", {}).get(info.unit, info.unit)
        note = ", ".join(filter(None, (self._range(info), unit)))
        return f"{text} ({note})" if note else text

    def _range(self, info: RowInfo) -> str:
        """The range of a number; choices are in the field itself."""
        if info.kind not in (int, float):
            return ""
        if "ranges" not in self._catalogue:
            return info.range_text
        pattern = ("above" if info.above_low else "from") + ("" if info.high is None else "_to")
        return str(self._catalogue["ranges"][pattern]).format(low=f"{info.low:.10g}", high=f"{info.high or 0:.10g}")


def language_of(accept_language: str) -> str:
    """The language of ours that a browser asks for first (RFC 9110, 12.5.4); English where it asks for none."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:50]):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            continue
        wishes.append((-weight, place, tag.strip().lower().partition("-")[0]))
    return next((tag for weight, _, tag in sorted(wishes) if tag in LANGUAGES and weight < 0), LANGUAGES[0])
