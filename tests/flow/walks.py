"""Random walks of constant volatility as bars and as trades, alike but for a signal of known strength, and regressions that judge them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.small_surface import surfaces
from tickcast.clock import HOUR, MINUTE, SECOND
from tickcast.features import FeatureTable

Array = NDArray[np.float64]
START = 1_700_000_000_000_000_000 // HOUR * HOUR
SIGMA = 1e-3  # of a row's log-return
PARTS = 12  # steps inside a bar
LEVELS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Walk:
    """Events, the law of the next row's return where nothing predicts it, and its conditional mean and deviation by row stamp."""

    events: pl.DataFrame | dict[str, pl.DataFrame]
    draws: Array
    mean: dict[int, float]
    deviation: dict[int, float]


def bars(seed: int, n: int, *, follows: float = 0.0, clusters: float = 0.0) -> Walk:
    """5-minute bars. A bar's return has mean `follows` x the last return and variance (1 - clusters) SIGMA^2 + clusters x the mean square
    of the last twelve; both known at the close before."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((n, PARTS)) / np.sqrt(PARTS)
    paths, last, squares, mean, deviation = np.empty((n, PARTS)), 0.0, [SIGMA**2] * 12, {}, {}
    ts = START + 5 * MINUTE * np.arange(1, n + 1)
    for i in range(n):
        centre, spread = follows * last, float(np.sqrt((1 - clusters) * SIGMA**2 + clusters * np.mean(squares[-12:])))
        mean[int(ts[i]) - 5 * MINUTE], deviation[int(ts[i]) - 5 * MINUTE] = centre, spread
        paths[i] = np.cumsum(centre / PARTS + spread * shocks[i])
        last = float(paths[i, -1])
        squares.append(last**2)
    opened = np.concatenate([[0.0], np.cumsum(paths[:, -1])[:-1]])
    price = 100 * np.exp(np.column_stack([opened, opened[:, None] + paths]))
    volume = rng.integers(50, 500, n).astype(float)
    frame = pl.DataFrame(
        {
            "symbol": ["W"] * n, "interval": np.full(n, 5 * MINUTE), "ts": ts, "ts_open": ts - 5 * MINUTE, "open": price[:, 0],
            "high": price.max(axis=1), "low": price.min(axis=1), "close": price[:, -1], "volume": volume,
            "turnover": volume * price.mean(axis=1), "count": rng.integers(5, 90, n),
            "session_id": np.full(n, int(ts[-1])), "segment_id": np.zeros(n, np.int64),
        }
    )  # fmt: skip
    return Walk(frame, SIGMA * np.random.default_rng(0).standard_normal(400_000), mean, deviation)


def trades(seed: int, seconds: int, *, rate: float = 2.0) -> Walk:
    """Trades at the times of a Poisson process, each moving the log-price by a normal step; rows are to be a second apart."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(rate * seconds)
    ts = START + np.sort(rng.integers(0, seconds * SECOND, n))
    step = SIGMA / np.sqrt(rate)
    price = 100 * np.exp(np.cumsum(step * rng.standard_normal(n)))
    frame = pl.DataFrame(
        {
            "symbol": ["W"] * n, "ts": ts, "ts_event": ts, "price": price, "size": rng.integers(1, 20, n).astype(float),
            "side": rng.choice([-1, 0, 1], n).astype(np.int8), "session_id": np.full(n, START + seconds * SECOND),
            "segment_id": np.zeros(n, np.int64),
        }
    )  # fmt: skip
    again = np.random.default_rng(0)
    return Walk(frame, step * np.sqrt(again.poisson(rate, 400_000)) * again.standard_normal(400_000), {}, {})


def trade_by_trade(seed: int, seconds: int) -> Walk:
    """The same trades, for rows that are the trades themselves: each is one normal step."""
    given = trades(seed, seconds)
    return replace(given, draws=SIGMA / np.sqrt(2.0) * np.random.default_rng(0).standard_normal(400_000))


def books(seed: int, n: int) -> Walk:
    """Books of ten levels every 2 s, a message and a trade a second before each; the log-mid moves by a normal step, all else is drawn."""
    rng = np.random.default_rng(seed)
    ts = START + 2 * SECOND * np.arange(1, n + 1)
    context = {"symbol": ["W"] * n, "session_id": np.full(n, int(ts[-1])), "segment_id": np.zeros(n, np.int64)}
    mid = 100 * np.exp(np.cumsum(SIGMA * rng.standard_normal(n)))
    made: dict[str, object] = {**context, "ts": ts}
    away = 0.01 * rng.integers(1, 4, n)
    for side, sign in (("bid", -1), ("ask", 1)):
        steps = np.cumsum(np.column_stack([away, 0.01 * rng.integers(1, 3, (n, 9))]), axis=1)
        made |= {f"{side}_price_{k + 1}": mid + sign * steps[:, k] for k in range(10)}
        made |= {f"{side}_size_{k + 1}": rng.integers(1, 300, n).astype(float) for k in range(10)}
    sign, size, kind = rng.choice([-1.0, 1.0], n), rng.integers(1, 300, n).astype(float), rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], n)
    paid = {**context, "ts": ts + SECOND, "price": mid + sign * away, "size": size, "side": sign}
    sent = {**context, "ts": ts + SECOND, "kind": kind, "size": size, "side": sign, "age": rng.exponential(1.0, n), "ended": kind == 3}
    events = {"orders": pl.DataFrame(sent), "trades": pl.DataFrame(paid), "book": pl.DataFrame(made)}
    return Walk(events, SIGMA * np.random.default_rng(0).standard_normal(400_000), {}, {})


