"""The rows before a chunk, as the store holds them: those kept and those set aside, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from tickcast.clock import DAY, MINUTE
from tickcast.schema import BARS, QUARANTINE, Table
from tickcast.store import Store

__all__ = ["EarlierRows"]

_REMEMBERED = 5 * DAY  # no rule remembers longer,
_COUNTED = 15 * MINUTE  # and that of volumes no longer than the pause after which they may fall
_READ = ("ts", "sequence", "price", "low", "high", "close", "bid_price_1", "ask_price_1", "volume")
_PRICES = ("price", "close", "bid_price_1", "ask_price_1")
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
        began, priced, counted = ts - _REMEMBERED, False, "volume" not in self._table.names or self._table is BARS
        for low, part in self._kept(symbol, ts):
            found.insert(0, part.filter(_before(part, ts, number)))
            priced = priced or _tells(found[0], _PRICES)
            counted = counted or low <= ts - _COUNTED or _tells(found[0], ("volume",))
            if priced and counted:
                began = low
                break
        aside = self._aside(symbol, began, ts)
        found.append(aside.filter(_before(aside, ts, number)) if len(aside) else aside)
        if not any(map(len, found)):
            return pl.DataFrame(schema={"ts": pl.Int64, "reason": pl.String})
        both = pl.concat([pl.DataFrame(schema={"reason": pl.String}), *found], how="diagonal_relaxed")
        return _in_order(both) if len(aside) and "sequence" in both.columns else both.sort("ts", maintain_order=True)

    def _kept(self, symbol: str, ts: int) -> Iterator[tuple[int, pl.DataFrame]]:
        """Rows at or before `ts`, the latest first, in portions that go back ever further, each with the stamp that it begins at."""
        names = [column.name for column in self._table.columns if column.name in _READ]
        held = [] if self._waiting is None else self._waiting(symbol)[0]
        waiting = pl.concat([self._table.empty().select(names), *(each.select(names) for each in held)])
        days = self._store.coverage(self._table.name, symbol, within=(ts - _REMEMBERED, ts + 1)).select("first_ts", "last_ts").rows()
        if len(waiting):
            days.append((waiting["ts"].min(), waiting["ts"].max()))
        for first, last in _apart(day for day in days if day[0] <= ts and day[1] >= ts - _REMEMBERED):
            end = min(last, ts) + 1
            for low in (max(end - MINUTE, first), max(ts - _COUNTED, first), first):
                if low < end:
                    rows = self._store.scan(self._table.name, [symbol], low, end).select(names)
                    yield low, pl.concat([rows, waiting.filter(pl.col("ts").is_between(low, end - 1))])
                    end = low

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


def _apart(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges (both ends included) without what they share, the last one first."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out[::-1]


def _tells(rows: pl.DataFrame, names: Sequence[str]) -> bool:
    """Whether a row says one of these."""
    return any(rows[name].null_count() < len(rows) for name in names if name in rows.columns)


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
