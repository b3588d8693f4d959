"""Books as often as they are asked for: after each packet or event, each change, or on a grid."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from tickcast.cleaning import Cleaned
from tickcast.cleaning.order import sequenced
from tickcast.clock import parse_duration
from tickcast.schema import BOOK, conform

__all__ = ["Thinned"]

_ALL = ("packet", "event")


class Thinned:
    """Of visible books in time order those that `every` asks for: all, those that differ from the one before, or the last of each interval.

    An interval's book is stamped with its end, when it is known to be the last. Chunks may be cut anywhere between stamps.
    """

    def __init__(self, every: str) -> None:
        self.every = every
        self._step = 0 if every in (*_ALL, "change") else parse_duration(every)
        self._held = BOOK.empty().with_columns(row=pl.lit(0, pl.Int64))

    def take(self, chunk: Cleaned, *, last: bool) -> Cleaned:
        """The chunk with the books wanted; after the `last` one nothing is waited for."""
        if self.every in _ALL:
            return chunk
        fresh = chunk.frame.with_columns(chunk.numbers.cast(pl.Int64).alias("row"))
        books = pl.concat([self._held, fresh], how="diagonal_relaxed")
        made = self._of_grid(books, last) if self._step else self._changed(books)
        rows = made["row"]
        frame = conform(sequenced(made.drop("row", "sequence")), BOOK)
        return replace(chunk, frame=frame, rows=rows)

    def _changed(self, books: pl.DataFrame) -> pl.DataFrame:
        names = [name for name in books.columns if name.startswith(("bid_", "ask_"))]
        new = pl.int_range(pl.len()).over("symbol") == 0
        differs = pl.any_horizontal(new, *(pl.col(name).ne_missing(pl.col(name).shift(1).over("symbol")) for name in names))
        made = books.with_row_index("at").filter(differs).filter(pl.col("at") >= len(self._held)).drop("at")
        self._held = books.group_by("symbol", maintain_order=True).last().select(books.columns)
        return made

    def _of_grid(self, books: pl.DataFrame, last: bool) -> pl.DataFrame:
        due = -(-pl.col("ts") // self._step) * self._step
        newest = None if last else books.select(due.max()).item()
        done = books if newest is None else books.filter(due < newest)
        self._held = books.clear() if newest is None else books.filter(due >= newest)
        made = done.with_columns(ts=due).group_by("symbol", "ts", maintain_order=True).last()
        return made.select(books.columns).sort("row")
