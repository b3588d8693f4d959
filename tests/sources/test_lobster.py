"""LOBSTER days: damaged files are one line; messages keep their book, age and aggressor; replaying them rebuilds the book."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.errors import ConfigError, SourceError
from tickcast.sources import Cleaned, Lobster
from tickcast.store import Store

STEM = "XYZ_2012-06-21_34200000_57600000_{}_2.csv"
MESSAGES = """34200.000000001,1,11,100,1000000,1
34200.000000001,1,12,50,1000200,-1
34200.5,4,11,40,1000000,1
34201,2,11,10,1000000,1
34201.25,5,0,7,1000100,-1
34202.25,3,11,50,1000000,1
34203,4,77,5,1000200,-1
34204,7,0,0,-1,-1
34205,7,0,0,1,-1
34206,6,-1,300,1000100,1
"""
EMPTY = "9999999999,0,-9999999999,0"
BOOK = [f"1000200,50,999900,10,{EMPTY}"] * 9 + ["1000200,50,1000000,3,1000300,8,999900,10"]
FILES = {"message": MESSAGES, "orderbook": "\n".join(BOOK) + "\n"}
OPEN = 1_340_285_400_000_000_000  # 2012-06-21 09:30 New York


def packed(folder: Path, **changed: str) -> Path:
    """A day in one zip, as LOBSTER's samples are."""
    path = folder / "day.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ReadMe.txt", "read me")
        for what, text in (FILES | changed).items():
            archive.writestr(STEM.format(what), text)
    return path


def read(path: Path, table: str) -> Cleaned:
    (chunk,) = Lobster(path, table=table).history()
    return chunk


def test_messages_tell_age_and_remainder_of_orders_whose_submission_was_seen(tmp_path: Path) -> None:
    chunk = read(packed(tmp_path), "orders")
    found = chunk.frame
    assert not chunk.counts
    assert found["ts"].to_list()[:3] == [OPEN + 1, OPEN + 1, OPEN + 500_000_000]
    assert found["sequence"].to_list() == list(range(1, 11))
    assert found["age"].round(6).to_list() == [0, 0, 0.5, 1, None, 2.25, None, None, None, None]
    assert found["remaining"].to_list() == [100, 50, 60, 50, None, 0, None, None, None, None]
    assert found["ended"].to_list() == [0, 0, 0, 0, None, 1, None, None, None, None]
    assert found["price"].to_list()[4:9] == [100.01, 100.0, 100.02, None, None]
    assert found["side"].to_list() == [1, -1, 1, 1, -1, 1, -1, -1, 1, 1], "a halt stops at -1 and ends at +1"
    assert found["order_id"].to_list()[-3:] == [0, 0, 0]


def test_executions_become_trades_of_the_aggressor(tmp_path: Path) -> None:
    found = read(packed(tmp_path), "trades").frame
    assert found.select("price", "size", "side", "sequence").rows() == [
        (100.0, 40, -1, 3),
        (100.01, 7, 1, 5),
        (100.02, 5, 1, 7),
        (100.01, 300, 0, 10),
    ]


def test_each_message_has_its_book_and_unoccupied_levels_are_null(tmp_path: Path) -> None:
    found = read(packed(tmp_path), "book").frame
    assert len(found) == 10
    assert found["bid_price_2"].to_list() == [None] * 9 + [99.99]
    assert found["ask_size_2"].to_list() == [None] * 9 + [8]
    assert found.row(9, named=True) | {"bid_price_1": 100.0, "bid_size_1": 3.0, "ask_price_1": 100.02} == found.row(9, named=True)
    assert found["bid_price_3"].null_count() == 10


def test_a_pair_beside_each_other_is_the_same_as_a_zip(tmp_path: Path) -> None:
    folder = tmp_path / "pair"
    folder.mkdir()
    (folder / STEM.format("message")).write_text(MESSAGES)
    (folder / STEM.format("orderbook")).write_text(FILES["orderbook"])
    (folder / "notes.txt").write_text("not a day")
    apart = Lobster(folder, table="book")
    assert len(apart.files) == 2, "a change of the book is a change of the input"
    assert next(apart.history()).frame.equals(read(packed(tmp_path), "book").frame)
    with pytest.raises(SourceError, match="of ABC.*There are XYZ"):
        Lobster(folder, symbol="ABC")
    for what in ("message", "orderbook"):
        path = folder / STEM.format(what)
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert next(Lobster(folder, table="book").history()).frame.equals(next(Lobster(tmp_path / "day.zip").history()).frame)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"orderbook": FILES["orderbook"][:-30]}, "orderbook.*truncated"),
        ({"orderbook": "\n".join(BOOK[:-1]) + "\n"}, "9 rows for 10 messages"),
        ({"orderbook": FILES["orderbook"].replace("999900,10,", "999900,", 1)}, "row 1"),
        ({"orderbook": "1,2\n" * 10}, "2 columns, not 8"),
        ({"message": MESSAGES[:-1]}, "message.*truncated"),
        ({"message": MESSAGES.replace("4,11,40", "4,11,forty")}, "row 3, field size: no number"),
        ({"message": MESSAGES.replace(",40,1000000,1", ",40,1000000")}, "row 3, field side"),
        ({"message": MESSAGES.replace("34201,2", "34201\0,2")}, "row 4, field time"),
        ({"message": ""}, "empty"),
    ],
)
def test_half_a_file_is_not_read(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    path = packed(tmp_path, **changed)
    with pytest.raises(SourceError, match=f"day.zip.*{message}"):
        read(path, "book")


def test_archives_that_are_cut_or_flipped_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path)
    content = path.read_bytes()
    for size in range(0, len(content), 40):
        path.write_bytes(content[:size])
        with pytest.raises(SourceError, match="day.zip"):
            read(path, "book")
    flipped = bytearray(content)
    flipped[content.index(b"orderbook_2.csv") + 20] ^= 0x55
    path.write_bytes(flipped)
    with pytest.raises(SourceError, match="day.zip"):
        read(path, "book")


