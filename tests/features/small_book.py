"""A small made-up market in order books, trades and order messages. Only for tests."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.clock import SECOND

START = 1_700_000_000_000_000_000 // SECOND * SECOND
_STEP = SECOND // 10


def _stamps(n: int, per_session: int, even: bool, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stamps and session numbers: every 100 ms, or in bursts of which many rows share a stamp."""
    session = np.arange(n) // per_session
    gap = np.full(n, _STEP) if even else rng.choice([0, 0, 1, 80, 2500, 9000], n).astype(np.int64) * (SECOND // 1000)
    return START + np.cumsum(gap) + session * 3600 * SECOND, session


def _context(frame: pl.DataFrame, session: NDArray[np.int64]) -> pl.DataFrame:
    last = {k: int(frame["ts"].to_numpy()[session == k].max()) for k in set(session.tolist())}
    close = np.array([(last[k] // SECOND + 60) * SECOND for k in session.tolist()], np.int64)
    return frame.with_columns(pl.Series("session_id", close), pl.Series("segment_id", session // 2))


def books(n: int, *, per_session: int | None = None, even: bool = False, odd: bool = False, seed: int = 5) -> pl.DataFrame:
    """Books of ten levels on a cent grid; a roll at the third session. `even`: a row every 100 ms; `odd`: some crossed, thin, of size 0."""
    rng = np.random.default_rng(seed)
    ts, session = _stamps(n, per_session or n, even, rng)
    best = 10_000 + np.cumsum(rng.choice([-1, 0, 0, 0, 1], n))
    spread = rng.integers(1, 4, n)
    if odd:
        spread = np.where(rng.random(n) < 0.02, rng.integers(-1, 1, n), spread)
    nothing = rng.random(n) < 0.003
    made: dict[str, object] = {"symbol": ["X"] * n, "ts": ts}
    for side, sign, first in (("bid", -1, best), ("ask", 1, best + spread)):
        away = np.concatenate([np.zeros((n, 1), np.int64), np.cumsum(rng.integers(1, 3, (n, 9)), axis=1)], axis=1)
        size = rng.integers(1, 300, (n, 10)).astype(float)
        price = (first[:, None] + sign * away) / 100
        if odd:
            gone = np.arange(10) >= rng.choice([0, 4, 7, 10], (n, 1), p=[0.005, 0.01, 0.015, 0.97])
            price, size = np.where(gone, np.nan, price), np.where(gone, np.nan, size)
            size[nothing, 0] = 0.0
        made |= {f"{side}_price_{k + 1}": price[:, k] for k in range(10)} | {f"{side}_size_{k + 1}": size[:, k] for k in range(10)}
    return _context(pl.DataFrame(made), session).fill_nan(None)


def market(n: int, *, per_session: int | None = None, even: bool = False, odd: bool = False, seed: int = 5) -> dict[str, pl.DataFrame]:
    """The streams of `lob`, the main one last: a message before each book, and a trade where it is an execution."""
    book = books(n, per_session=per_session, even=even, odd=odd, seed=seed)
    rng = np.random.default_rng(seed + 1)
    context = book.select("symbol", "ts", "session_id", "segment_id")
    kind = rng.choice([1, 1, 2, 3, 3, 4, 4, 5, 5], n)
    opening = context.select(pl.col("ts") == pl.col("ts").min().over("session_id")).to_series().to_numpy()
    kind[opening] = 1  # a session begins with its first book; a trade before it would belong to none
    side, size = rng.choice([-1, 1], n), rng.integers(1, 300, n).astype(float)
    mid = 100 + 0.01 * np.cumsum(rng.choice([-1, 0, 0, 0, 1], n))
    price = np.round(mid + 0.01 * rng.integers(-2, 3, n), 2)
    unseen = rng.random(n) < 0.2
    age = np.where(kind == 1, 0.0, np.where(unseen | (kind == 5), np.nan, rng.exponential(1.0, n)))
    ended = np.where(kind == 3, 1.0, np.where(kind == 1, 0.0, np.where(np.isnan(age), np.nan, rng.integers(0, 2, n))))
    made = {"kind": kind, "order_id": rng.integers(1, 99, n), "size": size, "price": price, "side": side, "age": age, "ended": ended}
    orders = context.with_columns(pl.Series(name, values) for name, values in made.items())
    executed = orders.filter(pl.col("kind").is_in([4, 5])).with_columns(side=-pl.col("side"))
    trades = executed.select("symbol", "ts", "price", "size", "side", "session_id", "segment_id")
    return {"orders": orders.fill_nan(None), "trades": trades, "book": book}
