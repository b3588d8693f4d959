"""Trading days of mainland China, and stretches of open market told in local time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tickcast.calendars.base import Sessions
from tickcast.calendars.listed import listed_days
from tickcast.clock import DAY, HOUR

__all__ = ["BEIJING", "chinese_days", "stretches"]

BEIJING = 8 * HOUR
"""Shanghai's and Singapore's clock is this far ahead of UTC, the whole year."""
_AROUND = 30 * DAY  # the longest holiday is far shorter, so the trading days before and after the range are among those asked for


def chinese_days(start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """Trading days (days since epoch) from a month before the range to a month after it.

    Holidays are announced year by year; of years that were not when pandas_market_calendars (`SSE`) was released they are its guess.
    """
    return listed_days("SSE", start_ns - _AROUND, end_ns + _AROUND)


def stretches(parts: Sequence[tuple[NDArray[np.int64], int, int, NDArray[np.int64], int]], start_ns: int, end_ns: int) -> Sessions:
    """Sessions that touch the range, from parts (days, open, close, trading day of each, close of the session on the trading day).

    Times of day are nanoseconds since local midnight, beyond 24 h on the next day.
    """
    opened = np.concatenate([days * DAY + begin - BEIJING for days, begin, _, _, _ in parts])
    closed = np.concatenate([days * DAY + end - BEIJING for days, _, end, _, _ in parts])
    trading_day = np.concatenate([trading for _, _, _, trading, _ in parts])
    ids = np.concatenate([trading * DAY + last - BEIJING for _, _, _, trading, last in parts])
    order = np.argsort(opened, kind="stable")
    kept = order[((closed >= start_ns) & (opened <= end_ns))[order]]
    return Sessions(opened[kept], closed[kept], trading_day[kept].astype(np.int32), ids[kept])
