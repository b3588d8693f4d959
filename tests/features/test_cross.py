"""cross and comovement on two contracts of micro gold: read as of each bar, then by numpy over plain windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose

from features.gold import contracts
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable

ROWS = 6000
Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def frames(market_data: Path) -> list[pl.DataFrame]:
    front, following = contracts(market_data, 2)
    return [frame.drop("symbol") for frame in (front.head(ROWS), following.filter(pl.col("ts") <= front["ts"][ROWS - 1]))]


@pytest.fixture(scope="module")
def table(frames: list[pl.DataFrame]) -> FeatureTable:
    return FeatureSet.load("cross").compute({"bars": frames[0], "other": frames[1]})


@pytest.fixture(scope="module")
def prices(frames: list[pl.DataFrame]) -> Pair:
    """Log closes: ours, and the other's last one known at each of our bars."""
    joined = frames[0].select("ts", "close").join_asof(frames[1].select("ts", other="close"), on="ts")
    return np.log(joined["close"].to_numpy()), np.log(joined["other"].cast(float).fill_null(np.nan).to_numpy())


def step(x: np.ndarray, n: int = 1) -> np.ndarray:
    return x - np.concatenate([np.full(n, np.nan), x[:-n]])


def late(x: np.ndarray, n: int) -> np.ndarray:
    return x - step(x, n)


