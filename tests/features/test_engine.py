"""Laws of the engine: the slow evaluator agrees, batch = stream = restart to the bit, the future changes nothing."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.expressions import EXPRESSION, ROWS, Case, seconds
from tickcast.clock import SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable


def bars(rows: list[tuple[int, float, float]], sessions: int = 10**9, segments: int = 10**9) -> pl.DataFrame:
    ts = np.cumsum([seconds(gap) for gap, _, _ in rows])
    order = np.arange(len(rows))
    return pl.DataFrame(
        {
            "ts": ts,
            "close": [x for _, x, _ in rows],
            "volume": [y for _, _, y in rows],
            "session_id": (order // sessions + 1) * seconds(10_000),
            "segment_id": order // segments,
        }
    )


def on_bars(expression: str, session: str = "carry") -> FeatureSet:
    clock = {"on": "bars", "step": "1s"}
    words = {"name": "t", "stream": "bars", "clock": clock, "session": session, "price": "close", "features": {"f": expression}}
    return FeatureSet.from_dict(words)


def live(features: FeatureSet, frame: pl.DataFrame, restart: int | None = None) -> np.ndarray:
    engine, rows = features.stream(), []
    stamps = frame.select("ts", "session_id", "segment_id").rows()
    for i, (stamp, values) in enumerate(zip(stamps, frame.select(features.columns).rows(), strict=True)):
        if i == restart:
            state = engine.save()
            engine = features.stream()
            engine.restore(state)
        rows += engine.push(*stamp, values)
    rows += engine.advance(stamps[-1][0])
    return np.array([row[4] for row in rows]).reshape(-1, len(features.names))


def bits(values: np.ndarray) -> np.ndarray:
    """Bit patterns, all NaN taken as one."""
    return np.where(np.isnan(values), np.int64(-1), np.ascontiguousarray(values).view(np.int64))


@settings(max_examples=150, deadline=None)
@given(EXPRESSION, ROWS)
def test_the_slow_evaluator_agrees(case: Case, rows: list[tuple[int, float, float]]) -> None:
    text, answer = case
    frame = bars(rows)
    clean = [[v if math.isfinite(v) else math.nan for v in frame[name].to_list()] for name in ("close", "volume")]
    expected = np.array(answer(frame["ts"].to_list(), *clean))
    found = on_bars(text).compute(frame, step=SECOND).values[:, 0]
    assert np.isclose(found, expected, rtol=1e-7, atol=1e-6, equal_nan=True).all(), text


@settings(max_examples=100, deadline=None)
@given(EXPRESSION, ROWS, st.sampled_from(["carry", "reset"]), st.integers(1, 40), st.integers(3, 50), st.integers(3, 50))
def test_batch_is_stream_is_restart(case: Case, rows: list, session: str, restart: int, sessions: int, segments: int) -> None:
    features, frame = on_bars(case[0], session), bars(rows, sessions, segments)
    batch = bits(features.compute(frame, step=SECOND).values)
    assert (batch == bits(live(features, frame))).all()
    assert (batch == bits(live(features, frame, restart % len(rows)))).all()


@settings(max_examples=60, deadline=None)
@given(EXPRESSION, ROWS, ROWS)
def test_the_future_changes_nothing(case: Case, past: list, future: list) -> None:
    features = on_bars(case[0])
    alone = features.compute(bars(past), step=SECOND).values
    together = features.compute(bars(past + future), step=SECOND).values[: len(past)]
    assert (bits(alone) == bits(together)).all()


def trades(n: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ts = np.sort(rng.integers(0, seconds(1500), n))
    price = 4000 + np.cumsum(rng.choice([-0.25, 0, 0, 0.25], n))
    close = np.where(ts < seconds(700), seconds(700), seconds(1600))
    size = rng.integers(1, 9, n).astype(float)
    return pl.DataFrame({"ts": ts, "price": price, "size": size, "session_id": close, "segment_id": np.zeros(n, np.int64)})


@pytest.mark.parametrize("seed", range(3))
def test_grid_sets_are_the_same_live(seed: int) -> None:
    frame = trades(4000, seed)
    features = FeatureSet.merge([FeatureSet.load("ash"), FeatureSet.load("es_scale")])
    batch = features.compute(frame)
    assert (bits(batch.values) == bits(live(features, frame, restart=1717))).all()
    assert (np.diff(batch.ts) > 0).all()
    assert (batch.ts % SECOND == 0).all()
    assert (batch.ts <= batch.session).all()


def test_a_grid_row_sees_events_up_to_its_stamp_and_none_after() -> None:
    words = {"name": "t", "stream": "trades", "clock": {"every": "1s"}, "price": "price", "features": {"p": "price", "n": 'count("2s")'}}
    frame = pl.DataFrame({"ts": [seconds(1), seconds(2) - 1, seconds(2), seconds(5)], "price": [1.0, 2.0, 3.0, 4.0]})
    table = FeatureSet.from_dict(words).compute(frame)
    assert table.ts.tolist() == [seconds(t) for t in (1, 2, 3, 4, 5)]
    assert table.column("p").tolist() == [1, 3, 3, 3, 4]
    assert table.column("n")[2:].tolist() == [2, 0, 1]


@pytest.mark.parametrize("name", ["nq24", "nq_price", "ash", "es_scale"])
def test_declared_warmup_is_observed(name: str) -> None:
    features = FeatureSet.load(name)
    if "size" in features.columns:
        table = features.compute(trades(20_000, 1).with_columns(session_id=pl.lit(seconds(1600))))
    else:
        table = features.compute(market(300))
    observed = {feature: int(np.isnan(table.column(feature)).sum()) for feature in features.names}
    assert observed == dict(features.warmup)


def market(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    first = np.concatenate([[close[0]], close[:-1]])
    high, low = np.maximum(first, close) * 1.0003, np.minimum(first, close) * 0.9997
    frame = {"ts": np.arange(1, n + 1) * seconds(300), "open": first, "high": high, "low": low, "close": close}
    return pl.DataFrame(frame | {"volume": rng.integers(1, 500, n).astype(float)})


def test_sliding_sums_do_not_drift() -> None:
    n = 200_000
    rng = np.random.default_rng(2)
    x = rng.normal(size=n) * np.where(np.arange(n) % 1000 == 0, 1e12, 1.0)
    frame = pl.DataFrame({"ts": np.arange(n) * SECOND, "close": x})
    table: FeatureTable = on_bars("sum(close, 50)").compute(frame, step=SECOND)
    assert table.values[-1, 0] == pytest.approx(math.fsum(x[-50:]), rel=1e-12)


def test_deviation_survives_a_large_level() -> None:
    x = 1e8 + np.tile([0.0, 1.0], 500)
    frame = pl.DataFrame({"ts": np.arange(1000) * SECOND, "close": x})
    assert on_bars("std(close, 100)").compute(frame, step=SECOND).values[-1, 0] == pytest.approx(np.std(x[-100:], ddof=1), rel=1e-12)
    flat = frame.with_columns(close=pl.lit(0.1))
    assert on_bars("std(close, 100)").compute(flat, step=SECOND).values[-1, 0] == 0


def test_an_event_out_of_order_leaves_the_state_alone() -> None:
    engine = on_bars("sum(close, 2)").stream()
    engine.push(seconds(5), 0, 0, [1.0])
    before = engine.save()
    with pytest.raises(FeatureError, match="before"):
        engine.push(seconds(4), 0, 0, [1.0])
    with pytest.raises(FeatureError, match="columns"):
        engine.push(seconds(6), 0, 0, [1.0, 2.0])
    assert engine.save() == before
    with pytest.raises(FeatureError):
        engine.restore(before[:-8])
    with pytest.raises(FeatureError):
        on_bars("sum(close, 3)").stream().restore(before)
