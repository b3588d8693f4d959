"""What a node reads is one answer: it is told, it is refused by name, and it is kept when a model is learned."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tickcast.clock import SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.anatomy import part, reads, tree
from tickcast.features.learners import LEARNERS
from tickcast.features.reading import behind, in_order, memory_of, near

WORDS: dict[str, object] = {"name": "t", "stream": "trades", "clock": {"on": "trades", "step": "1s"}, "price": "price"}
BUCKETS = {
    "last": 'at("20 volume", close)',
    "bought": 'at("20 volume", buy_volume)',
    "volume": 'at("20 volume", volume)',
    "dear": 'at("3000 turnover", close)',
    "ticks": 'at("7 ticks", close)',
    "late": 'at("trades + 3s", size)',
    "candle": 'at("15s", high)',
}


def trades(n: int = 600) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    price = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    sides = rng.choice([-1.0, 1.0], n)
    return pl.DataFrame({"ts": SECOND * (1 + np.arange(n)), "price": price, "size": rng.integers(1, 9, n).astype(float), "side": sides})


def test_what_fills_a_bucket_is_read() -> None:
    features = FeatureSet.from_dict({**WORDS, "features": BUCKETS})
    found = {name: set(reads(features, name)["trades"]) for name in BUCKETS}
    assert found["last"] == {"price", "size"} == found["dear"] and found["volume"] == {"size"}
    assert found["ticks"] == {"price"} and found["bought"] == {"side", "size"}
    assert [child.text for child in tree(features, "last").children[0].children] == ["price", "size"]
    rows_alone = FeatureSet.from_dict({**WORDS, "features": {"last": BUCKETS["last"], "when": 'at("20 volume", time_of_day("UTC"))'}})
    assert dict(reads(rows_alone, "when")) == {"trades": ("size",)}


def test_only_the_columns_told_change_a_feature_on_rows_made_on_the_way() -> None:
    features, frame = FeatureSet.from_dict({**WORDS, "features": BUCKETS}), trades()
    table = features.compute(frame)
    for column in features.columns:
        shuffled = frame.with_columns(pl.col(column).shuffle(seed=3))
        other = features.compute(shuffled)
        for name in features.names:
            same = other.column(name).tobytes() == table.column(name).tobytes()
            assert same != (column in reads(features, name)["trades"]), (name, column)


def test_a_missing_column_is_missed_by_those_that_read_it() -> None:
    features, rng = FeatureSet.load("mtf"), np.random.default_rng(1)
    needing = [name for name in features.names if "volume" in part(features, name).columns]
    frame = pl.DataFrame({"ts": np.arange(1, 50) * 60 * SECOND} | {name: 100 + rng.random(49) for name in features.columns})
    with pytest.raises(FeatureError, match="the data has no volume") as refused:
        features.compute(frame.drop("volume"))
    assert not any("rsi" in name for name in needing) and "rsi" not in str(refused.value)
    assert f"which {', '.join(needing[:5])} and {len(needing) - 5} more need" in str(refused.value)


def test_a_missing_stream_is_missed_by_those_that_live_on_its_rows() -> None:
    lines = {"seen": 'at("trades", bid_price_1)', "later": 'at("trades + 3s", bid_price_1)', "own": "bid_price_1", "paid": "trades.price"}
    words = {"name": "t", "stream": "book", "streams": {"trades": {}}, "clock": {"on": "book"}, "price": "bid_price_1"}
    book = pl.DataFrame({"ts": SECOND * np.arange(1, 9), "bid_price_1": np.arange(8.0)})
    with pytest.raises(FeatureError, match="no rows of stream trades, which seen, later, paid need"):
        FeatureSet.from_dict({**words, "features": lines}).compute(book)


def test_a_model_is_learned_beside_buckets_that_it_does_not_read() -> None:
    lines = {"last": 'at("20 volume", close)', "p": 'at("7 ticks", fitted("pca_1", diff(close), volume))'}
    frame = trades()
    features = FeatureSet.from_dict({**WORDS, "features": lines}).fit(frame, int(frame["ts"][-1]))
    alone = FeatureSet.from_dict({**WORDS, "features": {"p": lines["p"]}}).fit(frame, int(frame["ts"][-1]))
    learned, again = (each.graph()["tables"][0]["values"] for each in (features, alone))
    assert learned == again
    assert features.compute(frame).column("p").tobytes() == alone.compute(frame).column("p").tobytes()


@pytest.mark.parametrize("name", ["har", "regime", "mtf", "lob"])
def test_every_node_comes_once_after_what_it_reads(name: str) -> None:
    graph = FeatureSet.load(name).graph()
    order = list(in_order(graph, [feature["node"] for feature in graph["features"]], learned=True))
    place = {number: i for i, number in enumerate(order)}
    assert len(place) == len(order)
    assert all(place[each] < place[number] for number in order for each in near(graph, number))
    assert {each["node"] for each in graph["features"]} <= set(order)


def test_what_a_table_is_learned_from_counts_where_it_is_asked_for() -> None:
    graph = FeatureSet.from_dict({**WORDS, "features": {"f": 'fitted("rms_by_slot", size, slots=24)'}}).graph()
    wanted, learned = [graph["features"][0]["node"]], graph["tables"][0]["recipe"]["node"]
    assert learned not in behind(graph, wanted) and learned in behind(graph, wanted, learned=True)


def test_a_graph_that_runs_in_a_circle_is_walked_to_an_end() -> None:
    graph = {"sides": [], "derived": [], "nodes": [{"op": "add", "args": [1, 1]}, {"op": "neg", "args": [0]}]}
    assert behind(graph, [0]) == {0, 1}


def test_models_say_how_they_forget() -> None:
    assert {name for name in LEARNERS if memory_of(name) == "anchored"} == {"hmm", "bocpd", "garch"}
    assert [memory_of(op) for op in ("add", "lookup", "ewm_std", "cum_first")] == ["window", "window", "recursive", "anchored"]
