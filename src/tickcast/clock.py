"""Time: UTC nanoseconds, durations, days since 1970."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from tickcast.errors import ConfigError

__all__ = ["DAY", "HOUR", "MINUTE", "SECOND", "day_date", "day_number", "day_text", "format_duration", "parse_duration", "time_text"]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EPOCH = date(1970, 1, 1)
_UNITS: Mapping[str, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration written as a number and a unit: ns, us, ms, s, m, h or d.

    Raises ConfigError for anything else, zero and negative included.

    >>> parse_duration("5m"), parse_duration("1.5h")
    (300000000000, 5400000000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)\s*", text) if isinstance(text, str) else None
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"{text!r} is not a duration", hint="write a positive number and a unit, as 30s, 5m, 4h or 1d")
    return round(float(match[1]) * _UNITS[match[2]])


def format_duration(nanoseconds: int) -> str:
    """The shortest text that `parse_duration` reads back.

    >>> format_duration(300 * SECOND), format_duration(90 * MINUTE)
    ('5m', '90m')
    """
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if nanoseconds % _UNITS[unit] == 0:
            return f"{nanoseconds // _UNITS[unit]}{unit}"
    return f"{nanoseconds}ns"


def day_date(day: int) -> date:
    """The date of a day counted from 1970-01-01.

    >>> day_date(19_787)
    datetime.date(2024, 3, 5)
    """
    return _EPOCH + timedelta(days=int(day))


def day_text(day: int) -> str:
    """The same as text, which `day_number` reads back.

    >>> day_text(19_787)
    '2024-03-05'
    """
    return day_date(day).isoformat()


def time_text(ts: int) -> str:
    """UTC nanoseconds as a time for people, to the second.

    >>> time_text(86_400_000_000_000)
    '1970-01-02 00:00:00 UTC'
    """
    return datetime.fromtimestamp(ts // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day_number(text: str) -> int:
    """Days since 1970-01-01 of a date written as 2024-03-05. Raises ConfigError.

    >>> day_number("2024-03-05")
    19787
    """
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except (TypeError, ValueError):
        raise ConfigError(f"{text!r} is not a date", hint="write it as 2024-03-05") from None
