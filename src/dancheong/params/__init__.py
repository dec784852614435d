"""The parameter table: schema, rows, and the locations where tables are kept."""

from dancheong.params.sources import TableRow, read_table, write_table
from dancheong.params.table import COMMON, Params, Resolved, complete_rows, parse_settings, resolve
from dancheong.system.errors import DancheongError, ExtraMissing, ParamError

__all__ = [
    "COMMON", "DancheongError", "ExtraMissing", "ParamError", "Params", "Resolved", "TableRow", "complete_rows",
    "parse_settings", "read_table", "resolve", "write_table",
]
