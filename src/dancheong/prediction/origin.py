"""What a result was made of: the content of its photograph, the model, the settings. A run takes no other file for its own."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dancheong.imaging.files import PhotoError, read_provenance
from dancheong.imaging.xmp import Provenance
from dancheong.params import Params

# Rows that change how a picture is computed, but not the picture.
_CHANGE_NO_PICTURE = {"memory_gb", "tile_px"}
_ELSEWHERE = "choose another folder for the results, or let --overwrite replace it"


def settings_digest(params: Params, **more: Any) -> str:
    """sha256 of the parameters that differ from their defaults, and of what else shapes a result.

    A parameter that is added later changes nothing for those who leave it alone. What in `more` is None or empty counts as
    not given.
    """
    rows = params.model_dump(mode="json", exclude_defaults=True, exclude=_CHANGE_NO_PICTURE)
    given = {name: value for name, value in more.items() if value}
    return hashlib.sha256(json.dumps([rows, given], sort_keys=True).encode()).hexdigest()


def fingerprint(path: Path) -> str:
    """sha256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def why_not_ours(result: Path, now: Provenance) -> str:
    """Why the file that stands at `result` is not what `now` makes; empty where it is."""
    try:
        made = read_provenance(result)
    except PhotoError:
        made = None
    if made is None or made.original is None:
        return f"{result}: a file is there of which nothing says that this program made it; move it, or {_ELSEWHERE}"
    if made.original != now.original:
        return f"{result}: is the result of another photograph of this name; {_ELSEWHERE}"
    # The first of several looks is what one alone would be.
    shaped = [(one.model, (one.params or "").removesuffix(" look 1")) for one in (made, now)]
    other = "another model or other settings" if shaped[0] != shaped[1] else (
        "other color hints" if made.hints != now.hints else "another colored version" if made.color != now.color else ""
    )
    return f"{result}: is the result of {other}; {_ELSEWHERE}" if other else ""
