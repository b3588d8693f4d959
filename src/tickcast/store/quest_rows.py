"""Blocks of rows as QuestDB keeps them: which columns of which type, what can be kept so, and what names the content exactly."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tickcast.clock import DAY
from tickcast.schema import CONTEXT, TABLES, Column, Table
from tickcast.store.base import Block

__all__ = [
    "BLOB_COLUMNS",
    "as_blob",
    "as_rows",
    "as_sent",
    "digest",
    "from_blob",
    "from_rows",
    "keepable",
    "quoted",
    "selection",
    "table_columns",
]

_LAST = 9_214_646_399_999_999_999  # the last designated stamp QuestDB takes, at the end of 2261
_LONGEST, _CHUNK = 8_000, 200_000
_KEPT = (pl.Float64, pl.String, pl.Int8, pl.Int16, pl.Int32, pl.Int64)
BLOB_COLUMNS: Mapping[str, str] = {"ts": "TIMESTAMP_NS", "part": "LONG", "place": "INT", "content": "VARCHAR"}
"""Columns of the table that keeps what rows of a table cannot."""


def table_columns(table: Table) -> dict[str, str]:
    """Name and QuestDB type of each column: `part` names the block of a row, `place` its place in there.

    A type is as wide as its null needs: QuestDB's BYTE, SHORT and BOOLEAN have none. Times are TIMESTAMP_NS.
    """
    named = {column.name: _type(column, table) for column in (*table.columns, *CONTEXT) if _kept(column)}
    return {"ts": "TIMESTAMP_NS", "part": "LONG", "place": "INT", **named}


def keepable(block: Block) -> bool:
    """Whether a block's rows lie in a table of their own to the last bit.

    Not: kinds that are no table, other columns, stamps before 1970 or after 2261, the lowest integer (QuestDB's null), what is not
    finite, NUL in a text, texts of kilobytes.
    """
    table, rows = TABLES.get(block.kind), block.rows
    if table is None or not len(rows):
        return False
    shape = {column.name: column.dtype for column in (*table.columns, *CONTEXT) if column.name in rows.columns}
    if list(rows.schema.items()) != list(shape.items()) or "ts" not in shape or not all(map(_kept, table.columns)):
        return False
    return int(rows["ts"].min()) >= 0 and int(rows["ts"].max()) <= _LAST and all(map(_exact, rows.iter_columns()))  # type: ignore[arg-type]


def as_rows(block: Block, part: int) -> pl.DataFrame:
    """A block's rows with their block and place; columns that hold nothing are left out."""
    rows = block.rows
    filled = [name for name in rows.columns if name != "ts" and rows[name].null_count() < len(rows)]
    places = pl.int_range(pl.len(), dtype=pl.Int32).alias("place")
    return rows.select(*filled, pl.lit(part, dtype=pl.Int64).alias("part"), places, pl.col("ts").cast(pl.Datetime("ns")))


def as_sent(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `as_rows` or `as_blob` with nulls as QuestDB writes them: an integer's is its type's lowest number."""
    cells = []
    for name, dtype in rows.schema.items():
        if dtype.is_integer():
            wide = pl.Int64 if dtype == pl.Int64 else pl.Int32
            cells.append(pl.col(name).cast(wide).fill_null(_lowest(wide)))
        elif _symbol(name):
            cells.append(pl.col(name).cast(pl.Categorical))
    return rows.with_columns(cells)


def selection(columns: Sequence[str]) -> str:
    """The SELECT list that reads these columns exactly: PostgreSQL's times are microseconds, so stamps are read as numbers."""
    stamps = {column.name for table in TABLES.values() for column in (*table.columns, *CONTEXT) if column.unit == "ns UTC"}
    return ", ".join(["place", *(f"{quoted(name)}::LONG" if name in stamps else quoted(name) for name in columns)])


def quoted(column: str) -> str:
    """A column's name in a statement: `table`, of rows set aside and of gaps, is a word of SQL."""
    return f'"{column}"'


def from_rows(
    pages: Sequence[Sequence[tuple[object, ...]]], filled: Sequence[str], schema: Mapping[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """The block that `as_rows` sent: `pages` hold `place` and the `filled` columns, `schema` names every column it had."""
    shape: dict[str, pl.DataType | type[pl.DataType]] = {"place": pl.Int32, **{name: schema[name] for name in filled}}
    rows = pl.concat([pl.DataFrame(page, schema=shape, orient="row") for page in pages]) if pages else pl.DataFrame(schema=shape)
    if not rows["place"].is_sorted():
        rows = rows.sort("place")
    empty = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in schema.items() if name not in filled]
    return rows.with_columns(empty).select(*schema)


def as_blob(block: Block, part: int) -> pl.DataFrame:
    """A block as pieces of text: Parquet, which keeps whatever a frame may hold."""
    buffer = io.BytesIO()
    pq.write_table(block.rows.to_arrow(), buffer, compression="zstd", write_page_checksum=True)
    text = base64.b64encode(buffer.getvalue()).decode()
    pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    stamp = min(max(block.trading_day, 0) * DAY, _LAST)
    frame = pl.DataFrame({"part": part, "place": pl.int_range(len(pieces), dtype=pl.Int32, eager=True), "content": pieces})
    return frame.with_columns(pl.lit(stamp).cast(pl.Datetime("ns")).alias("ts"))


def from_blob(text: str) -> pl.DataFrame:
    """The block that `as_blob` wrote. Raises ValueError or pyarrow's errors when it is damaged."""
    rows = pl.from_arrow(pq.ParquetFile(io.BytesIO(base64.b64decode(text, validate=True)), page_checksum_verification=True).read())
    if not isinstance(rows, pl.DataFrame):
        raise pa.ArrowInvalid("no table")
    return rows


def digest(rows: pl.DataFrame) -> str:
    """SHA-256 over every bit of every value, the columns' names, types and order: what a block's content is named by."""
    state = hashlib.sha256(f"{len(rows)} {list(rows.schema.items())}".encode())
    for column in rows.iter_columns():
        there = column.is_not_null()
        state.update(there.to_numpy().tobytes())
        if column.dtype == pl.String:
            state.update(_letters(column.fill_null("")))
        elif column.dtype.is_numeric():
            state.update(column.fill_null(0).to_numpy().tobytes())
        else:
            state.update(repr(column.to_list()).encode())
    return state.hexdigest()


def _letters(texts: pl.Series) -> bytes:
    """Where each text ends, then their bytes one after the other."""
    arrow = texts.to_arrow().cast(pa.large_string())
    _, edges, letters = arrow.buffers()
    ends = np.frombuffer(edges, np.int64)[arrow.offset : arrow.offset + len(arrow) + 1]
    return bytes((ends[1:] - ends[0]).tobytes()) + (bytes(memoryview(letters)[ends[0] : ends[-1]]) if letters is not None else b"")


def _kept(column: Column) -> bool:
    return column.dtype in _KEPT


def _type(column: Column, table: Table) -> str:
    if column.dtype == pl.String:
        return "SYMBOL" if _symbol(column.name) else "VARCHAR"
    if column.dtype == pl.Float64:
        return "DOUBLE"
    return "TIMESTAMP_NS" if column.unit == "ns UTC" else "LONG" if column.dtype == pl.Int64 else "INT"


def _symbol(name: str) -> bool:
    """Few texts, repeated often."""
    return name in {table.identity[0] for table in TABLES.values()} | {"underlying_contract"}


def _lowest(dtype: pl.DataType | type[pl.DataType]) -> int:
    return -(2**63) if dtype == pl.Int64 else -(2**31)


def _exact(column: pl.Series) -> bool:
    if column.dtype.is_integer():
        return column.dtype not in (pl.Int32, pl.Int64) or not bool((column == _lowest(column.dtype)).any())
    if column.dtype == pl.Float64:
        return bool(column.is_finite().all())
    return not bool((column.str.contains("\0", literal=True) | (column.str.len_bytes() > _LONGEST)).any())
