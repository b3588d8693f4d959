"""The rows before a chunk, as the store holds them: those kept and those set aside, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from tickcast.clock import DAY, MINUTE
from tickcast.schema import QUARANTINE, Table
from tickcast.store import Store

__all__ = ["EarlierRows"]

_REMEMBERED = 5 * DAY  # no rule remembers longer
_READ = ("ts", "sequence", "price", "low", "high", "close", "bid_price_1", "ask_price_1", "volume")
_ASIDE = ("price_far", "off_tick", "volume_backwards")  # reasons given by rules that remember, or after them
_Waiting = Callable[[str], tuple[list[pl.DataFrame], list[pl.DataFrame]]]
"""Of a symbol, rows not yet committed and rows of table `quarantine` not yet committed."""


class EarlierRows:
    """What a `Screen` asks for (`cleaning.Earlier`): a symbol's rows from the last price before a chunk on, those set aside included.

    Parameters
    ----------
    store, table: where the rows are.
    waiting: rows that are as good as stored.
    """

    def __init__(self, store: Store, table: Table, *, waiting: _Waiting | None = None) -> None:
        self._store, self._table, self._waiting = store, table, waiting

    def __call__(self, symbol: str, ts: int, number: int | None) -> pl.DataFrame:
        """Rows before `ts` (UTC ns) and, at `ts`, before sequence `number`; `reason` is null for those that were kept."""
        found: list[pl.DataFrame] = []
        began = ts
        for part in self._kept(symbol, ts):
            found.insert(0, part.filter(_before(part, ts, number)))
            if len(found[0]) and _tells(found[0]):
                began = int(found[0]["ts"][0])
                break
        if not any(map(len, found)):
            return pl.DataFrame(schema={"ts": pl.Int64, "reason": pl.String})
        kept = pl.concat(found, how="diagonal").with_columns(pl.lit(None, pl.String).alias("reason"))
        aside = self._aside(symbol, began, ts)
        both = pl.concat([kept, aside.filter(_before(aside, ts, number))], how="diagonal_relaxed") if len(aside) else kept
        return _in_order(both) if len(aside) and "sequence" in both.columns else both.sort("ts", maintain_order=True)

    def _kept(self, symbol: str, ts: int) -> Iterator[pl.DataFrame]:
        """Rows at or before `ts`, the latest first, in portions that go back ever further."""
        names = [column.name for column in self._table.columns if column.name in _READ]
        rows = [] if self._waiting is None else [each.select(names) for each in self._waiting(symbol)[0]]
        if rows:
            yield pl.concat(rows)
        days = self._store.coverage(self._table.name, symbol)
        days = days.filter(pl.col("first_ts") <= ts, pl.col("last_ts") >= ts - _REMEMBERED).sort("first_ts", descending=True)
        for first, last in days.select("first_ts", "last_ts").iter_rows():
            end = min(last, ts)
            near = max(first, end - MINUTE)
            yield self._store.scan(self._table.name, [symbol], near, end + 1).select(names)
            if first < near:
                yield self._store.scan(self._table.name, [symbol], first, near).select(names)

    def _aside(self, symbol: str, start: int, end: int) -> pl.DataFrame:
        """Rows set aside by rules that remember, start <= ts <= end, with the values that these rules read."""
        held = [self._store.scan(QUARANTINE.name, [symbol], start, end + 1)]
        held += [] if self._waiting is None else self._waiting(symbol)[1]
        rows = pl.concat(held, how="diagonal").filter(
            pl.col("ts").is_between(start, end), pl.col("table") == self._table.name, pl.col("reason").is_in(_ASIDE)
        )
        shape = [column for column in self._table.columns if column.name in _READ]
        told = pl.Struct([pl.Field(column.name, pl.String) for column in shape])
        values = pl.col("original").str.json_decode(told).struct
        rows = rows.unique(["ts", "reason", "original"], maintain_order=True).sort("ts", "file_row", maintain_order=True)
        return rows.select("reason", *(values.field(column.name).cast(column.dtype) for column in shape))


def _before(rows: pl.DataFrame, ts: int, number: int | None) -> pl.Expr:
    at = pl.col("ts") < ts
    if number is None or "sequence" not in rows.columns:
        return at
    return at | ((pl.col("ts") == ts) & (pl.col("sequence") < number))


def _tells(rows: pl.DataFrame) -> bool:
    """Whether the rows say a price and, in tables that have one, a volume."""
    prices = [name for name in ("price", "close", "bid_price_1", "ask_price_1") if name in rows.columns]
    asked = prices if "bid_price_1" not in rows.columns else [*prices, "volume"]
    known = rows.select(pl.col(name).is_not_null().any() for name in asked).row(0)
    return any(known[: len(prices)]) and all(known[len(prices) :])


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows by stamp and place in it. One set aside bears its place among all that came; those kept may be numbered among themselves."""
    rows = rows.sort("ts", "sequence", pl.col("reason").is_null(), maintain_order=True, nulls_last=True)
    place = np.arange(len(rows))
    ts, numbers, kept = rows["ts"].to_numpy(), rows["sequence"].to_list(), rows["reason"].is_null().to_numpy()
    for low, high in zip(*_stretches(ts), strict=True):
        own = numbers[low:high]
        if high - low < 2 or None in own or len(set(own)) == high - low:
            continue
        aside = {numbers[i]: i for i in range(low, high) if not kept[i]}
        rest = iter(i for i in range(low, high) if kept[i])
        place[low:high] = [aside[k] if k in aside else next(rest, -1) for k in range(high - low)]
    return rows[place.tolist()] if (place >= 0).all() and len(set(place.tolist())) == len(place) else rows


def _stretches(ts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[list[int], list[int]]:
    """Where each stamp begins and ends."""
    edges = np.flatnonzero(np.diff(ts)) + 1
    return [0, *edges.tolist()], [*edges.tolist(), len(ts)]
