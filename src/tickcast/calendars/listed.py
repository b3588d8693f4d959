"""Sessions out of a schedule of pandas_market_calendars, which knows holidays and early closes offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tickcast.clock import DAY
from tickcast.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["listed_days", "listed_sessions"]

_FIRST, _LAST = -20 * 365 * DAY, 130 * 365 * DAY  # 1950 to 2100: beyond it the rules of the holidays are guesses


def _range(start_ns: int, end_ns: int) -> tuple[pd.Timestamp, pd.Timestamp]:
    import pandas as pd

    if start_ns > end_ns:
        raise ConfigError(f"a range of sessions ends before it starts: {start_ns} > {end_ns}")
    if start_ns < _FIRST or end_ns > _LAST:
        raise ConfigError(f"no calendar for [{start_ns}, {end_ns}]", hint="check that the stamps are UTC nanoseconds")
    # a session may open the evening before its day and close the evening after, in any zone; a trading day may follow days later
    return pd.Timestamp(start_ns - 4 * DAY).normalize(), pd.Timestamp(end_ns + 8 * DAY).normalize()


def _nanoseconds(column: pd.Series) -> NDArray[np.int64]:
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64))


def listed_sessions(listing: str, start_ns: int, end_ns: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Open, close (UTC ns) and calendar day (days since epoch) of each session near [start_ns, end_ns]; breaks inside are ignored."""
    import pandas_market_calendars as listings

    first, last = _range(start_ns, end_ns)
    schedule = listings.get_calendar(listing).schedule(first, last, tz="UTC")
    days = schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    return _nanoseconds(schedule["market_open"]), _nanoseconds(schedule["market_close"]), days


def listed_days(listing: str, start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """The calendar's valid days near [start_ns, end_ns], as days since epoch."""
    import pandas_market_calendars as listings

    first, last = _range(start_ns, end_ns)
    valid = listings.get_calendar(listing).valid_days(first, last)
    return np.asarray(valid.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64))
