from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.bars import build
from tickcast.calendars import Sessions, calendar
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError, DataError

SESSIONS = Sessions(np.array([0, 3 * HOUR]), np.array([2 * HOUR + 7 * MINUTE, 5 * HOUR]), np.array([0, 0]))
PRICES = ["ts", "open", "high", "low", "close", "volume", "turnover", "count", "session_id", "segment_id"]


def trades(rows: list[tuple[int, float, float]], **more: object) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"ts": pl.Int64, "price": pl.Float64, "size": pl.Float64}, orient="row")
    return frame.with_columns(symbol=pl.lit("X"), **more)


events = st.lists(
    st.tuples(st.integers(0, 5 * 3600).map(lambda s: s * SECOND), st.integers(1, 40).map(float), st.integers(1, 9).map(float)), max_size=60
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@settings(deadline=None, max_examples=50)
@given(events, st.sampled_from(["1m", "5m", "10m", "15m", "20m", "25m", "30m", "45m", "60m"]))
def test_bars_of_bars_are_the_bars_of_the_trades(rows: list[tuple[int, float, float]], interval: str) -> None:
    fine = build(trades(rows), "1m", SESSIONS)
    coarse, direct = build(fine.rows, interval, SESSIONS), build(trades(rows), interval, SESSIONS)
    assert coarse.rows.select(PRICES).equals(direct.rows.select(PRICES))
    assert len(coarse.outside) == 0


@settings(deadline=None, max_examples=50)
@given(events)
def test_bars_hold_every_trade_once_inside_one_session(rows: list[tuple[int, float, float]]) -> None:
    built = build(trades(rows), "10m", SESSIONS)
    assert built.rows["count"].sum() + len(built.outside) == len(rows)
    for bar in built.rows.iter_rows(named=True):
        at = int(SESSIONS.locate(np.array([bar["ts"]]))[0])
        assert SESSIONS.open[at] <= bar["ts_open"] < bar["ts"] <= SESSIONS.close[at] == bar["session_id"]
        assert bar["low"] <= min(bar["open"], bar["close"]) <= max(bar["open"], bar["close"]) <= bar["high"]
    assert built.rows["ts"].is_sorted() and built.rows["ts"].is_unique().all()


@settings(deadline=None, max_examples=50)
@given(events, st.integers(1, 59))
def test_later_trades_change_no_bar_that_is_closed(rows: list[tuple[int, float, float]], kept: int) -> None:
    past = rows[:kept]
    if not past:
        return
    now = past[-1][0]
    whole, part = build(trades(rows), "5m", SESSIONS).rows, build(trades(past), "5m", SESSIONS).rows
    assert whole.filter(pl.col("ts") < now).equals(part.filter(pl.col("ts") < now))


def test_a_trade_on_the_boundary_opens_the_next_bar_and_one_on_the_close_ends_the_session() -> None:
    close = 2 * HOUR + 7 * MINUTE
    built = build(
        trades([(5 * MINUTE - 1, 1.0, 1.0), (5 * MINUTE, 2.0, 3.0), (close - 1, 5.0, 1.0), (close, 6.0, 1.0), (close + 1, 9.0, 1.0)]),
        "5m",
        SESSIONS,
    )
    assert built.rows["ts"].to_list() == [5 * MINUTE, 10 * MINUTE, close]
    assert built.rows["close"].to_list() == [1.0, 2.0, 6.0]
    assert built.rows["turnover"].to_list() == [1.0, 6.0, 11.0]
    assert built.rows["ts_open"].to_list()[-1] == 2 * HOUR + 5 * MINUTE
    assert built.outside["price"].to_list() == [9.0]


def test_unknown_volume_stays_unknown_and_segments_do_not_mix() -> None:
    frame = pl.DataFrame(
        {"symbol": "X", "interval": MINUTE, "ts_open": [0, MINUTE, 2 * MINUTE], "ts": [MINUTE, 2 * MINUTE, 3 * MINUTE]}
    ).with_columns(*(pl.Series(name, [1.0, 2.0, 3.0]) for name in ("open", "high", "low", "close")))
    frame = frame.with_columns(
        volume=pl.Series([1.0, None, 4.0]), segment_id=pl.Series([0, 0, 1]), underlying_contract=pl.Series(["A", "A", "B"])
    )
    built = build(frame, "5m", SESSIONS).rows
    assert built["volume"].to_list() == [None, 4.0]
    assert built["segment_id"].to_list() == [0, 1]
    assert built["underlying_contract"].to_list() == ["A", "B"]
    assert built["count"].to_list() == [None, None]


def test_local_alignment_follows_the_zone() -> None:
    always = calendar("24/7")
    half_past = trades([(10 * DAY + HOUR, 1.0, 1.0)])
    assert build(half_past, "4h", always).rows["ts"].to_list() == [10 * DAY + 4 * HOUR]
    assert build(half_past, "4h", always, zone="America/New_York").rows["ts"].to_list() == [10 * DAY + HOUR + 4 * HOUR]


def test_what_makes_no_bars_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than a day"):
        build(trades([(0, 1.0, 1.0)]), "25h", SESSIONS)
    with pytest.raises(DataError, match="row 2, field ts"):
        build(trades([(9, 1.0, 1.0), (3, 1.0, 1.0)]), "5m", SESSIONS)
    with pytest.raises(DataError, match="size"):
        build(trades([(0, 1.0, 1.0)]).drop("size"), "5m", SESSIONS)
    hourly = build(trades([(0, 1.0, 1.0), (HOUR + 1, 1.0, 1.0)]), "1h", SESSIONS).rows
    with pytest.raises(DataError, match="crosses a boundary"):
        build(hourly, "5m", SESSIONS)
    assert len(build(trades([]), "5m", SESSIONS).rows) == 0


def test_nq_minutes_give_the_bars_of_the_skill_table(market_data: Path) -> None:
    frame = pl.read_parquet(market_data / "nq/nq_1m_2019_2024h1.parquet").head(200_000)
    opened = pl.col("ts_open").dt.cast_time_unit("ns").cast(pl.Int64)
    minutes = frame.select(
        pl.lit("NQ").alias("symbol"),
        opened,
        (opened + MINUTE).alias("ts"),
        *(pl.col(c).cast(pl.Float64) for c in ("open", "high", "low", "close")),
    )
    pandas = frame.to_pandas().set_index("ts_open")
    wanted = (
        pandas.resample("5min", label="right", closed="left").agg({"open": "first", "high": "max", "low": "min", "close": "last"}).dropna()
    )
    built = build(minutes, "5m", calendar("CME_Equity"))
    assert np.array_equal(built.rows["ts"].to_numpy(), wanted.index.as_unit("ns").astype("int64").to_numpy())
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(built.rows[name].to_numpy(), wanted[name].to_numpy().astype(float))


@pytest.mark.parametrize("minutes", [1, 5, 10, 15, 20, 25, 30, 45, 60])
def test_no_bar_spans_a_break_and_an_early_close_ends_the_last_one(minutes: int) -> None:
    for name, at in (("SHFE.au", "2023-03-20"), ("CME_Equity", "2020-11-27"), ("CME_Equity", "2020-11-30")):
        day = int(np.datetime64(at, "ns").astype(np.int64))
        sessions = calendar(name).sessions(day - DAY, day + DAY)
        ticks = np.concatenate([np.arange(low, high + 1, 7 * MINUTE) for low, high, *_ in sessions.as_rows()])
        frame = trades([(int(ts), 1.0, 1.0) for ts in np.unique(ticks)])
        built = build(frame, f"{minutes}m", calendar(name))
        assert len(built.outside) == 0 and built.rows["count"].sum() == len(frame)
        held = sessions.place(built.rows)
        assert (held >= 0).all()
        assert (built.rows["ts"].to_numpy() <= sessions.close[held]).all()
        assert minutes < 10 or set(sessions.close.tolist()) & set(built.rows["ts"].to_list())
