"""What a dataset should hold: the trading days of its calendar on which each of its symbols was alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tickcast.calendars import calendar
from tickcast.clock import DAY
from tickcast.config import DataConfig
from tickcast.record import open_gaps
from tickcast.store import Store

__all__ = ["KEY", "Family", "day_of", "family", "over", "trading_days_between"]

KEY: Mapping[str, type[pl.DataType]] = {"symbol": pl.String, "trading_day": pl.Int64}
"""Columns that name a day of a symbol."""
_MARGIN = 4 * DAY  # a trading day's sessions lie at most so far from its midnights in UTC


@dataclass(frozen=True)
class Family:
    """The symbols of a dataset as its configuration names them.

    Parameters
    ----------
    table, name: table of `schema`, and the configured symbol: one instrument, or a product that stands for all its contracts.
    calendar: name in `CALENDARS`.
    alive: first and last trading day of each symbol, None where that is not known; the name alone where contracts are not known.
    members: stored symbols that belong to the name; where contracts are not known their days together are the name's.
    """

    table: str
    name: str
    calendar: str
    alive: Mapping[str, tuple[int | None, int | None]]
    members: tuple[str, ...]

    @property
    def by_contract(self) -> bool:
        """Whether each contract is looked at by itself."""
        return tuple(self.alive) != (self.name,)

    def coverage(self, store: Store) -> pl.DataFrame:
        """symbol, trading_day, rows, first_ts, last_ts of the stored days, from the ledger only; by symbol and day."""
        found = store.coverage(self.table)
        held = found.filter(pl.col("symbol").is_in([*self.alive, *self.members])).select(*KEY, "rows", "first_ts", "last_ts")
        if self.by_contract:
            return held.filter(pl.col("symbol").is_in(list(self.alive)))
        figures = (pl.col("rows").sum(), pl.col("first_ts").min(), pl.col("last_ts").max())
        return held.group_by("trading_day").agg(*figures).select(pl.lit(self.name).alias("symbol"), pl.all()).sort(*KEY)

    def empty(self, store: Store) -> pl.DataFrame:
        """symbol, trading_day, settled, last (UTC ns), answers of the days said to be empty."""
        found = store.empty.days(self.table)
        return found.filter(pl.col("symbol").is_in(list(self.alive))).select(*KEY, "settled", "last", "answers")

    def gaps(self, store: Store) -> pl.DataFrame:
        """symbol, trading_day, start, ts (UTC ns), reason of what a recording missed and nobody has healed."""
        found = open_gaps(store, self.table).filter(pl.col("symbol").is_in([*self.alive, *self.members]))
        days = [day_of(self.calendar, int(start)) for start in found["start"]]
        names = pl.col("symbol") if self.by_contract else pl.lit(self.name).alias("symbol")
        return found.select(names, pl.Series("trading_day", days, pl.Int64), "start", "ts", "reason", pl.col("symbol").alias("of"))

    def expected(self, first: int, last: int) -> pl.DataFrame:
        """symbol, trading_day: the days from `first` to `last` (trading days, inclusive) on which each symbol was alive."""
        days = trading_days_between(self.calendar, first, last)
        frames = [pl.DataFrame(schema=KEY)]
        for symbol, (begin, end) in sorted(self.alive.items()):
            lived = [day for day in days if (begin is None or day >= begin) and (end is None or day <= end)]
            frames.append(pl.DataFrame({"symbol": [symbol] * len(lived), "trading_day": lived}, schema=KEY))
        return pl.concat(frames)


def family(data: DataConfig, store: Store) -> Family:
    """The symbols of a configured dataset: those that table `contracts` knows of it, else the configured symbol and what it gave."""
    known = store.scan("contracts")
    if len(known):
        last = known.sort("symbol", "ts").unique("symbol", keep="last", maintain_order=True)
        product = data.symbol.partition(".")[0]
        named = (pl.col("symbol") == data.symbol) | ((pl.col("product") == product) & pl.col("kind").fill_null("future").eq("future"))
        alive = {
            str(symbol): (first, None if expiry is None else day_of(data.calendar, int(expiry)))
            for symbol, first, expiry in last.filter(named).select("symbol", "first_day", "expiry").iter_rows()
        }
        if alive:
            return Family(data.table, data.symbol, data.calendar, alive, tuple(alive))
    told = store.coverage(data.table).select("symbol", "source").unique()
    own = (pl.col("symbol") == data.symbol) | pl.col("source").str.contains(f'"symbol":"{data.symbol}"', literal=True)
    members = tuple(sorted(set(told.filter(own)["symbol"].to_list())))
    return Family(data.table, data.symbol, data.calendar, {data.symbol: (None, None)}, members)


def trading_days_between(name: str, first: int, last: int) -> list[int]:
    """The trading days of a calendar from `first` to `last`, inclusive, in order."""
    found = calendar(name).sessions(first * DAY - _MARGIN, (last + 1) * DAY + _MARGIN).trading_day if last >= first else np.array([])
    return [int(day) for day in np.unique(found) if first <= day <= last]


def over(name: str, first: int, last: int, now: int) -> list[int]:
    """Those of them whose last session has closed by `now` (UTC ns): the others may still get rows."""
    if last < first:
        return []
    held = calendar(name).sessions(first * DAY - _MARGIN, (last + 1) * DAY + _MARGIN)
    days, at = np.unique(held.trading_day[::-1], return_index=True)
    closes = held.close[::-1][at]
    chosen: Sequence[int] = [int(day) for day, close in zip(days, closes, strict=True) if first <= day <= last and close < now]
    return list(chosen)


def day_of(name: str, ts: int) -> int:
    """The trading day that a moment belongs to; of one between sessions the UTC day."""
    held = calendar(name).sessions(ts, ts)
    at = int(held.locate(np.array([ts]))[0]) if len(held) else -1
    return int(held.trading_day[at]) if at >= 0 else ts // DAY
