"""Hashes of the program's own files, so that a result is never taken for one of another version."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# What a run's numbers can depend on. The rest of the program is left out because a changed page or command would repeat
# days of training for nothing.
_RUN = (
    "artifact", "data", "experiment/judge.py", "experiment/one_run.py", "glare", "imaging", "models", "params", "prediction",
    "runtime", "system", "training",
)
_PICTURES = (
    "experiment/pictures.py", "glare/light.py", "glare/optics.py", "glare/simulate.py", "imaging/color.py", "imaging/resize.py",
)


def run_version(package: Path = PACKAGE) -> str:
    """sha256 of what trains, predicts and judges."""
    return _hash(package, _RUN)


def pictures_version(package: Path = PACKAGE) -> str:
    """sha256 of what simulates glare and makes the experiment's photographs."""
    return _hash(package, _PICTURES)


def glare_version(package: Path = PACKAGE) -> str:
    """sha256 of what finds and filters light reflection."""
    return _hash(package, ("glare",))


@cache
def _hash(package: Path, parts: tuple[str, ...]) -> str:
    """Of every file under `parts`, networks and data included; only Python's caches do not count.

    A part that is not there is an error, because a hash of nothing would never change.
    """
    whole = hashlib.sha256()
    for place in (package / part for part in parts):
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if not file.is_dir() and file.parent.name != "__pycache__":
                whole.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()
