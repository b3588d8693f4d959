"""alpha158 agrees with the published definitions: on ticks full of ties, on real bars of many contracts, and with qlib's own operators."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from features.published158 import WINDOWS, published
from house import checkout
from tickcast.features import FeatureSet, FeatureTable

DATA = Path(os.environ.get("TICKCAST_TEST_DATA", checkout.ROOT.parent / "shared" / "data"))
RIVALS = Path(os.environ.get("TICKCAST_RIVALS", checkout.ROOT / ".venv" / "rivals"))


def market(n: int, seed: int = 0, tick: float = 0.25) -> dict[str, np.ndarray]:
    """Bars on a coarse tick: closes, highs and volumes repeat often."""
    rng = np.random.default_rng(seed)
    close = 100 + tick * np.cumsum(rng.integers(-3, 4, n))
    first = np.concatenate([[close[0]], close[:-1]])
    high, low = np.maximum(first, close) + tick * rng.integers(0, 3, n), np.minimum(first, close) - tick * rng.integers(0, 3, n)
    volume = rng.integers(1, 40, n).astype(float)
    return {"open": first, "high": high, "low": low, "close": close, "volume": volume, "turnover": volume * (high + low + close) / 3}


def ours(frame: dict[str, np.ndarray]) -> FeatureTable:
    n = len(frame["close"])
    return FeatureSet.load("alpha158").compute(pl.DataFrame({"ts": np.arange(1, n + 1) * 60_000_000_000, **frame}))


def test_names_and_order_are_the_published_ones() -> None:
    names = FeatureSet.load("alpha158").names
    assert names[:13] == ("KMID", "KLEN", "KMID2", "KUP", "KUP2", "KLOW", "KLOW2", "KSFT", "KSFT2", "OPEN0", "HIGH0", "LOW0", "VWAP0")
    assert len(names) == 158
    assert set(names) == set(published(market(100)))
    assert names[13:18] == tuple(f"ROC{d}" for d in WINDOWS)
    assert names[-1] == "VSUMD60"


def agrees(frame: dict[str, np.ndarray]) -> int:
    """How many numbers were compared; every number that the definitions give is ours, and NaN is NaN."""
    table, expected = ours(frame), published(frame)
    compared = 0
    for name in table.names:
        assert_allclose(table.column(name), expected[name], rtol=1e-8, atol=1e-10, err_msg=name)
        compared += int(np.isfinite(expected[name]).sum())
    return compared


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_published_definitions(seed: int) -> None:
    assert agrees(market(700, seed)) > 90_000


def test_it_is_the_published_definitions_on_real_bars() -> None:
    path = DATA / "shfe" / "futures_5m_2023-03.csv.xz"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    import pandas as pd

    bars = pd.read_csv(path)
    compared = 0
    for _, one in bars[bars.volume > 0].groupby("symbol"):
        frame = {name: one[name].to_numpy(float) for name in ("open", "high", "low", "close", "volume")}
        middle = (frame["high"] + frame["low"] + frame["close"]) / 3  # the file has no turnover
        compared += agrees({**frame, "turnover": middle * frame["volume"]})
    assert compared > 2_500_000


def test_a_still_market_has_no_correlation_and_no_fit() -> None:
    frame = {name: np.full(200, 7.25) for name in ("open", "high", "low", "close")}
    table = ours({**frame, "volume": np.full(200, 3.0), "turnover": np.full(200, 3 * 7.25)})
    for d in WINDOWS:
        assert np.isnan(table.column(f"CORR{d}")).all()
        assert np.isnan(table.column(f"RSQR{d}")).all()
        assert (table.column(f"BETA{d}")[d:] == 0).all()
        assert (table.column(f"IMAX{d}")[d:] == 1 / d).all()  # the first of equal ones is the oldest
        assert (table.column(f"RANK{d}")[d:] == (d + 1) / (2 * d)).all()


def test_it_is_what_qlib_computes(tmp_path: Path) -> None:
    python = RIVALS / "bin" / "python"
    if not python.is_file():
        pytest.skip("qlib is not installed; `make bench` installs it")
    # qlib keeps its data as float32
    frame = {name: values.astype(np.float32).astype(float) for name, values in market(400, tick=0.5).items()}
    frame["vwap"] = (frame["turnover"] / frame["volume"]).astype(np.float32).astype(float)
    np.savez(tmp_path / "in.npz", **{name: values[None] for name, values in frame.items()})
    script = checkout.ROOT / "benchmarks" / "rivals.py"
    done = subprocess.run(
        [python, script, "qlib", tmp_path / "in.npz", "--out", tmp_path / "out.npz"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    theirs, table = np.load(tmp_path / "out.npz"), ours(frame)
    for name in table.names:
        warm = ~np.isnan(table.column(name))
        assert warm[60:].mean() > 0.99, name
        assert_allclose(table.column(name)[warm], theirs[name][0][warm], rtol=2e-5, atol=2e-5, err_msg=name)
