"""One HTML file that shows what was done: numbers, pictures, curves. Nothing is fetched from outside when it is opened."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize
from dancheong.report.chart import Point, line_chart
from dancheong.report.style import STYLE
from dancheong.system.whole_file import whole_file

# Makes the promise binding: whatever a page holds, the browser fetches nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

Pixels = NDArray[Any]
Cell = str | int | float | None


@dataclass(frozen=True)
class Facts:
    """The few numbers that matter, set large: (label, value, remark); the remark may be empty."""

    items: Sequence[tuple[str, Cell, str]]
    digits: int = 2


@dataclass(frozen=True)
class Table:
    """A table; a column of numbers is aligned to the right and shows floats with `digits` decimals.

    `digits` is one number, or a mapping from columns to theirs (2 for the rest). The first column heads its rows.
    `strong_rows` are set apart, such as the mean under single photographs.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    digits: int | Mapping[str, int] = 2
    strong_rows: Sequence[int] = ()


@dataclass(frozen=True)
class Figure:
    """One picture, gray or RGB, uint8 or uint16; `alt` says what is seen for those who do not see it."""

    pixels: Pixels
    caption: str
    alt: str


@dataclass(frozen=True)
class Comparison:
    """Pictures side by side in rows, such as gray | predicted | truth.

    Each row: its name, one picture or None per heading, and a remark such as its scores, which may be empty.
    """

    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Pixels | None], str]]
    caption: str = ""


@dataclass(frozen=True)
class Curves:
    """Lines over one x axis: name -> (x, y) points."""

    series: Mapping[str, Sequence[Point]]
    x_label: str
    y_label: str
    caption: str
    log_y: bool = False


@dataclass(frozen=True)
class Drawing:
    """An SVG document of one's own, such as a plot; `alt` says what is seen."""

    svg: str
    caption: str
    alt: str


Part = Facts | Table | Figure | Comparison | Curves | Drawing


@dataclass(frozen=True)
class Section:
    """A heading, plain text whose paragraphs are parted by empty lines, and what is shown under it, in order."""

    title: str
    text: str = ""
    parts: Sequence[Part] = field(default_factory=tuple)


def write_report(
    path: str | Path, title: str, sections: Sequence[Section], lead: str = "", notice: str = "", picture_px: int = 640
) -> None:
    """Write a report, whole or not at all.

    Args:
        path: the HTML file; its folder exists. An existing file is replaced.
        title: of the page.
        sections: what it shows, in order.
        lead: one or two sentences under the title.
        notice: what a reader must not overlook, set in a box, such as that pictures are generated.
        picture_px: pictures with a longer side are made smaller; 16 or more.

    Raises:
        ValueError: a row of a table or a comparison whose length does not fit its headings, or pixels that are no picture.
        OSError: the disk.
    """
    page = render_report(title, sections, lead, notice, picture_px)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def render_report(title: str, sections: Sequence[Section], lead: str = "", notice: str = "", picture_px: int = 640) -> str:
    """The page that `write_report` writes, as text."""
    head = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    box = f'<aside class="notice" role="note">{_paragraphs(notice)}</aside>' if notice else ""
    links = "".join(f'<li><a href="#s{index}">{escape(part.title)}</a></li>' for index, part in enumerate(sections, 1))
    contents = f'<nav aria-label="Contents"><ol>{links}</ol></nav>' if len(sections) > 2 else ""
    body = "".join(_section(part, index, picture_px) for index, part in enumerate(sections, 1))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<div class="band" aria-hidden="true"></div>\n<header><h1>{escape(title)}</h1>{head}{box}{contents}</header>\n'
        f"<main>\n{body}</main>\n<footer><p>Written by dancheong. This page is one file and fetches nothing.</p></footer>\n"
        "</body>\n</html>\n"
    )


def _section(section: Section, index: int, picture_px: int) -> str:
    parts = "".join(_part(part, picture_px) for part in section.parts)
    title = escape(section.title)
    return (
        f'<section aria-labelledby="s{index}">\n<h2 id="s{index}">{title}</h2>\n{_paragraphs(section.text)}{parts}</section>\n'
    )


