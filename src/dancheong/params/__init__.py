"""The parameter table: schema, rows, and the locations where tables are kept."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dancheong.system.errors import DancheongError, ExtraMissing, NotThere, ParamError

if TYPE_CHECKING:
    from dancheong.params.sources import TableRow, read_table, write_table
    from dancheong.params.table import Params, Resolved, complete_rows, parse_settings, resolve

COMMON = "COMMON"

__all__ = [
    "COMMON", "DancheongError", "ExtraMissing", "NotThere", "ParamError", "Params", "Resolved", "TableRow", "complete_rows",
    "parse_settings", "read_table", "resolve", "write_table",
]


def __getattr__(name: str) -> Any:
    """Import on first use, because the schema takes a tenth of a second, which `--help` does not need."""
    if name not in __all__:
        raise AttributeError(f"module 'dancheong.params' has no attribute {name!r}")
    home = "sources" if name in ("TableRow", "read_table", "write_table") else "table"
    return getattr(import_module(f"dancheong.params.{home}"), name)
