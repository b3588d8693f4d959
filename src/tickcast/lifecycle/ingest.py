"""Ingest: a source's history, cleaned, placed in sessions and committed to the store, chunk by chunk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from tickcast.calendars import calendar
from tickcast.clock import DAY, day_number
from tickcast.config import DataConfig
from tickcast.errors import DataError, SourceError, TickcastError
from tickcast.lifecycle.own_rows import Span, spans_of
from tickcast.lifecycle.progress import Progress
from tickcast.lifecycle.receipts import Ingested, Inputs, Receipts
from tickcast.record import EarlierRows, Intake, Taken, whole_stamps
from tickcast.schema import CONTRACTS, QUARANTINE, TABLES
from tickcast.sources import Cleaned, FileSource, Source
from tickcast.sources.configured import configured, market_rules
from tickcast.store import Store
from tickcast.upkeep import family, fill, remember

__all__ = ["Ingested", "ingest"]

_AT_ONCE = 2_000_000  # rows of one commit: a chunk of many days is written a few days at a time


def ingest(
    data: DataConfig,
    store: Store,
    receipts: Path,
    progress: Progress,
    *,
    changed: bool = False,
    clock: Callable[[], int] = time.time_ns,
) -> Ingested:
    """Read, clean and commit; the same files under the same settings are read once, and one that was killed goes on after its last chunk.

    A provider is asked for the days from `data.start` to `data.end` that the store does not hold.

    Memory is that of one chunk (a file or a portion of one, or a day of a source without files) and of the rows of one commit.

    Parameters
    ----------
    data: what to read.
    store: where to commit it; writing the same rows again changes nothing.
    receipts: folder of small JSON files that remember what was committed from which files.
    changed: take files that changed since they were read as corrections, instead of refusing them.
    clock: UTC ns; of a provider only days that are over are asked, and a row stamped later has not happened yet and is set aside.

    Raises SourceError or DataError naming file, row and field; chunks before the failing one stay committed and are harmless to repeat.
    """
    source = configured(data)
    if source.remote:
        return _asked(data, source, store, progress, clock)
    inputs = Inputs.of((*source.files, *source.beside), progress.within("hash"))
    kept = Receipts(receipts, data, inputs)
    made_up = data.source == "simulated"
    done, before = _known(kept, store) if made_up or source.files else (None, [])  # a database may have grown
    if done is not None:
        return done
    if not changed:
        kept.refuse_changed()
    kept.refuse_other_rows()
    sessions, committed = calendar(data.calendar), list(before)
    now = None if made_up else clock()  # a market that is made up may lie in the future
    table = TABLES[data.table]
    intake = Intake(table, sessions, market_rules(data, sessions), earlier=EarlierRows(store, table), source=data.source)
    with _begun(kept, before, store):
        if table is not CONTRACTS:
            remember(source.contracts(), store, source=_provenance(data, inputs, None, "what the files tell of contracts"), now=now)
        for file, chunk in _chunks(source, len(before), progress):
            origin, taken = _provenance(data, inputs, file, chunk.origin), intake.take(chunk, now, wanted=_inside(data))
            del chunk
            committed.append(_commit(taken, origin, data, inputs, store, progress))
            del taken
            kept.note(len(committed) - 1, committed[-1])
        whole = Ingested.together(committed, inputs.files) if committed else _nothing(store, inputs)
        if whole.rows == 0:
            raise _nothing_read(whole, data)
    inputs.unchanged()
    kept.finish(whole, {"source": data.source, "data": data.model_dump(mode="json"), "files": dict(inputs.files)})
    return whole


def _known(kept: Receipts, store: Store) -> tuple[Ingested | None, list[Ingested]]:
    """What an ingest of the same gave where the store holds it, else the chunks that one committed before it ended early."""
    done = kept.remembered()
    if done is not None and store.holds(done.version):
        return done, []
    before = kept.committed()
    return None, before if before and store.holds(before[-1].version) else []


@contextmanager
def _begun(kept: Receipts, before: list[Ingested], store: Store) -> Iterator[None]:
    """An ingest that is remembered from here on, unless it fails before anything is committed: a file of which no row was stored may be
    read under other settings. One that was killed here before may have committed what it had no time to note.
    """
    first, version = not kept.begun, store.version()
    kept.begin(before)
    try:
        yield
    except TickcastError:
        if first and store.version() == version:
            kept.forget()
        raise


def _nothing(store: Store, inputs: Inputs) -> Ingested:
    return Ingested(store.version(), 0, 0, MappingProxyType({}), inputs.files)


def _nothing_read(whole: Ingested, data: DataConfig) -> DataError:
    parts = [f"{count:,} set aside as {reason}" for reason, count in whole.quarantined.items()]
    parts += [f"{whole.outside:,} outside the sessions of {data.calendar}"] if whole.outside else []
    parts += [f"{count:,} of {what} not asked for" for what, count in whole.left_out.items()]
    found = f"no usable row was read: {', '.join(parts) or 'it holds none that was asked for'}"
    hint = "check data.symbol and data.table"
    if whole.outside:
        hint = f"check the zone of its times, or name another data.calendar than {data.calendar}"
    elif whole.quarantined:
        hint = "tickcast data quarantine --rows 5 shows them as they were read"
    elif "other_symbol" in whole.left_out:
        hint = f"check data.symbol: none of it is {data.symbol}"
    return DataError(found, file=data.files, hint=hint)


def _wanted(data: DataConfig) -> tuple[int, int]:
    """The first and the last trading day wanted, far away where it is not said."""
    first, last = (None if day is None else day_number(day.isoformat()) for day in (data.start, data.end))
    return first if first is not None else -(2**31), last if last is not None else 2**31 - 1


def _asked(data: DataConfig, source: Source, store: Store, progress: Progress, clock: Callable[[], int]) -> Ingested:
    """The days wanted, of which the missing ones are asked of the provider."""
    if data.start is None:
        raise SourceError("says not from which day on", field="data.start", hint="name the first trading day, as start: 2024-03-01")
    first, last = _wanted(data)
    last = min(last, clock() // DAY + 1)
    done = fill(data, source, family(data, store), store, first, last, clock=clock, progress=progress.within("ask"))
    whole = family(data, store)
    inside = pl.col("trading_day").is_between(first, last) & pl.col("symbol").is_in([*whole.alive, *whole.members])
    held = store.coverage(data.table, as_of=done.version).filter(inside)
    if not len(held):
        raise DataError(f"the provider had nothing of {data.symbol} in these days", field="data.start", hint="check symbol and days")
    named = held.select("symbol", "trading_day", pl.lit(0), "first_ts", "last_ts", "rows")
    spans = tuple(Span(*row) for row in named.iter_rows())
    return Ingested(done.version, int(held["rows"].sum()), done.outside, done.quarantined, MappingProxyType({}), spans)


def _chunks(source: Source, skip: int, progress: Progress) -> Iterator[tuple[Path | None, Cleaned]]:
    """The source's chunks but for the first `skip`, each with its file where it has one."""
    told = progress.within("read")
    if isinstance(source, FileSource):
        yield from source.chunks(told, skip)
        return
    for number, chunk in enumerate(source.history(progress=told)):
        if number >= skip:
            yield None, chunk
        del chunk