def _part(part: Part, picture_px: int) -> str:
    match part:
        case Facts():
            return _facts(part)
        case Table():
            return _table(part)
        case Figure():
            image = _image(part.pixels, part.alt, picture_px)
            return f"<figure>{image}<figcaption>{escape(part.caption)}</figcaption></figure>\n"
        case Comparison():
            return _comparison(part, picture_px)
        case Drawing():
            # As a picture: its identifiers and styles cannot meet those of the page, and nothing in it can run.
            data = base64.b64encode(part.svg.encode()).decode("ascii")
            image = f'<img class="drawing" src="data:image/svg+xml;base64,{data}" alt="{escape(part.alt)}">'
            # Its letters stay readable on a phone: it scrolls inside its box as wide tables do.
            box = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(part.caption)}">{image}</div>'
            return f'<figure class="wide">{box}<figcaption>{escape(part.caption)}</figcaption></figure>\n'
        case Curves():
            chart = line_chart(part.series, part.x_label, part.y_label, part.caption, part.log_y)
            return f'<figure class="wide">{chart}<figcaption>{escape(part.caption)}</figcaption></figure>\n'


def _paragraphs(text: str) -> str:
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return "".join(f"<p>{escape(block)}</p>\n" for block in blocks if block)


def _facts(facts: Facts) -> str:
    cards = [
        f"<div><dt>{escape(label)}</dt><dd>{escape(cell_text(value, facts.digits))}"
        f"{f'<small>{escape(remark)}</small>' if remark else ''}</dd></div>"
        for label, value, remark in facts.items
    ]
    return f'<dl class="facts">{"".join(cards)}</dl>\n'


def cell_text(value: Cell, digits: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def _table(table: Table) -> str:
    width = len(table.columns)
    for index, row in enumerate(table.rows):
        if len(row) != width:
            raise ValueError(
                f"row {index} of the table {table.caption!r} has {len(row)} cells, expected {width}: one per column"
            )
    numeric = [
        any(isinstance(row[column], Real) for row in table.rows) and not any(isinstance(row[column], str) for row in table.rows)
        for column in range(width)
    ]
    digits = [table.digits if isinstance(table.digits, int) else table.digits.get(name, 2) for name in table.columns]
    kinds = [' class="n"' if is_number else "" for is_number in numeric]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(table.columns, kinds, strict=True))
    body = []
    for index, row in enumerate(table.rows):
        cells = [escape(cell_text(value, places)) for value, places in zip(row, digits, strict=True)]
        line = f'<th scope="row"{kinds[0]}>{cells[0]}</th>' if cells else ""
        line += "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(cells[1:], kinds[1:], strict=True))
        strong = ' class="strong"' if index in table.strong_rows else ""
        body.append(f"<tr{strong}>{line}</tr>\n")
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    # Wide tables scroll inside their box, which the keyboard can reach.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption or "Table")}"><table>{caption}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{''.join(body)}</tbody></table></div>\n"
    )


def _comparison(comparison: Comparison, picture_px: int) -> str:
    rows = []
    for name, pictures, remark in comparison.rows:
        if len(pictures) != len(comparison.headings):
            raise ValueError(
                f"row {name!r} of the comparison has {len(pictures)} pictures, expected {len(comparison.headings)}: "
                "one (or None) per heading"
            )
        cells = [
            f"<figure>{_image(pixels, f'{heading}: {name}', picture_px)}<figcaption>{escape(heading)}</figcaption></figure>"
            for heading, pixels in zip(comparison.headings, pictures, strict=True)
            if pixels is not None
        ]
        note = f"<span>{escape(remark)}</span>" if remark else ""
        rows.append(
            f'<div class="row" style="--columns:{max(1, len(cells))}"><h3>{escape(name)}{note}</h3>{"".join(cells)}</div>\n'
        )
    caption = f'<p class="caption">{escape(comparison.caption)}</p>' if comparison.caption else ""
    return f'<div class="comparison">{caption}{"".join(rows)}</div>\n'


def shrunk(pixels: Pixels, longer_px: int) -> Pixels:
    """A picture as a page shows it: 8 bits, its longer side at most `longer_px` (16 or more)."""
    small = to_eight(pixels)
    height, width = small.shape[:2]
    scale = max(16, longer_px) / max(height, width)
    return small if scale >= 1 else resize(small, (max(1, round(height * scale)), max(1, round(width * scale))))


def _image(pixels: Pixels, alt: str, picture_px: int) -> str:
    """A picture inside the page. JPEG with full chroma, since color is what these pages are about; small ones as PNG."""
    if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"a picture is (h, w) or (h, w, 3), not {pixels.shape} ({alt})")
    small = shrunk(pixels, picture_px)
    height, width = small.shape[:2]
    stream = io.BytesIO()
    kind = "png" if max(height, width) < 64 else "jpeg"
    Image.fromarray(small).save(stream, kind, **({"quality": 90, "subsampling": 0} if kind == "jpeg" else {"optimize": True}))
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return f'<img src="data:image/{kind};base64,{data}" width="{width}" height="{height}" alt="{escape(alt)}">'
