"""The sections of a report as Markdown: text, tables, and links to the figures' files."""

from collections.abc import Mapping, Sequence

from dancheong.report.page import Drawing, Facts, Part, Section, Table, cell_text


def to_markdown(title: str, lead: str, notice: str, sections: Sequence[Section], figures: Mapping[int, str]) -> str:
    """The report as Markdown. `figures`: the identity of a Drawing -> its file, as it is linked.

    Raises:
        TypeError: a part that has no form in Markdown (pictures and curves, which are Drawings here).
    """
    blocks = [f"# {title}", lead, *(f"> {block}" for block in notice.split("\n\n") if block)]
    for section in sections:
        blocks += [f"## {section.title}", section.text]
        blocks += [_part(part, figures) for part in section.parts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _part(part: Part, figures: Mapping[int, str]) -> str:
    match part:
        case Facts():
            return "\n".join(
                f"- **{label}**: {cell_text(value, part.digits)}{f' ({remark})' if remark else ''}"
                for label, value, remark in part.items
            )
        case Table():
            return _table(part)
        case Drawing():
            return f"![{part.alt}]({figures[id(part)]})\n\n*{part.caption}*"
        case _:
            raise TypeError(f"a {type(part).__name__} has no form in Markdown")


def _table(table: Table) -> str:
    digits = [table.digits if isinstance(table.digits, int) else table.digits.get(name, 2) for name in table.columns]
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.rows:
        cells = [cell_text(value, places).replace("|", "\\|") for value, places in zip(row, digits, strict=True)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + (f"\n\n*{table.caption}*" if table.caption else "")
