"""Declared tables: every way a file can be wrong is one line naming it; times are told right."""

from __future__ import annotations

import lzma
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tickcast.errors import ConfigError, SourceError
from tickcast.sources import SOURCES, MappedTable

COLUMNS = {"ts": "time", "price": "px", "size": "qty"}
TEXT = "time,px,qty\n2024-01-02 09:30:00.5,10.25,3\n2024-01-02 09:30:00.5,10.25,3\n2024-01-02 09:30:01,10.5,1\n"


def read(path: Path, **changed: object):
    options = {"table": "trades", "columns": COLUMNS, "symbol": "A", "zone": "America/New_York", **changed}
    (chunk,) = MappedTable(path, **options).history()  # type: ignore[arg-type]
    return chunk


def test_zone_and_packing_change_nothing_but_the_bytes(tmp_path: Path) -> None:
    plain, packed, wheel = tmp_path / "a.csv", tmp_path / "a.csv.xz", tmp_path / "a.whl"
    plain.write_text("\ufeff" + TEXT, encoding="utf-8")
    packed.write_bytes(lzma.compress(TEXT.encode()))
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("x/a.csv", TEXT)
        archive.writestr("x/b.txt", "b")
    frames = [read(plain).frame, read(packed).frame, read(wheel, member="x/a.csv").frame, read(Path(f"{wheel}!x/a.csv")).frame]
    assert all(frame.equals(frames[0]) for frame in frames)
    assert frames[0]["ts"].to_list() == [1704205800_500_000_000] * 2 + [1704205801_000_000_000]
    assert frames[0]["side"].null_count() == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.replace("10.5,1", "10.5,1,7").encode(), "row 3.*4 fields"),
        (TEXT.replace("10.5,1", "10.5").encode(), "row 3.*2 fields"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.replace("10.5,", "10\0,").encode(), "row 3.*NUL"),
        (b"", "empty"),
        (TEXT.replace("px", "prix").encode(), "field px.*no such column"),
        (TEXT.replace("qty", "qty,px").replace(",3\n", ",3,9\n").replace(",1\n", ",1,9\n").encode(), "field px.*twice"),
        (TEXT.replace("2024", "1800").encode(), "field time.*outside"),
        (b"PAR1" + bytes(200), "Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=f"bad.csv.*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"zone": "America/New_Yorkk"}, "(?i)did you mean 'America/New_York'"),
        ({"columns": {**COLUMNS, "prise": "px"}}, "(?i)did you mean 'price'"),
        ({"columns": {"price": "px"}}, "no column is mapped to ts"),
        ({"table": "bars", "columns": {"ts": "time", "open": "px"}}, "interval"),
        ({"unit": "seconds"}, "no unit"),
        ({"zone": None}, "no zone is declared"),
        ({"format": "%d/%m/%Y"}, "outside"),
    ],
)
def test_a_wrong_declaration_is_told(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    with pytest.raises((ConfigError, SourceError), match=f"(?i){message}"):
        read(path, **changed)


def test_a_file_that_runs_backwards_is_refused_not_emptied(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,px,qty\n" + "".join(f"2024-01-02 09:30:{59 - i:02d},10.25,3\n" for i in range(20)))
    with pytest.raises(SourceError, match="field time: 19 of 20 rows are out of order"):
        read(path)


def test_truncated_archives_and_flipped_parquet_are_refused(tmp_path: Path) -> None:
    packed, table = tmp_path / "a.csv.xz", tmp_path / "a.parquet"
    packed.write_bytes(lzma.compress(TEXT.encode() * 20)[:-9])
    with pytest.raises(SourceError, match="a.csv.xz"):
        read(packed)
    pl.DataFrame({"time": [1704205800], "px": [1.0], "qty": [1.0]}).write_parquet(table)
    content = table.read_bytes()
    assert read(table, unit="s").frame["ts"].to_list() == [1704205800_000_000_000]
    for size in range(0, len(content), 40):
        table.write_bytes(content[:size])
        with pytest.raises(SourceError, match="a.parquet"):
            read(table, unit="s")
    table.write_bytes(content)
    for unit in ("us", "ns"):
        with pytest.raises(SourceError, match="outside 1971 to 2100"):
            read(table, unit=unit)


def test_hours_that_the_clock_change_repeats_or_skips_are_quarantined(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    times = ["2024-03-10 01:59:00", "2024-03-10 02:30:00", "2024-03-10 03:01:00", "2024-11-03 01:30:00", "2024-11-03 02:00:00", "nonsense"]
    path.write_text("time,px,qty\n" + "".join(f"{time},1,1\n" for time in times))
    chunk = read(path)
    assert dict(chunk.counts) == {"ambiguous_local_time": 1, "nonexistent_local_time": 1, "ts_unreadable": 1}
    assert chunk.quarantined["row"].to_list() == [2, 4, 6]


@pytest.mark.parametrize(("stamp", "ts"), [("open", 60), ("close", 0)])
def test_bars_are_stamped_at_their_close(tmp_path: Path, stamp: str, ts: int) -> None:
    path = tmp_path / "b.csv"
    path.write_text("t,o,h,l,c\n1704205800,1,2,1,2\n")
    columns = {"ts": "t", "open": "o", "high": "h", "low": "l", "close": "c"}
    frame = read(path, table="bars", columns=columns, unit="s", interval="1m", bar_stamp=stamp).frame
    assert frame["ts"][0] == (1704205800 + ts) * 10**9
    assert frame["ts"][0] - frame["ts_open"][0] == 60 * 10**9


def test_real_trades_and_bars(market_data: Path) -> None:
    columns = {"ts": "DateTime", "price": "Price", "size": "Volume"}
    chunk = read(market_data / "es_trades" / "es_trades_2013-09.csv.xz", columns=columns, zone="America/Chicago")
    assert (len(chunk.frame), len(chunk.quarantined)) == (500_000, 0)
    assert 0.82 < 1 - chunk.frame["ts"].n_unique() / 500_000 < 0.84
    columns = {"ts": "ts_open", "open": "open", "high": "high", "low": "low", "close": "close"}
    nq = read(market_data / "nq" / "nq_1m_2019_2024h1.parquet", table="bars", columns=columns, zone=None, interval="1m", bar_stamp="open")
    assert len(nq.frame) + len(nq.quarantined) == 1_936_129
    assert nq.frame["volume"].null_count() == len(nq.frame)


def test_every_source_stands_in_the_table_under_its_name() -> None:
    assert SOURCES["table"] is MappedTable
    assert all(kind.name == name for name, kind in SOURCES.items())


def test_bars_declared_too_long_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("t,o,h,l,c\n" + "".join(f"{1_600_000_000 + 300 * i},1,1,1,1\n" for i in range(20)))
    columns = {"ts": "t", "open": "o", "high": "h", "low": "l", "close": "c"}
    told = {"table": "bars", "columns": columns, "symbol": "X", "unit": "s", "bar_stamp": "close"}
    assert len(next(MappedTable(path, interval="5m", **told).history()).frame) == 20
    with pytest.raises(SourceError, match="begin before the one before has closed"):
        next(MappedTable(path, interval="7m", **told).history())


QUOTES = {"ts": "ms", "bid_price_1": "bid", "bid_size_1": "bid_size", "ask_price_1": "ask", "ask_size_1": "ask_size"}
BARE = {"header": ["ms", "bid", "bid_size", "ask", "ask_size"], "day": "%Y%m%d", "divisor": {"bid": 10000, "ask": 10000}, "carry": True}


def test_bare_files_tell_time_from_the_day_in_their_name_and_carry_the_other_side(tmp_path: Path) -> None:
    path = tmp_path / "20131007_x.csv"
    path.write_text("34200000,0,0,1836300,100\n34200001,1800100,300,0,0\n34200001,1800200,100,0,0\n")
    chunk = read(path, table="book", columns=QUOTES, unit="ms", layout=BARE)
    assert chunk.frame["ts"].to_list() == [1381152600_000_000_000, 1381152600_001_000_000, 1381152600_001_000_000]
    assert chunk.frame.select("bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1").rows() == [
        (None, None, 183.63, 100),
        (180.01, 300, 183.63, 100),
        (180.02, 100, 183.63, 100),
    ]
    for changed, message in (
        ({**BARE, "header": ["ms", "bid"]}, "row 1: has 5 columns, not 2"),
        ({**BARE, "headers": []}, "no 'headers'.*It has header, day"),
        ({**BARE, "divisor": {"bid": 0}}, "other than 0"),
        ({**BARE, "day": "%d.%m.%Y"}, "no date"),
    ):
        with pytest.raises((ConfigError, SourceError), match=message):
            read(path, table="book", columns=QUOTES, unit="ms", layout=changed)
    path.write_text("34200000,0,0,1836300,100\n34200001,1800100\n")
    with pytest.raises(SourceError, match="row 2: has 2 fields where row 1 has 5"):
        read(path, table="book", columns=QUOTES, unit="ms", layout=BARE)


def test_real_quotes_and_trades_of_equities(market_data: Path) -> None:
    header = [*BARE["header"], "exchange", "condition", "suspicious"]  # type: ignore[misc]
    folder, bare = market_data / "equities" / "ibm", {**BARE, "header": header}
    quotes = read(folder / "20131007_quote.zip", table="book", columns=QUOTES, unit="ms", layout=bare)
    both = quotes.frame.drop_nulls(["bid_price_1", "ask_price_1"])
    assert len(quotes.frame) == 109_067 and not quotes.counts and len(both) > 109_000
    layout = {"header": ["ms", "price", "size", *header[-3:]], "day": "%Y%m%d", "divisor": {"price": 10000}}
    columns = {"ts": "ms", "price": "price", "size": "size"}
    trades = read(folder / "20131007_trade.zip", columns=columns, unit="ms", layout=layout)
    assert len(trades.frame) == 24_293
    near = trades.frame.join_asof(both.select("ts", "bid_price_1", "ask_price_1"), on="ts")
    inside = near.filter(pl.col("price").is_between(pl.col("bid_price_1") - 0.02, pl.col("ask_price_1") + 0.02))
    assert len(inside) > 0.9 * len(near), "the clocks of the two files agree"
