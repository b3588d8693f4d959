"""Sessions out of a schedule of pandas_market_calendars, which knows holidays and early closes offline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tickcast.calendars.base import Sessions
from tickcast.clock import DAY
from tickcast.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Listed", "listed_days", "listed_sessions"]

_Stamps = NDArray[np.int64]
_FIRST, _LAST = -20 * 365 * DAY, 130 * 365 * DAY  # 1950 to 2100: beyond it the rules of the holidays are guesses


@dataclass(frozen=True, eq=False)
class Listed:
    """`m` sessions as listed.

    Parameters
    ----------
    open, close: (m,) UTC ns.
    day: (m,) calendar day, days since epoch.
    pause, resume: (m,) UTC ns, the break inside; equal where there is none.
    """

    open: _Stamps
    close: _Stamps
    day: _Stamps
    pause: _Stamps
    resume: _Stamps

    def sessions(self, start_ns: int, end_ns: int, trading_day: _Stamps | None = None) -> Sessions:
        """The stretches of open market that touch [start_ns, end_ns]; `trading_day` is the session's day unless given."""
        day = self.day if trading_day is None else trading_day
        breaks = (self.open < self.pause) & (self.pause < self.resume) & (self.resume < self.close)
        opened = np.concatenate([self.open, self.resume[breaks]])
        closed = np.concatenate([np.where(breaks, self.pause, self.close), self.close[breaks]])
        days, ids = np.concatenate([day, day[breaks]]), np.concatenate([self.close, self.close[breaks]])
        order = np.argsort(opened, kind="stable")
        kept = order[((closed >= start_ns) & (opened <= end_ns) & (opened < closed))[order]]
        return Sessions(opened[kept], closed[kept], days[kept].astype(np.int32), ids[kept])


def _years(start_ns: int, end_ns: int) -> tuple[int, int]:
    """The first year of a block of five and the last year of another, with all that is near the range between them."""
    if start_ns > end_ns:
        raise ConfigError(f"a range of sessions ends before it starts: {start_ns} > {end_ns}")
    if start_ns < _FIRST or end_ns > _LAST:
        raise ConfigError(f"no calendar for [{start_ns}, {end_ns}]", hint="check that the stamps are UTC nanoseconds")
    # a session may open the evening before its day and close the evening after, in any zone; a trading day may follow days later
    first, last = (int(np.datetime64(each, "ns").astype("datetime64[Y]").astype(int)) for each in (start_ns - 4 * DAY, end_ns + 8 * DAY))
    return (1970 + first) // 5 * 5, (1970 + last) // 5 * 5 + 4


def _nanoseconds(column: pd.Series) -> _Stamps:
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64))


def listed_sessions(listing: str, start_ns: int, end_ns: int) -> Listed:
    """The sessions listed near [start_ns, end_ns], and some beyond."""
    return _schedule(listing, *_years(start_ns, end_ns))


@lru_cache(maxsize=32)  # the library works its holidays out anew for every question, a tenth of a second
def _schedule(listing: str, first: int, last: int) -> Listed:
    import pandas_market_calendars as listings

    schedule = listings.get_calendar(listing).schedule(f"{first}-01-01", f"{last}-12-31", tz="UTC")
    days = schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    opened, closed = _nanoseconds(schedule["market_open"]), _nanoseconds(schedule["market_close"])
    broken = "break_start" in schedule.columns and bool(schedule["break_start"].notna().all())
    pause, resume = (_nanoseconds(schedule[name]) for name in ("break_start", "break_end")) if broken else (closed, closed)
    for column in (opened, closed, days, pause, resume):
        column.flags.writeable = False
    return Listed(opened, closed, days, pause, resume)


def listed_days(listing: str, start_ns: int, end_ns: int) -> _Stamps:
    """The calendar's valid days near [start_ns, end_ns], and some beyond, as days since epoch."""
    return _valid_days(listing, *_years(start_ns, end_ns))


@lru_cache(maxsize=32)
def _valid_days(listing: str, first: int, last: int) -> _Stamps:
    import pandas_market_calendars as listings

    valid = listings.get_calendar(listing).valid_days(f"{first}-01-01", f"{last}-12-31")
    days = np.asarray(valid.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64))
    days.flags.writeable = False
    return days
