"""Where events are kept: immutable day files and a ledger whose transaction is the commit."""

from tickcast.store.definitions import StoredDefinition
from tickcast.store.derived import DerivedDay
from tickcast.store.store import Store, Written

__all__ = ["DerivedDay", "Store", "StoredDefinition", "Written"]
