"""Rows of days: what may be written, in which order rows are kept, and what a day is after more of its rows were written."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.schema import TABLES, Table, conform

__all__ = ["canonical", "days_of", "in_order", "merge", "ready", "table_named"]

_NEVER = 2**63 - 1  # ranges end before their end, so none would ever show a row of this stamp
_OCCURRENCE, _PLACE = "__occurrence", "__place"


def table_named(name: str) -> Table:
    """The table of that name. Raises StoreError that lists them."""
    if name not in TABLES:
        raise StoreError(f"no table {name!r}", field="table", hint=f"choose one of {', '.join(TABLES)}")
    return TABLES[name]


def ready(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Conforming, finite rows in canonical order with their `day`; equal rows collapse where the table has no genuine repeats."""
    rows = conform(frame, table)
    for column in table.columns:
        _sound(rows[column.name], column.required)
    if len(rows) and rows["ts"].max() == _NEVER:
        raise StoreError(
            f"{_NEVER} is no time that any range holds", row=int(rows["ts"].arg_max() or 0) + 1, field="ts", hint="clean the rows first"
        )
    some = [name for name in rows.columns if rows.schema[name] == pl.Float64 and rows[name].null_count() < len(rows)]
    rows = rows.with_columns(pl.col(some) + 0.0)  # one zero: -0.0 is equal to it and must not make other rows
    lone = _alone(rows[table.identity[0]]) and _increasing(rows["ts"])  # as a source mostly gives them: nothing to sort or to compare
    if "sequence" in table.names and rows["sequence"].null_count():
        order = pl.lit(0, pl.Int64) if lone else pl.int_range(pl.len(), dtype=pl.Int64).over("symbol", "ts")
        rows = rows.with_columns(pl.coalesce("sequence", order).alias("sequence"))
    utc = (pl.col("ts_open" if "ts_open" in table.names else "ts") // DAY).cast(pl.Int32)
    dated = "trading_day" in rows.columns
    rows = rows.with_columns(pl.coalesce("trading_day", utc).alias("day") if dated else utc.alias("day"))
    if lone:
        return rows
    if not table.repeats:
        rows = rows.unique(maintain_order=True)
        twice = rows.select(table.identity).is_duplicated()
        if twice.any():
            one = rows.filter(twice).row(0, named=True)
            found = ", ".join(f"{name} {one[name]}" for name in table.identity)
            raise StoreError(f"two different rows for {found}", field="ts", hint="clean the rows first")
    return canonical(rows, table)


def days_of(rows: pl.DataFrame, table: Table) -> Mapping[tuple[str, int], pl.DataFrame]:
    """Ready rows by symbol and day, without the column `day`."""
    key = table.identity[0]
    if len(rows) and _alone(rows[key]) and _alone(rows["day"]):
        return {(str(rows[key][0]), int(rows["day"][0])): rows.drop("day")}
    parts = rows.partition_by([key, "day"], as_dict=True, maintain_order=True)
    return {(str(symbol), int(day)): part.drop("day") for (symbol, day), part in parts.items()}


def _sound(values: pl.Series, required: bool) -> None:
    """Raises StoreError at the first value that is missing where it may not be, or not finite."""
    absent = values.null_count()
    if values.dtype == pl.Float64 and absent < len(values) and not math.isfinite(values.sum()):
        bad = values.is_finite().not_().fill_null(required)
    elif required and absent:
        bad = values.is_null()
    else:
        return
    if bad.any():
        raise StoreError("value is missing or not finite", row=int(bad.arg_max() or 0) + 1, field=values.name, hint="clean the rows first")


def in_order(rows: pl.DataFrame, table: Table) -> bool:
    """Whether the rows are one symbol's and in time order, as those of one stored day: then there is nothing to sort."""
    return _alone(rows[table.identity[0]]) and rows["ts"].is_sorted()


def _alone(values: pl.Series) -> bool:
    return len(values) > 0 and bool((values == values[0]).all())


def _increasing(values: pl.Series) -> bool:
    return len(values) < 2 or bool((values[1:] > values[:-1]).all())


def canonical(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows in the order that depends on nothing but themselves: ts, order within the stamp, identity, every other column."""
    order: list[str] = ["ts", *(name for name in ("sequence", *table.identity) if name in rows.columns and name != "ts")]
    order += [name for name in rows.columns if name not in order]
    return rows.sort(order, nulls_last=True, maintain_order=True)


def merge(old: pl.DataFrame, new: pl.DataFrame, table: Table) -> pl.DataFrame:
    """One day's rows after `new` is written over `old`, in canonical order.

    The newer row of an identity corrects the older one. Where rows may repeat, a new row meets the old one of the same identity and
    `sequence`; what is left meets by count and keeps the old sequence. So a file written again, or one that starts inside a stamp,
    adds nothing, and two genuine trades at one stamp stay two.
    """
    filled = _same_columns(old, new)
    new = _same_columns(new, old).select(filled.columns)
    if not table.repeats:
        kept = filled.join(new, on=list(table.identity), how="anti", nulls_equal=True, maintain_order="left")
        return canonical(pl.concat([kept, new]), table)
    exact, loose = [*table.identity, "sequence", _OCCURRENCE], [*table.identity, _OCCURRENCE]
    before, after = _counted(filled, exact), _counted(new, exact)
    left_old = _counted(_without(before, after, exact), loose)
    left_new = _counted(_without(after, before, exact), loose)
    met = after.join(before.select(exact), on=exact, how="semi", nulls_equal=True)
    paired = left_new.join(left_old.select(*loose, pl.col("sequence").alias(_PLACE)), on=loose, how="left", nulls_equal=True)
    paired = paired.with_columns(pl.coalesce(_PLACE, "sequence").alias("sequence")).select(filled.columns)
    parts = [met, paired, _without(left_old, left_new, loose)]
    return canonical(pl.concat([part.select(filled.columns) for part in parts]), table)


def _counted(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """`rows` numbered among those equal in `key` (its last name is the number's own)."""
    return rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(key[:-1]).alias(_OCCURRENCE))


def _without(rows: pl.DataFrame, other: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return rows.join(other.select(key), on=key, how="anti", nulls_equal=True, maintain_order="left")


def _same_columns(rows: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the columns it lacks from `other`, as nulls."""
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in other.schema.items() if name not in rows.columns]
    return rows.with_columns(missing)
