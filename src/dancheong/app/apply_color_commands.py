"""`dancheong apply-color`."""

from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.predict_commands import Drawn, Masks, Overwrite, Strip, run_over_files


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
    sheet: Annotated[Path | None, typer.Option(metavar="PNG", help="Also a sheet: gray | color, with names.")] = None,
    table: options.Table = None,
    category: options.Category = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Bring the color that another program or a person gave onto the photograph's own lightness, at its full size.

    What shows another photograph is refused; each file's misfit is told.
    """
    resolved, _ = options.effective(table, category, settings)
    from dancheong.prediction.folder import apply_color_files
    from dancheong.prediction.manifest import manifest_name

    run_over_files(
        "coloring", lambda wanted: apply_color_files(resolved.params, [gray], colored, output, wanted), as_json, quiet,
        output / manifest_name(None), overwrite=overwrite, mask_dir=mask_dir, drawn_masks=drawn_masks, sheet_path=sheet,
        strip=strip,
    )
