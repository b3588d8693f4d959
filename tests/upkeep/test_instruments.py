"""What is remembered of instruments: once, as it was known, whatever the order in which it is told again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY
from tickcast.schema import CONTRACTS, conform
from tickcast.store import Store
from tickcast.upkeep import known_contracts, remember

FACTS = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["A", "B"]),
        "ts": st.integers(1, 6).map(lambda day: day * DAY),
        "instrument_id": st.sampled_from([None, 1, 2]),
        "currency": st.sampled_from([None, "USD", "EUR"]),
    }
)


def told(*rows: dict[str, Any]) -> pl.DataFrame:
    return conform(pl.DataFrame(rows, infer_schema_length=None).sort("symbol", "ts"), CONTRACTS)


def test_what_a_later_row_leaves_out_is_carried_until_the_contract_ends(tmp_path: Path) -> None:
    first = {"symbol": "MGCG1", "ts": DAY, "instrument_id": 7, "product": "MGC", "expiry": 9 * DAY}
    with Store.open(tmp_path) as store:
        assert remember(told(first), store, source="definitions", now=None) == 1
        assert remember(told({"symbol": "MGCG1", "ts": 2 * DAY, "instrument_id": 7}), store, source="bars", now=None) == 0
        assert remember(told({"symbol": "MGCG1", "ts": 3 * DAY, "instrument_id": 8}), store, source="bars", now=None) == 1
        assert remember(told({"symbol": "MGCG1", "ts": 3650 * DAY, "instrument_id": 7}), store, source="bars", now=None) == 1
        assert known_contracts(store).select("ts", "instrument_id", "product", "expiry").rows() == [
            (DAY, 7, "MGC", 9 * DAY),
            (3 * DAY, 8, "MGC", 9 * DAY),
            (3650 * DAY, 7, None, None),
        ]


def test_one_moment_told_twice_is_one_row_with_all_that_was_told(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for row in ({"currency": "USD"}, {"instrument_id": 5}, {"instrument_id": 5}):
            remember(told({"symbol": "A", "ts": DAY, **row}), store, source="s", now=None)
        assert store.scan("contracts").select("instrument_id", "currency").rows() == [(5, "USD")]
        assert remember(told({"symbol": "A", "ts": 9 * DAY, "instrument_id": 6}), store, source="s", now=8 * DAY) == 0


def test_rows_that_a_calendar_has_placed_stay_on_their_day(tmp_path: Path) -> None:
    placed = told({"symbol": "A", "ts": DAY - 9, "instrument_id": 1}, {"symbol": "A", "ts": DAY + 9, "instrument_id": 2})
    with Store.open(tmp_path) as store:
        store.write("contracts", placed.with_columns(pl.lit(1, pl.Int32).alias("trading_day")), source="s")
        assert remember(told({"symbol": "A", "ts": DAY - 5, "instrument_id": 3}), store, source="s", now=None) == 1
        assert store.coverage("contracts").select("trading_day", "rows").rows() == [(1, 3)]


@settings(max_examples=25, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=12, unique_by=lambda row: (row["symbol"], row["ts"])))
def test_what_is_left_out_was_known(tmp_path_factory: Any, rows: list[dict[str, Any]]) -> None:
    """At each moment the store knows what all rows together tell; telling them again writes nothing."""
    everything, truth = told(*rows), dict[tuple[str, str], Any]()
    with Store.open(tmp_path_factory.mktemp("store")) as store:
        remember(everything, store, source="s", now=None)
        version = store.version()
        assert remember(everything, store, source="s", now=None) == 0 and store.version() == version
        known = known_contracts(store)
    for row in everything.iter_rows(named=True):
        truth |= {(row["symbol"], name): row[name] for name in ("instrument_id", "currency") if row[name] is not None}
        at = known.filter((pl.col("symbol") == row["symbol"]) & (pl.col("ts") <= row["ts"]))
        for name in ("instrument_id", "currency"):
            assert at[name].to_list()[-1:] == [truth.get((row["symbol"], name))], (row, name)
