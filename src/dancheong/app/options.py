"""Options that every command shares, and what they mean together."""

from pathlib import Path
from typing import Annotated

import typer

Table = Annotated[str | None, typer.Option("--params", help="Parameter table: .csv, .xlsx or a database URL.", metavar="TABLE")]
Category = Annotated[str | None, typer.Option("--category", help="Category whose rows override COMMON.", metavar="NAME")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Override one parameter; repeatable.", metavar="NAME=VALUE")
]
Preset = Annotated[str, typer.Option("--preset", help="Values to start from: default, or paper (the source paper's).")]
Json = Annotated[bool, typer.Option("--json", help="The last line of stdout is one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No messages, no progress bars.")]
OutputDir = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.", metavar="DIR")]
Runtime = Annotated[str, typer.Option("--runtime", help="auto, onnx or torch.")]
