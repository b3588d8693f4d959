"""A 64-bit hash of each row, of the values that are there: stable across releases, whatever the columns' order, nulls as if absent.

A value's bits (integers sign-extended, floats as float64 with one zero and one NaN, text by its bytes) plus its column's key go through
`mix`; a row is `mix` of the sum of these, modulo 2^64. A column's key is the first 8 bytes, little-endian, of the SHA-256 of its name.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["row_hashes"]


def row_hashes(rows: pl.DataFrame) -> NDArray[np.uint64]:
    """(n,) hashes of the rows."""
    total = np.zeros(len(rows), np.uint64)
    with np.errstate(over="ignore"):
        for column in rows.iter_columns():
            key = np.uint64(int.from_bytes(hashlib.sha256(column.name.encode()).digest()[:8], "little"))
            cells = _mix(_bits(column) + key)
            total += np.where(column.is_not_null().to_numpy(), cells, np.uint64(0))
        return _mix(total)


def _bits(column: pl.Series) -> NDArray[np.uint64]:
    if column.dtype == pl.String:
        distinct = column.unique()
        bits = pl.Series([_text(str(each)) for each in distinct], dtype=pl.UInt64)
        return column.replace_strict(distinct, bits, default=None, return_dtype=pl.UInt64).fill_null(0).to_numpy()
    if column.dtype.is_float():
        values = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0
        return np.where(np.isnan(values), np.float64("nan"), values).view(np.uint64)
    return column.cast(pl.Int64).fill_null(0).to_numpy().astype(np.uint64)


def _text(text: str) -> int:
    content = text.encode()
    state = len(content)
    for at in range(0, len(content), 8):
        state = int(_mix(np.array([state ^ int.from_bytes(content[at : at + 8], "little")], np.uint64))[0])
    return state


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
