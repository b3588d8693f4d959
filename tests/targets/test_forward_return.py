from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.clock import MINUTE
from tickcast.errors import ConfigError
from tickcast.features.table import FeatureTable
from tickcast.targets import ForwardReturn


def _table(minutes: list[int], prices: list[float], *, session: list[int] | None = None, segment: list[int] | None = None) -> FeatureTable:
    ts = np.array(minutes, np.int64) * MINUTE
    n = len(ts)
    close = np.array(session if session is not None else [10_000] * n, np.int64) * MINUTE
    return FeatureTable((), ts, close, np.array(segment or [0] * n, np.int64), np.array(prices), np.zeros((n, 0)), MINUTE)


@given(st.lists(st.integers(0, 60), min_size=2, max_size=40, unique=True), st.integers(1, 8))
def test_a_label_needs_every_row_in_between(minutes: list[int], ahead: int) -> None:
    minutes = sorted(minutes)
    prices = [100.0 + m for m in minutes]
    labels = ForwardReturn((f"{ahead}m",)).label(_table(minutes, prices))
    for i, m in enumerate(minutes):
        whole = all(k in minutes for k in range(m, m + ahead + 1))
        assert labels.valid[i, 0] == whole
        assert labels.end[i, 0] - labels.start[i] == (ahead * MINUTE if whole else 0)
        if whole:
            assert labels.values[i, 0] == pytest.approx(np.log((100.0 + m + ahead) / (100.0 + m)))


def test_no_label_crosses_a_segment_or_a_session() -> None:
    table = _table([0, 1, 2, 3], [1.0, 2, 3, 4], session=[1, 1, 3, 3], segment=[0, 0, 0, 1])
    assert ForwardReturn(("1m",)).label(table).valid[:, 0].tolist() == [True, False, False, False]
    assert ForwardReturn(("1m",), "segment").label(table).valid[:, 0].tolist() == [True, True, False, False]


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_bad_price_gives_no_label_at_either_end(bad: float) -> None:
    labels = ForwardReturn(("1m",)).label(_table([0, 1, 2, 3], [1.0, bad, 2.0, 3.0]))
    assert labels.valid[:, 0].tolist() == [False, False, True, False]


def test_bars_within_a_segment_are_counted_over_gaps() -> None:
    table = _table([0, 1, 50, 51], [1.0, 2, 3, 4])
    assert ForwardReturn(("2 bars",), "segment").label(table).valid[:, 0].tolist() == [True, True, False, False]
    assert not ForwardReturn(("2 bars",)).label(table).valid.any()


@pytest.mark.parametrize(("horizon", "match"), [("90s", "multiple"), ("30d", "30d is longer"), ("soon", "soon")])
def test_a_horizon_that_cannot_be_met_is_named(horizon: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        ForwardReturn((horizon,)).label(_table([0, 1], [1.0, 2.0]))
