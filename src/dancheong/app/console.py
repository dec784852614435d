"""What a command says: results to stdout, messages and progress bars to stderr (bars only on a terminal)."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import typer

from dancheong.system.json_text import finite

# Control characters, and those that end a line or turn its direction.
_OBEYED = re.compile(r"[^\t\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\U0010ffff]")


class Bar(Protocol):
    """A progress bar, or nothing that looks like one."""

    def __call__(self, done: float, text: str = "") -> None: ...


@dataclass(frozen=True)
class Console:
    """What --json and --quiet, which every command has, mean for what it says."""

    as_json: Annotated[bool, typer.Option("--json", help="The last line of stdout is one JSON object.")] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bars, no word of files that went well, no messages.")
    ] = False

    def say(self, message: str) -> None:
        """A message for a person; --quiet suppresses it."""
        if not self.quiet:
            self.warn(message)

    def warn(self, message: str) -> None:
        """A message that nobody must miss, whatever --quiet says."""
        sys.stderr.write(_shown(message) + "\n")

    def emit(self, result: dict[str, Any], lines: list[str]) -> None:
        """The result of a command: lines for a person, or the last line as JSON for a program.

        JSON knows no nan and no infinity: they become null. It is ASCII, so that names survive a pipe of any encoding.
        """
        if self.as_json:
            sys.stdout.write(json.dumps(finite(result), allow_nan=False, default=str) + "\n")
        else:
            sys.stdout.writelines(_shown(line) + "\n" for line in lines)
        sys.stdout.flush()

    @contextmanager
    def bar(self, title: str, total: float = 1.0) -> Iterator[Bar]:
        """A bar with time left on a terminal; silence elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, text="": None
            return
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=14), TaskProgressColumn(), TimeRemainingColumn(),
                   TextColumn("{task.fields[text]}", markup=False))
        with Progress(*columns, console=Terminal(stderr=True)) as progress:
            task = progress.add_task(title, total=total, text="")
            yield lambda done, text="": progress.update(task, completed=done, text=_shown(text))


def photographs(count: int) -> str:
    """How many there are, in words."""
    return "1 photograph" if count == 1 else f"{count} photographs"


def _shown(text: str) -> str:
    """One line without what a terminal would obey: a name can clear the screen, or hold a line that looks like a message."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
