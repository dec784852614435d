"""`dancheong predict` and `dancheong filter`."""

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from dancheong.app import options
from dancheong.app.console import emit, photographs, progress_bar, say
from dancheong.app.model_argument import model_path, split_model
from dancheong.app.watch_commands import check_stream, color_stream
from dancheong.app.watch_commands import watch as run_watch
from dancheong.params import ParamError

if TYPE_CHECKING:
    from dancheong.prediction.folder import FileResult, FolderOptions

_SHOWN_FILES = 20
Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Photographs, or folders of them.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there (never an input).")]
Masks = Annotated[Path | None, typer.Option(metavar="DIR", help="Write each photograph's glare mask here.")]
Strip = Annotated[
    Literal["gps", "all"] | None,
    typer.Option(help="Metadata that results are not to have: coordinates, or all that the photograph brings."),
]
Pages = Annotated[
    Literal["first", "all"], typer.Option(help="Of a TIFF with several pages the first, or each: NAME, NAME_p2, ...")
]
Drawn = Annotated[Path | None, typer.Option(metavar="DIR", help="Masks drawn by hand: PNG of the same stems.")]


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
    sheet: Annotated[Path | None, typer.Option(metavar="PNG", help="Also a sheet: gray | color, with names.")] = None,
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
    table: options.PredictionTable = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Color gray (or color) photographs at their full size. Started again, it goes on where it was stopped.

    Without -o a file that dancheong has not colored is never replaced, and results are not colored again.
    """
    given, inputs = split_model(words, "photographs or folders of them were expected")
    if (sign is None) != (key is None):
        raise ParamError("--sign and --key go together: the certificates, and the private key of the first of them")
    if looks > 1 and look > 1:
        raise ParamError(f"--looks {looks} asks for several looks, and --look {look} for that one alone: give one of the two")
    is_stream = check_stream(inputs, output, as_json)
    if (watch and steady) or (is_stream and (looks > 1 or steady)):
        what = "--watch" if watch else "-"
        raise ParamError(f"{what}: --looks goes with a file or a folder, --steady with a folder whose frames are all there")
    # All cores work on a single photograph; of many, each core works on one.
    threads = None if runtime == "torch" or is_stream or (len(inputs) == 1 and inputs[0].is_file()) else 1
    if threads == 1:
        limit_libraries_to_one_thread()
    with _without_garbage_collection():
        from dancheong.prediction.colorizer import Colorizer
        from dancheong.prediction.credentials import Signing
        from dancheong.prediction.folder import predict_files
        from dancheong.prediction.manifest import manifest_name
        from dancheong.upscaling.upscaler import Upscaler

        part = _parse_shard(shard)
        model = model_path(given, quiet)
        asked = options.at_prediction(table, category, settings, model, quiet)
        colorizer = Colorizer.open(
            model, runtime=runtime, threads=threads, **asked | ({} if device is None else {"device": device})
        )
        for note in colorizer.device_notes:
            say(f"dancheong: {note}")
    listed: Path | None = None
    if output is not None:
        listed = output / manifest_name(part)
    elif folders := [path for path in inputs if path.is_dir() and os.access(path, os.W_OK)]:
        # Photographs that are named alone get their results and nothing more.
        listed = folders[0] / manifest_name(part, beside=True)
    enlarger = None if upscaler is None else Upscaler.open(upscaler, threads=threads)

    def work(wanted: "FolderOptions") -> "list[FileResult]":
        if is_stream:
            color_stream(colorizer, wanted, enlarger, quiet)
        if watch:
            run_watch(colorizer, inputs, output, wanted, enlarger, as_json, quiet)
        return predict_files(colorizer, inputs, output, wanted, enlarger)

    run_over_files(
        "coloring", work, as_json, quiet, listed, model,
        overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, sheet_path=sheet, shard=part,
        confidence_dir=confidence, workers=jobs, cluster=cluster, strip=strip,
        sign=None if sign is None or key is None else Signing(sign, key), pages=pages, looks=looks, look=look,
        steady=steady, hints=hints,
    )


def filter_(
    inputs: Inputs,
    output: options.OutputDir,
    mask_dir: Masks = None,
    drawn_masks: Drawn = None,
    overwrite: Overwrite = False,
    pages: Pages = "first",
    strip: Strip = None,
    sheet: Annotated[Path | None, typer.Option(metavar="PNG", help="Also a sheet: before | mask | after.")] = None,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find and correct light reflection, without coloring. Writes the masks it used where asked."""
    resolved, _ = options.effective(table, category, settings)
    from dancheong.prediction.folder import filter_files
    from dancheong.prediction.manifest import manifest_name

    run_over_files(
        "filtering", lambda wanted: filter_files(resolved.params, inputs, output, wanted), as_json, quiet,
        output / manifest_name(None), overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, pages=pages,
        sheet_path=sheet, strip=strip,
    )


