"""The store a command names: a folder that holds one, or the address of a server. Looking makes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tickcast.errors import StoreError

if TYPE_CHECKING:
    from tickcast.store import Store

__all__ = ["is_store", "stored"]


def is_store(where: str) -> bool:
    """Whether `where` is a folder that holds a store, or an address: looking makes none."""
    return "://" in where or (Path(where) / "ledger.sqlite").is_file()


@contextmanager
def stored(where: str) -> Iterator[Store]:
    """The store at `where`, for reading what is there. Raises StoreError where a folder holds none."""
    if not is_store(where):
        raise StoreError("holds no store", file=where, hint="name another with --store, or fill this one: tickcast ingest CONFIG")
    from tickcast.store import Store

    with Store.open(where) as kept:
        yield kept
