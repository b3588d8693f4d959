"""New York Stock Exchange: the regular session, 9:30 to 16:00 New York, early closes at 13:00."""

from __future__ import annotations

from tickcast.calendars.base import Calendar, Sessions
from tickcast.calendars.listed import listed_sessions

__all__ = ["Nyse"]


class Nyse(Calendar):
    """US equities, regular hours only; rows before 9:30 and after 16:00 are outside. Source: pandas_market_calendars' `NYSE`."""

    name = "NYSE"
    zone = "America/New_York"

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        return listed_sessions("NYSE", start_ns, end_ns).sessions(start_ns, end_ns)
