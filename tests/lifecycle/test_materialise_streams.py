"""Days of several streams: what lies between two days of the main stream goes with the later one, to the bit one pass."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY, SECOND
from tickcast.errors import DataError
from tickcast.features import FeatureSet, FeatureTable, Registered, Registry
from tickcast.lifecycle.input_days import InputDay, side_rows, stored_days, with_sides
from tickcast.lifecycle.materialise import feature_rows, materialise
from tickcast.store import Store

LINES = {
    "gap": "trades.price - bid_price_1",
    "flow": 'sum(trades.size, "3s")',
    "late": 'at("trades + 2s", size * (bid_price_1 - price))',
    "high": 'at("trades 3s", max(high, 2))',
    "buckets": 'at("trades 5 volume", close)',
    "faded": 'ewm_mean(at("trades", ask_price_1), halflife="2s")',
    "es": "lag(es.close, 1)",
}
STREAMS = {"trades": {"ttl": "4s"}, "es": {"table": "bars", "symbol": "ES"}}
CLOCKS = ({"on": "book", "step": "1s"}, {"on": "book", "n": 3}, {"every": "2s"}, {"on": "bars.3s"})
EVENTS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6), st.sampled_from([0, 0, 0, 1])), min_size=1, max_size=30)
Events = list[tuple[int, int, int]]


def a_set(clock: dict[str, object], session: str = "carry") -> FeatureSet:
    words = {"name": "t", "stream": "book", "streams": STREAMS, "clock": clock, "session": session, "price": "bid_price_1"}
    return FeatureSet.from_dict({**words, "features": LINES})


def stamped(events: Events, symbol: str) -> pl.DataFrame:
    """Half seconds apart; the third number begins a new trading day."""
    gaps, values, opens = (np.array(each) for each in zip(*events, strict=True))
    ts, day = DAY + np.cumsum(gaps + 10 * opens) * SECOND // 2, np.cumsum(opens)
    return pl.DataFrame({"symbol": symbol, "ts": ts, "x": values.astype(float), "trading_day": day, "segment_id": 0})


def kept(store: Store, book: Events, trades: Events, es: Events) -> None:
    quotes = stamped(book, "A").rename({"x": "bid_price_1"}).with_columns(ask_price_1=pl.col("bid_price_1") + 1)
    store.write("book", quotes, source="book")
    store.write("trades", stamped(trades, "A").rename({"x": "price"}).with_columns(size=2.0), source="trades")
    bars = stamped(es, "ES").unique("ts", keep="first", maintain_order=True)
    prices = [pl.col("x").alias(name) for name in ("open", "high", "low", "close")]
    store.write("bars", bars.with_columns(*prices, interval=1, ts_open=pl.col("ts") - 1).drop("x"), source="bars")


def bits(table: FeatureTable) -> tuple[bytes, ...]:
    return tuple(getattr(table, name).tobytes() for name in ("ts", "session", "segment", "price", "values"))


def run(entry: Registered, days: tuple[InputDay, ...], store: Store) -> int:
    ticks = itertools.count(1)
    return materialise(entry, "A", days, store, clock=lambda: next(ticks)).made


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CLOCKS), st.sampled_from(["carry", "reset", "mask"]), EVENTS, EVENTS, EVENTS, st.integers(0, 5))
def test_days_one_after_the_other_are_one_pass(
    tmp_path_factory: pytest.TempPathFactory, clock: dict[str, object], session: str, book: Events, trades: Events, es: Events, come: int
) -> None:
    with Store.open(tmp_path_factory.mktemp("store")) as store:
        kept(store, book, trades, es)
        entry = Registry(store).register(a_set(clock, session), now=1)
        days = with_sides(stored_days(store, "book", "A"), entry.features, store, "A")
        assert run(entry, days[:come], store) + run(entry, days, store) >= len(days)
        main = store.scan("book")
        last = int(main["ts"][-1])
        beside = {name: frame.filter(pl.col("ts") <= last) for name, frame in side_rows(entry.features, store, "A").items()}
        assert bits(feature_rows(entry, "A", days, store)) == bits(entry.features.compute({"book": main, **beside}, until=last))
        assert run(entry, days, store) == 0


def test_a_change_of_another_stream_is_a_change(tmp_path: Path) -> None:
    book, trades = [(2, 3, int(i % 5 == 4)) for i in range(20)], [(1, 2, 0) for _ in range(60)]
    with Store.open(tmp_path) as store:
        kept(store, book, trades, [(1, 1, 0)])
        entry = Registry(store).register(a_set({"on": "book", "step": "1s"}), now=1)
        main = stored_days(store, "book", "A")
        before = with_sides(main, entry.features, store, "A")
        assert run(entry, before, store) == len(main) == 5
        after = int(main[2].last_ts)
        late = pl.DataFrame({"symbol": "A", "ts": [after + 1], "price": [9.0], "size": [2.0], "trading_day": [9], "segment_id": [0]})
        store.write("trades", late.with_columns(ts=pl.lit(int(main[-1].last_ts) + 1)), source="later than every day")
        assert run(entry, with_sides(main, entry.features, store, "A"), store) == 0
        bar = {"symbol": "ES", "interval": 1, "ts": [after + 1], "ts_open": [after], "trading_day": 9}
        store.write("bars", pl.DataFrame(bar | dict.fromkeys(("open", "high", "low", "close"), 7.0)), source="after the third day")
        now = with_sides(main, entry.features, store, "A")
        assert [a.digest == b.digest for a, b in zip(before, now, strict=True)] == [True, True, True, False, True]
        assert run(entry, now, store) == 2, "the fourth day and the one after it"


def test_a_stream_of_which_nothing_is_stored_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        kept(store, [(1, 1, 0)], [(1, 1, 0)], [(1, 1, 0)])
        days = stored_days(store, "book", "A")
        with pytest.raises(DataError, match="no trades of B"):
            with_sides(days, a_set({"on": "book"}), store, "B")
