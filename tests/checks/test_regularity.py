"""Windows of time on rows that come when they like: no false alarm, and a leak among them is still found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from tickcast.checks.regularity import unmeasured_warmups
from tickcast.checks.verdict import verdicts
from tickcast.clock import SECOND
from tickcast.features import FeatureSet, FeatureTable

LINES = {
    "rows": "mean(price, 20)",
    "time": 'sum(size, "30s")',
    "nested": 'mean(lag(log(price / lag(price, "5s")), 3), "20s")',
    "decay": 'ewm_mean(price, halflife="3s")',
}
WORDS = {"name": "t", "stream": "trades", "clock": {"on": "trades", "step": "1s"}, "price": "price", "features": LINES}


def trades(even: bool, n: int = 900) -> pl.DataFrame:
    rng = np.random.default_rng(4)
    gaps = np.full(n, SECOND) if even else (rng.exponential(0.5, n) * rng.choice([0.1, 4.0], n) * SECOND).astype(np.int64) + 1
    price = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, n)))
    return pl.DataFrame({"ts": np.cumsum(gaps), "price": price, "size": rng.integers(1, 9, n).astype(float)})


def test_only_time_on_uneven_rows_is_not_counted_in_rows() -> None:
    features = FeatureSet.from_dict(WORDS)
    assert unmeasured_warmups(features, trades(True)) == frozenset()
    assert unmeasured_warmups(features, trades(False)) == {"time", "nested", "decay"}
    grid = FeatureSet.from_dict({**WORDS, "clock": {"every": "1s"}})
    assert unmeasured_warmups(grid, trades(False)) == frozenset()


@pytest.mark.parametrize("even", [True, False])
def test_clean_features_raise_no_alarm(even: bool) -> None:
    found = verdicts(WORDS, trades(even), np.random.default_rng(1))
    assert all(each.ok for each in found), [str(one) for each in found for one in each.broken]
    assert [bool(each.remark) for each in found] == [False, not even, not even, not even]


def test_a_leak_among_them_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., FeatureTable] = FeatureSet.compute

    def ahead(self: FeatureSet, *given: Any, **named: Any) -> FeatureTable:
        table = honest(self, *given, **named)
        table.values[:-1, 1] = table.values[1:, 1].copy()
        return table

    monkeypatch.setattr(FeatureSet, "compute", ahead)
    found = verdicts(WORDS, trades(False), np.random.default_rng(1))
    assert [each.ok for each in found] == [True, False, True, True]
