"""Prices, greeks and implied volatility: laws first, then closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tickcast.errors import DataError, FeatureError
from tickcast.options import black_76, black_scholes, implied_volatility

moneyness = st.floats(-2.0, 2.0)
years = st.floats(0.001, 20.0)
volatility = st.floats(0.01, 4.0)
side = st.sampled_from([-1, 1])


def closed_form(forward, strike, years, volatility, side, rate):
    d1 = np.log(forward / strike) / (volatility * np.sqrt(years)) + volatility * np.sqrt(years) / 2
    d2 = d1 - volatility * np.sqrt(years)
    return np.exp(-rate * years) * side * (forward * norm.cdf(side * d1) - strike * norm.cdf(side * d2))


@given(moneyness, years, volatility, side)
@settings(max_examples=300, deadline=None)
def test_implied_volatility_inverts_the_price(x: float, t: float, sigma: float, kind: int) -> None:
    forward = 100 * math.exp(x)
    out_of_the_money = 1 if forward < 100 else -1
    found = black_76(forward, 100.0, t, sigma, out_of_the_money)
    price, vega = float(found.price), float(found.vega)
    back = float(implied_volatility(price, forward, 100.0, t, out_of_the_money))
    most = min(forward, 100.0)
    if price < 1e-290:
        return  # too small to carry the volatility
    if price >= most * (1 - 1e-15):
        assert math.isnan(back) or back > sigma * 0.5
        return
    # one rounding of the price, and of its distance to the most it can be, is what the answer may be off by
    assert abs(back - sigma) <= 1e-12 * sigma + 8 * np.spacing(most) / vega
    same = float(implied_volatility(float(black_76(forward, 100.0, t, sigma, kind).price), forward, 100.0, t, kind))
    if vega > 1e-3 * forward:
        assert abs(same - sigma) < 1e-9  # in the money the intrinsic value takes digits away


@given(moneyness, years, volatility, st.floats(-0.05, 0.2))
@settings(max_examples=200, deadline=None)
def test_put_call_parity_and_bounds(x: float, t: float, sigma: float, rate: float) -> None:
    forward, discount = 100 * math.exp(x), math.exp(-rate * t)
    call, put = (black_76(forward, 100.0, t, sigma, kind, rate=rate) for kind in (1, -1))
    assert float(call.price - put.price) == pytest.approx(discount * (forward - 100), abs=1e-11 * max(forward, 100))
    assert float(call.delta - put.delta) == pytest.approx(discount, rel=1e-12)
    one = 1 + 4e-16  # a product's rounding
    assert 0 <= float(put.price) <= discount * 100 * one and 0 <= float(call.price) <= discount * forward * one
    higher = black_76(forward, 100.0, t, sigma * 1.01, 1, rate=rate)
    assert float(higher.price) >= float(call.price) * (1 - 1e-14)  # worth more where it may move more
    assert float(call.gamma) >= 0 and float(call.vega) >= 0


@given(st.floats(-0.5, 0.5), st.floats(0.02, 3.0), st.floats(0.05, 1.0), side, st.floats(-0.02, 0.1), st.floats(0.0, 0.05))
@settings(max_examples=100, deadline=None)
def test_greeks_are_the_slopes_of_the_price(x: float, t: float, sigma: float, kind: int, rate: float, dividend: float) -> None:
    spot = 100 * math.exp(x)

    def price(s: float = spot, years: float = t, vol: float = sigma) -> float:
        return float(black_scholes(s, 100.0, years, vol, kind, rate=rate, dividend=dividend).price)

    found = black_scholes(spot, 100.0, t, sigma, kind, rate=rate, dividend=dividend)
    step, moment, small = 0.01 * sigma * math.sqrt(t) * spot, 1e-5 * t, 1e-5
    assert float(found.delta) == pytest.approx((price(spot + step) - price(spot - step)) / (2 * step), abs=1e-4)
    curve = (price(spot + step) - 2 * price() + price(spot - step)) / step**2
    assert float(found.gamma) == pytest.approx(curve, rel=1e-2, abs=1e-6)
    assert float(found.vega) == pytest.approx((price(vol=sigma + small) - price(vol=sigma - small)) / (2 * small), rel=1e-4, abs=1e-4)
    assert float(found.theta) == pytest.approx((price(years=t - moment) - price(years=t + moment)) / (2 * moment), rel=1e-4, abs=1e-3)


def test_agrees_with_the_closed_form() -> None:
    rng = np.random.default_rng(3)
    forward, t = 100 * np.exp(0.3 * rng.standard_normal(5000)), rng.uniform(0.01, 3, 5000)
    sigma, kind, rate = rng.uniform(0.05, 1.5, 5000), rng.choice([-1, 1], 5000), rng.uniform(-0.01, 0.1, 5000)
    found = black_76(forward, 100.0, t, sigma, kind, rate=rate).price
    np.testing.assert_allclose(found, closed_form(forward, 100.0, t, sigma, kind, rate), rtol=0, atol=2e-12)


def test_agrees_with_quantlib() -> None:
    ql = pytest.importorskip("QuantLib")
    rng = np.random.default_rng(5)
    n = 500
    spot, t, sigma = 100 * np.exp(0.4 * rng.standard_normal(n)), rng.uniform(0.02, 3, n), rng.uniform(0.05, 1.2, n)
    rate, dividend, kind = rng.uniform(-0.01, 0.08, n), rng.uniform(0, 0.05, n), rng.choice([-1, 1], n)
    found = black_scholes(spot, 100.0, t, sigma, kind, rate=rate, dividend=dividend)
    forward, discount = spot * np.exp((rate - dividend) * t), np.exp(-rate * t)
    implied = implied_volatility(found.price, forward, 100.0, t, kind, rate=rate)
    for i, (s, years, f, d) in enumerate(zip(spot.tolist(), t.tolist(), forward.tolist(), discount.tolist(), strict=True)):
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if kind[i] > 0 else ql.Option.Put, 100.0)
        true = ql.BlackCalculator(payoff, f, float(sigma[i]) * math.sqrt(years), d)
        expected = {"price": true.value(), "delta": true.delta(s), "gamma": true.gamma(s), "vega": true.vega(years)}
        for name, value in (expected | {"theta": true.theta(s, years)}).items():
            assert getattr(found, name)[i] == pytest.approx(value, abs=1e-11), name
        if true.vega(years) > 0.1:
            guess = float(sigma[i]) * math.sqrt(years)
            deviation = ql.blackFormulaImpliedStdDev(payoff.optionType(), 100.0, f, true.value(), d, 0.0, guess, 1e-14, 1000)
            assert implied[i] == pytest.approx(deviation / math.sqrt(years), abs=1e-10)


def test_keeps_its_digits_where_a_price_is_almost_nothing() -> None:
    mp = pytest.importorskip("mpmath")
    for x, s in [(-1.0, 0.05), (0.5, 0.02), (-30.0, 2.0), (1e-8, 1e-3), (-1e-3, 1e-4)]:
        kind = 1 if x < 0 else -1
        with mp.workdps(80):
            forward, deviation = mp.mpf(math.exp(x)), mp.mpf(s)
            d1 = mp.log(forward) / deviation + deviation / 2
            true = kind * (forward * mp.ncdf(kind * d1) - mp.ncdf(kind * (d1 - deviation)))
        found = float(black_76(math.exp(x), 1.0, 1.0, s, kind).price)
        assert found == pytest.approx(float(true), rel=2e-13)
        assert float(implied_volatility(found, math.exp(x), 1.0, 1.0, kind)) == pytest.approx(s, rel=1e-13)


@pytest.mark.parametrize(
    ("price", "forward", "strike", "t"),
    [
        (4.999, 105.0, 100.0, 1.0),  # below intrinsic
        (-1.0, 100.0, 100.0, 1.0),
        (105.0, 105.0, 100.0, 1.0),  # at the most a call is worth
        (math.nan, 100.0, 100.0, 1.0),
        (math.inf, 100.0, 100.0, 1.0),
        (5.0, -100.0, 100.0, 1.0),
        (5.0, 100.0, 0.0, 1.0),
        (5.0, 100.0, 100.0, 0.0),
        (5.0, 100.0, 100.0, -0.1),
    ],
)
def test_a_price_that_no_volatility_gives_has_none(price: float, forward: float, strike: float, t: float) -> None:
    assert math.isnan(float(implied_volatility(price, forward, strike, t, 1)))


def test_edges() -> None:
    assert float(implied_volatility(5.0, 105.0, 100.0, 1.0, 1)) == 0.0  # nothing but intrinsic value
    assert float(black_76(105.0, 100.0, 1.0, 0.0, 1).price) == 5.0
    assert float(black_76(105.0, 100.0, 0.0, 0.2, 1).price) == 5.0
    assert math.isnan(float(black_76(105.0, 100.0, 0.0, 0.2, 1).delta))  # at expiry it has none
    assert math.isnan(float(black_76(100.0, 100.0, 1.0, 0.2, 0).price))
    assert float(black_76(100.0, 100.0, 1.0, math.inf, 1).price) == 100.0
    assert black_76(np.ones((2, 1)), np.ones(3), 1.0, 0.2, 1).price.shape == (2, 3)
    assert black_76(np.empty(0), 1.0, 1.0, 0.2, 1).price.shape == (0,)
    with pytest.raises(DataError, match="do not belong together"):
        black_76(np.ones(2), np.ones(3), 1.0, 0.2, 1)


def test_the_engine_refuses_columns_of_different_length() -> None:
    from tickcast import _engine

    one, two = np.ones(1), np.ones(2)
    with pytest.raises(FeatureError, match="rows do not belong together"):
        _engine.implied_volatility(one, two, one, one, one, one)
    with pytest.raises(FeatureError, match="rows do not belong together"):
        _engine.option_greeks(one, one, one, one, one, one, two)
