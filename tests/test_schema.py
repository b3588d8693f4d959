"""Tables: a column that is missing, unknown or of another type is named."""

from __future__ import annotations

import polars as pl
import pytest

from tickcast.errors import DataError
from tickcast.schema import BARS, CONTEXT, TABLES, TRADES, conform

TRADE = {"symbol": ["X"], "ts": [1], "price": [2.0], "size": [3.0]}


def test_what_does_not_conform_is_named() -> None:
    for change, field in (({"prise": [2.0]}, "prise"), ({"price": None}, "price")):
        columns = {name: values for name, values in {**TRADE, **change}.items() if values is not None}
        with pytest.raises(DataError) as raised:
            conform(pl.DataFrame(columns), TRADES, file="a.csv")
        assert raised.value.field == field and raised.value.file == "a.csv"
    with pytest.raises(DataError, match="cannot read as table trades"):
        conform(pl.DataFrame({**TRADE, "price": ["much"]}), TRADES)


def test_a_stamp_is_a_moment() -> None:
    zoned = pl.DataFrame(TRADE).with_columns(ts=pl.Series([1_700_000_000_000]).cast(pl.Datetime("ms", "UTC")))
    assert conform(zoned, TRADES)["ts"].to_list() == [1_700_000_000_000_000_000]
    with pytest.raises(DataError, match=r"a.csv, field ts: holds Datetime.*no stamp"):
        conform(zoned.with_columns(pl.col("ts").dt.replace_time_zone(None)), TRADES, file="a.csv")


def test_absent_optional_columns_are_null_and_context_is_kept() -> None:
    found = conform(pl.DataFrame({**TRADE, "session_id": [9]}), TRADES)
    assert found.columns == [*TRADES.names, "session_id"]
    assert found["side"].to_list() == [None] and found["session_id"].to_list() == [9]
    assert conform(found, TRADES).equals(found), "once is enough"


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_column_says_what_it_is(name: str) -> None:
    table = TABLES[name]
    assert set(table.identity) <= set(table.names)
    assert all(column.unit and column.meaning for column in (*table.columns, *CONTEXT))
    assert table.column("ts").dtype == pl.Int64
    with pytest.raises(KeyError):
        BARS.column("no_such_column")
