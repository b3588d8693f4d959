"""What decides a roll: volume, open interest and depth of each contract on each trading day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from tickcast.errors import DataError
from tickcast.rolls.contracts import expiry_month, outright_pattern
from tickcast.schema import BOOK_LEVELS

__all__ = ["daily_measures"]

_SHAPE: Mapping[str, type[pl.DataType]] = {
    "trading_day": pl.Int32,
    "symbol": pl.String,
    "volume": pl.Float64,
    "open_interest": pl.Float64,
    "levels": pl.Int64,
    "last_ts": pl.Int64,
}


def daily_measures(chunks: Iterable[pl.DataFrame], product: str, contracts: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row per outright contract of `product` and trading day, by both.

    Parameters
    ----------
    chunks: bars, trades or books with `trading_day`, cut anywhere between trading days, in any order; other symbols are ignored.
    contracts: table `contracts`; where it tells when a contract ends that is used, and its instrument ids are told. Of a day counts what
        was told by the day's last row of the product: a session of the next day may have begun before midnight.

    Returns trading_day, symbol, volume (of books: what the counter reached in each session; null where unknown), open_interest (the last of
    the day), levels (deepest level of the book with both sides), month (of delivery, 12 x year + month - 1), instrument_id. Raises
    DataError when no row is of the product, or `trading_day` is absent.
    """
    found = [_measures(chunk.filter(pl.col("symbol").str.contains(outright_pattern(product)))) for chunk in chunks]
    frame = pl.concat([pl.DataFrame(schema=dict(_SHAPE)), *found]).sort("trading_day", "symbol")
    if not len(frame):
        raise DataError(f"no outright contract of {product} among the rows", field="symbol", hint="check the product's name")
    months = [expiry_month(symbol, product, day) for day, symbol in frame.select("trading_day", "symbol").iter_rows()]
    frame = frame.with_columns(pl.Series("month", months, pl.Int64))
    if contracts is None:
        return frame.drop("last_ts").with_columns(pl.lit(None, pl.Int64).alias("instrument_id"))
    known = contracts.select("symbol", pl.col("ts").alias("told"), "instrument_id", "expiry").sort("told", maintain_order=True)
    frame = frame.with_columns(pl.col("last_ts").max().over("trading_day")).sort("last_ts", maintain_order=True)
    told = frame.join_asof(known, left_on="last_ts", right_on="told", by="symbol", check_sortedness=False)
    end = pl.col("expiry").cast(pl.Datetime("ns"))
    month = pl.coalesce(12 * end.dt.year().cast(pl.Int64) + end.dt.month().cast(pl.Int64) - 1, pl.col("month"))
    return told.with_columns(month.alias("month")).drop("told", "expiry", "last_ts").sort("trading_day", "symbol")


def _measures(rows: pl.DataFrame) -> pl.DataFrame:
    if "trading_day" not in rows.columns:
        hint = "place the rows with a calendar first: calendar(name).assign(rows).rows"
        raise DataError("rolls need each row's trading day", field="trading_day", hint=hint)
    keys = ["trading_day", "symbol"]
    deepest = pl.lit(0, pl.Int64)
    last = (pl.col("ts").max() if "ts" in rows.columns else pl.lit(None)).alias("last_ts")
    for level in range(1, BOOK_LEVELS + 1):
        sides = [name for name in (f"bid_price_{level}", f"ask_price_{level}") if name in rows.columns]
        if len(sides) == 2:
            there = pl.all_horizontal(pl.col(name).is_finite().fill_null(False) for name in sides).any()
            deepest = pl.when(there).then(pl.lit(level, pl.Int64)).otherwise(deepest)
    interest = pl.col("open_interest").drop_nulls().drop_nans().last() if "open_interest" in rows.columns else pl.lit(None)
    counted = "price" not in rows.columns and "close" not in rows.columns  # a book's volume is a counter
    if counted and "volume" in rows.columns:
        sessions = [*keys, *(["session_id"] if "session_id" in rows.columns else [])]
        reached = rows.group_by(sessions).agg(pl.col("volume").max()).group_by(keys).agg(pl.col("volume").sum())
        totals = rows.group_by(keys).agg(interest.alias("open_interest"), deepest.alias("levels"), last).join(reached, on=keys)
    else:
        name = next((each for each in ("volume", "size") if each in rows.columns), None)
        unknown = pl.lit(None) if name is None else _sum(name)
        totals = rows.group_by(keys).agg(unknown.alias("volume"), interest.alias("open_interest"), deepest.alias("levels"), last)
    return totals.select(pl.col(column).cast(kind) for column, kind in _SHAPE.items())


def _sum(name: str) -> pl.Expr:
    """Sum that is null where any part is null or not a number."""
    value = pl.col(name).cast(pl.Float64)
    return pl.when(value.null_count() + value.is_nan().sum() == 0).then(value.sum())
