"""The store: what is written stays, once and in order, under a version that names it. Where it is kept is a backend's business."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self, final

import polars as pl

from tickcast.errors import StoreError
from tickcast.schema import Table
from tickcast.store.base import Backend, Block
from tickcast.store.day_rows import days_of, in_order, merge, ready, table_named
from tickcast.store.definitions import Definitions
from tickcast.store.derived import Derived
from tickcast.store.embedded import Embedded
from tickcast.store.empty import Empty
from tickcast.store.manifest import NO_VERSION, Day, DerivedDay, Part, Summary, refuse_overlaps, summary, summed
from tickcast.store.quest_address import questdb
from tickcast.store.records import Commit
from tickcast.store.soundness import Damage, Soundness, examined, ledger_damage
from tickcast.store.sweep import Collected, collect, compact

__all__ = ["BACKENDS", "Store", "Written"]

BACKENDS: Mapping[str, Callable[[str], Backend]] = {"folder": Embedded, "questdb": questdb}
"""How a store is opened, by the scheme of its address; a plain path is a folder."""
_FIELDS: Mapping[str, type[pl.DataType]] = {
    "symbol": pl.String,
    "trading_day": pl.Int64,
    "rows": pl.Int64,
    "first_ts": pl.Int64,
    "last_ts": pl.Int64,
}
_HASHES: Mapping[str, type[pl.DataType]] = {"low": pl.Int64, "high": pl.Int64, "total": pl.Int64}
_FACTS: Mapping[str, type[pl.DataType]] = {"levels": pl.Int64, "parts": pl.Int64, "content": pl.String, "source": pl.String}


@dataclass(frozen=True)
class Written:
    """What a write did: the version it left, rows given, rows added, days changed."""

    version: str
    rows: int
    added: int
    days: int


@dataclass(frozen=True)
class _Change:
    """One day of a write: its manifest before and after, the parts that stop being read and the one put, not yet named."""

    before: Day | None
    day: Day
    gone: tuple[str, ...]
    part: Part


@final
class Store:
    """Tables of events. Open it with `Store.open(where)`; `clock` tells commit times in UTC ns.

    `definitions` are what was registered here, `derived` the days that were computed from stored ones, `empty` the days known to have no
    rows.
    """

    def __init__(self, backend: Backend, clock: Callable[[], int]) -> None:
        self._backend, self._clock = backend, clock
        self.definitions, self.derived, self.empty = Definitions(backend), Derived(backend), Empty(backend, clock)

    @classmethod
    def open(cls, where: str | Path, *, clock: Callable[[], int] = time.time_ns) -> Self:
        """The store in the folder `where`, or at an address whose scheme `BACKENDS` names; it is made if absent.

        Raises StoreError where that cannot be used.
        """
        scheme, mark, _ = str(where).partition("://")
        if mark and scheme not in BACKENDS:
            raise StoreError(
                f"no store at {scheme}://", field="store", hint="name a folder, or an address as questdb://127.0.0.1:8812/NAME"
            )
        return cls(BACKENDS[scheme if mark else "folder"](str(where)), clock)

    def write(self, table: str, frame: pl.DataFrame, *, source: str, progress: Callable[[str, float], None] | None = None) -> Written:
        """Store rows; returns only after they are durable. Writing rows already stored changes nothing.

        Rows go to the day `trading_day` where the frame has it, else to their UTC day (a bar's by its start). Raises DataError for rows
        that are no rows of the table, StoreError where a row's day contradicts stored days or the disk refuses.
        """
        rows = ready(frame, table_named(table))
        with self._backend.exclusive():
            fence = self._backend.ledger.fence() + 1
            changes: list[_Change] = []
            names = self._backend.put(self._blocks(table, rows, source, changes, progress), fence)
            if changes:
                days = tuple(change.day for change in changes)
                gone = tuple(name for change in changes for name in change.gone)
                parts = tuple(replace(change.part, name=name) for name, change in zip(names, changes, strict=True))
                self._backend.commit(Commit(fence, self._clock(), source, days, gone, parts))
            version = self.version()
        if progress is not None:
            progress("written", 1.0)
        added = sum(change.day.rows - (change.before.rows if change.before else 0) for change in changes)
        return Written(version, len(frame), added, len(changes))

    def _blocks(
        self, table: str, rows: pl.DataFrame, source: str, changes: list[_Change], progress: Callable[[str, float], None] | None
    ) -> Iterator[Block]:
        """The blocks that must be put so that these rows are stored; what they change is appended to `changes`."""
        ledger, key = self._backend.ledger, table_named(table).identity[0]
        symbols, version = rows[key].unique().to_list(), ledger.version()[0]
        given = days_of(rows, table_named(table)) if len(rows) else {}
        parts = ledger.parts(table, symbols, version, [number for _, number in given])
        stamps = [stamp for day in parts.values() for part in day for stamp in (part.first_ts, part.last_ts)]
        stamps += [int(part["ts"][at]) for part in given.values() for at in (0, -1)]
        stored = ledger.days(table, symbols, version, (min(stamps, default=0), max(stamps, default=-1) + 1))
        known = {(day.symbol, day.trading_day): day for day in stored}
        refuse_overlaps({name: (int(part["ts"][0]), int(part["ts"][-1])) for name, part in given.items()}, stored)
        for done, ((symbol, number), fresh) in enumerate(given.items()):
            if progress is not None and done % 256 == 0:
                progress(f"writing {symbol}", done / len(given))
            before, held = known.get((symbol, number)), parts.get((symbol, number), [])
            content, summed_up, gone = self._day(before, held, fresh, table_named(table))
            day = Day(table, symbol, number, **asdict(summed_up), parts=len(held) - len(gone) + 1, source=source)
            if before is None or before.content != day.content:
                edges = int(content["ts"][0]), int(content["ts"][-1])
                changes.append(_Change(before, day, gone, Part("", table, symbol, number, len(content), *edges)))
                yield Block(table, symbol, number, content)

    def _day(
        self, before: Day | None, parts: Sequence[Part], fresh: pl.DataFrame, shape: Table
    ) -> tuple[pl.DataFrame, Summary, tuple[str, ...]]:
        """What becomes of a day when these rows are written: the block to put, the whole day's summary, parts whose place it takes.

        Rows later than all of the day are a part more, which takes in the last parts as long as they are no larger than it: so a day that
        grows by n equal flushes has at most log2 n parts. Any other rows make the day anew.
        """
        if before is None:
            return fresh, summary(fresh), ()
        if int(fresh["ts"][0]) <= before.last_ts:
            rows = merge(self._read(shape.name, parts), fresh, shape)
            return rows, summary(rows), tuple(part.name for part in parts)
        size, first = len(fresh), len(parts)
        while first and parts[first - 1].rows <= size:
            first -= 1
            size += parts[first].rows
        taken = parts[first:]
        rows = pl.concat([*(self._backend.get(part.name, shape.name) for part in taken), fresh], how="diagonal")
        return rows, summed(before, summary(fresh)), tuple(part.name for part in taken)

    def scan(
        self,
        table: str,
        symbols: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        as_of: int | str | None = None,
    ) -> pl.DataFrame:
        """Rows with start <= ts < end (UTC ns) in time order, as known at `as_of` (a version or a commit time in UTC ns).

        Every block is checked before it is parsed; StoreError names one that is missing or altered. No data gives an empty frame.
        """
        frames = list(self.chunks(table, symbols, start, end, as_of=as_of))
        shape = table_named(table)
        if not frames:
            return pl.DataFrame(schema={column.name: column.dtype for column in shape.columns})
        rows = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")
        if in_order(rows, shape):
            return rows
        return rows.sort("ts", shape.identity[0], maintain_order=True)

    def chunks(
        self,
        table: str,
        symbols: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        as_of: int | str | None = None,
    ) -> Iterator[pl.DataFrame]:
        """The rows of `scan`, one frame per symbol and day (by symbol, then day): memory stays that of a day."""
        table_named(table)
        low, high = start if start is not None else -(2**63), end if end is not None else 2**63 - 1
        ledger = self._backend.ledger

        def looked_up(version: int) -> tuple[list[Day], dict[tuple[str, int], list[Part]]]:
            found = ledger.days(table, symbols, version, (low, high))
            return found, ledger.parts(table, symbols, version, [day.trading_day for day in found])

        days, parts = ledger.at(as_of, looked_up)
        for day in days:
            yield self._rows(day, parts.get((day.symbol, day.trading_day), []), low, high)

    def coverage(
        self, table: str, symbol: str | None = None, *, within: tuple[int, int] | None = None, as_of: int | str | None = None
    ) -> pl.DataFrame:
        """The manifest of every stored day, or of those with rows in [start, end) (UTC ns), read from the ledger only, by symbol and day.

        symbol, trading_day, rows, first_ts, last_ts (UTC ns), low, high, total (of row hashes, see docs/store.md), levels (deepest of the
        book, 0 where there is none), parts, content (names the day's rows), source.
        """
        ledger = self._backend.ledger
        fields = ", ".join("day" if name == "trading_day" else name for name in (*_FIELDS, *_HASHES, *_FACTS))
        symbols, reach = None if symbol is None else [symbol], (-(2**63), 2**63 - 1) if within is None else within
        found = ledger.at(as_of, lambda version: ledger.rows_of_days(fields, table_named(table).name, symbols, version, reach))
        frame = pl.DataFrame(found, schema={**_FIELDS, **_HASHES, **_FACTS}, orient="row")
        return frame.with_columns(pl.col(*_HASHES).reinterpret(signed=False))

    def day(self, content: str) -> pl.DataFrame:
        """The rows of one day, by the `content` that `coverage` gives. StoreError when no version has it, or it is missing or altered."""
        found = self._backend.ledger.named(content)
        if found is None:
            raise StoreError(f"no version holds the day {content[:16]}", file=self._backend.place, hint="ask coverage again")
        return self._rows(*found, -(2**63), 2**63 - 1)

    def version(self, as_of: int | str | None = None) -> str:
        """A hash that names the stored rows: equal rows give an equal name, however, wherever and in whatever order they were written."""
        return self._backend.ledger.version(as_of)[1]

    def holds(self, version: str) -> bool:
        """Whether this version can be read: it was written here and not collected."""
        there = self._backend.ledger.query("SELECT 1 FROM versions WHERE hash = ? AND hash <> ''", (version,))
        return version == NO_VERSION or bool(there)

    def examine(self, full: bool = False, *, progress: Callable[[str, float], None] | None = None) -> Soundness:
        """Everything that is wrong: reads each block of the present version (`full`: of every version, and derived days), compares each day
        with its manifest, and the ledger with its own sums. A sound store gives no damage.
        """
        return examined(self._backend, full, progress)

    def ledger_damage(self) -> list[Damage]:
        """What is wrong with the ledger itself: it cannot be read, its rows do not add up to their sums or its days to the version, or it
        is older than the blocks. No block is read.
        """
        return ledger_damage(self._backend)

    def verify(self, full: bool = False) -> int:
        """Number of sound blocks by `examine`. Raises StoreError that names all that is damaged."""
        found = self.examine(full)
        if found.damage:
            told = "; ".join(each.found for each in found.damage)
            count = f"{len(found.damage)} damage{'s' if len(found.damage) > 1 else ''} in the ledger and {found.blocks} blocks"
            raise StoreError(f"{count}: {told}", file=self._backend.place, hint="restore what is damaged from a backup")
        return found.blocks

    def compact(
        self,
        table: str | None = None,
        symbols: Sequence[str] | None = None,
        *,
        progress: Callable[[str, float], None] | None = None,
    ) -> int:
        """Join the parts of every day (of a table and of symbols) that has more than one; gives their number. The rows and so the version's
        name stay; what is no longer read goes with the next `collect`. Raises StoreError, and joins nothing further, at a damaged part.
        """
        return compact(self._backend, self._clock, None if table is None else table_named(table).name, symbols, progress)

    def collect(
        self,
        keep: Iterable[int | str] = (),
        *,
        derived: Iterable[DerivedDay] = (),
        progress: Callable[[str, float], None] | None = None,
    ) -> Collected:
        """Forget every version but the present one and those in `keep` (a version, or a commit time in UTC ns), forget the given derived
        days, and remove the blocks that nothing needs any more, those of writers that were cut off too.

        A reader of a version that is collected meanwhile reads on where the present version has the same day, and otherwise gets a
        StoreError that says so. Raises StoreError for a version that is not there.
        """
        return collect(self._backend, keep, derived, progress)

    def unnamed(self) -> list[str]:
        """Blocks that no version and no derived day needs: a killed writer left them, or one that is at work has not committed them yet."""
        needed = self._backend.ledger.needed()
        return sorted(name for name in self._backend.names() if name not in needed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and connections."""
        self._backend.close()

    def _rows(self, day: Day, parts: Sequence[Part], low: int, high: int) -> pl.DataFrame:
        """A day's rows with low <= ts < high. Where its parts were joined or collected meanwhile, they are looked up again."""
        held = [part for part in parts if part.last_ts >= low and part.first_ts < high] or parts[:1]
        try:
            rows = self._read(day.table, held) if parts else None
        except StoreError:
            if self._backend.ledger.needed() >= {part.name for part in held}:
                raise
            rows = None
        if rows is None:
            found = self._backend.ledger.named(day.content)
            if found is None or not found[1]:
                told = f"{day.table} of {day.symbol}, day {day.trading_day}: this version was collected while it was read"
                raise StoreError(told, file=self._backend.place, hint="read the present version, or keep this one when you collect")
            return self._rows(*found, low, high)
        inside = day.first_ts >= low and day.last_ts < high
        return rows if inside else rows.filter((pl.col("ts") >= low) & (pl.col("ts") < high))

    def _read(self, table: str, parts: Sequence[Part]) -> pl.DataFrame:
        frames = [self._backend.get(part.name, table) for part in parts]
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")
