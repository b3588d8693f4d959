"""Ingest: a source's history, cleaned, placed in sessions and committed to the store."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tickcast.calendars import Calendar, calendar
from tickcast.config import DataConfig
from tickcast.errors import DataError, SourceError, StoreError
from tickcast.lifecycle.progress import Progress
from tickcast.sources import SOURCES, FileSource, Source
from tickcast.store import Store

__all__ = ["Ingested", "ingest"]


@dataclass(frozen=True)
class Ingested:
    """What an ingest committed.

    Parameters
    ----------
    version: content hash of the dataset afterwards.
    rows: rows read and held by a session.
    outside: rows stamped outside every session of the calendar, set aside.
    quarantined: rows per reason, set aside by the cleaning rules.
    files: SHA-256 of each input file by name.
    """

    version: str
    rows: int
    outside: int
    quarantined: Mapping[str, int]
    files: Mapping[str, str]


def _remembered(receipt: Path, digests: Mapping[str, str]) -> Ingested | None:
    """What a receipt says; a damaged one is worth no more than none, since reading again is harmless."""
    try:
        kept = json.loads(receipt.read_text(encoding="utf-8"))
        counts = {str(reason): int(count) for reason, count in kept["quarantined"].items()}
        return Ingested(str(kept["version"]), int(kept["rows"]), int(kept["outside"]), MappingProxyType(counts), digests)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _holds(store: Store, version: str) -> bool:
    try:
        store.version(version)
    except StoreError:
        return False
    return True


def _digest(path: Path) -> str:
    outer = Path(str(path).partition("!")[0])  # a member is named archive!member
    try:
        stream = outer.open("rb")
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", file=outer, hint="check its name and permissions") from None
    with stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _source(data: DataConfig) -> Source:
    """The configured source, which knows its files. Raises SourceError or DataError naming what is absent or not known."""
    kind = SOURCES[data.source]
    arguments = {**data.options, "table": data.table, "symbol": data.symbol}
    if data.source == "simulated":
        arguments |= {"calendar": data.calendar, "tick": data.tick}
    elif data.files is None and issubclass(kind, FileSource):
        raise SourceError("no files are named", field="data.files", hint="name a file, a folder or a glob")
    elif data.files is not None:
        arguments |= {"files": data.files}
    try:
        return kind(**arguments)
    except (TypeError, ValueError, AttributeError) as error:
        hint = f"see the options of {kind.__name__} in docs/sources.md"
        raise DataError(f"source {data.source}: {error}", field="data.options", hint=hint) from None


def ingest(data: DataConfig, store: Store, receipts: Path, progress: Progress) -> Ingested:
    """Read, clean and commit; the same files under the same settings are read once.

    Parameters
    ----------
    data: what to read.
    store: where to commit it; writing the same rows again changes nothing.
    receipts: folder of small JSON files that remember what was committed from which files.

    Raises SourceError or DataError naming file, row and field; chunks before the failing one stay committed and are harmless to repeat.
    """
    source = _source(data)
    digests = {path.name: _digest(path) for path in source.files}
    key = hashlib.sha256(json.dumps([data.model_dump(mode="json", exclude={"files"}), digests], sort_keys=True).encode()).hexdigest()
    receipt = receipts / f"{key[:32]}.json"
    kept = _remembered(receipt, digests)
    if kept is not None and _holds(store, kept.version):
        return kept
    rows, outside, reasons = 0, 0, Counter[str]()
    sessions: Calendar = calendar(data.calendar)
    for chunk in source.history(progress=progress.within("read")):
        placed = sessions.assign(chunk.frame)
        rows, outside = rows + len(placed.rows), outside + len(placed.outside)
        reasons.update(chunk.counts)
        if len(placed.rows):
            store.write(data.table, placed.rows, source=chunk.origin or data.source, progress=progress.within("store"))
    if rows == 0:
        raise DataError(f"no usable row was read ({dict(reasons)} quarantined, {outside} outside sessions)", file=data.files)
    version = store.version()
    receipts.mkdir(parents=True, exist_ok=True)
    receipt.write_text(json.dumps({"version": version, "rows": rows, "outside": outside, "quarantined": dict(reasons)}))
    return Ingested(version, rows, outside, MappingProxyType(dict(reasons)), digests)
