"""What a command says: results to stdout, messages and progress bars to stderr (bars only on a terminal)."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from dancheong.system.json_text import finite

# Control characters, and those that end a line or turn its direction.
_OBEYED = re.compile(r"[^\t\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\U0010ffff]")


class Bar(Protocol):
    """A progress bar, or nothing that looks like one."""

    def __call__(self, done: float, text: str = "") -> None: ...


def say(message: str, quiet: bool = False) -> None:
    """A message for a person."""
    if not quiet:
        sys.stderr.write(_shown(message) + "\n")


def emit(result: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """The result of a command: lines for a person, or the last line as JSON for a program.

    JSON knows no nan and no infinity: they become null. It is ASCII, so that names survive a pipe of any encoding.
    """
    if as_json:
        sys.stdout.write(json.dumps(finite(result), allow_nan=False, default=str) + "\n")
    else:
        sys.stdout.writelines(_shown(line) + "\n" for line in lines)
    sys.stdout.flush()


def photographs(count: int) -> str:
    """How many there are, in words."""
    return "1 photograph" if count == 1 else f"{count} photographs"


def _shown(text: str) -> str:
    """One line without what a terminal would obey: a name can clear the screen, or hold a line that looks like a message."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextmanager
def progress_bar(title: str, total: float, quiet: bool) -> Iterator[Bar]:
    """A bar with time left on a terminal; silence elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, text="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=14), TaskProgressColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[text]}", markup=False))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, text="")
        yield lambda done, text="": progress.update(task, completed=done, text=_shown(text))
