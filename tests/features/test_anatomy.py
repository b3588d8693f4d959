"""What a set is made of: a feature alone is the feature in the set; lookback and tree say what the graph says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_market
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.anatomy import Branch, clock_of, expressions, inputs_of, lookback, part, reads, stream_of, tree, warmup_is_exact

SETS = ("nq24", "har", "ash", "es_scale", "nq_price")


@pytest.mark.parametrize("name", SETS)
def test_every_feature_of_every_set_can_be_told(name: str) -> None:
    features = FeatureSet.load(name)
    assert tuple(expressions(features)) == features.names
    assert set(inputs_of(features)) == {stream_of(features)}
    assert clock_of(features) in ("on bars", "every 1s")
    for each in features.names:
        alone = part(features, each)
        assert each in alone.names and set(alone.columns) <= set(features.columns)
        assert alone.warmup[each] == features.warmup[each]
        assert str(lookback(alone, each)) == str(lookback(features, each))
        assert tree(features, each).text
        assert dict(reads(alone, each)) == dict(reads(features, each))


def test_only_what_a_feature_reads_changes_it() -> None:
    features = FeatureSet.load("nq24")
    frame = pl.DataFrame(
        {"ts": np.arange(1, 201) * 300_000_000_000} | {n: 100 + np.random.default_rng(1).random(200) for n in features.columns}
    )
    table = features.compute(frame)
    for column in features.columns:
        other = features.compute(frame.with_columns(pl.col(column) * 1.01 + 0.1))
        for name in features.names:
            same = other.column(name).tobytes() == table.column(name).tobytes()
            assert same != (column in reads(features, name)["bars"]), (name, column)


@pytest.mark.parametrize("name", ["nq24", "nq_price"])
def test_what_does_not_fade_forgets_all_before_its_lookback(name: str) -> None:
    features, n, rng = FeatureSet.load(name), 150, np.random.default_rng(2)
    frame = pl.DataFrame({"ts": np.arange(1, n + 1) * 300_000_000_000} | {name: 100 + rng.random(n) for name in features.columns})
    last = features.compute(frame).values[-1]
    backs = {name: lookback(features, name) for name in features.names}
    assert 10 < sum(not back.fades for back in backs.values()) < len(backs)
    for rows in {back.rows for back in backs.values() if not back.fades}:
        old = pl.int_range(pl.len()) < n - 1 - rows
        other = frame.with_columns(pl.when(old).then(pl.col(name) * 3).otherwise(pl.col(name)) for name in features.columns)
        found = features.compute(other).values[-1]
        for i, (name, back) in enumerate(backs.items()):
            if not back.fades and back.rows <= rows:
                assert found[i] == last[i], (name, rows)
            elif not back.fades and back.rows == rows + 1:
                assert found[i] != last[i], (name, rows)


def test_a_feature_alone_is_the_feature_in_the_set() -> None:
    features, frame = FeatureSet.load("nq_price"), small_market.bars().rename({"close": "open"})
    frame = frame.with_columns(close=frame["open"] * 1.001, high=frame["open"] * 1.002, low=frame["open"] * 0.999)
    table = features.compute(frame, step=1)
    for name in features.names:
        assert part(features, name).compute(frame, step=1).column(name).tobytes() == table.column(name).tobytes(), name


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["lag", "sum", "max"]), st.integers(1, 5)), min_size=1, max_size=4), st.integers(0, 39))
def test_nothing_older_than_the_lookback_matters_and_the_oldest_does(chain: list[tuple[str, int]], at: int) -> None:
    text = "close"
    for op, n in chain:
        text = f"{op}({text}, {n})"
    features = FeatureSet.from_dict({**small_market.WORDS, "features": {"f": text}})
    rows = lookback(features, "f").rows
    frame = small_market.bars(40)
    close = frame["close"].to_numpy().copy()
    close[39 - at] = np.nan
    found = features.compute(frame.with_columns(close=close), step=1).column("f")[-1]
    if rows < 39:
        assert np.isfinite(found) if at > rows else True
        assert np.isnan(found) or at != rows


def test_time_windows_and_what_fades_are_told() -> None:
    features = FeatureSet.from_dict(
        {
            "name": "t",
            "stream": "trades",
            "clock": {"every": "1s"},
            "price": "price",
            "features": {
                "a": 'sum(size, "30s")',
                "b": "ewm_mean(price, halflife=3)",
                "c": 'lag(lag(price, "1s"), 2)',
                "d": "price + 1",
            },
        }
    )
    assert [str(lookback(features, name)) for name in features.names] == ["30s", "0 rows, fading", "2 rows + 1s", "0 rows"]
    assert clock_of(features) == "every 1s" and dict(inputs_of(features)) == {"trades": ("price", "size")}


def test_a_node_that_two_read_is_drawn_once() -> None:
    features = FeatureSet.from_dict({**small_market.WORDS, "features": {"f": "log(close) / lag(log(close), 2)"}})
    found = tree(features, "f")
    assert found.text == "div"
    log, lag = found.children
    assert (log.text, log.children[0].text, lag.text) == ("log", "close", "lag steps=2")
    assert lag.children == (Branch("log", log.node, again=True),)
    told = {"op": "lag steps=2", "node": lag.node, "reads": [{"op": "log", "node": log.node, "again": True}]}
    assert found.as_dict()["reads"][1] == told


def test_lines_upon_lines_are_told_however_deep_they_go() -> None:
    lines = {"f0": "close"} | {f"f{i}": "lag(" * 30 + f"f{i - 1}" + ", 1)" * 30 for i in range(1, 80)}
    features = FeatureSet.from_dict({**small_market.WORDS, "features": lines})
    assert lookback(features, "f79").rows == 79 * 30
    assert dict(reads(features, "f79")) == {"bars": ("close",)}
    deepest = tree(features, "f79")
    while deepest.children:
        (deepest,) = deepest.children
    assert deepest.text == "lag steps=1 …" and not deepest.again


def _leaves(branch: Branch) -> list[str]:
    return [leaf for child in branch.children for leaf in _leaves(child)] or [branch.text]


def test_other_streams_and_rows_made_on_the_way_are_told() -> None:
    words = {"name": "t", "stream": "book", "streams": {"trades": {"ttl": "5s"}, "es": {"table": "bars", "symbol": "ES"}}}
    lines = {
        "gap": "trades.price - bid_price_1",
        "lead": 'lag(es.close, "2m")',
        "slow": 'at("15m", mean(close, 4))',
        "late": 'at("trades + 5m", price - bid_price_1)',
    }
    features = FeatureSet.from_dict({**words, "clock": {"on": "book", "n": 10}, "price": "bid_price_1", "features": lines})
    assert clock_of(features) == "on every 10. of book"
    assert {stream: set(columns) for stream, columns in inputs_of(features).items()}["es"] == {"close"}
    found = {name: dict(reads(features, name)) for name in lines}
    assert found["gap"] == {"book": ("bid_price_1",), "trades": ("price",)} and found["lead"] == {"es": ("close",)}
    assert set(found["slow"]) == {"book"} and set(found["late"]) == {"book", "trades"}
    assert [str(lookback(features, name)) for name in lines] == ["0 rows", "120s", "3600s", "300s"]
    assert not warmup_is_exact(features, "gap") and warmup_is_exact(FeatureSet.load("nq24"), "rv_12")
    assert _leaves(tree(features, "gap")) == ["trades.price", "bid_price_1"]
    assert tree(features, "slow").children[0].children[0].children[0].text == "last of 900s bars"
    assert "last of rows 300s later" in str(tree(features, "late"))
    for name in lines:
        assert part(features, name).names == (name,)


def test_a_name_that_is_not_there() -> None:
    features = FeatureSet.load("nq24")
    for ask in (part, lookback, reads, tree, warmup_is_exact):
        with pytest.raises(FeatureError, match="nosuch"):
            ask(features, "nosuch")