def test_a_message_that_cannot_be_used_is_set_aside(tmp_path: Path) -> None:
    text = MESSAGES.replace("34201,2", "34100,2").replace("34201.25,5", "99999,5").replace("34202.25,3", "34202.25,99")
    chunk = read(packed(tmp_path, message=text), "orders")
    assert dict(chunk.counts) == {"kind_unknown": 1, "out_of_order": 1, "time_implausible": 1}
    assert chunk.quarantined["row"].to_list() == [4, 5, 6]
    unsorted = FILES["orderbook"].replace("1000300,8", "1000100,8")
    assert dict(read(packed(tmp_path, orderbook=unsorted), "book").counts) == {"levels_unsorted": 1}
    locked = FILES["orderbook"].replace("1000000,3", "1000200,3")
    assert not read(packed(tmp_path, orderbook=locked), "book").counts


def test_what_is_no_lobster_day_is_told(tmp_path: Path) -> None:
    path = tmp_path / "XYZ_2012-13-45_0_1_message_1.csv"
    path.write_text(MESSAGES)
    with pytest.raises(SourceError, match="2012-13-45 is no date"):
        read(path, "trades")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.csv", "1")
    with pytest.raises(SourceError, match="no LOBSTER message file"):
        Lobster(tmp_path / "other.zip")
    with pytest.raises(ConfigError, match="no table 'bars'"):
        Lobster(path, table="bars")


def test_replaying_a_real_day_rebuilds_its_book(market_data: Path) -> None:
    path = market_data / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    book, orders, trades = (read(path, table).frame for table in ("book", "orders", "trades"))
    assert (len(book), len(orders), len(trades)) == (147_916, 147_916, 11_678)
    assert (book["ask_price_1"] > book["bid_price_1"]).all()
    deleted = orders.with_columns(before=pl.col("remaining").shift(1).over("order_id")).filter(kind=3).drop_nulls("age")
    assert len(deleted) > 62_000 and (deleted["before"] == deleted["size"]).all(), "what is deleted is what was left"
    # a message changes the book at its own price by its own size, where that price is in the book before and after
    sign = np.select([orders["kind"] == 1, orders["kind"].is_in([2, 3, 4])], [1.0, -1.0], 0.0) * orders["size"].to_numpy()
    for side, named in ((1, "bid"), (-1, "ask")):
        prices, sizes = (book.select(f"{named}_{what}_{k}" for k in range(1, 11)).to_numpy() for what in ("price", "size"))
        hit = prices == np.where(orders["side"] == side, orders["price"].to_numpy(), np.nan)[:, None]
        after = np.where(hit, sizes, 0.0).sum(axis=1)
        before = np.zeros(len(book))
        shifted = np.where(prices[:-1] == orders["price"].to_numpy()[1:, None], sizes[:-1], 0.0)
        before[1:] = shifted.sum(axis=1)
        known = (hit.any(axis=1)) & (before > 0) & (sign != 0)
        assert known.sum() > 20_000
        assert np.mean((after - before)[known] == sign[known]) > 0.999
    one = read(market_data / "lobster" / "LOBSTER_SampleFile_AAPL_2012-06-21_1.zip", "book")
    assert len(one.frame) == 118_497 and not one.counts


@pytest.mark.parametrize("table", ["book", "orders", "trades"])
def test_a_day_goes_through_the_store_in_the_order_of_its_messages(table: str, tmp_path: Path) -> None:
    frame = read(packed(tmp_path), table).frame
    with Store.open(tmp_path / "store") as store:
        assert store.write(table, frame, source="day.zip").added == len(frame)
        assert store.write(table, frame[::-1], source="day.zip").added == 0
        kept = store.scan(table)
    assert kept.select(frame.columns).equals(frame)
