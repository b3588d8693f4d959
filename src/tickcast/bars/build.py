"""Time bars: stamped at their close, aligned to the clock, inside one session and one segment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.calendars import Assigned, Calendar, Sessions
from tickcast.clock import DAY, SECOND, parse_duration
from tickcast.errors import ConfigError, DataError
from tickcast.schema import BARS, CONTEXT, conform

__all__ = ["build", "check_order"]

_CONTEXT = tuple(column.name for column in CONTEXT)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build(frame: pl.DataFrame, interval: str, sessions: Calendar | Sessions, *, zone: str = "UTC") -> Assigned:
    """Bars of `interval` from trades (`price`, `size`) or from finer bars (`ts_open`, OHLC); only intervals with rows exist.

    Parameters
    ----------
    frame: rows of one or many symbols, each symbol's rows in the order they happened; `segment_id` and `underlying_contract` are kept.
    interval: a duration; boundaries are multiples since local midnight of `zone` (its offset at each session's open), and the session's
        open and close.
    sessions: where the market is open. A bar never spans two sessions; the last bar of an early close is stamped at that close.

    A bar covers [ts_open, ts): a trade at exactly 10:05:00 belongs to the bar that closes at 10:10, a finer bar that closes at 10:05:00
    to the bar that closes then; so bars of bars equal bars of the trades. A trade at the moment of the session's close belongs to the
    session's last bar. Volume, turnover and count are null where any part is null. Rows outside every session come back in `outside`.

    Of trades, turnover is the sum of price x size and count their number. Raises DataError when the rows are neither trades nor bars, are
    out of order, or a finer bar crosses a boundary of the interval; ConfigError when the interval is longer than a day.
    """
    step = parse_duration(interval)
    if step > DAY:
        raise ConfigError(f"{interval} is longer than a day", field="interval", hint="take 1d at most")
    _check(frame)
    placed = sessions.assign(frame)
    rows = placed.rows.with_columns(pl.lit(0, pl.Int64).alias("segment_id")) if "segment_id" not in frame.columns else placed.rows
    held = sessions if isinstance(sessions, Sessions) else _covering(sessions, rows)
    rows = _bounds(rows, held, step, zone)
    made = _aggregate(rows, trades="ts_open" not in frame.columns)
    wanted = [column for column in (*BARS.names, *_CONTEXT) if column in made.columns]
    bars = made.with_columns(pl.lit(step, pl.Int64).alias("interval")).select("interval", *(c for c in wanted if c != "interval"))
    return Assigned(conform(bars, BARS), placed.outside)


def _covering(calendar: Calendar, rows: pl.DataFrame) -> Sessions:
    stamps = rows["ts"]
    low, high = (int(stamps.min()), int(stamps.max())) if len(stamps) else (0, 0)  # type: ignore[arg-type]
    return calendar.sessions(low, high)


def _check(frame: pl.DataFrame) -> None:
    needed = (
        ("symbol", "ts", "ts_open", "open", "high", "low", "close") if "ts_open" in frame.columns else ("symbol", "ts", "price", "size")
    )
    for name in needed:
        if name not in frame.columns:
            raise DataError("bars are built from trades or from finer bars; this column is missing", field=name)
    check_order(frame)


def check_order(frame: pl.DataFrame) -> None:
    """Raises DataError naming the first row whose `ts` is before that of an earlier row of its symbol."""
    if frame["ts"].is_sorted():  # most often, and a hundred times as fast as symbol by symbol
        return
    back = frame.select((pl.col("ts").diff().over("symbol") < 0).fill_null(False).alias("back"))["back"]
    if back.any():
        row = int(back.arg_true()[0]) + 1
        raise DataError("rows are not in time order", row=row, field="ts", hint="sort by ts, keeping ties in order")


def _local_offset(opened: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """(m,) ns that `zone` is ahead of UTC at each session's open."""
    place = ZoneInfo(zone)
    shifts = []
    for each in opened:
        shift = (_EPOCH + timedelta(seconds=int(each) // SECOND)).astimezone(place).utcoffset()
        shifts.append(round(shift.total_seconds()) * SECOND if shift is not None else 0)
    return np.array(shifts, np.int64)


def _bounds(rows: pl.DataFrame, sessions: Sessions, step: int, zone: str) -> pl.DataFrame:
    """`rows` with `_start` and `_end` of the bar each belongs to."""
    bars = "ts_open" in rows.columns
    stamps = rows["ts"].to_numpy()
    at = sessions.place(rows)
    if not len(rows):
        return rows.with_columns(pl.lit(0, pl.Int64).alias("_start"), pl.lit(0, pl.Int64).alias("_end"))
    opened, closed = sessions.open[at], sessions.close[at]
    shift = np.zeros(len(rows), np.int64) if zone == "UTC" else _local_offset(sessions.open, zone)[at]
    inside = stamps - 1 if bars else np.minimum(stamps, closed - 1)  # a moment that the bar's half-open interval holds
    local = inside + shift
    midnight = local // DAY * DAY
    start = midnight + (local - midnight) // step * step
    end = np.minimum(np.minimum(start + step, midnight + DAY) - shift, closed)  # 25 minutes leave a short bar before midnight
    start -= shift
    start = np.maximum(start, opened)
    if bars:
        crossing = rows["ts_open"].to_numpy() < start
        if crossing.any():
            row = int(np.flatnonzero(crossing)[0])
            raise DataError(f"a finer bar from {rows['ts_open'][row]} to {stamps[row]} crosses a boundary", row=row + 1, field="ts_open")
    return rows.with_columns(pl.Series("_start", start, pl.Int64), pl.Series("_end", end, pl.Int64))


def _whole(name: str) -> pl.Expr:
    """Sum that is null where any part is null: an unknown volume is not a zero."""
    return pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name)


def _aggregate(rows: pl.DataFrame, *, trades: bool) -> pl.DataFrame:
    if not rows["symbol"].is_sorted():
        rows = rows.sort("symbol", maintain_order=True)
    rows = rows.with_columns(pl.struct("symbol", "segment_id", "_end").rle_id().alias("_bar").set_sorted())
    if trades:
        rows = rows.with_columns((pl.col("price") * pl.col("size")).alias("turnover"))
        prices = [
            pl.col("price").first().alias("open"),
            pl.col("price").max().alias("high"),
            pl.col("price").min().alias("low"),
            pl.col("price").last().alias("close"),
            _whole("size").alias("volume"),
            _whole("turnover"),
            pl.len().cast(pl.Int64).alias("count"),
        ]
    else:
        prices = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()]
        prices += [_whole(name) for name in ("volume", "turnover", "count") if name in rows.columns]
    same = ("symbol", "segment_id", "session_id", "trading_day", "underlying_contract")
    context = [pl.col(name).first() for name in same if name in rows.columns]
    edges = [pl.col("_start").first().alias("ts_open"), pl.col("_end").first().alias("ts")]
    return rows.group_by("_bar", maintain_order=True).agg(*edges, *prices, *context).sort("ts", "symbol")
