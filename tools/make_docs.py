"""Write the documentation that is generated: from the schema, --help, docstrings, and the card of the shipped colorizer."""

import inspect
import sys
from pathlib import Path
from textwrap import wrap
from typing import Any

from typer.main import get_command

import dancheong
from dancheong.app.main import app
from dancheong.params.schema import REMOVED, ROWS, SECTIONS, by_level, format_value, section_title
from dancheong.params.table import PRESETS, resolve
from dancheong.prediction.shipped import COLORIZER

DOCS = Path(__file__).resolve().parent.parent / "docs"
_CREDITS = "colorizer_credits.md"

PARAMETERS_HEAD = """\
# Parameters

Generated from the schema (`python tools/make_docs.py`). A table has the columns `CATEGORY, PARAM_NAME, PARAM_VALUE,
USE_YN`; a `COMMENTS` column is kept. Order of force: `--set` > category > `COMMON` > preset. *Paper* is the value of
`--preset paper` where it is another one. `--preset scratch` is the default without a pretrained encoder: {scratch}.

The **basic** parameters are those that the photographs, the machine or the wish at hand decide. **Advanced** ones change what
is learned or done, from defaults that have been measured. **Expert** ones change how something is computed. `dancheong params
show` lists the basic ones and what differs from the defaults, `dancheong params show --all` all of them. Below, the basic
ones come first; the sections after them hold the others."""
TABLE_HEAD = ["| name | default | paper | range | meaning | source | level |", "|---|---|---|---|---|---|---|"]


def parameters_markdown() -> str:
    """docs/parameters.md: every parameter with its default and the paper's value, range and unit, meaning and source."""
    basic = [name for name in by_level() if ROWS[name].level == "basic"]
    scratch = ", ".join(f"{name.upper()}={format_value(value)}" for name, value in PRESETS["scratch"].items())
    lines = [PARAMETERS_HEAD.format(scratch=scratch), "", "## Basic", "", *_table(basic)]
    for section in SECTIONS:
        names = [name for name in by_level() if name in section.model_fields and name not in basic]
        lines += ["", f"## {section_title(section)}", "", *_table(names)]
    lines += ["", "## No parameters any more", "",
              "A table or model file that names one of these can still be read: the row counts for nothing, which is said.", ""]
    lines += [f"- {name.upper()}: {reason}." for name, reason in REMOVED.items()]
    return "\n".join(lines) + "\n"


def _table(names: list[str]) -> list[str]:
    default, paper = (resolve(preset=preset).params for preset in ("default", "paper"))
    lines = list(TABLE_HEAD)
    for name in names:
        info = ROWS[name]
        value, of_paper = (format_value(getattr(preset, name)) for preset in (default, paper))
        reach = info.range_text + (f" {info.unit}" if info.unit else "")
        cells = [name.upper(), value, of_paper if of_paper != value else "", reach, info.meaning, info.source, info.level]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def commands_markdown() -> str:
    """docs/cli.md: the help of every command."""
    lines = ["# Commands", "", "Generated from `--help` (`python tools/make_docs.py`)."]
    for name, command in sorted(all_commands().items()):
        lines += ["", f"## {name}", "", (command.help or "").strip(), "", "| argument or option | meaning |", "|---|---|"]
        for parameter in command.params:
            metavar = parameter.metavar or ""
            spellings = ", ".join([*parameter.opts, *parameter.secondary_opts])
            shown = metavar or parameter.name if parameter.param_type_name == "argument" else f"{spellings} {metavar}"
            meaning = (parameter.help or "").replace("|", "\\|")
            lines.append(f"| `{shown.strip()}` | {meaning} |")
    return "\n".join(lines) + "\n"


def all_commands(command: Any = None, name: str = "dancheong") -> dict[str, Any]:
    """Every command by its words, such as `dancheong params init`."""
    command = get_command(app) if command is None else command
    children = getattr(command, "commands", None)
    if not children:
        return {name: command}
    return {words: leaf for word, child in children.items() for words, leaf in all_commands(child, f"{name} {word}").items()}


