"""CME Globex futures: 18:00 to 17:00 New York, one session per evening, early closes on holidays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import numpy as np

from tickcast.calendars.base import Calendar, Sessions
from tickcast.calendars.listed import listed_days, listed_sessions
from tickcast.clock import HOUR, MINUTE, day_date
from tickcast.errors import ConfigError

__all__ = ["CME_FAMILIES", "Cme"]

_FULL_DAY = 23 * HOUR  # from 18:00 to 17:00 New York
_SHORTER = date(2015, 9, 21)  # until the Friday before, the exchange closed at 17:15
_LONGER = date(2012, 11, 19)  # equity index futures; what is listed before this day is another pattern of hours


def _half_day(day: date) -> str | None:
    """Which shortened business day this is: "july 3", "black friday", "december 24"; None for full days and for holidays."""
    if (day.month, day.day) == (7, 3) and day.weekday() < 4:  # on a Friday, Independence Day itself is kept on the 3rd
        return "july 3"
    if day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29:
        return "black friday"
    if (day.month, day.day) == (12, 24) and day.weekday() < 4:
        return "december 24"
    return None


def _equity_correction(day: date, length: int) -> int:
    """Nanoseconds by which the listed close is early.

    NQ trades until 13:15 on every half day from 2019 to 2023, listed as 13:00; ES until 17:15 on every full day of autumn 2013, listed
    as 17:00 (announced for 2012-11-19 to 2015-09-18).
    """
    if _half_day(day):
        return 15 * MINUTE
    return 15 * MINUTE if length >= _FULL_DAY and _LONGER <= day < _SHORTER else 0


def _metals_correction(day: date, length: int) -> int:
    """The same for metals, from the trades in MGC 2020-12 to 2024-12 and in GC 2013-10.

    Labor Day ends 14:30 from 2022 (listed 13:00), the Friday after Thanksgiving 14:45 from 2024 (listed 13:45), 24 December 13:45
    (listed 17:00), full days until 2015-09-18 17:15 (listed 17:00).
    """
    if day.month == 9 and day.weekday() == 0 and day.day <= 7 and day.year >= 2022:
        return 90 * MINUTE
    half = _half_day(day)
    if half == "black friday" and day.year >= 2024:
        return HOUR
    if half == "december 24":
        return -(3 * HOUR + 15 * MINUTE)
    return 15 * MINUTE if length >= _FULL_DAY and day < _SHORTER else 0


def _as_listed(day: date, length: int) -> int:
    return 0


CME_FAMILIES: Mapping[str, tuple[str, Callable[[date, int], int]]] = MappingProxyType(
    {
        "Crypto": ("CME Globex Cryptocurrencies", _as_listed),
        "Energy": ("CMEGlobex_Energy", _as_listed),
        "Equity": ("CME_Equity", _equity_correction),
        "FX": ("CMEGlobex_FX", _as_listed),
        "Grains": ("CMEGlobex_Grains", _as_listed),
        "Livestock": ("CMEGlobex_Livestock", _as_listed),
        "Metals": ("CMEGlobex_Metals", _metals_correction),
        "Rates": ("CME Globex Interest Rate Products", _as_listed),
    }
)
"""Families of products: the listing of pandas_market_calendars, and how much later than listed a day closes."""


class Cme(Calendar):
    """Futures of one family: Equity (ES, NQ, RTY, YM), Metals (GC, MGC, SI, HG), and as listed, checked against no trades, Energy, FX,
    Rates, Crypto, Grains and Livestock.

    The daily halt, 17:00 to 18:00 New York, lies between sessions. The pause of equity index futures, 16:15 to 16:30 until 2021-06-25,
    and the morning pause of grains lie inside one: no bar spans them, nothing is reset. A holiday's shortened session counts towards
    the next trade date. Raises ConfigError for a family that is not known.
    """

    zone = "America/New_York"

    def __init__(self, family: str) -> None:
        if family not in CME_FAMILIES:
            raise ConfigError(f"CME has no family {family!r}", field="calendar", hint=f"known: {', '.join(CME_FAMILIES)}")
        self.name = f"CME_{family}"
        self._listing, self._correction = CME_FAMILIES[family]

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        listed = listed_sessions(self._listing, start_ns, end_ns)
        days, lengths = listed.day.tolist(), (listed.close - listed.open).tolist()
        later = [self._correction(day_date(day), length) for day, length in zip(days, lengths, strict=True)]
        listed = replace(listed, close=listed.close + np.array(later, np.int64))
        # a holiday's shortened session counts towards the next business day: on Labor Day the exchange books trades for Tuesday
        trade_dates = listed_days("CME_TradeDate", start_ns, end_ns)
        trading_day = trade_dates[np.searchsorted(trade_dates, listed.day).clip(max=len(trade_dates) - 1)]
        return listed.sessions(start_ns, end_ns, np.maximum(trading_day, listed.day))