def over(x: np.ndarray, y: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rolling sums of squares and products around the means: xx, yy, xy."""
    a, b = (sliding_window_view(v, n) for v in (x, y))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    pad = np.full(n - 1, np.nan)
    xx, yy, xy = (np.concatenate([pad, part.sum(axis=1)]) for part in (a * a, b * b, a * b))
    return xx, yy, xy


def corr(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    xx, yy, xy = over(x, y, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return xy / np.sqrt(xx * yy)


def beta(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    _, yy, xy = over(x, y, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return xy / yy


def same(found: np.ndarray, expected: np.ndarray, least: float, tolerance: float = 1e-7) -> bool:
    """Known in more than a share of rows, and there as expected."""
    known = np.isfinite(found)
    return bool(known.mean() > least and np.allclose(found[known], expected[known], rtol=tolerance, atol=tolerance))


def test_the_other_is_read_as_of_each_bar(table: FeatureTable, prices: Pair, frames: list[pl.DataFrame]) -> None:
    assert len(frames[1]) < 0.8 * ROWS  # the following contract misses minutes
    assert same(table.column("log_return"), step(prices[0]), 0.99, 1e-12)
    assert same(table.column("other_return"), step(prices[1]), 0.9, 1e-12)
    assert (table.column("other_return") == 0).mean() > 0.1
    stamps = frames[0].select("ts").join_asof(frames[1].select("ts", seen="ts"), on="ts")["seen"].cast(float).fill_null(np.nan).to_numpy()
    assert same(table.column("other_age"), (frames[0]["ts"].to_numpy() - stamps) / 1e9, 0.9)


@pytest.mark.parametrize("n", [30, 120, 480])
def test_correlation_and_beta_are_those_of_returns(table: FeatureTable, prices: Pair, n: int) -> None:
    r, s = step(prices[0]), step(prices[1])
    assert same(table.column(f"corr_{n}"), corr(r, s, n), 0.8)
    if n > 30:
        assert same(table.column(f"beta_{n}"), beta(r, s, n), 0.8)


def test_lead_and_lag(table: FeatureTable, prices: Pair) -> None:
    r, s = step(prices[0]), step(prices[1])
    for n in (1, 3):
        led, leads = corr(r, late(s, n), 240), corr(late(r, n), s, 240)
        assert same(table.column(f"led_{n}"), led, 0.9)
        assert same(table.column(f"lead_{n}"), led - leads, 0.9)
    # the busy contract leads the thin one: its last minute is not yet in the other's price
    assert np.nanmean(table.column("lead_1")) < -0.02


def test_spread_and_half_life(table: FeatureTable, prices: Pair) -> None:
    x, y = prices
    n = 480
    hedge = beta(x, y, n)
    mean = [np.concatenate([np.full(n - 1, np.nan), sliding_window_view(v, n).mean(axis=1)]) for v in (x, y)]
    spread = x - mean[0] - hedge * (y - mean[1])
    assert same(table.column("hedge"), hedge, 0.9)
    assert same(table.column("spread"), spread, 0.9, 1e-10)
    assert same(table.column("spread_z"), spread / np.sqrt(over(x, y, n)[0] / (n - 1) * (1 - corr(x, y, n) ** 2)), 0.9, 1e-5)
    spread = table.column("spread")
    kappa = beta(step(spread), late(spread, 1), n)
    assert same(table.column("reversion"), kappa, 0.8)
    back = np.isfinite(kappa) & (kappa < 0)
    assert back.mean() > 0.7  # two contracts of one metal do come back
    assert_allclose(table.column("half_life")[back], np.minimum(-np.log(2) / np.log(1 + kappa[back]), 4800), rtol=1e-5)
    c = corr(step(spread), late(spread, 1), n)
    assert same(table.column("dickey_fuller"), c * np.sqrt((n - 2) / (1 - c**2)), 0.8, 1e-6)


def test_half_life_of_a_made_pair() -> None:
    rng = np.random.default_rng(1)
    n, phi = 20_000, 0.9
    other = np.cumsum(rng.normal(0, 1e-3, n))
    gap = np.zeros(n)
    for i in range(1, n):
        gap[i] = phi * gap[i - 1] + rng.normal(0, 1e-3)
    ts = np.arange(1, n + 1) * 60_000_000_000
    ours = pl.DataFrame({"ts": ts, "close": 100 * np.exp(other + gap)})
    found = FeatureSet.load("cross").compute({"bars": ours, "other": pl.DataFrame({"ts": ts, "close": 50 * np.exp(other)})})
    assert np.nanmedian(found.column("half_life")) == pytest.approx(np.log(2) / -np.log(phi), rel=0.15)
    assert np.nanmedian(found.column("hedge")) == pytest.approx(1, abs=0.1)
    assert np.nanmedian(found.column("dickey_fuller")) < -3.5


def test_correlation_of_shocks_follows_a_change() -> None:
    rng = np.random.default_rng(2)
    n = 8000
    common, own, others = rng.normal(0, 1e-3, (3, n))
    weight = np.where(np.arange(n) < n // 2, 0.2, 0.95)
    ours, other = (weight * common + np.sqrt(1 - weight**2) * part for part in (own, others))
    ts = np.arange(1, n + 1) * 60_000_000_000
    frames = {name: pl.DataFrame({"ts": ts, "close": 100 * np.exp(np.cumsum(r))}) for name, r in (("bars", ours), ("other", other))}
    dcc = FeatureSet.load("cross").compute(frames).column("dcc_100")
    assert np.nanmean(dcc[1000 : n // 2]) == pytest.approx(0.04, abs=0.05)
    assert np.nanmean(dcc[n // 2 + 500 :]) == pytest.approx(0.9, abs=0.03)


def test_comovement_needs_both_and_finds_the_residual(frames: list[pl.DataFrame], prices: Pair) -> None:
    features = FeatureSet.load("comovement")
    with pytest.raises(FeatureError, match="sector"):
        features.compute({"bars": frames[0], "index": frames[1]})
    found = features.compute({"bars": frames[0], "index": frames[1], "sector": frames[1]})
    r, s = step(prices[0]), step(prices[1])
    slope = beta(r, s, 240)
    assert same(found.column("index_residual"), r - slope * s, 0.9)
    assert same(found.column("sector_residual"), r - slope * s, 0.9)
    assert same(found.column("index_relative_60"), step(prices[0], 60) - slope * step(prices[1], 60), 0.9)
    assert same(found.column("sector_strength_60"), np.zeros(ROWS), 0.9)
