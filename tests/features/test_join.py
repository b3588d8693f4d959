"""The point-in-time join: polars agrees, the future changes nothing, a time to live is kept to the nanosecond."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import market_rows
from tickcast.errors import FeatureError
from tickcast.features import AsOf, FeatureTable, as_of, join
from tickcast.splits import Chronological
from tickcast.targets import ForwardReturn
from tickcast.views import View

STAMPS = st.lists(st.integers(0, 40), max_size=25).map(sorted)
VALUES = st.sampled_from([1.0, -2.5, 3.0, np.nan])


def table(ts: list[int], values: list[float], names: tuple[str, ...] = ("x", "y"), segment: int = 0) -> FeatureTable:
    n = len(ts)
    stamps, flat = np.array(ts, np.int64), np.array(values, np.float64).reshape(n, len(names))
    return FeatureTable(names, stamps, np.zeros(n, np.int64), np.full(n, segment), np.ones(n), flat, 1)


def drawn(data: st.DataObject, ts: list[int]) -> FeatureTable:
    return table(ts, data.draw(st.lists(VALUES, min_size=2 * len(ts), max_size=2 * len(ts))))


@settings(max_examples=200, deadline=None)
@given(STAMPS, STAMPS, st.data())
def test_polars_join_asof_agrees(ts: list[int], at: list[int], data: st.DataObject) -> None:
    source = drawn(data, ts)
    lives = data.draw(st.tuples(st.integers(0, 8), st.integers(0, 8)))
    found = as_of(np.array(at, np.int64), AsOf(source, dict(zip("xy", lives, strict=True))))
    left = pl.DataFrame({"at": at}, schema={"at": pl.Int64})
    for column, (name, most) in enumerate(zip("xy", lives, strict=True)):
        right = pl.DataFrame({"ts": source.ts, name: source.values[:, column]}, schema={"ts": pl.Int64, name: pl.Float64})
        oracle = left.join_asof(right, left_on="at", right_on="ts", strategy="backward", tolerance=most)
        np.testing.assert_array_equal(found[:, column], oracle[name].fill_null(float("nan")).to_numpy())


@settings(max_examples=100, deadline=None)
@given(STAMPS, STAMPS, st.integers(0, 40), st.data())
def test_what_is_stamped_later_changes_nothing(ts: list[int], at: list[int], cut: int, data: st.DataObject) -> None:
    source = drawn(data, ts)
    past = [stamp for stamp in ts if stamp <= cut]
    later = sorted(data.draw(st.lists(st.integers(cut + 1, 60), max_size=10)))
    values = [*source.values[: len(past)].ravel().tolist(), *[7.0] * (2 * len(later))]
    moments = np.array([stamp for stamp in at if stamp <= cut], np.int64)
    changed = as_of(moments, AsOf(table([*past, *later], values), ttl=5))
    assert changed.tobytes() == as_of(moments, AsOf(source, ttl=5)).tobytes()


@settings(max_examples=50, deadline=None)
@given(STAMPS, STAMPS, st.randoms(use_true_random=False), st.data())
def test_the_order_of_the_moments_does_not_matter(ts: list[int], at: list[int], rng: random.Random, data: st.DataObject) -> None:
    source, order = drawn(data, ts), list(range(len(at)))
    rng.shuffle(order)
    moments = np.array(at, np.int64)
    assert as_of(moments[order], AsOf(source, ttl=3)).tobytes() == as_of(moments, AsOf(source, ttl=3))[order].tobytes()


def test_an_unknown_value_is_not_replaced_by_an_older_one() -> None:
    source = table([1, 2], [1.0, 1.0, np.nan, 2.0])
    np.testing.assert_array_equal(as_of(np.array([2]), AsOf(source)), [[np.nan, 2.0]])


def test_a_row_of_another_contract_is_unknown_where_that_is_asked() -> None:
    source, at = table([1], [1.0, 2.0], segment=3), table([1, 2], [0.0] * 4, ("u", "v"), segment=4)
    assert np.isnan(join(at, [AsOf(source, same_segment=True)]).column("x")).all()
    assert join(at, [AsOf(source)]).column("x").tolist() == [1.0, 1.0]
    with pytest.raises(FeatureError, match="segment"):
        as_of(at.ts, AsOf(source, same_segment=True))


def test_names_meet() -> None:
    one = table([1], [1.0, 2.0])
    with pytest.raises(FeatureError, match="'x'"):
        join(one, [AsOf(one)])
    assert join(one, [AsOf(one, prefix="b_")]).names == ("x", "y", "b_x", "b_y")
    with pytest.raises(FeatureError, match="field z"):
        join(one, [AsOf(one, {"z": 1}, "b_")])


def test_labels_and_views_go_on_over_joined_rows() -> None:
    rows = market_rows.table(200)
    labels = ForwardReturn(("1m",)).label(rows)
    slow = table(rows.ts[::7].tolist(), np.arange(2.0 * len(rows.ts[::7])).tolist())
    wide = join(rows, [AsOf(slow, ttl="3m")])
    split = next(iter(Chronological(embargo="1m").split(labels, wide.ready(rows.names))))
    matrix = View(wide, labels, split.train).matrix(("x",))[:, 0]
    age = (rows.ts - rows.ts[(np.arange(len(rows)) // 7) * 7])[split.train]
    np.testing.assert_array_equal(np.isnan(matrix), age > 180_000_000_000)
