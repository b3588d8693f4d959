"""The server backend: blocks of rows in QuestDB's tables, and a log of changes in which the first record of a number wins.

A change is checked against the ledger as it is after n records and appended as record n + 1. Whoever reads the log applies the first
record of each number and passes over the others, so all clients hold the same ledger, and a writer that was overtaken finds its number
taken.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import polars as pl

from tickcast.durable import exclusive
from tickcast.errors import StoreError
from tickcast.store.base import Backend, Block
from tickcast.store.ledger import Ledger
from tickcast.store.quest_address import QuestAddress
from tickcast.store.quest_blocks import QuestBlocks
from tickcast.store.quest_log import QuestLog
from tickcast.store.quest_wire import QuestWire
from tickcast.store.records import Collect, Record, from_json, to_json

__all__ = ["Quest"]

_TRIES = 1000


@final
class Quest(Backend):
    """A dataset in a QuestDB server; made if absent.

    Parameters
    ----------
    address: of the server and the dataset.
    token: gives a text that no other call anywhere gives; it marks a record as ours.
    clock: seconds, for deadlines.
    patience: seconds without progress after which the server is given up, and a writer that holds the lock is overtaken.
    """

    def __init__(
        self,
        address: QuestAddress,
        *,
        token: Callable[[], object] = uuid.uuid4,
        clock: Callable[[], float] = time.monotonic,
        patience: float = 60.0,
    ) -> None:
        self._address, self._token, self._clock, self._patience = address, token, clock, patience
        self._alive: Callable[[], None] = lambda: None
        self._wire = QuestWire(address, clock=clock, patience=patience)
        self._log = QuestLog(self._wire, f"{address.name}_log")
        self._blocks = QuestBlocks(self._wire, address.name, lambda: str(token()))
        self._ledger, self._applied = Ledger(":memory:", str(address)), 0

    @property
    def place(self) -> str:
        return str(self._address)

    @property
    def ledger(self) -> Ledger:
        self._replay()
        return self._ledger

    def commit(self, change: Record) -> None:
        document, token = to_json(change), str(self._token())
        self._replay()
        for _ in range(_TRIES):
            self._ledger.check(change)
            try:
                self._log.append(self._applied + 1, token, document)
            except StoreError:
                # the record may be there all the same: only the log can tell, once the server answers again
                self._wire.reconnect()
                if token in self._replay():
                    return
                raise
            if token in self._replay():
                return
        raise StoreError(f"other writers were first {_TRIES} times", file=self.place, hint="write again")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with exclusive(self._locks() / f"{self._address.http}-{self._address.name}.lock", self._patience, clock=self._clock) as self._alive:
            yield

    def put(self, blocks: Iterable[Block], fence: int) -> list[str]:
        return self._blocks.put(blocks, fence, self._alive)

    def get(self, name: str, kind: str) -> pl.DataFrame:
        return self._blocks.get(name)

    def holds(self, name: str, kind: str) -> bool:
        return self._blocks.holds(name)

    def names(self) -> Iterator[str]:
        return self._blocks.names()

    def drop(self, names: Iterable[str]) -> None:
        self._blocks.drop(names)
        self._blocks.renew(self._fenced, self._alive)

    def close(self) -> None:
        self._wire.close()
        self._ledger.close()

    def _fenced(self) -> None:
        """Take a fencing number and change nothing else."""
        for _ in range(_TRIES):
            ledger = self.ledger
            fence = ledger.fence() + 1
            versions = tuple(int(row[0]) for row in ledger.query("SELECT id FROM versions WHERE hash <> ''"))
            try:
                self.commit(Collect(fence, versions, ()))
                return
            except StoreError:
                if self.ledger.fence() < fence:
                    raise
        raise StoreError(f"other writers were first {_TRIES} times", file=self.place, hint="collect again")

    def _locks(self) -> Path:
        """The folder of locks, ours alone: the temporary folder is everybody's."""
        folder = Path(tempfile.gettempdir()) / f"tickcast-questdb-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
        except OSError as error:
            raise StoreError(f"cannot be used: {error.strerror}", file=folder, hint="free or mend the temporary folder") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise StoreError("is not a folder of ours alone", file=folder, hint="remove it")
        return folder

    def _replay(self) -> set[str]:
        """Bring the ledger up to date; the tokens of the records that were applied."""
        out = set()
        for entry in self._log.fresh():
            if entry.number == self._applied + 1:
                self._ledger.apply(from_json(entry.document))
                self._applied += 1
                out.add(entry.token)
        return out
