"""quarantine_rows: rows set aside, as rows that can be kept."""

from __future__ import annotations

import json

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import calendar
from tickcast.cleaning import clean, quarantine_rows
from tickcast.clock import DAY, HOUR, SECOND
from tickcast.schema import QUARANTINE, TRADES, conform

T = 1_700_000_000 * SECOND
numbers = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), numbers, numbers), max_size=12))
def test_every_value_can_be_had_back(rows: list[tuple[int, float, float]]) -> None:
    frame = pl.DataFrame(
        [("A", *row) for row in rows], schema={"symbol": pl.String, "ts": pl.Int64, "price": pl.Float64, "size": pl.Float64}, orient="row"
    )
    chunk = clean(frame, TRADES, origin="f")
    kept = quarantine_rows(chunk, TRADES, source="f")
    assert len(kept) + len(chunk.frame) == len(rows)
    assert conform(kept, QUARANTINE).equals(kept)
    for number, text in kept.select("file_row", "original").iter_rows():
        told = json.loads(text)
        ts, price, size = rows[number - 1]
        assert int(told["ts"]) == ts
        assert float(told["price"]).hex() == float(price).hex() and float(told["size"]).hex() == float(size).hex()


def test_a_row_without_a_stamp_is_filed_by_its_neighbour_and_one_outside_by_its_number() -> None:
    noon = T + 14 * HOUR  # a Wednesday
    frame = pl.DataFrame({"symbol": "A", "ts": [noon, 5, noon + 1, noon + 3 * DAY, noon + 5 * DAY], "price": 1.0, "size": 1.0})
    chunk = clean(frame, TRADES, origin="f").placed(calendar("CME_Equity"))
    assert chunk.numbers.to_list() == [1, 3, 5] and chunk.frame["trading_day"].null_count() == 0
    kept = quarantine_rows(chunk, TRADES, source="f").sort("file_row")
    assert kept.select("file_row", "ts", "reason").rows() == [(2, noon, "ts_wrong_unit"), (4, noon + 3 * DAY, "outside_session")]
    assert "trading_day" not in json.loads(kept["original"][1])
    nothing = clean(frame.slice(1, 1), TRADES, origin="f")
    assert quarantine_rows(nothing, TRADES, source="f")["ts"].to_list() == [0]
