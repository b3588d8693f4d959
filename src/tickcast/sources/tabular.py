"""CSV and Parquet bytes as frames; a file that cannot be trusted is refused."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickcast.errors import SourceError
from tickcast.sources.files import FETCH_AGAIN

__all__ = ["read_csv", "read_parquet", "too_long", "within_quotes"]

_STEP = 4 << 20  # bytes looked at together
_LINE = 16 << 20  # bytes of the longest row: twenty times that of 100,000 columns
_COLUMNS = 100_000  # a reader needs a kilobyte for each
_BLANK = 1_000_000  # empty lines of a portion: its reader makes a row of nothing of each, a byte becomes many
_COMMA, _QUOTE, _END = b',"\n'


def read_parquet(content: bytes, path: Path) -> pl.DataFrame:
    """The rows of a Parquet file; pages that carry a checksum are checked. Raises SourceError naming `path`."""
    try:
        frame = pl.from_arrow(pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read())
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError(f"is no readable Parquet: {str(error).splitlines()[0]}", file=path, hint=FETCH_AGAIN) from error
    if not isinstance(frame, pl.DataFrame):
        raise SourceError("holds no table", file=path, hint="name a Parquet file with columns")
    return frame


def read_csv(content: bytes, path: Path, header: tuple[str, ...], wanted: Collection[str] | None = None) -> pl.DataFrame:
    """Columns as text: the wanted ones where all of these are there, otherwise all of them.

    A ragged row, a quote that is never closed, a NUL or another encoding is an error of the file: shifted fields would be read as prices.
    Raises SourceError naming `path` and the row.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(content) > 1 and 0 in content[:2] and any(content[:2])):
        raise SourceError("is UTF-16 text", file=path, hint="convert it to UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise SourceError("is empty", file=path, hint="fetch the file again")
    bare = bool(header)
    if 0 in content:
        row = content.count(b"\n", 0, content.index(0)) + bare
        raise SourceError("holds a NUL byte", file=path, row=row or None, hint=FETCH_AGAIN)
    names = _names(content[: _refuse_shifted(content, path, bare)], path, header)
    kept = sorted({names.index(name) for name in wanted}) if wanted is not None and set(wanted) <= set(names) else None
    if wanted is not None and any(f"{name}_duplicated_0" in names for name in wanted):
        kept = None  # the reader of the mapping has to see both
    try:
        found = pl.read_csv(io.BytesIO(content), infer_schema=False, has_header=not bare, columns=kept)
    except (pl.exceptions.PolarsError, ValueError) as error:
        at = _undecodable(content, bare)
        raise SourceError(f"is no readable CSV: {str(error).splitlines()[0]}", file=path, row=at, hint="mend the file") from error
    return found.rename(dict(zip(found.columns, names if kept is None else [names[at] for at in kept], strict=True)))


def within_quotes(data: NDArray[np.uint8], inside: bool) -> NDArray[np.bool_]:
    """Which bytes of CSV stand between quotes; `inside`: those before them do. A doubled quote leaves and enters."""
    within = np.asarray(np.logical_xor.accumulate(data == _QUOTE))
    return ~within if inside else within


def _refuse_shifted(content: bytes, path: Path, bare: bool) -> int:
    """Bytes of the first row. Raises SourceError naming the row that has other fields, is too long, or whose quote stays open."""
    quoted = b'"' in content
    rows, begin, commas, first, inside = 0, 0, 0, -1, False  # the row that is open: its number from 0, first byte and commas so far
    blank = 0
    size = length = len(content)
    for at in range(0, size, _STEP):
        data = np.frombuffer(content, np.uint8, min(_STEP, size - at), at)
        ends, separates = data == _END, data == _COMMA
        if quoted:
            within = within_quotes(data, inside)
            ends, separates, inside = ends & ~within, separates & ~within, bool(within[-1])
        lines, between = np.flatnonzero(ends), np.flatnonzero(separates)
        if at + len(data) == size and data[-1] != _END and not inside:
            lines = np.append(lines, len(data))  # the last row has no line end
        before = np.searchsorted(between, lines)
        if len(lines):
            counts, lengths = np.diff(before, prepend=-commas), np.diff(lines, prepend=begin - at - 1)
            if first < 0:
                first, length = int(counts[0]), at + int(lines[0]) + 1
                if first >= _COLUMNS:
                    raise SourceError(f"has {first + 1:,} columns, more than the {_COLUMNS:,} of a table", file=path, hint=FETCH_AGAIN)
            wrong = np.flatnonzero((counts != first) & (lengths > 1) | (lengths > _LINE))
            if wrong.size:
                row = rows + int(wrong[0]) + bare
                if lengths[wrong[0]] > _LINE:
                    raise too_long(path, row)
                found = f"has {counts[wrong[0]] + 1} fields where {'row 1' if bare else 'the header'} has {first + 1}"
                raise SourceError(found, file=path, row=row, hint="mend or remove the row")
            blank += int(np.count_nonzero(lengths <= 1))
            if blank > _BLANK:
                raise SourceError(f"has more than {_BLANK:,} empty lines", file=path, row=rows + len(lines), hint=FETCH_AGAIN)
            rows, begin, commas = rows + len(lines), at + int(lines[-1]) + 1, 0
            before = before[-1:]
        commas += len(between) - int(before[-1] if len(before) else 0)
        if at + len(data) - begin > _LINE:
            raise too_long(path, rows + bare)
    if inside:
        raise SourceError("has a quote that is never closed", file=path, row=rows + bare or None, hint="mend or remove the row")
    return length


def too_long(path: Path, row: int) -> SourceError:
    """What is said of a row that no table has."""
    hint = "fetch the file again, it is damaged, or close the quote that it begins with"
    return SourceError(f"is longer than {_LINE >> 20} MiB", file=path, row=row or None, hint=hint)


def _undecodable(content: bytes, bare: bool) -> int | None:
    """The row of the first byte that is no UTF-8, None where all are."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + bare or None
    return None


def _names(content: bytes, path: Path, header: tuple[str, ...]) -> list[str]:
    """The columns; a name that stands twice gets a number. Raises SourceError where `header` names another count of them."""
    try:
        first = pl.read_csv(io.BytesIO(content), infer_schema=False, has_header=not header, n_rows=1).columns
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise SourceError(f"is no readable CSV: {str(error).splitlines()[0]}", file=path, hint="mend the file") from error
    if header and len(first) != len(header):
        raise SourceError(f"has {len(first)} columns, not {len(header)}", file=path, row=1, hint="name all of them in layout header")
    return list(header) or first
