"""Color hints: what a person knows of a photograph's colors, in Python, in a table (CSV) or painted on a picture (PNG).

A hint is a place and the color that is there. Only the color's a* and b* are used, because the lightness is the photograph's.
One hint without a place gives the mean color of the whole photograph; several give the colors that occur in it, its palette.
"""

import csv
import difflib
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import by_stem
from dancheong.imaging.color import rgb_to_lab
from dancheong.imaging.resize import scaled_size
from dancheong.params import ParamError
from dancheong.system.csv_text import decoded

FloatArray = NDArray[np.float32]

SUFFIXES = (".csv", ".png")
MAX_HINTS = 1000
# Of the longer side: finer strokes of one color are one hint for each cell.
_CELLS, _MAX_PAINTED = (48, 24, 12), 256
_PAINTED_ALPHA = 128
# Hints nearer to each other than this share of width and height are at one place.
_ONE_PLACE, _OTHER_COLOR = 0.002, 3.0
_COLORS = Path(__file__).with_name("dancheong_colors.csv")
_EXPECTED = "a name of docs/hints.md or of CSS, #8A4C44, or a* and b* as two numbers was expected"


@dataclass(frozen=True, eq=False)
class Hints:
    """Colors at places of one photograph.

    Attributes:
        places: (n, 2) x and y in shares of width and height.
        colors: (n, 2) a* and b* at these places.
        cast: mean a* and b* of the whole photograph, where it is known.
        palette: (n, 3) L*, a* and b* of colors that occur somewhere; L* is nan where a color was given without.
    """

    places: FloatArray
    colors: FloatArray
    cast: FloatArray | None = None
    palette: FloatArray = field(default_factory=lambda: np.empty((0, 3), np.float32))

    def __len__(self) -> int:
        """Hints, the mean color or the palette among them."""
        return len(self.places) + (self.cast is not None) + len(self.palette)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of them: at how many places several colors were given."""
        place_nn, color_nn = (np.abs(values[:, None] - values).max(axis=2) for values in (self.places, self.colors))
        count = int(np.triu((place_nn < _ONE_PLACE) & (color_nn > _OTHER_COLOR)).any(axis=1).sum())
        places = "one place" if count == 1 else f"{count} places"
        return (f"several colors were given at {places}, and were averaged there",) if count else ()


def read_hints(path: Path, size_hw: tuple[int, int]) -> Hints:
    """The hints in a table or a painted picture, for a photograph of (height, width).

    A table has the columns x, y and color. x and y are pixels from the upper left corner, or shares of width and height
    where none of them is above 1. A row without x and y gives the mean color of the photograph, several its palette. A
    picture is transparent where nothing is known; it may be of any size, in the photograph's proportions.

    Raises:
        ParamError: what cannot be read, or a place or color that cannot be: names file and row.
    """
    try:
        return _read_table(path, size_hw) if path.suffix.lower() == ".csv" else _read_painted(path, size_hw)
    except (OSError, csv.Error, SyntaxError) as error:  # SyntaxError: what Pillow says of damage
        raise ParamError(f"{path}: these hints cannot be read ({error}); a CSV or a PNG was expected") from error


def as_hints(given: Any, size_hw: tuple[int, int]) -> Hints:
    """Hints of what Python code gives: `Hints`, a path, or (x, y, color) for each place, x and y as in `read_hints`."""
    if isinstance(given, Hints):
        return given
    if isinstance(given, str | Path):
        return read_hints(Path(given), size_hw)
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise ParamError(f"hints of type {type(given).__name__} came; (x, y, color) for each place, or a file was expected")
    return _hints([(f"hint {number}", *row) for number, row in enumerate(given, 1)], size_hw)


def find_hints(folder: Path) -> dict[str, Path]:
    """The hint files of a folder and its subfolders, by the name that `dancheong.data.photographs.mask_of` looks up.

    Raises:
        ParamError: no such folder, no hints in it, or two files for one photograph.
    """
    if not folder.is_dir():
        raise ParamError(
            f"{folder}: no such folder or file of hints; a folder with NAME.csv or NAME.png for each photograph was expected, "
            "or the CSV or PNG of a single photograph"
        )
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    found = by_stem(files, folder)
    if not found:
        raise ParamError(f"no hints are in {folder}: NAME.csv or NAME.png was expected for a photograph NAME")
    if len(found) < len(files):
        twice = next(file for file in files if file not in found.values())
        raise ParamError(f"{twice}: another file holds hints for the same photograph; leave one of them")
    return found


def parse_color(color: Any) -> tuple[float, float]:
    """a* and b* of a color.

    Args:
        color: a name of dancheong (Korean or romanized) or of CSS, ``#8A4C44``, or a* and b* as ``14.5 -3``; in Python also
            (a*, b*), or (red, green, blue) of 8 bits.

    Raises:
        ValueError: it is none of these.
    """
    return _lab_of(color)[1:]


def near_colors(color: str) -> list[str]:
    """The names nearest to one that is not known, a pigment's as ``석간주 seokganju``; none where none is near."""
    from PIL import ImageColor

    # By single letters of Hangul, because a slip is mostly in one of them.
    letters = {unicodedata.normalize("NFD", name): name for name in (*named_colors(), *ImageColor.colormap)}
    close = difflib.get_close_matches(unicodedata.normalize("NFD", color.strip().lower().removesuffix("색")), letters, 3, 0.7)
    pairs = {name: f"{row['name']} {row['english']}" for row in pigments() for name in (row["name"], row["english"])}
    return list(dict.fromkeys(pairs.get(letters[name], letters[name]) for name in close))


