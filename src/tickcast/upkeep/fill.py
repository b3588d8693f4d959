"""Fill: ask a source for the days that are missing, and nothing else; commit day by day, so that a killed fill goes on where it stopped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from tickcast.calendars import calendar
from tickcast.clock import DAY, day_text
from tickcast.config import DataConfig
from tickcast.errors import ProviderRefused, ProviderUnavailable
from tickcast.record import EarlierRows, Intake, whole_stamps
from tickcast.schema import CONTRACTS, QUARANTINE, TABLES
from tickcast.sources import Cleaned, Source, trading_days
from tickcast.sources.configured import market_rules
from tickcast.store import Store
from tickcast.store.applied import SETTLES
from tickcast.upkeep.expected import KEY, Family, days_over, sessions_around, trading_days_between
from tickcast.upkeep.instruments import remember
from tickcast.upkeep.states import day_states

__all__ = ["Filled", "fill", "missing_days", "note_closed", "ranges_asked"]

_MARGIN = 4 * DAY


@dataclass(frozen=True)
class Filled:
    """What a fill did.

    Parameters
    ----------
    asked: trading days that were asked for.
    waiting: trading days left alone, because an empty answer came less than an hour ago: a second one settles them later.
    stored, empty: of the days asked those that brought rows, and those answered with nothing.
    unanswered: of the days asked those of which the source, being files, told nothing.
    rows, outside: rows committed, and rows outside every session.
    quarantined: rows per reason.
    healed: gaps of a recording that were closed.
    contracts: rows of table `contracts` that say something new; None where the provider did not tell of its instruments.
    version: of the dataset afterwards.
    """

    asked: int
    waiting: int
    stored: int
    empty: int
    unanswered: tuple[int, ...]
    rows: int
    outside: int
    quarantined: Mapping[str, int]
    healed: int
    contracts: int | None
    version: str


@dataclass(frozen=True)
class _Work:
    """The days of a fill: those to ask for, those left for later, and per day the symbols that lack it."""

    days: tuple[int, ...]
    waiting: tuple[int, ...]
    lacking: Mapping[int, tuple[str, ...]]


def missing_days(dataset: Family, store: Store, first: int, last: int, *, now: int, again: bool = False) -> tuple[int, ...]:
    """The trading days of the range, over at `now` (UTC ns), that a fill would ask for; with `again` those that hold rows too."""
    return _work(dataset, store, first, last, now, again).days


def fill(
    data: DataConfig,
    source: Source,
    dataset: Family,
    store: Store,
    first: int,
    last: int,
    *,
    clock: Callable[[], int],
    reopen: bool = False,
    again: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Filled:
    """Ask for what is missing of the trading days `first` to `last` (inclusive) that are over, and commit each day as it comes.

    An empty answer is noted, never taken for the truth: a second one at least an hour later settles the day. Rows that come later re-open
    it. Weekdays without a session are settled by the calendar's word.

    Parameters
    ----------
    clock: UTC ns.
    reopen: forget what was said of empty days of the range, and ask again.
    again: ask for days that hold rows too; what has changed is a correction, what was missing is added.

    Raises SourceError where the source does not answer; the days before it stay committed.
    """
    if reopen:
        empty = dataset.empty(store).filter(pl.col("trading_day").is_between(first, last))
        for symbol, days in empty.group_by("symbol").agg("trading_day").iter_rows():
            store.empty.reopen(data.table, symbol, days)
    note_closed(dataset, store, first, last)
    work = _work(dataset, store, first, last, clock(), again)
    commits = _Commits(data, dataset, store, work, clock)
    for low, high in ranges_asked(work.days, dataset.calendar):
        for chunk in source.history(start=low, end=high):
            commits.take(chunk)
            if progress is not None and work.days:
                day = "" if commits.at is None else f" {day_text(commits.at)}"
                progress(f"{data.symbol}{day}", len(commits.seen) / len(work.days))
            del chunk
    if progress is not None:
        progress(data.symbol, 1.0)
    return commits.filled(_instruments(data, source, store, clock()) if work.days else 0)


def _instruments(data: DataConfig, source: Source, store: Store, now: int) -> int | None:
    """Keep what the source tells of its instruments; the rows that were asked for do not depend on it, so it may refuse."""
    if data.table == CONTRACTS.name:
        return 0
    try:
        known = source.contracts()
    except (ProviderRefused, ProviderUnavailable):
        return None
    return remember(known, store, source=_origin(data), now=now)


def _origin(data: DataConfig) -> str:
    told = {"source": data.source, "options": dict(data.options), "symbol": data.symbol}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)


def note_closed(dataset: Family, store: Store, first: int, last: int) -> None:
    """Settle the Mondays to Fridays of the range on which the calendar has no session; who reads the ledger alone then knows them too."""
    weekdays = [day for day in range(first, last + 1) if (day + 3) % 7 < 5]  # day 0 was a Thursday
    closed = sorted(set(weekdays) - set(trading_days_between(dataset.calendar, first, last)))
    known = set(dataset.empty(store).filter(pl.col("settled")).select(list(KEY)).iter_rows())
    for symbol in dataset.alive:
        new = [day for day in closed if (symbol, day) not in known]
        if new:
            store.empty.note(dataset.table, symbol, new, source=f"calendar {dataset.calendar}", word="calendar")


class _Commits:
    """Commits chunks and counts what they brought."""

    def __init__(self, data: DataConfig, dataset: Family, store: Store, work: _Work, clock: Callable[[], int]) -> None:
        self._data, self._dataset, self._store, self._work = data, dataset, store, work
        self._clock, table, sessions = clock, TABLES[data.table], calendar(dataset.calendar)
        self._intake = Intake(table, sessions, market_rules(data, sessions), earlier=EarlierRows(store, table), source=data.source)
        self._wanted = set(work.days)
        self._origin = _origin(data)
        self._gaps = dataset.gaps(store)
        self.stored: set[int] = set()
        self.empty: set[int] = set()
        self.rows = self.outside = self.healed = 0
        self.reasons: Counter[str] = Counter()
        self.at: int | None = None

    @property
    def seen(self) -> set[int]:
        """Days that were answered."""
        return self.stored | self.empty

    def take(self, chunk: Cleaned) -> None:
        """Commit a chunk's rows of the days that were asked for; note the symbols that an answered day has nothing of."""
        taken = self._intake.take(chunk, self._clock(), wanted=pl.col("trading_day").is_in(sorted(self._wanted)))
        if len(taken.aside):
            self._store.write(QUARANTINE.name, taken.aside, source=self._origin)
        rows = taken.rows
        self.outside += taken.outside
        self.reasons.update(taken.counts)
        if len(rows):
            whole = whole_stamps(rows, self._store, TABLES[self._data.table]) if taken.counted else rows
            self._store.write(self._data.table, whole, source=self._origin)
            self.rows += len(rows)
            days = {int(day) for day in rows["trading_day"].unique()}
            self.stored |= days
            self.at = max(days)
        if chunk.day is not None and chunk.day in self._wanted:
            self._answered(chunk.day, rows)

    def _answered(self, day: int, rows: pl.DataFrame) -> None:
        """The provider has told all it has of a day: symbols without rows were answered with nothing, gaps before it are healed."""
        self.at = day
        key = "symbol" if "symbol" in rows.columns else rows.columns[0]
        there = set(rows[key].unique().to_list()) if len(rows) else set()
        if there:
            there.add(self._dataset.name)
        without = [symbol for symbol in self._work.lacking.get(day, ()) if symbol not in there]
        for symbol in without:
            self._store.empty.note(self._data.table, symbol, [day], source=self._origin)
        if not there:
            self.empty.add(day)
        self._heal(day)

    def _heal(self, day: int) -> None:
        own = self._gaps.filter(pl.col("trading_day") == day)
        if len(own):
            noted = self._store.scan("gaps", own["of"].unique().to_list())
            closed = noted.join(own.select(pl.col("of").alias("symbol"), "ts"), on=["symbol", "ts"], how="semi")
            closed = closed.filter((pl.col("table") == self._data.table) & (pl.col("healed") == 0))
            self._store.write("gaps", closed.with_columns(pl.lit(1, dtype=closed.schema["healed"]).alias("healed")), source=self._origin)
            self.healed += len(closed)

    def filled(self, contracts: int | None) -> Filled:
        """What all chunks brought, and the rows that said something new of contracts."""
        silent = tuple(sorted(self._wanted - self.seen))
        counts = MappingProxyType(dict(self.reasons))
        asked = (len(self._work.days), len(self._work.waiting), len(self.stored), len(self.empty - self.stored))
        return Filled(*asked, silent, self.rows, self.outside, counts, self.healed, contracts, self._store.version())


