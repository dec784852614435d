"""The generated pages of the documentation: parameters from the schema, commands from their own help."""

from typing import Any

from dancheong.params.schema import SECTIONS, Params
from dancheong.params.table import PRESETS, format_value, range_text, resolve


def parameters_markdown() -> str:
    """docs/parameters.md: every parameter with defaults of both presets, range and unit, meaning and source."""
    default, paper = (resolve(preset=preset).params for preset in PRESETS)
    lines = [
        "# Parameters",
        "",
        "Generated from the schema (`python tools/make_docs.py`). A table has the columns `CATEGORY, PARAM_NAME, PARAM_VALUE,",
        "USE_YN`; a `COMMENTS` column is kept. Order of force: `--set` > category > `COMMON` > preset. *Paper* is the value of",
        "`--preset paper` where it is another one.",
    ]
    for section in SECTIONS:
        lines += ["", f"## {(section.__doc__ or '').strip().rstrip('.')}", "",
                  "| name | default | paper | range | meaning | source |", "|---|---|---|---|---|---|"]
        for name in section.model_fields:
            field = Params.model_fields[name]
            extra: Any = field.json_schema_extra
            value, of_paper = (format_value(getattr(preset, name)) for preset in (default, paper))
            reach = range_text(name) + (f" {extra['unit']}" if extra["unit"] else "")
            cells = [name.upper(), value, of_paper if of_paper != value else "", reach, str(field.description), extra["source"]]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def commands_markdown() -> str:
    """docs/cli.md: the help of every command."""
    from typer.main import get_command

    from dancheong.app.main import app

    lines = ["# Commands", "", "Generated from `--help` (`python tools/make_docs.py`)."]
    for words, command in sorted(_leaves(get_command(app), ("dancheong",))):
        lines += ["", f"## {' '.join(words)}", "", (command.help or "").strip(), ""]
        lines += ["| argument or option | meaning |", "|---|---|"]
        for parameter in command.params:
            metavar = parameter.metavar or ""
            spellings = ", ".join([*parameter.opts, *parameter.secondary_opts])
            shown = metavar or parameter.name if parameter.param_type_name == "argument" else f"{spellings} {metavar}"
            meaning = (parameter.help or "").replace("|", "\\|")
            lines.append(f"| `{shown.strip()}` | {meaning} |")
    return "\n".join(lines) + "\n"


def _leaves(command: Any, words: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if not children:
        return [(words, command)]
    return [leaf for name, child in children.items() for leaf in _leaves(child, (*words, name))]
