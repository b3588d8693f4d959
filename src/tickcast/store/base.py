"""The contract of a store's backend: a ledger that takes typed changes, and immutable blocks of rows. docs/store.md tells the rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import polars as pl

from tickcast.store.ledger import Ledger
from tickcast.store.records import Record

__all__ = ["Backend", "Block"]


@dataclass(frozen=True)
class Block:
    """Rows that are kept together: some or all of one symbol's day.

    Parameters
    ----------
    kind: the table's name, or what was computed, as nq24@1; rows of one table may differ in the context columns they have.
    symbol, trading_day: whose and which day.
    rows: in the order in which `Backend.get` gives them back, with the same columns and types.
    """

    kind: str
    symbol: str
    trading_day: int
    rows: pl.DataFrame


class Backend(ABC):
    """Where a store keeps what it holds. Every failure is a StoreError that names the place.

    Merging, days, manifests, versions and every check of a change are shared code (`Store`, `Ledger.apply`), so that all backends give
    the same answers to the bit; a backend only keeps.
    """

    @property
    @abstractmethod
    def place(self) -> str:
        """Folder or address, as errors name it."""

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """The ledger with every change that was committed before this call, by any process."""

    @abstractmethod
    def commit(self, change: Record) -> None:
        """Apply a change by `Ledger.apply`: on return it is durable and seen by all; it happened wholly or not at all.

        The StoreError of a change that `Ledger.apply` refuses passes through, and nothing of it remains.
        """

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Writers take turns, so that none does work for nothing; an overtaken one is kept out by the fencing number in its change."""

    @abstractmethod
    def put(self, blocks: Iterable[Block], fence: int) -> list[str]:
        """Keep blocks; on return they are durable. One is let go before the next is asked for, so memory is a block's.

        Gives their names in order: a hash of the content, `-`, the fencing number. No name is ever used again for other rows, and a name
        under a larger number is never on a list that was made under a smaller one, so an overtaken process deletes nothing that counts.
        """

    @abstractmethod
    def get(self, name: str, kind: str) -> pl.DataFrame:
        """The rows of a block, checked against its name before they are parsed. StoreError names one that is damaged or not there."""

    @abstractmethod
    def holds(self, name: str, kind: str) -> bool:
        """Whether a block is there; what is in it is checked when it is read."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Every block that is there, committed or not."""

    @abstractmethod
    def drop(self, names: Iterable[str]) -> None:
        """Remove blocks, those that are not there too."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
