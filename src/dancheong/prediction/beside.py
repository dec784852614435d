"""Results beside their photographs: what is a result already, and what must not be replaced."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dancheong.imaging.files import PHOTO_SUFFIXES, PhotoError, read_provenance
from dancheong.imaging.xmp import Provenance
from dancheong.params import ParamError

_NAMES_SHOWN = 5


def colored_by(path: Path) -> Provenance | None:
    """With which model and settings this program colored a picture; None where it did not."""
    if path.suffix.lower() not in PHOTO_SUFFIXES:  # no format that is written; reading HEIF would start a process
        return None
    try:
        found = read_provenance(path)
    except PhotoError:
        return None
    return found if found is not None and found.source_type == Provenance.source_type else None


def without_results(photos: Mapping[Path, Path], tell: Callable[[str], None]) -> dict[Path, Path]:
    """The photographs that this program has not colored, so that a second run does not color the results of the first.

    Raises:
        ParamError: nothing is left.
    """
    results = [photo for photo in photos if photo.is_file() and colored_by(photo) is not None]
    if not results:
        return dict(photos)
    named = ", ".join(path.name for path in results[:_NAMES_SHOWN]) + (", ..." if results[_NAMES_SHOWN:] else "")
    if len(results) == len(photos):
        raise ParamError(f"nothing to color: dancheong has colored all of these ({named}); -o DIR colors them all the same")
    tell(f"left out: {len(results)} that dancheong has colored ({named}); -o DIR colors them all the same")
    return {photo: name for photo, name in photos.items() if photo not in set(results)}


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


def made_otherwise(results: Iterable[Path], now: Provenance) -> int:
    """How many results that stand there were made with another model or other settings than `now`."""
    made = [colored_by(result) for result in results if result.exists()]
    return sum((one.model, one.params) != (now.model, now.params) for one in made if one is not None)
