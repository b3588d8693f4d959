"""Cleaning: what was broken is set aside with its reason, the neighbours stay."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.cleaning import Cleaned, clean, late_rows
from tickcast.schema import BARS, TRADES

NAN, INF = float("nan"), float("inf")
T = 1_700_000_000_000_000_000
GOOD = {"symbol": "A", "ts": T, "price": 5.0, "size": 1.0}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", NAN, "price_not_finite"),
        ("price", -INF, "price_not_finite"),
        ("price", 0.0, "price_not_positive"),
        ("price", -0.0, "price_not_positive"),
        ("price", -1.0, "price_not_positive"),
        ("price", 1e18, "price_implausible"),
        ("price", None, "price_missing"),
        ("size", 0.0, "size_not_positive"),
        ("size", NAN, "size_not_finite"),
        ("ts", None, "ts_missing"),
        ("ts", -4, "ts_implausible"),
        ("ts", 9_000_000_000_000_000_000, "ts_implausible"),
        ("ts", 4_000_000_000_000_000_000, "ts_ahead"),
        ("symbol", None, "symbol_missing"),
    ],
)
def test_one_bad_trade_is_quarantined_and_its_neighbours_stay(field: str, value: object, reason: str) -> None:
    rows = [{**GOOD, "ts": T + n} for n in range(5)]
    rows[2] = {**rows[2], field: value}
    cleaned: Cleaned = clean(pl.DataFrame(rows, infer_schema_length=None), TRADES)
    assert dict(cleaned.counts) == {reason: 1}
    assert cleaned.quarantined["row"].to_list() == [3]
    assert cleaned.frame["ts"].to_list() == [T, T + 1, T + 3, T + 4]


def test_two_equal_trades_stay_two_and_two_equal_bars_become_one() -> None:
    cleaned = clean(pl.DataFrame([GOOD, GOOD]), TRADES)
    assert cleaned.frame["sequence"].to_list() == [0, 1]
    bar = {"symbol": "A", "interval": 60, "ts": T + 60, "ts_open": T, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.0}
    assert dict(clean(pl.DataFrame([bar, bar]), BARS).counts) == {"duplicate": 1}
    assert dict(clean(pl.DataFrame([{**bar, "low": 1.5}]), BARS).counts) == {"ohlc_inconsistent": 1}


@given(st.lists(st.integers(0, 9), max_size=9))
def test_late_rows_are_the_fewest(stamps: list[int]) -> None:
    ts = np.array(stamps, dtype=np.int64)
    kept = ts[~late_rows(ts)] if ts.size else ts
    assert (np.diff(kept) >= 0).all()
    best = [0] * len(stamps)
    for i, stamp in enumerate(stamps):
        best[i] = 1 + max([best[j] for j in range(i) if stamps[j] <= stamp], default=0)
    assert kept.size == max(best, default=0)