def manifest(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Folders of results, or manifests.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="CSV", help="Write them as one manifest.")] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read the manifests of a folder run, all shards together: how many photographs came to what, and which failed."""
    from dancheong.prediction.manifest import manifests_in, read_manifests, summary, write_manifest

    paths = [path for result in results for path in (manifests_in(result) if result.is_dir() else [result])]
    if not paths:
        raise ParamError(f"{', '.join(map(str, results))}: no manifest there; `dancheong predict -o FOLDER` writes one")
    if output is not None and output.resolve() in {path.resolve() for path in paths}:
        raise ParamError(f"{output}: this manifest is one of those that are read; choose another name")
    rows = read_manifests(paths)
    if output is not None:
        write_manifest(output, rows)
    counts = summary(rows)
    failed = [row for row in rows if row.status == "failed"]
    for path in paths:
        say(f"read: {path}", quiet)
    failures = [{"file": row.file, "error": row.error} for row in failed]
    emit({"manifests": list(map(str, paths)), "summary": counts, "failed": failures}, as_json, [
        *(f"failed: {row.file}: {row.error}" for row in failed),
        f"{_counted(counts, 'found done')}; {counts['seconds']} s of work",
    ])


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep what is made within out of all later garbage collections, which would take a twentieth of a folder's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def limit_libraries_to_one_thread() -> None:
    """Keep libraries from using all cores for one photograph, because each core has a photograph of its own.

    To be called before numpy is imported.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import cv2

    cv2.setNumThreads(1)


def run_over_files(
    title: str, work: "Callable[[FolderOptions], list[FileResult]]", as_json: bool, quiet: bool, manifest: Path | None = None,
    model: Path | None = None, **wanted: Any,
) -> NoReturn:
    """Do the work over photographs beside a progress bar, say what came of each, and leave with the exit code that it means.

    Args:
        title: of the bar.
        work: gets the options that are `wanted`.
        manifest: where all files are named; None: nowhere.
        model: that colors; None for work without one.

    Raises:
        typer.Exit: always; with code 1 where a photograph failed.
    """
    from dancheong.prediction.folder import FolderOptions
    from dancheong.prediction.manifest import summary

    began = time.monotonic()
    left_out: list[dict[str, str]] = []
    with progress_bar(title, 1.0, quiet) as bar:
        results = work(FolderOptions(
            progress=lambda result, done, total: bar(done / total, result.input.name), tell=lambda text: say(text, quiet),
            left_out=lambda path, reason: left_out.append({"file": str(path), "reason": reason}), manifest=manifest, **wanted,
        ))
    seconds = time.monotonic() - began
    for one in left_out[:_SHOWN_FILES]:
        say(f"left out: {one['file']}: {one['reason']}", quiet)
    if left_out[_SHOWN_FILES:]:
        all_of_them = "--json names all" if manifest is None else f"{manifest} names all"
        say(f"left out: {len(left_out) - _SHOWN_FILES} more files; {all_of_them}", quiet)
    for result in results:
        if result.status == "failed":
            say(f"failed: {result.input}: {result.error}")
        for note in result.notes:
            say(f"note: {result.input}: {note}")
    counts = {**summary(results), "left_out": len(left_out)}
    rate = round(counts["ok"] / seconds, 3) if seconds else 0.0
    places = {name: str(path) for name, path in (("model", model), ("manifest", manifest)) if path is not None}
    files = [result.record() for result in results]
    lines = [
        *(f"{result.status}: {result.input} -> {result.output}" for result in results if result.status != "failed"),
        f"{_counted(counts, 'there already')}; {rate} images/s", *([f"manifest: {manifest}"] if manifest else []),
    ]
    record = {"files": files, "images_per_second": rate, "summary": counts, "left_out": left_out, **places}
    emit(record, as_json, [] if quiet else lines)
    raise typer.Exit(1 if counts["failed"] else 0)


def _counted(counts: Mapping[str, Any], skipped: str) -> str:
    return (
        f"{photographs(counts['photographs'])}: {counts['ok']} done, {counts['skipped']} {skipped}, "
        f"{counts['failed']} failed; {counts['left_out']} other files left out; light reflection in {counts['with_glare']}"
    )


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise ParamError(f"--shard {text}: I/N with 1 <= I <= N was expected, such as 2/8")
    return int(index), int(count)
