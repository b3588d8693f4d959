"""Rules that need what came before: the cumulative volume, the price before; and the count of rows at one stamp.

Each remembers, per symbol, only the rows it found sound, so the same rows are judged alike however they are cut into chunks, and no row is
judged by a later one. `recall` sets the memory of a symbol to what it was behind rows that were judged before, by whoever it was: rows in
order with the `reason` for which they were set aside, null where they were not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning.order import Marks, Numbers, coded, sequenced
from tickcast.clock import DAY, MINUTE
from tickcast.schema import Table

__all__ = ["CONFIRMS", "SPREAD", "FarPrice", "Rows", "Ties", "VolumeBackwards"]

CONFIRMS = 3
"""Rows in a row that a rule sets aside and that agree with each other; the next one that agrees with them is believed."""
SPREAD = r"[FGHJKMNQUVXZ]\d{1,2}[-: ]|:"
"""In a symbol: a spread of contracts, as MGCG1-MGCJ1 or ES:BF H4-M4-U4, whose price may be zero or negative; not BTC-USD, not BRK B."""
_PAUSE = 15 * MINUTE
_FORGETS = 5 * DAY
_AGREES = 1.1
_LEAST = np.iinfo(np.int64).min
_ASKED_LATER = ("off_tick", "volume_backwards")  # a row set aside so was sound to the rule of prices, which is asked before


class Rows:
    """Rows of one table as the rules see them: stamps, and which rows are of which symbol."""

    def __init__(self, frame: pl.DataFrame, table: Table) -> None:
        self.frame, self.table = frame, table
        self.ts: Numbers = frame["ts"].to_numpy()

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def codes(self) -> tuple[Numbers, list[str]]:
        """(n,) code of each row's symbol, and the symbols by code."""
        return coded(self.frame[self.table.identity[0]])

    def groups(self) -> Iterator[tuple[str, Numbers]]:
        """Each symbol and the positions of its rows, in order."""
        codes, names = self.codes
        if len(names) == 1:
            yield names[0], np.arange(len(codes))
            return
        order = np.argsort(codes, kind="stable")
        for code, rows in enumerate(np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])):
            yield names[code], rows

    def last(self) -> dict[str, int]:
        """Position of the last row of each symbol."""
        codes, names = self.codes
        found = np.zeros(len(names), np.int64)
        found[codes] = np.arange(len(codes))
        return dict(zip(names, found.tolist(), strict=True))


@dataclass
class Ties:
    """Numbers of the rows of one symbol and stamp, counted on where a chunk ends inside a stamp."""

    last: dict[str, tuple[int, int]] = field(default_factory=dict)

    def sequenced(self, rows: Rows) -> pl.DataFrame:
        """The rows with `sequence` counted anew."""
        frame = sequenced(rows.frame.drop("sequence"))
        added, earliest = np.zeros(len(rows), np.int64), int(rows.ts.min())
        codes, names = rows.codes
        for code, name in enumerate(names):
            stamp, count = self.last.get(name, (_LEAST, 0))
            if stamp >= earliest:
                added[(codes == code) & (rows.ts == stamp)] = count
        frame = frame.with_columns(pl.col("sequence") + pl.Series(added)).select(rows.frame.columns)
        self.last |= {name: (int(rows.ts[at]), int(frame["sequence"][at]) + 1) for name, at in rows.last().items()}
        return frame


@dataclass
class _Counter:
    ts: int
    volume: float
    against: tuple[float, ...] = ()


@dataclass
class VolumeBackwards:
    """A book's cumulative volume may fall only after a pause of 15 minutes, as between sessions.

    A feed that begins to count anew inside a session is believed once `CONFIRMS` rows in a row said so, none below the one before.
    """

    state: dict[str, _Counter] = field(default_factory=dict)

    def breaks(self, rows: Rows) -> Marks:
        """(n,) rows whose volume is below that of the row before."""
        out = np.zeros(len(rows), np.bool_)
        if "volume" not in rows.frame.columns or rows.frame["volume"].null_count() == len(rows):
            return out
        values = rows.frame["volume"].to_numpy()
        for name, at in rows.groups():
            known = at[np.isfinite(values[at])]
            if len(known):
                out[known] = self._walk(name, rows.ts[known], values[known])
        return out

    def recall(self, name: str, earlier: pl.DataFrame) -> None:
        """Remember `earlier` (any length) of this symbol, and nothing else of it."""
        self.state.pop(name, None)
        if not len(earlier) or "volume" not in earlier.columns:
            return
        seen = earlier.filter(pl.col("reason").is_null() | (pl.col("reason") == "volume_backwards"), pl.col("volume").is_finite())
        for value, stamp, reason in seen.select("volume", "ts", "reason").iter_rows():
            state = self.state.get(name)
            if reason is None:
                self.state[name] = _Counter(stamp, value)
            elif state is not None:
                agree = bool(state.against) and value >= state.against[-1]
                state.against = (*state.against, value) if agree else (value,)

    def _walk(self, name: str, ts: Numbers, volume: NDArray[np.float64]) -> Marks:
        out = np.zeros(len(ts), np.bool_)
        state = self.state.setdefault(name, _Counter(int(ts[0]), float(volume[0])))
        if not state.against and volume[0] >= state.volume and bool((np.diff(volume) >= 0).all()):
            state.ts, state.volume = int(ts[-1]), float(volume[-1])
            return out
        for i, (stamp, value) in enumerate(zip(ts.tolist(), volume.tolist(), strict=True)):
            agree = bool(state.against) and value >= state.against[-1]
            if value >= state.volume or abs(stamp - state.ts) >= _PAUSE or (agree and len(state.against) >= CONFIRMS):
                state.ts, state.volume, state.against = stamp, value, ()
            else:
                out[i] = True
                state.against = (*state.against, value) if agree else (value,)
        return out


