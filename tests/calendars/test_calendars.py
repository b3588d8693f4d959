from __future__ import annotations

import json
import lzma
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import CALENDARS, Cme, Sessions, Shfe, calendar
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError, DataError


def at(text: str, zone: str = "America/New_York") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 86_400


def closes(name: str, first: str, last: str) -> list[int]:
    return calendar(name).sessions(at(first), at(last)).close.tolist()


def test_labor_day_2013_closes_at_noon_chicago_and_counts_towards_tuesday() -> None:
    sessions = calendar("CME_Equity").sessions(at("2013-09-01T18:00"), at("2013-09-03T17:00"))
    assert sessions.open.tolist() == [at("2013-09-01T18:00"), at("2013-09-02T18:00"), at("2013-09-03T16:30")]
    assert sessions.close.tolist() == [at("2013-09-02T12:00", "America/Chicago"), at("2013-09-03T16:15"), at("2013-09-03T17:15")]
    assert sessions.session_id.tolist() == [at("2013-09-02T12:00", "America/Chicago"), *[at("2013-09-03T17:15")] * 2]
    assert sessions.trading_day.tolist() == [day("2013-09-03")] * 3


def test_the_pause_of_a_quarter_hour_is_closed_and_does_not_split_a_session() -> None:
    sessions = calendar("CME_Equity").sessions(at("2020-06-02T16:00"), at("2020-06-02T16:45"))
    assert sessions.close.tolist() == [at("2020-06-02T16:15"), at("2020-06-02T17:00")]
    assert sessions.session_id.tolist() == [at("2020-06-02T17:00")] * 2
    assert sessions.locate(np.array([at("2020-06-02T16:20")])).tolist() == [-1]
    assert len(calendar("CME_Equity").sessions(at("2021-06-28T16:00"), at("2021-06-28T16:45"))) == 1


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("CME_Equity", "2023-07-03T13:15"),
        ("CME_Equity", "2020-07-03T13:00"),
        ("CME_Equity", "2023-11-24T13:15"),
        ("CME_Metals", "2023-11-24T13:45"),
        ("CME_Metals", "2024-11-29T14:45"),
        ("CME_Metals", "2022-09-05T14:30"),
        ("CME_Metals", "2021-09-06T13:00"),
        ("CME_Metals", "2024-12-24T13:45"),
        ("NYSE", "2023-07-03T13:00"),
    ],
)
def test_early_closes_are_those_of_real_trades(name: str, close: str) -> None:
    assert at(close) in closes(name, close[:10] + "T09:00", close[:10] + "T12:00")


def test_summer_time_moves_the_session_with_new_york() -> None:
    march = calendar("CME_Metals").sessions(at("2024-03-08T12:00"), at("2024-03-11T12:00"))
    assert [int(each) % DAY // HOUR for each in march.close] == [22, 21]


@pytest.mark.parametrize("name", sorted(CALENDARS))
def test_twenty_years_of_sessions_are_in_order_and_survive_json(name: str) -> None:
    sessions = calendar(name).sessions(at("2006-01-01T00:00"), at("2026-01-01T00:00"))
    assert len(sessions) > 4900
    again = Sessions.parse(json.loads(json.dumps(sessions.as_lists())))
    assert again.as_rows() == sessions.as_rows()
    assert len(np.unique(sessions.session_id[np.diff(sessions.trading_day, prepend=-1) > 0])) == len(np.unique(sessions.trading_day))


@pytest.mark.parametrize(
    "name", ["24/7", "CBOE", "CME_Equity", "CME_Grains", "CME_Metals", "NYSE", "SGX_A50", "SHFE.rb", "INE.sc", "SHFE.wr"]
)
@settings(deadline=None, max_examples=8)
@given(start=st.integers(at("2012-01-01T00:00"), at("2025-01-01T00:00")), length=st.integers(0, 20 * DAY))
def test_a_range_gives_the_sessions_of_a_longer_range_that_touch_it(name: str, start: int, length: int) -> None:
    whole, part = calendar(name).sessions(start - 30 * DAY, start + length + 30 * DAY), calendar(name).sessions(start, start + length)
    touch = (whole.close >= start) & (whole.open <= start + length)
    assert part.as_rows() == [row for row, near in zip(whole.as_rows(), touch, strict=True) if near]


def test_a_close_belongs_to_its_session_and_a_shared_moment_to_the_side_asked_for() -> None:
    apart = Sessions(np.array([0, 30]), np.array([10, 40]), np.array([0, 1]))
    assert apart.locate(np.array([-1, 0, 10, 11, 29, 30, 40, 41])).tolist() == [-1, 0, 0, -1, -1, 1, 1, -1]
    joined = Sessions(np.array([0, 10]), np.array([10, 20]), np.array([0, 1]))
    assert joined.locate(np.array([10])).tolist() == [0]
    assert joined.locate(np.array([10]), tie="open").tolist() == [1]
    assert Sessions(np.array([]), np.array([]), np.array([])).locate(np.array([5])).tolist() == [-1]


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=30))
def test_assign_loses_no_row(stamps: list[int]) -> None:
    sessions = Sessions(np.array([10, 40]), np.array([30, 60]), np.array([0, 1]))
    frame = pl.DataFrame({"ts": sorted(stamps)}, schema={"ts": pl.Int64})
    placed = sessions.assign(frame)
    assert sorted([*placed.rows["ts"], *placed.outside["ts"]]) == sorted(stamps)
    assert set(placed.rows["session_id"].unique()) <= {30, 60}
    assert all(not (10 <= each <= 30 or 40 <= each <= 60) for each in placed.outside["ts"])


