"""A range of time cut into trading days: what a provider is asked for, and answers for, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tickcast.calendars import calendar as calendar_named
from tickcast.clock import DAY

__all__ = ["DayRange", "trading_days"]


@dataclass(frozen=True)
class DayRange:
    """The part of a trading day that a range covers.

    Parameters
    ----------
    number: the trading day, days since 1970-01-01.
    start, end: UTC ns, [start, end). Days lie end to end: a day begins where the one before it closed, with the hours before its session.
    whole: whether the range covers all its sessions. Only then does an empty answer mean that the day has nothing.
    """

    number: int
    start: int
    end: int
    whole: bool


def trading_days(calendar: str | None, start: int, end: int) -> Sequence[DayRange]:
    """The trading days of [start, end), UTC ns, in order; what lies behind the last session of the range belongs to the day after it.

    A row stamped with the moment a session closes belongs to its day, as the bar that closes then does. Without a calendar a day is a UTC
    day.

    >>> [(day.number, day.whole) for day in trading_days(None, DAY, 3 * DAY)]
    [(1, True), (2, True)]
    """
    if end <= start:
        return ()
    if calendar is None:
        numbers = range(start // DAY, (end - 1) // DAY + 1)
        edges = [(number, max(number * DAY, start), min((number + 1) * DAY, end)) for number in numbers]
        return tuple(DayRange(number, low, high, high - low == DAY) for number, low, high in edges)
    around = calendar_named(calendar).sessions(start - 14 * DAY, end + 14 * DAY)
    numbers_of, first = np.unique(around.trading_day, return_index=True)
    last = np.append(first[1:], len(around)) - 1
    closes, opens = around.close[last], around.open[first]
    found, low = [], start
    for number, opened, closed in zip(numbers_of.tolist(), opens.tolist(), closes.tolist(), strict=True):
        if closed < start or low >= end:
            continue
        high = min(closed + 1, end)
        found.append(DayRange(int(number), low, high, start <= opened and closed < end))
        low = high
    return tuple(found)
