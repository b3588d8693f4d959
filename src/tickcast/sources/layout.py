"""What bare files do not tell of themselves: their columns, their day, the units of their numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from tickcast.calendars import calendar as calendar_named
from tickcast.clock import SECOND, parse_duration
from tickcast.errors import ConfigError, SourceError
from tickcast.sources.end_of_day import EndOfDay

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """What bare files do not tell of themselves.

    Parameters
    ----------
    header: names of the columns of files whose first row is data.
    day: where the date stands in the file's name, as %Y%m%d; numbers of the time column then count from that day's midnight in the zone.
    divisor: column → what its numbers are divided by, as 10000 for prices in units of 0.0001.
    carry: a book of which each row tells one side only, 0 on the other: the other side stays as it was. Quotes of equities come so.
    calendar, delay: files that tell dates; rows are known `delay` after the close of the date's session, and options settle at the last
        close on or before their date. See `EndOfDay`. Without a calendar, rows are known `delay` after the time that the file tells.
    revisions: of signals. `keep`: every row is the value from its publication on. `current`: a row that tells of an earlier event than one
        published before it is set aside, for it corrects the past and not what holds now.
    """

    header: tuple[str, ...] = ()
    day: str | None = None
    divisor: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    carry: bool = False
    calendar: str | None = None
    delay: str | None = None
    revisions: str = "keep"

    @classmethod
    def from_dict(cls, words: Mapping[str, Any] | None) -> Layout:
        """The layout with these words. Raises ConfigError naming one that is not known."""
        known = [one.name for one in fields(cls)]
        for name in words or {}:
            if name not in known:
                raise ConfigError(f"a layout has no {name!r}", field="layout", hint=f"it has {', '.join(known)}")
        told = dict(words or {})
        header, divisor = tuple(told.get("header", ())), told.get("divisor", {})
        known_late = (told.get("calendar"), told.get("delay"), told.get("revisions", "keep"))
        made = cls(header, told.get("day"), divisor, bool(told.get("carry", False)), *known_late)
        if any(not isinstance(number, int | float) or number == 0 for number in made.divisor.values()):
            raise ConfigError("a divisor must be a number other than 0", field="layout")
        if made.revisions not in ("keep", "current"):
            raise ConfigError(f"revisions: {made.revisions!r}", field="layout", hint="say keep or current")
        return made

    @property
    def wait(self) -> int:
        """Nanoseconds from the time told until the row is known. Raises ConfigError for no duration."""
        return 0 if self.delay is None else parse_duration(self.delay)

    def end_of_day(self, format: str | None) -> EndOfDay | None:
        """The reader of files that tell dates, None for others. Raises ConfigError where its calendar or delay is not known."""
        if self.calendar is None:
            return None
        return EndOfDay(calendar_named(self.calendar), self.wait, format)

    def midnight(self, path: Path, zone: str | None) -> int:
        """UTC ns of the midnight from which the file's times count, 0 where that is 1970. SourceError where its name has no date."""
        if self.day is None:
            return 0
        pattern = re.sub(r"%[Ymd]", lambda found: r"\d{4}" if found[0] == "%Y" else r"\d\d", re.escape(self.day).replace(r"\%", "%"))
        named = re.search(pattern, path.name)
        try:
            date = datetime.strptime(named[0] if named else "", self.day).replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        except ValueError:
            raise SourceError(
                f"has no date {self.day} in its name", file=path, hint="name files with their day, or declare layout day"
            ) from None
        return int(date.timestamp()) * SECOND

    def divided(self, frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
        """Mapped columns in their own units. Divided by numpy: polars multiplies by the inverse, one bit off."""
        made = [pl.Series(name, frame[name].to_numpy() / self.divisor[file]) for name, file in columns.items() if file in self.divisor]
        return frame.with_columns(made).with_columns(pl.col(one.name).fill_nan(None) for one in made) if made else frame

    def carried(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Both sides of a book at every row."""
        sides = [
            name
            for name in frame.columns
            if self.carry and name.replace("price", "size") in frame.columns and name.startswith(("bid_", "ask_"))
        ]
        told = [pl.when(pl.col(name.replace("price", "size")) > 0).then(pl.col(name)).forward_fill().alias(name) for name in sides]
        return frame.with_columns(told)
