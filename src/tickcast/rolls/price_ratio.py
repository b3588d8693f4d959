"""What two contracts cost at one moment: the ratio that joins a series over a roll."""

from __future__ import annotations

import polars as pl

from tickcast.errors import DataError

__all__ = ["price_ratio"]


def price_ratio(rows: pl.DataFrame, old: str, new: str, day: int) -> float:
    """Price of `old` over that of `new` at the last moment by the end of trading day `day` at which both are known, in ten days.

    Of bars the moment is a common stamp. Trades and books seldom share stamps: there it is the earlier of the last two stamps of the last
    day that has both, each side's price as of then. Prices are closes, traded prices, or a book's mid.

    Raises DataError when there is no such moment.
    """
    recent = rows.filter((pl.col("trading_day") <= day) & (pl.col("trading_day") > day - 10) & pl.col("symbol").is_in([old, new]))
    priced = recent.select("symbol", "trading_day", "ts", _price(recent).alias("price")).filter(
        pl.col("price").is_finite() & (pl.col("price") > 0)
    )
    one, other = (priced.filter(pl.col("symbol") == symbol).sort("ts", maintain_order=True) for symbol in (old, new))
    if "close" in recent.columns:
        common = one.join(other, on="ts", suffix="_new").sort("ts").tail(1)
    else:
        days = set(one["trading_day"]) & set(other["trading_day"])
        one, other = (side.filter(pl.col("trading_day") == max(days, default=0)) for side in (one, other))
        until = pl.concat([one.tail(1), other.tail(1)]).select(pl.col("ts").min())
        one, other = (side.filter(pl.col("ts") <= until.item()).tail(1) if days else side for side in (one, other))
        common = one.join(other, how="cross", suffix="_new")
    if not len(common):
        raise DataError(f"{old} and {new} have no common price before their roll", field="price", hint="give coarser bars, or more of both")
    return float(common["price"][0]) / float(common["price_new"][0])


def _price(rows: pl.DataFrame) -> pl.Expr:
    for name in ("close", "price"):
        if name in rows.columns:
            return pl.col(name)
    middle = (pl.col("bid_price_1") + pl.col("ask_price_1")) / 2
    return pl.coalesce(middle, "last") if "last" in rows.columns else middle
