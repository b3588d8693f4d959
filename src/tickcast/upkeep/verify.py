"""Verify: expected days × stored days × days known to be empty, from the ledger only."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tickcast.store import Store
from tickcast.upkeep.expected import Family, days_over
from tickcast.upkeep.states import STATES, states_of

__all__ = ["Holdings", "Verified", "verify"]


@dataclass(frozen=True)
class Holdings:
    """One symbol's days in a range.

    Parameters
    ----------
    symbol: whose.
    expected: trading days on which it was alive.
    stored, empty: expected days with rows, and those settled as having none.
    gap: stored days of which a recording missed some open market.
    unsettled, missing: expected days answered once with nothing, and those nothing is known of.
    unexpected: stored days that were not expected.
    """

    symbol: str
    expected: int
    stored: int
    empty: int
    gap: tuple[int, ...]
    unsettled: tuple[int, ...]
    missing: tuple[int, ...]
    unexpected: tuple[int, ...]

    @property
    def ok(self) -> bool:
        """Whether every expected day is stored whole or settled, and nothing else is there."""
        return not (self.gap or self.unsettled or self.missing or self.unexpected)


@dataclass(frozen=True)
class Verified:
    """What a range of a dataset holds.

    Parameters
    ----------
    table, name, calendar: of the dataset; `first`, `last` trading day, inclusive.
    symbols: a line for each.
    """

    table: str
    name: str
    calendar: str
    first: int
    last: int
    symbols: tuple[Holdings, ...]

    @property
    def ok(self) -> bool:
        """Whether all symbols are complete."""
        return all(each.ok for each in self.symbols)


def verify(dataset: Family, store: Store, first: int, last: int, *, now: int) -> Verified:
    """What is there of the trading days `first` to `last` (inclusive); those not over at `now` (UTC ns) are not missed yet."""
    states = states_of(dataset, store, first, last, now=now)
    due = dataset.expected(first, last).filter(pl.col("trading_day").is_in(days_over(dataset.calendar, first, last, now)))
    symbols = []
    whole = dataset.since is not None and first >= dataset.since  # then no day is left to the product as one
    for symbol in sorted(set(dataset.alive) - ({dataset.name} if whole else set())):
        own = states.filter(pl.col("symbol") == symbol)
        days = {state: tuple(own.filter(pl.col("state") == state)["trading_day"]) for state in STATES}
        closed = set(days["no data"]) - set(due.filter(pl.col("symbol") == symbol)["trading_day"])
        told = {name: days[name] for name in ("gap", "unsettled", "missing", "unexpected")}
        expected = len(due.filter(pl.col("symbol") == symbol))
        symbols.append(Holdings(symbol, expected, len(days["stored"]) + len(days["gap"]), len(days["no data"]) - len(closed), **told))
    return Verified(dataset.table, dataset.name, dataset.calendar, first, last, tuple(symbols))
