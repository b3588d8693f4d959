"""The embedded backend: a folder of immutable day files and a ledger in SQLite, whose single transaction is the commit."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import polars as pl

from tickcast.durable import exclusive, settle, spill
from tickcast.errors import StoreError
from tickcast.store.base import Backend, Block
from tickcast.store.day_file import decode, encode
from tickcast.store.ledger import Ledger
from tickcast.store.records import Record

__all__ = ["Embedded"]

_PATIENCE = 60.0


@final
class Embedded(Backend):
    """A store in the folder `where`, made if absent. StoreError where the folder or its ledger cannot be used.

    A writer that holds the lock and makes no progress for `patience` seconds is overtaken. Where the folder cannot be written, a store that
    is there can be read as it was when it was opened.
    """

    def __init__(self, where: str, patience: float = _PATIENCE) -> None:
        self._folder, self._patience = Path(where), patience
        self._alive: Callable[[], None] = lambda: None
        ledger = self._folder / "ledger.sqlite"
        if ledger.is_file() and not all(os.access(each, os.W_OK) for each in (self._folder, ledger)):
            self._ledger = Ledger(str(ledger), str(ledger), frozen=True)
            self._opened = self._present()
            return
        try:
            (self._folder / "scratch").mkdir(parents=True, exist_ok=True)
            with exclusive(self._folder / "open.lock"):
                if next(self.names(), None) is not None and not (ledger.is_file() and ledger.stat().st_size):
                    raise StoreError("the ledger is gone, the blocks are there", file=ledger, hint="restore it from a backup")
                self._ledger = Ledger(str(ledger), str(ledger))
                self._opened = self._present()
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", file=where, hint="choose a folder you may write") from error

    @property
    def place(self) -> str:
        return str(self._folder)

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    def commit(self, change: Record) -> None:
        self._at_home()  # the blocks were put where the folder is now
        self._ledger.commit(change)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self._ledger.frozen:
            raise StoreError("can be read here, not written", file=self._folder, hint="write where its folder may be written")
        self._at_home()
        with exclusive(self._folder / "write.lock", self._patience) as self._alive:
            yield

    def put(self, blocks: Iterable[Block], fence: int) -> list[str]:
        scratch = self._scratch(fence)
        names: list[str] = []
        moves: list[tuple[Path, Path]] = []
        try:
            for block in blocks:
                digest, content = encode(block.rows)
                names.append(f"{digest}-{fence:x}")
                moves.append((scratch / str(len(moves)), self._path(names[-1])))
                spill(moves[-1][0], content, moves[-1][1])
                self._alive()
            settle(moves, self._alive)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return names

    def get(self, name: str, kind: str) -> pl.DataFrame:
        return decode(self._path(name), name.partition("-")[0])

    def holds(self, name: str, kind: str) -> bool:
        return self._path(name).is_file()

    def names(self) -> Iterator[str]:
        return (path.stem for path in self._folder.glob("days/??/*.parquet"))

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                self._path(name).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"cannot be removed: {error.strerror}", file=self._path(name), hint="check its permissions") from error
            self._alive()

    def close(self) -> None:
        self._ledger.close()

    def _present(self) -> tuple[int, int]:
        found = (self._folder / "ledger.sqlite").stat()
        return found.st_dev, found.st_ino

    def _at_home(self) -> None:
        """Raises StoreError where the folder was moved, or another put in its place: the open ledger is no longer that of the blocks."""
        try:
            here = self._present()
        except OSError:
            here = None
        if here != self._opened:
            raise StoreError("the store was moved or replaced while it was open", file=self._folder, hint="open it again where it is now")

    def _scratch(self, fence: int) -> Path:
        """A folder of our own for temporary names; what writers before us left is removed."""
        scratch = self._folder / "scratch"
        try:
            for left in scratch.iterdir():
                if int(left.name.partition("-")[0], 16) <= fence:
                    shutil.rmtree(left, ignore_errors=True)
            return Path(tempfile.mkdtemp(prefix=f"{fence:x}-", dir=scratch))
        except (OSError, ValueError) as error:
            raise StoreError(f"cannot be written: {error}", file=scratch, hint="free space or mend the disk, then write again") from error

    def _path(self, name: str) -> Path:
        return self._folder / "days" / name[:2] / f"{name}.parquet"
