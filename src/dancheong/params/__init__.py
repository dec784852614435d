"""The parameter table: schema, rows, and the places tables are kept."""

from dancheong.params.errors import DancheongError, ExtraMissing
from dancheong.params.schema import Params
from dancheong.params.sources import read_table, write_table
from dancheong.params.table import COMMON, ParamError, Resolved, TableRow, complete_rows, parse_settings, resolve

__all__ = [
    "COMMON",
    "DancheongError",
    "ExtraMissing",
    "ParamError",
    "Params",
    "Resolved",
    "TableRow",
    "complete_rows",
    "parse_settings",
    "read_table",
    "resolve",
    "write_table",
]
