"""`dancheong serve`: the web page."""

from pathlib import Path
from typing import Annotated

import typer

from dancheong.app import options
from dancheong.app.console import Console


def serve(
    model: Annotated[
        list[Path] | None,
        typer.Option(metavar="MODEL.h5", help="A model to color with; repeatable. None: the one that comes along."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but this machine's own (127.0.0.1) asks visitors for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 7860,
    models: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False,
                     help="Folder whose models are offered, and where trained models are kept."),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", exists=True, file_okay=False, resolve_path=True,
                     help="Folder that may be trained on; repeatable. None: zips only."),
    ] = None,
    max_upload_mb: Annotated[int, typer.Option(min=1, help="Largest upload, all its files together.")] = 500,
    line: Annotated[int, typer.Option(min=0, help="How many visitors may wait while another's photographs are colored.")] = 8,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of visits; a server that starts again finds them there.")
    ] = None,
    keep_hours: Annotated[float, typer.Option(min=0.1, help="A visit that nobody uses for so long is removed.")] = 24.0,
    settings: options.Settings = None,
    *, console: Console,
) -> None:
    """Open a web page: color, train and compare in a browser, in English and Korean. Ctrl-C ends it.

    Nothing is sent anywhere. What visitors bring stays on this machine until they remove it or have not come for some hours,
    also when the page is started again. --set changes parameters of prediction for all of them, such as MEMORY_GB=4.
    """
    from dancheong.app.web.asked import Options
    from dancheong.app.web.server import serve

    asked = Options(
        host, port, tuple(model or ()), models, tuple(photos or ()), max_upload_mb, line,
        options.ParamOptions(settings=settings).at_prediction(console), keep, keep_hours,
    )
    console.say("dancheong: starting; Ctrl-C ends the page. What visitors have brought is there when it starts again")
    # The address is the result: it is printed, once it can be visited, even when messages are not wanted.
    serve(asked, lambda address: console.emit({"address": address}, [address]))
