"""The order of a feed's rows, told by the clock: what comes too late, and what is stamped ahead of its time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tickcast.cleaning.cleaned import Cleaned
from tickcast.cleaning.memory import Rows
from tickcast.cleaning.order import Marks, Numbers
from tickcast.schema import Table

__all__ = ["Arrivals"]

_LEAST, _MOST = -np.iinfo(np.int64).max, np.iinfo(np.int64).max


@dataclass(frozen=True)
class _Fate:
    ahead: Marks
    late: Marks
    waits: Marks


class Arrivals:
    """Rows of a feed as they come, in batches of any size.

    A row whose stamp the clock has not reached may be a few seconds early, or wrong, and would make every honest row behind it late. It
    waits until the clock has reached it; a row of its symbol that comes meanwhile with an earlier stamp, one that the clock has reached,
    shows that it was wrong (`ts_ahead`), as the rows behind it do in a file. A row earlier than one before it is `out_of_order`.

    Parameters
    ----------
    table: the rows' table.
    ahead: ns by which a row may be ahead of the clock and wait; beyond it, it is `ts_ahead` at once.
    """

    def __init__(self, table: Table, ahead: int) -> None:
        self._table, self._ahead = table, ahead
        self._highest: dict[str, int] = {}
        self._early: pl.DataFrame | None = None  # rows that wait, with `row` and whether they were ahead when they came
        self._counted = False

    @property
    def waiting(self) -> int:
        """Rows that wait for the clock."""
        return 0 if self._early is None else len(self._early)

    def begin(self) -> None:
        """A feed begins anew: it may repeat what it gave before."""
        self._highest = {}

    def take(self, chunk: Cleaned, now: int | None, *, last: bool = False) -> Cleaned:
        """The chunk, and rows that waited, without those that wait from here on. `now`: UTC ns, None for a clock that is not known;
        `last`: nothing more comes, so nothing waits."""
        early = pl.lit(False) if now is None else pl.col("ts") > now
        frame = chunk.frame.with_columns(chunk.numbers.cast(pl.Int64).alias("row"), early.alias("early"))
        if self._early is not None:
            frame = pl.concat([self._early, frame], how="diagonal_relaxed")
            self._early = None
        self._counted |= chunk.counted and len(chunk.frame) > 0
        if not len(frame):
            return chunk
        rows = Rows(frame, self._table)
        if self._sound(rows):
            return self._given(chunk, frame)
        far = np.zeros(len(rows), np.bool_) if now is None else rows.ts > now + self._ahead
        fate = _Fate(far.copy(), np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_))
        early = frame["early"].to_numpy() & ~far
        for name, at in rows.groups():
            self._judge(name, at, rows.ts[at], early[at], fate, _MOST if now is None or last else now)
        self._early = frame.filter(fate.waits) if fate.waits.any() else None
        stays, out = ~fate.waits, fate.ahead | fate.late
        reason = pl.Series("reason", np.where(fate.ahead, "ts_ahead", "out_of_order"))
        return self._given(chunk, frame.filter(stays)).without(out[stays], reason.filter(pl.Series(out)))

    def _given(self, chunk: Cleaned, frame: pl.DataFrame) -> Cleaned:
        return replace(chunk, frame=frame.drop("row", "early"), rows=frame["row"], counted=self._counted)

    def _sound(self, rows: Rows) -> bool:
        """Whether nothing can be said against any row: quick where rows come in order and none is early."""
        if rows.frame["early"].any() or bool((np.diff(rows.ts) < 0).any()) or rows.ts[0] < max(self._highest.values(), default=_LEAST):
            return False
        self._highest |= {name: int(rows.ts[at]) for name, at in rows.last().items()}
        return True

    def _judge(self, name: str, at: Numbers, ts: Numbers, early: Marks, fate: _Fate, now: int) -> None:
        """Tell the fate of the rows of one symbol, at these positions; those too far ahead have theirs."""
        usual = ~(early | fate.ahead[at])
        late = usual & (ts < _highest_before(np.where(usual, ts, _LEAST), self._highest.get(name, _LEAST)))
        honest = usual & ~late
        lowest = -_highest_before(np.where(honest, -ts, _LEAST)[::-1], _LEAST)[::-1]  # of the honest rows behind each
        wrong = early & (lowest < ts)
        reached = (ts <= now) | (_highest_before(np.where(honest, ts, _LEAST)[::-1], _LEAST)[::-1] >= ts)
        kept = honest | (early & ~wrong & reached)
        disordered = kept & (ts < _highest_before(np.where(kept, ts, _LEAST), self._highest.get(name, _LEAST)))
        fate.late[at], fate.waits[at] = late | disordered, early & ~wrong & ~reached
        fate.ahead[at] |= wrong
        self._highest[name] = max(self._highest.get(name, _LEAST), int(np.where(kept, ts, _LEAST).max()))


def _highest_before(values: Numbers, first: int) -> Numbers:
    """(n,) the highest of `first` and the values before each."""
    return np.maximum.accumulate(np.concatenate([np.array([first]), values]))[:-1]
