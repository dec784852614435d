"""Hashes of the program's own code, so that a result is never taken for one of another version."""

import hashlib
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
# What a run's numbers can depend on.
_RUN = ("artifact", "data", "glare", "imaging", "models", "params", "prediction", "training")
_PICTURES = ("glare/simulate.py", "glare/light.py", "imaging/color.py", "imaging/resize.py", "experiment/pictures.py")
_NO_PART = ("data/scenes", "data/doctor.py", "data/near_duplicates.py", "params/sources")


def run_version() -> str:
    """sha256 of the code that trains, predicts and judges."""
    return _hash((*_RUN, "experiment/judge.py", "experiment/one_run.py"))


def pictures_version() -> str:
    """sha256 of the code that simulates glare and makes the experiment's photographs."""
    return _hash(_PICTURES)


def glare_version() -> str:
    """sha256 of the code that finds and filters light reflection."""
    return _hash(("glare",))


@cache
def _hash(parts: tuple[str, ...]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        place = _PACKAGE / part
        files = sorted(place.rglob("*")) if place.is_dir() else [place] if place.is_file() else []
        for file in files:
            name = file.relative_to(_PACKAGE).as_posix()
            if file.suffix in (".py", ".npz") and not name.startswith(_NO_PART):
                whole.update(name.encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()
