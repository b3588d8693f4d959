"""DBN files cut into blocks and files: the same rows as read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import made_dbn
from sources.test_dbn_attacks import START, orders
from tickcast.clock import DAY, SECOND
from tickcast.errors import SourceError
from tickcast.sources import Databento, dbn_blocks
from tickcast.sources.dbn_blocks import DbnFile
from tickcast.sources.dbn_clock import sound_clock
from tickcast.sources.dbn_contracts import FileContracts
from tickcast.sources.dbn_rows import DbnRows
from tickcast.sources.dbn_thinned import Thinned


def rows(files: Any, **how: Any) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    chunks = list(Databento(files, **how).history())
    held = [chunk.quarantined.select("reason") for chunk in chunks if len(chunk.quarantined)]
    return pl.concat([chunk.frame for chunk in chunks]), pl.concat(held) if held else pl.DataFrame(), len(chunks)


@pytest.mark.parametrize(
    "how", [{"table": "book"}, {"table": "book", "every": "7s"}, {"table": "book", "every": "change"}, {"table": "orders"}]
)
def test_blocks_and_consecutive_files_are_the_whole(how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, middle = orders(400), START + 150 * SECOND
    records["action"][301] = b"Z"
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    (tmp_path / "whole" / "a.dbn").write_bytes(made_dbn.file("mbo", records, {"ESH4": 7}, span=(START, START + DAY)))
    for name, part, span in (
        ("a", records["ts_recv"] < middle, (START, middle)),
        ("b", records["ts_recv"] >= middle, (middle, START + DAY)),
    ):
        (tmp_path / "cut" / f"{name}.dbn").write_bytes(made_dbn.file("mbo", records[part], {"ESH4": 7}, span=span))
    whole, aside, count = rows(tmp_path / "whole", **how)
    assert count == 1 and len(whole) > 20 and len(aside) > 0
    for small in (False, True):
        if small:
            monkeypatch.setattr(dbn_blocks, "_BYTES", 50 * 56)
        for folder, least in (("whole", 8 * small), ("cut", 2)):
            found, held, chunks = rows(tmp_path / folder, **how)
            assert found.equals(whole) and held.equals(aside) and chunks >= least
    later = tmp_path / "cut" / "b.dbn"
    (tmp_path / "hole").mkdir()
    part = records["ts_recv"] < middle - SECOND
    (tmp_path / "hole" / "a.dbn").write_bytes(made_dbn.file("mbo", records[part], {"ESH4": 7}, span=(START, middle - SECOND)))
    with pytest.raises(SourceError, match="b.dbn, row 1, field order_id: begins inside a day"):
        rows([tmp_path / "hole" / "a.dbn", later], **how)


def test_skipped_chunks_are_left_out_and_damage_at_the_end_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbn_blocks, "_BYTES", 50 * 56)
    content = made_dbn.file("mbo", orders(400), {"ESH4": 7}, span=(START, START + DAY))
    (tmp_path / "a.dbn").write_bytes(content)
    source = Databento(tmp_path / "a.dbn", table="book")
    whole = [chunk for _, chunk in source.chunks()]
    for skip in (0, 1, 5, len(whole)):
        assert [chunk.frame.hash_rows().to_list() for _, chunk in source.chunks(skip=skip)] == [
            chunk.frame.hash_rows().to_list() for chunk in whole[skip:]
        ]
    (tmp_path / "a.dbn").write_bytes(content[:-1])
    with pytest.raises(SourceError, match="row 400: ends inside a record"):
        next(iter(source.history()))


def test_bars_in_blocks_are_judged_by_their_neighbours_and_what_is_not_asked_for_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = made_dbn.bars(START + np.arange(300) // 3 * 60 * SECOND, instrument_id=[1, 2, 3] * 100)
    bars["ts_event"][149] = START
    bars["ts_event"][201] = START + DAY - 60 * SECOND
    bars["close"][250] = 2**63 - 1
    names = {"MGCG0": 1, "MGCJ0": 2, "MGCG0-MGCJ0": 3}
    (tmp_path / "a.dbn").write_bytes(made_dbn.file("ohlcv-1m", bars, names))
    whole, aside, _ = rows(tmp_path, spreads=True)
    assert sorted(aside["reason"]) == ["out_of_order", "price_undefined", "ts_ahead"]
    (chunk,) = Databento(tmp_path, symbol="MGCG").history()
    assert dict(chunk.left_out) == {"other_symbol": 100, "spread": 100}
    monkeypatch.setattr(dbn_blocks, "_BYTES", 40 * 56)
    found, held, chunks = rows(tmp_path, spreads=True)
    assert chunks > 5 and found.equals(whole) and sorted(held["reason"]) == sorted(aside["reason"])
    left = [chunk.left_out for chunk in Databento(tmp_path).history()]
    assert sum(one.get("spread", 0) for one in left) == 100


@pytest.mark.parametrize("schema", ["mbp-1", "mbo"])
def test_a_file_whose_first_block_ends_every_packet_has_packets_all_the_same(
    schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later books inside a packet, which nobody could see, were shown."""
    records = orders(400)
    if schema == "mbp-1":
        at = START + np.arange(400) * SECOND
        told = {"ts_event": at, "ts_recv": at, "bid_px_00": 10**11, "ask_px_00": 10**11 + 10**7, "bid_sz_00": np.arange(1, 401)}
        records = made_dbn.records(schema, told | {"ask_sz_00": 1, "flags": 128}, 7)
    records["flags"] |= 128
    records["flags"][300::2] &= 127
    (tmp_path / "a.dbn").write_bytes(made_dbn.file(schema, records, {"ESH4": 7}, span=(START, START + DAY)))
    whole, _, _ = rows(tmp_path, table="book")
    monkeypatch.setattr(dbn_blocks, "_BYTES", 50 * records.dtype.itemsize)
    found, _, chunks = rows(tmp_path, table="book")
    assert chunks > 5 and found.equals(whole)


def test_each_stage_by_itself(tmp_path: Path) -> None:
    records = orders(40)
    records["ts_recv"][20] += DAY
    path = tmp_path / "a.dbn"
    path.write_bytes(made_dbn.file("mbo", records, {"ESH4": 7}, span=(START, START + DAY)))
    file = DbnFile(path)
    (block,) = file.blocks()
    assert block.numbers == (1, 41) and block.last and DbnFile(path).metadata.schema == "mbo"
    clock = sound_clock(block.records, START, START + DAY)
    assert clock.wrong(np.arange(40)).rows() == [(20, "outside_request")]
    assert clock.records["ts_recv"][20] == records["ts_recv"][21]
    contracts = FileContracts(file.metadata, None, "ESM", False)
    assert dict(contracts.left_out(contracts.codes(clock.records))) == {"other_symbol": 40}
    reader = DbnRows(Databento(path, table="book").table, "packet", 2)
    ((share, make),) = reader.read(DbnFile(path), FileContracts(file.metadata, None, None, False))
    chunk = make()
    assert share == 0 and not reader.free and dict(chunk.counts) == {"outside_request": 1}
    grid = Thinned("1h")
    assert len(grid.take(chunk, last=False).frame) == 0 and len(grid.take(chunk, last=True).frame) == 1
