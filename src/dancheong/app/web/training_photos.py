"""The photographs of a training from the page: how they are paired, and which are held out to validate with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel

from dancheong.app.web.visits import Visits
from dancheong.data.near_duplicates import find_alike, likeness
from dancheong.data.photographs import has_color
from dancheong.imaging.files import PhotoError, list_photos, read_size, read_small

Pairing = Literal["derive", "folders", "side_by_side"]
_SAMPLE = 24


class Found(BaseModel):
    """What a folder of photographs holds: how many, how they are paired, and whether it has photographs to validate with."""

    images: int
    pairing: Pairing
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    has_validation: bool = False


def top_folder(folder: Path) -> Path:
    """The folder itself, or the one folder in it that holds everything, as a zip of a folder has it."""
    entries = list(folder.iterdir())
    return top_folder(entries[0]) if len(entries) == 1 and entries[0].is_dir() else folder


def split_of(folder: Path) -> tuple[Path, Path | None]:
    """The photographs to train on and those to validate with, where the folder has `train` and `val`."""
    named = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    validation = named.get("val") or named.get("validation") or named.get("test")
    return (named["train"], validation) if "train" in named else (folder, None)


def look_at(folder: Path) -> Found:
    """How many photographs there are, and how they are paired, told from folders and sizes."""
    train, validation = split_of(folder)
    photos = list_photos(train)
    names = {path.name.lower() for path in train.iterdir() if path.is_dir()}
    found = Found(images=len(photos), pairing="derive", has_validation=validation is not None)
    if names & {"gray", "grey"} and names & {"color", "colour"}:
        return found.model_copy(update={"pairing": "folders", "images": len(photos) // 2})
    sample = photos[:: max(1, len(photos) // _SAMPLE)]
    if sample and all(map(_is_twice_as_wide, sample)):
        return found.model_copy(update={"pairing": "side_by_side", "direction": _direction(sample[0])})
    return found


def _is_twice_as_wide(photo: Path) -> bool:
    try:
        width, height = read_size(photo)
    except PhotoError:
        return True  # the training says what is wrong with it
    return width == 2 * height


def _direction(photo: Path) -> Literal["AtoB", "BtoA"]:
    """From the gray half to the one with colors."""
    try:
        pixels = read_small(photo, 256)[0]
    except PhotoError:
        return "AtoB"
    half = pixels.shape[1] // 2
    return "BtoA" if has_color(pixels[:, :half]) and not has_color(pixels[:, half:]) else "AtoB"


def hold_out(photos: Path, target: Path, share: float, pairing: Pairing) -> int:
    """Move about `share` of the photographs to `target`, pictures of one view together. Returns how many were moved."""
    files = list_photos(photos)
    if pairing == "folders":
        files = [file for file in files if file.relative_to(photos).parts[0].lower() in ("color", "colour")]
    groups = _views(files)
    np.random.default_rng(0).shuffle(groups)
    chosen: list[Path] = []
    for group in groups:
        if len(chosen) + len(group) <= share * len(files):
            chosen += group
    for file in chosen:
        for one in (file, *(_gray_of(photos, file) if pairing == "folders" else ())):
            moved = target / one.relative_to(photos)
            moved.parent.mkdir(parents=True, exist_ok=True)
            one.rename(moved)
    return len(chosen)


def _views(files: Sequence[Path]) -> list[list[Path]]:
    """Photographs of the same view in one group."""
    readable, looks = [], []
    for file in files:
        try:
            looks.append(likeness(read_small(file, 256)[0]))
        except PhotoError:
            continue
        readable.append(file)
    leaders = list(range(len(readable)))
    for match in find_alike(looks):
        leaders[match.index] = leaders[match.other]
    groups: dict[int, list[Path]] = {}
    for leader, file in zip(leaders, readable, strict=True):
        groups.setdefault(leader, []).append(file)
    return list(groups.values())


def _gray_of(photos: Path, color: Path) -> list[Path]:
    grays = [path for path in photos.iterdir() if path.name.lower() in ("gray", "grey")]
    inner = Path(*color.relative_to(photos).parts[1:])
    return [match for gray in grays for match in (gray / inner.parent).glob("*") if match.stem == inner.stem]


def copied(folder: Path, target: Path) -> Path:
    """A copy of a folder's photographs that may be moved about; links where the file system has them."""
    for file in list_photos(folder):
        place = target / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        Visits.link(file, place)
    return target


def allowed_folders(roots: tuple[Path, ...]) -> dict[str, Path]:
    """The folders that may be trained on, by the name they are shown under: the roots and what lies directly in them."""
    folders: dict[str, Path] = {}
    for root in roots:
        folders[root.name] = root
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            # A link may lead anywhere.
            if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
                folders[f"{root.name}/{path.name}"] = path
    return folders
