"""Listed schedules: ranges that make no sense are refused, holidays are known offline."""

from __future__ import annotations

import pytest

from tickcast.calendars.listed import listed_days, listed_sessions
from tickcast.clock import DAY
from tickcast.errors import ConfigError

CHRISTMAS = 20_082  # 2024-12-25


@pytest.mark.parametrize(("start", "end"), [(2 * DAY, DAY), (-40_000 * DAY, 0), (0, 60_000 * DAY)])
def test_a_range_nobody_knows(start: int, end: int) -> None:
    with pytest.raises(ConfigError):
        listed_days("NYSE", start, end)
    with pytest.raises(ConfigError):
        listed_sessions("NYSE", start, end)


def test_a_holiday_and_a_half_day() -> None:
    days = listed_days("NYSE", (CHRISTMAS - 2) * DAY, (CHRISTMAS + 2) * DAY)
    assert CHRISTMAS not in days and {CHRISTMAS - 1, CHRISTMAS + 1} <= set(days.tolist())
    listed = listed_sessions("NYSE", (CHRISTMAS - 2) * DAY, (CHRISTMAS + 2) * DAY)
    hours = dict(zip(listed.day.tolist(), ((listed.close - listed.open) / (DAY / 24)).tolist(), strict=True))
    assert (hours[CHRISTMAS - 1], hours[CHRISTMAS + 1]) == (3.5, 6.5)
