"""A contact sheet of a folder run: gray beside color, with names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import PhotoError, read_photo
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize, working_shape
from dancheong.imaging.sheet import sheet
from dancheong.prediction.result import FileResult

Pixels = NDArray[Any]
PHOTOGRAPHS = 24
_PAIRS_A_ROW = 3
_CELL_PX = 256


def contact_sheet(results: Sequence[FileResult]) -> Pixels | None:
    """The first photographs that have a result, read from their files; None where there is no result.

    Results of an earlier run are shown, too, so that a run that is started again makes the sheet of the whole folder.
    """
    cells: list[tuple[Pixels, Pixels, str]] = []
    for result in results:
        if result.status == "failed" or len(cells) == PHOTOGRAPHS:
            continue
        try:
            photo, rgb = _small(result.input, result.page), _small(result.output)
        except PhotoError:  # removed or replaced since then: the sheet is made without it
            continue
        page = f", page {result.page + 1}" if result.page else ""
        cells.append((gray_of(photo), rgb, result.input.name + page))
    if not cells:
        return None
    rows = [cells[start : start + _PAIRS_A_ROW] for start in range(0, len(cells), _PAIRS_A_ROW)]
    return sheet(
        [[picture for gray, rgb, _ in row for picture in (gray, rgb)] for row in rows],
        ["gray", "color"] * min(_PAIRS_A_ROW, len(cells)),
        _CELL_PX,
        [[text for _, _, name in row for text in (name, "")] for row in rows],
    )


def _small(path: Path, page: int = 0) -> Pixels:
    pixels = to_eight(read_photo(path, page).pixels)
    height, width = pixels.shape[:2]
    return resize(pixels, working_shape(height, width, min(_CELL_PX, height, width)))
