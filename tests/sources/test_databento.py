"""DBN files: real ones read right, damaged ones refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import zstandard
from databento_dbn import TradeMsg

from tickcast.errors import ConfigError, SourceError
from tickcast.sources import Databento
from tickcast.sources.dbn_frames import trades_frame
from tickcast.sources.files import read_bytes

FIRST = "glbx-mdp3-20201220-20201231.ohlcv-1m.dbn.zst"


@pytest.fixture(scope="module")
def month(market_data: Path) -> bytes:
    return read_bytes(market_data / "mgc" / FIRST)


def test_bars_are_stamped_at_the_close_under_their_contract(market_data: Path) -> None:
    (chunk,) = Databento(market_data / "mgc" / FIRST, symbol="MGC").history()
    frame = chunk.frame
    assert (frame["ts"] - frame["ts_open"]).unique().to_list() == [60 * 10**9]
    assert frame["ts"][0] == 1608505260 * 10**9
    assert frame["underlying_contract"].equals(frame["symbol"])
    assert "MGCG1" in frame["symbol"] and not frame["symbol"].str.contains("-").any()
    assert len(chunk.quarantined) == 0
    (all_rows,) = Databento(market_data / "mgc" / FIRST, spreads=True).history()
    assert len(all_rows.frame) + len(all_rows.quarantined) == 16_444
    assert all_rows.frame["symbol"].str.contains("-").any()
    half = int(frame["ts"].median() or 0)
    (early,), (late,) = (Databento(market_data / "mgc" / FIRST).history(**side) for side in ({"end": half}, {"start": half}))
    assert len(early.frame) + len(late.frame) == len(frame)


def test_any_truncation_or_flip_of_a_packed_file_is_refused(market_data: Path, tmp_path: Path) -> None:
    content, path = (market_data / "mgc" / FIRST).read_bytes(), tmp_path / "x.dbn.zst"
    chance = random.Random(1)
    for _ in range(12):
        at = chance.randrange(len(content))
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(SourceError, match="x.dbn.zst"):
                list(Databento(path).history())


def test_damage_inside_a_plain_file_is_a_typed_error_or_a_quarantined_row(month: bytes, tmp_path: Path) -> None:
    path, chance = tmp_path / "x.dbn", random.Random(2)
    begin = 8 + int.from_bytes(month[4:8], "little")
    refused = 0
    for n in range(40):
        at = chance.randrange(begin if n % 2 else len(month))
        path.write_bytes(month[:at] + bytes([month[at] ^ 0x80]) + month[at + 1 :])
        try:
            list(Databento(path).history())
        except SourceError as error:
            refused += 1
            assert "x.dbn" in str(error)
    assert refused > 5
    path.write_bytes(month[: begin + 100])
    with pytest.raises(SourceError, match="row 2.*ends inside a record"):
        list(Databento(path).history())
    path.write_bytes(month[: begin + 57] + b"\x07" + month[begin + 58 :])
    with pytest.raises(SourceError, match=f"row 2.*byte {begin + 56}"):
        list(Databento(path).history())


def test_undefined_prices_are_quarantined(month: bytes, tmp_path: Path) -> None:
    begin = 8 + int.from_bytes(month[4:8], "little")
    spoiled = bytearray(month)
    spoiled[begin + 16 : begin + 24] = np.int64(np.iinfo(np.int64).max).tobytes()
    path = tmp_path / "x.dbn.zst"
    path.write_bytes(zstandard.compress(bytes(spoiled)))
    (chunk,) = Databento(path, spreads=True).history()
    assert dict(chunk.counts)["price_undefined"] == 1
    assert chunk.quarantined.filter(reason="price_undefined")["row"].to_list() == [1]


def test_trades_take_the_aggressor_and_the_moment_they_were_known() -> None:
    records = np.zeros(3, dtype=np.dtype(TradeMsg._dtypes))
    records["side"], records["price"], records["ts_recv"], records["ts_event"] = [b"B", b"A", b"N"], 1_500_000_000, 7, 5
    frame = trades_frame(records)
    assert frame["side"].to_list() == [1, -1, 0]
    assert frame.select("ts", "ts_event", "price").row(0) == (7, 5, 1.5)


def test_the_wrong_table_and_no_file_are_told(market_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds ohlcv-1m, not trades"):
        list(Databento(market_data / "mgc" / FIRST, table="trades").history())
    with pytest.raises(SourceError, match="no such file"):
        Databento(tmp_path)
    with pytest.raises(ConfigError, match="no table 'quotes'"):
        Databento(tmp_path, table="quotes")
