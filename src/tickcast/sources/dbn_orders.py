"""Order-by-order records (schema mbo): the messages of orders, and the books rebuilt from them, one per instrument."""

from __future__ import annotations

from collections.abc import Iterator
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

__all__ = ["mbo_books", "mbo_orders"]

_SNAPSHOT = 32
_NEVER = 2**62
_RECORD = 56
_NONE = MappingProxyType({"row": pl.Int64, "reason": pl.String})


def mbo_books(records: NDArray[Any], levels: int, every: str, end: int | None, path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(books, refused). Books in the order in which they became visible; `row` is the record after which each was so.

    Refused events, as (row, reason), are those that the book of their instrument could not take. `end`: when the file's range ends, ns UTC.
    Raises SourceError where a file begins inside a day: what stood then is told nowhere.
    """
    every = "event" if len(records) and every == "packet" and packet_ends(records).all() else every
    frames, refused = [], []
    for rows, own in _instruments(records):
        book = OrderBook(levels=levels, every=every, opens=_NEVER)
        found = [book.apply_mbo(own)] + ([book.advance(end)] if end is not None else [])
        frame = pl.concat(found)
        at = rows[frame["sequence"].to_numpy() - 1]
        frames.append(frame.drop("sequence", "symbol", "ts_event").with_columns(row=pl.Series(at + 1, dtype=pl.Int64)))
        refused.append(_refused(book.refusals(), rows, own, path))
    books = (
        pl.concat(frames).sort("row", maintain_order=True)
        if frames
        else BOOK.empty().with_columns(row=pl.lit(0, pl.Int64)).drop("sequence", "symbol", "ts_event")
    )
    return books, pl.concat(refused) if refused else pl.DataFrame(schema=dict(_NONE))


def mbo_orders(records: NDArray[Any], path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(messages, refused): rows of table `orders` with `row`, and refused events as `mbo_books` gives them.

    An execution is one message: what takes its quantity out of the book afterwards is none. Prints of aggressors belong to `trades`.
    """
    parts, refused = [], []
    for rows, own in _instruments(records):
        book = Book(1, "packet", 0, 0, _NEVER)
        number, *told = book.lives_mbo(np.ascontiguousarray(own).view(np.uint8))
        parts.append((rows[number - 1], *told))
        refused.append(_refused(book.refusals(), rows, own, path))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
    at, (kind, size, remaining, age) = columns[0].astype(np.int64), columns[1:]
    own = records[at]
    clear = kind == 9
    frame = pl.DataFrame(
        {
            "row": at + 1,
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
    frame = frame.with_columns(ended=(pl.col("remaining") <= 0).cast(pl.Int8))
    return frame, pl.concat(refused) if refused else pl.DataFrame(schema=dict(_NONE))


def _instruments(records: NDArray[Any]) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """(rows, records) of each instrument, without what the gateway adds behind a record."""
    plain = records
    if records.dtype.itemsize != _RECORD:
        names = [name for name in records.dtype.names or () if name != "ts_out"]
        plain = np.empty(len(records), dtype=[(name, records.dtype[name]) for name in names])
        for name in names:
            plain[name] = records[name]
    ids = plain["instrument_id"]
    if len(ids) and (ids == ids[0]).all():
        yield np.arange(len(ids)), plain
        return
    order = np.argsort(ids, kind="stable")
    edges = np.flatnonzero(np.diff(ids[order])) + 1
    for rows in np.split(order, edges) if len(ids) else ():
        yield rows, plain[rows]


def _refused(found: list[tuple[int, str]], rows: NDArray[np.int64], own: NDArray[Any], path: Path) -> pl.DataFrame:
    begun = len(own) > 0 and (own["action"][0] == b"R" or own["flags"][0] & _SNAPSHOT > 0)
    for number, reason in found:
        if reason == "unknown_order" and not begun:
            order = int(own["order_id"][number - 1])
            hint = "read whole UTC days, which begin with a snapshot"
            raise SourceError(f"begins inside a day: order {order} is not known", file=path, row=int(rows[number - 1]) + 1, hint=hint)
    return pl.DataFrame(
        {"row": [int(rows[number - 1]) + 1 for number, _ in found], "reason": [reason for _, reason in found]}, schema=dict(_NONE)
    )
