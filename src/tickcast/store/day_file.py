"""Day files: one immutable Parquet file per table, symbol and trading day, named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tickcast.errors import StoreError
from tickcast.schema import Table

__all__ = ["canonical", "decode", "encode", "merge"]

_OCCURRENCE, _PLACE = "__occurrence", "__place"


def canonical(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows in the order that depends on nothing but themselves: ts, order within the stamp, identity, every other column."""
    order: list[str] = ["ts", *(name for name in ("sequence", *table.identity) if name in rows.columns and name != "ts")]
    order += [name for name in rows.columns if name not in order]
    return rows.sort(order, nulls_last=True, maintain_order=True)


def encode(rows: pl.DataFrame) -> tuple[str, bytes]:
    """SHA-256 and Parquet bytes with a CRC on every page; the same rows give the same bytes under one version of the writer."""
    buffer = io.BytesIO()
    pq.write_table(rows.to_arrow(), buffer, compression="zstd", write_page_checksum=True)
    content = buffer.getvalue()
    return hashlib.sha256(content).hexdigest(), content


def decode(path: Path, digest: str) -> pl.DataFrame:
    """The rows of a file whose bytes still have this hash; nothing is parsed before that is known. Raises StoreError naming the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"a committed file cannot be read: {error.strerror}", file=path, hint="restore it from a backup") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreError("a committed file was altered after it was written", file=path, hint="restore it from a backup")
    try:
        rows = pl.from_arrow(pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True).read())
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"a committed file cannot be read: {error}", file=path, hint="restore it from a backup") from error
    if not isinstance(rows, pl.DataFrame):
        raise StoreError("a committed file holds no table", file=path, hint="restore it from a backup")
    return rows


def merge(old: pl.DataFrame, new: pl.DataFrame, table: Table) -> pl.DataFrame:
    """One day's rows after `new` is written over `old`, in canonical order.

    The newer row of an identity corrects the older one. Where rows may repeat, a new row meets the old one of the same identity and
    `sequence`; what is left meets by count and keeps the old sequence. So a file written again, or one that starts inside a stamp,
    adds nothing, and two genuine trades at one stamp stay two.
    """
    filled = _same_columns(old, new)
    new = _same_columns(new, old).select(filled.columns)
    if not table.repeats:
        kept = filled.join(new, on=list(table.identity), how="anti", nulls_equal=True, maintain_order="left")
        return canonical(pl.concat([kept, new]), table)
    exact, loose = [*table.identity, "sequence", _OCCURRENCE], [*table.identity, _OCCURRENCE]
    before, after = _counted(filled, exact), _counted(new, exact)
    left_old = _counted(_without(before, after, exact), loose)
    left_new = _counted(_without(after, before, exact), loose)
    met = after.join(before.select(exact), on=exact, how="semi", nulls_equal=True)
    paired = left_new.join(left_old.select(*loose, pl.col("sequence").alias(_PLACE)), on=loose, how="left", nulls_equal=True)
    paired = paired.with_columns(pl.coalesce(_PLACE, "sequence").alias("sequence")).select(filled.columns)
    parts = [met, paired, _without(left_old, left_new, loose)]
    return canonical(pl.concat([part.select(filled.columns) for part in parts]), table)


def _counted(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """`rows` numbered among those equal in `key` (its last name is the number's own)."""
    return rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(key[:-1]).alias(_OCCURRENCE))


def _without(rows: pl.DataFrame, other: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return rows.join(other.select(key), on=key, how="anti", nulls_equal=True, maintain_order="left")


def _same_columns(rows: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the columns it lacks from `other`, as nulls."""
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in other.schema.items() if name not in rows.columns]
    return rows.with_columns(missing)