def _lab_of(color: Any) -> tuple[float, float, float]:
    """As `parse_color`, with L*, which is nan where the color is given by a* and b* alone."""
    if not isinstance(color, str):
        if len(color) == 3 and any(part != int(part) for part in color):
            raise ValueError(f"red, green and blue of 8 bits came as {color}")
        color = " ".join(map(str, color)) if len(color) == 2 else "rgb({}, {}, {})".format(*map(int, color))
    text = color.strip().lower()
    numbers = text.split()
    if len(numbers) == 2 and "(" not in text:
        a, b = map(float, numbers)
        if not max(abs(a), abs(b)) <= 128:
            raise ValueError(f"a* and b* of {text} lie beyond 128")
        return math.nan, a, b
    from PIL import ImageColor  # few predictions need it

    known = named_colors()
    rgb = ImageColor.getrgb(known.get(text.removesuffix("색"), text))[:3]
    if min(rgb) < 0 or max(rgb) > 255:
        raise ValueError(f"{text} lies beyond 8 bits")
    lightness, a, b = map(float, rgb_to_lab(np.array([[rgb]], np.uint8))[0, 0])
    return lightness, a, b


@cache
def named_colors() -> Mapping[str, str]:
    """The pigments of dancheong, Korean and romanized: #RRGGBB (`dancheong_colors.csv` names the sources)."""
    return {name: row["hex"] for row in pigments() for name in (row["name"], row["english"])}


def pigments() -> list[dict[str, str]]:
    """The pigments of dancheong: `name` (Korean), `english` (romanized), `hex`, and `source` with what it is."""
    with _COLORS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _read_table(path: Path, size_hw: tuple[int, int]) -> Hints:
    text = decoded(path.read_bytes(), path)
    head = text.partition("\n")[0]
    separator = next((sign for sign in ";\t" if sign in head), ",")
    rows = csv.reader(text.splitlines(), delimiter=separator)
    names = [name.strip().lower() for name in next(rows, [])]
    if missing := [name for name in ("x", "y", "color") if name not in names]:
        raise ParamError(f"{path}: no column {missing[0]!r}; the first line names the columns x, y and color")
    wanted = [names.index(name) for name in ("x", "y", "color")]
    given: list[Sequence[Any]] = []
    for row in rows:
        if any(cell.strip() for cell in row):
            cells = [row[index].strip() if index < len(row) else "" for index in wanted]
            given.append((f"{path}, line {rows.line_num}", *cells))
    if not given:
        raise ParamError(f"{path}: no hint is in this table; take it out of the folder if none is meant")
    return _hints(given, size_hw)


def _hints(rows: Iterable[Sequence[Any]], size_hw: tuple[int, int]) -> Hints:
    """Of (where it stands, x, y, color)."""
    places: list[tuple[str, float, float]] = []
    colors: list[tuple[float, float]] = []
    anywhere: list[tuple[float, float, float]] = []
    for where, *cells in rows:
        if len(cells) != 3:
            raise ParamError(f"{where}: {len(cells)} values came; x, y and a color were expected")
        x, y, color = cells
        lab = _color(color, where)
        if x in ("", None) and y in ("", None):
            anywhere.append(lab)
        else:
            places.append((where, _number(x, "x", where), _number(y, "y", where)))
            colors.append(lab[1:])
        if len(colors) + len(anywhere) > MAX_HINTS:
            raise ParamError(f"{where}: more than {MAX_HINTS} hints came: leave some out")
    known = _shares(places, size_hw), np.array(colors, np.float32).reshape(-1, 2)
    if len(anywhere) == 1:
        return Hints(*known, cast=np.array(anywhere[0][1:], np.float32))
    return Hints(*known, palette=np.array(anywhere, np.float32).reshape(-1, 3))


