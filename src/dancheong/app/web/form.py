"""Forms out of the parameter table: a field for each parameter, the basic ones first, the others when they are asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dancheong.app.web.translations import Words
from dancheong.params import Params, resolve
from dancheong.params.schema import AT_PREDICTION, BASIC, ROWS, SECTIONS, UpscalerRows

# What a visitor may not decide for the machine that serves the page.
OF_THE_SERVER = ("memory_gb", "tile_px", "devices", "workers", "cache")
# Where a feeling for more and less matters; a slider's steps would round other values.
SLIDERS = ("vivid", "fix_strength", "hf_strength", "det_confidence")


@dataclass(frozen=True, eq=False)
class Form:
    """Fields on the page, and the parameters they are for, in the same order."""

    names: tuple[str, ...]
    fields: tuple[Any, ...]

    def values(self, params: Params) -> list[Any]:
        """What the fields show for these parameters."""
        return [getattr(params, name) for name in self.names]

    def settings(self, values: Sequence[Any], filled: Sequence[Any]) -> dict[str, Any]:
        """The parameters that a person has changed since the form was filled with the values `filled`.

        Raises:
            ParamError: naming each parameter out of range.
        """
        given = {
            name: _typed(name, value) for name, value, before in zip(self.names, values, filled, strict=True)
            if value is not None and value != before
        }
        resolve(settings=given)
        return given


def prediction_form(words: Words, params: Params) -> Form:
    """What may change at prediction."""
    return _form(words, params, AT_PREDICTION, "settings_more")


def training_form(words: Words, params: Params) -> Form:
    """Every parameter that the training of a colorizer reads."""
    return _form(words, params, (name for name in ROWS if name not in UpscalerRows.model_fields), "settings_all")


def _form(words: Words, params: Params, names: Iterable[str], title: str) -> Form:
    names = [name for name in names if name not in OF_THE_SERVER]
    with gr.Accordion(words(title), open=False, elem_classes="more"):
        fields = {name: _field(words, params, name) for name in BASIC if name in names}
        with gr.Accordion(words("settings_rest"), open=False, elem_classes="more"):
            for section in SECTIONS:
                others = [name for name in section.model_fields if name in names and name not in BASIC]
                if others:
                    with gr.Accordion(words.section(section), open=False, elem_classes="rows"):
                        fields |= {name: _field(words, params, name) for name in others}
    return Form(tuple(fields), tuple(fields.values()))


def _field(words: Words, params: Params, name: str) -> Any:
    value, info = getattr(params, name), ROWS[name]
    common: dict[str, Any] = {
        "label": name.upper(), "info": words.meaning(name), "value": value, "elem_id": f"row-{name}", "interactive": True,
    }
    if info.choices:
        return gr.Dropdown([(words.choice(name, choice), choice) for choice in info.choices], filterable=False, **common)
    if info.kind is bool:
        return gr.Checkbox(**common)
    if info.kind is str:
        return gr.Textbox(max_lines=1, **common)
    if name in SLIDERS:
        return gr.Slider(minimum=info.low or 0, maximum=info.high or 1, step=0.01, **common)
    # No bounds on the field: what is out of range is refused with the row's own words.
    return gr.Number(precision=0 if info.kind is int else None, **common)


def _typed(name: str, value: Any) -> Any:
    """A browser knows one kind of number."""
    return int(value) if ROWS[name].kind is int and isinstance(value, float) and value.is_integer() else value
