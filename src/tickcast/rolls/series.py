"""One series out of many contracts: forward-adjusted for models, spliced for prices as traded."""

from __future__ import annotations

import polars as pl

from tickcast.errors import DataError
from tickcast.rolls.schedule import RollSchedule

__all__ = ["continuous", "spliced"]

_PRICES = ("open", "high", "low", "close", "price", "turnover")


def continuous(rows: pl.DataFrame, schedule: RollSchedule) -> pl.DataFrame:
    """The contracts' rows as one series, adjusted forward: each contract's prices times the product of the ratios of the rolls so far.

    Prices keep the level of the first contract of the schedule, and a later roll never changes an earlier value. Returns inside a contract
    are those of the contract. Turnover is scaled with the prices, so that turnover / volume stays a price of the series; volume is as
    traded.

    Parameters
    ----------
    rows: bars or trades with `trading_day`, contracts mixed.

    Returns the rows of the contract followed on each trading day, in time order, with symbol = the product, `underlying_contract` and
    `segment_id`. Days before the first contract was known are left out. Raises DataError when `trading_day` is absent or nothing is left.
    """
    return _followed(rows, schedule, adjust=True)


def spliced(rows: pl.DataFrame, schedule: RollSchedule) -> pl.DataFrame:
    """As `continuous` with prices as traded: the price jumps where the contract changes, so only windows inside a segment mean anything."""
    return _followed(rows, schedule, adjust=False)


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
    factor = pl.col("factor") if adjust else pl.lit(1.0)
    scaled = [pl.col(name) * factor for name in _PRICES if name in rows.columns]
    held = held.with_columns(*scaled, pl.col("symbol").alias("underlying_contract"), pl.lit(schedule.product).alias("symbol"))
    return held.drop("followed", "factor").sort("ts", maintain_order=True)
