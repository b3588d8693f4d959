"""A year of real bars and a fresh start anywhere in it: windows to the bit, what forgets slowly within the bound of the laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from features.test_engine import bits
from tickcast.checks.history import BOUND, memories
from tickcast.clock import MINUTE
from tickcast.features import FeatureSet


def test_a_year_ends_as_a_fresh_start_does(market_data: Path) -> None:
    rows = pl.scan_parquet(market_data / "nq" / "nq_1m_2019_2024h1.parquet").tail(350_000).collect()
    frame = rows.select(
        ts=pl.col("ts_open").cast(pl.Datetime("ns")).cast(pl.Int64) + MINUTE, **{c: pl.col(c).cast(pl.Float64) for c in OHLC}
    )
    features = FeatureSet.from_dict(WORDS)
    whole, kinds = features.compute(frame), memories(features)
    assert {kind.kind for kind in kinds.values()} == {"window", "recursive"}
    for start in np.random.default_rng(1).integers(1000, len(frame) - 4000, 12).tolist():
        again = features.compute(frame[start : start + 4000])
        for i, name in enumerate(features.names):
            settled = slice(features.warmup[name] + kinds[name].rows, None)
            old, new = whole.values[start : start + 4000, i][settled], again.values[:, i][settled]
            assert np.isfinite(new).mean() > 0.9, name
            if kinds[name].kind == "window":
                assert (bits(old) == bits(new)).all(), (name, start)
            else:
                assert np.nanmax(np.abs(old - new)) <= BOUND * np.ptp(old), (name, start)


OHLC = ("open", "high", "low", "close")
WORDS = {
    "name": "year",
    "stream": "bars",
    "clock": {"on": "bars", "step": "1m"},
    "price": "close",
    "features": {
        "r": "log(close / lag(close, 1))",
        "rv": "sqrt(sum(r ** 2, 390))",
        "deviation": "std(r, 60)",
        "shape": "skew(r, 240) + kurt(r, 240)",
        "line": "slope(close, 120) + resid(close, 120)",
        "two": "corr(r, high - low, 180)",
        "order": "rank(close, 200) + quantile(r, 100, 0.9) + argmax(high, 300)",
        "smooth": "mean(close, 1000)",
        "wave": 'wavelet(close, "db4", 3)',
        "ewm": "ewm_mean(r, span=50)",
        "atr": "atr(high, low, close)",
    },
}
