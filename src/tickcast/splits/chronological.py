"""Train, then validate, then test, in the order of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from tickcast.clock import SECOND, parse_duration
from tickcast.errors import ConfigError, SplitError
from tickcast.splits.base import Split, Splitter
from tickcast.targets.base import Labels

__all__ = ["Chronological"]

_FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Chronological(Splitter):
    """One split at two moments in time.

    Parameters
    ----------
    by: "share" cuts where the shares of the usable rows are reached; "date" cuts after the given days.
    train, valid, test: shares; they sum to at most 1, what is over stays unused at the end.
    embargo: duration that must lie between the end of a label and the next part, 0s for none.
    train_until, valid_until, test_until: last day of each part, included, as "2021-12-31"; the last may be None (to the end).
    zone: the days' time zone.

    A row belongs to the part its `ts` falls into. It is purged when the latest end of its labels, plus the embargo, reaches the next
    part: this depends on the row's own times and the two cuts only, never on how many rows there are. The test part ends at
    `test_until` by `ts`; nothing follows it.

    Raises ConfigError for settings that cannot be met, SplitError when a part is empty.
    """

    by: str = "share"
    train: float = 0.7
    valid: float = 0.15
    test: float = 0.15
    embargo: str = "0s"
    train_until: str | None = None
    valid_until: str | None = None
    test_until: str | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.by not in ("share", "date"):
            raise ConfigError(f"cannot split by {self.by!r}", field="by", hint="use share or date")
        if self.by == "share":
            shares = (self.train, self.valid, self.test)
            if min(shares) <= 0 or sum(shares) > 1 + 1e-9:
                raise ConfigError(f"shares {shares} are not positive with a sum of at most 1", field="train, valid, test")
        else:
            self._dated_cuts()
        self._gap()

    def split(self, labels: Labels, usable: NDArray[np.bool_]) -> Iterator[Split]:
        """One split over the rows that are `usable` (n,) and have at least one label. Raises SplitError when a part is empty."""
        rows = np.flatnonzero(usable & labels.valid.any(axis=1))
        if not len(rows):
            raise SplitError("no row is usable and has a label", hint="check the warm-up, the horizons and the date range")
        start, end = labels.start[rows], labels.end[rows].max(axis=1)
        cuts = self._dated_cuts() if self.by == "date" else self._shared_cuts(start)
        gap = self._gap()
        part = np.searchsorted(np.array(cuts), start, side="right")
        limit = np.array([*cuts[:2], _FOREVER, _FOREVER])[part]
        kept = (end < limit - gap) | (part >= 2)
        train, valid, test = (rows[kept & (part == k)] for k in range(3))
        for name, found in (("train", train), ("valid", valid), ("test", test)):
            if not len(found):
                raise SplitError(
                    f"the {name} part is empty: the usable rows run from {_day(start[0])} to {_day(start[-1])}",
                    field=name,
                    hint="move the cut, shorten the embargo or bring more data",
                )
        yield Split(train, valid, test, purged=int((~kept).sum()))

    def _gap(self) -> int:
        """The embargo in ns."""
        return 0 if self.embargo.strip() in ("0", "0s") else parse_duration(self.embargo)

    def _dated_cuts(self) -> tuple[int, int, int]:
        """First ns after the train, valid and test days."""
        if self.train_until is None or self.valid_until is None:
            raise ConfigError("a split by date needs train_until and valid_until", field="split", hint="write days as 2021-12-31")
        cuts = (
            self._after("train_until", self.train_until),
            self._after("valid_until", self.valid_until),
            _FOREVER if self.test_until is None else self._after("test_until", self.test_until),
        )
        if not cuts[0] < cuts[1] < cuts[2]:
            raise ConfigError("train_until, valid_until and test_until are not in order", field="split")
        return cuts

    def _after(self, field: str, day: str) -> int:
        """UTC ns of the midnight that ends this day in the split's zone."""
        try:
            following = dt.date.fromisoformat(str(day)) + dt.timedelta(days=1)
            midnight = dt.datetime.combine(following, dt.time(), ZoneInfo(self.zone))
        except ValueError:
            raise ConfigError(f"{day!r} is not a day", field=field, hint="write it as 2021-12-31") from None
        except ZoneInfoNotFoundError:
            raise ConfigError(f"unknown time zone {self.zone!r}", field="zone", hint="use an IANA name as America/New_York") from None
        return int(midnight.timestamp()) * SECOND

    def _shared_cuts(self, start: NDArray[np.int64]) -> tuple[int, int, int]:
        """Stamps of the first valid, first test and first unused row; rows of one stamp stay together."""
        ends = np.round(np.cumsum([self.train, self.valid, self.test]) * len(start), 6)
        cuts = [int(start[int(at)]) if int(at) < len(start) else _FOREVER for at in ends]
        return cuts[0], cuts[1], cuts[2]


def _day(ns: np.int64) -> str:
    return str(np.datetime64(int(ns), "ns").astype("datetime64[s]"))
