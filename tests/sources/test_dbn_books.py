"""Books and messages of orders from DBN bytes that Databento's own encoder wrote, and from the real ES day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import polars as pl
import pytest
import zstandard
from databento_dbn import Action, BidAskPair, Side

from made_dbn import Interval, Mapped
from tickcast.book import OrderBook
from tickcast.clock import DAY
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import ORDERS
from tickcast.sources import Cleaned, Databento
from tickcast.sources.dbn_orders import OrderBooks, OrderLives
from tickcast.store import Store

START = 19_716 * DAY  # 2023-12-25
LAST, SNAPSHOT = 128, 32
NONE = 2**63 - 1


def written(
    path: Path,
    schema: str,
    records: Sequence[Any],
    *,
    symbols: dict[str, int],
    version: int = 3,
    end: int | None = START + DAY,
    out: bool = False,
) -> Path:
    """A DBN file of these records; .zst is packed."""
    mappings = [Mapped(name, [Interval(date(2023, 12, 25), date(2023, 12, 26), str(number))]) for name, number in symbols.items()]
    kinds = dbn.SType("raw_symbol"), dbn.SType.INSTRUMENT_ID
    head = dbn.Metadata(
        "GLBX.MDP3", START, *kinds, dbn.Schema(schema), symbols=list(symbols), mappings=mappings, end=end, version=version, ts_out=out
    )
    content = bytes(head) + b"".join(bytes(record) for record in records)
    path.write_bytes(zstandard.compress(content) if path.suffix == ".zst" else content)
    return path


def read(path: Path, **how: Any) -> Cleaned:
    (chunk,) = Databento(path, **how).history()
    return chunk


def quote(n: int, bid: int, ask: int, *, flags: int = LAST, number: int = 7, action: Action = Action.ADD) -> Any:
    """An mbp-1 record received n microseconds into the day, 500 ns after it happened."""
    at = START + n * 1_000
    level = BidAskPair(bid_px=bid, ask_px=ask, bid_sz=5 if bid != NONE else 0, ask_sz=6 if ask != NONE else 0)
    return dbn.MBP1Msg(1, number, at - 500, bid, 3, action, Side.BID, 0, at, flags=flags, sequence=n, levels=level)


def order(n: int, action: Action, side: Side, price: int, size: int, ident: int, **more: Any) -> Any:
    """An mbo record received n microseconds into the day; prices in quarters."""
    at, flags, number = START + n * 1_000, more.pop("flags", LAST), more.pop("number", 7)
    fixed = NONE if price == NONE else price * 250_000_000
    return dbn.MBOMsg(1, number, at - 500, ident, fixed, size, action, side, at, flags=flags, sequence=n, **more)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("name", ["x.dbn", "x.dbn.zst"])
def test_quotes_are_known_when_received_and_seen_after_their_packet(version: int, name: str, tmp_path: Path) -> None:
    quotes = [
        quote(1, 100 * 10**9, 101 * 10**9, flags=0),
        quote(2, 100 * 10**9, NONE),
        quote(3, NONE, NONE),
        quote(9, 99_500_000_000, 102 * 10**9),
    ]
    path = written(tmp_path / name, "mbp-1", quotes, symbols={"ESH4": 7}, version=version)
    chunk = read(path, table="book")
    found = chunk.frame
    assert found.select("symbol", "bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1").rows() == [
        ("ESH4", 100.0, 5.0, None, None),
        ("ESH4", None, None, None, None),
        ("ESH4", 99.5, 5.0, 102.0, 6.0),
    ]
    assert (found["ts"] - START).to_list() == [2_000, 3_000, 9_000]
    assert (found["ts"] - found["ts_event"]).unique().to_list() == [500]
    assert not chunk.counts and found["underlying_contract"].unique().to_list() == ["ESH4"]
    assert len(read(path, table="book", every="event").frame) == 4
    grid = read(path, table="book", every="5us").frame
    assert (grid["ts"] - START).to_list() == [5_000, 10_000] and grid["ask_price_1"].to_list() == [None, 102.0]


def test_ten_levels_are_read_to_the_last(tmp_path: Path) -> None:
    levels = [BidAskPair(bid_px=(100 - k) * 10**9, ask_px=(101 + k) * 10**9, bid_sz=k + 1, ask_sz=20 + k) for k in range(10)]
    record = dbn.MBP10Msg(1, 7, START, 100 * 10**9, 3, Action.TRADE, Side.ASK, 0, START + 5, flags=LAST, sequence=4, levels=levels)
    path = written(tmp_path / "x.dbn", "mbp-10", [record], symbols={"ESH4": 7})
    row = read(path, table="book").frame.row(0, named=True)
    assert [row[f"bid_price_{k}"] for k in range(1, 11)] == [float(100 - k) for k in range(10)]
    assert [row[f"ask_size_{k}"] for k in range(1, 11)] == [float(20 + k) for k in range(10)]
    assert read(path, table="trades").frame.select("price", "size", "side").rows() == [(100.0, 3.0, -1)]


def small_day() -> list[Any]:
    """Two instruments, interleaved: a snapshot of the first, a trade through its queue, a clear; the second begins empty."""
    inside = {"flags": 0}
    return [
        order(0, Action.ADD, Side.BID, 400, 5, 11, flags=SNAPSHOT),
        order(0, Action.ADD, Side.ASK, 402, 4, 12, flags=SNAPSHOT),
        order(1, Action.CLEAR, Side.NONE, NONE, 0, 0, number=8),
        order(2, Action.ADD, Side.BID, 400, 3, 13),
        order(3, Action.ADD, Side.ASK, 90, 1, 11, number=8),
        order(4, Action.TRADE, Side.ASK, 400, 6, 99, **inside),
        order(4, Action.FILL, Side.BID, 400, 5, 11, **inside),
        order(4, Action.FILL, Side.BID, 400, 1, 13, **inside),
        order(5, Action.CANCEL, Side.BID, 400, 5, 11, **inside),
        order(5, Action.MODIFY, Side.BID, 400, 2, 13),
        order(6, Action.CANCEL, Side.BID, 400, 1, 13),
        order(7, Action.MODIFY, Side.BID, 401, 1, 13),
        order(8, Action.CANCEL, Side.ASK, 402, 4, 77),
        order(9, Action.CANCEL, Side.BID, 401, 1, 13),
    ]


@pytest.mark.parametrize("out", [False, True])
def test_books_are_rebuilt_for_each_instrument(out: bool, tmp_path: Path) -> None:
    records = small_day()
    if out:
        for record in records:
            record.ts_out = START + 10**9
    chunk = read(written(tmp_path / "x.dbn", "mbo", records, symbols={"ESH4": 7, "ESM4": 8}, out=out), table="book", levels=2)
    first = chunk.frame.filter(symbol="ESH4").select("bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1").rows()
    assert first == [
        (100.0, 8.0, 100.5, 4.0),
        (100.0, 2.0, 100.5, 4.0),
        (100.0, 1.0, 100.5, 4.0),
        (100.25, 1.0, 100.5, 4.0),
        (100.25, 1.0, 100.5, 4.0),
        (None, None, 100.5, 4.0),
    ]
    assert ((chunk.frame["ts"] - START) // 1_000).to_list() == [1, 2, 3, 5, 6, 7, 8, 9]
    assert chunk.frame.filter(symbol="ESM4")["ask_price_1"].to_list() == [None, 22.5]
    assert dict(chunk.counts) == {"unknown_order": 1}
    assert chunk.quarantined.select("row", "symbol", "action", "order_id", "price").rows() == [(13, "ESH4", "C", 77, 100.5)]


def test_an_executed_order_is_one_message(tmp_path: Path) -> None:
    chunk = read(written(tmp_path / "x.dbn", "mbo", small_day(), symbols={"ESH4": 7, "ESM4": 8}), table="orders")
    found = chunk.frame.filter(symbol="ESH4").select("kind", "order_id", "size", "remaining", "ended")
    assert found.rows() == [
        (10, 11, 5.0, 5.0, 0),
        (10, 12, 4.0, 4.0, 0),
        (1, 13, 3.0, 3.0, 0),
        (4, 11, 5.0, 0.0, 1),
        (4, 13, 1.0, 2.0, 0),
        (2, 13, 1.0, 1.0, 0),
        (8, 13, 1.0, 1.0, 0),
        (3, 13, 1.0, 0.0, 1),
    ]
    assert chunk.frame.filter(symbol="ESH4")["age"].to_list() == [None, None, 0.0, None, 2e-6, 4e-6, 5e-6, 7e-6]
    assert chunk.frame.filter(symbol="ESM4").select("kind", "price", "size").rows() == [(9, None, None), (1, 22.5, 1.0)]
    assert dict(chunk.counts) == {"unknown_order": 1}


def test_a_file_that_begins_inside_a_day_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.dbn", "mbo", small_day()[9:], symbols={"ESH4": 7})
    for table in ("book", "orders"):
        with pytest.raises(SourceError, match="x.dbn, row 1, field order_id: begins inside a day: order 13"):
            read(path, table=table)
    assert read(path, table="trades").frame.is_empty()
    empty = written(tmp_path / "y.dbn", "mbo", [], symbols={"ESH4": 7})
    assert read(empty, table="book").frame.is_empty() and read(empty, table="orders").frame.is_empty()


def test_records_of_no_instrument_make_no_rows_and_refused_ones_are_named() -> None:
    records = np.frombuffer(b"".join(bytes(record) for record in small_day()), dtype=np.dtype(dbn.MBOMsg._dtypes))
    for n, refused in ((0, []), (13, [(13, "unknown_order")])):
        numbers = np.arange(1, n + 1)
        books, of_books = OrderBooks(10, "packet").take(records[:n], numbers * 0, numbers, Path("x"))
        messages, of_messages = OrderLives().take(records[:n], records[:n], numbers, Path("x"))
        assert of_books.rows() == of_messages.rows() == refused
        assert (len(books), len(messages)) == ((7, 9) if n else (0, 0))
        assert books["row"].is_sorted() and messages["row"].is_sorted()


def test_numbers_of_orders_beyond_int64_keep_their_bits(tmp_path: Path) -> None:
    path = written(tmp_path / "x.dbn", "mbo", [order(1, Action.ADD, Side.BID, 400, 1, 2**64 - 3)], symbols={"ESH4": 7})
    assert read(path, table="orders").frame["order_id"].to_list() == [-3]


def test_definitions_name_what_the_metadata_does_not(tmp_path: Path) -> None:
    quotes = [quote(1, 100 * 10**9, 101 * 10**9), quote(2, 10 * 10**9, 11 * 10**9, number=8), quote(3, 10**9, 2 * 10**9, number=9)]
    path = written(tmp_path / "x.dbn", "mbp-1", quotes, symbols={"ESH4": 7})
    rows = np.zeros(1, dtype=np.dtype(dbn.InstrumentDefMsg._dtypes))
    rows["length"], rows["rtype"], rows["instrument_id"], rows["ts_recv"] = rows.itemsize // 4, 19, 8, START - DAY
    rows["raw_symbol"], rows["instrument_class"], rows["expiration"] = b"ESM4", b"F", START + 90 * DAY
    told = tmp_path / "told"
    told.mkdir()
    (told / "d.dbn").write_bytes(written(tmp_path / "d.dbn", "definition", [], symbols={"ESM4": 8}).read_bytes() + rows.tobytes())
    alone, both = read(path, table="book"), read(path, table="book", definitions=told)
    assert (alone.frame["symbol"].to_list(), dict(alone.counts)) == (["ESH4"], {"symbol_unmapped": 2})
    assert (both.frame["symbol"].to_list(), dict(both.counts)) == (["ESH4", "ESM4"], {"symbol_unmapped": 1})


def test_what_a_file_does_not_hold_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "x.dbn", "mbp-1", [quote(1, 10**9, 2 * 10**9)], symbols={"ESH4": 7})
    with pytest.raises(SourceError, match="holds mbp-1, not orders"):
        read(path, table="orders")
    with pytest.raises(ConfigError, match="levels"):
        Databento(path, table="book", levels=11)
    with pytest.raises(ConfigError, match="duration"):
        Databento(path, table="book", every="sometimes")


@pytest.fixture(scope="module")
def es(market_data: Path) -> dict[str, pl.DataFrame]:
    chunks = {table: read(market_data / "es_mbo", table=table) for table in ("book", "orders", "trades")}
    assert not any(chunk.counts for chunk in chunks.values())
    return {table: chunk.frame for table, chunk in chunks.items()}


def test_the_messages_of_the_es_day_rebuild_its_books(es: dict[str, pl.DataFrame]) -> None:
    """Fills taken out at once instead of an event later make the same books from packet to packet."""
    assert {table: len(frame) for table, frame in es.items()} == {"book": 47_022, "orders": 59_587, "trades": 2_973}
    book = OrderBook("ESH4", every="event", opens=2**62)
    rows = book.apply(es["orders"])
    shown = [name for name in rows.columns if name.startswith(("bid_", "ask_"))]
    last = [frame.group_by("ts", maintain_order=True).last().select("ts", *shown) for frame in (es["book"], rows)]
    pairs = last[0].join_asof(last[1], on="ts")
    same = pairs.select(pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_right")) for name in shown)).to_series()
    assert (len(same), int((~same).sum())) == (44_214, 7), "seven fills are told at the stamp of a book that still holds them"
    assert dict(book.troubles) == {"size_mismatch": 27, "unknown_order": 83}, "icebergs: an execution of more than was shown"
    kinds = Counter(es["orders"]["kind"].to_list())
    assert kinds == {1: 20_491, 3: 12_765, 4: 6_257, 8: 11_349, 10: 8_725}
    hit = es["orders"].filter(kind=4)
    assert (hit["size"].sum(), hit["remaining"].null_count()) == (9_892 + 44 - 14, 27), "both sides of the opening, but what never stood"
    assert es["trades"]["size"].sum() == 9_892


def test_the_es_day_goes_through_the_store(es: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        for table in ("book", "orders", "trades"):
            frame = es[table].head(12_000)
            assert store.write(table, frame, source="es").added == len(frame)
            assert store.write(table, frame[::-1], source="es").added == 0
            kept = store.scan(table)
            assert kept.select(frame.columns).equals(frame.sort("ts", "sequence", maintain_order=True))
    assert set(es["orders"].columns) >= set(ORDERS.names)
