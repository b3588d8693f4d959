"""Cboe index options: 9:30 to 16:15 New York, early closes at 13:15."""

from __future__ import annotations

from tickcast.calendars.base import Calendar, Sessions
from tickcast.calendars.listed import listed_sessions

__all__ = ["Cboe"]


class Cboe(Calendar):
    """Options on indices and broad funds, regular hours: a quarter of an hour longer than the shares. Source: `CBOE_Index_Options` of
    pandas_market_calendars. A contract that settles on the day does so at the shares' close, calendar `NYSE`."""

    name = "CBOE"
    zone = "America/New_York"

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        return listed_sessions("CBOE_Index_Options", start_ns, end_ns).sessions(start_ns, end_ns)
