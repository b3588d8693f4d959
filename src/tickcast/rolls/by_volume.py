"""Rolls decided by volume: the series follows the contract that traded most on the day before, and never goes back."""

from __future__ import annotations

import polars as pl

from tickcast.errors import DataError
from tickcast.rolls.contracts import expiry_month, outright_pattern
from tickcast.rolls.schedule import Roll, RollSchedule

__all__ = ["schedule_by_volume"]


def schedule_by_volume(bars: pl.DataFrame, product: str) -> RollSchedule:
    """The roll schedule of `product` from its contracts' volume per trading day.

    At the end of each trading day the contract with the most volume, among those that do not expire before the one followed, becomes the
    one to follow from the next session on; equal volumes keep the earlier expiry. The first day only elects the first contract. So each
    trading day's contract was known before the day began.

    Parameters
    ----------
    bars: `symbol, ts, trading_day, close, volume`, all contracts mixed, any order; spreads and other products are ignored.

    Raises DataError when a column or the product is absent, a volume is null, or two contracts never had a common close before their roll.
    """
    for name in ("symbol", "ts", "trading_day", "close", "volume"):
        if name not in bars.columns:
            hint = "place the bars with a calendar first: calendar(name).assign(bars).rows" if name == "trading_day" else None
            raise DataError("a roll schedule by volume needs this column", field=name, hint=hint)
    own = bars.filter(pl.col("symbol").str.contains(outright_pattern(product)))
    if not len(own):
        raise DataError(f"no outright contract of {product} among the bars", field="symbol", hint="check the product's name")
    if own["volume"].null_count() or own["volume"].is_nan().any():
        raise DataError(f"volume of {product} is unknown in some bars", field="volume", hint="rolls by volume need every bar's volume")
    daily = own.group_by("trading_day", "symbol").agg(pl.col("volume").cast(pl.Float64).sum()).sort("trading_day", "symbol")
    rolls: list[Roll] = []
    followed, floor = "", 0
    for (day,), group in daily.group_by("trading_day", maintain_order=True):
        today = int(str(day))
        traded = {str(symbol): float(volume) for symbol, volume in group.select("symbol", "volume").iter_rows()}
        expiries = {symbol: expiry_month(symbol, product, today) for symbol in traded}
        eligible = [symbol for symbol in traded if expiries[symbol] >= floor and traded[symbol] > 0]
        if not eligible:
            continue
        leader = min(eligible, key=lambda symbol: (-traded[symbol], expiries[symbol]))
        if leader == followed or traded[leader] <= traded.get(followed, 0.0):
            continue
        ratio = _ratio(own, followed, leader, today) if followed else 1.0
        rolls.append(Roll(today, leader, ratio, traded[leader], followed, traded.get(followed, 0.0)))
        followed, floor = leader, expiries[leader]
    if not rolls:
        raise DataError(f"no contract of {product} traded", field="volume")
    return RollSchedule(product, tuple(rolls))


def _ratio(bars: pl.DataFrame, old: str, new: str, day: int) -> float:
    """Close of `old` over close of `new` at the last stamp by the end of `day` at which both have one, in the ten days before."""
    recent = bars.filter((pl.col("trading_day") <= day) & (pl.col("trading_day") > day - 10))
    sides = [
        recent.filter(pl.col("symbol") == symbol).select("ts", pl.col("close").alias(side)) for symbol, side in ((old, "old"), (new, "new"))
    ]
    common = sides[0].join(sides[1], on="ts").filter((pl.col("old") > 0) & (pl.col("new") > 0)).sort("ts").tail(1)
    if not len(common):
        raise DataError(f"{old} and {new} have no common close before their roll", field="close", hint="use coarser bars of both")
    return float(common["old"][0]) / float(common["new"][0])
