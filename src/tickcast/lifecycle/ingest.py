"""Ingest: a source's history, cleaned, placed in sessions and committed to the store, chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from tickcast.calendars import Calendar, calendar
from tickcast.config import DataConfig
from tickcast.errors import DataError, StoreError
from tickcast.lifecycle.own_rows import spans_of
from tickcast.lifecycle.progress import Progress
from tickcast.lifecycle.receipts import Ingested, Inputs, Receipts
from tickcast.sources import Cleaned, FileSource, Source
from tickcast.sources.configured import configured
from tickcast.store import Store

__all__ = ["Ingested", "ingest"]

_AT_ONCE = 2_000_000  # rows of one commit: a chunk of many days is written a few days at a time


def ingest(data: DataConfig, store: Store, receipts: Path, progress: Progress, *, changed: bool = False) -> Ingested:
    """Read, clean and commit; the same files under the same settings are read once, and one that was killed goes on after its last chunk.

    Memory is that of one chunk (a file, or a day of a source without files) and of the rows of one commit.

    Parameters
    ----------
    data: what to read.
    store: where to commit it; writing the same rows again changes nothing.
    receipts: folder of small JSON files that remember what was committed from which files.
    changed: take files that changed since they were read as corrections, instead of refusing them.

    Raises SourceError or DataError naming file, row and field; chunks before the failing one stay committed and are harmless to repeat.
    """
    source = configured(data)
    inputs = Inputs.of(source.files, progress.within("hash"))
    kept = Receipts(receipts, data, inputs)
    done = kept.remembered()
    if done is not None and _holds(store, done.version):
        return done
    if not changed:
        kept.refuse_changed()
    before = kept.committed()
    if before and not _holds(store, before[-1].version):
        before = []
    kept.begin(before)
    sessions, committed = calendar(data.calendar), list(before)
    for file, chunk in _chunks(source, len(before), progress):
        committed.append(_commit(chunk, _provenance(data, inputs, file, chunk.origin), data, inputs, store, sessions, progress))
        del chunk
        kept.note(len(committed) - 1, committed[-1])
    whole = Ingested.together(committed, inputs.files) if committed else Ingested(store.version(), 0, 0, MappingProxyType({}), inputs.files)
    if whole.rows == 0:
        raise DataError(
            f"no usable row was read ({dict(whole.quarantined)} quarantined, {whole.outside} outside sessions)", file=data.files
        )
    inputs.unchanged()
    kept.finish(whole, {"source": data.source, "data": data.model_dump(mode="json"), "files": dict(inputs.files)})
    return whole


def _holds(store: Store, version: str) -> bool:
    try:
        store.version(version)
    except StoreError:
        return False
    return True


def _chunks(source: Source, skip: int, progress: Progress) -> Iterator[tuple[Path | None, Cleaned]]:
    """The source's chunks but for the first `skip`, each with its file where it has one."""
    told = progress.within("read")
    if isinstance(source, FileSource):
        parts = iter(source.parts[skip:])
        for chunk in source.history(progress=told, skip=skip):
            yield next(parts), chunk
            del chunk  # else it would be held while the next one is read
        return
    for number, chunk in enumerate(source.history(progress=told)):
        if number >= skip:
            yield None, chunk
        del chunk


def _commit(chunk: Cleaned, origin: str, data: DataConfig, inputs: Inputs, store: Store, sessions: Calendar, told: Progress) -> Ingested:
    """Place and write one chunk; what it gave."""
    placed = sessions.assign(chunk.frame)
    for rows in _batches(placed.rows):
        store.write(data.table, rows, source=origin, progress=told.within("store"))
    spans = spans_of(placed.rows, data.table)
    return Ingested(store.version(), len(placed.rows), len(placed.outside), chunk.counts, inputs.files, spans)


def _provenance(data: DataConfig, inputs: Inputs, file: Path | None, origin: str) -> str:
    """Where the rows of a chunk come from, as JSON: source, options, and the file with its SHA-256 where there is one."""
    told: dict[str, Any] = {"source": data.source, "options": dict(data.options)}
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
