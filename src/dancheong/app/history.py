"""The history of runs, kept where the parameters come from a database."""

from collections.abc import Mapping, Sequence
from typing import Any

from dancheong.params import read_table
from dancheong.params.sources import is_database


def record(
    table: str | None, command: Sequence[str], *, fingerprint: str, digest: str, scores: Mapping[str, Any]
) -> None:
    """Add a run to the history of the database that `table` names; a file keeps none."""
    if table and is_database(table):
        from dancheong.params.sources.sql import record_run

        record_run(
            table, command=["dancheong", *command], rows=read_table(table), data_fingerprint=fingerprint, model_hash=digest,
            scores=scores,
        )
