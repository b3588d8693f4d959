"""Indicators and variance estimators against TA-Lib and against their published formulas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from features.test_engine import market
from tickcast.clock import SECOND
from tickcast.features import FeatureSet

talib = pytest.importorskip("talib")
SETTLED = 700  # Wilder's averages begin otherwise there and have forgotten it by then


def shaken(n: int) -> pl.DataFrame:
    """Bars with uneven shadows, gaps and a flat stretch; prices in 64ths, so that equal ones are equal to the bit."""
    rng = np.random.default_rng(8)

    def ticks(x: np.ndarray) -> np.ndarray:
        return np.round(x * 64) / 64

    close = ticks(100 * np.exp(np.cumsum(rng.normal(0, 2e-3, n))))
    close[n // 2 : n // 2 + 40] = close[n // 2]
    first = ticks(np.concatenate([[close[0]], close[:-1]]) * np.exp(rng.normal(0, 3e-4, n)))
    high = np.maximum(first, close) + ticks(rng.exponential(0.05, n))
    low = np.minimum(first, close) - ticks(rng.exponential(0.05, n))
    frame = {"ts": np.arange(1, n + 1) * 300 * SECOND, "open": first, "high": high, "low": low, "close": close}
    return pl.DataFrame(frame | {"volume": rng.integers(1, 500, n).astype(float)})


def answers(frame: pl.DataFrame, *expressions: str) -> np.ndarray:
    features = {f"f{i}": text for i, text in enumerate(expressions)}
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "5m"}, "price": "close", "features": features}
    return FeatureSet.from_dict(words).compute(frame).values


def test_indicators_are_those_of_talib() -> None:
    frame = shaken(2500)
    o, h, low, c, v = (frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    k, d = talib.STOCH(h, low, c, 14, 3, 0, 3, 0)
    upper, middle, lower = talib.BBANDS(c, 20, 2.0, 2.0)
    down, up = talib.AROON(h, low, 25)
    expected = {
        "stoch_k(high, low, close)": talib.STOCHF(h, low, c, 14, 1, 0)[0],
        "stoch_k(high, low, close, smooth=3)": k,
        "stoch_d(high, low, close, smooth=3)": d,
        "williams_r(high, low, close)": talib.WILLR(h, low, c, 14),
        "plus_di(high, low, close)": talib.PLUS_DI(h, low, c, 14),
        "minus_di(high, low, close)": talib.MINUS_DI(h, low, c, 14),
        "dx(high, low, close)": talib.DX(h, low, c, 14),
        "adx(high, low, close)": talib.ADX(h, low, c, 14),
        "aroon_up(high)": up,
        "aroon_down(low)": down,
        "aroon(high, low)": talib.AROONOSC(h, low, 25),
        "cci(high, low, close)": talib.CCI(h, low, c, 20),
        "bollinger_b(close)": (c - lower) / np.where(upper > lower, upper - lower, np.nan),
        "mfi(high, low, close, volume)": talib.MFI(h, low, c, v, 14),
        "diff(obv(close, volume))": np.concatenate([[np.nan], np.diff(talib.OBV(c, v))]),
        "atr(high, low, close)": talib.ATR(h, low, c, 14),
        "wma(close, 30)": talib.WMA(c, 30),
        "slope(close, 14)": talib.LINEARREG_SLOPE(c, 14),
        "close - resid(close, 14)": talib.LINEARREG(c, 14),
        "corr(high, low, 30)": talib.CORREL(h, low, 30),
        "pstd(close, 20)": talib.STDDEV(c, 20),
    }
    found = answers(frame, *expected)
    flat = np.zeros(len(c), bool)
    flat[len(c) // 2 : len(c) // 2 + 80] = True  # where nothing moves TA-Lib answers 0 or what it said before
    for i, (text, values) in enumerate(expected.items()):
        both = np.isfinite(values) & ~flat & (np.arange(len(c)) >= SETTLED)
        assert both.sum() > 1500
        assert_allclose(found[both, i], values[both], rtol=1e-6, atol=1e-6, err_msg=text)


def test_where_nothing_moves_an_oscillator_stands_in_its_middle() -> None:
    frame = market(60).with_columns(pl.lit(7.0).alias(name) for name in ("open", "high", "low", "close"))
    middle = {
        "rsi(close)": 50,
        "stoch_k(high, low, close)": 50,
        "stoch_d(high, low, close)": 50,
        "williams_r(high, low, close)": -50,
        "donchian(high, low, close)": 0.5,
        "bollinger_b(close)": 0.5,
        "cci(high, low, close)": 0,
        "mfi(high, low, close, volume)": 50,
        "adx(high, low, close)": 0,
        "obv(close, volume)": 0,
        "aroon(high, low)": 0,
    }
    assert answers(frame, *middle)[-1].tolist() == list(middle.values())


def test_variances_are_their_published_formulas() -> None:
    frame = shaken(400)
    o, h, low, c, v = (frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    r = pd.Series(np.log(c)).diff()
    rs = np.log(h / c) * np.log(h / o) + np.log(low / c) * np.log(low / o)
    overnight, day = pd.Series(np.log(o[1:] / c[:-1]), range(1, len(c))), pd.Series(np.log(c / o))
    k, n = 0.34 / (1.34 + 21 / 19), 20
    yang_zhang = overnight.rolling(n).var() + k * day.rolling(n).var() + (1 - k) * pd.Series(rs).rolling(n).mean()
    change, side = pd.Series(c).diff(), pd.Series(np.sign(np.diff(c, prepend=np.nan))).replace(0, np.nan).ffill()
    signed = side * v
    expected = {
        "parkinson(high, low)": np.log(h / low) ** 2 / (4 * math.log(2)),
        "rogers_satchell(open, high, low, close)": rs,
        "yang_zhang(open, high, low, close, 20)": yang_zhang,
        "realised_variance(log(close / lag(close, 1)), 20)": (r**2).rolling(n).sum(),
        "bipower(log(close / lag(close, 1)), 20)": math.pi / 2 * (r.abs() * r.abs().shift()).rolling(n).sum(),
        "amihud(20)": (r.abs() / (c * v)).rolling(n).mean(),
        "kyle(20)": change.rolling(n).cov(signed) / signed.rolling(n).var(),
        "vwap(20)": pd.Series(c * v).rolling(n).sum() / pd.Series(v).rolling(n).sum(),
        "mad(close, 20)": pd.Series(c).rolling(n).apply(lambda w: np.abs(w - w.mean()).mean()),
    }
    found = answers(frame, *expected)[60:]
    for i, (text, values) in enumerate(expected.items()):
        assert_allclose(found[:, i], np.asarray(values)[60:], rtol=1e-7, atol=1e-12, err_msg=text)


def test_estimators_of_a_random_walk_agree_on_its_variance() -> None:
    rng = np.random.default_rng(3)
    path = np.cumsum(rng.normal(0, 1e-4, (4000, 500)), axis=1)
    path += np.concatenate([[0], np.cumsum(path[:, -1])[:-1]])[:, None]
    start = np.concatenate([[0], path[:-1, -1]])
    frame = {"open": start, "high": np.maximum(path.max(1), start), "low": np.minimum(path.min(1), start), "close": path[:, -1]}
    bars = pl.DataFrame({"ts": np.arange(1, 4001) * 300 * SECOND} | {name: np.exp(x) for name, x in frame.items()})
    texts = [f"mean({name}, 3990)" for name in ("parkinson(high, low)", "rogers_satchell(open, high, low, close)")]
    texts += ["mean(garman_klass(open, high, low, close), 3990)", "yang_zhang(open, high, low, close, 3990)"]
    texts += [f"{name}(log(close / lag(close, 1)), 3990) / 3990" for name in ("realised_variance", "bipower")]
    # the discrete path misses some of the range, hence 10 %
    assert_allclose(answers(bars, *texts)[-1], 500 * 1e-8, rtol=0.1)


def test_kyle_and_vwap_read_trades_too() -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"ts": np.arange(200) * SECOND, "price": 10 + rng.integers(0, 5, 200) / 4, "size": rng.integers(1, 9, 200) * 1.0})
    words = {"name": "t", "stream": "trades", "clock": {"on": "trades", "step": "1s"}, "price": "price"}
    features = {"k": 'kyle("50s")', "v": "vwap(50)", "a": 'amihud("50s")'}
    values = FeatureSet.from_dict(words | {"features": features}).compute(frame).values[-1]
    price, size = frame["price"].to_numpy(), frame["size"].to_numpy()
    assert np.isfinite(values).all()
    assert values[1] == pytest.approx((price * size)[-50:].sum() / size[-50:].sum())
