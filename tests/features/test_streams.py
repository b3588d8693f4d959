"""Several streams, bars made on the way, clocks, time to live: the same live, restarted and in batch, and what a slow reading gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.test_engine import bits, seconds
from tickcast.bars import build
from tickcast.calendars import Sessions
from tickcast.clock import MINUTE, SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.place import BAR_COLUMNS, UNITS

Frames = Mapping[str, pl.DataFrame]
CLOSE = seconds(100_000)


def a_set(expressions: Mapping[str, str] | str, clock: object = None, **more: object) -> FeatureSet:
    features = {"f": expressions} if isinstance(expressions, str) else dict(expressions)
    words = {"name": "t", "stream": "book", "streams": {"trades": {}}, "price": "(bid_price_1 + ask_price_1) / 2"}
    return FeatureSet.from_dict(words | {"clock": clock or {"on": "book"}, "features": features} | more)


def book(rows: list[tuple[int, float]]) -> pl.DataFrame:
    """Rows of (seconds, bid): the ask is one above."""
    bid = np.array([bid for _, bid in rows], float)
    sides = {"bid_price_1": bid, "ask_price_1": bid + 1, "bid_size_1": bid * 0 + 3, "ask_size_1": bid * 0 + 5}
    return pl.DataFrame({"ts": [seconds(t) for t, _ in rows], **sides, "session_id": CLOSE, "segment_id": 0})


def trades(rows: list[tuple[int, float, float]]) -> pl.DataFrame:
    """Rows of (seconds, price, size), bought at even prices."""
    price, size = ([row[i] for row in rows] for i in (1, 2))
    side = [1 if p % 2 == 0 else -1 for p in price]
    return pl.DataFrame(
        {"ts": [seconds(t) for t, _, _ in rows], "price": price, "size": size, "side": side}, schema_overrides={"ts": pl.Int64}
    ).with_columns(session_id=pl.lit(CLOSE), segment_id=pl.lit(0))


def live(features: FeatureSet, frames: Frames, restart: int = -1, until: int | None = None) -> np.ndarray:
    """Rows of a stream of events in the order of time, the sides first at equal stamps."""
    events = []
    for rank, (stream, columns) in enumerate(features.streams.items()):
        frame = frames[stream].with_columns(pl.col(c).cast(pl.Float64).fill_null(float("nan")) for c in columns)
        stamps = frame.select("ts", "session_id", "segment_id").rows()
        values = frame.select(columns).rows() if columns else [()] * len(frame)
        events += [(s[0], rank or 99, rank, s, v) for s, v in zip(stamps, values, strict=True)]
    engine, rows = features.stream(), []
    for i, (_, _, stream, stamp, values) in enumerate(sorted(events, key=lambda event: event[:2])):
        if i == restart:
            state, engine = engine.save(), features.stream()
            engine.restore(state)
        rows += engine.push(*stamp, values, stream)
    rows += engine.advance(until if until is not None else max(event[0] for event in events))
    return np.array([[row[0], *row[4]] for row in rows]).reshape(len(rows), 1 + len(features.names))


def same_live(features: FeatureSet, frames: Frames, restart: int = 5) -> None:
    table = features.compute(frames)
    for at in (-1, restart):
        rows = live(features, frames, at)
        assert rows[:, 0].astype(np.int64).tolist() == table.ts.tolist()
        assert (bits(rows[:, 1:].copy()) == bits(table.values)).all()


def test_a_book_row_sees_trades_at_its_stamp_and_a_trade_the_book_before_it() -> None:
    frames = {"book": book([(1, 10), (2, 12), (3, 14)]), "trades": trades([(2, 11, 1), (3, 13, 2), (3, 15, 4)])}
    features = a_set({"last": "trades.price", "seen": 'at("trades", bid_price_1)', "volume": 'sum(trades.size, "2s")'})
    table = features.compute(frames)
    assert table.column("last")[1:].tolist() == [11, 15]
    assert table.column("seen")[1:].tolist() == [10, 12]
    assert np.isnan(table.values[0]).all()
    same_live(features, frames, 2)


def test_an_echo_sees_the_market_as_it_is_then() -> None:
    frames = {"book": book([(t, 10 + t) for t in range(1, 9)]), "trades": trades([(2, 11, 1), (4, 13, 2)])}
    features = a_set({"paid": 'at("trades + 3s", price)', "later": 'at("trades + 3s", bid_price_1 - price)'})
    table = features.compute(frames)
    # the trade of second 2 comes again at second 5, after the book row of that moment, and is seen from second 6 on
    assert table.column("paid").tolist()[5:] == [11, 11, 13]
    assert table.column("later").tolist()[5:] == [15 - 11, 15 - 11, 17 - 13]
    same_live(features, frames, 6)


@pytest.mark.parametrize("interval", ["2m", "15m"])
@pytest.mark.parametrize("stream", ["bars", "trades"])
def test_bars_on_the_way_are_those_of_the_bars_room(stream: str, interval: str) -> None:
    rng = np.random.default_rng(3)
    sessions = Sessions(np.array([0, 90 * MINUTE]), np.array([80 * MINUTE + 30 * SECOND, 200 * MINUTE]), np.array([0, 1]))
    stamps = np.sort(rng.choice(np.r_[1:4830, 5400:11990], 900, replace=False)) * SECOND
    price, size = 100 + rng.normal(0, 1, 900).cumsum(), rng.integers(1, 9, 900).astype(float)
    ticks = sessions.assign(pl.DataFrame({"symbol": "X", "ts": stamps, "price": price, "size": size, "side": 1, "segment_id": 0})).rows
    rows = ticks if stream == "trades" else build(ticks, "1m", sessions).rows
    expected = build(ticks, interval, sessions).rows
    price_name = "price" if stream == "trades" else "close"
    names = ("open", "high", "low", "close", "volume")
    words = {"name": "t", "stream": stream, "clock": {"on": f"bars.{interval}"}, "price": price_name}
    features = FeatureSet.from_dict(words | {"features": {name: f'at("{interval}", {name})' for name in names}})
    table = features.compute(rows)
    made = expected.filter(pl.col("ts") <= int(rows["ts"].max()))
    assert table.ts.tolist() == made["ts"].to_list()
    assert np.allclose(table.values, made.select(names).to_numpy(), rtol=1e-12)
    on_rows = FeatureSet.from_dict({**words, "clock": {"on": stream, "step": "1m"}, "features": {"c": f'at("{interval}", close)'}})
    seen = on_rows.compute(rows)
    joined = pl.DataFrame({"ts": seen.ts}).join_asof(made.select("ts", "close"), on="ts")["close"].to_numpy()
    assert (np.nan_to_num(seen.column("c")) == np.nan_to_num(joined)).all()


def test_an_earlier_line_is_read_anew_on_the_bars() -> None:
    n = 60
    close = 100 + np.arange(n) ** 2 / 7
    frame = pl.DataFrame({"ts": np.arange(1, n + 1) * MINUTE, "close": close})
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1m"}, "price": "close"}
    features = FeatureSet.from_dict(words | {"features": {"r": "log(close / lag(close, 1))", "slow": 'at("5m", r)', "both": "slow - r"}})
    table = features.compute(frame)
    assert table.column("slow")[9:14] == pytest.approx(np.log(close[9] / close[4]))
    assert table.column("both")[12] == pytest.approx(np.log(close[9] / close[4]) - np.log(close[12] / close[11]))
    assert np.isnan(table.column("slow")[:9]).all()


def test_buckets_hold_their_size_and_lose_nothing() -> None:
    rng = np.random.default_rng(1)
    rows = [(int(t), float(rng.integers(9, 12)), float(rng.integers(1, 30))) for t in range(1, 400)]
    rows[100] = (101, 10.0, 500.0)  # fills many buckets: one closes with each row that follows
    frames = {"book": book([(t, 10) for t in range(1, 402)]), "trades": trades(rows)}
    features = a_set({"volume": 'at("trades 100 volume", volume)', "buy": 'at("trades 100 volume", cum_sum(buy_volume))', "n": NUMBER})
    table = features.compute(frames)
    closed = table.column("n")[-1]
    assert np.nanmax(np.abs(table.column("volume") - 100)) < 1e-9
    assert closed == sum(row[2] for row in rows) // 100
    bought = sum(row[2] for row in rows if row[1] % 2 == 0)
    assert bought - 100 <= table.column("buy")[-1] <= bought
    same_live(features, frames, 150)


NUMBER = 'at("trades 100 volume", cum_sum(volume / volume))'


def test_every_tenth_event_makes_a_row() -> None:
    frames = {"book": book([(t, t) for t in range(1, 36)]), "trades": trades([(5, 1, 1)])}
    features = a_set({"bid": "bid_price_1", "mean": "mean(bid_price_1, 3)", "n": "trades.size"}, {"on": "book", "n": 10})
    table = features.compute(frames)
    assert table.ts.tolist() == [seconds(t) for t in (10, 20, 30)]
    assert table.column("mean").tolist() == [9, 19, 29]
    same_live(features, frames, 14)


def test_a_value_dies_with_its_ttl() -> None:
    frames = {"book": book([(t, t) for t in range(1, 12)]), "trades": trades([(2, 5, 1), (7, 6, 1)])}
    features = a_set({"p": "trades.price", "age": "age(trades.price)"}, streams={"trades": {"ttl": "2s"}})
    table = features.compute(frames)
    assert np.isnan(table.column("p")).nonzero()[0].tolist() == [0, 4, 5, 9, 10]
    assert table.column("age")[1:6].tolist() == [0, 1, 2, 3, 4]
    strict = a_set("trades.price", streams={"trades": {"ttl": "2s", "stale": "error"}})
    with pytest.raises(FeatureError, match="trades has been silent for 3 s"):
        strict.compute(frames)
    engine = strict.stream()
    engine.push(seconds(1), 0, 0, [5.0], 1)
    assert engine.push(seconds(2), 0, 0, [1.0, 2.0])[0][4] == [5.0]
    with pytest.raises(FeatureError, match="silent"):
        engine.push(seconds(9), 0, 0, [1.0, 2.0])
    engine.push(seconds(9), 0, 0, [6.0], 1)
    assert engine.push(seconds(10), 0, 0, [1.0, 2.0])[0][4] == [6.0]


def test_signals_are_read_by_name_and_outlive_sessions() -> None:
    frame = pl.DataFrame({"ts": [seconds(t) for t in range(1, 7)], "close": 1.0, "session_id": [1, 1, 1, 2, 2, 2], "segment_id": 0})
    frame = frame.with_columns(session_id=pl.col("session_id") * seconds(1000))
    signals = pl.DataFrame({"name": ["cpi", "fed", "cpi"], "ts": [seconds(2), seconds(2), seconds(5)], "value": [1.0, 9.0, 2.0]})
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1s"}, "price": "close", "session": "reset"}
    features = FeatureSet.from_dict(words | {"features": {"cpi": 'signal("cpi")', "last": 'signal("cpi", ttl="1s")'}})
    table = features.compute({"bars": frame, "signals": signals})
    assert np.nan_to_num(table.column("cpi")).tolist() == [0, 1, 1, 1, 2, 2]
    with pytest.raises(FeatureError, match="no rows of stream signal.cpi"):
        features.compute(frame)


def test_a_mask_hides_what_reaches_over_the_open() -> None:
    frame = pl.DataFrame({"ts": [seconds(t) for t in range(1, 9)], "close": np.arange(8.0), "session_id": [9000] * 4 + [9900] * 4})
    frame = frame.with_columns(session_id=pl.col("session_id") * SECOND, segment_id=0)
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1s"}, "price": "close", "session": "mask"}
    features = FeatureSet.from_dict(words | {"features": {"lag": "lag(close, 2)", "ewm": "ewm_mean(close, alpha=0.5, warmup=1)"}})
    table = features.compute(frame)
    assert np.isnan(table.column("lag")).nonzero()[0].tolist() == [0, 1, 4, 5]
    assert np.isfinite(table.column("ewm")).all()
    assert table.column("ewm")[4] > 3  # the memory goes on behind the mask
    same_live(features, {"bars": frame}, 6)


def test_a_stream_out_of_order_is_refused_across_streams() -> None:
    engine = a_set("trades.price").stream()
    engine.push(seconds(5), 0, 0, [1.0, 2.0])
    with pytest.raises(FeatureError, match="before"):
        engine.push(seconds(4), 0, 0, [1.0], 1)
    with pytest.raises(FeatureError, match="no stream 7"):
        engine.push(seconds(6), 0, 0, [1.0], 7)
    engine.push(seconds(5), 0, 0, [7.0], 1)  # late at an equal stamp: seen from the next row on
    assert engine.push(seconds(6), 0, 0, [1.0, 2.0])[0][4] == [7.0]


ROW = st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(1, 9))
EXPRESSIONS = (
    "trades.price - bid_price_1",
    'sum(trades.size, "3s") + sum(bid_price_1, 2)',
    'at("trades", mean(price - bid_price_1, 2))',
    'at("trades + 2s", size * (bid_price_1 - price))',
    'at("trades 5 volume", mean(buy_volume - sell_volume, 2))',
    'at("trades 3s", max(high, 2)) - at("4s", close)',
    'at("trades 3 ticks", close - open)',
    'lag(trades.price, "2s") + at("2s", count)',
    'ewm_mean(at("trades", ask_price_1), halflife="2s")',
)
CLOCKS = ({"on": "book", "step": "1s"}, {"on": "book", "n": 3}, {"every": "2s"}, {"on": "bars.3s"})


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(CLOCKS),
    st.sampled_from(["carry", "reset", "mask"]),
    st.lists(ROW, min_size=2, max_size=40),
    st.lists(ROW, min_size=1, max_size=40),
    st.integers(3, 60),
    st.integers(0, 40),
)
def test_batch_is_stream_is_restart_over_streams(text: str, clock: dict, session: str, b: list, t: list, each: int, restart: int) -> None:
    if clock.get("on") == "bars.3s":
        clock = {"on": "bars.3s"}
    features = a_set({"f": text, "g": "bid_price_1"}, clock, session=session)
    when = np.cumsum([gap for gap, _, _ in b])
    quotes = book([(int(w), bid) for w, (_, bid, _) in zip(when, b, strict=True)])
    quotes = quotes.with_columns(session_id=pl.Series((when // each + 1) * seconds(each)), segment_id=pl.Series(when // (3 * each)))
    when = np.cumsum([gap for gap, _, _ in t])
    frames = {"book": quotes, "trades": trades([(int(w), p, s) for w, (_, p, s) in zip(when, t, strict=True)])}
    same_live(features, frames, restart)
    cut = int(quotes["ts"][len(quotes) // 2])
    past = {name: frame.filter(pl.col("ts") <= cut) for name, frame in frames.items()}
    whole, alone = features.compute(frames), features.compute(past)
    kept = whole.ts <= cut
    assert whole.ts[kept].tolist() == alone.ts.tolist()
    assert (bits(whole.values[kept]) == bits(alone.values)).all()


def test_every_bar_column_and_unit_is_read_off_its_table() -> None:
    for table, columns in BAR_COLUMNS.items():
        words = {"name": "t", "stream": table, "clock": {"on": table, "step": "1s"}, "price": "1"}
        rules = ["2s", *(f"3 {unit}" for unit in UNITS.get(table, ()))]
        for rule in rules:
            lines = {f"f{i}": f'at("{rule}", {name})' for i, name in enumerate(columns)}
            assert FeatureSet.from_dict(words | {"features": lines}).stream()


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=2, max_size=30), st.lists(ROW, min_size=1, max_size=30), st.integers(1, 5))
def test_what_is_seen_across_streams_is_what_a_slow_reader_sees(b: list, t: list, span: int) -> None:
    when = np.cumsum([gap for gap, _, _ in b]).tolist()
    traded = np.cumsum([gap for gap, _, _ in t]).tolist()
    frames = {
        "book": book([(w, bid) for w, (_, bid, _) in zip(when, b, strict=True)]),
        "trades": trades([(w, p, s) for w, (_, p, s) in zip(traded, t, strict=True)]),
    }
    lines = {
        "last": "trades.price",
        "volume": f'sum(trades.size, "{span}s")',
        "before": f'lag(trades.price, "{span}s")',
        "seen": 'at("trades", bid_price_1)',
        "echo": f'at("trades + {span}s", bid_price_1 - price)',
    }
    table = a_set(lines).compute(frames)
    bids = [(w, float(bid)) for w, (_, bid, _) in zip(when, b, strict=True)]
    prints = [(w, float(p), float(s)) for w, (_, p, s) in zip(traded, t, strict=True)]

    def newest(rows: list, known: Callable[[tuple], bool], column: int = 1) -> float:
        found = [row[column] for row in rows if known(row)]
        return found[-1] if found else math.nan

    for i, now in enumerate(when):
        seen = [row for row in prints if row[0] <= now]
        expected = {"last": newest(prints, lambda row, now=now: row[0] <= now)}
        inside = sum(row[2] for row in seen if row[0] > now - span)
        expected["volume"] = inside if seen and seen[0][0] <= now - span else math.nan
        expected["before"] = newest(prints, lambda row, now=now: row[0] <= now - span)
        last = seen[-1][0] if seen else None
        expected["seen"] = math.nan if last is None else newest(bids, lambda row, last=last: row[0] < last)
        # an echo of second T comes after all events of that moment, so a book row at T does not see it yet
        echoes = [row for row in prints if row[0] + span < now]
        then = echoes[-1][0] + span if echoes else None
        expected["echo"] = math.nan if then is None else newest(bids, lambda row, then=then: row[0] <= then) - echoes[-1][1]
        for name, value in expected.items():
            assert np.array_equal(table.column(name)[i], value, equal_nan=True), (name, i)


def test_what_reads_no_column_of_a_bucket_is_answered_on_it() -> None:
    frames = {"book": book([(t, t) for t in range(1, 40)]), "trades": trades([(t, 10.0, 4.0) for t in range(1, 39)])}
    lines = {
        "gap": 'at("trades 12 volume", elapsed())',
        "hour": 'at("trades 12 volume", time_of_day("UTC"))',
        "bid": 'at("trades 12 volume", book.bid_price_1)',
        "n": 'at("trades 12 volume", count("100s"))',
    }
    features = a_set(lines)
    table = features.compute(frames)
    assert np.nanmax(table.column("gap")) == np.nanmin(table.column("gap")) == 3
    assert table.column("hour")[-1] == 36
    assert table.column("bid")[-1] == 35  # the book strictly before the trade that filled the bucket
    same_live(features, frames, 9)
