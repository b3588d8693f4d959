"""A model learns on the rows it will run on: those of the clock, or inside at(...) the bars and trades named there."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from features.test_engine import bits, live
from features.test_learned import walk, words
from tickcast.clock import MINUTE, SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.prune import answered_where_it_lives, prune

LINES = {"vol": 'at("15m", fitted("garch_vol", diff(log(close))))', "run": 'at("15m", fitted("bocpd_run", diff(log(close))))'}


def expected(frame: pl.DataFrame, until: int) -> np.ndarray:
    """Returns of completed 15-minute bars."""
    closes = frame.filter((pl.col("ts") % (15 * MINUTE) == 0) & (pl.col("ts") <= until))["close"].to_numpy()
    return np.diff(np.log(closes))


@pytest.mark.parametrize("session", ["carry", "mask"])
def test_inside_at_the_training_rows_are_its_bars(session: str) -> None:
    frame = walk(6000)
    until = int(frame["ts"][4499])
    features = FeatureSet.from_dict(words(LINES, session=session)).fit(frame, until)
    r = expected(frame, until)
    for table in features.graph()["tables"]:
        assert_allclose(table["values"][:2], [r.mean(), r.std()], rtol=1e-12)
    seen = features.compute(frame)
    assert (bits(seen.values) == bits(live(features, frame, restart=3333))).all()
    omega, alpha, beta = features.graph()["tables"][0]["values"][2:]
    h, mean, scale = 1.0, r.mean(), r.std()
    for each in expected(frame, int(frame["ts"][-1])):
        h = omega + alpha * ((each - mean) / scale) ** 2 + beta * h
    assert seen.column("vol")[-1] == pytest.approx(scale * np.sqrt(h), rel=1e-12)


def test_on_a_grid_of_time_too() -> None:
    frame = walk(3000).rename({"close": "price"})
    lines = {"vol": 'at("15m", fitted("garch_vol", diff(log(close))))', "here": 'fitted("garch_vol", diff(log(price)))'}
    grid = {"name": "t", "stream": "trades", "clock": {"every": "20s"}, "price": "price", "features": lines}
    until = int(frame["ts"][1799])
    features = FeatureSet.from_dict(grid).fit(frame, until)
    r = expected(frame.rename({"price": "close"}), until)
    inside, outside = (table["values"] for table in features.graph()["tables"])
    assert_allclose(inside[1], r.std(), rtol=0.05)  # a trade at a bar's close belongs to the next bar
    assert outside[1] < inside[1] / 3
    assert (bits(features.compute(frame).values) == bits(live(features, frame, restart=444))).all()
    graph = prune(features.graph(), features.graph()["tables"][0]["recipe"]["nodes"], ["x"])
    assert answered_where_it_lives(graph)["clock"] == 2
    graph["nodes"][0]["axis"] = 1
    with pytest.raises(FeatureError, match="reads those of the clock"):
        answered_where_it_lives(graph)


def test_trades_beside_a_book_learn_on_trades() -> None:
    rng, n = np.random.default_rng(4), 900
    ts = SECOND * (1 + np.arange(n))
    middle = 100 + 0.01 * rng.standard_normal(n).cumsum()
    marks = {"session_id": np.full(n, 10**9 * SECOND), "segment_id": np.zeros(n, np.int64)}
    book = pl.DataFrame({"ts": ts, "bid_price_1": middle - 0.01, "ask_price_1": middle + 0.01} | marks)
    at = np.sort(rng.choice(ts[:-1], 300, replace=False)) + SECOND // 2
    trades = pl.DataFrame({"ts": at, "price": 100 + rng.standard_normal(300), "size": np.ones(300), "side": np.ones(300, np.int8)})
    lines = {"calm": 'at("trades", fitted("bocpd_run", price))'}
    words = {"name": "t", "stream": "book", "streams": {"trades": {}}, "clock": {"on": "book"}, "price": "bid_price_1", "features": lines}
    frames = {"book": book, "trades": trades}
    features = FeatureSet.from_dict(words).fit(frames, int(ts[600]))
    prices = trades.filter(pl.col("ts") <= int(ts[600]))["price"].to_numpy()
    assert_allclose(features.graph()["tables"][0]["values"][:2], [prices.mean(), prices.std()], rtol=1e-12)
    assert np.isfinite(features.compute(frames).values[-100:]).all()
