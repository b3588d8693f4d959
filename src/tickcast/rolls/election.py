"""Which contract leads, decided at the end of each trading day and never taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from tickcast.clock import day_date
from tickcast.errors import DataError
from tickcast.rolls.schedule import Roll, RollSchedule, Rule

__all__ = ["Ratio", "elect"]

Ratio = Callable[[str, str, int], float]
"""Price of the old contract over that of the new one, both known by the end of a trading day: (old, new, day) -> ratio."""


@dataclass(frozen=True)
class _Contract:
    symbol: str
    instrument_id: int | None
    month: int


def elect(daily: pl.DataFrame, product: str, *, rule: Rule, threshold: float, ratio: Ratio, levels: int = 0) -> RollSchedule:
    """The schedule: after a trading day a contract with more than `threshold` times the measure of the one followed leads from the next on.

    Only contracts that expire no earlier than the one followed can lead; of equal measures the earlier expiry's wins. The first day only
    elects. With `levels` the series starts after the first day on which the book of the contract that leads from then on is that deep.

    Parameters
    ----------
    daily: what `daily_measures` gives.
    ratio: asked once per roll.

    Raises DataError when no contract ever led, or none was that deep.
    """
    measure = "open_interest" if rule == "open_interest" else "volume"
    rolls: list[Roll] = []
    followed, known = _Contract("", None, 0), 0.0
    starts: int | None = None if levels else -(2**31)
    for (number,), group in daily.group_by("trading_day", maintain_order=True):
        day = int(str(number))
        today, deep = _day(group, measure)
        # a day on which nobody counted the followed contract's open interest is no sign that it has gone
        stands = rule == "open_interest" and followed.month >= _month(day)
        held = today.get(followed, known if stands else 0.0)
        known = held
        eligible = [each for each in today if each.month >= followed.month and today[each] > 0]
        leader = min(eligible, key=lambda each: (-today[each], each.month), default=followed)
        if leader != followed and today[leader] > threshold * held:
            rolls.append(Roll(day, leader.symbol, 1.0, today[leader], followed.symbol, held, leader.instrument_id))
            followed, known = leader, today[leader]
        if starts is None and deep.get(followed, 0) >= levels:
            starts = day + 1
    if not rolls:
        raise DataError(f"no contract of {product} has {measure.replace('_', ' ')}", field=measure)
    if starts is None:
        raise DataError(f"no day of {product} has a book of {levels} levels", field="levels", hint="take a source that tells them")
    kept = _from(rolls, starts) if levels else rolls
    priced = [kept[0], *(replace(roll, ratio=ratio(roll.left, roll.contract, roll.decided)) for roll in kept[1:])]
    return RollSchedule(product, tuple(priced), rule, threshold)


def _month(day: int) -> int:
    """12 x year + month - 1 of a trading day."""
    date = day_date(day)
    return 12 * date.year + date.month - 1


def _day(group: pl.DataFrame, measure: str) -> tuple[Mapping[_Contract, float], Mapping[_Contract, int]]:
    """Measure and depth of each contract that is known to have a measure."""
    rows = group.filter(pl.col(measure).is_not_null()).select("symbol", "instrument_id", "month", measure, "levels").iter_rows()
    today, deep = {}, {}
    for symbol, instrument, month, value, levels in rows:
        contract = _Contract(symbol, instrument, month)
        today[contract], deep[contract] = float(value), int(levels)
    return today, deep


def _from(rolls: list[Roll], starts: int) -> list[Roll]:
    """The rolls of a series that starts on a trading day: the one in force then stands first."""
    last = max(i for i, roll in enumerate(rolls) if roll.decided < starts)
    return [replace(rolls[last], decided=starts - 1, left="", left_measure=0.0), *rolls[last + 1 :]]
