"""Rules of order inside one file or batch: rows out of order, stamps ahead of what follows, rows that came already."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.schema import Table

__all__ = ["Marks", "Numbers", "coded", "doubled", "late_rows", "sequenced", "strays"]

_DENSE = 1 << 26
_NAMELESS = "\0"
Numbers = NDArray[np.int64]
Marks = NDArray[np.bool_]


def late_rows(ts: Numbers) -> Marks:
    """The fewest rows whose removal leaves `ts` (n,) in order; True marks a row to remove.

    One stamp in the far future must not condemn all rows after it, so this keeps a longest non-decreasing subsequence. Rows that agree with
    all others are kept at once; only the rest go through the search.
    """
    before, after = np.maximum.accumulate(ts), np.minimum.accumulate(ts[::-1])[::-1]
    doubtful = np.flatnonzero((ts < before) | (ts > after))
    tails: list[int] = []
    holders: list[int] = []
    previous = np.full(doubtful.size, -1, dtype=np.int64)
    for position, stamp in enumerate(ts[doubtful].tolist()):
        at = bisect_right(tails, stamp)
        previous[position] = holders[at - 1] if at else -1
        tails[at : at + 1] = [stamp]
        holders[at : at + 1] = [position]
    late = np.zeros(ts.size, dtype=np.bool_)
    late[doubtful] = True
    position = holders[-1] if holders else -1
    while position >= 0:
        late[doubtful[position]] = False
        position = int(previous[position])
    return late


def strays(frame: pl.DataFrame, key: str) -> tuple[Marks, Marks]:
    """(n,) rows that come too late, and rows stamped ahead of those after them; of rows that contradict each other the fewest are marked.

    Rows are compared with those of their own symbol, which column `key` names.
    """
    late, ahead = np.zeros(len(frame), dtype=np.bool_), np.zeros(len(frame), dtype=np.bool_)
    if len(frame) == 0 or frame["ts"].is_sorted():
        return late, ahead
    stamps = frame["ts"].to_numpy()
    codes, names = coded(frame[key])
    for code in range(len(names)):
        rows = np.flatnonzero(codes == code)
        ts = stamps[rows]
        out = late_rows(ts)
        kept = np.where(out, np.iinfo(np.int64).min, ts)
        behind = out & (ts < np.maximum.accumulate(kept))
        late[rows[behind]], ahead[rows[out & ~behind]] = True, True
    return late, ahead


def coded(names: pl.Series) -> tuple[Numbers, list[str]]:
    """(n,) code of each row's name, and the names by code."""
    if len(names) == 0:
        return np.zeros(0, np.int64), []
    if names[0] is not None and names[0] == names[-1] and bool((names == names[0]).all()):
        return np.zeros(len(names), np.int64), [str(names[0])]
    known = names.unique(maintain_order=True)
    texts = [str(name) for name in known.to_list()]
    if known.null_count():  # an Enum has no place for null
        names, known = names.fill_null(_NAMELESS), known.fill_null(_NAMELESS)
    return names.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy(), texts


def doubled(frame: pl.DataFrame, table: Table) -> Marks:
    """(n,) rows whose identity an earlier row of the frame has."""
    if _distinct(frame, table):
        return np.zeros(len(frame), dtype=np.bool_)
    again = pl.int_range(pl.len()).over(list(table.identity)) > 0
    return frame.select(again.alias("again"))["again"].to_numpy()


def _distinct(frame: pl.DataFrame, table: Table) -> bool:
    """Whether no two rows can share an identity: quick where each stamp holds a symbol once, as bars do."""
    stamps = frame["ts"].to_numpy()
    steps = np.diff(stamps)
    if len(frame) < 2 or bool((steps > 0).all()):
        return True
    codes, names = coded(frame[table.identity[0]])
    places = (int((steps != 0).sum()) + 1) * len(names)
    if bool((steps >= 0).all()) and places < _DENSE:
        moment = np.concatenate([np.zeros(1, np.int64), np.cumsum(steps != 0)])
        if int(np.bincount(moment * len(names) + codes).max()) == 1:
            return True
    return not bool(frame.select(table.identity).is_duplicated().any())


def sequenced(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `sequence`: the order of rows at one stamp, where the source has no number of its own.

    The last trade of a stamp is its price, so the order has to be written down.
    """
    stamps = frame["ts"].to_numpy()
    if len(frame) and bool((np.diff(stamps) >= 0).all()) and len(coded(frame["symbol"])[1]) == 1:
        at = np.arange(len(frame))
        first = np.maximum.accumulate(np.where(np.diff(stamps, prepend=stamps[0] - 1) != 0, at, 0))
        return frame.with_columns(pl.Series("sequence", at - first))
    return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("symbol", "ts").alias("sequence"))
