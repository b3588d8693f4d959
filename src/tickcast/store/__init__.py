"""Where events are kept: immutable blocks of days and a ledger whose transaction is the commit."""

from tickcast.store.manifest import DerivedDay, StoredDefinition
from tickcast.store.store import BACKENDS, Store, Written

__all__ = ["BACKENDS", "DerivedDay", "Store", "StoredDefinition", "Written"]
