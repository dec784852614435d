"""Contact sheets: photographs side by side in rows, for people to look at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dancheong.imaging.color import as_rgb
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize

Array = NDArray[Any]

_PAPER = 255
_INK = 40
_GAP_PX = 4


def sheet(rows: Sequence[Sequence[Array]], captions: Sequence[str] | None = None, cell_px: int = 256) -> Array:
    """Put photographs into cells of `cell_px`, each scaled to fit with its aspect kept, on white.

    Args:
        rows: rows of photographs, gray or RGB, uint8 or uint16; a row may be shorter than others.
        captions: headings of the columns, left to right (Latin letters); shortened to the cell.
        cell_px: side of a cell, at least 8.

    Returns:
        uint8 RGB (h, w, 3).

    Raises:
        ValueError: no photographs, or cells too small.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0 or cell_px < 8:
        raise ValueError(f"expected photographs and cells of at least 8 px, got {columns} columns of {cell_px} px")
    cells = [[_fit(photo, cell_px) for photo in row] for row in rows]
    heights = [max((cell.shape[0] for cell in row), default=0) for row in cells]
    width = columns * (cell_px + _GAP_PX) + _GAP_PX
    head = _headings(captions[:columns], width, cell_px) if captions else np.full((_GAP_PX, width, 3), _PAPER, np.uint8)
    page = np.full((head.shape[0] + sum(heights) + _GAP_PX * len(rows), width, 3), _PAPER, np.uint8)
    page[: head.shape[0]] = head
    top = head.shape[0]
    for row, height in zip(cells, heights, strict=True):
        for column, cell in enumerate(row):
            h, w = cell.shape[:2]
            left = _GAP_PX + column * (cell_px + _GAP_PX) + (cell_px - w) // 2
            start = top + (height - h) // 2
            page[start : start + h, left : left + w] = cell
        top += height + _GAP_PX
    return page


def _fit(photo: Array, cell_px: int) -> Array:
    h, w = photo.shape[:2]
    scale = cell_px / max(h, w)
    cell = resize(to_eight(photo), (max(1, round(h * scale)), max(1, round(w * scale))))
    return as_rgb(cell)


def _headings(captions: Sequence[str], width_px: int, cell_px: int) -> Array:
    size_px = max(10, min(18, cell_px // 12))
    strip = Image.new("RGB", (width_px, size_px + 2 * _GAP_PX + 2), (_PAPER,) * 3)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size_px)
    for column, caption in enumerate(captions):
        text = caption
        while len(text) > 1 and draw.textlength(text, font=font) > cell_px:
            text = text.removesuffix("...")[:-1] + "..." if len(text) > 4 else text[:-1]
        left = _GAP_PX + column * (cell_px + _GAP_PX)
        draw.text((left + (cell_px - draw.textlength(text, font=font)) / 2, _GAP_PX), text, fill=(_INK,) * 3, font=font)
    return np.asarray(strip)
