"""Singapore Exchange: the future on the FTSE China A50, a day session and an evening one that belongs to the next trading day."""

from __future__ import annotations

from datetime import date

from tickcast.calendars.base import Calendar, Sessions
from tickcast.calendars.chinese import chinese_days, stretches
from tickcast.clock import HOUR, MINUTE

__all__ = ["SgxA50"]

_CHANGED = (date(2016, 1, 1) - date(1970, 1, 1)).days  # published hours of 2015 hold before, those of 2020 from here on
_OLD = ((9 * HOUR, 16 * HOUR), (16 * HOUR + 40 * MINUTE, 26 * HOUR))
_NEW = ((9 * HOUR, 16 * HOUR + 35 * MINUTE), (17 * HOUR, 29 * HOUR + 15 * MINUTE))


class SgxA50(Calendar):
    """FTSE China A50 futures: 9:00 to 16:00 Singapore and 16:40 to 02:00 (T+1), from 2016 on 9:00 to 16:35 and 17:00 to 05:15.

    Trading days are those of the mainland exchanges. The evening belongs to the next trading day; both make one session. Opening auctions
    are outside. The hours are those published in 2015 and in 2020; when exactly they changed in between was not checked.
    """

    name = "SGX_A50"
    zone = "Asia/Singapore"

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """See `Calendar.sessions`."""
        days = chinese_days(start_ns, end_ns)
        parts = []
        for (day, evening), held in ((_OLD, days < _CHANGED), (_NEW, days >= _CHANGED)):
            parts.append((days[held], *day, days[held], day[1]))
            # an evening of the old hours before a day of the new ones ends with that day's session all the same
            following = days[1:][held[:-1]]
            for close, later in ((_OLD[0][1], following < _CHANGED), (_NEW[0][1], following >= _CHANGED)):
                parts.append((days[:-1][held[:-1]][later], *evening, following[later], close))
        return stretches(parts, start_ns, end_ns)
