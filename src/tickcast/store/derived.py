"""Derived rows: days computed from stored days, with the state from which the next day goes on.

A day is named by what it was computed from (`inputs`, a hash the caller chooses so that equal inputs give an equal hash), so a day never
changes: other inputs make another day beside it. Writing one is a commit of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tickcast.errors import StoreError
from tickcast.store.day_file import decode, encode
from tickcast.store.durable import exclusive, place
from tickcast.store.ledger import Ledger

__all__ = ["Derived", "DerivedDay"]

_FIELDS = "kind, symbol, day, inputs, file, rows, made, source"


@dataclass(frozen=True)
class DerivedDay:
    """Manifest of one derived day.

    Parameters
    ----------
    kind: what was computed, as nq24@1.
    symbol, trading_day: for which rows.
    inputs: hash of everything it was computed from.
    file: SHA-256 that names its file; `rows` in it.
    made: UTC ns.
    source: JSON of the caller's.
    """

    kind: str
    symbol: str
    trading_day: int
    inputs: str
    file: str
    rows: int
    made: int
    source: str


class Derived:
    """The derived days of a store."""

    def __init__(self, folder: Path, ledger: Ledger, path: Callable[[str], Path]) -> None:
        self._folder, self._ledger, self._path = folder, ledger, path

    def days(self, kind: str | None = None, symbol: str | None = None) -> list[DerivedDay]:
        """Manifests of a kind and symbol, or of all, ordered by kind, symbol and day."""
        asked = {name: value for name, value in (("kind", kind), ("symbol", symbol)) if value is not None}
        where = " AND ".join(["1", *(f"{name} = ?" for name in asked)])
        text = f"SELECT {_FIELDS} FROM derived WHERE {where} ORDER BY kind, symbol, day, made, inputs"
        return [DerivedDay(*row) for row in self._ledger.query(text, tuple(asked.values()))]

    def state(self, day: DerivedDay) -> bytes:
        """What the computation remembered at the day's end. Raises StoreError when it is damaged."""
        key = (day.kind, day.symbol, day.trading_day, day.inputs)
        found = self._ledger.query("SELECT state FROM derived WHERE kind = ? AND symbol = ? AND day = ? AND inputs = ?", key)
        if not found:
            raise StoreError(f"no day {day.trading_day} of {day.kind} for {day.symbol}", file=self._ledger.path, hint="compute it again")
        try:
            return zlib.decompress(found[0][0])
        except zlib.error as error:
            raise StoreError(
                f"the state of {day.kind} for {day.symbol} at the end of day {day.trading_day} is damaged: {error}",
                file=self._ledger.path,
                hint="restore the ledger from a backup",
            ) from error

    def read(self, day: DerivedDay) -> pl.DataFrame:
        """The rows of a day; its file is hashed before it is parsed. Raises StoreError naming a file that is missing or altered."""
        return decode(self._path(day.file), day.file)

    def holds(self, day: DerivedDay) -> bool:
        """Whether the day's file is there; what is in it is checked when it is read."""
        return self._path(day.file).is_file()

    def write(self, key: tuple[str, str, int, str], rows: pl.DataFrame, state: bytes, *, made: int, source: str) -> DerivedDay:
        """Commit the day of `key` (kind, symbol, trading day, inputs); on return it is on disk. A day that is there already stays;
        its file is written again.

        Raises StoreError when the disk refuses, or when the same inputs gave other rows before: then the computation is not one.
        """
        digest, content = encode(rows)
        new = DerivedDay(*key, digest, len(rows), made, source)
        with exclusive(self._folder / "write.lock"):
            place({self._path(digest): content}, self._folder / "scratch")
            with self._ledger.change() as execute:
                values = (*key, digest, len(rows), zlib.compress(state, 1), made, source)
                execute("INSERT OR IGNORE INTO derived VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
                where = "WHERE kind = ? AND symbol = ? AND day = ? AND inputs = ?"
                kept = DerivedDay(*next(iter(execute(f"SELECT {_FIELDS} FROM derived {where}", key))))
        if kept.file != new.file:
            found = f"{new.kind} for {new.symbol}, day {new.trading_day}: the same inputs gave other rows before"
            raise StoreError(found, file=self._path(kept.file), hint="keep one release of tickcast and its Parquet writer per store")
        return kept
