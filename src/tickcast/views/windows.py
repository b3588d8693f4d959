"""Windows over the rows of a table, gathered when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tickcast._engine import gather_windows
from tickcast.errors import ModelError
from tickcast.features.table import FeatureTable

__all__ = ["eligible", "windows"]


def eligible(table: FeatureTable, rows: NDArray[np.int64], length: int, names: Sequence[str] | None = None) -> NDArray[np.bool_]:
    """Which windows are whole.

    Parameters
    ----------
    table: all rows.
    rows: (m,) last rows of the windows.
    length: rows in a window, at least 1.
    names: features that must be finite, default all.

    Returns (m,) True where the `length` rows up to and with the row lie in one segment and are all ready.
    """
    if length < 1:
        raise ModelError(f"a window of {length} rows is none", field="length", hint="use at least 1")
    first = rows - (length - 1)
    inside = (first >= 0) & (rows < len(table))
    first, last = np.where(inside, first, 0), np.where(inside, rows, 0)
    broken = np.concatenate([[0], np.cumsum(~table.ready(names))])
    run = np.concatenate([[0], np.cumsum(np.diff(table.segment) != 0)])
    if not len(table):
        return np.zeros(len(rows), np.bool_)
    return np.asarray(inside & (broken[last + 1] == broken[first]) & (run[last] == run[first]), np.bool_)


def windows(values: NDArray[np.float32], ends: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """The windows that end at these rows, oldest row first.

    Parameters
    ----------
    values: (n, k) float32, all rows.
    ends: (m,) last row of each window; use `eligible` to know which may be asked for.
    length: rows in a window.

    Returns (m, length, k). Raises ModelError when a window would start before the first row.
    """
    if length < 1 or (len(ends) and (ends.min() < length - 1 or ends.max() >= len(values))):
        raise ModelError(f"a window of {length} rows does not fit into {len(values)}", field="ends", hint="ask for eligible rows only")
    return gather_windows(np.ascontiguousarray(values, np.float32), np.ascontiguousarray(ends, np.int64), length)
