"""Day files: immutable Parquet with a CRC on every page, named by the SHA-256 of their bytes.

Numbers that lie on a lattice (prices on ticks, sizes, stamps in whole milliseconds) are kept as their places on it, which differ little
from row to row and pack well; the lattice is in the file's metadata, and every number comes back to the bit. A column that is null
throughout, and a text that is the same throughout, is kept in the metadata alone. docs/decisions/0004-store-format.md tells why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickcast import _engine
from tickcast.errors import StoreError
from tickcast.store.lattice_file import TYPES, constant, lattice_file, lattice_rows

__all__ = ["decode", "encode", "verified"]

_METADATA = b"tickcast"
_STILL = 0.75  # a column that keeps its value more often than this is worth compressing once more


def encode(rows: pl.DataFrame) -> tuple[str, bytes]:
    """SHA-256 and Parquet bytes; the same rows give the same bytes under one version of the writer. StoreError for a type not known."""
    content = lattice_file(rows)
    if content is None:
        content = _any_file(rows)
    return hashlib.sha256(content).hexdigest(), content


def _any_file(rows: pl.DataFrame) -> bytes:
    """Parquet of any rows, by pyarrow. StoreError for a type not known."""
    arrays: dict[str, pa.Array] = {}
    columns: list[list[Any]] = []
    for column in rows.iter_columns():
        array, how = _kept(column)
        if array is not None:
            arrays[column.name] = array
        columns.append([column.name, type(column.dtype).__name__, how])
    facts = json.dumps({"rows": len(rows), "columns": columns}, separators=(",", ":"))
    table, sink = pa.table(arrays), pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression={name: "zstd" if _compressed(name, array) else "none" for name, array in arrays.items()} or "none",
        use_dictionary=[name for name, array in arrays.items() if pa.types.is_large_string(array.type)],
        column_encoding={name: code for name, array in arrays.items() if (code := _encoding(array.type)) is not None},
        write_statistics=False,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=max(len(rows), 1))
        writer.add_key_value_metadata({_METADATA: facts})
    return bytes(sink.getvalue().to_pybytes())


def decode(path: Path, digest: str) -> pl.DataFrame:
    """The rows of a file whose bytes still have this hash; nothing is parsed before that is known. Raises StoreError naming the file."""
    content = verified(path, digest)
    try:
        if (rows := lattice_rows(content)) is not None:
            return rows
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        facts = json.loads(file.metadata.metadata[_METADATA])
        table = file.read() if file.metadata.num_columns else pa.table({})
        columns = [_given(name, TYPES[kind], how, table, facts["rows"]) for name, kind, how in facts["columns"]]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"a committed file cannot be read: {error}", file=path, hint="restore it from a backup") from error
    return pl.DataFrame(columns)


def verified(path: Path, digest: str) -> bytes:
    """The bytes of a file that still have this hash. Raises StoreError naming the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"a committed file cannot be read: {error.strerror}", file=path, hint="restore it from a backup") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreError("a committed file was altered after it was written", file=path, hint="restore it from a backup")
    return content


def _kept(column: pl.Series) -> tuple[pa.Array | None, dict[str, Any]]:
    """What of a column goes into the file, and how it is made a column again."""
    kind, absent = column.dtype, column.null_count()
    if type(kind).__name__ not in TYPES:
        raise StoreError(f"holds {kind}, which a day file cannot", field=column.name, hint="give numbers or texts")
    if (same := constant(column)) is not None:
        return None, same
    if kind == pl.String:
        return column.to_arrow().cast(pa.large_string()), {}
    if kind not in (pl.Float64, pl.Int64):
        return column.to_arrow(), {}
    known = column.fill_null(0.0 if kind == pl.Float64 else column.drop_nulls()[0]) if absent else column
    values, there = np.ascontiguousarray(known.to_numpy()), column.is_null().to_numpy() if absent else None
    if kind == pl.Float64:
        if (found := _engine.float_lattice(values)) is not None:
            return pa.array(found[0], mask=there), {"step": found[1], "divisor": found[2]}
    elif (whole := _engine.int_lattice(values)) is not None:
        return pa.array(whole[0], mask=there), {"step": whole[1], "start": whole[2]}
    return column.to_arrow(), {}


def _given(name: str, kind: type[pl.DataType], how: Mapping[str, Any], table: pa.Table, count: int) -> pl.Series:
    """The column that was kept so."""
    if "all" in how:
        return pl.Series(name, [how["all"]], dtype=kind).new_from_index(0, count)
    array = table[name].combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if "step" in how:
        out: NDArray[Any] = np.empty(count, np.float64 if kind is pl.Float64 else np.int64)
        width = np.int32 if pa.types.is_int32(array.type) else np.int64
        places: NDArray[Any] = np.frombuffer(array.buffers()[1], width, count, array.offset * np.dtype(width).itemsize)
        if kind is pl.Float64:
            _engine.floats_of(places, how["step"], how["divisor"], out)
        else:
            _engine.ints_of(places, how["step"], how["start"], out)
        if not array.null_count:
            return pl.Series(name, out)
        validity = pa.array(array.is_valid()).buffers()[1]
        array = pa.Array.from_buffers(pa.float64() if kind is pl.Float64 else pa.int64(), count, [validity, pa.py_buffer(out)])
    found = pl.from_arrow(array)
    return pl.Series(name, found, dtype=kind)


def _encoding(kind: pa.DataType) -> str | None:
    if pa.types.is_integer(kind) and not pa.types.is_unsigned_integer(kind):
        return "DELTA_BINARY_PACKED"
    return "BYTE_STREAM_SPLIT" if pa.types.is_floating(kind) else None


def _compressed(name: str, array: pa.Array) -> bool:
    """Sizes that change with most rows leave nothing to compress once they are packed; it would only cost time."""
    if "_size_" not in name or not pa.types.is_int32(array.type):
        return True
    values = np.frombuffer(array.buffers()[1], np.int32)
    return bool(np.mean(values[1:] == values[:-1]) > _STILL) if len(values) > 1 else False
