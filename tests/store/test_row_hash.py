"""The row hash: the same on every machine and in every release, and blind to what is not a value."""

from __future__ import annotations

import polars as pl

from tickcast.store.row_hash import row_hashes

ROWS = pl.DataFrame(
    {"symbol": ["NQ", "MGCG1 long name", ""], "ts": [1, -2, 2**62], "price": [0.0, -0.0, float("nan")], "side": [1, None, -1]},
    schema={"symbol": pl.String, "ts": pl.Int64, "price": pl.Float64, "side": pl.Int8},
)


def test_nulls_order_and_width_do_not_count() -> None:
    known = row_hashes(ROWS).tolist()
    assert row_hashes(ROWS.with_columns(x=pl.lit(None, dtype=pl.Float64))).tolist() == known
    assert row_hashes(ROWS.select(reversed(ROWS.columns))).tolist() == known
    assert row_hashes(ROWS.cast({"side": pl.Int64})).tolist() == known
    assert row_hashes(ROWS[::-1]).tolist() == known[::-1]
    assert row_hashes(ROWS.with_columns(-pl.col("price"))).tolist() == known, "one zero, one NaN"


def test_values_and_their_columns_count() -> None:
    rows = pl.DataFrame({"a": [1, 2, 1], "b": [2, 1, 1]})
    known = row_hashes(rows).tolist()
    assert row_hashes(rows.rename({"a": "b", "b": "a"})).tolist() == [known[1], known[0], known[2]]
    others = [row_hashes(rows.cast(kind)).tolist() for kind in (pl.Float64, pl.String)]
    assert len({each for hashes in (known, *others) for each in hashes}) == 9
    assert len(row_hashes(rows[:0])) == 0
