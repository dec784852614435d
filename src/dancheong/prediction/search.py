"""The photographs that paths and folders name, each file once."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from dancheong.imaging.files import LeftOut, look_through
from dancheong.params import ParamError

Identity = tuple[int, int] | str
T = TypeVar("T")


def find_photos(inputs: Sequence[str | Path], results: Iterable[Path] = ()) -> tuple[dict[Path, Path], list[LeftOut]]:
    """The photographs that `inputs` name, and each one's path below the folder that was named (of a named file: its name);
    and everything else that is in these folders.

    Folders are searched, and each real file is taken once. The folders `results`, where these lie inside a named folder, are
    left out. An input that does not exist, a folder without photographs and what cannot be reached stay in the list, because
    they fail with a clear message.
    """
    result_folders = [folder.resolve() for folder in results]
    photos: dict[Identity, tuple[Path, Path]] = {}
    left_out: dict[Path, LeftOut] = {}
    for path in map(Path, inputs):
        found = [path]
        if _is_folder(path):
            root = path.resolve()
            inside, others = look_through(path, [one for one in result_folders if one != root and one.is_relative_to(root)])
            unreached = [one.path for one in others if one.failed]
            found = sorted([*inside, *unreached], key=lambda photo: photo.parts) or [path]
            left_out |= {one.path: one for one in others}
        for photo in found:
            relative = Path(path.name) if photo == path else photo.relative_to(path)
            first, _ = photos.setdefault(identity(photo), (photo, relative))
            if first.absolute() != photo.absolute():
                left_out[photo] = LeftOut(photo, f"the same file as {first}")
    return dict(photos.values()), list(left_out.values())


def why_no_photographs(path: Path, photos: Collection[Path]) -> str:
    """Why a named path stands among the photographs in its own place although it is none."""
    if path not in photos or (is_there(path) and not _is_folder(path)):
        return ""
    return "no photographs are in this folder" if _is_folder(path) else "no such file or folder"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # reading it will say why
        return False


def of_shard(items: list[T], shard: tuple[int, int] | None) -> list[T]:
    """The i-th of n parts. It takes every n-th item, so that large photographs spread over the parts.

    Raises:
        ParamError: unless 1 <= i <= n.
    """
    if shard is None:
        return items
    index, count = shard
    if not 1 <= index <= count:
        raise ParamError(f"shard {index}/{count} came; i/n with 1 <= i <= n was expected, such as 2/8")
    return items[index - 1 :: count]


def identity(path: Path) -> Identity:
    """The same for two paths that lead to one file, whether by links or by another letter case."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a name that no system has
        return str(path.absolute())
    return status.st_dev, status.st_ino


def is_there(path: Path) -> bool:
    """Whether a path leads to something that can be reached."""
    return isinstance(identity(path), tuple)
