"""The live recorder: a feed's rows into the store, acknowledged only when they are committed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tickcast.calendars import Calendar
from tickcast.cleaning import Rules
from tickcast.clock import DAY, SECOND
from tickcast.errors import ConfigError, ProviderUnavailable, StoreError, TickcastError
from tickcast.record.backoff import Backoff
from tickcast.record.earlier import EarlierRows
from tickcast.record.gaps import Continuity
from tickcast.record.hours import Hours
from tickcast.record.intake import Intake, together
from tickcast.record.reader import Reader
from tickcast.record.repeats import unstored
from tickcast.schema import GAPS, QUARANTINE
from tickcast.sources import Cleaned, LiveSource
from tickcast.store import Store

__all__ = ["RecordSettings", "Recorder", "Status", "Tell"]

Tell = Callable[[str, Mapping[str, Any]], None]
"""Told what happened, and the figures then."""
_DRAIN = 20_000  # chunks taken at most before the clock is looked at
_PLAIN = Rules()
_RETRY = (0.25, 2.0)  # seconds until a refused write is tried again: first, at most


@dataclass(frozen=True)
class RecordSettings:
    """When rows are committed, how many may wait, and when a feed counts as lost.

    Parameters
    ----------
    flush_rows, flush_seconds: rows are committed when so many wait or the oldest waits so long.
    hold_rows: rows in memory at most while the store refuses; beyond it the feed is not read.
    stale_seconds: silence inside a session after which the connection is made anew; doubled each time it does not help, up to 16 times.
    first_delay, last_delay, healthy_seconds: see `Backoff`.
    grace_seconds: how long the last commit is tried at the end.

    Raises ConfigError for values that make no sense.
    """

    flush_rows: int = 5_000
    flush_seconds: float = 1.0
    hold_rows: int = 500_000
    stale_seconds: float = 60.0
    first_delay: float = 1.0
    last_delay: float = 120.0
    healthy_seconds: float = 60.0
    grace_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.flush_rows <= self.hold_rows:
            told = f"{self.flush_rows} rows a commit, {self.hold_rows} held"
            raise ConfigError(told, field="flush_rows", hint="1 <= flush_rows <= hold_rows")
        if min(self.flush_seconds, self.stale_seconds, self.grace_seconds) < 0:
            raise ConfigError("a negative time", field="flush_seconds", hint="give seconds")


@dataclass
class Status:
    """What a recording has come to.

    Parameters
    ----------
    rows: usable rows taken from the feed, repeats included.
    acknowledged: of these, rows the store has committed and did not hold before. repeated: rows it held already.
    waiting: rows in memory, not committed: usable ones, those set aside, and those that wait for the clock.
    aside: rows set aside, by reason; a row that is told again counts again.
    commits, connections, reconnects, gaps: how many.
    last_ts: newest committed stamp, UTC ns. lag: seconds from the newest row's stamp to its arrival; None where the feed is not of today.
    """

    rows: int = 0
    acknowledged: int = 0
    repeated: int = 0
    waiting: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    connections: int = 0
    reconnects: int = 0
    gaps: int = 0
    last_ts: int | None = None
    lag: float | None = None


class Recorder:
    """Records symbols of a source until it is stopped or the feed ends.

    Parameters
    ----------
    source: the feed. store: where its rows go. calendars: the symbols, each with the calendar that places its rows.
    tell: hears what happens. settings: see `RecordSettings`. rules: what the market allows.
    rng: spreads the delays before connections.
    clock, monotonic: UTC ns, and seconds that never run backwards.
    """

    def __init__(
        self,
        source: LiveSource,
        store: Store,
        calendars: Mapping[str, Calendar],
        *,
        tell: Tell,
        settings: RecordSettings,
        rules: Rules = _PLAIN,
        rng: np.random.Generator,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.status = Status()
        self._source, self._store, self._symbols, self._settings = source, store, tuple(calendars), settings
        self._hear, self._clock, self._monotonic = tell, clock, monotonic
        stored = store.coverage(source.table.name)
        ends = stored.filter(pl.col("symbol").is_in(self._symbols)).group_by("symbol").agg(pl.col("last_ts").max())
        self._stored: dict[str, int] = dict(ends.iter_rows())
        earlier = EarlierRows(store, source.table, waiting=self._uncommitted)
        self._intake = Intake(source.table, calendars, rules, earlier=earlier, source=f"{source.name} live", arriving=True)
        self._hours = Hours(tuple(calendars.values()))
        self._continuity = Continuity(source.table, calendars, self._stored)
        self._backoff = Backoff(rng, first=settings.first_delay, last=settings.last_delay, healthy=settings.healthy_seconds)
        self._reader: Reader | None = None
        # monotonic seconds: of the connection, the last rows, the last sign of life, the oldest waiting row; next commit, next connection
        self._connected = self._heard = self._answered = self._oldest = self._flush_at = self._connect_at = monotonic()
        self._patience, self._refusals, self._full, self._ended = settings.stale_seconds, 0, False, False
        self._unwritten = self._unkept = 0  # rows of the two lists below
        self._waiting: list[tuple[int, pl.DataFrame]] = []
        self._aside: list[pl.DataFrame] = []
        self._gaps: list[pl.DataFrame] = []

    def run(self, stop: threading.Event) -> Status:
        """Record until `stop` is set or the feed ends; what was taken is committed before this returns.

        Raises ProviderRefused where the provider says no, StoreError where rows contradict stored ones, or where the last rows could not
        be committed in time: those were never acknowledged.
        """
        try:
            while not stop.is_set() and not self._ended:
                self._step(stop)
        finally:
            if self._reader is not None:
                self._reader.close(2.0)
            self._finish()
        return self.status

    def figures(self) -> dict[str, Any]:
        """The figures of now, as JSON values."""
        return {**asdict(self.status), "aside": dict(sorted(self.status.aside.items()))}

    def _tell(self, event: str, **more: Any) -> None:
        self._hear(event, {**self.figures(), **more})

    def _step(self, stop: threading.Event) -> None:
        if self._reader is None:
            if self._monotonic() >= self._connect_at:
                self._connect()
            else:
                stop.wait(min(0.05, self._connect_at - self._monotonic()))
        if self._reader is not None:
            self._take(self._drained(self._reader))
            self._watch(self._reader)
        if self._due():
            self._flush()

    def _connect(self) -> None:
        self._intake.begin()
        self._reader = Reader(self._source, self._symbols)
        self.status.connections += 1
        self.status.reconnects = self.status.connections - 1
        self._connected = self._heard = self._answered = self._monotonic()
        self._tell("connecting")

    def _drained(self, reader: Reader) -> list[Cleaned]:
        """Chunks that have arrived, none while memory is full."""
        if self.status.waiting >= self._settings.hold_rows:
            if not self._full:
                self._full = True
                self._tell("full")
            self._heard = self._answered = self._monotonic()  # it is us who do not listen
            time.sleep(0.05)
            return []
        self._full = False
        first = reader.take(0.05)
        chunks = [] if first is None else [first]
        rows = 0 if first is None else len(first.frame)
        while chunks and rows < self._settings.flush_rows and len(chunks) < _DRAIN and (chunk := reader.take(0.0)) is not None:
            chunks.append(chunk)
            rows += len(chunk.frame)
        return chunks

    def _take(self, chunks: list[Cleaned], *, last: bool = False) -> None:
        """What has arrived; `last`: nothing more comes of this connection."""
        if chunks:
            self._answered = self._monotonic()
        if not chunks and not self._intake.waiting:
            return
        now = self._clock()
        taken = self._intake.take(together(chunks, self._source.table), now, last=last)
        if (len(taken.rows) or len(taken.aside)) and not (self._waiting or self._aside):
            self._oldest = self._monotonic()
        if len(taken.aside):
            self._aside.append(taken.aside)
            self._unkept += len(taken.aside)
            self.status.aside.update(taken.aside["reason"].to_list())
        if len(taken.rows):
            self._took(taken.rows, now)
        self.status.waiting = self._unwritten + self._unkept + self._intake.waiting

    def _took(self, rows: pl.DataFrame, now: int) -> None:
        """Rows that can be used wait for their commit."""
        self._heard, self._patience = self._answered, self._settings.stale_seconds
        gaps = self._continuity.seen(rows)
        if len(gaps):
            self._gaps.append(gaps)
            self.status.gaps += len(gaps)
            self._tell("gap", between=gaps.select("symbol", "start", "ts", "reason").to_dicts())
        self._waiting.append((self.status.connections, rows))
        self.status.rows += len(rows)
        self._unwritten += len(rows)
        behind = now - int(rows["ts"].max())  # type: ignore[arg-type]
        self.status.lag = behind / SECOND if abs(behind) < DAY else None

    def _uncommitted(self, symbol: str) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
        """Rows of a symbol that wait, and those set aside."""
        rows = [each.filter(pl.col(self._source.table.identity[0]) == symbol) for _, each in self._waiting]
        return rows, [each.filter(pl.col("symbol") == symbol) for each in self._aside]

    def _watch(self, reader: Reader) -> None:
        """Let go of a connection that is over, silent inside a session, or does not answer at all."""
        now = self._monotonic()
        if reader.over:
            failure = reader.failure
            if failure is None:
                self._ended = True
            elif isinstance(failure, TickcastError) and not isinstance(failure, ProviderUnavailable):
                raise failure
            else:
                self._lose(reader, "connection lost", str(failure))
            return
        quiet = min(now - self._heard, self._hours.open_for(self._clock()))
        if quiet >= self._patience or now - self._answered >= max(self._patience, 10.0):
            self._patience = min(2 * self._patience, 16 * self._settings.stale_seconds)
            self._lose(reader, "stale", f"nothing for {max(quiet, now - self._answered):.0f} s")

    def _lose(self, reader: Reader, reason: str, why: str) -> None:
        reader.close()
        self._take([], last=True)
        self._reader = None
        self._continuity.lost(reason)
        delay = self._backoff.after(self._heard - self._connected)
        until = self._hours.opens_in(self._clock())
        if until > 0:  # closed: no hurry, but be there when it opens
            delay = max(delay, min(self._settings.last_delay, until - 30.0))
        self._connect_at = self._monotonic() + delay
        self._tell("lost", reason=reason, why=why, again_in=round(delay, 3))

    def _due(self) -> bool:
        now = self._monotonic()
        if now < self._flush_at or not (self._waiting or self._aside):
            return False
        return self.status.waiting >= self._settings.flush_rows or now - self._oldest >= self._settings.flush_seconds

    def _flush(self) -> None:
        """One commit. What the disk refuses waits and is tried again; it was not acknowledged."""
        try:
            self._commit()
        except (StoreError, OSError) as error:
            if isinstance(error, StoreError) and error.field is not None:
                raise  # the rows are at fault: no time will mend them
            self._refusals += 1
            self._flush_at = self._monotonic() + min(_RETRY[1], _RETRY[0] * 2 ** (self._refusals - 1))
            if self._refusals == 1:
                self._tell("held", why=str(error))
        else:
            if self._refusals:
                self._refusals = 0
                self._tell("healed")

    def _commit(self) -> None:
        if self._aside:
            self._store.write(QUARANTINE.name, pl.concat(self._aside), source=self._source.name)
            self.status.waiting -= self._unkept
            self._aside, self._unkept = [], 0
        if self._gaps:  # before the rows: killed in between, a gap is told twice, never forgotten
            self._store.write(GAPS.name, pl.concat(self._gaps), source=self._source.name)
            self._gaps = []
        if not self._waiting:
            return
        added = 0
        while self._waiting:  # one write per connection: what two of them gave is counted apart
            connection = self._waiting[0][0]
            rows = pl.concat([frame for number, frame in self._waiting if number == connection], how="diagonal")
            self._waiting = [(connection, rows), *(each for each in self._waiting if each[0] != connection)]
            added += self._write(rows)
            self._waiting = self._waiting[1:]
        self.status.commits += 1
        self._tell("committed", added=added)

    def _write(self, rows: pl.DataFrame) -> int:
        """Commit rows of one connection. Returns how many of them are new."""
        table, given = self._source.table, len(rows)
        if not table.repeats:  # a row told again with other values corrects the first, in one flush as in two
            rows = rows.unique(table.identity, keep="last", maintain_order=True)
        fresh = unstored(rows, self._store, table, self._stored)
        added = self._store.write(table.name, fresh, source=self._source.name).added if len(fresh) else 0
        for symbol, last in rows.group_by(table.identity[0]).agg(pl.col("ts").max()).iter_rows():
            self._stored[symbol] = max(last, self._stored.get(symbol, last))
        self._unwritten -= given
        self.status.waiting -= given
        self.status.acknowledged += added
        self.status.repeated += given - added
        self.status.last_ts = max(self._stored.values())
        return added

    def _finish(self) -> None:
        """Take and commit what has already arrived. Raises StoreError where the disk refuses until the grace is over."""
        if self._reader is not None:
            while chunks := self._drained(self._reader):
                self._take(chunks)
                if self.status.waiting >= self._settings.flush_rows:
                    self._flush()
        self._take([], last=True)
        until = self._monotonic() + self._settings.grace_seconds
        while self._waiting or self._aside:
            if self._monotonic() >= self._flush_at:
                self._flush()
            if (self._waiting or self._aside) and self._monotonic() >= until:
                lost = self.status.waiting
                self._tell("stopped")
                told = f"{lost} rows could not be committed"
                raise StoreError(told, hint="free space; fill asks history for them")
            if self._waiting:
                time.sleep(0.05)
        self._tell("stopped")
