"""One series out of many contracts: forward-adjusted for models, spliced for prices as traded."""

from __future__ import annotations

import polars as pl

from tickcast.errors import DataError
from tickcast.rolls.schedule import RollSchedule

__all__ = ["continuous", "follow_feed", "spliced"]

_PRICES = ("open", "high", "low", "close", "price", "last", "turnover")
_SIDES = ("bid_price_", "ask_price_")


def continuous(rows: pl.DataFrame, schedule: RollSchedule) -> pl.DataFrame:
    """The contracts' rows as one series, adjusted forward: each contract's prices times the product of the ratios of the rolls so far.

    Prices keep the level of the first contract of the schedule, and a later roll never changes an earlier value. Returns inside a contract
    are those of the contract. Turnover is scaled with the prices, so that turnover / volume stays a price of the series; volume is as
    traded.

    Parameters
    ----------
    rows: bars, trades or books with `trading_day`, contracts mixed.

    Returns the rows of the contract followed on each trading day, in time order, with symbol = the product, `underlying_contract` and
    `segment_id`. Days before the first contract was known are left out. Raises DataError when `trading_day` is absent or nothing is left.
    """
    return _followed(rows, schedule, adjust=True)


def spliced(rows: pl.DataFrame, schedule: RollSchedule) -> pl.DataFrame:
    """As `continuous` with prices as traded: the price jumps where the contract changes, so only windows inside a segment mean anything.

    It is the series for order books: every level, tick and open interest is that of `underlying_contract`.
    """
    return _followed(rows, schedule, adjust=False)


def follow_feed(rows: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """A feed that is one series already (as NQ.v.0), cut where its instrument id changes; prices as the feed gives them.

    Such a feed holds no price of the new contract before the change, so no ratio is known and no return across one means anything.

    Parameters
    ----------
    rows: of one symbol, in time order.
    contracts: table `contracts`: which instrument id the symbol stood for from when on.

    Returns the rows with `segment_id` (counts the changes) and `underlying_contract` (the id, as text). Raises DataError where the rows are
    of several symbols, or begin before any id is known.
    """
    symbols = rows["symbol"].unique().to_list()
    if len(symbols) != 1:
        raise DataError(f"a feed that is rolled already is one symbol, here are {len(symbols)}", field="symbol")
    ids = (
        contracts.filter((pl.col("symbol") == symbols[0]) & pl.col("instrument_id").is_not_null()).select("ts", "instrument_id").sort("ts")
    )
    told = rows.select("ts").join_asof(ids, on="ts", check_sortedness=False)["instrument_id"]
    if told.null_count():
        hint = "store its contracts: the source must tell instrument ids"
        raise DataError(f"{told.null_count()} rows of {symbols[0]} have no instrument id", field="instrument_id", hint=hint)
    segment = (told != told.shift(1)).fill_null(False).cum_sum().cast(pl.Int64)
    return rows.with_columns(segment.alias("segment_id"), told.cast(pl.String).alias("underlying_contract"))


def _followed(rows: pl.DataFrame, schedule: RollSchedule, *, adjust: bool) -> pl.DataFrame:
    if "trading_day" not in rows.columns:
        raise DataError("rolls need each row's trading day", field="trading_day", hint="place the rows with a calendar first")
    segment = schedule.segments(rows["trading_day"].to_numpy())
    plan = pl.DataFrame(
        {"segment_id": range(len(schedule.rolls)), "followed": schedule.contracts, "factor": schedule.factors},
        schema={"segment_id": pl.Int64, "followed": pl.String, "factor": pl.Float64},
    )
    # a left join keeps the rows' order, so equal stamps stay as they came
    held = (
        rows.with_columns(pl.Series("segment_id", segment, pl.Int64))
        .join(plan, on="segment_id", how="left", maintain_order="left")
        .filter(pl.col("symbol") == pl.col("followed"))
    )
    if not len(held):
        raise DataError(f"no row belongs to the contracts of {schedule.product}", field="symbol", hint="were the rows rolled before?")
    factor = pl.col("factor")
    scaled = [pl.col(name) * factor for name in rows.columns if name in _PRICES or name.startswith(_SIDES)] if adjust else []
    held = held.with_columns(*scaled, pl.col("symbol").alias("underlying_contract"), pl.lit(schedule.product).alias("symbol"))
    return held.drop("followed", "factor").sort("ts", maintain_order=True)
