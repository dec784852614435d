"""The command line: `dancheong COMMAND`. Exit code 0: all well; 1: some input failed; 2: bad usage or parameter."""

import sys
from typing import Annotated

import typer

from dancheong import __version__
from dancheong.app import (
    doctor_commands,
    evaluate_commands,
    model_commands,
    predict_commands,
    table_commands,
    train_commands,
)
from dancheong.app.console import say
from dancheong.params import DancheongError

app = typer.Typer(
    name="dancheong",
    help="Train Pix2Pix on photographs of one kind of place and restore color to the gray rest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"dancheong {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options before the command."""


for module in (evaluate_commands, train_commands, predict_commands, model_commands, doctor_commands):
    module.register(app)
app.add_typer(table_commands.app, name="params")


def main() -> None:
    """Run the command line; errors that a user can mend are one message, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may not know every letter of a file name; showing a stand-in beats stopping.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app()
    except DancheongError as error:
        say(f"dancheong: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("dancheong: interrupted")
        sys.exit(130)
