"""`dancheong filter`, `apply-color`, `upscale` and `manifest`: work over photographs that needs no model that colors."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from dancheong.app import options
from dancheong.app.console import Console, photographs
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
Sheet = Annotated[Path | None, typer.Option(metavar="PNG", help="Also a sheet: gray | color, with names.")]
Scale = Annotated[Literal["2", "4"] | None, typer.Option(help="Enlargement; as --set SR_SCALE.")]


def filter_(
    inputs: Inputs,
    output: options.OutputDir,
    mask_dir: Masks = None,
    drawn_masks: Drawn = None,
    overwrite: Overwrite = False,
    pages: Pages = "first",
    strip: Strip = None,
    sheet: Annotated[Path | None, typer.Option(metavar="PNG", help="Also a sheet: before | mask | after.")] = None,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """Find and correct light reflection, without coloring. Writes the masks it used where asked."""
    params = chosen.resolve(console).params
    from dancheong.prediction.folder import filter_files
    from dancheong.prediction.manifest import manifest_name

    run_over_files(
        "filtering", lambda wanted: filter_files(params, inputs, output, wanted), console,
        output / manifest_name(None), overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, pages=pages,
        sheet_path=sheet, strip=strip,
    )


def apply_color(
    gray: Annotated[Path, typer.Argument(metavar="GRAY", help="A photograph, or a folder of them.")],
    colored: Annotated[
        Path,
        typer.Argument(
            metavar="COLORED",
            help="Its colored version, or a folder of versions of the same stems (NAME or NAME_colored), of any size or crop.",
        ),
    ],
    output: options.OutputDir,
    overwrite: Overwrite = False,
    mask_dir: Masks = None,
    drawn_masks: Drawn = None,
    strip: Strip = None,
    sheet: Sheet = None,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """Bring the color that another program or a person gave onto the photograph's own lightness, at its full size.

    What shows another photograph is refused; each file's misfit is told.
    """
    params = chosen.resolve(console).params
    from dancheong.prediction.folder import apply_color_files
    from dancheong.prediction.manifest import manifest_name

    run_over_files(
        "coloring", lambda wanted: apply_color_files(params, [gray], colored, output, wanted), console,
        output / manifest_name(None), overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, sheet_path=sheet,
        strip=strip,
    )


def upscale(
    inputs: Inputs,
    output: options.OutputDir,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="UPSCALER",
            help="What train-upscaler wrote, or .safetensors of others (extra spandrel); without it the one that comes along.",
        ),
    ] = None,
    scale: Scale = None,
    overwrite: Overwrite = False,
    pages: Pages = "first",
    strip: Strip = None,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """Enlarge photographs, gray or color, 8 or 16 bits, as they are."""
    params = chosen.resolve(console).params
    from dancheong.prediction.folder import upscale_files
    from dancheong.prediction.manifest import manifest_name
    from dancheong.upscaling.upscaler import Upscaler

    upscaler, times = Upscaler.open(model), int(scale or params.sr_scale)
    run_over_files(
        "enlarging", lambda wanted: upscale_files(upscaler, inputs, output, None if times == 1 else times, params, wanted),
        console, output / manifest_name(None), overwrite=overwrite, pages=pages, strip=strip,
    )


def manifest(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Folders of results, or manifests.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="CSV", help="Write them as one manifest.")] = None,
    *, console: Console,
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
    for path in paths:
        console.say(f"read: {path}")
    failures = [{"file": row.file, "error": row.error} for row in rows if row.status == "failed"]
    console.emit({"manifests": list(map(str, paths)), "summary": counts, "failed": failures}, [
        *(f"failed: {failure['file']}: {failure['error']}" for failure in failures),
        f"{_counted(counts, 'found done')}; {counts['seconds']} s of work",
    ])


def run_over_files(
    title: str, work: "Callable[[FolderOptions], list[FileResult]]", console: Console, manifest: Path | None,
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
    with console.bar(title) as bar:
        results = work(FolderOptions(
            progress=lambda result, done, total: bar(done / total, result.input.name), tell=console.say,
            left_out=lambda path, reason: left_out.append({"file": str(path), "reason": reason}), manifest=manifest, **wanted,
        ))
    seconds = time.monotonic() - began
    for one in left_out[:_SHOWN_FILES]:
        console.say(f"left out: {one['file']}: {one['reason']}")
    if left_out[_SHOWN_FILES:]:
        all_of_them = "--json names all" if manifest is None else f"{manifest} names all"
        console.say(f"left out: {len(left_out) - _SHOWN_FILES} more files; {all_of_them}")
    for result in results:
        if result.status == "failed":
            console.warn(f"failed: {result.input}: {result.error}")
        for note in result.notes:
            console.warn(f"note: {result.input}: {note}")
    counts = {**summary(results), "left_out": len(left_out)}
    rate = round(counts["ok"] / seconds, 3) if seconds else 0.0
    places = {name: str(path) for name, path in (("model", model), ("manifest", manifest)) if path is not None}
    lines = [
        *(f"{result.status}: {result.input} -> {result.output}" for result in results if result.status != "failed"),
        f"{_counted(counts, 'there already')}; {rate} images/s", *([f"manifest: {manifest}"] if manifest else []),
    ]
    files = [result.record() for result in results]
    record = {"files": files, "images_per_second": rate, "summary": counts, "left_out": left_out, **places}
    console.emit(record, [] if console.quiet else lines)
    raise typer.Exit(1 if counts["failed"] else 0)


def _counted(counts: Mapping[str, Any], skipped: str) -> str:
    looked_at = counts["ok"] + counts["skipped"] + counts["failed"]
    return (
        f"{photographs(looked_at)}: {counts['ok']} done, {counts['skipped']} {skipped}, "
        f"{counts['failed']} failed; {counts['left_out']} other files left out; light reflection in {counts['with_glare']}"
    )
