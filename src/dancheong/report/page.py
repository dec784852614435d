"""One HTML file that shows what was done: numbers, pictures, curves. Nothing is fetched from outside when it is opened.

What a page holds is said here as data; how it looks is in `templates/`.
"""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import fit_size, resize
from dancheong.report.chart import Chart, Panel, Point, Span, draw_intervals, draw_lines, line_chart
from dancheong.system.csv_text import valid_text
from dancheong.system.whole_file import whole_file

# The longer side of a picture on a page, at most.
PICTURE_PX = 640

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

    Raises:
        ValueError: a row whose length does not fit the columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    digits: int | Mapping[str, int] = 2
    strong_rows: Sequence[int] = ()

    def __post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"row {index} of the table {self.caption!r} has {len(row)} cells, expected {len(self.columns)}: "
                    "one per column"
                )

    @property
    def heads(self) -> list[tuple[str, bool]]:
        """Each column's name, and whether it is a column of numbers."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        return [
            (name, any(isinstance(cell, Real) for cell in column) and not any(isinstance(cell, str) for cell in column))
            for name, column in zip(self.columns, columns, strict=True)
        ]

    @property
    def texts(self) -> list[list[tuple[str, bool]]]:
        """Each row's cells as they are shown, and whether each stands in a column of numbers."""
        digits = [self.digits if isinstance(self.digits, int) else self.digits.get(name, 2) for name in self.columns]
        heads = self.heads
        return [
            [(cell_text(cell, places), is_number) for cell, places, (_, is_number) in zip(row, digits, heads, strict=True)]
            for row in self.rows
        ]


@dataclass(frozen=True)
class Comparison:
    """Pictures side by side in rows, such as gray | predicted | truth; gray or RGB, uint8 or uint16.

    Each row: its name, one picture or None per heading, and a remark such as its scores, which may be empty.

    Raises:
        ValueError: a row whose length does not fit the headings.
    """

    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Pixels | None], str]]
    caption: str = ""

    def __post_init__(self) -> None:
        for name, pictures, _ in self.rows:
            if len(pictures) != len(self.headings):
                raise ValueError(
                    f"row {name!r} of the comparison has {len(pictures)} pictures, expected {len(self.headings)}: "
                    "one (or None) per heading"
                )


@dataclass(frozen=True)
class Curves:
    """Lines over one x axis: name -> (x, y) points. `spans`: as `draw_lines` takes them."""

    series: Mapping[str, Sequence[Point]]
    x_label: str
    y_label: str
    caption: str
    log_y: bool = False
    spans: Mapping[str, Sequence[Span]] | None = None

    def html(self) -> str:
        """The chart, or a sentence where there is nothing to draw."""
        chart = self.chart()
        return chart.html() if chart else line_chart({}, self.x_label, self.y_label, self.caption)

    def chart(self) -> Chart | None:
        return draw_lines(self.series, self.x_label, self.y_label, self.caption, self.log_y, self.spans)


@dataclass(frozen=True)
class Intervals:
    """Means with their intervals, a row a name: see `draw_intervals`."""

    names: Sequence[str]
    panels: Sequence[Panel]
    x_label: str
    caption: str

    def html(self) -> str:
        return self.chart().html()

    def chart(self) -> Chart:
        return draw_intervals(self.names, self.panels, self.x_label, self.caption)


Part = Facts | Table | Comparison | Curves | Intervals


@dataclass(frozen=True)
class Section:
    """A heading, plain text whose paragraphs are parted by empty lines, and what is shown under it, in order."""

    title: str
    text: str = ""
    parts: Sequence[Part] = field(default_factory=tuple)


def write_report(path: str | Path, title: str, sections: Sequence[Section], lead: str = "", notice: str = "") -> None:
    """Write a report, whole or not at all.

    Args:
        path: the HTML file; its folder exists. An existing file is replaced.
        title: of the page.
        sections: what it shows, in order.
        lead: one or two sentences under the title.
        notice: what a reader must not overlook, set in a box, such as that pictures are generated.

    Raises:
        ValueError: pixels that are no picture.
        OSError: the disk.
    """
    page = render_report(title, sections, lead, notice)
    with whole_file(path) as temporary:
        temporary.write_text(valid_text(page), encoding="utf-8", newline="\n")


def render_report(title: str, sections: Sequence[Section], lead: str = "", notice: str = "") -> str:
    """The page that `write_report` writes, as text."""
    return _templates().get_template("page.html").render(title=title, sections=sections, lead=lead, notice=notice)


def render_markdown(title: str, sections: Sequence[Section], lead: str, notice: str, files: Mapping[int, str]) -> str:
    """The same as Markdown. `files`: the identity of a part that is drawn -> the file that shows it, as it is linked."""
    page = _templates().get_template("report.md")
    return page.render(title=title, sections=sections, lead=lead, notice=notice, files=files)


def shrunk(pixels: Pixels) -> Pixels:
    """A picture as a page shows it: 8 bits, its longer side at most `PICTURE_PX`."""
    small = to_eight(pixels)
    height, width = small.shape[:2]
    return resize(small, fit_size(height, width, PICTURE_PX)) if max(height, width) > PICTURE_PX else small


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )
    environment.filters |= {"cell": cell_text, "paragraphs": _paragraphs, "zip": zip}
    environment.tests["of"] = lambda part, name: type(part).__name__ == name
    environment.globals |= {"image": _image, "id": id}
    return environment


def _paragraphs(text: str) -> list[str]:
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return [block for block in blocks if block]


def cell_text(value: Cell, digits: int) -> str:
    """A cell as people read it: thousands parted, a true minus sign, a dash where there is nothing."""
    if value is None:
        return "–"
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def _image(pixels: Pixels, alt: str) -> Markup:
    """A picture inside the page. JPEG with full chroma, since color is what these pages are about; small ones as PNG."""
    if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"a picture is (h, w) or (h, w, 3), not {pixels.shape} ({alt})")
    small = shrunk(pixels)
    height, width = small.shape[:2]
    stream = io.BytesIO()
    kind = "png" if max(height, width) < 64 else "jpeg"
    Image.fromarray(small).save(stream, kind, **({"quality": 90, "subsampling": 0} if kind == "jpeg" else {"optimize": True}))
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    image = Markup('<img src="data:image/{};base64,{}" width="{}" height="{}" alt="{}">')
    return image.format(kind, data, width, height, alt)
