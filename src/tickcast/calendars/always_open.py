"""Markets that never close: one session per UTC day."""

from __future__ import annotations

import numpy as np

from tickcast.calendars.base import Calendar, Sessions
from tickcast.clock import DAY
from tickcast.errors import ConfigError

__all__ = ["AlwaysOpen"]


class AlwaysOpen(Calendar):
    """Midnight to midnight UTC, every day: crypto venues and the simulated market.

    >>> AlwaysOpen().sessions(0, 1).as_lists()
    {'open': [-86400000000000, 0], 'close': [0, 86400000000000], 'trading_day': [-1, 0]}
    """

    name = "24/7"
    zone = "UTC"

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        if start_ns > end_ns:
            raise ConfigError(f"a range of sessions ends before it starts: {start_ns} > {end_ns}")
        days = np.arange((start_ns - 1) // DAY, end_ns // DAY + 1, dtype=np.int64)
        return Sessions(days * DAY, (days + 1) * DAY, days.astype(np.int32))
