"""LOBSTER days proved: the book rebuilt from the messages against the vendor's own book file, row for row.

The files tell the best N levels only. A level that comes into view because a better one went is told by no message, so it is taken from the
book file at that row, as a quantity without orders; from then on it must follow from the messages like everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.book import EventKind, OrderBook
from tickcast.errors import DataError

__all__ = ["Replay", "replay_lobster"]

_SIDES = (("bid", 1), ("ask", -1))
_INPUTS = ("ts", "kind", "order_id", "side", "price", "size", "sequence")


@dataclass(frozen=True)
class Replay:
    """What came of it. `book` holds the rebuilt rows, `agrees` (n,) whether each is the file's; the first row is where it starts.

    `cells` were compared, prices and sizes of all levels of all rows but the first; `taken` of them came from the file, as no message
    tells them. `given` of the `cells` the messages tell with no help but the first row; none of them may differ (`wrong`).
    """

    book: pl.DataFrame
    agrees: NDArray[np.bool_]
    cells: int
    taken: int
    given: int
    wrong: int
    start: OrderBook


def replay_lobster(messages: pl.DataFrame, book: pl.DataFrame, levels: int) -> Replay:
    """Rebuild a day.

    `messages` and `book`: the tables `orders` and `book` of one day (n rows each), as `Lobster` reads them with nothing set aside; `levels`
    in the book file. Raises DataError where they are not one day.
    """
    if len(messages) != len(book) or not messages["sequence"].equals(book["sequence"]):
        raise DataError(f"{len(messages)} messages and {len(book)} books are no day", hint="read both tables of one LOBSTER file")
    events = messages.select(_INPUTS).with_row_index("place")
    revealed = [_revealed(events, book, levels, side) for side in ("bid", "ask")]
    rows = np.concatenate([found["place"].to_numpy() for found in revealed])
    inner = np.isin(np.arange(len(book)), rows)
    told = events.with_columns(last=pl.Series(~inner))
    every = pl.concat([told, *revealed]).sort("place", maintain_order=True)
    every = every.with_columns(last=pl.col("place") != pl.col("place").shift(-1, fill_value=len(book)))
    full, alone = (_started(book, levels, every=what) for what in ("packet", "event"))
    rebuilt = full.apply(every.filter(pl.col("place") > 0))
    helpless = alone.apply(events[1:])
    names = [f"{side}_{what}_{k}" for side, _ in _SIDES for what in ("price", "size") for k in range(1, levels + 1)]
    truth, found = book[1:].select(names), rebuilt.select(names)
    same = truth.select(pl.col(name).eq_missing(found[name]) for name in names)
    known = helpless.select(names)
    differs = truth.select((pl.col(name) != known[name]).fill_null(False) for name in names)
    return Replay(
        book=rebuilt,
        agrees=np.concatenate([[True], same.select(pl.all_horizontal(names)).to_series().to_numpy()]),
        cells=len(names) * (len(book) - 1),
        taken=2 * len(rows),
        given=(len(book) - 1) * len(names) - sum(known.null_count().row(0)),
        wrong=int(sum(differs.sum().row(0))),
        start=full,
    )


def _started(book: pl.DataFrame, levels: int, *, every: str) -> OrderBook:
    """A book that begins with the file's first row: what stood before the first message is told nowhere else."""
    first, out = book.row(0, named=True), OrderBook(levels=levels, every=every, depth=levels)
    sides = [
        [
            (first[f"{side}_price_{k}"], int(first[f"{side}_size_{k}"]))
            for k in range(1, levels + 1)
            if first[f"{side}_price_{k}"] is not None
        ]
        for side, _ in _SIDES
    ]
    out.start(first["ts"], *sides)
    return out


def _revealed(events: pl.DataFrame, book: pl.DataFrame, levels: int, side: str) -> pl.DataFrame:
    """The level that came into view at the far end, for rows where one did: not there a row before and not made by the message."""
    sign = dict(_SIDES)[side]
    prices = np.column_stack([book[f"{side}_price_{k}"].fill_null(np.nan).to_numpy() for k in range(1, levels + 1)])
    last = prices[1:, -1]
    before = (prices[:-1] == last[:, None]).any(axis=1)
    kind, own, price = (events[name].to_numpy()[1:] for name in ("kind", "side", "price"))
    made = (kind == EventKind.ADD) & (own == sign) & (price == last)
    rows = 1 + np.flatnonzero(~np.isnan(last) & ~before & ~made)
    level = pl.Series([int(EventKind.LEVEL)], dtype=pl.Int8)
    return events[rows].with_columns(
        kind=pl.lit(level[0], pl.Int8),
        order_id=pl.lit(0, pl.Int64),
        side=pl.lit(sign, pl.Int8),
        price=book[f"{side}_price_{levels}"].gather(rows),
        size=book[f"{side}_size_{levels}"].gather(rows),
        last=pl.lit(True),
    )
