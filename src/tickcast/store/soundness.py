"""What is wrong with a store: every damaged block, every day that is not as its manifest says, and a ledger that does not add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tickcast.errors import StoreError
from tickcast.store.base import Backend
from tickcast.store.manifest import Day, Part
from tickcast.store.sweep import joined

__all__ = ["Damage", "Soundness", "examined", "ledger_damage"]


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong: the ledger, or a block by its name; whose it is, and what was found, in one line."""

    name: str
    symbol: str
    trading_day: int | None
    found: str


@dataclass(frozen=True)
class Soundness:
    """What an examination found: blocks that were read, and all that is wrong; nothing is where the store is sound."""

    blocks: int
    damage: tuple[Damage, ...]


def ledger_damage(backend: Backend) -> list[Damage]:
    """What is wrong with the ledger itself, without reading a block; see `Store.ledger_damage`."""
    found = backend.ledger.faults()
    newest = max((int(name.rpartition("-")[2], 16) for name in backend.names()), default=0)
    if newest > backend.ledger.fence() + 1:  # a writer at work, or killed, is one ahead
        found.append(f"it is older than the blocks: fence {backend.ledger.fence()}, theirs {newest}")
    return [Damage("ledger", "", None, each) for each in found]


def examined(backend: Backend, full: bool, progress: Callable[[str, float], None] | None) -> Soundness:
    """Read everything of the present version, or of every version and all derived days; see `Store.examine`."""
    damage = ledger_damage(backend)
    try:
        blocks, bad = _examined(backend, full, progress)
    except (StoreError, ValueError, TypeError, KeyError) as error:  # what a damaged ledger says may be anything
        if not damage:
            raise
        return Soundness(0, (*damage, Damage("ledger", "", None, f"cannot be followed: {error}")))
    return Soundness(blocks, (*damage, *bad))


def _examined(backend: Backend, full: bool, progress: Callable[[str, float], None] | None) -> tuple[int, list[Damage]]:
    ledger = backend.ledger
    version, damage, seen = ledger.version()[0], [], 0
    total = max(1, int(ledger.query("SELECT (SELECT count(*) FROM parts) + (SELECT count(*) FROM derived)")[0][0]))
    for day in ledger.days(None, None, version):
        if progress is not None and seen % 64 == 0:
            progress(f"reading {day.table} of {day.symbol}", seen / total)
        parts = ledger.parts(day.table, [day.symbol], version).get((day.symbol, day.trading_day), [])
        seen += len(parts)
        damage += _torn(backend, day, parts)
    if full:
        others = ledger.query("SELECT name, kind, symbol, day FROM parts WHERE removed IS NOT NULL")
        others += ledger.query("SELECT part, kind, symbol, day FROM derived")
        for at in range(0, len(others), 64):
            if progress is not None:
                progress("reading earlier versions and derived days", seen / total)
            damage += _unreadable(backend, others[at : at + 64])
            seen += len(others[at : at + 64])
    return seen, damage


def _torn(backend: Backend, day: Day, parts: Sequence[Part]) -> list[Damage]:
    """What is wrong with a day. One that was written anew and collected meanwhile is not asked for; joined parts are looked up again."""
    while True:
        if not parts:
            found = backend.ledger.named(day.content)
            if found is None or not found[1]:
                return []
            day, parts = found
        try:
            joined(backend, day, parts)
            return []
        except StoreError as torn:
            if backend.ledger.needed() >= {part.name for part in parts}:
                bad = _unreadable(backend, [(part.name, day.table, day.symbol, day.trading_day) for part in parts])
                return bad or [Damage(parts[0].name, day.symbol, day.trading_day, str(torn))]
            parts = []


def _unreadable(backend: Backend, blocks: Iterable[tuple[Any, ...]]) -> list[Damage]:
    out = []
    for name, kind, symbol, day in blocks:
        try:
            backend.get(name, kind)
        except StoreError as error:
            out.append(Damage(name, symbol, day, str(error)))
    needed = backend.ledger.needed() if out else set()  # what was collected meanwhile is no damage
    return [each for each in out if each.name in needed]
