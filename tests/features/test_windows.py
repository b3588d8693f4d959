"""Windows: each operator against its slow twin, against pandas, and a long stream against a fresh start."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from features import expressions, slow
from features.expressions import LEAVES, ROWS, seconds
from features.test_engine import bars, bits, live, on_bars
from tickcast.clock import SECOND
from tickcast.features import FeatureSet

WINDOWS = (
    "sum",
    "mean",
    "var",
    "median",
    "mad",
    "wma",
    "skew",
    "kurt",
    "rank",
    "argmin",
    "argmax",
    "argmin_first",
    "argmax_first",
    "slope",
    "rsquare",
    "resid",
    "min",
    "max",
    "count",
)
PAIRS = ("cov", "corr", "beta")
COLUMNS = st.sampled_from(LEAVES)
SINGLE = [case for kind in ("windows", "memories", "anchored", "filters") for case in getattr(expressions, kind)(COLUMNS)]


@pytest.mark.parametrize("kind", range(len(SINGLE)))
def test_an_operator_over_columns_is_its_slow_twin(kind: int) -> None:
    @settings(max_examples=40, deadline=None)
    @given(SINGLE[kind], ROWS)
    def agrees(case: expressions.Case, rows: list[tuple[int, float, float]]) -> None:
        frame = bars(rows)
        clean = [[v if math.isfinite(v) else math.nan for v in frame[name].to_list()] for name in ("close", "volume")]
        expected = np.array(case[1](frame["ts"].to_list(), *clean))
        found = on_bars(case[0]).compute(frame, step=SECOND).values[:, 0]
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=case[0])

    agrees()


def of(frame: pl.DataFrame, *expressions: str) -> np.ndarray:
    clock = {"on": "bars", "step": "1s"}
    features = {f"f{i}": text for i, text in enumerate(expressions)}
    words = {"name": "t", "stream": "bars", "clock": clock, "price": "close", "features": features}
    return FeatureSet.from_dict(words).compute(frame, step=SECOND).values


def series(x: np.ndarray, y: np.ndarray | None = None) -> pl.DataFrame:
    y = np.ones(len(x)) if y is None else y
    return pl.DataFrame({"ts": np.arange(1, len(x) + 1) * SECOND, "close": x, "volume": y})


def _each(x: Any, n: int, of: Callable[..., Any]) -> Any:
    """(n,) `of` every window, without the bias of small samples; NaN while it fills."""
    return np.concatenate([np.full(n - 1, np.nan), of(np.lib.stride_tricks.sliding_window_view(x, n), axis=1, bias=False)])


@pytest.mark.parametrize("n", [5, 60, 64, 65, 500])
def test_windows_of_rows_are_those_of_pandas(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = 100 + np.cumsum(rng.normal(size=3000)), rng.choice([-1.0, 0.0, 0.25], 3000)
    a, b = pd.Series(x), pd.Series(y)
    expected = {
        f"skew(close, {n})": _each(x, n, stats.skew),  # pandas' own slide loses digits
        f"kurt(close, {n})": _each(x, n, stats.kurtosis),
        f"median(close, {n})": a.rolling(n).median(),
        f"rank(volume, {n})": b.rolling(n).rank(pct=True),
        f"cov(close, volume, {n})": a.rolling(n).cov(b),
        f"std(close, {n})": a.rolling(n).std(),
        f"argmax(close, {n})": n - 1 - a.rolling(n).apply(np.argmax, raw=True),
        f"argmin_first(volume, {n})": n - 1 - b.rolling(n).apply(np.argmin, raw=True),
        f"argmax(volume, {n})": b.rolling(n).apply(lambda w: np.argmax(w[::-1]), raw=True),
    }
    steps = np.arange(n)
    fits = [np.polyfit(steps, x[i - n + 1 : i + 1], 1) for i in range(n - 1, len(x), 97)]
    found = of(
        series(x, y), *expected, f"slope(close, {n})", f"resid(close, {n})", f"corr(close, volume, {n})", f"beta(volume, close, {n})"
    )
    for i, (text, values) in enumerate(expected.items()):
        assert_allclose(found[:, i], values, rtol=1e-6, atol=1e-7, err_msg=text)
    assert_allclose(found[n - 1 :: 97, -4], [fit[0] for fit in fits], rtol=1e-6, atol=1e-9)
    last = x[n - 1 :: 97] - [np.polyval(fit, n - 1) for fit in fits]
    assert_allclose(found[n - 1 :: 97, -3], last, rtol=1e-6, atol=1e-8)
    spread = a.rolling(n).std() * b.rolling(n).std()
    assert_allclose(found[:, -2], np.where(spread > 0, a.rolling(n).cov(b) / spread.where(spread > 0), np.nan), atol=1e-7)
    assert_allclose(found[:, -1], a.rolling(n).cov(b) / a.rolling(n).var(), rtol=1e-6, atol=1e-9)


def stream(kind: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    steps = np.round(rng.standard_t(3, n))
    if kind == "returns":
        return np.diff(np.log(5000 + 0.25 * np.cumsum(steps)), prepend=math.log(5000))
    if kind == "decimal prices":
        return np.round(170 + 0.01 * np.cumsum(steps), 2)
    scale = np.exp(np.cumsum(rng.normal(0, 0.05, n)))
    return rng.normal(size=n) * scale * np.where(rng.random(n) < 1e-3, 1e9, 1.0)


@pytest.mark.parametrize("kind", ["returns", "decimal prices", "wild"])
@pytest.mark.parametrize("window", [20, 300, '"90s"'])
def test_a_long_stream_answers_as_a_fresh_start_to_the_bit(kind: str, window: object) -> None:
    n = 200_000 if kind == "returns" and window == 300 else 40_000
    start = n - 5_000
    frame = series(stream(kind, n), np.abs(stream(kind, n))[::-1])
    texts = [f"{name}(close, {window})" for name in WINDOWS] + [f"{name}(close, volume, {window})" for name in PAIRS]
    texts.append(f"quantile(close, {window}, 0.3)")
    long, fresh = of(frame, *texts)[start:], of(frame[start:], *texts)
    known = np.isfinite(fresh)
    assert (known.sum(axis=0) > 4500).all()
    same = (bits(long) == bits(fresh)) | ~known
    if kind == "wild":  # a sum keeps 106 bits of the largest value since it began, and no more
        same |= np.array([text.startswith(("sum(", "mean(")) for text in texts])
    assert [(text, int((~same[:, i]).sum())) for i, text in enumerate(texts) if not same[:, i].all()] == []


def test_a_sum_recovers_from_a_giant_the_same_live() -> None:
    x = np.random.default_rng(5).normal(size=17_000)
    x[50] = 1e30
    features = on_bars("sum(close, 100)")
    frame = series(x).with_columns(session_id=0, segment_id=0)
    found = features.compute(frame, step=SECOND).values
    assert found[-1, 0] == math.fsum(x[-100:])
    assert (bits(found[-700:]) == bits(live(features, frame, 16_900)[-700:])).all()


def test_what_recurs_forgets_its_start_as_fast_as_it_says() -> None:
    x, start, after = stream("returns", 60_000), 50_000, 2_000
    weights = {"ewm_mean(close, span=20)": 2 / 21, "rma(close, 14)": 1 / 14, "ewm_mean(close, halflife='60s')": 1 - 0.5 ** (1 / 60)}
    long, fresh = of(series(x), *weights)[start:], of(series(x[start:]), *weights)
    for i, weight in enumerate(weights.values()):
        # what is left of the start, and the rounding of one step carried on by the weights of all before it
        bound = np.ptp(x) * ((1 - weight) ** np.arange(len(fresh)) + 4e-16 / weight)
        assert (np.abs(long[:, i] - fresh[:, i])[100:] <= bound[100:]).all()
        assert (bits(long[after:, i]) == bits(fresh[after:, i])).mean() > 0.2


def test_what_is_anchored_at_the_open_has_no_past() -> None:
    frame = series(stream("returns", 6000)).with_columns(session_id=(np.arange(6000) // 1500 + 1) * seconds(1500), segment_id=0)
    texts = [f"cum_{name}(close)" for name in ("sum", "mean", "min", "max", "count", "first")]
    assert (bits(of(frame, *texts)[4500:]) == bits(of(frame[4500:], *texts))).all()


@pytest.mark.parametrize("x", [0.1, 1e8 + 0.3, -7.7])
def test_a_flat_series_has_no_shape(x: float) -> None:
    values = np.concatenate([np.linspace(0, 1e6, 200), np.full(200, x)])
    found = of(series(values), *(f"{name}(close, 50)" for name in ("skew", "kurt", "rsquare", "slope", "resid", "std", "rank")))[-100:]
    assert np.isnan(found[:, :3]).all()
    assert (found[:, 3:6] == 0).all()
    assert (found[:, 6] == 0.51).all()
    both = of(series(values, np.arange(400.0)), "corr(close, volume, 50)", "beta(volume, close, 50)", "beta(close, volume, 50)")[-100:]
    assert np.isnan(both[:, :2]).all()
    assert (both[:, 2] == 0).all()


def test_shape_survives_a_large_level_and_a_passing_giant() -> None:
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=400), 3)
    x[50] = 1e30
    y = 1e9 + np.round(rng.normal(size=400), 3)
    found = of(series(x, y), "skew(close, 100)", "kurt(close, 100)", "kurt(volume, 100)", "corr(close, volume, 100)")[-1]
    a, b = list(x[-100:]), list(y[-100:])
    assert_allclose(found, [slow.skew(a), slow.kurt(a), slow.kurt(b), slow.corr(a, b)], rtol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_correlation_is_never_beyond_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=200)) * 10.0 ** rng.integers(-6, 7)
    found = of(series(x, x * rng.choice([-3.3, 0.1]) + rng.normal()), "corr(close, volume, 3)", "rsquare(close, 2)")
    assert (np.abs(found[2:]) <= 1).all()
    assert_allclose(np.abs(found[2:]), 1, atol=1e-9)


def test_one_nan_is_missing_for_both_series() -> None:
    frame = bars([(1, float(i * i), float(i)) for i in range(12)]).with_columns(
        close=pl.when(pl.col("ts") == seconds(5)).then(None).otherwise(pl.col("close"))
    )
    found = of(frame, "corr(close, volume, 3)", "corr(volume, close, 3)")
    assert np.isnan(found[:, 0]).tolist() == [True, True, False, False, True, True, True, *[False] * 5]
    assert (bits(found[:, 0]) == bits(found[:, 1])).all()
