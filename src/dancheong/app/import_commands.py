"""`dancheong import-model`: what other programs have trained, as a model file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dancheong.app import options
from dancheong.app.console import emit
from dancheong.params import NotThere
from dancheong.system.outputs import check_free, check_name


def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="latest_net_G.pth of pytorch-CycleGAN-and-pix2pix (unet_256, unet_128), or a Keras .h5 of TensorFlow's "
            "pix2pix tutorial. It is read without running code in it.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.h5", help="The model file to write.")],
    statistics: Annotated[
        Literal["stored", "picture"],
        typer.Option(help="Of batch normalization. stored: the training's, as `test.py --eval`; picture: each photograph's "
                     "own, as `test.py` and the tutorial test."),
    ] = "stored",
    settings: options.Settings = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a model file of a generator that another pix2pix program has trained; it predicts the same.

    --set RESOL is the size that it was trained at (else 2^levels), --set DIRECTION=BtoA which half of a pair it takes.
    """
    check_name(output, ".h5", "a model file")
    check_free([output], overwrite)
    if not file.exists():
        raise NotThere(f"{file}: there is no such file; give what another pix2pix program has saved")
    from dancheong.params import parse_settings
    from dancheong.runtime.peers import import_model as run

    artifact = run(file, output, statistics, dict(parse_settings(settings or [])))
    table, params = artifact.architecture, artifact.params
    other = "picture" if statistics == "stored" else "stored"
    record = {
        "input": str(file), "model": str(output), **artifact.data, "resol": params.resol, "color_space": params.color_space,
        "channels": [table.c_in, table.c_out], "generator_parameters": sum(array.size for array in artifact.weights.values()),
    }
    emit(record, as_json, [
        f"{output}: {artifact.data['layout']}, {params.depth} levels, {table.c_in} channels in and {table.c_out} out, "
        f"{record['generator_parameters']:,} numbers",
        f"batch normalization: {statistics} statistics; where the colors are not those you know, try --statistics {other}",
    ])
