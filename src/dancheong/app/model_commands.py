"""Commands about model files: `dancheong inspect`, `export`, `import-model`, and `models` to list and to share them."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from dancheong.app import options
from dancheong.app.console import Console
from dancheong.params import NotThere, ParamError
from dancheong.system.outputs import check_free, check_name

models_app = typer.Typer(help="Networks that come along, cards, and models to share.", invoke_without_command=True)


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL.h5]", help="What `dancheong train` wrote; without it the model that comes along."),
    ] = None,
    *, console: Console,
) -> None:
    """Show everything a model file says of itself."""
    from dancheong.artifact import read_artifact
    from dancheong.params.schema import format_value

    model = options.model_path(file, console)
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
        *(f"{name}: {value}" for name, value in {**artifact.data, **artifact.scores}.items() if name != "marks"),
        f"history: {len(artifact.history)} entries", f"digest: {artifact.digest}",
        "parameters that differ from the defaults:" if changed else "all parameters are the defaults", *changed,
    ]
    console.emit(result, lines)


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
    *, console: Console,
) -> None:
    """Write the network as one ONNX file for any ONNX runtime, or its weights as safetensors, and compare both."""
    given, outputs = options.split_model(words, "the file to write was expected")
    if len(outputs) > 1:
        raise ParamError(f"{outputs[1]}: one file to write was expected, and before it a model file (.h5) or none")
    output, model = outputs[0], options.model_path(given, console)
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
    console.emit(record, [
        f"{output}: largest difference to what `predict` computes {difference:.2e}",
        *(f"{'an ONNX' if is_onnx else 'a safetensors'} file cannot carry {lack}" for lack in lacks),
    ])


def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="latest_net_G.pth of pytorch-CycleGAN-and-pix2pix (unet_256, unet_128), or a Keras .h5 of TensorFlow's "
            "pix2pix tutorial. It is read without running code in it.",
        ),
    ],
    output: options.OutputModel,
    statistics: Annotated[
        Literal["stored", "picture"],
        typer.Option(help="Of batch normalization. stored: the training's, as `test.py --eval`; picture: each photograph's "
                     "own, as `test.py` and the tutorial test."),
    ] = "stored",
    settings: options.Settings = None,
    overwrite: options.Overwrite = False,
    *, console: Console,
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
    console.emit(record, [
        f"{output}: {artifact.data['layout']}, {params.depth} levels, {table.c_in} channels in and {table.c_out} out, "
        f"{record['generator_parameters']:,} numbers",
        f"batch normalization: {statistics} statistics; where the colors are not those you know, try --statistics {other}",
    ])


@models_app.callback()
def models(context: typer.Context) -> None:
    """The networks that come with the program; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_()


@models_app.command("list")
@options.with_groups
def list_(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="Also the model files of these folders.")
    ] = None,
    *, console: Console,
) -> None:
    """List the networks that come along: size, what each learned from, its scores, and the digest that manifests name."""
    from dancheong.artifact import ArtifactError, read_artifact
    from dancheong.prediction.shipped import facts_of, shipped_models
    from dancheong.report.card import model_card

    cards = [(model.name, model.path, model.card) for model in shipped_models()]
    for path in [path for folder in folders or [] for path in sorted(folder.rglob("*.h5"))]:
        try:
            cards.append((path.stem, path, model_card(path.stem, read_artifact(path))))
        except ArtifactError as error:
            console.say(f"left out: {error}")
    found = [{"name": name, "file": str(path), "bytes": path.stat().st_size, **facts_of(text)} for name, path, text in cards]
    lines = [
        line for model in found
        for line in (f"{model['name']}: {model['bytes']:,} bytes",
                     *(f"  {fact}: {value}" for fact, value in model.items() if fact not in ("name", "bytes")))
    ]
    console.emit({"models": found}, lines)


@models_app.command()
@options.with_groups
def card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="colorizer, upscaler, glare-detector, or a model file (.h5).")],
    *, console: Console,
) -> None:
    """Print the card of a network: what it learned from, its scores, its limits, its license."""
    from dancheong.artifact import read_artifact
    from dancheong.prediction.shipped import shipped_models
    from dancheong.report.card import model_card

    cards = {model.name: model for model in shipped_models()}
    if name in cards:
        path = cards[name].path
        text = re.sub(r"\]\((\w+\.md)\)", lambda beside: f"]({path.with_name(beside[1])})", cards[name].card)
    elif name.lower().endswith(".h5"):
        path = Path(name)
        text = model_card(path.stem, read_artifact(path))
    else:
        raise ParamError(f"no network of the name {name} comes along; there are {', '.join(cards)}, or give a model file (.h5)")
    console.emit({"name": name, "file": str(path), "card": text}, text.splitlines())


@models_app.command()
@options.with_groups
def pull(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder or a model file, https://..., or hf://OWNER/NAME[/FILE][@REVISION].")
    ],
    output: options.OutputModel,
    sha256: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="sha256 of the file, which `models push` tells; https:// needs it.")
    ] = None,
    overwrite: options.Overwrite = False,
    *, console: Console,
) -> None:
    """Fetch a model that somebody shares, and check it. No other command ever fetches one."""
    from dancheong.app.model_exchange import pull as run

    check_name(output, ".h5", "a model file")
    check_free([output], overwrite)
    digest, artifact = run(source, output, sha256)
    record = {"source": source, "model": str(output), "sha256": digest, "digest": artifact.digest, "kind": artifact.kind}
    console.emit(record, [f"{output}: {artifact.kind}, sha256 {digest}", f"its card: dancheong models card {output}"])


@models_app.command()
@options.with_groups
def push(
    model: Annotated[Path, typer.Argument(metavar="MODEL.h5", help="What `dancheong train` wrote.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A folder, or hf://OWNER/NAME (extra hub).")],
    overwrite: options.Overwrite = False,
    *, console: Console,
) -> None:
    """Share a model: the file, its card and its digest, in a folder that a web server may show, or in a repository."""
    from dancheong.app.model_exchange import push as run

    digest, written = run(model, target, overwrite)
    record = {"model": str(model), "target": target, "sha256": digest, "written": written}
    console.emit(record, [f"written: {one}" for one in written] + [f"sha256 {digest} (models pull --sha256 checks it)"])
