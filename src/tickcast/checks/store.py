"""Law of a store: what was known at a version stays known as it was, however much is corrected later."""

from __future__ import annotations

import polars as pl

from tickcast.checks.events import numbers
from tickcast.errors import LawBroken
from tickcast.store import Store

__all__ = ["earlier_versions_stand"]


def earlier_versions_stand(store: Store, table: str, frame: pl.DataFrame) -> None:
    """Rows of `table` written, then corrected (every number a tenth larger): the first version still gives the rows first written.

    Features computed on `scan(..., as_of=version)` know nothing of a correction that came after the version.
    """
    store.write(table, frame, source="first")
    before, version = store.scan(table), store.version()
    store.write(table, frame.with_columns((pl.col(name) * 1.1).cast(frame.schema[name]) for name in numbers(frame)), source="corrected")
    if store.scan(table).equals(before):
        raise LawBroken("a correction changes nothing", field=table)
    if not store.scan(table, as_of=version).equals(before):
        raise LawBroken("a version changes with what is written after it", field=table)
