"""Order-by-order records (schema mbo): the messages of orders, and the books rebuilt from them, one per instrument.

State goes on from block to block, and from one file to the next that begins where it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast._engine import Book
from tickcast.book import OrderBook
from tickcast.errors import SourceError
from tickcast.schema import BOOK
from tickcast.sources.dbn import fixed, stamp
from tickcast.sources.dbn_frames import packet_ends

__all__ = ["OrderBooks", "OrderLives"]

_SNAPSHOT = 32
_NEVER = 2**62
_RECORD = 56
_NONE = MappingProxyType({"row": pl.Int64, "reason": pl.String})
_HINT = "read whole UTC days, which begin with a snapshot, or name the files before it too"
_Numbers = NDArray[np.int64]


@dataclass
class _Kept:
    """What is kept of an instrument: its book, whether all of it was told, and number and name of its last record in this file."""

    book: Any
    begun: bool
    number: int = 1
    code: int = -1


class OrderBooks:
    """Books of all instruments of one file after the other, in the order in which they became visible.

    `take` and `end` give (books, refused). In books, `row` is the record after which each was so, and `code` that record's. Refused events,
    as (row, reason), are those that the book of their instrument could not take.
    """

    def __init__(self, levels: int, every: str) -> None:
        self.levels, self.every = levels, every
        self._kept: dict[int, _Kept] = {}
        self._marks: bool | None = None

    def begin(self, goes_on: bool) -> None:
        """Another file comes. What stood goes on to stand only where it begins when the one before ended."""
        if not goes_on:
            self._kept.clear()
            self._marks = None
        for kept in self._kept.values():
            kept.number, kept.code = 1, -1

    def take(self, records: NDArray[Any], codes: _Numbers, numbers: _Numbers, path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Records with code and number of each. Raises SourceError where a file begins inside a day: what stood is not told."""
        frames, refused = [_no_books()], [_none_refused()]
        if self._marks is None and len(records):
            self._marks = bool(packet_ends(records).any())
        for ident, rows, own in _instruments(records):
            if ident not in self._kept:
                every = self.every if self._marks or self.every != "packet" else "event"
                self._kept[ident] = _Kept(OrderBook(levels=self.levels, every=every, opens=_NEVER), _begins(own))
            kept = self._kept[ident]
            kept.code = int(codes[rows[0]]) if kept.code < 0 else kept.code
            before = kept.book.events
            frame = kept.book.apply_mbo(own)
            at = np.maximum(frame["sequence"].to_numpy() - before, 0)
            placed, named = np.append([kept.number], numbers[rows]), np.append([kept.code], codes[rows])
            frames.append(_placed(frame, placed[at], named[at]))
            refused.append(_refused(kept, before, numbers[rows], own, path))
            kept.number, kept.code = int(placed[-1]), int(named[-1])
        return pl.concat(frames).sort("row", maintain_order=True), pl.concat(refused)

    def end(self, ts: int) -> pl.DataFrame:
        """The file's range ends at `ts`, ns UTC: books of a grid that were due by then."""
        frames = [_no_books()]
        for kept in self._kept.values():
            frame = kept.book.advance(ts)
            frames.append(_placed(frame, np.full(len(frame), kept.number), np.full(len(frame), kept.code)))
        return pl.concat(frames).sort("row", maintain_order=True)