def _inside(data: DataConfig) -> pl.Expr | None:
    """Whether a row's trading day is wanted; None where all are."""
    return None if data.start is None and data.end is None else pl.col("trading_day").is_between(*_wanted(data))


def _commit(taken: Taken, origin: str, data: DataConfig, inputs: Inputs, store: Store, told: Progress) -> Ingested:
    """Write what one chunk gave."""
    if len(taken.aside):
        store.write(QUARANTINE.name, taken.aside, source=origin)
    if data.table == CONTRACTS.name:
        remember(taken.rows, store, source=origin, now=None)
        return Ingested(store.version(), len(taken.rows), 0, taken.counts, inputs.files, left_out=taken.left_out)
    table = TABLES[data.table]
    for rows in _batches(whole_stamps(taken.rows, store, table) if taken.counted else taken.rows):
        store.write(data.table, rows, source=origin, progress=told.within("store"))
    spans = spans_of(taken.rows, data.table)
    return Ingested(store.version(), len(taken.rows), taken.outside, taken.counts, inputs.files, spans, taken.left_out)


def _provenance(data: DataConfig, inputs: Inputs, file: Path | None, origin: str) -> str:
    """Where the rows of a chunk come from, as JSON: source, options, and the file with its SHA-256 where there is one."""
    told: dict[str, Any] = {"source": data.source, "options": dict(data.options), "symbol": data.symbol}
    if file is not None:
        name = inputs.names[file]
        told |= {"file": name, "sha256": inputs.files[name]}
    elif origin:
        told |= {"origin": origin}
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def _batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Whole trading days, as many as fit into one commit."""
    if len(rows) <= _AT_ONCE:
        if len(rows):
            yield rows
        return
    days: list[int] = []
    held = 0
    for day, count in rows.group_by("trading_day").len().sort("trading_day").iter_rows():
        if days and held + count > _AT_ONCE:
            yield rows.filter(pl.col("trading_day").is_in(days))
            days, held = [], 0
        days.append(day)
        held += count
    yield rows.filter(pl.col("trading_day").is_in(days))
