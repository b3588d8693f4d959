"""Trading days that have no rows. One empty answer is no proof: it takes the calendar's word, or a second answer an hour later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, final

import polars as pl

from tickcast.store.base import Backend
from tickcast.store.day_rows import table_named
from tickcast.store.records import NoteEmpty, Reopen

__all__ = ["Empty"]

_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "symbol": pl.String,
    "trading_day": pl.Int64,
    "settled": pl.Boolean,
    "word": pl.String,
    "source": pl.String,
}
_TIMES: Mapping[str, type[pl.DataType]] = {"first": pl.Int64, "last": pl.Int64, "answers": pl.Int64}


@final
class Empty:
    """The no-data days of a store; `clock` tells when something was said, in UTC ns."""

    def __init__(self, backend: Backend, clock: Callable[[], int]) -> None:
        self._backend, self._clock = backend, clock

    def note(
        self,
        table: str,
        symbol: str,
        days: Iterable[int],
        *,
        source: str,
        word: Literal["answer", "calendar"] = "answer",
        at: int | None = None,
    ) -> None:
        """Somebody says that these trading days (days since 1970-01-01) have no rows: a provider's empty `answer`, or the `calendar`.

        A day is settled by the calendar's word, or by a second answer at least an hour after the first. Days that hold rows are left out;
        writing rows to a day re-opens it. `at` is when it was said (UTC ns), now unless told.
        """
        said = tuple(sorted({int(day) for day in days}))
        if said:
            self._backend.commit(NoteEmpty(table_named(table).name, symbol, said, source, word, self._clock() if at is None else at))

    def reopen(self, table: str, symbol: str, days: Iterable[int]) -> None:
        """Forget what was said of these trading days, so that they are asked for again."""
        self._backend.commit(Reopen(table_named(table).name, symbol, tuple(sorted({int(day) for day in days}))))

    def days(self, table: str, symbol: str | None = None) -> pl.DataFrame:
        """symbol, trading_day, settled, word, source, first, last (UTC ns), answers, in order; a day not settled is asked again."""
        text = (
            "SELECT symbol, day, settled, word, source, first, last, answers FROM empties WHERE kind = ?1 AND symbol = coalesce(?2, symbol)"
        )
        found = self._backend.ledger.query(text, (table_named(table).name, symbol))
        return pl.DataFrame([(*row[:2], bool(row[2]), *row[3:]) for row in found], schema={**_SCHEMA, **_TIMES}, orient="row")
