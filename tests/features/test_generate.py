"""Generated features: names that are taken, too many; then the same set again, no line twice, and each the laws hold for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_market
from tickcast.checks.verdict import verdicts
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.generate import MOST, Recipe, generate

BARE = Recipe(lags=(), diffs=(), means=(), stds=(), ewms=(), squares=False, products=False, ratios=False)
ROWS = st.lists(st.integers(1, 30), max_size=3).map(tuple)


def test_a_name_that_is_taken() -> None:
    lines = {"r": "close / lag(close, 1)", "r_squared": "1 / close"}
    with pytest.raises(FeatureError, match="r_squared"):
        generate({**small_market.WORDS, "features": lines})


def test_a_feature_that_is_not_there() -> None:
    with pytest.raises(FeatureError, match="no feature 'q'"):
        generate(small_market.WORDS, only=["q"])


def test_too_many() -> None:
    with pytest.raises(FeatureError, match=f"more than {MOST} lines"):
        generate(small_market.WORDS, Recipe(lags=tuple(range(1, 1200))))


@settings(max_examples=25, deadline=None)
@given(lags=ROWS, diffs=ROWS, means=ROWS, stds=ROWS, ewms=ROWS, two=st.booleans())
def test_a_generated_set_is_a_set_without_a_line_twice(
    lags: tuple[int, ...], diffs: tuple[int, ...], means: tuple[int, ...], stds: tuple[int, ...], ewms: tuple[int, ...], two: bool
) -> None:
    recipe = Recipe(lags, diffs, means, stds, ewms, two, two, two)
    words = generate(small_market.WORDS, recipe)
    assert list(words["features"])[:2] == ["r", "rv"] and words == generate(small_market.WORDS, recipe)
    nodes = [feature["node"] for feature in FeatureSet.from_dict(words).graph()["features"]]
    assert len(set(nodes)) == len(nodes)


def test_a_mean_of_one_row_is_the_feature_itself() -> None:
    assert "r_lag_3" in generate(small_market.WORDS, Recipe(lags=(3,)), only=["r"])["features"]
    assert not [name for name in generate(small_market.WORDS, Recipe(lags=(3,)), only=["r"])["features"] if name.startswith("rv_")]
    assert generate(small_market.WORDS, BARE)["features"] == small_market.WORDS["features"]


def test_what_is_generated_means_what_its_name_says_and_keeps_the_laws() -> None:
    words, events = generate(small_market.WORDS), small_market.bars(200)
    table = FeatureSet.from_dict(words).compute(events)
    r, rv = table.column("r"), table.column("rv")
    np.testing.assert_array_equal(table.column("rv_lag_5")[5:], rv[:-5])
    np.testing.assert_allclose(table.column("r_mean_5")[30], r[26:31].mean(), rtol=1e-12)
    np.testing.assert_allclose(table.column("r_std_20")[60], r[41:61].std(ddof=1), rtol=1e-12)
    np.testing.assert_array_equal(table.column("r_times_rv"), r * rv)
    np.testing.assert_array_equal(table.column("r_over_rv"), r / rv)
    np.testing.assert_array_equal(table.column("r_squared"), r * r)
    found = verdicts(words, events, np.random.default_rng(3))
    assert len(found) == len(words["features"]) == 24 and all(each.ok for each in found)
