"""Day files whose columns are all whole numbers on lattices, or the same throughout: Parquet that the engine writes and reads itself.

One page per column, `DELTA_BINARY_PACKED`, no gaps; any reader of Parquet gets the places. What the columns are stands in the metadata,
which is the last thing in the file. docs/decisions/0004-store-format.md tells why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tickcast import _engine

__all__ = ["TYPES", "constant", "lattice_file", "lattice_rows"]

_KEY = "tickcast.pages"
_MARK = b"\x18\x0etickcast.pages\x18"  # how thrift begins the key and the text that follows it; JSON has no such bytes
_INTS: Mapping[str, type[pl.DataType]] = {kind.__name__: kind for kind in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)}
TYPES: Mapping[str, type[pl.DataType]] = {
    **_INTS,
    **{kind.__name__: kind for kind in (pl.UInt64, pl.Float32, pl.Float64, pl.Boolean, pl.String)},
}
"""Types that a day file holds, by the names it tells them by."""
_FEW_BITS = 6  # numbers that take fewer bits than this mostly repeat, so a compressor finds something
_TINY = 4096  # rows; fewer are copied in less time than it takes to hand them over
_SMALL = 512  # bytes that are not worth compressing


def lattice_file(rows: pl.DataFrame) -> bytes | None:
    """The file's bytes; None where a column has gaps, lies on no lattice, or is a text that changes."""
    count, columns, pages = len(rows), [], []
    for column in rows.iter_columns():
        kind = type(column.dtype).__name__
        found = constant(column) if kind in TYPES else None
        if found is None:
            packed = _packed(column, kind)
            if packed is None:
                return None
            content, wide, *how = packed
            squeezed = content
            if _SMALL < len(content) < count * _FEW_BITS // 8:
                squeezed = pa.compress(content, codec="zstd", asbytes=True)
            shorter = len(squeezed) < len(content)
            pages.append((column.name, wide, shorter, len(content), squeezed if shorter else content))
            found = {"on": how, "zstd": len(content)} if shorter else {"on": how}
        columns.append([column.name, kind, found])
    text = json.dumps({"rows": count, "columns": columns}, separators=(",", ":"))
    return _engine.parquet_file(count, pages, _KEY, text)


def lattice_rows(content: bytes) -> pl.DataFrame | None:
    """The rows of such a file; None where it is another. ValueError, KeyError or TypeError where it contradicts itself."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    start = content.rfind(_MARK, max(footer, 0))
    if start < 0:
        return None
    begin = content.index(b"{", start)
    facts = json.loads(content[begin:-10])
    count, stored = facts["rows"], [name for name, _, how in facts["columns"] if "on" in how]
    ranges, view = _engine.parquet_places(content, len(stored)), memoryview(content)  # where the bytes of each page lie
    block = np.empty((len(stored), count), np.int64)  # one piece of memory: the system gives large ones in fewer steps
    columns: list[pl.Series] = []
    number = 0
    for name, kind, how in facts["columns"]:
        if "all" in how:
            columns.append(pl.Series(name, [how["all"]], dtype=TYPES[kind]).new_from_index(0, count))
            continue
        page: tuple[bytes, int, int] = content, *ranges[number]
        if "zstd" in how:
            page = pa.decompress(view[page[1] : page[2]], how["zstd"], codec="zstd", asbytes=True), 0, how["zstd"]
        columns.append(_column(name, kind, how["on"], page, block[number]))
        number += 1
    return pl.DataFrame(columns)


def _column(name: str, kind: str, how: Sequence[Any], page: tuple[bytes, int, int], out: NDArray[np.int64]) -> pl.Series:
    """The column of a page; its values stay in `out`."""
    if kind == "Float64":
        _engine.floats_of_page(*page, how[0], how[1], out.view(np.float64))
    else:
        _engine.ints_of_page(*page, how[0], how[1], out)
    if len(out) < _TINY:
        found = pl.Series(name, out.view(np.float64) if kind == "Float64" else out)
    else:
        arrow = pa.Array.from_buffers(pa.float64() if kind == "Float64" else pa.int64(), len(out), [None, pa.py_buffer(out)])
        found = pl.Series(name, pl.from_arrow(arrow))
    return found if kind in ("Float64", "Int64") else found.cast(TYPES[kind])


def constant(column: pl.Series) -> dict[str, Any] | None:
    """All that is kept of a column that is null throughout or a text that never changes; None for any other."""
    absent = column.null_count()
    if absent == len(column):
        return {"all": None}
    if column.dtype == pl.String and not absent and bool((column == column[0]).all()):
        return {"all": column[0]}
    return None


def _packed(column: pl.Series, kind: str) -> tuple[bytes, bool, int, float] | tuple[bytes, bool, int, int] | None:
    if column.null_count():
        return None
    if kind == "Float64":
        return _engine.float_page(np.ascontiguousarray(column.to_numpy()))
    if kind in _INTS:
        return _engine.int_page(np.ascontiguousarray(column.cast(pl.Int64).to_numpy()))
    return None
