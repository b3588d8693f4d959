"""CME Globex futures: 18:00 to 17:00 New York, one session per evening, early closes on holidays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import ClassVar

import numpy as np

from tickcast.calendars.base import Calendar, Sessions
from tickcast.calendars.listed import listed_days, listed_sessions
from tickcast.clock import HOUR, MINUTE

__all__ = ["CmeEquity", "CmeMetals"]

_EPOCH = date(1970, 1, 1)


def _half_day(day: date) -> str | None:
    """Which shortened business day this is: "july 3", "black friday", "december 24"; None for full days and for holidays."""
    if (day.month, day.day) == (7, 3) and day.weekday() < 4:  # on a Friday, Independence Day itself is kept on the 3rd
        return "july 3"
    if day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29:
        return "black friday"
    if (day.month, day.day) == (12, 24) and day.weekday() < 4:
        return "december 24"
    return None


def _equity_correction(day: date) -> int:
    """Nanoseconds by which the listed close is early: NQ trades until 13:15 on every half day from 2019 to 2023, listed as 13:00."""
    return 15 * MINUTE if _half_day(day) else 0


def _metals_correction(day: date) -> int:
    """The same for metals, from the trades in MGC 2020-12 to 2024-12.

    Labor Day ends 14:30 from 2022 (listed 13:00), the Friday after Thanksgiving 14:45 from 2024 (listed 13:45), 24 December 13:45
    (listed 17:00).
    """
    if day.month == 9 and day.weekday() == 0 and day.day <= 7 and day.year >= 2022:
        return 90 * MINUTE
    half = _half_day(day)
    if half == "black friday" and day.year >= 2024:
        return HOUR
    return -(3 * HOUR + 15 * MINUTE) if half == "december 24" else 0


def _sessions(listing: str, correction: Callable[[date], int], start_ns: int, end_ns: int) -> Sessions:
    """Sessions of a Globex listing that touch [start_ns, end_ns], on CME trade dates."""
    opened, closed, day = listed_sessions(listing, start_ns, end_ns)
    closed = closed + np.array([correction(_EPOCH + timedelta(int(each))) for each in day], np.int64).reshape(day.shape)
    # a holiday's shortened session counts towards the next business day: on Labor Day the exchange books trades for Tuesday
    trade_dates = listed_days("CME_TradeDate", start_ns, end_ns)
    trading_day = trade_dates[np.searchsorted(trade_dates, day).clip(max=len(trade_dates) - 1)]
    near = (closed >= start_ns) & (opened <= end_ns) & (opened < closed)
    return Sessions(opened[near], closed[near], np.maximum(trading_day, day)[near].astype(np.int32))


class CmeEquity(Calendar):
    """Equity index futures (ES, NQ, RTY, YM and their micros).

    The pause 16:15 to 16:30 New York, until 2021-06-25, lies inside the session: nothing is settled or cancelled over it. Holidays and
    early closes: pandas_market_calendars' `CME_Equity`, with the half days as traded.
    """

    name: ClassVar[str] = "CME_Equity"
    zone: ClassVar[str] = "America/New_York"

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        return _sessions("CME_Equity", _equity_correction, start_ns, end_ns)


class CmeMetals(Calendar):
    """Metals futures (GC, MGC, SI, HG and their relatives).

    Holidays and early closes: pandas_market_calendars' `CMEGlobex_Metals`, corrected where real trades say otherwise.
    """

    name: ClassVar[str] = "CME_Metals"
    zone: ClassVar[str] = "America/New_York"

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        return _sessions("CMEGlobex_Metals", _metals_correction, start_ns, end_ns)
