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
from tickcast.sources import SOURCES, Source
from tickcast.store import Store

__all__ = ["Ingested", "files_of", "ingest"]


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


def files_of(data: DataConfig) -> tuple[Path, ...]:
    """The files a configuration names, in order of name. Raises SourceError when there are none."""
    if data.files is None:
        return ()
    path = Path(data.files)
    if path.is_dir():
        found = tuple(sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")))
    elif path.is_file():
        found = (path,)
    else:
        found = tuple(sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor) if path.anchor else path))))
    if not found:
        raise SourceError("no such file or folder", file=data.files, hint="set data.files, or TICKCAST_TEST_DATA for the shared data")
    return found


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
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _source(data: DataConfig, files: tuple[Path, ...]) -> Source:
    """The configured source. Raises DataError naming an option that the source does not know."""
    kind = SOURCES[data.source]
    arguments = dict(data.options)
    if data.source == "simulated":
        arguments |= {"symbol": data.symbol, "table": data.table, "calendar": data.calendar, "tick": data.tick}
    elif data.source == "table":
        arguments |= {"files": files, "table": data.table, "symbol": data.symbol}
    else:
        arguments |= {"files": files, "table": data.table}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise DataError(f"source {data.source}: {error}", field="data.options") from None


def ingest(data: DataConfig, store: Store, receipts: Path, progress: Progress) -> Ingested:
    """Read, clean and commit; the same files under the same settings are read once.

    Parameters
    ----------
    data: what to read.
    store: where to commit it; writing the same rows again changes nothing.
    receipts: folder of small JSON files that remember what was committed from which files.

    Raises SourceError or DataError naming file, row and field; chunks before the failing one stay committed and are harmless to repeat.
    """
    files = files_of(data)
    digests = {path.name: _digest(path) for path in files}
    key = hashlib.sha256(json.dumps([data.model_dump(mode="json", exclude={"files"}), digests], sort_keys=True).encode()).hexdigest()
    receipt = receipts / f"{key[:32]}.json"
    kept = _remembered(receipt, digests)
    if kept is not None and _holds(store, kept.version):
        return kept
    rows, outside, reasons = 0, 0, Counter[str]()
    sessions: Calendar = calendar(data.calendar)
    for chunk in _source(data, files).history(progress=progress.within("read")):
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
