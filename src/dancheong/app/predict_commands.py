"""`dancheong predict`: photographs and folders, a stream inside other programs (`-`), and folders beside a scanner."""

import gc
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dancheong.app import options
from dancheong.app.console import Console
from dancheong.app.file_commands import Drawn, Masks, Overwrite, Pages, Sheet, Strip, run_over_files
from dancheong.params import DancheongError, ParamError

if TYPE_CHECKING:
    from dancheong.prediction.colorizer import Colorizer
    from dancheong.prediction.folder import FileResult, FolderOptions
    from dancheong.upscaling.upscaler import Upscaler

STREAM = Path("-")


def predict(
    words: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL.h5] INPUT...",
            help="Photographs, or folders of them; - is standard input. Before them what `dancheong train` wrote, else the "
            "model that comes along.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR",
                     help="Folder for the results; without it NAME_colored goes beside each photograph."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and color what comes into the folders, until Ctrl-C.")
    ] = False,
    runtime: options.Runtime = "auto",
    device: options.Device = None,
    shard: Annotated[str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts, from 1.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, metavar="N", help="Photographs at a time, within MEMORY_GB; else one more than cores."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster whose workers do it (docs/scaling.md).")
    ] = None,
    overwrite: Overwrite = False,
    mask_dir: Masks = None,
    drawn_masks: Drawn = None,
    hints: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Colors that you know: NAME.csv or NAME.png for a photograph NAME; for "
                                  "a single one its file will do (docs/hints.md).")
    ] = None,
    confidence: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each photograph's map of confidence here: 255 is sure.")
    ] = None,
    sheet: Sheet = None,
    upscaler: Annotated[
        Path | None,
        typer.Option(
            metavar="UPSCALER",
            help="For SR_SCALE=2 or 4: UP.h5, or .safetensors of others (extra spandrel); without it the one that comes along.",
        ),
    ] = None,
    pages: Pages = "first",
    looks: Annotated[
        int, typer.Option(min=1, max=5, metavar="N", help="Plausible colorings of each, the likeliest first: NAME_look2, ...")
    ] = 1,
    look: Annotated[
        int, typer.Option("--look", min=1, max=5, metavar="N", help="Only this one of the looks, as the result itself.")
    ] = 1,
    steady: Annotated[
        bool, typer.Option("--steady", help="A folder holds frames of one subject in the order of their names: one color.")
    ] = False,
    strip: Strip = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="CERT", help="Certificates in PEM, for Content Credentials (extra c2pa).")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="KEY", help="The private key of --sign, in PEM.")] = None,
    *, chosen: options.PredictionOptions, console: Console,
) -> None:
    """Color gray (or color) photographs at their full size. Started again, it goes on where it was stopped.

    Without -o a file that dancheong has not colored is never replaced, and results are not colored again.
    """
    given, inputs = options.split_model(words, "photographs or folders of them were expected")
    if (sign is None) != (key is None):
        raise ParamError("--sign and --key go together: the certificates, and the private key of the first of them")
    if looks > 1 and look > 1:
        raise ParamError(f"--looks {looks} asks for several looks, and --look {look} for that one alone: give one of the two")
    is_stream = _check_stream(inputs, output, console)
    if (watch and steady) or (is_stream and (looks > 1 or steady)):
        what = "--watch" if watch else "-"
        raise ParamError(f"{what}: --looks goes with a file or a folder, --steady with a folder whose frames are all there")
    # All cores work on a single photograph; of many, each core works on one.
    threads = None if runtime == "torch" or is_stream or (len(inputs) == 1 and inputs[0].is_file()) else 1
    if threads == 1:
        _limit_libraries_to_one_thread()
    with _without_garbage_collection():
        from dancheong.prediction.colorizer import Colorizer
        from dancheong.prediction.credentials import Signing
        from dancheong.prediction.folder import predict_files
        from dancheong.prediction.manifest import manifest_name
        from dancheong.upscaling.upscaler import Upscaler

        part = _parse_shard(shard)
        model = options.model_path(given, console)
        asked = chosen.at_prediction(console, model) | ({} if device is None else {"device": device})
        colorizer = Colorizer.open(model, runtime=runtime, threads=threads, **asked)
        for note in colorizer.device_notes:
            console.warn(f"dancheong: {note}")
    listed: Path | None = None
    if output is not None:
        listed = output / manifest_name(part)
    elif folders := [path for path in inputs if path.is_dir() and os.access(path, os.W_OK)]:
        # Photographs that are named alone get their results and nothing more.
        listed = folders[0] / manifest_name(part, beside=True)
    enlarger = None if upscaler is None else Upscaler.open(upscaler, threads=threads)

    def work(wanted: "FolderOptions") -> "list[FileResult]":
        if is_stream:
            _color_stream(colorizer, wanted, enlarger, console)
        if watch:
            _watch(colorizer, inputs, output, wanted, enlarger, console)
        return predict_files(colorizer, inputs, output, wanted, enlarger)

    run_over_files(
        "coloring", work, console, listed, model,
        overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, sheet_path=sheet, shard=part,
        confidence_dir=confidence, workers=jobs, cluster=cluster, strip=strip,
        sign=None if sign is None or key is None else Signing(sign, key), pages=pages, looks=looks, look=look,
        steady=steady, hints=hints,
    )


