"""Shanghai: nights by product, which belong to the next trading day; checked on the 20 contracts of the real file."""

from __future__ import annotations

import lzma
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import calendar
from tickcast.calendars.shfe import SHFE_PRODUCTS
from tickcast.clock import DAY, HOUR, MINUTE

EPOCH = date(1970, 1, 1)
PRODUCTS = sorted(SHFE_PRODUCTS)


def beijing(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64)) - 8 * HOUR


def day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


def nights(product: str, first: str, last: str) -> dict[str, tuple[str, int]]:
    """Evening to (close in Beijing, trading day) of the nights that begin in [first, last]."""
    sessions = calendar(product).sessions(beijing(f"{first}T00:00"), beijing(f"{last}T23:59"))
    found = {}
    for opened, closed, trading_day, _ in sessions.as_rows():
        local = np.datetime64(opened + 8 * HOUR, "ns")
        if str(local)[11:16] == "21:00" and first <= str(local)[:10] <= last:
            found[str(local)[:10]] = (str(np.datetime64(closed + 8 * HOUR, "ns"))[11:16], trading_day)
    return found


def test_fridays_night_is_mondays_trading_day_and_one_session() -> None:
    sessions = calendar("SHFE.au").sessions(beijing("2023-03-17T20:00"), beijing("2023-03-20T15:00"))
    assert sessions.trading_day.tolist() == [day("2023-03-20")] * 4
    assert sessions.session_id.tolist() == [beijing("2023-03-20T15:00")] * 4
    assert sessions.close.tolist() == [beijing(f"2023-03-{t}") for t in ("18T02:30", "20T10:15", "20T11:30", "20T15:00")]


@pytest.mark.parametrize(
    ("product", "first", "last", "evenings"),
    [
        ("SHFE.cu", "2023-09-27", "2023-10-09", ["2023-09-27", "2023-10-09"]),  # Mid-Autumn and National Day, 29 September to 6 October
        ("SHFE.cu", "2024-02-07", "2024-02-19", ["2024-02-07", "2024-02-19"]),  # Spring Festival
        ("SHFE.cu", "2024-06-06", "2024-06-11", ["2024-06-06", "2024-06-11"]),  # Dragon Boat on a Monday: no night on the Friday
        ("SHFE.cu", "2015-09-24", "2015-09-28", ["2015-09-24", "2015-09-28"]),  # a holiday on a Sunday, by the exchange's notice
        ("SHFE.ag", "2020-01-22", "2020-05-07", ["2020-01-22", "2020-05-06", "2020-05-07"]),  # suspended, 2020-01-23 before the holiday
        ("SHFE.au", "2013-07-03", "2013-07-08", ["2013-07-05", "2013-07-08"]),  # the first nights of all
        ("SHFE.wr", "2015-01-01", "2025-12-31", []),
    ],
)
def test_there_is_no_night_before_a_holiday_nor_before_nights_began(product: str, first: str, last: str, evenings: list[str]) -> None:
    assert sorted(nights(product, first, last)) == evenings


def test_hours_changed_with_the_exchanges_notices() -> None:
    bars = nights("SHFE.rb", "2016-04-28", "2016-05-04")
    assert bars == {
        "2016-04-28": ("01:00", day("2016-04-29")),
        "2016-05-03": ("23:00", day("2016-05-04")),
        "2016-05-04": ("23:00", day("2016-05-05")),
    }
    assert {nights(p, "2025-09-15", "2025-09-15").get("2025-09-15", ("none", 0))[0] for p in PRODUCTS} == {
        "none",
        "23:00",
        "01:00",
        "02:30",
    }


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_trading_day_is_one_session_that_closes_at_three(product: str) -> None:
    sessions = calendar(product).sessions(beijing("2018-01-01T00:00"), beijing("2026-06-30T23:00"))
    assert ((sessions.session_id + 8 * HOUR) % DAY == 15 * HOUR).all()
    assert np.array_equal((sessions.session_id + 8 * HOUR) // DAY, sessions.trading_day)
    counts = np.unique(sessions.session_id, return_counts=True)[1]
    assert set(counts[1:-1].tolist()) <= {3, 4}  # the range cuts the first and the last
    assert (np.diff(sessions.session_id)[np.diff(sessions.trading_day) > 0] > 0).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(day("2014-01-01"), day("2026-06-01")), st.integers(0, DAY // MINUTE - 1), st.sampled_from(PRODUCTS))
def test_a_moment_at_night_belongs_to_a_later_day_and_by_day_to_its_own(on: int, minute: int, product: str) -> None:
    ts = on * DAY + minute * MINUTE - 8 * HOUR
    placed = calendar(product).assign(pl.DataFrame({"ts": [ts]})).rows
    for row in placed.iter_rows(named=True):
        assert (row["trading_day"] == on) == (9 * 60 <= minute <= 15 * 60) or minute < 3 * 60
        assert row["session_id"] >= ts


def test_the_bars_of_twenty_real_contracts_lie_in_their_sessions_and_fill_them(market_data: Path) -> None:
    with lzma.open(market_data / "shfe/futures_5m_2023-03.csv.xz") as stream:
        frame = pl.read_csv(stream.read())
    ts = pl.col("datetime").str.to_datetime(time_unit="ns").dt.replace_time_zone("Asia/Shanghai").dt.epoch("ns")
    frame = frame.select("symbol", ts.alias("ts"), (ts - 5 * MINUTE).alias("ts_open"))
    assert frame["symbol"].n_unique() == 20
    wrong, full = 0, []
    for (symbol,), bars in frame.group_by("symbol"):
        product = str(symbol)[:2].lower()
        market = calendar(f"INE.{product}" if product in ("sc", "nr", "lu", "bc") else f"SHFE.{product}")
        # the vendor dates the bar that closes at Friday's midnight by its trading day, Monday; two days earlier it is where it belongs
        mondays = market.assign(bars).outside
        wrong += len(mondays)
        assert set(mondays["ts"].to_list()) <= {beijing("2023-03-20T00:00"), beijing("2023-03-27T00:00")}, symbol
        back = pl.when(pl.col("ts").is_in(mondays["ts"].implode())).then(2 * DAY).otherwise(0)
        placed = market.assign(bars.with_columns(pl.col("ts", "ts_open") - back))
        assert len(placed.outside) == 0, symbol
        if product == "wr":  # trades a few minutes of a day
            continue
        # the calendar promises nothing that is not there: whole sessions hold a bar every five minutes
        found = dict(placed.rows.group_by("session_id").len().iter_rows())
        expected = dict.fromkeys(sorted(found)[1:], 0)
        for opened, closed, _, session in market.sessions(int(frame["ts"].min()), max(found)).as_rows():  # type: ignore[arg-type]
            if session in expected:
                expected[session] += (closed - opened) // (5 * MINUTE)
        assert len(expected) >= 8
        assert all(found[session] <= n for session, n in expected.items()), symbol
        full += [found[session] == n for session, n in expected.items()]
    assert wrong == 22
    assert np.mean(full) > 0.9  # lead and tin pause at times
