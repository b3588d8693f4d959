from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.clock import MINUTE
from tickcast.errors import ConfigError, SplitError
from tickcast.splits import Chronological
from tickcast.targets import Labels


def _labels(start: np.ndarray, length: np.ndarray) -> Labels:
    return Labels(("a",), np.zeros((len(start), 1)), start, (start + length)[:, None])


@given(st.integers(30, 200), st.integers(0, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_no_label_meets_a_later_part(n: int, longest: int, embargo: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, 3 * n, n)) * MINUTE
    labels = _labels(start, rng.integers(0, longest + 1, n) * MINUTE)
    try:
        split = next(Chronological(embargo=f"{embargo}m").split(labels, np.ones(n, bool)))
    except SplitError:
        return
    for early, late in ((split.train, split.valid), (split.valid, split.test)):
        assert labels.end[early].max() + embargo * MINUTE < start[late].min()
    assert len(split.train) + len(split.valid) + len(split.test) + split.purged == n


def test_dates_are_inclusive_and_the_purge_ignores_row_counts() -> None:
    day = 24 * 60 * MINUTE
    start = np.arange(0, 9 * day, 60 * MINUTE)
    by_date = Chronological(by="date", train_until="1970-01-03", valid_until="1970-01-06", embargo="2h")
    labels = _labels(start, np.full(len(start), 3 * 60 * MINUTE))
    split = next(by_date.split(labels, np.ones(len(start), bool)))
    assert start[split.train[-1]] == 3 * day - 6 * 60 * MINUTE  # 18:00 + 3 h + 2 h = 23:00 is clear, 19:00 would reach midnight
    thin = np.arange(len(start)) % 2 == 0
    thinned = next(by_date.split(labels, thin))
    assert set(thinned.train) == {r for r in split.train if thin[r]}


def test_an_empty_part_is_named_with_the_data_range() -> None:
    start = np.arange(10) * MINUTE
    with pytest.raises(SplitError, match="test part is empty.*1970-01-01"):
        next(_empty_test(start))


def _empty_test(start: np.ndarray):  # type: ignore[no-untyped-def]
    more = np.concatenate([start, start + 24 * 60 * MINUTE])
    return Chronological(by="date", train_until="1970-01-01", valid_until="1970-01-02").split(_labels(more, more * 0), np.ones(20, bool))


def test_dates_out_of_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="order"):
        Chronological(by="date", train_until="2022-01-01", valid_until="2021-01-01")
