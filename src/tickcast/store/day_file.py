"""Day files: immutable Parquet with a CRC on every page, named by the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tickcast.errors import StoreError

__all__ = ["decode", "encode"]


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
