"""Cleaning of a consolidated tape for research: the steps of Barndorff-Nielsen, Hansen, Lunde and Shephard (2009), section 3.1.

Medians over a day, and over quotes on both sides of each one, are known only in the evening: this is for studying the past. What a live
system may say of the same rows is `Screen`'s. A step is named in `REASONS`, its letter in the paper stands beside it here.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tickcast.calendars import Calendar
from tickcast.cleaning.cleaned import Cleaned, tally
from tickcast.clock import DAY

__all__ = ["REGULAR", "tape_quotes", "tape_trades"]

REGULAR = ("", "@", "E", "@E", "F", "FI", "@F", "@FI", "I", "@I")
"""Sale conditions of regular trades, blanks removed."""
_WIDE = 50.0
_OUTLYING = 10.0
_HALF = 25
_TO_SIGMA = 1.4826  # of a normal law, times its median absolute deviation


def tape_trades(frame: pl.DataFrame, calendar: Calendar, exchange: str) -> Cleaned:
    """One exchange's regular trades, one per stamp.

    frame: symbol, ts, price, size, exchange, condition, correction, in time order, with `row`. Steps: zero price (P2), outside the sessions
    (P1), other exchanges (P3), corrected (T1), condition (T2), then rows of one stamp become one: median price, summed size (T3).
    """
    split = _Split(frame)
    split.out("price_not_positive", pl.col("price") == 0)
    split.outside(calendar)
    split.out("other_exchange", pl.col("exchange") != exchange)
    split.out("corrected", pl.col("correction") != 0)
    split.out("condition", ~pl.col("condition").fill_null("").str.replace_all(r"\s", "").is_in(REGULAR))
    split.together(pl.col("price").median(), pl.col("size").sum())
    return split.cleaned()


def tape_quotes(frame: pl.DataFrame, calendar: Calendar, exchange: str) -> Cleaned:
    """One exchange's quotes, one per stamp.

    frame: symbol, ts, bid_price_1, bid_size_1, ask_price_1, ask_size_1, exchange, in time order, with `row`. Steps: zero price (P2),
    outside the sessions (P1), other exchanges (P3), offer not above bid (Q2), spread 50 times the day's median or more (Q3), rows of one
    stamp become one: median prices, summed sizes (Q1); then quotes whose middle is ten times the day's median absolute deviation or more
    away from the median of the 25 before and the 25 after (Q4, with the median deviation in place of the mean one).
    """
    split = _Split(frame)
    spread = pl.col("ask_price_1") - pl.col("bid_price_1")
    day = ["symbol", pl.col("ts") // DAY]
    split.out("price_not_positive", (pl.col("bid_price_1") == 0) | (pl.col("ask_price_1") == 0))
    split.outside(calendar)
    split.out("other_exchange", pl.col("exchange") != exchange)
    split.out("spread_not_positive", pl.col("ask_price_1") <= pl.col("bid_price_1"))
    split.out("spread_wide", spread >= _WIDE * spread.median().over(day))
    prices, sizes = (pl.col("bid_price_1", "ask_price_1").median(), pl.col("bid_size_1", "ask_size_1").sum())
    split.together(prices, sizes)
    middle = (pl.col("bid_price_1") + pl.col("ask_price_1")) / 2
    parts = _by_day(split.frame.with_columns(middle.alias("middle")))
    split.out("outlier", pl.Series(np.concatenate(parts)) if parts else pl.lit(False))
    return split.cleaned()


class _Split:
    """Rows still in, and rows set aside so far."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame, self.aside = frame, [frame.clear().with_columns(pl.lit(None, dtype=pl.String).alias("reason"))]

    def out(self, reason: str, rule: pl.Expr | pl.Series) -> None:
        bad = self.frame.select(pl.lit(rule) if isinstance(rule, pl.Series) else rule.alias("bad")).to_series().fill_null(True)
        self.aside.append(self.frame.filter(bad).with_columns(pl.lit(reason).alias("reason")))
        self.frame = self.frame.filter(~bad)

    def outside(self, calendar: Calendar) -> None:
        ts = self.frame["ts"].to_numpy()
        sessions = calendar.sessions(int(ts.min()), int(ts.max())) if len(ts) else calendar.sessions(0, 0)
        self.out("outside_session", pl.Series(sessions.locate(ts) < 0))

    def together(self, *values: pl.Expr) -> None:
        """One row per symbol and stamp: these values of its rows, all else of the last one; the rows before it are set aside."""
        before = pl.int_range(pl.len()).over("symbol", "ts") < pl.len().over("symbol", "ts") - 1
        made = self.frame.select(["row", *(value.over("symbol", "ts") for value in values)])
        self.out("same_stamp", before)
        self.frame = self.frame.update(made.filter(pl.col("row").is_in(self.frame["row"].implode())), on="row")

    def cleaned(self) -> Cleaned:
        aside = pl.concat(self.aside, how="diagonal_relaxed")
        return Cleaned(self.frame.drop("row"), aside, tally(aside), rows=self.frame["row"])


def _by_day(frame: pl.DataFrame) -> list[NDArray[np.bool_]]:
    days = frame.with_columns((pl.col("ts") // DAY).alias("day")).partition_by("symbol", "day", maintain_order=True)
    return [_outlying(part["middle"].to_numpy()) for part in days]


def _outlying(middle: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) values too far from the median of their neighbours, themselves left out; the ends have neighbours on one side fewer."""
    n = len(middle)
    near = np.full(n, np.nan)
    if n > 2 * _HALF:
        windows = np.delete(sliding_window_view(middle, 2 * _HALF + 1), _HALF, axis=1)
        near[_HALF : n - _HALF] = np.median(windows, axis=1)
    for i in [*range(min(_HALF, n)), *range(max(n - _HALF, min(_HALF, n)), n)]:
        others = np.concatenate([middle[max(0, i - _HALF) : i], middle[i + 1 : i + 1 + _HALF]])
        near[i] = np.median(others) if len(others) else middle[i]
    spread = _TO_SIGMA * np.median(np.abs(middle - np.median(middle))) if n else 0.0
    return np.asarray(~(np.abs(middle - near) < _OUTLYING * spread), np.bool_)
