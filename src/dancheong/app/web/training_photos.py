"""The photographs of a training from the page, and how they are paired."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from dancheong.data.photographs import gray_and_color
from dancheong.data.same_view import has_color
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
    found = Found(images=len(photos), pairing="derive", has_validation=validation is not None)
    if folders := gray_and_color(train):
        return found.model_copy(update={"pairing": "folders", "images": len(list_photos(folders[0]))})
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