@dataclass
class _Anchor:
    ts: int
    price: float
    against: tuple[float, ...] = ()


@dataclass
class FarPrice:
    """A price that is more than `times` the last sound one of its symbol, or less than its inverse: a digit lost, a unit mistaken.

    What has truly moved so far is believed once `CONFIRMS` rows in a row agree; a price older than five days says nothing. The first row
    of a symbol has nothing to be held against. Spreads of two contracts may be near zero, where no ratio means anything: they are left out.
    """

    times: float
    state: dict[str, _Anchor] = field(default_factory=dict)

    def breaks(self, rows: Rows) -> Marks:
        """(n,) rows whose prices are too far from the price before."""
        out = np.zeros(len(rows), np.bool_)
        ends = _ends(rows.frame, rows.table)
        if ends is None or not len(rows):
            return out
        low, high, price = ends
        prices = [one.price for one in self.state.values()]
        least, most = float(min([np.min(low), *prices])), float(max([np.max(high), *prices]))
        if least > 0 and most <= self.times * least and not any(one.against for one in self.state.values()):
            self.state |= {name: _Anchor(int(rows.ts[at]), float(price[at])) for name, at in rows.last().items()}
            return out
        for name, at in rows.groups():
            known = at[np.isfinite(price[at])]
            if len(known) and re.search(SPREAD, name) is None:
                out[known] = self._walk(name, rows.ts[known], low[known], high[known], price[known])
        return out

    def recall(self, name: str, earlier: pl.DataFrame, table: Table) -> None:
        """Remember `earlier` (any length) of this symbol, and nothing else of it."""
        self.state.pop(name, None)
        if not len(earlier):
            return
        seen = earlier.filter(pl.col("reason").is_null() | pl.col("reason").is_in(("price_far", *_ASKED_LATER)))
        ends = _ends(seen, table)
        if ends is None:
            return
        for value, stamp, reason in zip(ends[2].tolist(), seen["ts"].to_list(), seen["reason"].to_list(), strict=True):
            state = self.state.get(name)
            if np.isfinite(value) and reason != "price_far":
                self.state[name] = _Anchor(stamp, value)
            elif np.isfinite(value) and state is not None:
                state.against = (*state.against, value)[-CONFIRMS:] if _agree(value, state.against) else (value,)

    def _walk(self, name: str, ts: Numbers, low: NDArray[np.float64], high: NDArray[np.float64], price: NDArray[np.float64]) -> Marks:
        out = np.zeros(len(ts), np.bool_)
        state = self.state.setdefault(name, _Anchor(int(ts[0]), float(price[0])))
        least, most = min(float(low.min()), state.price), max(float(high.max()), state.price)
        if not state.against and least > 0 and most <= self.times * least:
            state.ts, state.price = int(ts[-1]), float(price[-1])
            return out
        for i, (stamp, bottom, top, value) in enumerate(zip(ts.tolist(), low.tolist(), high.tolist(), price.tolist(), strict=True)):
            near = state.price <= 0 or (bottom * self.times >= state.price and top <= state.price * self.times)
            agree = _agree(value, state.against)
            if near or abs(stamp - state.ts) > _FORGETS or (agree and len(state.against) >= CONFIRMS):
                state.ts, state.price, state.against = stamp, value, ()
            else:
                out[i] = True
                state.against = (*state.against, value)[-CONFIRMS:] if agree else (value,)
        return out


def _agree(value: float, others: tuple[float, ...]) -> bool:
    return all(value <= one * _AGREES and one <= value * _AGREES for one in others)


def _ends(frame: pl.DataFrame, table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """(n,) lowest, highest and last price of each row; None for tables without one. NaN nowhere but where a book is empty."""
    if table.name == "trades":
        price = frame["price"].to_numpy()
        return price, price, price
    if table.name == "bars":
        return frame["low"].to_numpy(), frame["high"].to_numpy(), frame["close"].to_numpy()
    if table.name != "book":
        return None
    bid, ask = (frame[f"{side}_price_1"].cast(pl.Float64).to_numpy() for side in ("bid", "ask"))
    return np.fmin(bid, ask), np.fmax(bid, ask), np.where(np.isnan(bid), ask, np.where(np.isnan(ask), bid, (bid + ask) / 2))
