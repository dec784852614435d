"""`dancheong models`: the networks that come with the program."""

from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import emit
from dancheong.params import ParamError

app = typer.Typer(help="The networks that come with the program.", invoke_without_command=True)


@app.callback()
def models(context: typer.Context) -> None:
    """The networks that come with the program; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List the networks that come along: size, what each learned from, its scores, and the digest that manifests name."""
    from dancheong.prediction.shipped import shipped_models

    found = [
        {"name": model.name, "file": str(model.path), "bytes": model.path.stat().st_size, **model.facts}
        for model in shipped_models()
    ]
    lines = [
        line for model in found
        for line in (f"{model['name']}: {model['bytes']:,} bytes",
                     *(f"  {fact}: {value}" for fact, value in model.items() if fact not in ("name", "bytes")))
    ]
    emit({"models": found}, as_json, lines)


@app.command()
def card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="colorizer, upscaler or glare-detector.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print the card of a network: what it learned from, its scores, its limits, its license."""
    from dancheong.prediction.shipped import shipped_models

    cards = {model.name: model for model in shipped_models()}
    if name not in cards:
        raise ParamError(f"no network of the name {name} comes along; there are {', '.join(cards)}")
    emit({"name": name, "file": str(cards[name].path), "card": cards[name].card}, as_json, [cards[name].card.rstrip("\n")])