def card_markdown() -> str:
    """docs/shipped-model.md: the card that lies in the package."""
    card = COLORIZER.with_suffix(".md").read_text("utf-8")
    return card.replace(f"({_CREDITS})", "(shipped-model-credits.md)")


def credits_markdown() -> str:
    """docs/shipped-model-credits.md: the credits that lie in the package."""
    return COLORIZER.with_name(_CREDITS).read_text("utf-8")


API_HEAD = """\
# Python

Generated from the docstrings (`python tools/make_docs.py`). `from dancheong import ...` gives all of this; nothing heavy is
imported before it is used. Arrays are (height, width[, channels]); errors that you can mend are of `DancheongError`.

```python
from dancheong import Colorizer, FolderOptions, Params, predict_files, train

def show(progress):                        # each log interval; True stops, and resume=True goes on
    print(progress.images_seen, progress.images_total, progress.losses)
    return stop_button.is_pressed()

result = train("photos/", "palace.h5", Params(EPOCHS=2), val=0.1, watch=show)

def done(result, count, total):            # each photograph; True stops, and the same call goes on
    print(f"{count} of {total}: {result.input} {result.status}")
    return stop_button.is_pressed()

predict_files("palace.h5", ["scans/"], "colored/", FolderOptions(progress=done))
colorize = Colorizer.open("palace.h5")
color_hwc = colorize(gray_hw)              # an array, a path, an open file, a picture of Pillow or a tensor
```
"""


def api_markdown() -> str:
    """docs/python.md: what `import dancheong` offers, by its signatures and docstrings."""
    lines = [API_HEAD]
    for name in sorted(dancheong.__all__, key=str.lower):
        thing = getattr(dancheong, name)
        lines += [f"## {name}", "", *_described(name, thing, is_signed=name != "Params")]
        for member, value in vars(thing).items() if inspect.isclass(thing) else ():
            is_offered = member == "__call__" or not member.startswith("_")
            method = getattr(thing, member) if is_offered else None
            if inspect.isroutine(method) and inspect.getdoc(method) and not hasattr(value, "decorator_info"):
                lines += [f"### {name}.{member}", "", *_described(member, method)]
    return "\n".join(lines)


def _described(name: str, thing: Any, is_signed: bool = True) -> list[str]:
    has_signature = is_signed and not (inspect.isclass(thing) and issubclass(thing, Exception))
    said = inspect.getdoc(thing) or ""
    if not has_signature:
        return ["```text", said, "```", ""]
    shown = [_plain(one) for one in inspect.signature(thing).parameters.values() if one.name != "self"]
    call = "\n".join(wrap(f"{name}({', '.join(shown)})", 100, subsequent_indent="    "))
    # `py`, not `python`: a signature is no code to run.
    return ["```py", call, "```", "", "```text", said, "```", ""]


def _plain(parameter: inspect.Parameter) -> str:
    """A parameter without its type, whose text differs between versions, and of its default what tells something."""
    prefix = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    if parameter.default is inspect.Parameter.empty:
        return prefix + parameter.name
    is_plain = parameter.default is None or isinstance(parameter.default, bool | int | float | str | tuple)
    return f"{parameter.name}={parameter.default!r}" if is_plain else f"{parameter.name}=..."


PAGES = {
    "parameters.md": parameters_markdown, "cli.md": commands_markdown, "shipped-model.md": card_markdown,
    "shipped-model-credits.md": credits_markdown, "python.md": api_markdown,
}


def stale_pages() -> list[str]:
    """The pages that are not as they would be written now."""
    return [name for name, make in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text("utf-8") != make()]


def write_pages() -> None:
    """Write the pages that are out of date."""
    for name in stale_pages():
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    if "--check" in sys.argv:
        stale = stale_pages()
        sys.exit(f"out of date: {', '.join(stale)}; run tools/make_docs.py" if stale else 0)
    write_pages()
