"""How often an epoch shows a photograph: kinds that are rare more often, what spoils the set never."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from dancheong.params import ParamError
from dancheong.system.csv_text import decoded

# A name, a separator of any spreadsheet, a number; either may stand in quotes.
_LINE = re.compile(r'"?(.+?)"?\s*[,;|\t]\s*"?([^,;|\t"]+?)"?\s*')
MOST_TIMES = 1000
_HEADER = ("NAME", "FILE", "FILENAME", "PATH", "FOLDER", "SUBFOLDER", "PHOTO", "PHOTOGRAPH", "IMAGE", "CATEGORY", "KIND",
           "이름", "파일", "폴더", "사진", "범주")


def read_weights(given: str | Path | Mapping[str, int] | None) -> dict[str, int]:
    """How often an epoch shows what: of a mapping, or of the lines `NAME,TIMES` of a table; of None nothing.

    A name is a photograph's path below PHOTOS or a subfolder. The first line of a table may be a header such as NAME,TIMES.

    Raises:
        ParamError: no such table, an empty one, or an entry that is none of these.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): _times(times, f"weights: {name}") for name, times in given.items()}
    table = Path(given)
    try:
        lines = decoded(table.read_bytes(), table).splitlines()
    except OSError as error:
        raise ParamError(f"--weights {table}: cannot be read: {error}") from error
    weights: dict[str, int] = {}
    if not any(map(str.strip, lines)):
        raise ParamError(f"--weights {table}: nothing stands in it; lines such as GOGUNG,3 were expected")
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line.strip())
        if line.strip() and not (number == 1 and found and found[1].strip().upper() in _HEADER):
            name, times = (found[1], found[2]) if found else (line, "")
            weights[name] = _times(int(times) if times.isdecimal() else times, f"{table} line {number}: {line.strip()!r}")
    return weights


def _times(times: object, where: str) -> int:
    if isinstance(times, int) and not isinstance(times, bool) and 0 <= times <= MOST_TIMES:
        return times
    raise ParamError(
        f"{where}: the path of a photograph or subfolder was expected, and how often an epoch shows it (a whole number up to "
        f"{MOST_TIMES}), such as GOGUNG,3"
    )


def times_shown(names: Sequence[str], weights: Mapping[str, int], others: Iterable[str] = ()) -> list[int]:
    """How often an epoch shows each photograph: what is said of itself, else of the nearest folder around it, else once.

    Args:
        names: paths below PHOTOS with ``/``; the first folder may be left out, as that of gray/ and color/ is.
        others: photographs of the same folder that are not trained on.

    Raises:
        ParamError: a weight that belongs to no photograph, or no photograph is left.
    """
    said = {_key(name): times for name, times in weights.items()}
    times = [next((said[place] for place in _places(name) if place in said), 1) for name in names]
    known = {place for name in (*names, *others) for place in _places(name)}
    if strangers := [name for name in weights if _key(name) not in known]:
        raise ParamError(f"--weights: {strangers[0]}: no photograph of PHOTOS has this path, and no subfolder")
    if not any(times):
        raise ParamError("--weights: no photograph is left: give those that are to be trained on a number above 0")
    return times


def _places(name: str) -> list[str]:
    """A photograph's path and the folders around it, the nearest first."""
    path = PurePosixPath(_key(name))
    found = [path, *path.parents]
    return [one.as_posix() for place in found for one in (place, PurePosixPath(*place.parts[1:])) if one.parts]


def _key(name: str) -> str:
    """Neither letter case nor the form of its Unicode matters."""
    return unicodedata.normalize("NFC", name).strip("/").casefold()
