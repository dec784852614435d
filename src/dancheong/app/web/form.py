"""Forms out of the parameter table: a field a row, with its range, unit and meaning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dancheong.app.web import korean
from dancheong.app.web.translations import Words
from dancheong.params import Params, resolve
from dancheong.params.schema import AT_PREDICTION, SECTIONS, UpscalerRows, choices_of
from dancheong.params.table import range_text

# What a visitor may not decide for the machine that serves the page.
OF_THE_SERVER = ("memory_gb", "tile_px", "devices", "workers", "cache")
# Where a feeling for more and less matters; a slider's steps would round other values.
SLIDERS = ("vivid", "fix_strength", "hf_strength", "det_confidence")


@dataclass(frozen=True, eq=False)
class Form:
    """Fields on the page, and the rows they are for, in the same order."""

    names: tuple[str, ...]
    fields: tuple[Any, ...]

    def values(self, params: Params) -> list[Any]:
        """What the fields show for these parameters."""
        return [getattr(params, name) for name in self.names]

    def settings(self, values: Sequence[Any], filled: Sequence[Any]) -> dict[str, Any]:
        """The rows that a person has changed since the form was filled with the values `filled`.

        Raises:
            ParamError: naming each row out of range.
        """
        given = {
            name: _typed(name, value) for name, value, before in zip(self.names, values, filled, strict=True)
            if value is not None and value != before
        }
        resolve(settings=given)
        return given


def prediction_form(words: Words, params: Params) -> Form:
    """What may change at prediction; the two rows that people ask for first stand above the others."""
    return _form(words, params, ("vivid", "glare_mode"), AT_PREDICTION, "settings_more")


def training_form(words: Words, params: Params) -> Form:
    """Every row of the table that the training of a colorizer reads."""
    every = tuple(name for section in SECTIONS if section is not UpscalerRows for name in section.model_fields)
    return _form(words, params, ("resol", "epochs", "batch_size"), every, "settings_all")


def _form(words: Words, params: Params, first: tuple[str, ...], every: Iterable[str], title: str) -> Form:
    rest = [name for name in every if name not in first and name not in OF_THE_SERVER]
    with gr.Accordion(words(title), open=False, elem_classes="more"):
        fields = {name: _field(words, params, name) for name in first}
        for section in SECTIONS:
            names = [name for name in section.model_fields if name in rest]
            if names:
                with gr.Accordion(section_title(words, section), open=False, elem_classes="rows"):
                    fields |= {name: _field(words, params, name) for name in names}
    return Form(tuple(fields), tuple(fields.values()))


def section_title(words: Words, section: type) -> str:
    """The heading of a part of the table."""
    if words.language == "ko" and section.__name__ in korean.SECTIONS:
        return korean.SECTIONS[section.__name__]
    return (section.__doc__ or "").strip().rstrip(".")


def meaning(words: Words, name: str) -> str:
    """What a row is, its range and its unit, in the page's language."""
    field = Params.model_fields[name]
    extra: Any = field.json_schema_extra
    if words.language == "ko" and name in korean.MEANINGS:
        text, unit, span = korean.MEANINGS[name], korean.UNITS.get(extra["unit"], extra["unit"]), _korean_range(name)
    else:
        text, unit, span = str(field.description), extra["unit"], "" if choices_of(name) else range_text(name)
    note = ", ".join(part for part in (span, unit) if part and part != "Y or N")
    return f"{text} ({note})" if note else text


def _field(words: Words, params: Params, name: str) -> Any:
    value, field = getattr(params, name), Params.model_fields[name]
    common: dict[str, Any] = {
        "label": name.upper(), "info": meaning(words, name), "value": value, "elem_id": f"row-{name}", "interactive": True,
    }
    if choices := choices_of(name):
        labels = {choice: words.choice(name, choice) for choice in choices}
        return gr.Dropdown(choices=[(labels[choice], choice) for choice in choices], filterable=False, **common)
    if field.annotation is bool:
        return gr.Checkbox(**common)
    if field.annotation is str:
        return gr.Textbox(max_lines=1, **common)
    if name in SLIDERS:
        low, high = bounds(name)
        return gr.Slider(minimum=low or 0, maximum=high or 1, step=0.01, **common)
    # No bounds on the field: what is out of range is refused with the row's own words.
    return gr.Number(precision=0 if field.annotation is int else None, **common)


def bounds(name: str) -> tuple[float | None, float | None]:
    """The smallest and the largest value of a row, where it has them; a bound that is not itself allowed is none."""
    named = {type(item).__name__: item for item in Params.model_fields[name].metadata}
    return getattr(named.get("Ge"), "ge", None), getattr(named.get("Le"), "le", None)


def _korean_range(name: str) -> str:
    low, high = bounds(name)
    above = next((item.gt for item in Params.model_fields[name].metadata if type(item).__name__ == "Gt"), None)
    start = f"{low:.10g}" if low is not None else f"{above:.10g} 초과" if above is not None else ""
    return f"{start} ~ {high:.10g}" if high is not None else start


def _typed(name: str, value: Any) -> Any:
    """A browser knows one kind of number."""
    if Params.model_fields[name].annotation is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