class OrderLives:
    """Messages of the orders of all instruments, as rows of table `orders`.

    An execution is one message: what takes its quantity out of the book afterwards is none. Prints of aggressors belong to `trades`.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def begin(self, goes_on: bool) -> None:
        """As `OrderBooks.begin`."""
        if not goes_on:
            self._kept.clear()

    def take(self, records: NDArray[Any], clock: NDArray[Any], numbers: _Numbers, path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(messages with `row`, refused); `clock` are the same records with the stamps that orders age by. As `OrderBooks.take`."""
        parts, refused = [], [_none_refused()]
        for ident, rows, own in _instruments(clock):
            if ident not in self._kept:
                self._kept[ident] = _Kept(Book(1, "packet", 0, 0, _NEVER), _begins(own))
            kept = self._kept[ident]
            before = kept.book.events
            number, *told = kept.book.lives_mbo(np.ascontiguousarray(own).view(np.uint8))
            parts.append((rows[number - before - 1], *told))
            refused.append(_refused(kept, before, numbers[rows], own, path))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
        at, (kind, size, remaining, age) = columns[0].astype(np.int64), columns[1:]
        own = records[at]
        clear = kind == 9
        frame = pl.DataFrame(
            {
                "row": numbers[at],
                "ts": stamp(own["ts_recv"]),
                "ts_event": stamp(own["ts_event"]),
                "kind": kind.astype(np.int8),
                "order_id": np.ascontiguousarray(own["order_id"]).view(np.int64),
                "size": pl.Series(np.where(clear, np.nan, size), dtype=pl.Float64, nan_to_null=True),
                "price": pl.Series(np.where(clear, np.nan, fixed(own["price"])), nan_to_null=True),
                "side": np.select([own["side"] == b"B", own["side"] == b"A"], [1, -1], 0).astype(np.int8),
                "age": pl.Series(age, dtype=pl.Float64, nan_to_null=True),
                "remaining": pl.Series(remaining, dtype=pl.Float64, nan_to_null=True),
            }
        ).sort("row")
        return frame.with_columns(ended=(pl.col("remaining") <= 0).cast(pl.Int8)), pl.concat(refused)


def _begins(own: NDArray[Any]) -> bool:
    """Whether the first record says that what follows is all there is."""
    return bool(own["action"][0] == b"R" or own["flags"][0] & _SNAPSHOT > 0)


def _no_books() -> pl.DataFrame:
    empty = BOOK.empty().drop("sequence", "symbol", "ts_event")
    return empty.with_columns(row=pl.lit(0, pl.Int64), code=pl.lit(0, pl.Int64))


def _none_refused() -> pl.DataFrame:
    return pl.DataFrame(schema=dict(_NONE))


def _placed(frame: pl.DataFrame, numbers: _Numbers, codes: _Numbers) -> pl.DataFrame:
    return frame.drop("sequence", "symbol", "ts_event").with_columns(
        row=pl.Series(numbers, dtype=pl.Int64), code=pl.Series(codes, dtype=pl.Int64)
    )


def _instruments(records: NDArray[Any]) -> Iterator[tuple[int, _Numbers, NDArray[Any]]]:
    """(id, places, records) of each instrument, without what the gateway adds behind a record."""
    plain = records
    if records.dtype.itemsize != _RECORD:
        names = [name for name in records.dtype.names or () if name != "ts_out"]
        plain = np.empty(len(records), dtype=[(name, records.dtype[name]) for name in names])
        for name in names:
            plain[name] = records[name]
    ids = plain["instrument_id"]
    if len(ids) and (ids == ids[0]).all():
        yield int(ids[0]), np.arange(len(ids)), plain
        return
    order = np.argsort(ids, kind="stable")
    edges = np.flatnonzero(np.diff(ids[order])) + 1
    for rows in np.split(order, edges) if len(ids) else ():
        yield int(ids[rows[0]]), rows, plain[rows]


def _refused(kept: _Kept, before: int, numbers: _Numbers, own: NDArray[Any], path: Path) -> pl.DataFrame:
    found = [(number - before - 1, reason) for number, reason in kept.book.refusals()]
    for place, reason in found:
        if reason == "unknown_order" and not kept.begun:
            told = f"begins inside a day: order {int(own['order_id'][place])} is not known"
            raise SourceError(told, file=path, row=int(numbers[place]), field="order_id", hint=_HINT)
    return pl.DataFrame({"row": numbers[[place for place, _ in found]], "reason": [reason for _, reason in found]}, schema=dict(_NONE))
