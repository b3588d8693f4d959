"""Events of one stream or of several, cut in two at a moment, and moved in time or price as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["CUTS", "Cut", "Events", "cuts", "doubled", "each", "later", "main", "numbers", "ready", "rejoined"]

Events = pl.DataFrame | Mapping[str, pl.DataFrame]
"""One stream, or streams by name in the order in which equal stamps arrive: the main stream, whose rows are cut, comes last."""

CUTS = 25
_STAMPS = ("ts", "ts_event", "ts_open", "session_id", "expiry")
_LABELS = (*_STAMPS, "segment_id", "trading_day", "interval", "sequence")
_PRICES = ("open", "high", "low", "close", "price", "last", "turnover", "bid", "ask", "strike")


@dataclass(frozen=True)
class Cut:
    """The moment after the first `row` rows of the main stream; `ts` stamps the last of them (UTC ns)."""

    row: int
    ts: int


def main(events: Events) -> pl.DataFrame:
    """The stream whose rows are cut."""
    return events if isinstance(events, pl.DataFrame) else events[list(events)[-1]]


def each(events: Events, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Events:
    """Every stream changed in the same way."""
    return change(events) if isinstance(events, pl.DataFrame) else {name: change(frame) for name, frame in events.items()}


def numbers(frame: pl.DataFrame) -> list[str]:
    """Columns that measure something: numbers that are neither stamps nor labels."""
    return [name for name, dtype in frame.schema.items() if dtype.is_numeric() and name not in _LABELS]


def ready(events: Events, last: str | None = None) -> Events:
    """Session and segment 0 where absent; every measured number as float64 with null as NaN, so that a future may hold anything.

    last: name of the main stream, which is put behind the others.
    """
    if last is not None and not isinstance(events, pl.DataFrame) and last in events:
        events = {name: frame for name, frame in events.items() if name != last} | {last: events[last]}

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        absent = [pl.lit(0, pl.Int64).alias(name) for name in ("session_id", "segment_id") if name not in frame.columns]
        return frame.with_columns(absent).with_columns(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in numbers(frame))

    return each(events, change)


def cuts(events: Events, *, inside_stamps: bool, count: int = CUTS) -> list[Cut]:
    """Up to `count` moments spread over the main stream. `inside_stamps`: half of them, where there are any, between rows of one stamp."""
    ts = main(events)["ts"].to_numpy()
    tied = np.flatnonzero(np.diff(ts) == 0) + 1
    apart = np.flatnonzero(np.diff(ts) > 0) + 1
    inside = _spread(tied, count // 2) if inside_stamps else tied[:0]
    rows = np.sort(np.concatenate([inside, _spread(apart, count - len(inside))]))
    return [Cut(int(row), int(ts[row - 1])) for row in rows]


def _spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of the rows, as even as can be; the first few rows of all, where little is known yet, are left out when there are enough."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(len(rows) / (count + 1), len(rows) - 1, count).astype(np.int64)]


def rejoined(events: Events, cut: Cut, change: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]) -> Events:
    """What was known at the cut, unchanged, followed by what `change` makes of (past, future), stream by stream.

    A stream that is not the main one is cut behind the rows stamped at or before the cut: at equal stamps it comes first.
    """

    def joined(frame: pl.DataFrame, row: int) -> pl.DataFrame:
        return pl.concat([frame[:row], change(frame[:row], frame[row:])])

    if isinstance(events, pl.DataFrame):
        return joined(events, cut.row)
    rows = {name: int(np.searchsorted(frame["ts"].to_numpy(), cut.ts, side="right")) for name, frame in events.items()}
    rows[list(events)[-1]] = cut.row
    return {name: joined(frame, rows[name]) for name, frame in events.items()}


def later(events: Events, shift: int) -> Events:
    """Everything `shift` ns later, sessions too; a session that is not known stays so."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        known = [name for name in _STAMPS if name in frame.columns and frame.schema[name].is_integer()]
        return frame.with_columns(pl.when(pl.col(name) == 0).then(0).otherwise(pl.col(name) + shift).alias(name) for name in known)

    return each(events, change)


def doubled(events: Events) -> Events:
    """Every price twice as high; a power of two, so that ratios and differences keep their bits."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        found = [name for name in numbers(frame) if name in _PRICES or name.startswith(("bid_price", "ask_price"))]
        return frame.with_columns(pl.col(name) * 2.0 for name in found)

    return each(events, change)
