"""One HTML file that shows what was done: numbers, pictures, curves. Nothing is fetched from outside when it is opened.

What a page holds is said here as data; how it looks is in `templates/`. The words of a report stand in a text of its own,
which `compose` reads.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

from dancheong.report.chart import Curves, Intervals
from dancheong.report.templating import Cell, Pixels, cell_text, paragraphs, templates
from dancheong.system.csv_text import valid_text
from dancheong.system.whole_file import write_text

_PLACE = re.compile(r"\[\[(?P<name>\w+)\]\] ?(?P<caption>.*)")


@dataclass(frozen=True)
class Facts:
    """The few numbers that matter, set large: (label, value, remark); the remark may be empty."""

    items: Sequence[tuple[str, Cell, str]]


@dataclass(frozen=True)
class Table:
    """A table; a column of numbers is aligned to the right and shows floats with `digits` decimals.

    The first column heads its rows. `strong_rows` are set apart, such as the mean under single photographs.

    Raises:
        ValueError: a row whose length does not fit the columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    digits: int = 2
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
        kinds = [{isinstance(cell, Real) for cell in column if cell is not None} for column in columns]
        return [(name, kind == {True}) for name, kind in zip(self.columns, kinds, strict=True)]

    @property
    def texts(self) -> list[list[tuple[str, bool]]]:
        """Each row's cells as they are shown, and whether each stands in a column of numbers."""
        numbers = [is_number for _, is_number in self.heads]
        return [list(zip((cell_text(cell, self.digits) for cell in row), numbers, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Comparison:
    """Pictures side by side in rows, such as gray | predicted | truth; gray or RGB, uint8 or uint16.

    Each row: its name, one picture or None per heading, and a remark such as its scores, which may be empty. `file`: where
    the figure lies beside the report in Markdown.

    Raises:
        ValueError: a row whose length does not fit the headings.
    """

    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Pixels | None], str]]
    caption: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        for name, pictures, _ in self.rows:
            if len(pictures) != len(self.headings):
                raise ValueError(
                    f"row {name!r} of the comparison has {len(pictures)} pictures, expected {len(self.headings)}: "
                    "one (or None) per heading"
                )


Part = Facts | Table | Comparison | Curves | Intervals


@dataclass(frozen=True)
class Section:
    """A heading, plain text whose paragraphs are parted by empty lines, and what is shown under it, in order."""

    title: str
    text: str = ""
    parts: Sequence[Part] = field(default_factory=tuple)


def compose(words: Path, parts: Mapping[str, Part | None], **values: Any) -> list[Section]:
    """The sections of a report, as a text says them.

    Args:
        words: a text in which `## title` begins a section, an empty line ends a paragraph, and `[[name]]` stands for one
            of `parts`, with the caption that follows it. Jinja's `{{ name }}` stands for one of `values`.
        parts: what is shown, by name. What is None is left out, and so is a section that has no other part.

    Raises:
        KeyError: a part that is not among them.
    """
    text = templates().from_string(words.read_text("utf-8")).render(values)
    sections = []
    for chunk in re.split("^## ", text, flags=re.MULTILINE)[1:]:
        title, *blocks = paragraphs(chunk)
        places = [(found["name"], found["caption"]) for block in blocks if (found := _PLACE.fullmatch(block))]
        shown = [_captioned(part, caption) for name, caption in places if (part := parts[name])]
        if shown or not places:
            prose = [block for block in blocks if not _PLACE.fullmatch(block)]
            sections.append(Section(title, "\n\n".join(prose), shown))
    return sections


def _captioned(part: Part, caption: str) -> Part:
    return replace(part, caption=caption) if caption and not isinstance(part, Facts) else part


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
    write_text(path, render_report(title, sections, lead, notice))


def render_report(
    title: str, sections: Sequence[Section], lead: str = "", notice: str = "", template: str = "page.html"
) -> str:
    """The page that `write_report` writes, as text; by "report.md" as Markdown with links to figures that lie in a file."""
    return valid_text(templates().get_template(template).render(title=title, sections=sections, lead=lead, notice=notice))
