"""Operators anchored at the session's open or at an event."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from features.expressions import seconds
from features.test_engine import bars, bits, live
from tickcast.clock import SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet

NAMES = ("sum", "mean", "min", "max", "count", "first")


def on_trades(clock: dict[str, str], *expressions: str) -> FeatureSet:
    features = {f"f{i}": text for i, text in enumerate(expressions)}
    return FeatureSet.from_dict({"name": "t", "stream": "trades", "clock": clock, "price": "price", "features": features})


def sessions(policy: str) -> tuple[FeatureSet, pl.DataFrame]:
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1s"}, "session": policy, "price": "close"}
    features = FeatureSet.from_dict(words | {"features": {name: f"cum_{name}(close)" for name in NAMES} | {"s": "since(close > 3)"}})
    return features, bars([(1, float(x), 0.0) for x in (5, 2, 9, 4, 1, 3, 8, 7, 6)], sessions=4)


@pytest.mark.parametrize("policy", ["carry", "reset"])
def test_a_new_session_begins_anew(policy: str) -> None:
    features, frame = sessions(policy)
    table = features.compute(frame)
    assert table.column("min").tolist() == [5, 2, 2, 2, 1, 1, 1, 1, 6]
    assert table.column("max").tolist() == [5, 5, 9, 9, 1, 3, 8, 8, 6]
    assert table.column("count").tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert table.column("first").tolist() == [5, 5, 5, 5, 1, 1, 1, 1, 6]
    assert table.column("mean").tolist() == [5, 3.5, 16 / 3, 5, 1, 2, 4, 4.75, 6]
    kept = [0, 1, 0, 0, 1, 2, 0, 0, 0] if policy == "carry" else [0, 1, 0, 0, np.nan, np.nan, 0, 0, 0]
    assert np.array_equal(table.column("s"), kept, equal_nan=True)
    assert (bits(live(features, frame, 5)) == bits(table.values)).all()


def test_seconds_since_are_counted_to_the_clock() -> None:
    frame = pl.DataFrame({"ts": [seconds(1), seconds(2) - SECOND // 4, seconds(5)], "price": [1.0, 9.0, 1.0], "size": 1.0})
    features = on_trades({"every": "1s"}, "seconds_since(price > 5)", "since(price > 5)")
    table = features.compute(frame)
    assert np.array_equal(table.values[:, 0], [np.nan, 0.25, 1.25, 2.25, 3.25], equal_nan=True)
    assert np.array_equal(table.values[:, 1], [np.nan, 0, 0, 0, 1], equal_nan=True)


def test_windows_of_two_series_are_answered_at_the_clock() -> None:
    rng = np.random.default_rng(0)
    ts = np.cumsum(rng.integers(1, SECOND, 300))
    frame = pl.DataFrame({"ts": ts, "price": rng.normal(size=300), "size": rng.normal(size=300)})
    table = on_trades({"every": "1s"}, 'corr(price, size, "20s")', 'slope(price, "20s")').compute(frame)
    row = -10
    inside = (ts <= table.ts[row]) & (ts > table.ts[row] - seconds(20))
    price, size = frame["price"].to_numpy()[inside], frame["size"].to_numpy()[inside]
    assert table.values[row, 0] == pytest.approx(np.corrcoef(price, size)[0, 1], rel=1e-12)
    assert table.values[row, 1] == pytest.approx(np.polyfit((ts[inside] - ts[0]) / 1e9, price, 1)[0], rel=1e-9)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("skew(close, 2)", "never known. It needs 3 rows"),
        ("corr(close, volume, 1)", "It needs 2 rows"),
        ("corr(close)", "corr takes 2 series"),
        ("corr(close, close)", "needs window"),
        ("slope(close, 0)", "window is 0"),
        ('slope(close, "-5s")', "not a duration"),
        ("rank(close, volume)", "must be a constant"),
        ("since(1)", "since of a constant"),
        ("wavelet(close, 'db3', 2)", "unknown wavelet 'db3'"),
        ("wavelet(close, 'db2', 40)", "level is 40"),
        ("wavelet(close, 3, 3)", "kind cannot be 3"),
        ("frac_diff(close, 0, 5)", "d is 0"),
        ("frac_diff(close, -0.4, 5)", "d is -0.4"),
        ("frac_diff(close, 0.4, 0)", "rows is 0"),
    ],
)
def test_a_bad_call_is_one_clear_line(expression: str, message: str) -> None:
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1s"}, "price": "close", "features": {"f": expression}}
    with pytest.raises(FeatureError) as caught:
        FeatureSet.from_dict(words)
    assert message.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)
