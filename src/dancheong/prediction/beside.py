"""Results beside their photographs: what is a result already, and what must not be replaced."""

import os
from collections.abc import Collection
from pathlib import Path

from dancheong.imaging.files import PhotoError, read_provenance
from dancheong.imaging.formats import WRITABLE_SUFFIXES
from dancheong.imaging.xmp import Provenance
from dancheong.params import ParamError

_NAMES_SHOWN = 5


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
