"""Rolls decided by open interest, as China's main contracts: another one must hold a tenth more at the end of a day."""

from __future__ import annotations

from functools import partial

import polars as pl

from tickcast.rolls.daily import daily_measures
from tickcast.rolls.election import elect
from tickcast.rolls.price_ratio import price_ratio
from tickcast.rolls.schedule import RollSchedule

__all__ = ["schedule_by_open_interest"]


def schedule_by_open_interest(
    rows: pl.DataFrame, product: str, *, interest: pl.DataFrame | None = None, threshold: float = 1.1, levels: int = 0
) -> RollSchedule:
    """The roll schedule of `product` from its contracts' open interest at the end of each trading day.

    The first main contract is the one with the most on the first day. Where at the end of a day another one, that expires no earlier, holds
    more than `threshold` times as much, it is followed from the next trading day on; never within a day, and never back. A day without
    a word on the followed contract leaves its last figure standing.

    Parameters
    ----------
    rows: books, trades or bars with `symbol, ts, trading_day`, all contracts mixed; they price the rolls.
    interest: rows with `open_interest`, where `rows` have none.
    levels: the series starts after the first day on which the contract followed from then on shows this many levels on both sides; 5 for
        books.

    Raises DataError when nothing tells open interest, no day is that deep, or two contracts have no common price before their roll.
    """
    daily = daily_measures([rows if interest is None else interest], product)
    return elect(daily, product, rule="open_interest", threshold=threshold, ratio=partial(price_ratio, rows), levels=levels)
