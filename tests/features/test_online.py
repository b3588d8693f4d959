"""Online values: the last row and nothing else, stale as declared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_market
from tickcast.clock import MINUTE
from tickcast.errors import FeatureError, StaleFeature
from tickcast.features import FeatureSet, OnlineFeatures

FEATURES = FeatureSet.from_dict(small_market.WORDS)


def test_the_last_row_of_the_engine_is_what_is_answered() -> None:
    online, engine, frame = OnlineFeatures(FEATURES, ["A", "B"]), FEATURES.stream(), small_market.bars()
    table = FEATURES.compute(frame)
    assert online.get("A", now=0) is None
    for i, (ts, close, session, segment) in enumerate(frame.select("ts", "close", "session_id", "segment_id").rows()):
        online.feed("A", engine.push(ts, session, segment, [close]))
        found = online.get("A", now=ts + 10**15)
        assert found is not None
        assert (found.ts, found.session, found.segment, found.price) == (ts, session, segment, close)
        assert found.values.tobytes() == table.values[i].tobytes()
    assert online.get("B", now=0) is None
    online.fill("B", table)
    one, two = online.get("A", ["rv"], now=0), online.get("B", ["rv", "r"], now=0)
    assert one is not None and two is not None
    assert one.names == ("rv",) and one.values[0] == two.values[0] == table.column("rv")[-1]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10), st.one_of(st.none(), st.integers(0, 10)), st.integers(-5, 25), st.booleans())
def test_stale_is_what_is_older_than_its_time_to_live(first: int, second: int | None, age: int, raises: bool) -> None:
    ttl = {"r": first} | ({} if second is None else {"rv": second})
    online = OnlineFeatures(FEATURES, ["A"], ttl=ttl, stale="error" if raises else "nan")
    online.feed("A", [(90, 1, 1, 1.0, [5.0, 5.0]), (100, 1, 1, 1.0, [7.0, 8.0])])
    expected = [math.nan if age > first else 7.0, math.nan if second is not None and age > second else 8.0]
    if not raises or not np.isnan(expected).any():
        found = online.get("A", now=100 + age)
        assert found is not None
        np.testing.assert_array_equal(found.values, expected)
        return
    for name, value in zip(("r", "rv"), expected, strict=True):
        if math.isnan(value):
            with pytest.raises(StaleFeature, match=f"field {name}"):
                online.get("A", [name], now=100 + age)
        else:
            assert online.get("A", [name], now=100 + age) is not None


def test_what_does_not_belong_is_refused_and_changes_nothing() -> None:
    online = OnlineFeatures(FEATURES, ["A"], ttl="1m")
    online.feed("A", [(MINUTE, 0, 0, 1.0, [1.0, 2.0])])
    for rows in ([(MINUTE - 1, 0, 0, 1.0, [1.0, 3.0])], [(2 * MINUTE, 0, 0, 1.0, [1.0])]):
        with pytest.raises(FeatureError):
            online.feed("A", rows)
    found = online.get("A", now=2 * MINUTE)
    assert found is not None and found.values.tolist() == [1.0, 2.0]
    with pytest.raises(FeatureError, match="Did you mean 'A'"):
        online.get("AB", now=0)
    with pytest.raises(FeatureError, match="nosuch"):
        online.get("A", ["nosuch"], now=0)
    with pytest.raises(FeatureError, match="Give one of r, rv"):
        online.fill("A", FEATURES.compute(small_market.bars()).select(["r"]))
    with pytest.raises(FeatureError, match="field nosuch"):
        OnlineFeatures(FEATURES, ["A"], ttl={"nosuch": 1})
    with pytest.raises(FeatureError, match="stale"):
        OnlineFeatures(FEATURES, ["A"], stale="never")  # type: ignore[arg-type]
