"""A contact sheet of a folder run: gray beside color, with names."""

from collections.abc import Sequence
from pathlib import Path

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import PhotoError, read_photo
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize, working_shape
from dancheong.imaging.sheet import sheet
from dancheong.prediction.result import FileResult
from dancheong.system.arrays import Pixels

PHOTOGRAPHS = 24
_PAIRS_A_ROW = 3
_CELL_PX = 256


def contact_sheet(results: Sequence[FileResult]) -> Pixels | None:
    """The first photographs that have a result, read from their files; None where there is no result.

    Results of an earlier run are shown, too, so that a run that is started again makes the sheet of the whole folder.
    """
    cells: list[tuple[list[Pixels], str]] = []
    for result in results:
        if result.status == "failed" or len(cells) == PHOTOGRAPHS:
            continue
        try:
            photo = _small(result.input, result.page)
            colored = [_small(path) for path in (result.output, *(path for path, _ in result.looks))]
        except PhotoError:  # removed or replaced since then: the sheet is made without it
            continue
        page = f", page {result.page + 1}" if result.page else ""
        cells.append(([gray_of(photo), *colored], result.input.name + page))
    if not cells:
        return None
    captions = ["gray", "color", *(f"look {number}" for number in range(2, max(len(pictures) for pictures, _ in cells)))]
    # Looks stand beside each other, pairs of several photographs in one row.
    a_row = _PAIRS_A_ROW if len(captions) == len(("gray", "color")) else 1
    rows = [cells[start : start + a_row] for start in range(0, len(cells), a_row)]
    return sheet(
        [[picture for pictures, _ in row for picture in pictures] for row in rows], captions * min(a_row, len(cells)), _CELL_PX,
        [[text for pictures, name in row for text in (name, *[""] * (len(pictures) - 1))] for row in rows],
    )


def _small(path: Path, page: int = 0) -> Pixels:
    pixels = to_eight(read_photo(path, page).pixels)
    height, width = pixels.shape[:2]
    return resize(pixels, working_shape(height, width, min(_CELL_PX, height, width)))
