"""Rolls decided by volume: the series follows the contract that traded most on the day before, and never goes back."""

from __future__ import annotations

from functools import partial

import polars as pl

from tickcast.errors import DataError
from tickcast.rolls.contracts import outright_pattern
from tickcast.rolls.daily import daily_measures
from tickcast.rolls.election import elect
from tickcast.rolls.price_ratio import price_ratio
from tickcast.rolls.schedule import RollSchedule, Rule

__all__ = ["schedule_by_instrument", "schedule_by_volume"]


def schedule_by_volume(rows: pl.DataFrame, product: str, *, threshold: float = 1.0) -> RollSchedule:
    """The roll schedule of `product` from its contracts' volume per trading day.

    At the end of each trading day the contract with the most volume, among those that do not expire before the one followed, becomes the
    one to follow from the next session on; equal volumes keep the earlier expiry. The first day only elects the first contract. So each
    trading day's contract was known before the day began.

    Parameters
    ----------
    rows: bars (`close`, `volume`), trades (`price`, `size`) or books, with `symbol, ts, trading_day`, all contracts mixed; spreads and
        other products are ignored.
    threshold: how many times the followed contract's volume the leader's must exceed.

    Raises DataError when a column or the product is absent, a volume is unknown, or two contracts had no common price before their roll.
    """
    return _by_volume(rows, product, None, threshold)


def schedule_by_instrument(rows: pl.DataFrame, product: str, contracts: pl.DataFrame, *, threshold: float = 1.0) -> RollSchedule:
    """As `schedule_by_volume`, contracts told apart by the instrument ids and expiries of table `contracts`, not by their names.

    A name that comes back after ten years (MGCG1) is another contract. Raises DataError where a contract among the rows has no id.
    """
    own = contracts.filter(pl.col("symbol").str.contains(outright_pattern(product)) & pl.col("instrument_id").is_not_null())
    if not len(own):
        hint = "store what the source tells of its contracts, or take the rule volume"
        raise DataError(f"no instrument id of {product} is known", field="instrument_id", hint=hint)
    return _by_volume(rows, product, own, threshold)


def _by_volume(rows: pl.DataFrame, product: str, contracts: pl.DataFrame | None, threshold: float) -> RollSchedule:
    daily = daily_measures([rows], product, contracts)
    unknown = daily.filter(pl.col("volume").is_null())
    if len(unknown):
        found = f"volume of {unknown['symbol'][0]} is unknown on a day"
        raise DataError(found, field="volume", hint="rolls by volume need every row's volume")
    if contracts is not None and daily["instrument_id"].null_count():
        nameless = daily.filter(pl.col("instrument_id").is_null())["symbol"][0]
        raise DataError(f"{nameless} traded before an instrument id of it is known", field="instrument_id")
    rule: Rule = "volume" if contracts is None else "instrument"
    return elect(daily, product, rule=rule, threshold=threshold, ratio=partial(price_ratio, rows))