def _work(dataset: Family, store: Store, first: int, last: int, now: int, again: bool) -> _Work:
    inside = pl.col("trading_day").is_between(first, last)
    expected = dataset.expected(first, last).filter(pl.col("trading_day").is_in(days_over(dataset.calendar, first, last, now)))
    empty = dataset.empty(store).filter(inside)
    states = day_states(dataset.coverage(store).filter(inside), empty, expected, dataset.gaps(store).filter(inside))
    lately = empty.filter((pl.col("last") > now - SETTLES) & ~pl.col("settled")).select(list(KEY))
    wanted = ["missing", "unsettled", "gap", *(("stored",) if again else ())]
    due = states.join(expected, on=list(KEY), how="semi").filter(pl.col("state").is_in(wanted))
    asked = due.join(lately, on=list(KEY), how="anti")
    lacking: dict[int, list[str]] = {}
    for symbol, day in asked.filter(pl.col("state").is_in(["missing", "unsettled"])).select("symbol", "trading_day").iter_rows():
        lacking.setdefault(day, []).append(symbol)
    days = tuple(sorted(set(asked["trading_day"].to_list())))
    waiting = tuple(sorted(set(due["trading_day"].to_list()) - set(days)))
    return _Work(days, waiting, MappingProxyType({day: tuple(symbols) for day, symbols in lacking.items()}))


def ranges_asked(days: Sequence[int], name: str) -> list[tuple[int, int]]:
    """[start, end) in UTC ns that a source is asked for, one per run of trading days (in order) that follow each other in the calendar."""
    if not days:
        return []
    around = {day.number: day for day in trading_days(name, days[0] * DAY - _MARGIN, (days[-1] + 1) * DAY + _MARGIN) if day.whole}
    position = {number: at for at, number in enumerate(around)}
    held = sessions_around(name, days[0], days[-1])
    # where sessions touch, the moment between them is asked for with both days: a trade then belongs to the later one, a bar to the earlier
    opens = {int(day): int(opened) for day, opened in zip(held.trading_day[::-1], held.open[::-1], strict=True)}
    runs: list[tuple[int, int]] = []
    before: int | None = None
    for number in days:
        if before is not None and position[number] == position[before] + 1:
            runs[-1] = (runs[-1][0], around[number].end)
        else:
            runs.append((min(around[number].start, opens[number]), around[number].end))
        before = number
    return runs
