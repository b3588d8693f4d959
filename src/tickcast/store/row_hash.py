"""A 64-bit hash of each row, of the values that are there: stable across releases, whatever the columns' order, nulls as if absent.

A value's bits (integers sign-extended, floats as float64 with one zero and one NaN, texts by `text_hashes`) plus its column's key go
through SplitMix64's last step; a row is the same of the sum of these, modulo 2^64. A column's key is the first 8 bytes, little-endian, of
the SHA-256 of its name. golden/row_hash.json has vectors.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast import _engine
from tickcast.errors import StoreError

__all__ = ["row_hashes"]

_AS_THEY_ARE = (pl.Int8, pl.Int32, pl.Int64, pl.Float64)


def row_hashes(rows: pl.DataFrame) -> NDArray[np.uint64]:
    """(n,) hashes of the rows. Raises StoreError for a column that is neither number nor text."""
    columns = []
    for column in rows.iter_columns():
        absent = column.null_count()
        if absent < len(column):
            columns.append((column.name, _values(column), column.is_not_null().to_numpy() if absent else None))
    return _engine.row_hashes(columns, len(rows))


def _values(column: pl.Series) -> NDArray[np.generic] | int:
    if column.dtype == pl.String:
        if not column.null_count() and (column == column[0]).all():
            return _engine.text_hashes([column[0]])[0]
        distinct = column.drop_nulls().unique()
        hashes = pl.Series(_engine.text_hashes(distinct.to_list()), dtype=pl.UInt64)
        found = column.replace_strict(distinct, hashes, default=None, return_dtype=pl.UInt64)
        return np.ascontiguousarray(found.fill_null(0).to_numpy())
    if not column.dtype.is_numeric() and column.dtype != pl.Boolean:
        raise StoreError(f"holds {column.dtype}, which has no row hash", field=column.name, hint="give numbers or texts")
    if column.dtype not in _AS_THEY_ARE:
        column = column.cast(pl.Float64 if column.dtype.is_float() else pl.Int64)
    return np.ascontiguousarray(column.fill_null(0).to_numpy())
