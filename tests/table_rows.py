"""What a row of a parameter table is once it has been read."""

import unicodedata
from dataclasses import replace

from dancheong.params import TableRow
from dancheong.params.sources.layout import plain_category


def as_read(row: TableRow) -> TableRow:
    """Letters are composed, so that tables of every system mean the same; COMMON has several words."""
    category, name, value = (unicodedata.normalize("NFC", text) for text in (row.category, row.name, row.value))
    return replace(row, category="COMMON" if plain_category(category) == "COMMON" else category, name=name, value=value)
