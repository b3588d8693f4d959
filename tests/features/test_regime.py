"""The set `regime` on real bars: what it learned on one stretch of time holds on the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.test_engine import bits, live
from tickcast.clock import MINUTE
from tickcast.features import FeatureSet
from tickcast.features.anatomy import lookback, tree

pytest.importorskip("hmmlearn")


@pytest.fixture(scope="module")
def nq(market_data: Path) -> pl.DataFrame:
    """14 weeks of 5-minute bars from October 2019."""
    minutes = pl.scan_parquet(market_data / "nq" / "nq_1m_2019_2024h1.parquet").slice(250_000, 100_000)
    bars = (
        minutes.sort("ts_open")
        .group_by_dynamic("ts_open", every="5m", closed="left", label="right")
        .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last())
        .collect()
        .with_columns(pl.col("open", "high", "low", "close").cast(pl.Float64))
    )
    stamps = {"ts": pl.col("ts_open").dt.epoch("ns"), "session_id": pl.lit(0, pl.Int64), "segment_id": pl.lit(0, pl.Int64)}
    return bars.with_columns(**stamps).drop("ts_open")


def test_states_learned_on_nq_hold_on_the_weeks_after(nq: pl.DataFrame) -> None:
    half = len(nq) // 2
    features = FeatureSet.load("regime").fit(nq, int(nq["ts"][half]))
    table = features.compute(nq)
    warm = max(features.warmup.values())
    assert np.isfinite(table.values[warm:]).all()
    assert (bits(table.values) == bits(live(features, nq, restart=half))).all()

    after = slice(half + 1, None)
    states = np.column_stack([table.column(name) for name in ("calm", "usual", "wild")])[after]
    assert np.abs(states.sum(axis=1) - 1).max() < 1e-12
    coming = np.abs(table.column("r")[after][1:])  # the next bar's return
    said = states[:-1].argmax(axis=1)
    calm, usual, wild = (float(np.mean(coming[said == j])) for j in range(3))
    assert 1.3 * calm < usual < wild / 1.3
    volatility = table.column("garch_vol")[after][:-1]
    assert np.corrcoef(volatility, coming)[0, 1] > 0.25
    assert 0.6 < np.std(table.column("surprise")[after]) < 1.7
    assert np.corrcoef(np.log(volatility), states[:-1, 2])[0, 1] > 0.5
    broken = table.column("change_1h")[after]
    assert broken.min() >= 0 and broken.max() <= 1 + 1e-12
    assert np.mean(broken > 0.5) < 0.5


def test_what_a_regime_looks_back_on_is_told() -> None:
    features = FeatureSet.load("regime")
    assert lookback(features, "calm").fades
    assert tree(features, "calm").text == "fitted hmm_1"
    assert tree(features, "change_1h").text == "fitted bocpd_change"
    assert features.warmup["change_1h"] == 13
    assert features.graph()["step"] == 5 * MINUTE
