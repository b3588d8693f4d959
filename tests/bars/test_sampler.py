"""Bars of activity: every trade once, no bar over a break, known when they say, the same however trades are cut; mlfinpy's own answers."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.bars import Activity, Filled, Imbalance, Sampler, sample
from tickcast.calendars import Sessions, calendar
from tickcast.clock import SECOND
from tickcast.errors import ConfigError, DataError

# two stretches of one session with a break between them, then another session
SESSIONS = Sessions(
    np.array([0, 40, 100]) * SECOND, np.array([30, 70, 160]) * SECOND, np.array([0, 0, 1]), np.array([70, 70, 160]) * SECOND
)
ACTIVITIES: list[Activity] = [
    Filled("ticks", 3),
    Filled("volume", 10),
    Filled("dollars", 150.5),
    Imbalance("ticks", 4, window=20),
    Imbalance("volume", 3, bars=2, window=7, least=2, most=9),
    Imbalance("dollars", 2),
]

trade = st.tuples(
    st.sampled_from(["A", "B"]),
    st.integers(0, 170),
    st.integers(1, 30).map(float),
    st.integers(0, 9).map(float),
    st.sampled_from([-1, 0, 1]),
    st.integers(0, 1),
)


def trades(rows: list[tuple[str, int, float, float, int, int]]) -> pl.DataFrame:
    kinds = {"symbol": pl.String, "ts": pl.Int64, "price": pl.Float64, "size": pl.Float64, "side": pl.Int8, "segment_id": pl.Int64}
    frame = pl.DataFrame(sorted(rows, key=lambda row: row[1]), schema=kinds, orient="row")
    return frame.with_columns(pl.col("ts") * SECOND, pl.col("segment_id").cum_max().over("symbol"))


frames = st.lists(trade, max_size=70).map(trades)
activities = st.sampled_from(ACTIVITIES)


def test_a_bar_is_the_same_whether_its_close_or_the_next_trade_ended_it() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stamps = np.sort(np.concatenate([rng.integers(0, 30, 300), rng.integers(40, 70, 300)]))
        frame = pl.DataFrame({"symbol": "A", "ts": stamps * SECOND, "price": np.exp(rng.normal(0, 0.1, 600)), "size": 3.0})
        sampler = Sampler(Filled("ticks", 1000), SESSIONS)
        parts = [sampler.push(frame[:300]).rows, sampler.close(35 * SECOND), sampler.push(frame[300:]).rows, sampler.close()]
        assert pl.concat(parts).equals(sample(frame, Filled("ticks", 1000), SESSIONS).rows)


@settings(deadline=None, max_examples=80)
@given(frames, activities)
def test_every_trade_is_in_one_bar_and_no_bar_spans_a_break_or_a_segment(frame: pl.DataFrame, activity: Activity) -> None:
    built = sample(frame, activity, SESSIONS)
    inside = SESSIONS.assign(frame).rows
    assert len(built.outside) + len(inside) == len(frame)
    assert built.rows["count"].sum() == len(inside)
    for name, whole in (("volume", inside["size"].sum()), ("turnover", (inside["price"] * inside["size"]).sum())):
        assert built.rows[name].sum() == pytest.approx(whole)
    for bar in built.rows.iter_rows(named=True):
        at, begun = (int(SESSIONS.locate(np.array([bar[name]]))[0]) for name in ("ts", "ts_open"))
        assert at == begun >= 0 and bar["session_id"] == SESSIONS.session_id[at]
        own = inside.filter((pl.col("symbol") == bar["symbol"]) & pl.col("ts").is_between(bar["ts_open"], bar["ts"]))
        assert bar["segment_id"] in own["segment_id"].to_list()
        assert bar["low"] <= min(bar["open"], bar["close"]) <= max(bar["open"], bar["close"]) <= bar["high"]


@settings(deadline=None, max_examples=80)
@given(frames, activities, st.lists(st.integers(0, 70), max_size=4))
def test_however_trades_are_cut_the_bars_are_the_same(frame: pl.DataFrame, activity: Activity, cuts: list[int]) -> None:
    sampler, parts = Sampler(activity, SESSIONS), []
    edges = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
    for low, high in zip(edges, edges[1:], strict=False):
        parts.append(sampler.push(frame[low:high]).rows)
        if low < high < len(frame):  # what is over may be asked for at any time
            parts.append(sampler.close(int(frame["ts"][high]) - 1))
    parts.append(sampler.close())
    order = ["symbol", "ts", "ts_open", "segment_id", "count", "close"]
    assert pl.concat(parts).sort(order).equals(sample(frame, activity, SESSIONS).rows.sort(order))


@settings(deadline=None, max_examples=80)
@given(frames, activities, st.integers(0, 170))
def test_what_comes_later_changes_no_bar_that_is_known(frame: pl.DataFrame, activity: Activity, now: int) -> None:
    past = frame.filter(pl.col("ts") <= now * SECOND)
    whole, part = sample(frame, activity, SESSIONS).rows, sample(past, activity, SESSIONS).rows
    known = pl.col("ts") < now * SECOND
    assert whole.filter(known).equals(part.filter(known))


def test_a_bar_ends_with_the_whole_trade_that_fills_it_and_with_the_market() -> None:
    rows = [("A", 0, 5.0, 4.0, 0, 0), ("A", 1, 6.0, 9.0, 0, 0), ("A", 2, 7.0, 1.0, 0, 0), ("A", 45, 8.0, 12.0, 0, 0)]
    bars = sample(trades(rows), Filled("volume", 10), SESSIONS).rows
    assert (bars["ts"] // SECOND).to_list() == [1, 30, 45]
    assert bars["volume"].to_list() == [13.0, 1.0, 12.0]
    assert bars["session_id"].to_list() == [70 * SECOND] * 3


def test_what_makes_no_bars_is_refused() -> None:
    with pytest.raises(ConfigError, match="positive"):
        Filled("ticks", 0)
    with pytest.raises(ConfigError, match="bounds"):
        Imbalance("ticks", 5, least=3, most=2)
    good = trades([("A", 1, 5.0, 4.0, 0, 0), ("A", 2, 6.0, 4.0, 0, 0)])
    for frame, found in (
        (good.reverse(), "time order"),
        (good.with_columns(price=pl.lit(float("nan"))), "row 1"),
        (good.drop("size"), "size"),
        (good.with_columns(ts_open=pl.col("ts")), "not from bars"),
    ):
        with pytest.raises(DataError, match=found):
            sample(frame, Filled("ticks", 2), SESSIONS)
    sampler = Sampler(Filled("ticks", 2), SESSIONS)
    sampler.push(good)
    with pytest.raises(DataError, match="begin before"):
        sampler.push(good)


@pytest.fixture(scope="module")
def es(market_data: Path) -> pl.DataFrame:
    """50,000 real ES trades of one session."""
    with lzma.open(market_data / "es_trades/es_trades_2013-09.csv.xz") as stream:
        frame = pl.read_csv(stream.read(), n_rows=50_000)
    local = pl.col("DateTime").str.to_datetime(time_unit="ns", strict=True).dt.replace_time_zone("America/Chicago")
    size = pl.col("Volume").cast(pl.Float64).alias("size")
    return frame.select(
        pl.lit("ES").alias("symbol"), local.dt.epoch("ns").alias("ts"), pl.col("Price").cast(pl.Float64).alias("price"), size
    )


def slow(frame: pl.DataFrame, activity: Filled) -> list[int]:
    """Ticks of the bars, by the book: Advances in Financial Machine Learning, 2.3.1."""
    out, count, total = [], 0, 0.0
    for price, size in frame.select("price", "size").iter_rows():
        count, total = count + 1, total + {"ticks": 1.0, "volume": size, "dollars": price * size}[activity.measure]
        if total >= activity.size:
            out, count, total = [*out, count], 0, 0.0
    return [*out, count] if count else out


# bars that mlfinpy 0.1.2 makes of these trades: how many, sum of place times ticks, sum of closes
MLFINPY = [
    (Filled("ticks", 700), 71, 1_739_500, 116_757.0),
    (Filled("volume", 5_000), 33, 784_183, 54_272.0),
    (Filled("dollars", 4e6), 68, 1_651_992, 111_829.25),
    (Imbalance("ticks", 500, window=1000, least=50, most=3000), 8_867, 236_143_640, 14_578_741.25),
    (Imbalance("volume", 300, window=2000, least=100, most=5000), 4_829, 123_358_163, 7_940_499.75),
    (Imbalance("dollars", 400, bars=5, window=500, least=100, most=1000), 13, 337_549, 21_365.5),
]


@pytest.mark.parametrize(("activity", "bars", "places", "closes"), MLFINPY, ids=[str(each[0]) for each in MLFINPY])
def test_real_trades_give_the_bars_of_the_book_and_of_mlfinpy(
    es: pl.DataFrame, activity: Activity, bars: int, places: int, closes: float
) -> None:
    built = sample(es, activity, calendar("CME_Equity")).rows
    full = built.head(bars)  # the last one is ended by the session, which mlfinpy does not know
    assert len(built) == bars + 1
    assert int((full["count"] * pl.int_range(bars, eager=True)).sum()) == places
    assert full["close"].sum() == closes
    if isinstance(activity, Filled):
        assert built["count"].to_list() == slow(es, activity)
