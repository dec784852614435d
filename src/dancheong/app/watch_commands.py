"""`dancheong predict -` and `dancheong predict --watch`: inside other programs, and beside a scanner."""

import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from dancheong.app.console import emit, say
from dancheong.params import DancheongError, ParamError

if TYPE_CHECKING:
    from dancheong.prediction.colorizer import Colorizer
    from dancheong.prediction.folder import FolderOptions
    from dancheong.upscaling.upscaler import Upscaler

STREAM = Path("-")


def check_stream(inputs: list[Path], output: Path | None, as_json: bool) -> bool:
    """Whether a photograph is to come from the standard input.

    Raises:
        ParamError: what does not go with it, or a terminal where the picture would be written.
    """
    if STREAM not in inputs:
        return False
    if inputs != [STREAM] or output is not None or as_json:
        what = "--json" if as_json else f"-o {output}" if output is not None else "other inputs"
        raise ParamError(f"-: the picture goes from standard input to standard output, and {what} does not go with it")
    if sys.stdout.isatty():
        raise ParamError("-: the picture would go to the terminal: write `dancheong predict - < old.jpg > colored.jpg`")
    return True


def color_stream(colorizer: "Colorizer", options: "FolderOptions", upscaler: "Upscaler | None", quiet: bool) -> NoReturn:
    """Color the photograph on standard input to standard output, in its own format, or PNG where that is not written.

    Raises:
        DancheongError: it cannot be read or colored; nothing is written then.
        typer.Exit: it is colored. Of a document that is its first page.
    """
    from dancheong.imaging.formats import format_of
    from dancheong.prediction.folder import predict_files

    data = sys.stdin.buffer.read()
    kind = format_of(data[:64])
    if kind is None:
        what = f"{len(data)} bytes came of no format that is read" if data else "nothing came"
        raise DancheongError(f"standard input: {what}; a photograph was expected (docs/files.md)")
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / f"photograph{kind.suffixes[0]}"
        photo.write_bytes(data)
        stream = replace(options, manifest=None, pages="first")
        (result,) = predict_files(colorizer, [photo], Path(folder) / "colored", stream, upscaler)
        if result.status == "failed":
            raise DancheongError(f"standard input: {result.error}")
        for note in result.notes:
            say(f"note: {note}", quiet)
        sys.stdout.buffer.write(result.output.read_bytes())
        sys.stdout.buffer.flush()
    raise typer.Exit


def watch(
    colorizer: "Colorizer", inputs: list[Path], output: Path | None, options: "FolderOptions", upscaler: "Upscaler | None",
    as_json: bool, quiet: bool,
) -> NoReturn:
    """Color what comes into the folders until Ctrl-C or SIGTERM; each result is a line, with --json an object.

    Raises:
        typer.Exit: exit code 1 where a photograph has failed.
    """
    from dancheong.prediction.watch import watch_folders
    from dancheong.system.signals import stop_requests

    if options.sheet_path is not None:
        raise ParamError("--sheet does not go with --watch, which never knows that all photographs are there")
    counts: Counter[str] = Counter()
    say(f"dancheong: watching {', '.join(map(str, inputs))}; Ctrl-C ends it", quiet)
    with stop_requests() as stop:
        for result in watch_folders(colorizer, inputs, output, options, upscaler, stop):
            counts[result.status] += 1
            for note in result.notes:
                say(f"note: {result.input}: {note}", quiet)
            if result.status == "failed":
                say(f"failed: {result.input}: {result.error}")
            if (result.status == "ok" and not quiet) or (as_json and result.status != "skipped"):
                emit(result.record(), as_json, [f"{result.status}: {result.input} -> {result.output}"])
    summary = {status: counts[status] for status in ("ok", "skipped", "failed")}
    emit({"summary": summary, "manifest": str(options.manifest)}, as_json, [] if quiet else [
        f"{summary['ok']} done, {summary['skipped']} there already, {summary['failed']} failed"
    ])
    raise typer.Exit(1 if counts["failed"] else 0)
