"""How results are named: in a folder of their own, or beside their photographs."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dancheong.imaging.formats import READ_SUFFIXES, WRITABLE_SUFFIXES

COLORED = "_colored"


def result_names(photos: Sequence[Path], suffix: str | None = None) -> list[Path]:
    """A name for each result: subfolder and stem of the photograph, and its suffix (or `suffix`).

    Photographs whose results would have one name (``a.jpg`` and ``a.png`` as PNG, or two folders with the same names)
    all get their own suffix into the stem (``a_jpg.png``), and where that is not enough a number (``a_2.jpg``).
    """
    plain = [photo.with_suffix(suffix or _written(photo)) for photo in photos]
    counts = Counter(map(_key, plain))
    names: dict[str, Path] = {}
    for photo, name in zip(photos, plain, strict=True):
        if counts[_key(name)] > 1:
            name = name.with_name(f"{photo.stem}{photo.suffix.replace('.', '_')}{name.suffix}")
        number, free = 1, name
        while _key(free) in names:
            number += 1
            free = name.with_name(f"{name.stem}_{number}{name.suffix}")
        names[_key(free)] = free
    return list(names.values())


def lasting_names(photos: Sequence[Path], suffix: str | None = None) -> list[Path]:
    """As `result_names`, but a name depends on its photograph alone: ``a_heic.png`` of ``a.heic``, ``a.jpg`` of ``a.jpg``."""
    named = []
    for photo in photos:
        wanted = suffix or _written(photo)
        named.append(photo if wanted == photo.suffix else photo.with_name(photo.name.replace(".", "_") + wanted))
    return named


def names_beside(photos: Sequence[Path], suffix: str | None = None, is_lasting: bool = False) -> list[Path]:
    """The path of each result beside its photograph: ``a_colored.jpg`` for ``a.jpg``.

    A name depends on what lies in the photograph's folder and not on which photographs were asked for, so that a folder
    and a photograph of it that is named alone find the same results.

    Args:
        is_lasting: a name depends on its photograph alone (`lasting_names`).
    """
    if is_lasting:
        return [name.with_name(f"{name.stem}{COLORED}{name.suffix}") for name in lasting_names(photos, suffix)]
    named: dict[Path, Path] = {}
    for folder in dict.fromkeys(photo.parent for photo in photos):
        asked = {_key(photo): photo for photo in photos if photo.parent == folder}
        others = [path for path in _photos_in(folder) if not _is_one_file(path, asked.get(_key(path)))]
        there = sorted({*(photo for photo in photos if photo.parent == folder), *others})
        named |= dict(zip(there, result_names(there, suffix), strict=True))
    results = (named[photo] for photo in photos)
    return [result.with_name(f"{result.stem}{COLORED}{result.suffix}") for result in results]


def page_name(path: Path, page: int) -> Path:
    """The name of the result of a later page (from 1) of a document: ``a_p2.tif``, or beside it ``a_p2_colored.tif``."""
    stem = path.stem.removesuffix(COLORED)
    return path.with_name(f"{stem}_p{page + 1}{path.stem[len(stem) :]}{path.suffix}")


def _written(photo: Path) -> str:
    """The suffix of a photograph where its format is written, else that of PNG."""
    return photo.suffix if photo.suffix.lower() in WRITABLE_SUFFIXES else ".png"


def _photos_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix.lower() in READ_SUFFIXES and not path.name.startswith(".")]


def _is_one_file(path: Path, other: Path | None) -> bool:
    """Whether both are one file, by another letter case as well."""
    return other is not None and (path == other or (other.exists() and path.samefile(other)))


def _key(path: Path) -> str:
    """Names that differ in letter case only are one name, because some file systems hold them to be equal."""
    return path.as_posix().casefold()
