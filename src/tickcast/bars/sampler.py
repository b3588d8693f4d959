"""Bars of activity from trades as they come: a bar is given when it is known, never earlier."""

from __future__ import annotations

import numpy as np
import polars as pl

from tickcast._engine import BarSampler
from tickcast.bars.activity import Activity
from tickcast.bars.build import check_order
from tickcast.calendars import Assigned, Calendar, Sessions
from tickcast.errors import DataError
from tickcast.schema import BARS, conform

__all__ = ["Sampler", "sample"]


def sample(frame: pl.DataFrame, activity: Activity, sessions: Calendar | Sessions) -> Assigned:
    """Bars of activity of trades (`symbol, ts, price, size`, optionally `side` and `segment_id`), in the order they became known.

    A bar is stamped with the trade that ended it, or with the close of the stretch of open market where nothing else did: no bar spans two
    stretches or two segments. `ts_open` is its first trade, `interval` 0. Every trade inside a session is in one bar; the others come
    back in `outside`. Raises DataError when a column is missing, rows are out of order, or a price or size is no number.
    """
    sampler = Sampler(activity, sessions)
    first = sampler.push(frame)
    return Assigned(pl.concat([first.rows, sampler.close()]).sort("ts", "symbol", maintain_order=True), first.outside)


class Sampler:
    """The bars of trades that come in chunks; however they are cut, the bars are the same to the bit.

    Parameters
    ----------
    activity: what ends a bar.
    sessions: where the market is open.
    """

    def __init__(self, activity: Activity, sessions: Calendar | Sessions) -> None:
        self._activity, self._sessions = activity, sessions
        self._samplers: dict[str, BarSampler] = {}
        self._last: dict[str, int] = {}
        self._open: pl.DataFrame | None = None  # trades of the bars that have not ended

    def push(self, frame: pl.DataFrame) -> Assigned:
        """Take trades in, each symbol's in the order they happened; the bars that ended since. Raises DataError as `sample` does."""
        self._check(frame)
        placed = self._sessions.assign(frame)
        rows = self._marked(placed.rows)
        if self._open is not None:
            rows = pl.concat([self._open, rows], how="diagonal_relaxed")
        rows = rows.sort("symbol", maintain_order=True)
        ahead = [pl.col(name) != pl.col(name).shift(1) for name in ("symbol", "_stretch", "_segment")]
        begins = pl.any_horizontal(*ahead, pl.col("_end").shift(1)).fill_null(False)
        rows = rows.with_columns(begins.cum_sum().alias("_bar"))
        # the last bar of a symbol is open unless its last trade ended it
        ended = pl.col("_end").last().over("_bar") | (pl.col("_bar") < pl.col("_bar").max().over("symbol"))
        rows = rows.with_columns(ended.alias("_ended"))
        self._open = rows.filter(~pl.col("_ended")).drop("_bar", "_ended")
        return Assigned(_bars(rows.filter(pl.col("_ended")).drop("_ended")), placed.outside)

    def close(self, now: int | None = None) -> pl.DataFrame:
        """The open bars whose stretch of open market is over at `now` (UTC ns); without `now` all, and what comes then begins anew."""
        held = self._open
        if held is None:
            return _bars(self._marked(_no_trades()).with_columns(pl.lit(0, pl.Int64).alias("_bar")))
        over = pl.lit(True) if now is None else pl.col("_stretch") < now
        done = held.filter(over).with_columns(pl.col("symbol").rle_id().cast(pl.Int64).alias("_bar"))
        self._open = held.filter(~over)
        if now is None:
            self._samplers.clear()
            self._last.clear()
            self._open = None
        return _bars(done)

    def _check(self, frame: pl.DataFrame) -> None:
        for name in ("symbol", "ts", "price", "size"):
            if name not in frame.columns or "ts_open" in frame.columns:
                raise DataError("bars of activity are built from trades, not from bars; this column is needed", field=name)
        bad = frame.select(
            (~(pl.col("price").is_finite() & pl.col("size").is_finite() & (pl.col("size") >= 0))).fill_null(True).alias("x")
        )["x"]
        if bad.any():
            raise DataError("a price or size is no number", row=int(bad.arg_true()[0]) + 1, field="price", hint="clean the trades first")
        check_order(frame)
        for symbol, first, last in (
            frame.group_by("symbol").agg(pl.col("ts").first().alias("a"), pl.col("ts").last().alias("b")).iter_rows()
        ):
            if first < self._last.get(symbol, first):
                raise DataError(f"trades of {symbol} begin before those already taken end", field="ts", hint="push them in time order")
            self._last[symbol] = last

    def _marked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` with the close of their stretch, their segment, and which of them end their bar."""
        low, high = (int(rows["ts"][0]), int(rows["ts"][0])) if len(rows) else (0, 0)
        if len(rows):
            low, high = rows.select(pl.col("ts").min().alias("a"), pl.col("ts").max().alias("b")).row(0)
        held = self._sessions if isinstance(self._sessions, Sessions) else self._sessions.sessions(low, high)
        at = held.place(rows) if len(rows) else np.zeros(0, np.int64)
        segment = pl.col("segment_id") if "segment_id" in rows.columns else pl.lit(0, pl.Int64)
        rows = rows.with_columns(pl.Series("_stretch", held.close[at], pl.Int64), segment.alias("_segment"))
        parts = []
        for (symbol,), part in rows.group_by("symbol", maintain_order=True):
            sampler = self._samplers.setdefault(str(symbol), self._activity.sampler())
            side = part["side"].fill_null(0).to_numpy() if "side" in part.columns else np.zeros(len(part), np.int8)
            ends = sampler.take(
                part["price"].cast(pl.Float64).to_numpy(),
                part["size"].cast(pl.Float64).to_numpy(),
                np.ascontiguousarray(side, np.int8),
                part["_stretch"].to_numpy(),
                part["_segment"].cast(pl.Int64).to_numpy(),
            )
            parts.append(part.with_columns(pl.Series("_end", ends, pl.Boolean)))
        return pl.concat(parts) if parts else rows.with_columns(pl.lit(False).alias("_end"))


def _no_trades() -> pl.DataFrame:
    kinds = {"symbol": pl.String, "ts": pl.Int64, "price": pl.Float64, "size": pl.Float64, "session_id": pl.Int64, "trading_day": pl.Int32}
    return pl.DataFrame(schema=kinds)


def _bars(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per `_bar`, in the order they became known."""
    price = pl.col("price")
    context = [pl.col(name).first() for name in ("trading_day", "session_id", "underlying_contract") if name in rows.columns]
    made = rows.group_by("_bar", maintain_order=True).agg(
        pl.col("symbol").first(),
        pl.lit(0, pl.Int64).alias("interval"),
        pl.when(pl.col("_end").last()).then(pl.col("ts").last()).otherwise(pl.col("_stretch").last()).alias("ts"),
        pl.col("ts").first().alias("ts_open"),
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        # one after another: a plain sum adds in an order that depends on how the trades lie in memory
        pl.col("size").cum_sum().last().alias("volume"),
        (price * pl.col("size")).cum_sum().last().alias("turnover"),
        pl.len().cast(pl.Int64).alias("count"),
        *context,
        pl.col("_segment").first().alias("segment_id"),
    )
    return conform(made.drop("_bar"), BARS).sort("ts", "symbol", maintain_order=True)