def test_a_bar_that_begins_before_the_session_is_outside() -> None:
    sessions = Sessions(np.array([10]), np.array([30]), np.array([0]))
    placed = sessions.assign(pl.DataFrame({"ts_open": [5, 10, 29], "ts": [11, 15, 31]}))
    assert placed.rows["ts"].to_list() == [15]
    assert placed.outside["ts"].to_list() == [11, 31]


def test_what_cannot_be_a_calendar_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="Did you mean CME_Equity"):
        calendar("CME_Equities")
    with pytest.raises(ConfigError, match="UTC nanoseconds"):
        calendar("CME_Metals").sessions(0, 2**62)
    with pytest.raises(ConfigError, match="ends before it starts"):
        calendar("24/7").sessions(2, 1)
    with pytest.raises(ConfigError, match="overlap"):
        Sessions(np.array([0, 5]), np.array([10, 20]), np.array([0, 1]))
    with pytest.raises(ConfigError, match="ends before one of its stretches"):
        Sessions(np.array([0]), np.array([10]), np.array([0]), np.array([9]))
    with pytest.raises(ConfigError, match="trading_day"):
        Sessions.parse({"open": [], "close": []})
    with pytest.raises(ConfigError, match="no family"):
        Cme("Weather")
    with pytest.raises(ConfigError, match="Known: INE"):
        Shfe("SHFE.xx")
    with pytest.raises(DataError, match="int64"):
        calendar("24/7").sessions(0, 1).assign(pl.DataFrame({"ts": [1.0]}))


def test_every_real_nq_minute_lies_in_a_session(market_data: Path) -> None:
    frame = pl.read_parquet(market_data / "nq/nq_1m_2019_2024h1.parquet", columns=["ts_open"])
    opened = pl.col("ts_open").dt.cast_time_unit("ns").cast(pl.Int64)
    placed = calendar("CME_Equity").assign(frame.select(opened, (opened + MINUTE).alias("ts")))
    assert len(placed.outside) == 0
    last = placed.rows.group_by("session_id").agg(pl.col("ts").max()).sort("session_id").head(-1)  # the file ends inside a session
    assert (last["session_id"] - last["ts"]).max() <= 20 * MINUTE


def test_every_real_es_trade_lies_in_one_of_two_sessions(market_data: Path) -> None:
    with lzma.open(market_data / "es_trades/es_trades_2013-09.csv.xz") as stream:
        frame = pl.read_csv(stream.read(), columns=["DateTime"])
    local = pl.col("DateTime").str.to_datetime(time_unit="ns", strict=True).dt.replace_time_zone("America/Chicago")
    placed = calendar("CME_Equity").assign(frame.select(local.dt.epoch("ns").alias("ts")))
    assert len(placed.outside) == 0
    assert placed.rows["session_id"].n_unique() == 2
    assert placed.rows["trading_day"].n_unique() == 1
