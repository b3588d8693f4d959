from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tickcast.bars import build
from tickcast.calendars import calendar
from tickcast.clock import MINUTE
from tickcast.errors import ConfigError, SourceError
from tickcast.sources.simulated import Dynamics, SimulatedMarket

LEVELS = np.linspace(0.025, 0.975, 39)


def read(market: SimulatedMarket) -> pl.DataFrame:
    return pl.concat([chunk.frame for chunk in market.history()])


def crps(quantiles: np.ndarray, outcome: np.ndarray) -> float:
    error = outcome[:, None] - quantiles
    return float(2 * np.maximum(LEVELS * error, (LEVELS - 1) * error).mean())


@pytest.mark.parametrize("dynamics", ["stochastic", "random_walk"])
def test_the_oracle_is_calibrated_and_beats_climatology(dynamics: str) -> None:
    market = SimulatedMarket(days=250, seed=11, dynamics=dynamics)
    frame = read(market)
    rows = np.arange(100, len(frame) - 100, 12)  # outcomes at one hour do not overlap
    level = np.log(frame["close"].to_numpy())
    forecast = market.oracle(frame["ts"].to_numpy()[rows], ["15m", "60m"], paths=256)
    for j, bars in enumerate((3, 12)):
        outcome = level[rows + bars] - level[rows]
        pit = np.sort(forecast.cdf(np.stack([outcome, outcome], 1))[:, j])
        uniform = (np.arange(len(pit)) + 0.5) / len(pit)
        assert np.abs(pit - uniform).max() < 1.63 / np.sqrt(len(pit)), "Kolmogorov-Smirnov, 99 %"
        skill = 1 - crps(forecast.quantile(LEVELS)[:, j], outcome) / crps(np.quantile(outcome, LEVELS), outcome)
        assert skill > 0.02 if dynamics == "stochastic" else abs(skill) < 0.01


def test_a_random_walk_has_normal_quantiles() -> None:
    market = SimulatedMarket(days=2, dynamics="random_walk")
    forecast = market.oracle(read(market)["ts"].to_numpy()[[5]], ["15m"])
    assert forecast.std()[0, 0] == pytest.approx(5e-4 * np.sqrt(3), rel=0.01)
    assert forecast.quantile([0.975])[0, 0, 0] == pytest.approx(1.959964 * 5e-4 * np.sqrt(3), rel=1e-3)


def test_a_seed_is_a_market() -> None:
    assert read(SimulatedMarket(days=3, seed=5)).equals(read(SimulatedMarket(days=3, seed=5)))
    assert not read(SimulatedMarket(days=3, seed=5)).equals(read(SimulatedMarket(days=3, seed=6)))


@pytest.mark.parametrize("name", ["24/7", "CME_Equity"])
def test_bars_are_bars_inside_sessions(name: str) -> None:
    frame = read(SimulatedMarket(days=30, calendar=name, tick=0.25))
    assert len(calendar(name).assign(frame).outside) == 0
    assert (frame["ts"].diff().drop_nulls() > 0).all()
    assert ((frame["high"] >= frame["open"]) & (frame["low"] <= frame["close"]) & (frame["low"] > 0) & (frame["volume"] >= 1)).all()
    assert (frame["close"] % 0.25 == 0).all()


def test_bars_of_its_trades_close_where_its_bars_close() -> None:
    bars, trades = read(SimulatedMarket(days=3)), read(SimulatedMarket(days=3, table="trades"))
    built = build(trades, "5m", calendar("24/7")).rows
    assert built["ts"].equals(bars["ts"])
    np.testing.assert_allclose(built["close"].to_numpy(), bars["close"].to_numpy(), rtol=1e-12)


def test_volume_grows_with_volatility() -> None:
    frame = read(SimulatedMarket(days=30))
    spread = np.log(frame["high"].to_numpy() / frame["low"].to_numpy())
    assert np.corrcoef(np.log(spread), np.log(frame["volume"].to_numpy()))[0, 1] > 0.4


def test_history_can_be_cut_by_time() -> None:
    market = SimulatedMarket(days=3)
    frame = read(market)
    low, high = int(frame["ts"][10]), int(frame["ts"][20])
    part = pl.concat([chunk.frame for chunk in market.history(start=low, end=high)])
    assert part.equals(frame.slice(10, 10))


def test_what_makes_no_market_is_refused() -> None:
    market = SimulatedMarket(days=1)
    with pytest.raises(SourceError, match="row 1, field ts"):
        market.oracle(np.array([MINUTE]), ["15m"])
    with pytest.raises(ConfigError, match="no bar closes within"):
        market.oracle(read(market)["ts"].to_numpy()[:1], ["1m"])
    for arguments in ({"days": 0}, {"interval": "7m"}, {"tick": 0.0}, {"table": "signals"}, {"dynamics": "wild"}):
        with pytest.raises(ConfigError):
            SimulatedMarket(**arguments)
    with pytest.raises(ConfigError, match="persistence"):
        Dynamics(persistence=1.0)
