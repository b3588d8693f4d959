"""CSV and Parquet bytes: read whole or refused with the row that is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest

from tickcast.errors import SourceError
from tickcast.sources.tabular import read_csv, read_parquet

NAMED = Path("a.csv")


def test_a_mark_of_utf8_and_a_missing_last_line_end_change_nothing() -> None:
    expected = pl.DataFrame({"t": ["1", "2"], "p": ["3", "4"]})
    for content in (b"t,p\n1,3\n2,4\n", b"\xef\xbb\xbft,p\n1,3\n2,4"):
        assert read_csv(content, NAMED, ()).equals(expected)
    assert read_csv(b"1,3\n2,4\n", NAMED, ("t", "p")).equals(expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfet\x00,\x00p\x00", "UTF-16"),
        (b"t,p\n1,\x003\n", "row 1: holds a NUL"),
        (b"t,p\n1,3\n2\n", "row 2: has 1 fields where the header has 2"),
        (b"t,p\n1,3,5\n", "row 1: has 3 fields where the header has 2"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_csv(content, NAMED, ())


def test_a_cut_parquet_file_is_refused() -> None:
    whole = io.BytesIO()
    pl.DataFrame({"t": range(1000)}).write_parquet(whole)
    assert len(read_parquet(whole.getvalue(), Path("a.parquet"))) == 1000
    with pytest.raises(SourceError, match="no readable Parquet"):
        read_parquet(whole.getvalue()[:-9], Path("a.parquet"))
