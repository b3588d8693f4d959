"""`Screen`: what can be said of a row only from what came before it, from the clock, or from what the market allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from tickcast.cleaning.arrival import Arrivals
from tickcast.cleaning.cleaned import Cleaned
from tickcast.cleaning.memory import FarPrice, Rows, Ties, VolumeBackwards
from tickcast.cleaning.order import Marks
from tickcast.cleaning.rules import Rules
from tickcast.schema import BARS, BOOK, BOOK_LEVELS, TRADES, Table

__all__ = ["Earlier", "Place", "Screen"]

Earlier = Callable[[str, int, int | None], pl.DataFrame]
"""Rows of a symbol before a stamp (UTC ns) and, at that stamp, before a `sequence`: in order, with the `reason` of those set aside."""
Place = Callable[[Cleaned], Cleaned]
"""The chunk with its rows placed in sessions, others set aside."""
_PLAIN = Rules()


class Screen:
    """Judges chunk after chunk of one table and remembers the rows it found sound.

    Parameters
    ----------
    table: table of `schema` that the chunks belong to.
    rules: what the market allows.
    place: sets rows aside that lie in no session, once their stamps are believed; rules of the market are asked of the others.
    earlier: what was judged before. Asked at the beginning of each chunk, and of each connection where `arriving`, it takes the place of
        the memory: what came before a row is then what lies before it in the store, whoever read it, and when. None: the chunks before.
    arriving: the chunks come from a feed, in order of arrival: rows that come too late or are ahead of the clock are told here, see
        `Arrivals`. Chunks of files are in order already, and one file may begin before another has ended.

    A row is judged by itself, by rows before it and by the clock, never by a row after it: a live system takes the same decision at the
    same moment, and any cutting into chunks gives the same answers.
    """

    def __init__(
        self,
        table: Table,
        rules: Rules = _PLAIN,
        *,
        place: Place | None = None,
        earlier: Earlier | None = None,
        arriving: bool = False,
    ) -> None:
        self.table, self.rules, self.arriving = table, rules, arriving
        self._place, self._earlier, self._recalled = place, earlier, set[str]()
        self._came, self._kept = Ties(), Ties()
        self._arrivals = Arrivals(table, rules.ahead)
        self._volume = VolumeBackwards()
        self._far = FarPrice(2.0 if rules.far is None else rules.far)

    @property
    def waiting(self) -> int:
        """Rows of a feed that wait for the clock."""
        return self._arrivals.waiting

    def begin(self) -> None:
        """A connection begins: a feed may repeat what it gave before, and count anew."""
        self._arrivals.begin()
        self._came, self._kept, self._recalled = Ties(), Ties(), set()

    def take(self, chunk: Cleaned, *, now: int | None = None, last: bool = False) -> Cleaned:
        """The chunk with the rows that cannot be used set aside, beside those that were before.

        now: the clock, UTC ns. last: nothing more comes of this connection, so that no row waits for the clock.
        """
        if not self.arriving:
            self._recalled, self._kept = set(), Ties()
        chunk = self._without(chunk, self._of_order(now))
        if self.arriving:
            chunk = self._arrivals.take(chunk, now, last=last)
            if chunk.counted and len(chunk.frame):
                chunk = replace(chunk, frame=self._came.sequenced(Rows(chunk.frame, self.table)))
        if self._place is not None:
            chunk = self._place(chunk)
        if self._earlier is not None:
            self._recall(self._earlier, chunk)
        given = len(chunk.frame)
        chunk = self._without(chunk, self._of_market())
        if chunk.counted and len(chunk.frame) and (self.arriving or self._kept.last or len(chunk.frame) < given):
            return replace(chunk, frame=self._kept.sequenced(Rows(chunk.frame, self.table)))
        return chunk

    def _without(self, chunk: Cleaned, asked: Iterator[tuple[str, Callable[[Rows], Marks]]]) -> Cleaned:
        rows = Rows(chunk.frame, self.table)
        for reason, breaks in asked:
            bad = breaks(rows) if len(rows) else np.zeros(0, np.bool_)
            if bad.any():
                chunk = chunk.without(bad, reason)
                rows = Rows(chunk.frame, self.table)
        return chunk

    def _recall(self, earlier: Earlier, chunk: Cleaned) -> None:
        """Take the memory of symbols that begin here from what is known of them."""
        rows = Rows(chunk.frame, self.table)
        if self.table not in (TRADES, BARS, BOOK):
            return
        for name, at in rows.groups() if len(rows) else ():
            if name not in self._recalled:
                self._recalled.add(name)
                ts, number = int(rows.ts[at[0]]), chunk.frame["sequence"][int(at[0])] if "sequence" in chunk.frame.columns else None
                known = earlier(name, ts, number)
                self._far.recall(name, known, self.table)
                self._volume.recall(name, known)
                if chunk.counted and number:  # the chunk begins inside a stamp
                    self._kept.last[name] = (ts, len(known.filter(pl.col("reason").is_null(), pl.col("ts") == ts)))

    def _of_order(self, now: int | None) -> Iterator[tuple[str, Callable[[Rows], Marks]]]:
        """Reasons and their rules in the order in which they are asked: whose rows these are, and when they came."""
        rules = self.rules
        if rules.symbols is not None:
            yield "symbol_unexpected", self._unexpected
        if now is not None and not self.arriving:
            yield "ts_ahead", lambda rows: rows.ts > now + rules.ahead

    def _of_market(self) -> Iterator[tuple[str, Callable[[Rows], Marks]]]:
        """Those of what the rows say."""
        rules = self.rules
        if self.table is BOOK and rules.stale is not None:
            yield "stale", self._stale
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
        codes, names = rows.codes
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
