"""What a dataset should hold: the trading days of its calendar on which each of its symbols was alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tickcast.calendars import Sessions, calendar
from tickcast.clock import DAY
from tickcast.config import DataConfig
from tickcast.record import open_gaps
from tickcast.store import Store
from tickcast.upkeep.instruments import known_contracts

__all__ = ["KEY", "Family", "day_of", "days_over", "family", "sessions_around", "trading_days_between"]

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
    since: the trading day from which the contracts are looked at one by one, as those that ended before are not known; None for always.
    """

    table: str
    name: str
    calendar: str
    alive: Mapping[str, tuple[int | None, int | None]]
    members: tuple[str, ...]
    since: int | None = None

    @property
    def by_contract(self) -> bool:
        """Whether each contract is looked at by itself."""
        return tuple(self.alive) != (self.name,)

    def coverage(self, store: Store) -> pl.DataFrame:
        """symbol, trading_day, rows, first_ts, last_ts of the stored days, from the ledger only; by symbol and day."""
        found = store.coverage(self.table)
        held = found.filter(pl.col("symbol").is_in([*self.alive, *self.members])).select(*KEY, "rows", "first_ts", "last_ts")
        if self.by_contract:
            single = held.filter(pl.col("symbol").is_in(list(self.alive)) & ~self._early())
            return pl.concat([single, self._together(held.filter(self._early()))]).sort(*KEY)
        return self._together(held)

    def _early(self) -> pl.Expr:
        """Whether a day lies before those of the contracts known."""
        return pl.lit(False) if self.since is None else pl.col("trading_day") < self.since

    def _together(self, held: pl.DataFrame) -> pl.DataFrame:
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
        found = found.with_columns(pl.Series("trading_day", days, pl.Int64), pl.col("symbol").alias("of"))
        single = pl.lit(self.by_contract) & ~self._early()
        names = pl.when(single).then(pl.col("symbol")).otherwise(pl.lit(self.name)).alias("symbol")
        return found.select(names, "trading_day", "start", "ts", "reason", "of")

    def expected(self, first: int, last: int) -> pl.DataFrame:
        """symbol, trading_day: the days from `first` to `last` (trading days, inclusive) on which each symbol was alive."""
        days = trading_days_between(self.calendar, first, last)
        frames = [pl.DataFrame(schema=KEY)]
        for symbol, (begin, end) in sorted(self.alive.items()):
            lived = [day for day in days if (begin is None or day >= begin) and (end is None or day <= end)]
            frames.append(pl.DataFrame({"symbol": [symbol] * len(lived), "trading_day": lived}, schema=KEY))
        return pl.concat(frames)


def family(data: DataConfig, store: Store) -> Family:
    """The symbols of a configured dataset: those that table `contracts` knows of it, else the configured symbol and what it gave.

    A product's contracts are looked at one by one where their lives are known, from the day on which the first of them was told.
    """
    told = store.coverage(data.table).select("symbol", "source").unique()
    own = (pl.col("symbol") == data.symbol) | pl.col("source").str.contains(f'"symbol":"{data.symbol}"', literal=True)
    members = set(told.filter(own)["symbol"].to_list())
    known = known_contracts(store)
    alone = known.filter(pl.col("symbol") == data.symbol)
    if len(alone):
        first, expiry = alone.select("first_day", "expiry").row(-1)
        life = (first, None if expiry is None else day_of(data.calendar, int(expiry)))
        return Family(data.table, data.symbol, data.calendar, {data.symbol: life}, (data.symbol,))
    base, _, kind = data.symbol.partition(".")
    product = pl.col("product").is_in([data.symbol, base] if kind in ("", "FUT") else [data.symbol])
    lives = pl.col("first_day").is_not_null() | pl.col("expiry").is_not_null()
    named = known.filter(product & pl.col("kind").fill_null("future").eq("future") & lives)
    if not len(named):
        return Family(data.table, data.symbol, data.calendar, {data.symbol: (None, None)}, tuple(sorted(members)))
    since = int(named["ts"].min()) // DAY  # type: ignore[arg-type]
    alive: dict[str, tuple[int | None, int | None]] = {data.symbol: (None, since - 1)}
    last = named.unique("symbol", keep="last", maintain_order=True).select("symbol", "first_day", "expiry")
    for symbol, first, expiry in last.iter_rows():
        alive[str(symbol)] = (max(first or since, since), None if expiry is None else day_of(data.calendar, int(expiry)))
    return Family(data.table, data.symbol, data.calendar, alive, tuple(sorted(members | set(alive) - {data.symbol})), since)


def sessions_around(name: str, first: int, last: int) -> Sessions:
    """All sessions of the trading days `first` to `last`, inclusive, and some of the days around them."""
    return calendar(name).sessions(first * DAY - _MARGIN, (last + 1) * DAY + _MARGIN)


def trading_days_between(name: str, first: int, last: int) -> list[int]:
    """The trading days of a calendar from `first` to `last`, inclusive, in order."""
    found = sessions_around(name, first, last).trading_day if last >= first else np.array([])
    return [int(day) for day in np.unique(found) if first <= day <= last]


def days_over(name: str, first: int, last: int, now: int) -> list[int]:
    """Those of `trading_days_between` whose last session has closed by `now` (UTC ns): the others may still get rows."""
    if last < first:
        return []
    held = sessions_around(name, first, last)
    days, at = np.unique(held.trading_day[::-1], return_index=True)
    closes = held.close[::-1][at]
    chosen: Sequence[int] = [int(day) for day, close in zip(days, closes, strict=True) if first <= day <= last and close < now]
    return list(chosen)


def day_of(name: str, ts: int) -> int:
    """The trading day that a moment belongs to; of one between sessions the UTC day."""
    held = calendar(name).sessions(ts, ts)
    at = int(held.locate(np.array([ts]))[0]) if len(held) else -1
    return int(held.trading_day[at]) if at >= 0 else ts // DAY
