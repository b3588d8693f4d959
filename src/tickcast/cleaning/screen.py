"""`Screen`: what can be said of a row only from what came before it, from the clock, or from what the market allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from tickcast.cleaning.cleaned import Cleaned
from tickcast.cleaning.memory import Again, FarPrice, Rising, Rows, Ties, VolumeBackwards
from tickcast.cleaning.order import Marks
from tickcast.cleaning.rules import Rules
from tickcast.schema import BARS, BOOK, BOOK_LEVELS, TRADES, Table

__all__ = ["Screen"]

_PLAIN = Rules()


class Screen:
    """Judges chunk after chunk of one table and remembers the rows it found sound.

    Parameters
    ----------
    table: table of `schema` that the chunks belong to.
    rules: what the market allows.
    arriving: the chunks come from a feed, in order of arrival: rows that come too late (`out_of_order`) or again (`duplicate`) are set
        aside here. Chunks of files are in order already, and one file may begin before another has ended.
    numbered: every row of a symbol bears a `sequence` above all before it, in one file or in the feed; others are `replayed`.

    A row is judged by itself, by rows before it and by the clock, never by a row after it: a live system takes the same decision at the
    same moment, and any cutting into chunks gives the same answers.
    """

    def __init__(self, table: Table, rules: Rules = _PLAIN, *, arriving: bool = False, numbered: bool = False) -> None:
        self.table, self.rules, self.arriving, self.numbered = table, rules, arriving, numbered
        self._order, self._again, self._ties = Rising("ts"), Again(), Ties()
        self._numbers, self._volume = Rising("sequence", strictly=True), VolumeBackwards()
        self._far = FarPrice(2.0 if rules.far is None else rules.far)

    def take(self, chunk: Cleaned, *, now: int | None = None) -> Cleaned:
        """The chunk with the rows that cannot be used set aside, beside those that were before. `now`: the clock, UTC ns."""
        if self.numbered and not self.arriving:
            self._numbers = Rising("sequence", strictly=True)
        rows, given = Rows(chunk.frame, self.table), len(chunk.frame)
        for reason, breaks in self._asked(now):
            bad = breaks(rows) if len(rows) else np.zeros(0, np.bool_)
            if bad.any():
                chunk = chunk.without(bad, reason)
                rows = Rows(chunk.frame, self.table)
        if chunk.counted and len(rows) and (self.arriving or len(rows) < given):
            ties = self._ties if self.arriving else Ties()
            return replace(chunk, frame=ties.numbered(rows))
        return chunk

    def _asked(self, now: int | None) -> Iterator[tuple[str, Callable[[Rows], Marks]]]:
        """Reasons and their rules in the order in which they are asked."""
        rules = self.rules
        if rules.symbols is not None:
            yield "symbol_unexpected", self._unexpected
        if now is not None:
            yield "ts_ahead", lambda rows: rows.ts > now + rules.ahead
        if self.table is BOOK and rules.stale is not None:
            yield "stale", self._stale
        if self.numbered:
            yield "replayed", self._numbers.breaks
        if self.arriving:
            yield "out_of_order", self._order.breaks
            if not self.table.repeats:
                yield "duplicate", self._again.breaks
        if self.table is TRADES and rules.halts:
            yield "halted", self._halted
        if self.table is BOOK:
            if rules.crossed == "quarantine":
                yield "crossed", lambda rows: self._touching(rows, np.greater)
            if rules.locked == "quarantine":
                yield "locked", lambda rows: self._touching(rows, np.equal)
        if rules.far is not None:
            yield "price_far", self._far.breaks
        if rules.tick is not None and self.table in (TRADES, BARS, BOOK):
            yield "off_tick", self._off_tick
        if self.table is BOOK:
            yield "volume_backwards", self._volume.breaks

    def _unexpected(self, rows: Rows) -> Marks:
        codes, names = rows.named
        return np.array([name not in (self.rules.symbols or ()) for name in names], np.bool_)[codes]

    def _stale(self, rows: Rows) -> Marks:
        event = rows.frame["ts_event"]
        if event.null_count() == len(event):
            return np.zeros(len(rows), np.bool_)
        return np.asarray(rows.ts - event.fill_null(rows.frame["ts"]).to_numpy() > (self.rules.stale or 0), np.bool_)

    def _halted(self, rows: Rows) -> Marks:
        out = np.zeros(len(rows), np.bool_)
        for start, end in self.rules.halts:
            out |= (rows.ts > start) & (rows.ts < end)
        return out

    def _touching(self, rows: Rows, meets: Callable[..., Marks]) -> Marks:
        """Books whose best bid meets the best offer so, in continuous trading."""
        bid, ask = (rows.frame[f"{side}_price_1"].cast(pl.Float64).to_numpy() for side in ("bid", "ask"))
        out = meets(bid, ask)
        if not out.any() or self.rules.calendar is None:
            return out
        found = np.flatnonzero(out)
        sessions = self.rules.calendar.sessions(int(rows.ts[found].min()), int(rows.ts[found].max()))
        out[found] = sessions.locate(rows.ts[found], tie="open") >= 0
        return out

    def _off_tick(self, rows: Rows) -> Marks:
        out, tick = np.zeros(len(rows), np.bool_), self.rules.tick or 1.0
        if self.table is BOOK:
            names = [f"{side}_price_{k}" for side in ("bid", "ask") for k in range(1, BOOK_LEVELS + 1)]
        else:
            names = ["price"] if self.table is TRADES else ["open", "high", "low", "close"]
        for name in names:
            if rows.frame[name].null_count() < len(rows):
                ticks = rows.frame[name].cast(pl.Float64).to_numpy() / tick
                out |= np.abs(ticks - np.rint(ticks)) > 1e-6 * np.maximum(1.0, np.abs(ticks) * 1e-3)
        return out
