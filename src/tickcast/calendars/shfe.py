"""Shanghai Futures Exchange and its international arm INE: day sessions, and nights by product that belong to the next trading day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tickcast.calendars.base import Calendar, Sessions
from tickcast.calendars.chinese import chinese_days, stretches
from tickcast.clock import HOUR, MINUTE
from tickcast.errors import ConfigError

__all__ = ["SHFE_PRODUCTS", "Shfe"]

_DAY_STRETCHES = (
    (9 * HOUR, 10 * HOUR + 15 * MINUTE),
    (10 * HOUR + 30 * MINUTE, 11 * HOUR + 30 * MINUTE),
    (13 * HOUR + 30 * MINUTE, 15 * HOUR),
)
_CLOSE = 15 * HOUR
_NIGHT = 21 * HOUR
_TO_ELEVEN, _TO_ONE, _TO_HALF_PAST_TWO = 23 * HOUR, 25 * HOUR, 26 * HOUR + 30 * MINUTE
_EPOCH = date(1970, 1, 1)


def _on(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - _EPOCH).days


_PRECIOUS = ((_on(2013, 7, 5), _TO_HALF_PAST_TWO),)
_BASE_METALS = ((_on(2013, 12, 20), _TO_ONE),)
_FERROUS = ((_on(2014, 12, 26), _TO_ONE), (_on(2016, 5, 3), _TO_ELEVEN))  # bitumen too

SHFE_PRODUCTS: Mapping[str, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        "SHFE.ag": _PRECIOUS,
        "SHFE.au": _PRECIOUS,
        "SHFE.al": _BASE_METALS,
        "SHFE.cu": _BASE_METALS,
        "SHFE.pb": _BASE_METALS,
        "SHFE.zn": _BASE_METALS,
        "SHFE.ni": ((_on(2015, 3, 27), _TO_ONE),),
        "SHFE.sn": ((_on(2015, 3, 27), _TO_ONE),),
        "SHFE.ss": ((_on(2019, 9, 25), _TO_ONE),),
        "SHFE.ao": ((_on(2023, 6, 19), _TO_ONE),),
        "SHFE.ad": ((_on(2025, 6, 10), _TO_ONE),),
        "SHFE.bu": _FERROUS,
        "SHFE.hc": _FERROUS,
        "SHFE.rb": _FERROUS,
        "SHFE.ru": ((_on(2014, 12, 26), _TO_ELEVEN),),
        "SHFE.fu": ((_on(2018, 7, 16), _TO_ELEVEN),),
        "SHFE.sp": ((_on(2018, 11, 27), _TO_ELEVEN),),
        "SHFE.br": ((_on(2023, 7, 28), _TO_ELEVEN),),
        "SHFE.op": ((_on(2025, 9, 10), _TO_ELEVEN),),
        "SHFE.wr": (),
        "INE.sc": ((_on(2018, 3, 26), _TO_HALF_PAST_TWO),),
        "INE.bc": ((_on(2020, 11, 19), _TO_ONE),),
        "INE.lu": ((_on(2020, 6, 22), _TO_ELEVEN),),
        "INE.nr": ((_on(2019, 8, 12), _TO_ELEVEN),),
        "INE.ec": (),
    }
)
"""Product to its nights: (first evening, days since epoch; close, ns since that evening's midnight), in order; none trades by day only."""

_SUSPENDED = (_on(2020, 2, 3), _on(2020, 5, 6))  # no night from the evening of the first, nights again from that of the second
_NO_NIGHT = (_on(2015, 9, 25),)  # Friday before a holiday that fell on the Sunday: Monday traded, the night did not


class Shfe(Calendar):
    """One product, as `SHFE.au` or `INE.sc`: 9:00 to 10:15, 10:30 to 11:30, 13:30 to 15:00 Beijing, and its night from 21:00.

    A session is a trading day: the night before it (of Friday, for a Monday) and the day, closing at 15:00. Breaks and the hours from
    night to day are no open market, so no bar spans them; nothing is reset over them. There is no night before a holiday other than a
    weekend. Trading days are those of the Shanghai Stock Exchange. Raises ConfigError for a product that is not known.
    """

    zone = "Asia/Shanghai"

    def __init__(self, product: str) -> None:
        if product not in SHFE_PRODUCTS:
            raise ConfigError(f"no product called {product!r}", field="calendar", hint=f"known: {', '.join(sorted(SHFE_PRODUCTS))}")
        self.name = product
        self._nights = SHFE_PRODUCTS[product]

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        days = chinese_days(start_ns, end_ns)
        parts = [(days, begin, end, days, _CLOSE) for begin, end in _DAY_STRETCHES]
        evenings, trading_day = _evenings(days)
        for k, (first, close) in enumerate(self._nights):
            held = evenings >= first
            if k + 1 < len(self._nights):
                held &= evenings < self._nights[k + 1][0]
            parts.append((evenings[held], _NIGHT, close, trading_day[held], _CLOSE))
        return stretches(parts, start_ns, end_ns)


def _evenings(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Trading days whose evening may trade, and the trading days those evenings belong to."""
    today, after = days[:-1], days[1:]
    friday = (today + 3) % 7 == 4  # day 0 was a Thursday, and Monday counts as 0
    follows = (after - today == 1) | (friday & (after - today == 3))
    held = follows & ((today < _SUSPENDED[0]) | (today >= _SUSPENDED[1])) & ~np.isin(today, _NO_NIGHT)
    return today[held], after[held]
