"""Contact sheets: photographs side by side in rows, for people to look at."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dancheong.imaging.color import as_rgb
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize, scaled_size
from dancheong.system.arrays import Array

_PAPER = 255
_INK = 40
_GAP_PX = 4
# Fonts with Hangul: of Debian, of Windows, of macOS. Pillow looks where each system keeps them.
_FONTS = ("NotoSansCJK-Regular.ttc", "NanumGothic.ttf", "UnDotum.ttf", "malgun.ttf", "AppleSDGothicNeo.ttc")


def sheet(
    rows: Sequence[Sequence[Array]],
    captions: Sequence[str] | None = None,
    cell_px: int = 256,
    names: Sequence[Sequence[str]] | None = None,
) -> Array:
    """Put photographs into cells of `cell_px`, each scaled to fit with its aspect kept, on white.

    Args:
        rows: rows of photographs, gray or RGB, uint8 or uint16; a row may be shorter than others.
        captions: headings of the columns, left to right; shortened to the cell.
        cell_px: side of a cell, at least 8.
        names: of the photographs, a row for each row; written under them, shortened to the cell.

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
    feet = [_headings(row[:columns], width, cell_px) for row in names] if names else [head[:0]] * len(rows)
    page = np.full((head.shape[0] + sum(heights) + sum(len(foot) + _GAP_PX for foot in feet), width, 3), _PAPER, np.uint8)
    page[: head.shape[0]] = head
    top = head.shape[0]
    for row, height, foot in zip(cells, heights, feet, strict=True):
        for column, cell in enumerate(row):
            h, w = cell.shape[:2]
            left = _GAP_PX + column * (cell_px + _GAP_PX) + (cell_px - w) // 2
            start = top + (height - h) // 2
            page[start : start + h, left : left + w] = cell
        page[top + height : top + height + len(foot)] = foot
        top += height + len(foot) + _GAP_PX
    return page


def _fit(photo: Array, cell_px: int) -> Array:
    height, width = photo.shape[:2]
    return as_rgb(resize(to_eight(photo), scaled_size(height, width, cell_px / max(height, width))))


def _headings(captions: Sequence[str], width_px: int, cell_px: int) -> Array:
    from PIL import Image, ImageDraw  # most predictions make no sheet

    size_px = max(10, min(18, cell_px // 12))
    strip = Image.new("RGB", (width_px, size_px + 2 * _GAP_PX + 2), (_PAPER,) * 3)
    draw = ImageDraw.Draw(strip)
    font = _font(size_px, "".join(captions))
    for column, caption in enumerate(captions):
        text = caption
        while len(text) > 1 and draw.textlength(text, font=font) > cell_px:
            text = text.removesuffix("...")[:-1] + "..." if len(text) > 4 else text[:-1]
        left = _GAP_PX + column * (cell_px + _GAP_PX)
        draw.text((left + (cell_px - draw.textlength(text, font=font)) / 2, _GAP_PX), text, fill=(_INK,) * 3, font=font)
    return np.asarray(strip)


def _font(size_px: int, text: str) -> Any:
    """Pillow's own font, which has Latin letters; for others one of the system's, where there is one."""
    from PIL import ImageFont

    if not text.isascii():
        for name in _FONTS:
            try:
                return ImageFont.truetype(name, size_px)
            except OSError:
                continue
    return ImageFont.load_default(size_px)
