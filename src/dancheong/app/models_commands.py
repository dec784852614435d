"""`dancheong models`: the networks that come along, cards of models, and models that are shared."""

from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import emit, say
from dancheong.params import ParamError

app = typer.Typer(help="Networks that come along, cards, and models to share.", invoke_without_command=True)


@app.callback()
def models(context: typer.Context) -> None:
    """The networks that come with the program; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="Also the model files of these folders.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
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
            say(f"left out: {error}", quiet)
    found = [{"name": name, "file": str(path), "bytes": path.stat().st_size, **facts_of(text)} for name, path, text in cards]
    lines = [
        line for model in found
        for line in (f"{model['name']}: {model['bytes']:,} bytes",
                     *(f"  {fact}: {value}" for fact, value in model.items() if fact not in ("name", "bytes")))
    ]
    emit({"models": found}, as_json, lines)


@app.command()
def card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="colorizer, upscaler, glare-detector, or a model file (.h5).")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print the card of a network: what it learned from, its scores, its limits, its license."""
    from dancheong.artifact import read_artifact
    from dancheong.prediction.shipped import shipped_models
    from dancheong.report.card import model_card

    cards = {model.name: model for model in shipped_models()}
    if name in cards:
        path, text = cards[name].path, cards[name].card
    elif name.lower().endswith(".h5"):
        path = Path(name)
        text = model_card(path.stem, read_artifact(path))
    else:
        raise ParamError(f"no network of the name {name} comes along; there are {', '.join(cards)}, or give a model file (.h5)")
    emit({"name": name, "file": str(path), "card": text}, as_json, text.splitlines())


@app.command()
def pull(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder or a model file, https://..., or hf://OWNER/NAME[/FILE][@REVISION].")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL.h5", help="The model file to write.")],
    sha256: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="sha256 of the file, which `models push` tells; https:// needs it.")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch a model that somebody shares, and check it. No other command ever fetches one."""
    from dancheong.app.model_exchange import pull as run
    from dancheong.system.outputs import check_free, check_name

    check_name(output, ".h5", "a model file")
    check_free([output], overwrite)
    digest, artifact = run(source, output, sha256)
    record = {"source": source, "model": str(output), "sha256": digest, "digest": artifact.digest, "kind": artifact.kind}
    emit(record, as_json, [f"{output}: {artifact.kind}, sha256 {digest}", f"its card: dancheong models card {output}"])


@app.command()
def push(
    model: Annotated[Path, typer.Argument(metavar="MODEL.h5", help="What `dancheong train` wrote.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A folder, or hf://OWNER/NAME (extra hub).")],
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Share a model: the file, its card and its digest, in a folder that a web server may show, or in a repository."""
    from dancheong.app.model_exchange import push as run

    digest, written = run(model, target, overwrite)
    record = {"model": str(model), "target": target, "sha256": digest, "written": written}
    emit(record, as_json, [f"written: {one}" for one in written] + [f"sha256 {digest} (models pull --sha256 checks it)"])
