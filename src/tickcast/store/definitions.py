"""Definitions kept in the ledger: a name, a version, a hash and two documents. What they mean is the caller's business."""

from __future__ import annotations

from dataclasses import dataclass

from tickcast.errors import StoreError
from tickcast.store.ledger import Ledger

__all__ = ["Definitions", "StoredDefinition"]

_FIELDS = "name, version, hash, document, facts, registered, retired"


@dataclass(frozen=True)
class StoredDefinition:
    """One version of a definition.

    Parameters
    ----------
    name, version: its key; versions count from 1.
    hash: of the definition.
    document, facts: JSON texts: the definition itself, and what is told about it.
    registered, retired: UTC ns; `retired` is None while it is in use.
    """

    name: str
    version: int
    hash: str
    document: str
    facts: str
    registered: int
    retired: int | None = None


class Definitions:
    """The definitions in a ledger. A version, once written, never changes but for being retired."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def versions(self, name: str | None = None) -> list[StoredDefinition]:
        """Every version of `name`, or of all names, ordered by name and version."""
        where, values = ("WHERE name = ?", (name,)) if name is not None else ("", ())
        found = self._ledger.query(f"SELECT {_FIELDS} FROM definitions {where} ORDER BY name, version", values)
        return [StoredDefinition(*row) for row in found]

    def add(self, new: StoredDefinition) -> None:
        """Write the version that follows the last one. Raises StoreError where another process has written it meanwhile."""
        with self._ledger.change() as execute:
            latest = int(next(iter(execute("SELECT coalesce(max(version), 0) FROM definitions WHERE name = ?", (new.name,))))[0])
            if new.version != latest + 1:
                found = f"{new.name} has {latest} version{'s' if latest != 1 else ''}, so the next one is not {new.version}"
                raise StoreError(found, file=self._ledger.path, hint="look at its versions and register again")
            values = (new.name, new.version, new.hash, new.document, new.facts, new.registered, new.retired)
            execute("INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def retire(self, name: str, version: int, at: int) -> None:
        """Mark a version as no longer used from `at` (UTC ns) on; one retired before keeps its time."""
        with self._ledger.change() as execute:
            execute("UPDATE definitions SET retired = coalesce(retired, ?) WHERE name = ? AND version = ?", (at, name, version))
