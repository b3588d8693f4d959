"""TA-Lib, polars and pandas agree with the sets; the HAR inputs are those of the skill table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from numpy.testing import assert_allclose

import tickcast.features
from features.test_engine import market
from tickcast.features import FeatureSet

talib = pytest.importorskip("talib")
SETTLED = 1200  # an average that starts at the first value (ours) or at the mean of the first n (TA-Lib) has forgotten its start


def test_nq24_agrees_with_talib_and_polars() -> None:
    frame = market(4000)
    table = FeatureSet.load("nq24").compute(frame)
    o, h, low, c, v = (frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    r = np.concatenate([[np.nan], np.log(c[1:] / c[:-1])])
    square = pl.Series(np.nan_to_num(r) ** 2)
    expected = {"open": o, "high": h, "low": low, "close": c, "log_volume": np.log(v + 1), "log_return": r}
    expected["gk_volatility"] = 0.5 * np.log(h / low) ** 2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
    expected |= {f"rv_{n}": square.rolling_sum(n).sqrt().to_numpy() for n in (12, 36, 72)}
    expected |= {"amihud_illiq": np.abs(r) / (c * v), "rsi_14": talib.RSI(c, 14)}
    expected |= {f"roc_{n}": talib.ROCP(c, n) for n in (5, 10, 20)}
    ema = {n: pl.Series(c).ewm_mean(span=n, adjust=False).to_numpy() for n in (9, 12, 21, 26, 50)}
    expected["macd"] = ema[12] - ema[26]
    for n in (9, 21, 50):
        expected[f"ema_slope_{n}"] = np.concatenate([[np.nan], np.diff(ema[n])])
        expected[f"ema_dev_{n}"] = c / ema[n] - 1
        assert_allclose(c[SETTLED:] / talib.EMA(c, n)[SETTLED:] - 1, table.column(f"ema_dev_{n}")[SETTLED:], rtol=0, atol=1e-9)
    expected["atr_14"] = talib.SMA(np.nan_to_num(talib.TRANGE(h, low, c)), 14)
    expected["volume_ma_ratio"] = v / talib.SMA(v, 20)
    assert set(expected) == set(table.names)
    for name, values in expected.items():
        known = np.isfinite(table.column(name))
        assert known[100:].all()
        assert_allclose(table.column(name)[known], values[known], rtol=1e-9, atol=1e-9, err_msg=name)


def test_rsi_is_talibs_from_its_first_row() -> None:
    frame = market(60)
    ours, theirs = FeatureSet.load("nq24").compute(frame).column("rsi_14"), talib.RSI(frame["close"].to_numpy(), 14)
    assert np.isnan(ours[:14]).all()
    assert_allclose(ours[14:], theirs[14:], rtol=1e-12)


def test_har_inputs_are_those_of_the_skill_table(market_data: Path) -> None:
    source = pd.read_parquet(market_data / "nq" / "nq_1m_2019_2024h1.parquet").iloc[:250_000]
    source.index = pd.to_datetime(source.pop("ts_open"), utc=True)
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    bars = source.resample("5min", label="right", closed="left").agg(how).dropna()
    seconds = np.asarray((bars.index - pd.Timestamp(0, tz="UTC")).total_seconds(), np.int64)
    close = np.log(bars.close.to_numpy(float))
    returns = np.diff(close, prepend=close[0])
    returns[np.diff(seconds, prepend=seconds[0] - 300) > 1800] = 0.0
    slot, half = np.asarray(bars.index.hour * 12 + bars.index.minute // 5), len(bars) // 2
    train = np.arange(len(bars)) <= half
    rms = [np.sqrt(np.mean(returns[train & (slot == k)] ** 2)) if (train & (slot == k)).any() else np.nan for k in range(288)]
    pattern = pd.Series(rms).interpolate(limit_direction="both").to_numpy()
    pattern = pd.Series(np.tile(pattern, 3)).rolling(5, center=True).mean().to_numpy()[288:576]
    pattern = pattern / np.sqrt(np.mean(pattern**2))
    frame = pl.DataFrame({"ts": seconds * 10**9} | {name: bars[name].to_numpy(float) for name in how})
    # the table's pattern runs on UTC whatever zone the set prefers
    words = yaml.safe_load(
        (Path(tickcast.features.__file__).parent / "sets" / "har.yaml").read_text("utf-8").replace("America/New_York", "UTC")
    )
    table = FeatureSet.from_dict(words).fit(frame, int(frame["ts"][half])).compute(frame)
    # the first return is unknown here and zero there: one row in its slot
    assert_allclose(table.column("pattern"), pattern[slot], rtol=2e-3)
    ahead = np.array([np.sqrt(np.mean(pattern[(k + 1 + np.arange(12)) % 288] ** 2)) for k in range(288)])[slot]
    assert_allclose(table.column("ahead_60m"), np.log(ahead), atol=2e-3)
    scaled = pd.Series((returns / table.column("pattern")) ** 2)
    scaled.iloc[0] = np.nan
    for halflife in (3, 48, 2880, 11520):
        theirs = np.log(np.sqrt(scaled.ewm(halflife=halflife).mean().to_numpy()) + 1e-8)
        assert_allclose(table.column(f"har_vol_{halflife}")[1:], theirs[1:], atol=1e-9)
    angle = 2 * np.pi * slot / 288
    assert_allclose(table.column("day_sin_2"), np.sin(2 * angle), atol=1e-12)
    assert (table.column("weekday") == bars.index.day_of_week).all()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "UTC", "Europe/London"])
def test_local_time_is_that_of_the_zone(zone: str) -> None:
    stamps = pd.date_range("2019-12-28", "2021-01-05", freq="37min", tz="UTC")
    ts = stamps.as_unit("ns").asi8
    local = stamps.tz_convert(zone)
    features = {"s": f"time_of_day('{zone}')", "w": f"day_of_week('{zone}')", "m": f"day_of_month('{zone}')", "y": f"day_of_year('{zone}')"}
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": features}
    table = FeatureSet.from_dict(words).compute(pl.DataFrame({"ts": ts, "close": np.ones(len(ts))}))
    assert (table.column("s") == local.hour * 3600 + local.minute * 60).all()
    assert (table.column("w") == local.day_of_week).all()
    assert (table.column("m") == local.day).all()
    assert (table.column("y") == local.day_of_year).all()


def test_elementary_functions_are_accurate() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([np.exp(rng.uniform(-300, 300, 20_000)), rng.uniform(0.5, 2, 20_000)])
    features = {"l": "log(close)", "e": "exp(volume)", "s": "sin(volume)", "c": "cos(volume)", "x": "exp(log(close))"}
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": features}
    v = rng.uniform(-300, 300, len(x))
    table = FeatureSet.from_dict(words).compute(pl.DataFrame({"ts": np.arange(len(x)), "close": x, "volume": v}))
    assert_allclose(table.column("l"), np.log(x), rtol=4e-16, atol=1e-17)
    assert_allclose(table.column("e"), np.exp(v), rtol=5e-16)
    assert_allclose(table.column("s"), np.sin(v), rtol=0, atol=2e-15)
    assert_allclose(table.column("c"), np.cos(v), rtol=0, atol=2e-15)
