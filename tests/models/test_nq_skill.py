"""The skill table of the design on real NQ bars, reached through tickcast's own targets, split, scales and forecasters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.clock import MINUTE
from tickcast.features.feature_set import FeatureSet
from tickcast.features.table import FeatureTable
from tickcast.models import Climatology, Forecaster, ResidualQuantiles
from tickcast.scales import Ewma, LogLinear, Trees
from tickcast.splits import Chronological
from tickcast.targets import ForwardReturn
from tickcast.views import View

HORIZONS = {"15m": 3, "60m": 12, "4h": 48}
TABLE = {"climatology": (5.377, 11.157, 23.269), "ewma": (5.034, 10.473, 21.995), "har": (4.972, 10.379, 21.758)}
LEVELS = np.linspace(0.025, 0.975, 39)


def _crps(forecaster: Forecaster, view: View) -> list[float]:
    quantiles, outcomes = forecaster.predict(view).quantile(LEVELS), view.outcomes
    error = outcomes[..., None] - quantiles
    loss = 2e4 * np.maximum(LEVELS * error, (LEVELS - 1) * error).mean(axis=2)
    return np.nanmean(loss, axis=0).tolist()


def _ewm(values: np.ndarray, halflife: float) -> np.ndarray:
    return pl.Series(values).ewm_mean(half_life=halflife, adjust=True).to_numpy()


def _table(folder: Path) -> FeatureTable:
    minutes = pl.read_parquet(folder / "nq" / "nq_1m_2019_2024h1.parquet").with_columns(pl.col("ts_open").cast(pl.Datetime("ns", "UTC")))
    bars = (
        minutes.sort("ts_open")
        .group_by_dynamic("ts_open", every="5m", label="right", closed="left")
        .agg(pl.col("high").max(), pl.col("low").min(), pl.col("close").last())
    )
    ts = bars["ts_open"].cast(pl.Int64).to_numpy()
    high, low, close = (bars[name].cast(pl.Float64).to_numpy() for name in ("high", "low", "close"))
    year = bars["ts_open"].dt.year().to_numpy()
    slot = (ts // (5 * MINUTE)) % 288
    r = np.diff(np.log(close), prepend=np.log(close[0]))
    r[np.diff(ts, prepend=ts[0]) > 30 * MINUTE] = 0.0
    seen = year <= 2021
    raw = np.array([np.sqrt(np.mean(r[seen & (slot == k)] ** 2)) if (seen & (slot == k)).any() else np.nan for k in range(288)])
    known = np.isfinite(raw)
    filled = np.interp(np.arange(288), np.flatnonzero(known), raw[known])
    pattern = np.convolve(np.concatenate([filled[-2:], filled, filled[:2]]), np.full(5, 0.2), "valid")
    pattern /= np.sqrt(np.mean(pattern**2))
    square, spread = (r / pattern[slot]) ** 2, np.log(high / low + 1e-6) / pattern[slot]
    columns = {f"har_vol_{h}": np.log(np.sqrt(_ewm(square, h)) + 1e-8) for h in (3, 12, 24, 48, 72, 144, 288, 576, 2880, 11520)}
    columns |= {f"har_range_{h}": np.log(_ewm(spread, h) + 1e-8) for h in (3, 12, 48, 288)}
    for name, h in HORIZONS.items():
        columns[f"ahead_{name}"] = np.log([np.sqrt(np.mean(pattern[(k + 1 + np.arange(h)) % 288] ** 2)) for k in range(288)])[slot]
    angle = 2 * np.pi * slot / 288
    columns |= {"sin1": np.sin(angle), "cos1": np.cos(angle), "sin2": np.sin(2 * angle), "cos2": np.cos(2 * angle)}
    columns |= {"weekday": (ts // (1440 * MINUTE) + 3) % 7, "slot": slot // 6}
    values = np.column_stack(list(columns.values())).astype(np.float64)
    values[:2001] = np.nan  # the table scores rows after 2,001 bars of warm-up
    return FeatureTable(tuple(columns), ts, ts[-1:].repeat(len(ts)), np.zeros(len(ts), np.int64), close, values, 5 * MINUTE, 0.25)


@pytest.fixture(scope="module")
def parts(market_data: Path) -> tuple[View, View, View]:
    table = _table(market_data)
    labels = ForwardReturn(tuple(HORIZONS)).label(table)
    by_date = Chronological(by="date", train_until="2021-12-31", valid_until="2022-12-31", test_until="2024-06-30")
    split = next(by_date.split(labels, table.ready()))
    return View(table, labels, split.train), View(table, labels, split.valid), View(table, labels, split.test)


def _shared(table: FeatureTable) -> tuple[str, ...]:
    kept = (3, 12, 48, 144, 576, 2880, 11520)
    names = tuple(f"har_vol_{h}" for h in kept) + tuple(n for n in table.names if n.startswith("har_range"))
    return (*names, "ahead_{horizon}", "sin1", "cos1", "sin2", "cos2", "weekday")


def test_the_skill_table_is_reached(parts: tuple[View, View, View]) -> None:
    train, valid, test = parts
    assert np.isfinite(test.outcomes).sum(axis=0).tolist() == [104672, 101162, 87202]
    memories = tuple(f"har_vol_{h}" for h in (24, 72, 144, 288, 576))
    rivals: dict[str, Forecaster] = {
        "climatology": Climatology(),
        "ewma": ResidualQuantiles(Ewma(memories)),
        "har": ResidualQuantiles(LogLinear(_shared(train.table))),
    }
    for name, rival in rivals.items():
        assert _crps(rival.fit(train, valid), test) == pytest.approx(TABLE[name], rel=0.005), name


def test_the_day_and_trees_add_skill(parts: tuple[View, View, View]) -> None:
    train, valid, test = parts
    by_slot = _crps(Climatology("slot").fit(train, valid), test)
    assert all(ours < plain for ours, plain in zip(by_slot, TABLE["climatology"], strict=True))
    names = tuple(n for n in train.table.names if n.startswith(("har_", "ahead_"))) + ("slot", "weekday")
    trees = _crps(ResidualQuantiles(Trees(names, rounds=60)).fit(train, valid), test)
    assert all(ours < 0.96 * plain for ours, plain in zip(trees, TABLE["climatology"], strict=True))


def test_the_har_feature_set_reaches_the_table_too(market_data: Path) -> None:
    minutes = pl.read_parquet(market_data / "nq" / "nq_1m_2019_2024h1.parquet").with_columns(
        pl.col("ts_open").cast(pl.Datetime("ns", "UTC"))
    )
    prices = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()]
    bars = (
        minutes.sort("ts_open")
        .group_by_dynamic("ts_open", every="5m", label="right", closed="left")
        .agg([price.cast(pl.Float64) for price in prices])
    )
    ts = bars["ts_open"].cast(pl.Int64)
    frame = bars.drop("ts_open").with_columns(
        ts.alias("ts"), pl.lit(int(ts[-1])).alias("session_id"), pl.lit(0, dtype=pl.Int64).alias("segment_id")
    )
    until = int(np.datetime64("2022-01-01", "ns").astype(np.int64))
    table = FeatureSet.load("har").fit(frame, until).compute(frame, step=5 * MINUTE, tick=0.25)
    labels = ForwardReturn(tuple(HORIZONS)).label(table)
    usable = table.ready() & (np.arange(len(table)) > 2000)
    by_date = Chronological(by="date", train_until="2021-12-31", valid_until="2022-12-31", test_until="2024-06-30")
    split = next(by_date.split(labels, usable))
    train, valid, test = (View(table, labels, rows) for rows in (split.train, split.valid, split.test))
    har = ResidualQuantiles(LogLinear(table.names)).fit(train, valid)
    assert _crps(har, test) == pytest.approx(TABLE["har"], rel=0.005)
