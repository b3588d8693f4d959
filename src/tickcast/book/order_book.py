"""The order book of one instrument, rebuilt event by event or over a whole table of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast._engine import Book
from tickcast.book.event import PRICE_UNIT, UNDEFINED_PRICE, BookEvent, EventKind, fixed_price
from tickcast.book.level import BookLevel, QueuePosition
from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, DataError
from tickcast.schema import BOOK, BOOK_LEVELS, conform

__all__ = ["OrderBook"]

_LAST, _SNAPSHOT = 128, 32
_MBO_RECORD = 56
_EVERY = ("event", "packet", "change")
_Columns = tuple[
    NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]
]
_Rows = tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], tuple[int, str] | None]


class OrderBook:
    """Price levels with first-in-first-out queues, in Rust.

    Parameters
    ----------
    symbol: what the rows are called where the events do not say.
    levels: levels a side of a row, 1 to 10.
    every: when `apply` writes a row: after each `packet` (the last event of it), each `event`, each `change` of a level shown, or a
        duration as `1s`: at each multiple of it that has a packet in the interval before it, stamped with that multiple.
    depth: levels a side that the feed reports, as LOBSTER's files do; 0 where it reports every order.
    opens: from when on crossed and locked books are troubles, ns UTC; None from the start. Before it an auction gathers orders.
    strict: raise at the first event in trouble instead of counting it.

    Rows and state do not depend on how the events are cut into calls. Prices are exact to a billionth, sizes are whole numbers.
    """

    def __init__(
        self,
        symbol: str = "",
        *,
        levels: int = BOOK_LEVELS,
        every: str = "packet",
        depth: int = 0,
        opens: int | None = None,
        strict: bool = False,
    ) -> None:
        if not 1 <= levels <= BOOK_LEVELS:
            raise ConfigError(f"a book of {levels} levels", field="levels", hint=f"choose 1 to {BOOK_LEVELS}")
        if depth < 0:
            raise ConfigError(f"a feed of {depth} levels", field="depth", hint="choose 0 for a feed of every order")
        step = 0 if every in _EVERY else parse_duration(every)
        self.symbol, self.levels, self.strict = symbol, levels, strict
        self._book = Book(levels, every if not step else "grid", step, depth, opens)

    def apply(self, events: pl.DataFrame) -> pl.DataFrame:
        """Take events in; the rows they make, in schema `book`.

        `events`: ts, kind (`EventKind`), order_id, side, price, size, as rows of the table `orders` are; optional `last` (False inside a
        packet), `snapshot`, `symbol` and `sequence`. A row carries the `sequence` of the event after which the book was so: the column of
        `events`, else the number of the event since this book began, from 1; for a grid it is the last event that the row contains.

        Raises DataError where a column is absent or cannot be read; nothing is taken in then. A strict book raises it naming the row of the
        first event in trouble; the events before are taken in.
        """
        columns = _columns(events)
        before = self._book.events
        rows = self._book.apply(*columns, self.strict)
        return self._framed(rows, before, events)

    def apply_mbo(self, records: NDArray[Any]) -> pl.DataFrame:
        """As `apply`, from Databento records of schema mbo (n,), a structured array of one instrument, as in the file."""
        before = self._book.events
        rows = self._book.apply_mbo(_bytes(records), self.strict)
        return self._framed(rows, before, None)

    def advance(self, ts: int) -> pl.DataFrame:
        """Time has come to `ts` (ns UTC) without an event: the row of the grid that was due by then."""
        return self._framed(self._book.advance(ts), self._book.events, None)

    def start(self, ts: int, bids: Sequence[tuple[float, int]], asks: Sequence[tuple[float, int]]) -> None:
        """Begin with these levels (price, size), best first, of orders that have no number. Makes no row."""
        self.update(BookEvent(ts, EventKind.CLEAR, last=False))
        for side, levels in ((1, bids), (-1, asks)):
            for price, size in levels:
                self.update(BookEvent(ts, EventKind.LEVEL, side, price, size, last=False))

    def update(self, event: BookEvent) -> bool:
        """Take one event in, live; True where the book is visible after it. Makes no row.

        Raises DataError where the event cannot be read and, from a strict book, where it is in trouble.
        """
        flags = _LAST * event.last + _SNAPSHOT * event.snapshot
        numbers = (event.ts, int(event.kind), _signed(event.order_id), event.side, fixed_price(event.price), event.size, flags)
        try:
            trouble = self._book.update(*numbers)
        except (OverflowError, TypeError) as error:
            raise DataError(f"{event} cannot be read: {error}", hint="give whole numbers") from error
        if trouble is not None and self.strict:
            raise DataError(f"{trouble}: {event}", row=self._book.events, hint="see docs/book.md")
        return event.last

    def bids(self, n: int = BOOK_LEVELS) -> list[BookLevel]:
        """The first `n` levels of the bids, the highest first, after the last event; inside a packet that book is not visible yet."""
        return [BookLevel(*level) for level in self._book.bids(n)]

    def asks(self, n: int = BOOK_LEVELS) -> list[BookLevel]:
        """The first `n` levels of the asks, the lowest first."""
        return [BookLevel(*level) for level in self._book.asks(n)]

    def queue(self, order_id: int) -> QueuePosition | None:
        """Where an order waits; None where it does not stand."""
        found = self._book.queue(_signed(order_id))
        return None if found is None else QueuePosition(*found)

    @property
    def troubles(self) -> Mapping[str, int]:
        """Events in trouble so far, by name of the trouble; only those that were met."""
        return MappingProxyType({name: count for name, count, _ in self._book.troubles() if count})

    @property
    def first_troubles(self) -> Mapping[str, int]:
        """Number of the first event in each trouble, from 1 since this book began."""
        return MappingProxyType({name: first for name, _, first in self._book.troubles() if first})

    def refusals(self) -> list[tuple[int, str]]:
        """(number since this book began, trouble) of the events that it refused since this was asked last; the first 65,536."""
        return self._book.refusals()

    @property
    def events(self) -> int:
        """Events taken in."""
        return self._book.events

    @property
    def orders(self) -> int:
        """Orders that stand."""
        return self._book.orders

    def save(self) -> bytes:
        """Everything the book remembers."""
        return self._book.save()

    def restore(self, state: bytes) -> None:
        """Continue from what `save` gave; this book must have the same `levels` and `depth`. Raises DataError for anything else."""
        self._book.restore(state)

    def _framed(self, rows: _Rows, before: int, events: pl.DataFrame | None) -> pl.DataFrame:
        n, ts, number, cells, refused = rows
        if refused is not None:
            event, trouble = refused
            raise DataError(trouble, row=event - before, hint="see docs/book.md, or count troubles with strict=False")
        sequence = pl.Series("sequence", number[:n])
        symbol: pl.Series | pl.Expr = pl.lit(self.symbol).alias("symbol")
        if events is not None and n:
            inside = (number[:n] > before).all()  # a grid's first row may belong to an event of an earlier call
            at = number[:n] - before - 1
            if "sequence" in events.columns and inside:
                sequence = events["sequence"].gather(at)
            if "symbol" in events.columns and inside:
                symbol = events["symbol"].gather(at)
        frame = pl.DataFrame([pl.Series("ts", ts[:n]), sequence, *_cells(cells, n, self.levels)]).with_columns(symbol)
        return conform(frame, BOOK)


def _cells(cells: NDArray[np.float64], rows: int, levels: int) -> list[pl.Series]:
    names = [f"{side}_{what}_{k}" for side in ("bid", "ask") for what in ("price", "size") for k in range(1, levels + 1)]
    return [pl.Series(name, column[:rows], nan_to_null=True) for name, column in zip(names, cells, strict=True)]


def _columns(events: pl.DataFrame) -> _Columns:
    """The events as the engine takes them. DataError where one cannot be read."""
    prices = pl.col("price").cast(pl.Float64)
    sizes = pl.col("size").cast(pl.Float64)
    wrong = prices.is_nan() | prices.is_infinite() | (prices.abs() > 2**61 / PRICE_UNIT)
    fraction = (sizes != sizes.round()) | sizes.is_nan() | (sizes.abs() > 2**53)
    flags = pl.lit(0, pl.UInt8)
    for name, bit, absent in (("last", _LAST, True), ("snapshot", _SNAPSHOT, False)):
        there = pl.col(name).fill_null(absent) if name in events.columns else pl.lit(absent)
        flags = flags + pl.when(there).then(pl.lit(bit, pl.UInt8)).otherwise(pl.lit(0, pl.UInt8))
    try:
        found = events.select(
            pl.col("ts").cast(pl.Int64),
            pl.col("kind").fill_null(0).cast(pl.UInt8),
            pl.col("order_id").fill_null(0).cast(pl.Int64),
            pl.col("side").fill_null(0).cast(pl.Int8),
            (prices * PRICE_UNIT).round().cast(pl.Int64, strict=False).fill_null(UNDEFINED_PRICE).alias("price"),
            sizes.cast(pl.Int64, strict=False).fill_null(0).alias("size"),
            flags.alias("flags"),
            wrong.fill_null(False).alias("wrong"),
            fraction.fill_null(False).alias("fraction"),
        )
    except pl.exceptions.PolarsError as error:
        hint = "give ts, kind, order_id, side, price and size"
        raise DataError(f"events cannot be read: {str(error).splitlines()[0]}", hint=hint) from error
    for field, mark, what in (("price", "wrong", "is no price"), ("size", "fraction", "is no whole number")):
        if found[mark].any():
            row = int(found[mark].arg_max() or 0)
            raise DataError(f"{events[field][row]} {what}", row=row + 1, field=field, hint="leave it null where there is none")
    if found["ts"].null_count():
        raise DataError("is missing", row=int(found["ts"].is_null().arg_max() or 0) + 1, field="ts", hint="every event has its stamp")
    ts, kind, ids, side, price, size, bits = (np.ascontiguousarray(found[name].to_numpy()) for name in found.columns[:7])
    return ts, kind, ids, side, price, size, bits


def _bytes(records: NDArray[Any]) -> NDArray[np.uint8]:
    if records.dtype.itemsize != _MBO_RECORD:
        raise DataError(
            f"records of {records.dtype.itemsize} bytes are no mbo", hint=f"give records of {_MBO_RECORD} bytes, without ts_out"
        )
    return np.ascontiguousarray(records).view(np.uint8)


def _signed(order_id: int) -> int:
    """The engine's and the schema's int64 of an unsigned number: the same 64 bits."""
    return order_id - 2**64 if 2**63 <= order_id < 2**64 else order_id
