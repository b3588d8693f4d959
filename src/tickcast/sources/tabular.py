"""CSV and Parquet bytes as frames; a file that cannot be trusted is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tickcast.errors import SourceError

__all__ = ["read_csv", "read_parquet"]


def read_parquet(content: bytes, path: Path) -> pl.DataFrame:
    """The rows of a Parquet file; pages that carry a checksum are checked. Raises SourceError naming `path`."""
    try:
        frame = pl.from_arrow(pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read())
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"is no readable Parquet: {str(error).splitlines()[0]}", file=path, hint="fetch the file again, it is damaged"
        ) from error
    if not isinstance(frame, pl.DataFrame):
        raise SourceError("holds no table", file=path, hint="name a Parquet file with columns")
    return frame


def read_csv(content: bytes, path: Path, header: tuple[str, ...]) -> pl.DataFrame:
    """All columns as text. A ragged row, a NUL or another encoding is an error of the file: shifted fields would be read as prices."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError("is UTF-16 text", file=path, hint="convert it to UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise SourceError("is empty", file=path, hint="fetch the file again")
    data = np.frombuffer(content if content.endswith(b"\n") else content + b"\n", dtype=np.uint8)
    lines = np.flatnonzero(data == 10)
    nul = np.flatnonzero(data == 0)
    if nul.size:
        raise SourceError(
            "holds a NUL byte", file=path, row=int(np.searchsorted(lines, nul[0])), hint="fetch the file again, it is damaged"
        )
    if not (data == 34).any():
        fields = np.diff(np.searchsorted(np.flatnonzero(data == 44), lines), prepend=0) + 1
        blank = np.diff(lines, prepend=-1) <= 1
        ragged = np.flatnonzero((fields != fields[0]) & ~blank)
        if ragged.size:
            row, first = int(ragged[0]), "row 1" if header else "the header"
            message = f"has {fields[row]} fields where {first} has {fields[0]}"
            raise SourceError(message, file=path, row=row + bool(header), hint="mend or remove the row")
    try:
        if not header:
            return pl.read_csv(io.BytesIO(content), infer_schema=False)
        bare = pl.read_csv(io.BytesIO(content), infer_schema=False, has_header=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise SourceError(f"is no readable CSV: {str(error).splitlines()[0]}", file=path, hint="mend the file") from error
    if len(bare.columns) != len(header):
        raise SourceError(f"has {len(bare.columns)} columns, not {len(header)}", file=path, row=1, hint="name all of them in layout header")
    return bare.rename(dict(zip(bare.columns, header, strict=True)))
