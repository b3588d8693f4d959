from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.errors import ModelError
from tickcast.features.table import FeatureTable
from tickcast.views import Standardizer, eligible, windows


def _table(values: np.ndarray, segment: np.ndarray) -> FeatureTable:
    n = len(values)
    ts = np.arange(n, dtype=np.int64)
    return FeatureTable(("a",), ts, np.full(n, n, np.int64), segment, np.ones(n), values[:, None], 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40), st.integers(1, 6))
def test_eligible_means_one_segment_and_all_ready(rows: list[tuple[bool, int]], length: int) -> None:
    values = np.array([1.0 if ready else np.nan for ready, _ in rows])
    segment = np.cumsum([step == 0 for _, step in rows]).astype(np.int64)
    found = eligible(_table(values, segment), np.arange(len(rows)), length)
    for r in range(len(rows)):
        part = slice(r - length + 1, r + 1)
        whole = r >= length - 1 and np.isfinite(values[part]).all() and len(set(segment[part])) == 1
        assert found[r] == whole


def test_windows_are_the_rows_up_to_the_end_oldest_first() -> None:
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    got = windows(values, np.array([2, 9]), 3)
    assert np.array_equal(got, np.stack([values[0:3], values[7:10]]))


@pytest.mark.parametrize("end", [1, 10])
def test_a_window_outside_the_table_is_refused(end: int) -> None:
    with pytest.raises(ModelError, match="does not fit"):
        windows(np.zeros((10, 2), np.float32), np.array([end]), 3)


def test_standardizer_round_trip_clips_and_keeps_nan_visible() -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.normal(3, 2, 500), np.full(500, 0.1)])
    fitted = Standardizer.fit(matrix, clip=2.0)
    again = Standardizer.parse(fitted.parameters())
    assert np.array_equal(fitted.apply(matrix), again.apply(matrix))
    assert fitted.std[1] == 1.0
    assert np.abs(fitted.apply(matrix * 100)).max() == 2.0
    assert np.isnan(fitted.apply(np.array([[np.nan, 0.0]]))[0, 0])
    with pytest.raises(ModelError, match="not finite"):
        Standardizer.fit(np.array([[np.inf]]))
