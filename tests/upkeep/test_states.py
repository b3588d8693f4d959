"""What a day of a symbol may be, told from what is stored, known to be empty, expected and torn."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tickcast.upkeep import STATES, day_states

DAYS = st.sets(st.integers(0, 9))


def named(days: set[int], **values: object) -> pl.DataFrame:
    told = [pl.lit("A").alias("symbol"), *(pl.lit(value).alias(name) for name, value in values.items())]
    return pl.DataFrame({"trading_day": sorted(days)}, schema={"trading_day": pl.Int64}).with_columns(told)


@given(stored=DAYS, settled=DAYS, asked=DAYS, torn=DAYS, expected=st.none() | DAYS)
def test_each_day_has_the_one_state_that_what_is_known_gives_it(
    stored: set[int], settled: set[int], asked: set[int], torn: set[int], expected: set[int] | None
) -> None:
    empty = pl.concat([named(settled, settled=True), named(asked - settled, settled=False)])
    due = None if expected is None else named(expected)
    found = day_states(named(stored, rows=3), empty, due, named(torn))
    told = dict(found.select("trading_day", "state").iter_rows())
    assert found["trading_day"].to_list() == sorted(stored | settled | asked | (expected or set()))
    assert set(told.values()) <= set(STATES)
    for day, state in told.items():
        if day in stored:
            usual = "gap" if day in torn else "stored"
            assert state == (usual if expected is None or day in expected else "unexpected")
        else:
            assert state == ("no data" if day in settled else "unsettled" if day in asked else "missing")
    assert dict(found.select("trading_day", "rows").iter_rows()) == {day: 3 if day in stored else 0 for day in told}
