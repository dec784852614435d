"""`dancheong inspect` and `dancheong export`: what a model file says of itself, and its network for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import emit
from dancheong.app.model_argument import model_path, split_model
from dancheong.params import ParamError
from dancheong.system.outputs import check_free, check_name

ModelFile = Annotated[
    Path | None,
    typer.Argument(metavar="[MODEL.h5]", help="What `dancheong train` wrote; without it the model that comes along."),
]


def inspect(file: ModelFile = None, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Show everything a model file says of itself."""
    from dancheong.artifact import read_artifact
    from dancheong.params.schema import format_value

    model = model_path(file, quiet)
    artifact = read_artifact(model)
    count = sum(weights.size for name, weights in artifact.weights.items() if "running_" not in name)
    params = {
        name.upper(): {"value": value, "origin": artifact.origins.get(name, "default")}
        for name, value in artifact.params.model_dump(mode="json").items()
    }
    result = {
        "model": str(model), "format_version": artifact.format_version, "kind": artifact.kind, "category": artifact.category,
        "params": params, "data": artifact.data, "history": artifact.history, "scores": artifact.scores,
        "generator_parameters": count, "bytes": model.stat().st_size, "digest": artifact.digest,
    }
    changed = [f"  {name} = {format_value(one['value'])} ({one['origin']})" for name, one in params.items()
               if one["origin"] != "default"]
    lines = [
        f"{model}: {artifact.kind}, category {artifact.category}, format {artifact.format_version}, {result['bytes']:,} bytes",
        f"generator: {count:,} parameters",
        *(f"{name}: {value}" for name, value in {**artifact.data, **artifact.scores}.items()),
        f"history: {len(artifact.history)} entries", f"digest: {artifact.digest}",
        "parameters that differ from the defaults:" if changed else "all parameters are the defaults", *changed,
    ]
    emit(result, as_json, lines)


def export(
    words: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL.h5] OUT",
            help="The file to write, .onnx or .safetensors; before it what `dancheong train` wrote, else the model that comes "
            "along is exported.",
        ),
    ],
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the network as one ONNX file for any ONNX runtime, or its weights as safetensors, and compare both."""
    given, outputs = split_model(words, "the file to write was expected")
    if len(outputs) > 1:
        raise ParamError(f"{outputs[1]}: one file to write was expected, and before it a model file (.h5) or none")
    output, model = outputs[0], model_path(given, quiet)
    is_onnx = output.suffix.lower() != ".safetensors"
    if is_onnx:
        check_name(output, ".onnx", "an exported network")
    check_free([output], overwrite)
    from dancheong.artifact import read_artifact
    from dancheong.runtime.network import export_onnx, export_safetensors

    artifact = read_artifact(model)
    difference = (export_onnx if is_onnx else export_safetensors)(artifact, output)
    lacks = ["preparation, light reflection, full size and file formats: it is the network alone, from [-1, 1] to [-1, 1]"]
    if artifact.params.predict_dropout:
        lacks.append("PREDICT_DROPOUT = Y: dropout and batch statistics are frozen in it, hence the difference to `predict`")
    record = {"model": str(model), "output": str(output), "max_difference": difference, "cannot_carry": lacks}
    emit(record, as_json, [
        f"{output}: largest difference to what `predict` computes {difference:.2e}",
        *(f"{'an ONNX' if is_onnx else 'a safetensors'} file cannot carry {lack}" for lack in lacks),
    ])