def _color(color: Any, where: str) -> tuple[float, float, float]:
    try:
        return _lab_of(color)
    except (ValueError, TypeError, IndexError) as error:
        near = ", ".join(near_colors(color)) if isinstance(color, str) else ""
        meant = f" (did you mean {near}?)" if near else ""
        raise ParamError(f"{where}: the color {color!r} came{meant}; {_EXPECTED}") from error


def _number(value: Any, name: str, where: str) -> float:
    try:
        number = float(value)
    except (ValueError, TypeError) as error:
        raise ParamError(f"{where}: {name} is {value!r}; a number was expected") from error
    if not math.isfinite(number):
        raise ParamError(f"{where}: {name} is {value!r}; a number was expected")
    return number


def _shares(places: Sequence[tuple[str, float, float]], size_hw: tuple[int, int]) -> FloatArray:
    """x and y as shares. A pixel's own place is its middle."""
    height, width = size_hw
    is_share = all(max(x, y) <= 1 for _, x, y in places)
    if is_share and len(places) and all(x in (0, 1) and y in (0, 1) for _, x, y in places):
        raise ParamError(f"{places[0][0]}: all x and y are 0 or 1, in pixels or in shares? Shares such as 0.01 tell")
    for where, x, y in places:
        if not is_share and min(x, y) <= 1 < max(x, y) < 2 and not (x.is_integer() and y.is_integer()):
            raise ParamError(f"{where}: ({x:g}, {y:g}) is neither a share, which ends at 1, nor a whole pixel")
        if not is_share and max(x, y) <= 1 and not (x.is_integer() and y.is_integer()):
            raise ParamError(f"{where}: ({x:g}, {y:g}) is a share, other places are in pixels: give all of them alike")
        if min(x, y) < 0 or (not is_share and (x > width - 0.5 or y > height - 0.5)):
            raise ParamError(f"{where}: ({x:g}, {y:g}) lies outside the photograph of {width} x {height} px")
    shares = [(x, y) if is_share else ((x + 0.5) / width, (y + 0.5) / height) for _, x, y in places]
    return np.array(shares, np.float32).reshape(-1, 2)


def _read_painted(path: Path, size_hw: tuple[int, int]) -> Hints:
    from PIL import Image

    try:
        picture = Image.open(path, formats=["PNG"])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ParamError(f"{path}: this picture is too large; paint on a smaller copy of the photograph") from error
    with picture:
        rgba_hwc = np.asarray(picture.convert("RGBA"))
    if rgba_hwc[..., 3].min() == 255:
        raise ParamError(f"{path}: nothing in it is transparent; paint colors where they are known, on an empty layer")
    height, width = size_hw
    fitting = scaled_size(height, width, rgba_hwc.shape[1] / width)[0]
    if abs(rgba_hwc.shape[0] - fitting) > 0.01 * fitting + 1:
        raise ParamError(
            f"{path}: it has {rgba_hwc.shape[1]} x {rgba_hwc.shape[0]} px, the photograph {width} x {height} px: paint on the "
            "photograph itself, or keep its proportions"
        )
    painted = rgba_hwc[..., 3] >= _PAINTED_ALPHA
    rows, columns = np.nonzero(painted)
    if not len(rows):
        raise ParamError(f"{path}: nothing is painted in it, or at less than half opacity; paint colors where they are known")
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(painted.astype(np.uint8))
    strokes, rgb = labels[rows, columns], rgba_hwc[rows, columns, :3]
    # Cells are counted from the corner of a stroke, so that a dot is one hint wherever it lies.
    within = (np.stack([columns, rows], axis=1) - boxes[strokes, :2]) / max(painted.shape)
    for cells in _CELLS:
        # Colors that touch in one cell stay apart.
        keys = np.concatenate([strokes[:, None], within * cells, rgb >> 5], axis=1).astype(np.int64)
        _, groups = np.unique(keys, axis=0, return_inverse=True)
        if groups.max() < _MAX_PAINTED:
            break
    shares = np.stack([(columns + 0.5) / painted.shape[1], (rows + 0.5) / painted.shape[0]], axis=1)
    lab = rgb_to_lab(rgb[None])[0, :, 1:]
    groups = groups.ravel()
    values = np.concatenate([shares, lab], axis=1)
    sums = np.stack([np.bincount(groups, column) for column in values.T], axis=1)
    means = (sums / np.bincount(groups)[:, None]).astype(np.float32)
    return Hints(means[:, :2], means[:, 2:])
