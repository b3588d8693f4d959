"""End-of-day files tell dates: when a row could be known, and when an option settles, follow from the exchange's sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.calendars import Calendar
from tickcast.clock import DAY
from tickcast.errors import SourceError

__all__ = ["EndOfDay"]

_SETTLES_WITHIN = 7
_Days = NDArray[np.int64]


@dataclass(frozen=True)
class EndOfDay:
    """Dates as moments.

    Parameters
    ----------
    calendar: whose sessions close the day.
    delay: ns after the close until the rows were known; a chain photographed at 16:15 was not known at 16:00.
    format: of dates that are text (strptime); ISO dates where None.
    """

    calendar: Calendar
    delay: int
    format: str | None

    def stamps(self, values: pl.Series, *, file: object, field: str) -> pl.DataFrame:
        """`ts` (UTC ns: the close of the date's session plus the delay) and `trouble`: `ts_unreadable`, `no_session` or null."""
        dates = self._dates(values, file, field)
        days, known = _days(dates)
        closes, at = self._sessions(days, known)
        trading_day, close = closes
        held = known & (at >= 0) & (trading_day[np.maximum(at, 0)] == days)
        ts = pl.Series(np.where(held, close[np.maximum(at, 0)] + self.delay, 0)).set(pl.Series(~held), None)
        trouble = pl.when(dates.is_null()).then(pl.lit("ts_unreadable")).when(pl.Series(~held)).then(pl.lit("no_session"))
        return pl.DataFrame({"ts": ts}).with_columns(trouble.alias("trouble"))

    def settlements(self, values: pl.Series, *, file: object, field: str) -> pl.Series:
        """UTC ns of the last close on or before each date, for a contract listed under a Saturday or a holiday ends the day before.

        Null where the text is no date or no session lies in the week before it.
        """
        days, known = _days(self._dates(values, file, field))
        (trading_day, close), at = self._sessions(days, known)
        held = known & (at >= 0) & (days - trading_day[np.maximum(at, 0)] < _SETTLES_WITHIN)
        return pl.Series(np.where(held, close[np.maximum(at, 0)], 0)).set(pl.Series(~held), None)

    def _dates(self, values: pl.Series, file: object, field: str) -> pl.Series:
        if values.dtype == pl.String:
            return values.str.strip_chars().str.to_date(self.format or "%Y-%m-%d", strict=False)
        if not isinstance(values.dtype, pl.Date | pl.Datetime):
            raise SourceError(f"holds {values.dtype}, not dates", file=file, field=field, hint="without dates declare no calendar")
        return values.cast(pl.Date)

    def _sessions(self, days: _Days, known: NDArray[np.bool_]) -> tuple[tuple[_Days, ...], _Days]:
        """(trading day, close) of the sessions around `days`, never none, and the last one on or before each day, -1 for none."""
        near = days[known]
        if not len(near):
            return (np.zeros(1, np.int64), np.zeros(1, np.int64)), np.full(len(days), -1)
        sessions = self.calendar.sessions((int(near.min()) - 2 * _SETTLES_WITHIN) * DAY, (int(near.max()) + 2) * DAY)
        found = np.searchsorted(sessions.trading_day, days, side="right") - 1
        return (sessions.trading_day.astype(np.int64), sessions.close), found


def _days(dates: pl.Series) -> tuple[_Days, NDArray[np.bool_]]:
    """Days since 1970, and which are a date between 1971 and 2100."""
    days = dates.cast(pl.Int32).cast(pl.Int64).fill_null(0).to_numpy()
    return days, (days > 365) & (days < 47_482)
