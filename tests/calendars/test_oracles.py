"""Five years, and more, against the reference libraries; and real per-contract minutes, quotes and books."""

from __future__ import annotations

import lzma
import zipfile
from datetime import date, timedelta
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas_market_calendars
import polars as pl
import pytest

from tickcast.calendars import calendar
from tickcast.clock import DAY, HOUR, MINUTE

EPOCH = date(1970, 1, 1)
FIRST, LAST = date(2019, 1, 1), date(2025, 6, 30)


def ours(name: str) -> np.ndarray:
    """(m, 4) rows of the calendar's sessions on trading days in [FIRST, LAST]."""
    low, high = (FIRST - EPOCH).days, (LAST - EPOCH).days
    rows = np.array(calendar(name).sessions((low - 5) * DAY, (high + 5) * DAY).as_rows())
    return rows[(rows[:, 2] >= low) & (rows[:, 2] <= high)]


def ns(column: object) -> list[int]:
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None)).astype("datetime64[ns]").astype(np.int64).tolist()  # type: ignore[attr-defined]


def days(sessions: object) -> set[int]:
    return set(np.asarray(sessions).astype("datetime64[D]").astype(int).tolist())


def test_new_york_is_that_of_exchange_calendars() -> None:
    oracle = exchange_calendars.get_calendar("XNYS", start=str(FIRST), end=str(LAST)).schedule
    rows = ours("NYSE")
    assert rows[:, 0].tolist() == ns(oracle["open"])
    assert rows[:, 1].tolist() == ns(oracle["close"])
    assert set(rows[:, 2].tolist()) == days(oracle.index)
    assert len({(close - opened) // HOUR for opened, close, *_ in rows.tolist()}) == 2  # full days and half days


def test_shanghai_trades_on_the_days_of_exchange_calendars() -> None:
    oracle = exchange_calendars.get_calendar("XSHG", start="2005-01-01", end="2026-12-31").sessions
    rows = np.array(
        calendar("SHFE.wr").sessions((date(2005, 1, 1) - EPOCH).days * DAY, (date(2027, 1, 1) - EPOCH).days * DAY - 1).as_rows()
    )
    assert set(rows[:, 2].tolist()) == days(oracle)
    assert set(ours("SHFE.au")[:, 2].tolist()) == days(exchange_calendars.get_calendar("XSHG", start=str(FIRST), end=str(LAST)).sessions)


@pytest.mark.parametrize("name", ["CME_Equity", "CME_Metals"])
def test_chicago_differs_from_its_listing_where_the_page_says_so(name: str) -> None:
    listing = {"CME_Equity": "CME_Equity", "CME_Metals": "CMEGlobex_Metals"}[name]
    listed = pandas_market_calendars.get_calendar(listing).schedule(str(FIRST - timedelta(1)), str(LAST + timedelta(1)), tz="UTC")
    oracle = dict(zip(ns(listed["market_open"]), ns(listed["market_close"]), strict=True))
    rows = ours(name)
    firsts = rows[np.diff(rows[:, 3], prepend=0) > 0]
    other = {
        str(np.datetime64(opened, "ns"))[:10]: (id_ - oracle[opened]) // MINUTE
        for opened, _, _, id_ in firsts.tolist()
        if id_ != oracle[opened]
    }
    months = {(int(day[5:7]), minutes) for day, minutes in other.items()}
    if name == "CME_Equity":
        assert months == {(7, 15), (11, 15), (12, 15)}
    else:
        assert months == {(9, 90), (11, 60), (12, -195)}
    assert len(other) <= 20
    assert len(firsts) > 1600


def test_chicagos_trade_dates_are_those_of_exchange_calendars() -> None:
    oracle = days(exchange_calendars.get_calendar("CMES", start=str(FIRST), end=str(LAST)).sessions)
    found = set(ours("CME_Equity")[:, 2].tolist())
    # CMES counts a holiday with a shortened session as a day of its own; the exchange books it on the next trade date
    holidays = {str(EPOCH + timedelta(each)) for each in oracle - found}
    assert not found - oracle
    assert len(holidays) <= 7 * 7
    assert {"2023-01-16", "2023-02-20", "2023-05-29", "2023-06-19", "2023-07-04", "2023-09-04", "2023-11-23"} <= holidays


@pytest.mark.parametrize(
    ("folder", "name"), [("cme/minute/es", "CME_Equity"), ("comex/minute/gc", "CME_Metals"), ("comex/tick/gc", "CME_Metals")]
)
def test_minutes_and_ticks_of_single_contracts_lie_in_their_sessions(market_data: Path, folder: str, name: str) -> None:
    stamps = []
    for path in sorted((market_data / "futures_contracts" / folder).glob("*_trade.zip")):
        midnight = int(np.datetime64(f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}", "ns").astype(np.int64))
        with zipfile.ZipFile(path) as archive:  # milliseconds since midnight of UTC, whatever the folder's page says
            stamps += [
                midnight + int(line.split(b",")[0]) * 1_000_000 for each in archive.namelist() for line in archive.read(each).split()
            ]
    frame = pl.DataFrame({"ts_open": stamps}).select("ts_open", (pl.col("ts_open") + MINUTE).alias("ts"))
    frame = frame.select(pl.col("ts_open").alias("ts")) if "tick" in folder else frame
    placed = calendar(name).assign(frame)
    assert len(placed.outside) == 0
    local = (placed.rows["ts"] - 1).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("America/New_York")
    assert (local.dt.hour() == 17).any()  # in 2013 the day ended at 17:15, fifteen minutes later than listed
    assert placed.rows["session_id"].n_unique() >= 3


def test_the_book_of_singapore_opens_with_its_session(market_data: Path) -> None:
    with lzma.open(market_data / "sgx/a50_2014-01-09.csv.xz", "rt") as stream:
        texts = [line[10:].strip().replace("D", "T", 1) for line in stream if line.startswith("TimeStamp")]
    stamps = np.array(texts, "datetime64[ns]").astype(np.int64) - 8 * HOUR
    placed = calendar("SGX_A50").assign(pl.DataFrame({"ts": stamps}))
    assert placed.rows["trading_day"].unique().to_list() == [(date(2014, 1, 9) - EPOCH).days]
    assert len(placed.outside) < 0.02 * len(stamps)  # the opening auction, from 8:45
    assert placed.outside["ts"].max() < (date(2014, 1, 9) - EPOCH).days * DAY + HOUR  # type: ignore[operator]
