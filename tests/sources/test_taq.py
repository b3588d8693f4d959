"""TAQ: raw rows cleaned as the reference cleaned them, row for row; damaged and wrong files are refused in one line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.cleaning import Cleaned
from tickcast.errors import ConfigError, SourceError
from tickcast.sources import Taq
from tickcast.sources.rda import read_rda


def read(folder: Path, file: str, **options: object) -> Cleaned:
    return next(Taq(folder / "taq" / file, **options).history())


def stamps(frame: pl.DataFrame) -> list[int]:
    return (np.rint(frame["DT"].to_numpy() * 1e6).astype(np.int64) * 1_000).tolist()


def test_trades_are_those_of_the_reference(market_data: Path) -> None:
    """7,168 of 77,263 rows: no row differs."""
    got = read(market_data, "sampleTDataRaw.rda", exchange="N", reference=True)
    (expected,) = read_rda(market_data / "taq" / "sampleTData.rda").values()
    assert len(got.frame) == 7_168
    assert got.frame["ts"].to_list() == stamps(expected)
    assert got.frame["price"].equals(expected["PRICE"].alias("price"))
    assert got.frame["size"].to_list() == expected["SIZE"].to_list()
    assert dict(got.counts) == {"condition": 2, "other_exchange": 65_625, "outside_session": 451, "same_stamp": 4_017}
    assert len(got.frame) + sum(got.counts.values()) == 77_263


def test_quotes_are_those_of_the_reference(market_data: Path) -> None:
    """46,564 of 131,401 rows: no row differs."""
    got = read(market_data, "sampleQDataRaw.rda", table="book", exchange="N", reference=True, lot=1)
    (expected,) = read_rda(market_data / "taq" / "sampleQData.rda").values()
    assert len(got.frame) == 46_564
    assert got.frame["ts"].to_list() == stamps(expected)
    for ours, theirs in (("bid_price_1", "BID"), ("ask_price_1", "OFR"), ("bid_size_1", "BIDSIZ"), ("ask_size_1", "OFRSIZ")):
        assert got.frame[ours].to_list() == expected[theirs].to_list()
    middle = (got.frame["bid_price_1"] + got.frame["ask_price_1"]) / 2
    assert middle.to_list() == expected["MIDQUOTE"].to_list()
    assert len(got.frame) + sum(got.counts.values()) == 131_401
    assert dict(got.counts) == {"other_exchange": 36_109, "outside_session": 776, "price_not_positive": 96, "same_stamp": 47_856}


def test_no_trade_of_the_reference_lies_beyond_the_quotes(market_data: Path) -> None:
    """Step T4, a trade more than a spread beyond the quote before it, finds none in these days: the reference went through it too."""
    trades = read(market_data, "sampleTDataRaw.rda", exchange="N", reference=True).frame
    quotes = read(market_data, "sampleQDataRaw.rda", table="book", exchange="N", reference=True).frame
    both = trades.select("ts", "price").join_asof(quotes.select("ts", "bid_price_1", "ask_price_1"), on="ts").drop_nulls()
    spread = pl.col("ask_price_1") - pl.col("bid_price_1")
    assert both.filter((pl.col("price") > pl.col("ask_price_1") + spread) | (pl.col("price") < pl.col("bid_price_1") - spread)).is_empty()


def test_without_the_reference_rows_of_one_stamp_stay(market_data: Path) -> None:
    got = read(market_data, "sampleTDataRaw.rda", exchange="N")
    assert got.counts["condition"] >= 2
    assert len(got.frame) + sum(got.counts.values()) == 11_191
    everywhere = read(market_data, "sampleTDataRaw.rda")
    assert everywhere.counts["corrected"] == 2
    assert len(everywhere.frame) + sum(everywhere.counts.values()) == 77_263
    books = read(market_data, "sampleQDataRaw.rda", table="book", exchange="N").frame
    assert books["bid_size_1"].drop_nulls().min() == 100.0


def test_rows_that_were_not_asked_for_are_counted(market_data: Path) -> None:
    assert read(market_data, "sampleTDataRaw.rda", exchange="N").left_out == {"other_exchange": 77_263 - 11_191}
    other = read(market_data, "sampleTDataRaw.rda", symbol="AAPL")
    assert other.left_out == {"other_symbol": 77_263} and not len(other.frame)
    assert read(market_data, "sampleTDataRaw.rda").left_out == {}


def test_wrong_and_damaged_files_are_refused(market_data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exchange"):
        Taq(market_data / "taq" / "sampleQDataRaw.rda", table="book")
    with pytest.raises(SourceError, match="no data frame with columns DT, EX, SYMBOL, BID"):
        read(market_data, "sampleTData.rda", table="book", exchange="N")
    content = (market_data / "taq" / "sampleTData.rda").read_bytes()
    unpack = {b"\x1f\x8b": gzip.decompress, b"BZ": bz2.decompress, b"\xfd7": lzma.decompress}
    plain = unpack[content[:2]](content)
    file = tmp_path / "a.rda"
    for cut in [*range(0, 400, 7), *range(400, len(plain), 20_011)]:
        file.write_bytes(plain[:cut])
        with pytest.raises(SourceError, match=r"a\.rda"):
            read_rda(file)
    rng = np.random.default_rng(3)
    for at in rng.integers(0, 600, 150).tolist():
        file.write_bytes(plain[:at] + bytes([plain[at] ^ 1 << int(rng.integers(0, 8))]) + plain[at + 1 :])
        try:
            assert isinstance(read_rda(file), dict)
        except SourceError as refused:
            assert "a.rda" in str(refused)


def _rda(items: bytes) -> bytes:
    """A file that holds `x`, a list of what `items` writes, with names."""
    symbol = lambda name: struct.pack(">iii", 1, 9, len(name)) + name  # noqa: E731
    names = symbol(b"names") + struct.pack(">ii", 16, 1) + struct.pack(">ii", 9, 1) + b"a" + struct.pack(">i", 254)
    value = struct.pack(">ii", 0x213, 1) + items + struct.pack(">i", 0x402) + names
    return (
        b"RDX2\nX\n" + struct.pack(">iii", 2, 0x30000, 0x20300) + struct.pack(">i", 0x402) + symbol(b"x") + value + struct.pack(">i", 254)
    )


def test_a_sequence_told_in_short_is_no_bomb(tmp_path: Path) -> None:
    file = tmp_path / "a.rda"
    text = b"compact_realseq"
    info = struct.pack(">iiii", 2, 1, 9, len(text)) + text + struct.pack(">i", 254)
    for count, fits in ((4.0, True), (1e12, False), (float("inf"), False), (-1.0, False)):
        state = struct.pack(">ii3d", 14, 3, count, 1.0, 1.0)
        file.write_bytes(_rda(struct.pack(">i", 238) + info + state + struct.pack(">i", 254)))
        if fits:
            assert read_rda(file)["x"]["a"].to_list() == [1.0, 2.0, 3.0, 4.0]
        else:
            with pytest.raises(SourceError, match=r"a\.rda: holds no data frame"):
                read_rda(file)


def test_a_file_that_unfolds_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.rda").write_bytes(bz2.compress(bytes(300 << 20), 1))
    with pytest.raises(SourceError, match="unfolds to more than"):
        read_rda(tmp_path / "a.rda")
