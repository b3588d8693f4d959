"""DBN content and metadata damaged in every way: a typed error that names the file, or rows set aside; never a crash, never much memory."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import polars as pl
import pytest
import zstandard

import made_dbn
from made_dbn import Interval, Mapped
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import SourceError
from tickcast.sources import Cleaned, Databento

START = 19_716 * DAY  # 2023-12-25
BARS = made_dbn.bars(START + np.arange(6) * MINUTE, instrument_id=[1, 2, 1, 2, 1, 2])
PLAIN = made_dbn.file("ohlcv-1m", BARS, {"MGCG0": 1, "MGCJ0": 2})
BEGIN = 8 + int.from_bytes(PLAIN[4:8], "little")


def orders(count: int = 40) -> Any:
    """A snapshot of two orders, then orders that come and go."""
    at = START + np.concatenate([np.zeros(2, np.int64), np.arange(1, count - 1) * SECOND])
    made = made_dbn.records("mbo", {"ts_event": at, "ts_recv": at, "size": 5, "order_id": 100 + np.arange(count) // 2}, 7)
    made["price"] = np.where(np.arange(count) // 2 % 2, 101, 100) * 10**9
    made["side"] = np.where(np.arange(count) // 2 % 2, b"A", b"B")
    made["action"], made["flags"] = [b"A", b"C"] * (count // 2), 128
    made["order_id"][:2], made["action"][:2], made["flags"][:2] = [1, 2], b"A", 32
    made["price"][:2], made["side"][:2] = [90 * 10**9, 110 * 10**9], [b"B", b"A"]
    return made


ORDERS = made_dbn.file("mbo", orders(), {"ESH4": 7})


def read(content: bytes, folder: Path, **how: Any) -> list[Cleaned]:
    (folder / "x.dbn").write_bytes(content)
    return list(Databento(folder / "x.dbn", **how).history())


def outcome(content: bytes, folder: Path, **how: Any) -> str:
    """What became of it; anything but rows or a SourceError naming the file goes up."""
    try:
        chunks = read(content, folder, **how)
    except SourceError as error:
        assert "x.dbn" in str(error) and "\n" not in str(error) and error.hint
        return "refused"
    return "aside" if any(chunk.counts for chunk in chunks) else "read"


@pytest.mark.parametrize(("content", "how"), [(PLAIN, {}), (ORDERS, {"table": "book"}), (ORDERS, {"table": "orders"})])
def test_a_file_cut_anywhere_is_refused_and_names_where(content: bytes, how: dict[str, Any], tmp_path: Path) -> None:
    begin = 8 + int.from_bytes(content[4:8], "little")
    width = 4 * content[begin]
    for cut in range(0 if how == {} else begin, len(content), 1 if how == {} else 9):
        whole = cut >= begin and (cut - begin) % width == 0
        if whole:  # records are not counted in the file: a cut between two of them cannot be seen
            assert outcome(content[:cut], tmp_path, **how) in ("read", "aside")
            continue
        with pytest.raises(SourceError, match="x.dbn") as found:
            read(content[:cut], tmp_path, **how)
        assert found.value.row == (None if cut < begin else (cut - begin) // width + 1)


@pytest.mark.parametrize("flips", [30, pytest.param(20_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_flipped_bits_end_in_rows_or_a_typed_error(version: int, flips: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(version)
    plain, book = (of_version(content, version) for content in (PLAIN, ORDERS))
    assert outcome(plain, tmp_path) == outcome(book, tmp_path, table="book") == "read"
    seen: Counter[str] = Counter()
    for n in range(flips):
        content, table = ((plain, "bars"), (book, ("book", "orders", "trades")[n // 2 % 3]))[n % 2]
        damaged = bytearray(content)
        for _ in range(1 + n % 3):
            damaged[int(chance.integers(4 if n % 5 else 0, len(content)))] ^= 1 << int(chance.integers(8))
        seen[outcome(bytes(damaged), tmp_path, table=table)] += 1
    assert set(seen) == {"refused", "aside", "read"}


@pytest.mark.parametrize("field", ["action", "side"])
@pytest.mark.parametrize("byte", [0, 10, 127, 128, 255])
def test_an_order_message_with_a_letter_that_is_none_is_set_aside(field: str, byte: int, tmp_path: Path) -> None:
    made = orders()
    made[field][4] = bytes([byte])
    content = made_dbn.file("mbo", made, {"ESH4": 7})
    assert [outcome(content, tmp_path, table=table) for table in ("book", "orders")] == ["aside", "aside"]


def of_version(content: bytes, version: int) -> bytes:
    """The same file as an older version would have written it."""
    if version == 3:
        return content
    begin = 8 + int.from_bytes(content[4:8], "little")
    decoded = dbn.Metadata.decode(content[:begin], upgrade_policy=dbn.VersionUpgradePolicy.AS_IS)
    mappings = [
        Mapped(name, [Interval(**{k: one[k] for k in ("start_date", "end_date", "symbol")}) for one in intervals])
        for name, intervals in decoded.mappings.items()
    ]
    kinds = dbn.SType("raw_symbol"), dbn.SType.INSTRUMENT_ID
    symbols = list(decoded.mappings)
    span = {"end": decoded.end, "version": version}
    return (
        bytes(dbn.Metadata(decoded.dataset, decoded.start, *kinds, decoded.schema, symbols=symbols, mappings=mappings, **span))
        + content[begin:]
    )


FIELDS = {
    "dataset": (8, b"\xff" * 16),
    "schema": (24, struct.pack("<H", 77)),
    "end": (34, struct.pack("<Q", START - DAY)),
    "stype_out": (51, b"\x01"),
    "ts_out": (52, b"\x07"),
    "symbol length": (53, struct.pack("<H", 60_000)),
    "schema definition": (108, struct.pack("<I", 2**32 - 1)),
    "symbols": (112, struct.pack("<I", 2**32 - 1)),
    "metadata length": (4, struct.pack("<I", 2**32 - 1)),
}


@pytest.mark.parametrize("field", FIELDS)
def test_each_word_of_the_metadata_is_doubted_by_name(field: str, tmp_path: Path) -> None:
    at, words = FIELDS[field]
    with pytest.raises(SourceError) as found:
        read(PLAIN[:at] + words + PLAIN[at + len(words) :], tmp_path)
    assert found.value.field == field and "x.dbn" in str(found.value)


def mapped(folder: Path, *mappings: Mapped, rows: Any = BARS, span: tuple[int, int] = (START, START + DAY)) -> list[Cleaned]:
    return read(made_dbn.metadata("ohlcv-1m", *span, mappings) + rows.tobytes(), folder)


def one(name: str, ident: str, first: int = 25, last: int = 26) -> Mapped:
    return Mapped(name, [Interval(date(2023, 12, first), date(2023, 12, last), ident)])


def test_symbols_absent_or_claimed_twice(tmp_path: Path) -> None:
    (chunk,) = mapped(tmp_path, one("MGCG0", "1"))
    assert dict(chunk.counts) == {"symbol_unmapped": 3} and chunk.quarantined["row"].to_list() == [2, 4, 6]
    (none,) = mapped(tmp_path)
    assert len(none.frame) == 0 and dict(none.counts) == {"symbol_unmapped": 6}
    with pytest.raises(SourceError, match="field mappings: instrument 1 is MGCG0 and MGCJ0 on 2023-12-25"):
        mapped(tmp_path, one("MGCG0", "1"), one("MGCJ0", "1"))
    (again,) = mapped(tmp_path, one("MGCG0", "1"), one("MGCG0", "1"), one("MGCJ0", "2"), one("MGCM0", "2", 26, 27))
    assert len(again.frame) == 6  # the same twice says nothing else, and an id may go on to another contract
    for wrong in ("ESH4", "4294967296", "-1"):
        with pytest.raises(SourceError, match=f"maps MGCG0 to '{wrong}', not an instrument id"):
            mapped(tmp_path, one("MGCG0", wrong))
    late = made_dbn.metadata("ohlcv-1m", START, START + DAY, [one("MGCG0", "1")])
    for field, number in (("20231225", 20231332), ("20231226", 20231224)):
        words = struct.pack("<I", int(field))
        with pytest.raises(SourceError, match="field mappings: its metadata cannot be so: .*is no date|field mappings.*until 20231224"):
            read(late.replace(words, struct.pack("<I", number)) + BARS.tobytes(), tmp_path)


def test_stamps_outside_the_range_that_the_metadata_tells_are_set_aside(tmp_path: Path) -> None:
    contracts = one("MGCG0", "1", 20, 31), one("MGCJ0", "2", 20, 31)
    (chunk,) = mapped(tmp_path, *contracts, span=(START + MINUTE, START + 5 * MINUTE))
    assert dict(chunk.counts) == {"outside_request": 2} and chunk.quarantined["row"].to_list() == [1, 6]
    ahead = BARS.copy()
    ahead["ts_event"][2] = 2**64 - 1
    (chunk,) = mapped(tmp_path, *contracts, rows=ahead)
    assert dict(chunk.counts) == {"ts_implausible": 1} and len(chunk.frame) == 5


def test_a_record_of_another_length_or_type_is_named(tmp_path: Path) -> None:
    for at, word, field in ((0, 13, "length"), (1, 34, "rtype"), (0, 0, "length")):
        damaged = bytearray(PLAIN)
        damaged[BEGIN + 4 * 56 + at] = word
        with pytest.raises(SourceError, match=f"row 5, field {field}: record at byte {BEGIN + 4 * 56} has"):
            read(bytes(damaged), tmp_path)


def test_orders_that_cannot_be_so_are_set_aside_and_the_book_goes_on(tmp_path: Path) -> None:
    records = orders()
    records["action"][4] = b"Z"  # no action
    records["side"][6] = b"?"
    records["order_id"][10] = 2  # stands already
    records["size"][12] = 0
    records["price"][14] = 2**63 - 1
    records["ts_recv"][20] += 9 * HOUR  # ahead of all that follow
    records["ts_recv"][22] = START + 40 * DAY
    books = read(made_dbn.file("mbo", records, {"ESH4": 7}, span=(START, START + DAY)), tmp_path, table="book")
    (chunk,) = books
    reasons = dict(zip(chunk.quarantined["row"].to_list(), chunk.quarantined["reason"].to_list(), strict=True))
    assert reasons[21] == "ts_ahead" and reasons[23] == "outside_request" and {5, 7, 11, 13, 15} <= set(reasons)
    assert chunk.frame["ts"].is_sorted() and int(chunk.frame["ts"].max() or 0) < START + MINUTE
    whole = read(ORDERS, tmp_path, table="book")[0].frame
    last = pl.col("ts") >= START + 30 * SECOND
    assert chunk.frame.filter(last).drop("sequence").equals(whole.filter(last).drop("sequence"))


PEAK = """
import sys
from peak_memory import peak
from tickcast.errors import SourceError
from tickcast.sources import Databento
before, rows = peak(), 0
try:
    for chunk in Databento(sys.argv[1]).history():
        rows += len(chunk.frame)
        del chunk
