"""Derived rows: days computed from stored days, with the state from which the next day goes on.

A day is named by what it was computed from (`inputs`, a hash the caller chooses so that equal inputs give an equal hash), so a day never
changes: other inputs make another day beside it. Writing one is a commit of its own.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import final

import polars as pl

from tickcast.errors import StoreError
from tickcast.store.base import Backend, Block
from tickcast.store.manifest import DerivedDay
from tickcast.store.records import Derive
from tickcast.store.row_hash import row_hashes

__all__ = ["Derived"]

_FIELDS = "kind, symbol, day, inputs, part, rows, content, made, source"


@final
class Derived:
    """The derived days of a store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def days(self, kind: str | None = None, symbol: str | None = None) -> list[DerivedDay]:
        """Manifests of a kind and symbol, or of all, ordered by kind, symbol and day."""
        asked = {name: value for name, value in (("kind", kind), ("symbol", symbol)) if value is not None}
        where = " AND ".join(["1", *(f"{name} = ?" for name in asked)])
        text = f"SELECT {_FIELDS} FROM derived WHERE {where} ORDER BY kind, symbol, day, made, inputs"
        return [DerivedDay(*row) for row in self._backend.ledger.query(text, tuple(asked.values()))]

    def state(self, day: DerivedDay) -> bytes:
        """What the computation remembered at the day's end. Raises StoreError when it is damaged."""
        key = (day.kind, day.symbol, day.trading_day, day.inputs)
        text = "SELECT state FROM derived WHERE kind = ? AND symbol = ? AND day = ? AND inputs = ?"
        found = self._backend.ledger.query(text, key)
        if not found:
            raise StoreError(f"no day {day.trading_day} of {day.kind} for {day.symbol}", file=self._backend.place, hint="compute it again")
        try:
            return zlib.decompress(found[0][0])
        except zlib.error as error:
            raise StoreError(
                f"the state of {day.kind} for {day.symbol} at the end of day {day.trading_day} is damaged: {error}",
                file=self._backend.place,
                hint="restore the ledger from a backup",
            ) from error

    def read(self, day: DerivedDay) -> pl.DataFrame:
        """The rows of a day; they are checked before they are parsed. Raises StoreError naming what is missing or altered."""
        return self._backend.get(day.part, day.kind)

    def holds(self, day: DerivedDay) -> bool:
        """Whether the day's rows are there; what is in them is checked when they are read."""
        return self._backend.holds(day.part, day.kind)

    def write(self, key: tuple[str, str, int, str], rows: pl.DataFrame, state: bytes, *, made: int, source: str) -> DerivedDay:
        """Commit the day of `key` (kind, symbol, trading day, inputs); on return it is durable. A day that is there already keeps its
        manifest and its rows are kept again.

        Raises StoreError when the disk refuses, or when the same inputs gave other rows before: then the computation is not one.
        """
        hashes = row_hashes(rows)
        facts = (len(rows), *((int(hashes.min()), int(hashes.max()), int(hashes.sum())) if len(rows) else ()))
        content = hashlib.sha256(" ".join(map(str, (*rows.schema.items(), *facts))).encode()).hexdigest()
        with self._backend.exclusive():
            fence = self._backend.ledger.fence() + 1
            (part,) = self._backend.put([Block(key[0], key[1], key[2], rows)], fence)
            new = DerivedDay(*key, part, len(rows), content, made, source)
            self._backend.commit(Derive(fence, new, state))
        where = "kind = ? AND symbol = ? AND day = ? AND inputs = ?"
        return DerivedDay(*self._backend.ledger.query(f"SELECT {_FIELDS} FROM derived WHERE {where}", key)[0])
