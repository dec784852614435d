"""What a folder run will do, decided before it starts: which photographs, and under which names the results go.

The names depend on the inputs alone, not on what is there already: a run that is started again finds its own results.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dancheong.imaging.files import PHOTO_SUFFIXES, list_photos
from dancheong.params import ParamError

Identity = tuple[int, int] | str
T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A photograph to be treated: its path, and its place below the folder that was named (a named file: its name)."""

    path: Path
    relative: Path


@dataclass(frozen=True)
class Job:
    """A photograph and where its results go; `mask` and `confidence` are None where none is wanted.

    `drawing`: a mask drawn by hand for it.
    """

    source: Source
    output: Path
    mask: Path | None = None
    confidence: Path | None = None
    drawing: Path | None = None

    @property
    def results(self) -> list[Path]:
        """All files that are to be written, the result last: where it stands, all of it does."""
        return [path for path in (self.mask, self.confidence, self.output) if path is not None]


def find_sources(inputs: Sequence[str | Path], results: Iterable[Path] = ()) -> list[Source]:
    """The photographs that `inputs` name: files as they are, folders searched; each real file once.

    Photographs below the folders `results`, where these lie inside a named folder, are left out.
    An input that does not exist, and a folder without photographs, come back as they are: reading them fails in words.
    """
    own_results = [folder.resolve() for folder in results]
    found: dict[Identity, Source] = {}
    for given in map(Path, inputs):
        if not given.is_dir():
            found.setdefault(identity(given), Source(given, Path(given.name)))
            continue
        root = given.resolve()
        # Results of an earlier run, where the folder of results lies inside that of photographs.
        inside = [folder for folder in own_results if folder != root and folder.is_relative_to(root)]
        photos = [
            path for path in list_photos(given)
            if not any(path.parent.resolve().is_relative_to(folder) for folder in inside)
        ]
        for path in photos or [given]:
            relative = path.relative_to(given) if path != given else Path(given.name)
            found.setdefault(identity(path), Source(path, relative))
    return list(found.values())


def of_shard(sources: list[T], shard: tuple[int, int] | None) -> list[T]:
    """The i-th of n parts: every n-th photograph, so that large ones spread.

    Raises:
        ParamError: unless 1 <= i <= n.
    """
    if shard is None:
        return sources
    index, count = shard
    if not 1 <= index <= count:
        raise ParamError(f"shard {index}/{count} came; i/n with 1 <= i <= n was expected, such as 2/8")
    return sources[index - 1 :: count]


def plan(
    sources: Sequence[Source],
    out_dir: Path,
    mask_dir: Path | None = None,
    suffix: str | None = None,
    confidence_dir: Path | None = None,
) -> list[Job]:
    """Output names: subfolder and stem of the input, its suffix (or `suffix`); masks and maps of confidence are PNG.

    Photographs whose results would have one name (``a.jpg`` and ``a.png`` as PNG, or two folders with the same names)
    all get their own suffix into the stem (``a_jpg.png``), and where that is not enough a number (``a_2.jpg``).
    """
    outputs = _distinct([(source.relative, suffix or _suffix(source.relative)) for source in sources])
    extras = _distinct([(source.relative, ".png") for source in sources])
    return [
        Job(source, out_dir / output, *(None if folder is None else folder / extra for folder in (mask_dir, confidence_dir)))
        for source, output, extra in zip(sources, outputs, extras, strict=True)
    ]


def identity(path: Path) -> Identity:
    """What tells whether two paths are one file, links and letter case aside."""
    try:
        status = path.stat()
    except OSError:
        return str(path.absolute())
    return status.st_dev, status.st_ino


def _suffix(relative: Path) -> str:
    """The input's own suffix where it is one that can be written."""
    return relative.suffix if relative.suffix.lower() in PHOTO_SUFFIXES else ".png"


def _distinct(names: list[tuple[Path, str]]) -> list[Path]:
    plain = [relative.with_suffix(suffix) for relative, suffix in names]
    shared = Counter(map(_key, plain))
    named = [
        path if shared[_key(path)] == 1
        else path.with_name(f"{relative.stem}{relative.suffix.replace('.', '_')}{path.suffix}")
        for path, (relative, _) in zip(plain, names, strict=True)
    ]
    taken: set[str] = set()
    result = []
    for path in named:
        number, free = 1, path
        while _key(free) in taken:
            number += 1
            free = path.with_name(f"{path.stem}_{number}{path.suffix}")
        taken.add(_key(free))
        result.append(free)
    return result


def _key(path: Path) -> str:
    """Some file systems hold names to be equal that differ in case only."""
    return path.as_posix().casefold()
