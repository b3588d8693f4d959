"""Where events are kept: immutable blocks of days and a ledger whose transaction is the commit."""

from tickcast.store.manifest import DerivedDay, StoredDefinition
from tickcast.store.soundness import Damage, Soundness
from tickcast.store.store import BACKENDS, Store, Written
from tickcast.store.sweep import Collected

__all__ = ["BACKENDS", "Collected", "Damage", "DerivedDay", "Soundness", "Store", "StoredDefinition", "Written"]