except SourceError as error:
    rows = -1 if sys.argv[1] in str(error) else -2
print(rows, peak() - before >> 10)
"""


def peak(path: Path) -> tuple[int, int]:
    """Rows read in a process of its own, -1 where the file was refused, and by how many MiB that grew."""
    rows, grown = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True).stdout.split()
    return int(rows), int(grown)


def test_a_bomb_needs_no_more_memory_than_a_block(tmp_path: Path) -> None:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    parts = [packer.compress(PLAIN[:BEGIN]), *(packer.compress(bytes(64 << 20)) for _ in range(10))]
    path = tmp_path / "bomb.dbn.zst"
    path.write_bytes(b"".join(parts) + packer.flush())
    rows, grown = peak(path)
    assert rows == -1 and grown < 512


def test_memory_is_that_of_a_block_whatever_the_file(tmp_path: Path) -> None:
    found = []
    for days in (8, 24):
        path = tmp_path / f"{days}.dbn.zst"
        rows = made_dbn.bars(START + np.arange(days * 86_400) * SECOND, schema="ohlcv-1s")
        path.write_bytes(zstandard.compress(made_dbn.file("ohlcv-1s", rows, {"MGCG0": 1}), 1))
        count, grown = peak(path)
        assert count == len(rows)
        found.append(grown)
    assert found[1] < 1.5 * found[0] and found[1] < 512
