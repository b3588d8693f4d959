"""Whether any of several markets is open, since when, and when the next one opens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tickcast.calendars import Calendar
from tickcast.clock import DAY, SECOND

__all__ = ["Hours"]

_BEHIND, _AHEAD = 4 * DAY, 16 * DAY  # the longest holidays close a market for ten days


class Hours:
    """The open hours of several calendars together, looked up a few days at a time."""

    def __init__(self, calendars: Sequence[Calendar]) -> None:
        self._calendars = tuple({each.name: each for each in calendars}.values())
        self._until = -1
        self._open = self._close = np.empty(0, np.int64)

    def open_for(self, now: int) -> float:
        """Seconds since the market opened that has been open longest; 0 where all are closed."""
        self._look(now)
        inside = self._open[(self._open <= now) & (now < self._close)]
        return float(now - inside.min()) / SECOND if len(inside) else 0.0

    def opens_in(self, now: int) -> float:
        """Seconds until one is open; 0 where one is, infinity where none opens within a fortnight."""
        self._look(now)
        if ((self._open <= now) & (now < self._close)).any():
            return 0.0
        ahead = self._open[self._open > now]
        return float(ahead.min() - now) / SECOND if len(ahead) else float("inf")

    def _look(self, now: int) -> None:
        if not self._until - DAY <= now < self._until:
            found = [each.sessions(now - _BEHIND, now + _AHEAD) for each in self._calendars]
            self._open = np.concatenate([each.open for each in found])
            self._close = np.concatenate([each.close for each in found])
            self._until = now + DAY
