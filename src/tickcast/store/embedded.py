"""The embedded backend: a folder of immutable day files and a ledger in SQLite, whose single transaction is the commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import final

import polars as pl

from tickcast.errors import StoreError
from tickcast.store.base import Backend, Block
from tickcast.store.day_file import decode, encode
from tickcast.store.durable import exclusive, place
from tickcast.store.ledger import Ledger
from tickcast.store.records import Record

__all__ = ["Embedded"]


@final
class Embedded(Backend):
    """A store in the folder `where`, made if absent. StoreError where the folder or its ledger cannot be used."""

    def __init__(self, where: str) -> None:
        self._folder = folder = Path(where)
        try:
            (folder / "scratch").mkdir(parents=True, exist_ok=True)
            with exclusive(folder / "open.lock"):
                self._ledger = Ledger(str(folder / "ledger.sqlite"), str(folder / "ledger.sqlite"))
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", file=folder, hint="choose a folder you may write") from error

    @property
    def place(self) -> str:
        return str(self._folder)

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    def commit(self, change: Record) -> None:
        self._ledger.apply(change)

    def exclusive(self) -> AbstractContextManager[None]:
        return exclusive(self._folder / "write.lock")

    def put(self, blocks: Iterable[Block], fence: int) -> list[str]:
        scratch, names, contents = self._folder / "scratch", [], {}
        for left in scratch.iterdir():
            left.unlink(missing_ok=True)
        for block in blocks:
            digest, content = encode(block.rows)
            names.append(f"{digest}-{fence:x}")
            contents[self._path(names[-1])] = content
        place(contents, scratch)
        return names

    def get(self, name: str, kind: str) -> pl.DataFrame:
        return decode(self._path(name), name.partition("-")[0])

    def holds(self, name: str, kind: str) -> bool:
        return self._path(name).is_file()

    def names(self) -> Iterator[str]:
        return (path.stem for path in self._folder.glob("days/??/*.parquet"))

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def close(self) -> None:
        self._ledger.close()

    def _path(self, name: str) -> Path:
        return self._folder / "days" / name[:2] / f"{name}.parquet"
