"""`compact` joins the parts of days; `collect` forgets versions that nobody needs and removes blocks that nothing names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import polars as pl

from tickcast.errors import StoreError
from tickcast.store.base import Backend, Block
from tickcast.store.manifest import Day, DerivedDay, Part, summary
from tickcast.store.records import Collect, Commit

__all__ = ["Collected", "collect", "compact", "joined"]

_BATCH = 64
"""Days joined under one lock, so that a writer waits no longer than that."""


@dataclass(frozen=True)
class Collected:
    """What a collection removed: versions, and blocks."""

    versions: int
    blocks: int


def joined(backend: Backend, day: Day, parts: Sequence[Part]) -> pl.DataFrame:
    """The rows of a day, out of its parts. Raises StoreError naming a damaged part, or a day that is not as its manifest says."""
    frames = [backend.get(part.name, day.table) for part in parts]
    rows = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")
    if replace(day, **asdict(summary(rows))) != day:
        found = f"{day.table} of {day.symbol}, day {day.trading_day}: the rows are not those of the manifest"
        raise StoreError(found, file=backend.place, hint="restore the store from a backup")
    return rows


def compact(
    backend: Backend,
    clock: Callable[[], int],
    table: str | None,
    symbols: Sequence[str] | None,
    progress: Callable[[str, float], None] | None,
) -> int:
    """Join the parts of every day that has more than one; see `Store.compact`."""
    ledger = backend.ledger
    found = [day for day in ledger.days(table, symbols, ledger.version()[0]) if day.parts > 1]
    for at in range(0, len(found), _BATCH):
        some = found[at : at + _BATCH]
        if progress is not None:
            progress(f"joining {some[0].symbol}", at / len(found))
        _compact(backend, clock, {(day.table, day.symbol, day.trading_day) for day in some})
    return len(found)


def _compact(backend: Backend, clock: Callable[[], int], keys: set[tuple[str, str, int]]) -> None:
    with backend.exclusive():
        ledger = backend.ledger
        fence, version = ledger.fence() + 1, ledger.version()[0]
        work = []
        for table, symbol in sorted({key[:2] for key in keys}):
            parts = ledger.parts(table, [symbol], version)
            days = (day for day in ledger.days(table, [symbol], version) if (table, symbol, day.trading_day) in keys)
            work += [(day, parts[symbol, day.trading_day]) for day in days if day.parts > 1]
        if work:
            blocks = (Block(day.table, day.symbol, day.trading_day, joined(backend, day, parts)) for day, parts in work)
            names = backend.put(blocks, fence)
            made = tuple(
                Part(name, day.table, day.symbol, day.trading_day, day.rows, day.first_ts, day.last_ts)
                for name, (day, _) in zip(names, work, strict=True)
            )
            gone = tuple(part.name for _, parts in work for part in parts)
            backend.commit(Commit(fence, clock(), "compact", tuple(replace(day, parts=1) for day, _ in work), gone, made))


def collect(
    backend: Backend, keep: Iterable[int | str], derived: Iterable[DerivedDay], progress: Callable[[str, float], None] | None
) -> Collected:
    """Forget versions and remove blocks; see `Store.collect`."""
    with backend.exclusive():
        ledger = backend.ledger
        fence, before = ledger.fence() + 1, _versions(backend)
        numbers = tuple(sorted({ledger.version(each)[0] for each in keep}))
        keys = tuple((day.kind, day.symbol, day.trading_day, day.inputs) for day in derived)
        backend.commit(Collect(fence, numbers, keys))
        needed = backend.ledger.needed()
        # a block under a larger number belongs to a writer that has overtaken us
        left = [name for name in backend.names() if name not in needed and int(name.rpartition("-")[2], 16) <= fence]
        backend.drop(_each(left, progress))
        return Collected(before - _versions(backend), len(left))


def _each(names: Sequence[str], progress: Callable[[str, float], None] | None) -> Iterator[str]:
    for at, name in enumerate(names):
        if progress is not None and at % _BATCH == 0:
            progress("removing blocks", at / len(names))
        yield name


def _versions(backend: Backend) -> int:
    return int(backend.ledger.query("SELECT count(*) FROM versions WHERE hash <> ''")[0][0])
