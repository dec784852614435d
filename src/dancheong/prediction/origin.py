"""What a result was made of: the content of its photograph, the model, the settings. A run takes no other file for its own,
and colors no result.
"""

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dancheong.imaging.files import PhotoError, read_provenance
from dancheong.imaging.formats import WRITABLE_SUFFIXES
from dancheong.imaging.xmp import Provenance
from dancheong.params import ParamError, Params

# Rows that change how a picture is computed, but not the picture.
_CHANGE_NO_PICTURE = {"memory_gb", "tile_px"}
_NAMES_SHOWN = 5
_ELSEWHERE = "choose another folder for the results, or let --overwrite replace it"


def settings_digest(params: Params, **more: Any) -> str:
    """sha256 of the parameters that differ from their defaults, and of what else shapes a result.

    A parameter that is added later changes nothing for those who leave it alone. What in `more` is None or empty counts as
    not given.
    """
    rows = params.model_dump(mode="json", exclude_defaults=True, exclude=_CHANGE_NO_PICTURE)
    given = {name: value for name, value in more.items() if value}
    return hashlib.sha256(json.dumps([rows, given], sort_keys=True).encode()).hexdigest()


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


def colored_by(path: Path) -> Provenance | None:
    """With which model and settings this program colored a picture; None where it did not."""
    if path.suffix.lower() not in WRITABLE_SUFFIXES:  # no format that is written; reading HEIF would start a process
        return None
    try:
        found = read_provenance(path)
    except PhotoError:
        return None
    return found if found is not None and found.source_type == Provenance.source_type else None


def results_among(photos: Collection[Path]) -> set[Path]:
    """Those that this program has colored, which a second run does not color again. Raises ParamError: all are."""
    results = {photo for photo in photos if photo.is_file() and colored_by(photo) is not None}
    if results and len(results) == len(photos):
        named = ", ".join(sorted(path.name for path in results)[:_NAMES_SHOWN])
        raise ParamError(f"nothing to color: dancheong has colored all of them ({named}); -o DIR colors them all the same")
    return results


def why_not_beside(result: Path, overwrite: bool) -> str:
    """Why a result must not be written there: it would replace a file that is no result, or nothing can be written."""
    if os.path.lexists(result):
        if colored_by(result) is None:
            return f"{result}: dancheong did not color the file that is there, so it stays; move it, or name a folder with -o"
        if not overwrite:
            return ""
    folder = result.parent
    closed = folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK)
    return f"{folder}: nothing can be written into this folder; name another one with -o" if closed else ""
