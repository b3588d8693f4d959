"""Snapshots as text blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickcast.errors import ConfigError, SourceError
from tickcast.sources.sgx import Sgx

BLOCKS = """Bid,Bid_Quantity,Ask,Ask_Quantity

TimeStamp,2014-01-09D09:00:00.000000001
667500.0,1.0,683000.0,2.0
660000.0,100.0,nan,nan
TimeStamp,2014-01-09D09:00:00.5
667500.0,1.0,683000.0,2.0

660000.0,100.0,682500.0,3.0
"""


def test_a_block_is_a_row_and_an_empty_level_is_null(tmp_path: Path) -> None:
    path = tmp_path / "a50.csv"
    path.write_text(BLOCKS)
    chunk = next(iter(Sgx(path, symbol="CN", divisor=100).history()))
    row = chunk.frame.row(0, named=True)
    assert len(chunk.frame) == 1
    assert row["ts"] == 1_389_229_200 * 10**9 + 1  # 09:00 in Singapore
    assert [row[f"{side}_{what}_{k}"] for k in (1, 2) for side in ("bid", "ask") for what in ("price", "size")] == [
        6675.0, 1.0, 6830.0, 2.0, 6600.0, 100.0, None, None,
    ]  # fmt: skip
    assert chunk.quarantined.select("row", "reason").rows() == [(6, "levels_unsorted")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TimeStamp,2014-01-09D09:00:00.5", "TimeStamp,soon", "row 6, field TimeStamp: 'TimeStamp,soon' tells no moment"),
        ("660000.0,100.0,nan,nan", "660000.0,100.0", "row 5: has 2 fields, not 4"),
        ("660000.0,100.0,nan,nan", "660000.0,many,nan,nan", "row 5, field bid_size: 'many' is no number"),
        ("TimeStamp,2014-01-09D09:00:00.000000001\n", "", "does not begin with a TimeStamp"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "a50.csv"
    path.write_text(BLOCKS.replace(old, new))
    with pytest.raises(SourceError, match=message):
        list(Sgx(path, symbol="CN").history())


def test_other_tables_and_divisors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give no table 'trades'"):
        Sgx(tmp_path, symbol="CN", table="trades")
    with pytest.raises(ConfigError, match="no divisor"):
        Sgx(tmp_path, symbol="CN", divisor=0.0)


def test_the_real_morning(market_data: Path) -> None:
    chunk = next(iter(Sgx(market_data / "sgx", symbol="CN", divisor=100).history()))
    assert len(chunk.frame) + len(chunk.quarantined) == 26_805 == 5_361 * 5