def _check_stream(inputs: list[Path], output: Path | None, console: Console) -> bool:
    """Whether a photograph is to come from the standard input."""
    if STREAM not in inputs:
        return False
    if inputs != [STREAM] or output is not None or console.as_json:
        what = "--json" if console.as_json else f"-o {output}" if output is not None else "other inputs"
        raise ParamError(f"-: the picture goes from standard input to standard output, and {what} does not go with it")
    if sys.stdout.isatty():
        raise ParamError("-: the picture would go to the terminal: write `dancheong predict - < old.jpg > colored.jpg`")
    return True


def _color_stream(colorizer: "Colorizer", wanted: "FolderOptions", upscaler: "Upscaler | None", console: Console) -> NoReturn:
    """Color the photograph on standard input to standard output, in its own format, or PNG where that is not written.

    Of a document that is its first page. Where it cannot be read or colored nothing is written.
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
        stream = replace(wanted, manifest=None, pages="first")
        (result,) = predict_files(colorizer, [photo], Path(folder) / "colored", stream, upscaler)
        if result.status == "failed":
            raise DancheongError(f"standard input: {result.error}")
        for note in result.notes:
            console.say(f"note: {note}")
        sys.stdout.buffer.write(result.output.read_bytes())
        sys.stdout.buffer.flush()
    raise typer.Exit


def _watch(
    colorizer: "Colorizer", inputs: list[Path], output: Path | None, wanted: "FolderOptions", upscaler: "Upscaler | None",
    console: Console,
) -> NoReturn:
    """Color what comes into the folders until Ctrl-C or SIGTERM; each result is a line, with --json an object."""
    from dancheong.prediction.watch import watch_folders
    from dancheong.system.signals import stop_requests

    if wanted.sheet_path is not None:
        raise ParamError("--sheet does not go with --watch, which never knows that all photographs are there")
    counts: Counter[str] = Counter()
    console.say(f"dancheong: watching {', '.join(map(str, inputs))}; Ctrl-C ends it")
    with stop_requests() as stop:
        for result in watch_folders(colorizer, inputs, output, wanted, upscaler, stop):
            counts[result.status] += 1
            for note in result.notes:
                console.say(f"note: {result.input}: {note}")
            if result.status == "failed":
                console.warn(f"failed: {result.input}: {result.error}")
            if (result.status == "ok" and not console.quiet) or (console.as_json and result.status != "skipped"):
                console.emit(result.record(), [f"{result.status}: {result.input} -> {result.output}"])
    summary = {status: counts[status] for status in ("ok", "skipped", "failed")}
    console.emit({"summary": summary, "manifest": str(wanted.manifest)}, [] if console.quiet else [
        f"{summary['ok']} done, {summary['skipped']} there already, {summary['failed']} failed"
    ])
    raise typer.Exit(1 if counts["failed"] else 0)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep what is made within out of all later garbage collections, which would take a twentieth of a folder's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _limit_libraries_to_one_thread() -> None:
    """Keep libraries from using all cores for one photograph, because each core has a photograph of its own.

    To be called before numpy is imported.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import cv2

    cv2.setNumThreads(1)


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise ParamError(f"--shard {text}: I/N with 1 <= I <= N was expected, such as 2/8")
    return int(index), int(count)
