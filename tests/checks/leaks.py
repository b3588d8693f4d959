"""Fourteen ways to look ahead as people write them by mistake, each beside the honest way to write the same feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.clock import MINUTE

Streams = Mapping[str, pl.DataFrame]


def close(frame: pl.DataFrame) -> NDArray[np.float64]:
    return frame["close"].to_numpy()


def returns(frame: pl.DataFrame) -> pl.Series:
    return frame["close"].log().diff()


# 1 shift(-1)
def next_return(frame: pl.DataFrame) -> pl.Series:
    return returns(frame).shift(-1)


def last_return(frame: pl.DataFrame) -> pl.Series:
    return returns(frame)


# 2 a centred window
def centred_mean(frame: pl.DataFrame) -> pl.Series:
    return frame["close"].rolling_mean(9, center=True)


def trailing_mean(frame: pl.DataFrame) -> pl.Series:
    return frame["close"].rolling_mean(9)


# 3 a bar stamped at its open: the frame holds trades
def _five_minutes(frame: pl.DataFrame) -> pl.DataFrame:
    slot = pl.col("ts") // (5 * MINUTE) * (5 * MINUTE)
    return frame.group_by(slot.alias("opened"), maintain_order=True).agg(pl.col("price").last())


def opens(frame: pl.DataFrame) -> pl.Series:
    return _five_minutes(frame)["opened"]


def closes(frame: pl.DataFrame) -> pl.Series:
    """Closes of the bars that are over, as the last trade tells."""
    return _complete(frame)["opened"] + 5 * MINUTE


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    return _five_minutes(frame).filter(pl.col("opened") + 5 * MINUTE <= frame["ts"].max())


def bar_price(frame: pl.DataFrame) -> pl.Series:
    return _five_minutes(frame)["price"]


def complete_bar_price(frame: pl.DataFrame) -> NDArray[np.float64]:
    """Last price strictly before each close: a trade stamped at the close belongs to the next bar."""
    return _complete(frame)["price"].to_numpy()


# 4 a z-score over the whole sample
def sample_z(frame: pl.DataFrame) -> NDArray[np.float64]:
    x = close(frame)
    return (x - np.nanmean(x)) / np.nanstd(x)


def expanding_z(frame: pl.DataFrame) -> NDArray[np.float64]:
    x = close(frame)
    n = np.arange(1, len(x) + 1)
    mean = np.cumsum(x) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return (x - mean) / np.sqrt(np.maximum(np.cumsum(x * x) / n - mean**2, 0))


# 5 a wavelet transform of the whole series
def _haar(x: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Details of the finest levels taken out."""
    if levels == 0 or len(x) < 2:
        return x
    padded = np.append(x, x[-1]) if len(x) % 2 else x
    smooth = _haar((padded[::2] + padded[1::2]) / 2, levels - 1)
    return np.repeat(smooth, 2)[: len(x)]


def denoised(frame: pl.DataFrame) -> NDArray[np.float64]:
    return close(frame) / _haar(close(frame), 3) - 1


def denoised_backwards(frame: pl.DataFrame) -> NDArray[np.float64]:
    """The transform of the last eight prices only, read at its last."""
    return close(frame) / pl.Series(close(frame)).rolling_mean(8).to_numpy() - 1


# 6 a hidden Markov model, smoothed
def _likelihood(frame: pl.DataFrame) -> NDArray[np.float64]:
    r = np.nan_to_num(returns(frame).fill_null(0.0).to_numpy())
    sigma = np.array([5e-4, 2e-3])
    return np.exp(-0.5 * (np.clip(r[:, None], -0.01, 0.01) / sigma) ** 2) / sigma


_STAY = np.array([[0.95, 0.05], [0.05, 0.95]])


def filtered_state(frame: pl.DataFrame) -> NDArray[np.float64]:
    out, p = [], np.array([0.5, 0.5])
    for seen in _likelihood(frame):
        p = (_STAY @ p) * seen
        p /= p.sum()
        out.append(p[1])
    return np.array(out)


def smoothed_state(frame: pl.DataFrame) -> NDArray[np.float64]:
    ahead = filtered_state(frame)
    back, out = np.array([1.0, 1.0]), []
    for p, seen in zip(ahead[::-1], _likelihood(frame)[::-1], strict=True):
        joint = np.array([1 - p, p]) * back
        out.append(joint[1] / joint.sum())
        back = _STAY @ (seen * back)
        back /= back.sum()
    return np.array(out[::-1])


# 7 the level of a back-adjusted series
def _jumps(frame: pl.DataFrame) -> NDArray[np.float64]:
    x, segment = close(frame), frame["segment_id"].to_numpy()
    return np.where(np.diff(segment, prepend=segment[:1]) != 0, np.diff(x, prepend=x[:1]), 0.0)


def back_adjusted(frame: pl.DataFrame) -> NDArray[np.float64]:
    jumps = np.nan_to_num(_jumps(frame))
    return close(frame) + (jumps.sum() - np.cumsum(jumps))


def forward_adjusted(frame: pl.DataFrame) -> NDArray[np.float64]:
    return close(frame) - np.cumsum(np.nan_to_num(_jumps(frame)))


# 8 target encoding
def _slot(frame: pl.DataFrame) -> NDArray[np.int64]:
    return (frame["ts"].to_numpy() // (60 * MINUTE)) % 24


def encoded(frame: pl.DataFrame) -> NDArray[np.float64]:
    ahead = np.nan_to_num(next_return(frame).fill_null(0.0).to_numpy())
    slot = _slot(frame)
    return (np.bincount(slot, ahead, 24) / np.maximum(np.bincount(slot, minlength=24), 1))[slot]


def encoded_by_the_past(frame: pl.DataFrame) -> NDArray[np.float64]:
    """The mean of what is already known of each hour."""
    past = np.nan_to_num(returns(frame).fill_null(0.0).to_numpy())
    total, count, out = np.zeros(24), np.zeros(24), []
    for hour, value in zip(_slot(frame), past, strict=True):
        total[hour] += value
        count[hour] += 1
        out.append(total[hour] / count[hour])
    return np.array(out)


# 9 gaps filled from behind
def filled_back(frame: pl.DataFrame) -> pl.Series:
    return frame["volume"].fill_nan(None).fill_null(strategy="backward")


def filled_forward(frame: pl.DataFrame) -> pl.Series:
    return frame["volume"].fill_nan(None).fill_null(strategy="forward")


# 10 the next quote instead of the last; streams: book, then trades
def _quote(streams: Streams, strategy: Any) -> pl.Series:
    book = streams["book"].select("ts", "mid")
    joined = streams["trades"].select("ts", "price").join_asof(book, on="ts", strategy=strategy)
    return joined["price"] - joined["mid"]


def spread_to_next_quote(streams: Streams) -> pl.Series:
    return _quote(streams, "forward")


def spread_to_nearest_quote(streams: Streams) -> pl.Series:
    return _quote(streams, "nearest")


def spread_to_last_quote(streams: Streams) -> pl.Series:
    return _quote(streams, "backward")


# 11 rows of one stamp taken together
def size_at_stamp(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.col("size").sum().over("ts")).to_series()


def size_at_stamp_so_far(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.col("size").cum_sum().over("ts")).to_series()


# 13 a correction read at the moment of what it corrects
def corrected_volume(frame: pl.DataFrame) -> NDArray[np.float64]:
    best = frame.group_by("ts_event").agg(pl.col("volume").last().alias("best"))
    return frame.join(best, on="ts_event", how="left", maintain_order="left")["best"].to_numpy()


def volume_as_it_came(frame: pl.DataFrame) -> pl.Series:
    return frame["volume"]
