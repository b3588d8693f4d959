"""Log-return from now to a moment ahead."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.clock import format_duration, parse_duration
from tickcast.errors import ConfigError
from tickcast.features.table import FeatureTable
from tickcast.targets.base import Labels, Target

__all__ = ["ForwardReturn"]

_BARS = re.compile(r"\s*([1-9]\d*)\s*bars?\s*")
_PLACES = ("session", "segment")


@dataclass(frozen=True)
class ForwardReturn(Target):
    """log(price at ts + h / price at ts).

    Parameters
    ----------
    horizons: (h,) durations ("15m", "4h") or numbers of rows ("12 bars"), in any order, without repetition.
    within: what a label may not leave. A segment is never left; "session" (the default) also ends labels at the session's close.

    A row has a label at horizon h when a row stamped exactly ts + h exists, no row between them is missing, and both prices are
    positive and finite. Under within="segment" a horizon in bars counts rows and may span missing ones, which is the only way
    over a night; its interval then ends at the stamp of the row counted to.

    Raises ConfigError naming the horizon when it is no duration, repeated, no whole number of the table's steps, or longer than any
    session.

    >>> ForwardReturn(("15m", "12 bars")).horizons
    ('15m', '12 bars')
    """

    horizons: tuple[str, ...]
    within: str = "session"

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizons", tuple(self.horizons))
        if not self.horizons:
            raise ConfigError("a target needs at least one horizon", field="horizons", hint="give durations such as 15m, or 12 bars")
        if self.within not in _PLACES:
            raise ConfigError(f"labels cannot stay within {self.within!r}", field="within", hint=f"use {' or '.join(_PLACES)}")
        for horizon in self.horizons:
            if _BARS.fullmatch(horizon) is None:
                parse_duration(horizon)
            if self.horizons.count(horizon) > 1:
                raise ConfigError(f"horizon {horizon} is given twice", field="horizons", hint="name each horizon once")

    def label(self, table: FeatureTable) -> Labels:
        """Labels of every row of the table; rows keep their order."""
        n = len(table)
        values = np.full((n, len(self.horizons)), np.nan)
        end = np.repeat(table.ts[:, None], len(self.horizons), axis=1)
        steps = [self._steps(horizon, table) for horizon in self.horizons]
        usable = np.isfinite(table.price) & (table.price > 0)
        log_price = np.log(np.where(usable, table.price, 1.0))
        for j, (horizon, ahead) in enumerate(zip(self.horizons, steps, strict=True)):
            counted = self.within == "segment" and _BARS.fullmatch(horizon) is not None
            run = _runs(table, sessions=self.within == "session", gaps=not counted)
            here, there = np.arange(max(n - ahead, 0)), np.arange(min(ahead, n), n)
            exists = (run[here] == run[there]) & usable[here] & usable[there]
            values[here[exists], j] = log_price[there[exists]] - log_price[here[exists]]
            end[here[exists], j] = table.ts[there[exists]]
        return Labels(self.horizons, values, table.ts, end)

    def _steps(self, horizon: str, table: FeatureTable) -> int:
        """Rows between a row and the one that the horizon looks at."""
        bars = _BARS.fullmatch(horizon)
        duration = int(bars[1]) * max(table.step, 0) if bars else parse_duration(horizon)
        if not bars and (table.step <= 0 or duration % table.step):
            step = format_duration(table.step) if table.step > 0 else "no fixed step"
            raise ConfigError(f"horizon {horizon} is no multiple of the rows' distance, {step}", field="horizons", hint="write it in bars")
        longest = _longest_session(table)
        if self.within == "session" and len(table) and duration > longest:
            raise ConfigError(
                f"horizon {horizon} is longer than any session, the longest leaves {format_duration(longest)}",
                field="horizons",
                hint="shorten it, or use within: segment",
            )
        return int(bars[1]) if bars else duration // table.step


def _runs(table: FeatureTable, *, sessions: bool, gaps: bool) -> NDArray[np.int64]:
    """(n,) number of the run a row belongs to; labels stay inside one run."""
    breaks = np.zeros(len(table), np.int64)
    breaks[1:] = np.diff(table.segment) != 0
    if sessions:
        breaks[1:] |= np.diff(table.session) != 0
    if gaps and table.step > 0:
        breaks[1:] |= np.diff(table.ts) != table.step
    return np.cumsum(breaks)


def _longest_session(table: FeatureTable) -> int:
    """The longest time from a row to its session's close (or to the session's last row, where no close is known) in ns."""
    if not len(table):
        return 0
    change = np.flatnonzero(np.diff(table.session)) + 1
    first = np.concatenate([[0], change])
    last = np.concatenate([change, [len(table)]]) - 1
    return int(max((table.ts[last] - table.ts[first]).max(), (table.session - table.ts).max()))
