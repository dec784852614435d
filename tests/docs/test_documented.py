"""Every command, option and parameter is documented, and what the documentation tells to type exists."""

import re
import shlex
from pathlib import Path

import pytest
from make_docs import all_commands, commands_markdown, parameters_markdown

from dancheong.params import Params
from dancheong.params.schema import BASIC, LEVELS, REMOVED

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "README.ko.md"])
# Pages that tell a person what to type today; a log tells what was typed then.
HOW_TO = [page for page in PAGES if page.name not in ("log.md", "cli.md") and page.parent.name != "decisions"]


def sections():
    """The sections of the reference: heading -> its text."""
    return {block.split("\n")[0]: block for block in commands_markdown().split("\n## ")[1:]}


def test_every_command_and_option_is_in_the_reference_with_its_meaning():
    documented = sections()
    assert documented.keys() == all_commands().keys()
    assert {"dancheong train", "dancheong params copy"} <= documented.keys()
    for name, command in all_commands().items():
        assert (command.help or "").strip(), name
        for parameter in command.params:
            spelling = next(iter(parameter.opts)) if parameter.param_type_name == "option" else parameter.metavar
            (row,) = [line for line in documented[name].splitlines() if re.match(rf"\| `{re.escape(spelling)}[ ,`]", line)]
            assert len(row.split(" | ")[1].strip(" |")) > 5, (name, spelling)


def test_every_parameter_is_in_the_reference_with_its_meaning():
    rows = [line.split(" | ") for line in parameters_markdown().splitlines() if re.match(r"\| [A-Z]", line)]
    names = [row[0].strip("| ").lower() for row in rows]
    assert sorted(names) == sorted(Params.model_fields)
    assert set(names[: len(BASIC)]) == set(BASIC)
    for row in rows:
        assert len(row) == 7
        default, _, reach, meaning, source, level = (cell.strip(" |") for cell in row[1:])
        assert min(len(default), len(reach), len(source)) > 0, row
        assert len(meaning) > 8, row
        assert level in LEVELS
    assert all(f"- {name.upper()}: " in parameters_markdown() for name in REMOVED)


def typed(page):
    """The command lines on a page, in code blocks and in the running text."""
    text = page.read_text("utf-8")
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if re.match(r"(\$ )?dancheong [a-z]", line):
                yield line.removeprefix("$ ").split("  #")[0].strip()
    for line in re.findall(r"`(dancheong [a-z-]+[^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        yield " ".join(line.split())


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.name)
def test_commands_that_are_told_exist_with_their_options(page):
    known, documented = all_commands(), sections()
    for line in typed(page):
        words = shlex.split(line, posix="\\" not in line)
        groups = ("params", "models")
        if words[1] in groups and len(words) == 2:
            continue
        name = " ".join(words[: 3 if words[1] in groups else 2])
        assert name in known, (page.name, line)
        for word in words:
            if word.startswith("-") and word not in ("...", "-"):
                assert f"{word.split('=')[0]}" in re.findall(r"(?<=[`, ])-{1,2}[a-z-]+", documented[name]), (page.name, line)
            if re.fullmatch(r"[A-Z_0-9]{3,}=.*", word) and "NAME" not in word:
                assert word.split("=")[0].lower() in Params.model_fields, (page.name, line)


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.name)
def test_settings_that_are_told_are_in_range(page):
    values = re.findall(r"`(?:--set )?([A-Z][A-Z_0-9]+)=([^`\s.]+(?:\.\d+)?)`", page.read_text("utf-8"))
    for name, value in values:
        if name.lower() in Params.model_fields and "|" not in value:
            Params(**{name.lower(): value})


def test_both_readmes_tell_the_same_all_commands():
    english, korean = ([line.split()[1] for line in typed(ROOT / name)] for name in ("README.md", "README.ko.md"))
    assert set(korean) <= set(english)
    assert {"train", "predict", "evaluate", "doctor", "params"} <= set(korean)
