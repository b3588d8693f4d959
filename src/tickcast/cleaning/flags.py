"""What is odd in rows that stay: flags, computed from the rows whenever they are wanted, never stored and never a reason to drop a row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.calendars import Calendar
from tickcast.cleaning.order import coded
from tickcast.clock import MINUTE, SECOND
from tickcast.schema import BARS, BOOK, TRADES, Table

__all__ = ["FLAGGED", "flags"]

FLAGGED: Mapping[str, type[pl.DataType]] = {"symbol": pl.String, "ts": pl.Int64, "row": pl.Int64, "flag": pl.String, "value": pl.Float64}
"""Columns of flags: `row` is the row's number in the frame, from 0; `value` says how large."""
_SIGMAS = 5.0
_MEMORY = 200  # moves before a row that say how large moves are
_LEAST = 50  # fewer say nothing
_SILENCE = 15 * MINUTE
_STILL = 60 * SECOND
_TO_SIGMA = 1.4826
_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def flags(frame: pl.DataFrame, table: Table, *, calendar: Calendar | None = None) -> pl.DataFrame:
    """Flags of rows of one table in time order, columns as `FLAGGED`; no row is flagged by what comes after it.

    Flags
    -----
    spike: the log-change of price (a book's middle, a bar's close) since the row before is more than 5 robust standard deviations of the
        200 changes before that were none of zero; value counts them. Between sessions, where `calendar` is given, nothing is asked.
    silence: the first row after more than 15 minutes inside one session; value in seconds. Forward filling ends there.
    locked, crossed: a book whose best prices meet; value is bid less offer.
    still: a book that says the same for a minute and more while rows go on coming; value in seconds.
    """
    if table not in (TRADES, BARS, BOOK) or not len(frame):
        return pl.DataFrame(schema=FLAGGED)
    ts = frame["ts"].to_numpy()
    session = np.zeros(len(ts), np.int64)
    if calendar is not None:
        sessions = calendar.sessions(int(ts[0]), int(ts[-1]))
        session = sessions.locate(ts, tie="close" if table is BARS else "open")
    price = _price(frame, table)
    codes, names = coded(frame[table.identity[0]])
    found = []
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        found += [_spikes(name, rows, ts, price, session)]
        if calendar is not None:
            found.append(_silences(name, rows, frame, table, session))
        if table is BOOK:
            found += [_meeting(name, rows, frame, ts), _still(name, rows, frame, ts)]
    return pl.concat(found).sort("row", "flag")


def _price(frame: pl.DataFrame, table: Table) -> _Floats:
    if table is BOOK:
        bid, ask = (frame[f"{side}_price_1"].cast(pl.Float64).to_numpy() for side in ("bid", "ask"))
        return np.asarray((bid + ask) / 2, np.float64)
    return frame["price" if table is TRADES else "close"].cast(pl.Float64).to_numpy()


def _flagged(symbol: str, flag: str, rows: _Ints, ts: _Ints, value: _Floats) -> pl.DataFrame:
    columns = {"symbol": [symbol] * len(rows), "ts": ts[rows], "row": rows, "flag": [flag] * len(rows), "value": value}
    return pl.DataFrame(columns, schema=FLAGGED, strict=False)


def _spikes(symbol: str, rows: _Ints, ts: _Ints, price: _Floats, session: _Ints) -> pl.DataFrame:
    """Moves are held against the median size of the moves before them: one spike does not hide the next."""
    known = rows[np.isfinite(price[rows]) & (price[rows] > 0)]
    move = np.diff(np.log(price[known]), prepend=np.log(price[known[:1]]))
    inside = np.diff(session[known], prepend=session[known[:1]]) == 0
    moved = np.flatnonzero((move != 0) & inside)
    size = pl.Series(np.abs(move[moved]))
    usual = size.rolling_median(_MEMORY, min_samples=_LEAST).shift(1).fill_null(np.inf).to_numpy() * _TO_SIGMA
    far = moved[size.to_numpy() > _SIGMAS * usual]
    return _flagged(symbol, "spike", known[far], ts, (size.to_numpy() / usual)[size.to_numpy() > _SIGMAS * usual])


def _silences(symbol: str, rows: _Ints, frame: pl.DataFrame, table: Table, session: _Ints) -> pl.DataFrame:
    ts = frame["ts"].to_numpy()
    begin = frame["ts_open"].to_numpy() if table is BARS else ts
    wait = begin[rows[1:]] - ts[rows[:-1]]
    long = np.flatnonzero((wait > _SILENCE) & (np.diff(session[rows]) == 0))
    return _flagged(symbol, "silence", rows[long + 1], ts, wait[long] / SECOND)


def _meeting(symbol: str, rows: _Ints, frame: pl.DataFrame, ts: _Ints) -> pl.DataFrame:
    bid, ask = (frame[f"{side}_price_1"].cast(pl.Float64).to_numpy()[rows] for side in ("bid", "ask"))
    parts = [
        _flagged(symbol, flag, rows[chosen], ts, (bid - ask)[chosen]) for flag, chosen in (("crossed", bid > ask), ("locked", bid == ask))
    ]
    return pl.concat(parts)


def _still(symbol: str, rows: _Ints, frame: pl.DataFrame, ts: _Ints) -> pl.DataFrame:
    """Rows that repeat the best prices and sizes; the run's begin is the last row that changed one."""
    names = [f"{side}_{what}_1" for side in ("bid", "ask") for what in ("price", "size")]
    own = frame[rows.tolist()].select(pl.col(name).fill_null(float("nan")) for name in names).to_numpy()
    changed = np.ones(len(rows), np.bool_)
    changed[1:] = ((own[1:] != own[:-1]) & ~(np.isnan(own[1:]) & np.isnan(own[:-1]))).any(axis=1)
    since = ts[rows[np.maximum.accumulate(np.where(changed, np.arange(len(rows)), 0))]]
    wait = ts[rows] - since
    long = np.flatnonzero(wait >= _STILL)
    return _flagged(symbol, "still", rows[long], ts, wait[long] / SECOND)
