"""Option chains through a declared mapping: dates become moments, rights become sides, unusable rows are counted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tickcast.calendars import Nyse
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import OPTIONS
from tickcast.sources import MappedTable
from tickcast.sources.end_of_day import EndOfDay
from tickcast.store import Store

COLUMNS = {
    "ts": "day",
    "expiry": "exp",
    "strike": "k",
    "right": "cp",
    "bid": "b",
    "ask": "a",
    "iv": "iv",
    "vega": "vega",
    "volume": "v",
    "open_interest": "oi",
}
HEAD = "day,exp,k,cp,b,a,iv,vega,v,oi\n"
GOOD = "11/23/2016,01/21/2017,20,call,1.5,1.7,0.4,2,10,100\n"


def read(path: Path, text: str, **changed: object):
    path.write_text(HEAD + text)
    options = {"table": "options", "columns": COLUMNS, "symbol": "VXX", "format": "%m/%d/%Y", "layout": {"calendar": "NYSE"}, **changed}
    (chunk,) = MappedTable(path, **options).history()  # type: ignore[arg-type]
    return chunk


def moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC)


def test_dates_become_the_moments_they_mean(tmp_path: Path) -> None:
    days = ("11/23/2016", "11/25/2016", "03/14/2016")  # the day after Thanksgiving closes early; summer time
    text = "".join(GOOD.replace("11/23/2016", day) for day in sorted(days, key=lambda d: datetime.strptime(d, "%m/%d/%Y")))
    found = read(tmp_path / "a.csv", text, layout={"calendar": "NYSE", "delay": "15m"}).frame
    assert [moment(ts) for ts in found["ts"]] == [
        datetime(2016, 3, 14, 20, 15, tzinfo=UTC),
        datetime(2016, 11, 23, 21, 15, tzinfo=UTC),
        datetime(2016, 11, 25, 18, 15, tzinfo=UTC),
    ]
    assert {moment(ts) for ts in found["expiry"]} == {datetime(2017, 1, 20, 21, 0, tzinfo=UTC)}  # listed under the Saturday after
    assert found["underlying"].unique().to_list() == ["VXX"] and found.columns == list(OPTIONS.names)
    assert read(tmp_path / "a.csv", GOOD).frame["ts"][0] == found["ts"][1] - 15 * 60 * 10**9


def test_a_file_that_tells_times_needs_no_calendar(tmp_path: Path) -> None:
    text = "2016-11-23 10:00:00,2017-01-20 16:00:00,20,P,1.5,1.7,0.4,2,10,100\n"
    found = read(tmp_path / "a.csv", text, layout=None, format=None, zone="America/New_York").frame.row(0, named=True)
    assert moment(found["ts"]) == datetime(2016, 11, 23, 15, tzinfo=UTC)
    assert moment(found["expiry"]) == datetime(2017, 1, 20, 21, tzinfo=UTC)
    assert found["right"] == -1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD.replace("11/23/2016", "11/24/2016"), "no_session"),
        (GOOD.replace("11/23/2016", "soon"), "ts_unreadable"),
        (GOOD.replace("01/21/2017", "never"), "expiry_missing"),
        (GOOD.replace(",20,", ",,"), "strike_missing"),
        (GOOD.replace(",20,", ",-20,"), "strike_not_positive"),
        (GOOD.replace("call", "swap"), "right_missing"),
        (GOOD.replace("1.5,1.7", "1.9,1.7"), "crossed"),
        (GOOD.replace("1.5,1.7", "-1,1.7"), "bid_negative"),
        (GOOD.replace("1.5,1.7", "1.5,inf"), "ask_not_finite"),
        (GOOD.replace("01/21/2017", "11/18/2016"), "expired"),
        (GOOD.replace("01/21/2017", "11/23/2016"), "expired"),
        (GOOD.replace(",10,100", ",-1,100"), "volume_negative"),
        (GOOD, "duplicate"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside_and_counted(tmp_path: Path, row: str, reason: str) -> None:
    other = GOOD.replace(",20,", ",21,")
    chunk = read(tmp_path / "a.csv", GOOD + row + other)
    assert dict(chunk.counts) == {reason: 1} and chunk.quarantined["row"].to_list() == [2]
    assert chunk.frame["strike"].to_list() == [20.0, 21.0]


@pytest.mark.parametrize("quote", ["0,1.7", "0,0", ",1.7", ",", "1.5,", "1.5,0"])
def test_a_side_without_a_quote_is_a_row_all_the_same(tmp_path: Path, quote: str) -> None:
    """Volume and open interest count even where nobody bids."""
    chunk = read(tmp_path / "a.csv", GOOD.replace("1.5,1.7", quote))
    assert len(chunk.frame) == 1 and not chunk.counts


def test_a_volatility_that_the_feed_does_not_have_is_null(tmp_path: Path) -> None:
    text = GOOD + "".join(
        GOOD.replace(",20,", f",2{i},").replace("0.4,2", cell) for i, cell in enumerate(["-1,2", "0,2", "0.01,0", ",2"], 1)
    )
    assert read(tmp_path / "a.csv", text).frame["iv"].to_list() == [0.4, None, None, None, None]


def test_greeks_come_to_our_units(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", GOOD, layout={"calendar": "NYSE", "divisor": {"vega": 0.01}}).frame["vega"].to_list() == [200.0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layout": {"calendar": "NYS"}}, "Did you mean NYSE"),
        ({"layout": {"calendar": "NYSE", "delay": "late"}}, "duration"),
    ],
)
def test_a_wrong_declaration_is_told(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "a.csv", GOOD, **changed)


def test_numbers_are_no_dates(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"day": [1], "exp": [2], "k": [1.0], "cp": ["C"]}).write_parquet(path)
    columns = {name: COLUMNS[name] for name in ("ts", "expiry", "strike", "right")}
    with pytest.raises(SourceError, match="field day: holds Int64, not dates"):
        list(MappedTable(path, table="options", columns=columns, symbol="A", layout={"calendar": "NYSE"}).history())


def test_dates_as_dates_and_dates_without_any_session() -> None:
    reader = EndOfDay(Nyse(), 0, None)
    dates = pl.Series([date(2016, 12, 25), None, date(2016, 12, 23)])
    found = reader.stamps(dates, file="a", field="day")
    assert found["trouble"].to_list() == ["no_session", "ts_unreadable", None]
    assert found["ts"].null_count() == 2
    settled = reader.settlements(dates, file="a", field="exp")
    assert settled[0] == settled[2] == found["ts"][2] and settled[1] is None
    assert reader.stamps(dates.clear(), file="a", field="day").shape == (0, 2)
    assert reader.settlements(pl.Series(["x", "y"]), file="a", field="exp").null_count() == 2


def test_chains_go_into_the_store_and_back(tmp_path: Path) -> None:
    frame = read(tmp_path / "a.csv", GOOD + GOOD.replace("call", "put") + GOOD.replace(",20,", ",21,")).frame
    with Store.open(tmp_path / "store") as store:
        assert store.write("options", frame, source="a").added == 3
        assert store.write("options", frame, source="a").added == 0
        back = store.scan("options", ["VXX"])
    assert back.sort("strike", "right").equals(frame.sort("strike", "right"))
