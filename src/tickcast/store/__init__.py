"""Where events are kept: immutable day files and a ledger whose transaction is the commit."""

from tickcast.store.store import Store, Written

__all__ = ["Store", "Written"]
