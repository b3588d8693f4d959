"""Probability of informed trading: the likelihood is the textbook's, counts of any size are safe, and simulated markets are recognised."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.pin import PinModel, fit_pin, pin_log_likelihood, pin_signals

RATE = st.floats(0.5, 200)
SHARE = st.floats(0.05, 0.95)


def simulated(model: PinModel, days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    news = rng.random(days) < model.alpha
    bad = rng.random(days) < model.delta
    buys = rng.poisson(model.buy + model.informed * (news & ~bad))
    return buys, rng.poisson(model.sell + model.informed * (news & bad))


@given(SHARE, SHARE, RATE, RATE, RATE, st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_the_likelihood_is_the_mixture_of_three_poisson_pairs(
    alpha: float, delta: float, informed: float, buy: float, sell: float, days: list[tuple[int, int]]
) -> None:
    b, s = (np.array(column) for column in zip(*days, strict=True))
    quiet = poisson.logpmf(b, buy) + poisson.logpmf(s, sell)
    bad = poisson.logpmf(b, buy) + poisson.logpmf(s, sell + informed)
    good = poisson.logpmf(b, buy + informed) + poisson.logpmf(s, sell)
    kinds = np.stack([np.log1p(-alpha) + quiet, np.log(alpha * delta) + bad, np.log(alpha * (1 - delta)) + good])
    constant = sum(poisson.logpmf(k, 1) + 1 for k in (*b, *s))  # log(1 / k!)
    found = pin_log_likelihood(PinModel(alpha, delta, informed, buy, sell, 0.0), b, s)
    assert found + constant == pytest.approx(np.logaddexp.reduce(kinds).sum(), rel=1e-9, abs=1e-7)


def test_counts_that_overflow_a_power_are_safe() -> None:
    truth = PinModel(0.4, 0.5, 30_000.0, 400_000.0, 380_000.0, 0.0)
    buys, sells = simulated(truth, 60, 1)
    with np.errstate(all="raise", divide="ignore", under="ignore"):
        found = fit_pin(buys, sells)
    assert np.isfinite(found.log_likelihood)
    assert found.pin == pytest.approx(truth.pin, rel=0.25)
    assert found.buy == pytest.approx(truth.buy, rel=0.01)
    assert found.sell == pytest.approx(truth.sell, rel=0.01)


@pytest.mark.parametrize(
    "truth", [PinModel(0.3, 0.5, 120, 200, 220, 0.0), PinModel(0.6, 0.2, 60, 80, 90, 0.0), PinModel(0.2, 0.8, 400, 900, 700, 0.0)]
)
def test_simulated_markets_are_recognised(truth: PinModel) -> None:
    found = [fit_pin(*simulated(truth, 120, seed)) for seed in range(12)]
    for name in ("alpha", "delta"):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(getattr(truth, name), abs=0.07)
    for name in ("informed", "buy", "sell", "pin"):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(getattr(truth, name), rel=0.08)
    assert np.std([one.pin for one in found]) < 0.03


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_counts_give_a_probability_that_no_start_beats(days: list[tuple[int, int]]) -> None:
    buys, sells = zip(*days, strict=True)
    if not any(buys) or not any(sells):
        with pytest.raises(FeatureError, match="not all 0"):
            fit_pin(buys, sells)
        return
    found = fit_pin(buys, sells)
    assert 0 <= found.pin <= 1
    plain = PinModel(1e-6, 0.5, 1.0, float(np.mean(buys)), float(np.mean(sells)), 0.0)
    assert found.log_likelihood >= pin_log_likelihood(plain, buys, sells) - 1e-3


def days_of_trades(days: int) -> pl.DataFrame:
    buys, sells = simulated(PinModel(0.4, 0.5, 40, 30, 35, 0.0), days, 3)
    side = np.concatenate([np.repeat([1, -1, 0], [b, s, 7]) for b, s in zip(buys, sells, strict=True)])
    day = np.repeat(np.arange(days), buys + sells + 7)
    close = (day + 1) * 86_400_000_000_000
    return pl.DataFrame({"symbol": "X", "ts": close - 1, "price": 1.0, "size": 1.0, "side": side, "trading_day": day, "session_id": close})


def test_a_day_is_published_at_its_close_and_knows_no_later_one() -> None:
    trades = days_of_trades(25)
    found = pin_signals(trades, days=20)
    assert found["ts"].to_list() == [(day + 1) * 86_400_000_000_000 for day in range(19, 25)]
    assert found["value"].is_between(0, 1).all() and found["name"].unique().to_list() == ["pin"]
    earlier = pin_signals(trades.filter(pl.col("trading_day") < 22), days=20)
    assert earlier.equals(found[: len(earlier)])
    two = pl.concat([trades, trades.with_columns(pl.lit("Y").alias("symbol"))])
    assert sorted(pin_signals(two, days=25)["name"]) == ["pin_X", "pin_Y"]
    assert len(pin_signals(trades.with_columns(side=pl.lit(0)), days=20)) == 0


def test_a_set_reads_it_from_the_close_of_the_day_on() -> None:
    trades = days_of_trades(25)
    features = FeatureSet.from_dict(
        {"name": "t", "stream": "trades", "clock": {"on": "trades"}, "price": "price", "features": {"pin": 'signal("pin")'}}
    )
    signals = pin_signals(trades, days=20)
    found = features.compute({"trades": trades.with_columns(segment_id=pl.lit(0)), "signals": signals}).column("pin")
    day = trades["trading_day"].to_numpy()
    assert np.isnan(found[day < 20]).all()
    assert [set(found[day == d].tolist()) for d in range(20, 25)] == [{value} for value in signals["value"].to_list()[:5]]


@pytest.mark.parametrize(("buys", "sells"), [([1], [1]), ([1, 2], [1]), ([1, -2], [1, 2]), ([1, np.nan], [1, 2]), ([0, 0], [1, 2])])
def test_what_are_no_counts_is_refused(buys: list[float], sells: list[float]) -> None:
    with pytest.raises(FeatureError):
        fit_pin(buys, sells)


def test_trades_without_sessions_are_refused() -> None:
    with pytest.raises(FeatureError, match="no session_id"):
        pin_signals(days_of_trades(3).drop("session_id"))
    with pytest.raises(FeatureError, match="too few"):
        pin_signals(days_of_trades(3), days=1)
