"""Damaged days: those whose blocks are gone or are not the ones that were committed. `audit` holds rows against their manifest too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from tickcast.errors import StoreError
from tickcast.store import Store
from tickcast.upkeep.expected import Family

__all__ = ["DamagedDay", "damaged_days"]


@dataclass(frozen=True)
class DamagedDay:
    """A stored day that cannot be read: whose, which, and what was found."""

    symbol: str
    trading_day: int
    found: str


def damaged_days(
    dataset: Family, store: Store, first: int, last: int, progress: Callable[[str, float], None] | None = None
) -> tuple[DamagedDay, ...]:
    """The days of the range whose bytes are not those that were committed; all of them, not only the first."""
    held = store.coverage(dataset.table).filter(
        pl.col("symbol").is_in([*dataset.alive, *dataset.members]) & pl.col("trading_day").is_between(first, last)
    )
    out = []
    for done, (symbol, day, content) in enumerate(held.select("symbol", "trading_day", "content").iter_rows()):
        if progress is not None:
            progress(str(symbol), done / len(held))
        try:
            store.day(content)
        except StoreError as error:
            out.append(DamagedDay(symbol, day, str(error)))
    if progress is not None:
        progress("read", 1.0)
    return tuple(out)
