"""Definitions kept in the ledger: a name, a version, a hash and two documents. What they mean is the caller's business."""

from __future__ import annotations

from typing import final

from tickcast.store.base import Backend
from tickcast.store.manifest import StoredDefinition
from tickcast.store.records import Define, Retire

__all__ = ["Definitions"]

_FIELDS = "name, version, hash, document, facts, registered, retired"


@final
class Definitions:
    """The definitions in a store. A version, once written, never changes but for being retired."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def versions(self, name: str | None = None) -> list[StoredDefinition]:
        """Every version of `name`, or of all names, ordered by name and version."""
        text = f"SELECT {_FIELDS} FROM definitions WHERE name = coalesce(?, name) ORDER BY name, version"
        return [StoredDefinition(*row) for row in self._backend.ledger.query(text, (name,))]

    def add(self, new: StoredDefinition) -> None:
        """Write the version that follows the last one. Raises StoreError where another process has written it meanwhile."""
        self._backend.commit(Define(new))

    def retire(self, name: str, version: int, at: int) -> None:
        """Mark a version as no longer used from `at` (UTC ns) on; one retired before keeps its time."""
        self._backend.commit(Retire(name, version, at))
