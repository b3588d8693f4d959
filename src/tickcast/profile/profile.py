"""Profile of a stored table: what its columns hold and what its symbols are like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tickcast.calendars import calendar
from tickcast.clock import DAY
from tickcast.errors import DataError
from tickcast.profile.columns import ColumnFacts, column_facts
from tickcast.profile.symbols import SymbolFacts, SymbolTally
from tickcast.schema import Table
from tickcast.store import Store
from tickcast.store.day_rows import table_named

__all__ = ["DayCount", "Profile", "profile"]


@dataclass(frozen=True)
class DayCount:
    """Rows stored for a symbol's trading day (days since 1970-01-01)."""

    symbol: str
    day: int
    rows: int


@dataclass(frozen=True)
class Profile:
    """A stored table at one version.

    Parameters
    ----------
    table, version: what was profiled; `zone` is whose local day the slots follow, `calendar` whose trading days are expected ("" for none).
    columns: facts per column; `sampled` rows carry their quantiles.
    symbols: facts per symbol, most rows first.
    days: rows per symbol and day, from the ledger.
    missing: expected trading days without rows, symbol → days, between the symbol's first and last day; empty without a calendar.
    empty: days known to have no data, symbol → days.
    """

    table: Table
    version: str
    zone: str
    calendar: str
    columns: tuple[ColumnFacts, ...]
    sampled: int
    symbols: tuple[SymbolFacts, ...]
    days: tuple[DayCount, ...]
    missing: dict[str, tuple[int, ...]]
    empty: dict[str, tuple[int, ...]]

    @property
    def rows(self) -> int:
        """Rows of all symbols."""
        return sum(each.rows for each in self.symbols)


def profile(
    store: Store,
    table: str,
    symbols: Sequence[str] | None = None,
    *,
    calendar_name: str | None = None,
    zone: str = "UTC",
    progress: Callable[[str, float], None] | None = None,
) -> Profile:
    """Read every stored row of a table once, a day at a time.

    Raises DataError where nothing is stored, StoreError for a damaged file, ConfigError for an unknown table or calendar.
    """
    shape = table_named(table)
    market = None if calendar_name is None else calendar(calendar_name)
    local = zone if market is None else market.zone
    days = store.coverage(table).filter(pl.lit(True) if symbols is None else pl.col("symbol").is_in(list(symbols)))
    if not len(days):
        whose = "" if symbols is None else f" of {', '.join(symbols)}"
        raise DataError(f"the store holds no {table}{whose}", hint="see tickcast data list")
    counts = tuple(
        DayCount(str(symbol), int(day), int(rows)) for symbol, day, rows in days.select("symbol", "trading_day", "rows").iter_rows()
    )
    tallies: dict[str, SymbolTally] = {}

    def chunks() -> Iterator[pl.DataFrame]:
        done, key = 0, shape.identity[0]
        for chunk in store.chunks(table, symbols):
            symbol = str(chunk[key][0])
            day = int(chunk["trading_day"][0]) if "trading_day" in chunk.columns and chunk["trading_day"][0] is not None else None
            tally = tallies.setdefault(symbol, SymbolTally(symbol, shape, local))
            tally.add(day if day is not None else int(chunk["ts"][0]) // DAY, chunk)
            done += len(chunk)
            if progress is not None:
                progress(f"{table} {symbol}", done / max(sum(each.rows for each in counts), 1))
            yield chunk

    columns, sample = column_facts(shape, chunks())
    facts = sorted((tally.facts() for tally in tallies.values()), key=lambda each: (-each.rows, each.symbol))
    settled = store.empty.days(table).filter("settled")
    empty = {each.symbol: tuple(settled.filter(pl.col("symbol") == each.symbol)["trading_day"].to_list()) for each in facts}
    missing = {} if market is None or not shape.in_sessions else _missing(counts, empty, calendar_name or "")
    return Profile(shape, store.version(), local, calendar_name or "", columns, len(sample), tuple(facts), counts, missing, empty)


def _missing(counts: Sequence[DayCount], empty: dict[str, tuple[int, ...]], name: str) -> dict[str, tuple[int, ...]]:
    """Trading days of the calendar between a symbol's first and last day that are neither stored nor known to be empty."""
    out: dict[str, tuple[int, ...]] = {}
    for symbol in dict.fromkeys(each.symbol for each in counts):
        held = {each.day for each in counts if each.symbol == symbol} | set(empty.get(symbol, ()))
        first, last = min(held), max(held)
        sessions = calendar(name).sessions(first * DAY, (last + 1) * DAY)
        expected = {int(day) for day in sessions.trading_day if first <= day <= last}
        out[symbol] = tuple(sorted(expected - held))
    return out
