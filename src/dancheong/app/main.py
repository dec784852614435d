"""The command line: `dancheong COMMAND`. Exit code 0: all well; 1: some input failed; 2: bad usage or parameter."""

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from dancheong import __version__
from dancheong.app import options, table_commands
from dancheong.app.category_commands import train_categories
from dancheong.app.compare_commands import compare
from dancheong.app.console import Console
from dancheong.app.evaluate_commands import demo, evaluate
from dancheong.app.file_commands import apply_color, filter_, manifest, upscale
from dancheong.app.model_commands import export, import_model, inspect, models_app
from dancheong.app.predict_commands import predict
from dancheong.app.serve_commands import serve
from dancheong.app.train_commands import doctor, train, train_upscaler
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
    app.command(command.__name__.strip("_").replace("_", "-"))(options.with_groups(command))
app.add_typer(table_commands.app, name="params")
app.add_typer(models_app, name="models")


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
    except OSError as error:
        _stop(_sentence(error), 2 if isinstance(error, FileNotFoundError) else 1)
    except MemoryError:
        _stop("not enough memory; close other programs, or use smaller photographs or a smaller RESOL", 1)
    except KeyboardInterrupt:
        _stop("interrupted", 130)


def _terminate(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


def _stop(message: str, code: int) -> NoReturn:
    """Say what went wrong, to programs too, and leave."""
    console = Console(as_json="--json" in sys.argv)
    for number, line in enumerate(message.splitlines() or [""]):
        # Moved in, so that no name can look like another message.
        console.warn(f"  {line}" if number else f"dancheong: {line}")
    console.emit({"error": message, "exit_code": code}, [])
    sys.exit(code)


def _sentence(error: OSError) -> str:
    if not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
