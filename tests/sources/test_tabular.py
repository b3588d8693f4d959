"""CSV and Parquet bytes: read whole or refused with the row that is wrong."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        (b't,p,q\n1,"3",4\n2,4\n', "row 2: has 2 fields where the header has 3"),
        (b't,p,q\n1,"3",4\n2,4,5,6', "row 2: has 4 fields where the header has 3"),
        (b't,p\n1,"3\n2,4\n', "row 1: has a quote that is never closed"),
        (b't,p\n1,3\n2,"4', "row 2: has a quote that is never closed"),
        (b"t,p\n1,3\n2,\xe9\n", "row 2: is no readable CSV"),
        (b"t\x00,\x00p\x00\n\x001\x00", "UTF-16"),
        (b"t,p\n1,3\n2," + b"4" * (17 << 20) + b"\n3,4\n", "row 2: is longer than 16 MiB"),
        (b"t,p\n1,3\n" + b"," * (17 << 20), "row 2: is longer than 16 MiB"),
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


def test_a_file_of_empty_lines_is_refused_before_rows_are_made_of_them() -> None:
    few = b"t,p\n1,3\n" + b"\n" * 1000 + b"2,4\n"
    assert read_csv(few, NAMED, ()).drop_nulls().rows() == [("1", "3"), ("2", "4")]
    with pytest.raises(SourceError, match="more than 1,000,000 empty lines"):
        read_csv(b"t,p\n1,3\n" + b"\n" * 1_000_001 + b"2,4\n", NAMED, ())


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.text('ab1,"\n', max_size=4)] * 3), min_size=1, max_size=12),
    st.integers(1, 40),
    st.booleans(),
    st.integers(-1, 11),
)
def test_rows_are_counted_as_a_reader_of_quotes_counts_them(rows: list[tuple[str, ...]], step: int, ended: bool, cut: int) -> None:
    """Against the standard library's reader, in pieces of any size: a row of other fields is refused under its number, others pass."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("t", "p", "q"), *rows])
    content = text.getvalue().encode()
    if 0 <= cut < len(rows):
        text = io.StringIO()
        short = [row[:2] if at == cut else row for at, row in enumerate(rows)]
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("t", "p", "q"), *short])
        content = text.getvalue().encode()
    content = content if ended else content[:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tickcast.sources.tabular._STEP", step)
        if 0 <= cut < len(rows):
            with pytest.raises(SourceError, match=f"row {cut + 1}: has 2 fields"):
                read_csv(content, NAMED, ())
        else:
            assert read_csv(content, NAMED, ()).fill_null("").rows() == rows
            assert read_csv(content, NAMED, (), ["q", "t"]).fill_null("").rows() == [(t, q) for t, _, q in rows]


def test_a_parquet_file_whose_names_are_no_text_is_refused() -> None:
    """Polars panics at such names."""
    whole = io.BytesIO()
    pq.write_table(pa.table({"name": [1, 2]}), whole, store_schema=False)
    with pytest.raises(SourceError, match="no readable Parquet"):
        read_parquet(whole.getvalue().replace(b"name", b"n\xff\xfee"), Path("a.parquet"))
