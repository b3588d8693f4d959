"""LEAN data folders: made zips for what they may hold, real ones for what they do."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tickcast.calendars import calendar
from tickcast.errors import ConfigError, SourceError
from tickcast.sources.lean import Lean

NEW_YORK = ZoneInfo("America/New_York")


def zipped(folder: Path, name: str, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return folder / name


def frame(source: Lean) -> pl.DataFrame:
    return pl.concat(chunk.frame for chunk in source.history())


def test_minutes_of_contracts_are_known_at_their_close_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    rows = "64800000,1.5,2,1,1.75,10\n"  # 18:00, on the evening after the clocks of New York went forward
    zipped(tmp_path, "20200308_trade.zip", {"20200308_es_minute_trade_202003.csv": rows, "20200308_es_minute_trade_202006.csv": rows})
    assert frame(Lean(tmp_path))["ts_open"].unique().to_list() == [1_583_690_400 * 10**9]  # futures count from midnight UTC
    read = frame(Lean(tmp_path, zone="America/New_York"))
    opened = int(datetime(2020, 3, 8, 18, tzinfo=NEW_YORK).timestamp()) * 10**9
    assert read["symbol"].to_list() == ["ESH20", "ESM20"]
    contracts = Lean(tmp_path, zone="America/New_York").contracts()
    assert contracts.select("symbol", "product", "kind").rows() == [("ESH20", "ES", "future"), ("ESM20", "ES", "future")]
    assert (contracts["ts"] < opened).all()
    assert read.select("ts_open", "ts", "interval").unique().rows() == [(opened, opened + 60 * 10**9, 60 * 10**9)]


def test_quotes_of_equities_keep_the_other_side_and_leave_out_what_the_vendor_flagged(tmp_path: Path) -> None:
    text = "34200000,100000,5,0,0,P,1,0\n34200001,0,0,100100,7,P,1,0\n34200002,900000,1,0,0,P,1,1\n34200003,100050,6,0,0,P,1,0"
    zipped(tmp_path, "20131007_quote.zip", {"20131007_ibm_Quote_Tick.csv": text})
    chunk = next(iter(Lean(tmp_path, table="book").history()))
    assert chunk.frame.select("bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1").rows() == [
        (10.0, 5.0, None, None),
        (10.0, 5.0, 10.01, 7.0),
        (10.005, 6.0, 10.01, 7.0),
    ]
    assert chunk.quarantined.select("row", "reason").rows() == [(3, "flagged_by_vendor")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("34200000,100000,5,P,0,0\n34200000,100000,5\n", "row 2: has 3 fields where row 1 has 6"),
        ("34200000,100000,5\n", "row 1: has 3 columns, not 6"),
        ("34200000,1x0000,5,P,0,0\n", "row 1, field price: '1x0000' is no number"),
    ],
)
def test_a_damaged_member_is_named_with_its_row(tmp_path: Path, text: str, message: str) -> None:
    zipped(tmp_path, "20131007_trade.zip", {"20131007_spy_Trade_Tick.csv": text})
    with pytest.raises(SourceError, match=message):
        frame(Lean(tmp_path, table="trades"))


def test_what_a_folder_does_not_hold_is_told(tmp_path: Path) -> None:
    zipped(tmp_path, "20131007_trade.zip", {"20131007_spy_Trade_Tick.csv": "1,10000,1,P,0,0\n"})
    with pytest.raises(SourceError, match="no LEAN file of bars"):
        Lean(tmp_path)
    with pytest.raises(SourceError, match="of QQQ"):
        Lean(tmp_path, table="trades", symbol="QQQ")
    with pytest.raises(ConfigError, match="Choose table book"):
        Lean(tmp_path, table="trades", open_interest=True)
    (tmp_path / "20131008_trade.zip").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(SourceError, match="cannot be read"):
        Lean(tmp_path, table="trades")


def test_real_equities_and_futures(market_data: Path) -> None:
    spy = frame(Lean(market_data / "equities", table="trades", symbol="SPY"))
    assert len(spy) == 1_887_450  # ten of 1,887,460 are flagged
    assert 160 < spy["price"].min() < spy["price"].max() < 175
    minutes = frame(Lean(market_data / "futures_contracts" / "cme"))
    ticks, quotes = (
        frame(Lean(market_data / "futures_contracts" / name, table=table)) for name, table in (("comex", "trades"), ("cme", "book"))
    )
    assert (len(minutes), len(ticks), len(quotes)) == (23_948, 157_390, 47_776)
    assert minutes["symbol"].n_unique() == 8
    assert len(calendar("CME_Equity").assign(minutes).outside) == 0
    # a minute's quote and its trades are of one market: the last trade lies within a few ticks of the quote at the minute's end
    met = minutes.filter(pl.col("symbol") == "ESZ13").join(quotes, on=["symbol", "ts"])
    near = met.select((pl.col("close") - (pl.col("bid_price_1") + pl.col("ask_price_1")) / 2).abs().le(0.5).mean()).item()
    assert near > 0.95
    interest = frame(Lean(market_data / "futures_contracts" / "cme", table="book", open_interest=True))
    assert interest.filter(pl.col("symbol") == "ESZ13")["open_interest"].max() > 2_600_000
