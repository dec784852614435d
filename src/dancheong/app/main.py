"""The command line: `dancheong COMMAND`. Exit code 0: all well; 1: some input failed; 2: bad usage or parameter."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from dancheong import __version__
from dancheong.app import models_commands, table_commands
from dancheong.app.apply_color_commands import apply_color
from dancheong.app.category_commands import train_categories
from dancheong.app.compare_commands import compare
from dancheong.app.console import emit, say
from dancheong.app.doctor_commands import doctor
from dancheong.app.evaluate_commands import demo, evaluate
from dancheong.app.import_commands import import_model
from dancheong.app.model_commands import export, inspect
from dancheong.app.predict_commands import filter_, manifest, predict
from dancheong.app.serve_commands import serve
from dancheong.app.train_commands import train
from dancheong.app.upscale_commands import train_upscaler, upscale
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


for command in (
    demo, evaluate, train, train_categories, predict, filter_, manifest, apply_color, inspect, export, compare, doctor, serve,
    upscale, train_upscaler, import_model,
):
    app.command(command.__name__.strip("_").replace("_", "-"))(command)
app.add_typer(table_commands.app, name="params")
app.add_typer(models_commands.app, name="models")


def main() -> None:
    """Run the command line; errors that a user can mend are one message, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may not know every letter of a file name; showing a stand-in beats stopping.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # Threads of torch that wait for each other spin for some 14 ms before they sleep. On a busy machine they wait for threads
    # whose turn has not come, and take it from them. Half a millisecond is enough for those that are at work.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # A polite kill ends as Ctrl-C does: what is half-written is removed. A training and the page have handlers of their own.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except DancheongError as error:
        _stop(str(error), error.exit_code)
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError) and not _is_photo_error(error):
            raise
        _stop(_sentence(error), 2 if isinstance(error, FileNotFoundError) else 1)
    except MemoryError:
        _stop("not enough memory; close other programs, or use smaller photographs or a smaller RESOL", 1)
    except KeyboardInterrupt:
        _stop("interrupted", 130)


def _terminate(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


def _stop(message: str, code: int) -> NoReturn:
    """Say what went wrong, to programs too, and leave."""
    for number, line in enumerate(message.splitlines() or [""]):
        say(f"  {line}" if number else f"dancheong: {line}")  # moved in, so that no name can look like another message
    if "--json" in sys.argv:
        emit({"error": message, "exit_code": code}, True, [])
    sys.exit(code)


def _is_photo_error(error: Exception) -> bool:
    # Only a command that has read photographs can have met one; the module is too heavy to import for `--help`.
    files = sys.modules.get("dancheong.imaging.files")
    return files is not None and isinstance(error, files.PhotoError)


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