def chains(seed: int, n: int) -> Walk:
    """Daily surfaces: the underlying's log-price moves by a normal step, everything else is drawn afresh."""
    step = SIGMA * np.random.default_rng(seed).standard_normal(n)
    return Walk(
        surfaces(n, per_session=n, seed=seed + 1, log_price=np.cumsum(step)),
        SIGMA * np.random.default_rng(0).standard_normal(400_000),
        {},
        {},
    )


@dataclass(frozen=True)
class Skill:
    """What a set's features predict on the second half: hits of direction and of "larger than the median", their number, and the gain in
    CRPS per row (19 pinball levels, in SIGMA) against the true law."""

    direction: tuple[int, int]
    size: tuple[int, int]
    gain: Array


def _ridge(x: Array, y: Array) -> Array:
    return np.linalg.solve(x.T @ x + 0.01 * len(x) * np.eye(x.shape[1]), x.T @ y)


def _logistic(x: Array, y: Array) -> Array:
    """Weights of a penalised logistic regression of y in {0, 1}, by Newton's steps."""
    w = np.zeros(x.shape[1])
    for _ in range(15):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 0.0025 * len(x) * np.eye(x.shape[1])
        w -= np.linalg.solve(hessian, x.T @ (p - y) + 0.0025 * len(x) * w)
    return w


def pinball(quantiles: Array, outcome: Array) -> Array:
    """(n,) mean over the levels of (n, 19) or (19,) quantiles."""
    error = outcome[:, None] - quantiles
    return np.mean(np.maximum(LEVELS * error, (LEVELS - 1) * error), axis=1)


def hits(score: Array, outcome: Array, known: NDArray[np.bool_]) -> tuple[int, int]:
    """How often two signs agree, of how many."""
    return int(((score > 0) == (outcome > 0))[known].sum()), int(known.sum())


def predicted(table: FeatureTable, walk: Walk) -> Skill:
    """Ridge and logistic regressions of the next return on the features: fitted on the first half, judged on the second.

    A row's score is made of what was known at it, so under the null each hit has probability one half whatever happened before: the number
    of hits is binomial, to the letter, however persistent the features are.
    """
    rows = np.flatnonzero(table.ready())[:-1]
    outcome = np.log(table.price[rows + 1] / table.price[rows])
    half = len(rows) // 2
    train, test = slice(0, half), slice(half, None)
    raw = table.values[rows]
    x = np.clip((raw - raw[train].mean(axis=0)) / np.maximum(raw[train].std(axis=0), 1e-12), -8, 8)
    x = np.column_stack([x, np.ones(len(x))])
    middle = float(np.median(np.abs(walk.draws)))
    large = np.abs(outcome) - middle
    moved = outcome != 0
    up = x @ _logistic(x[train][moved[train]], (outcome[train][moved[train]] > 0).astype(float))
    size = np.maximum(x @ _ridge(x[train], np.abs(outcome[train])), 0.1 * SIGMA)
    centre = x @ _ridge(x[train], outcome[train])
    law = np.quantile((outcome[train] - centre[train]) / size[train], LEVELS)
    truth = np.quantile(walk.draws, LEVELS)
    gain = pinball(truth, outcome[test]) - pinball(centre[test, None] + size[test, None] * law, outcome[test])
    bold = size[test] - np.mean(np.abs(walk.draws))
    return Skill(hits(up[test], outcome[test], moved[test]), hits(bold, large[test], large[test] != 0), gain / SIGMA)


def oracle(table: FeatureTable, walk: Walk) -> Skill:
    """The same measures for whoever knows the conditional mean and deviation of every row."""
    rows = np.flatnonzero(table.ready())[:-1]
    outcome = np.log(table.price[rows + 1] / table.price[rows])[len(rows) // 2 :]
    stamps = table.ts[rows].tolist()
    centre, spread = (np.array([known[ts] for ts in stamps]) for known in (walk.mean, walk.deviation))
    middle = float(np.median(np.abs(walk.draws)))
    large = np.abs(outcome) - middle
    half = len(rows) // 2
    normal = np.quantile(walk.draws, LEVELS) / SIGMA
    gain = pinball(normal * SIGMA, outcome) - pinball(centre[half:, None] + spread[half:, None] * normal, outcome)
    return Skill(hits(centre[half:], outcome, outcome != 0), hits(spread[half:] - SIGMA, large, large != 0), gain / SIGMA)
