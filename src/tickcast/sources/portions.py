"""Large tables are read a portion at a time: memory is that of a portion, and the rows are those of the file read at once.

A portion is read with a margin on either side, so that rules of order see the neighbours of its first and last rows; only its own rows are
kept. Parquet is cut at its row groups, plain CSV at lines; CSV whose quotes hold line ends, and what is packed otherwise, has no places to
begin at and is read whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tickcast.cleaning import Cleaned
from tickcast.cleaning.cleaned import tally
from tickcast.errors import SourceError
from tickcast.sources.files import FETCH_AGAIN
from tickcast.sources.tabular import read_csv, too_long, within_quotes

__all__ = ["NumberedRows", "Portion", "portions_of", "read_portion", "refuse_long_stamp", "without_margins"]

_BYTES = 64 << 20
_ROWS = 1_000_000
_LOOK = 4 << 20
_MARGIN = 1 << 20
_MARGIN_ROWS = 20_000


@dataclass(frozen=True)
class Portion:
    """What makes one chunk: a file, or one stretch of it.

    Parameters
    ----------
    file: where it is.
    first, last: rows that are its own, from 1 and included; None for the whole file.
    start, end: where they lie: bytes of a CSV file, row groups of a Parquet file.
    """

    file: Path
    first: int | None = None
    last: int | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class NumberedRows:
    """Rows of a table as read, and the number of the first one in its file."""

    frame: pl.DataFrame
    first: int


def portions_of(path: Path, header: Sequence[str]) -> tuple[Portion, ...]:
    """The portions of a file, in order; one for a file that is small or cannot be cut. `header` names the columns of bare CSV."""
    if "!" in str(path) or not path.is_file() or path.stat().st_size <= _BYTES:
        return (Portion(path),)
    with path.open("rb") as stream:
        begins = stream.read(4)
    if begins == b"PAR1":
        return _of_parquet(path)
    return _of_csv(path, bool(header)) if path.suffix in (".csv", ".txt", ".tsv") else (Portion(path),)


def _of_parquet(path: Path) -> tuple[Portion, ...]:
    with _opened(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    out: list[Portion] = []
    begin, first = 0, 1
    for group in range(len(sizes)):
        rows = sum(sizes[begin : group + 1])
        if rows >= _ROWS or group == len(sizes) - 1:
            out.append(Portion(path, first, first + rows - 1, begin, group + 1))
            begin, first = group + 1, first + rows
    return tuple(out) or (Portion(path),)


def _of_csv(path: Path, bare: bool) -> tuple[Portion, ...]:
    """Cut behind line ends some MiB apart; a file with a line end between quotes is left whole."""
    inside = False
    cuts: list[tuple[int, int]] = []  # (byte, lines before it)
    offset = lines = 0
    with path.open("rb") as stream:
        while block := stream.read(_BYTES):
            spans, inside = _quotes_a_line_end(block, inside)
            if spans:
                return (Portion(path),)
            at = block.rfind(b"\n")
            if at < 0 and len(block) == _BYTES:
                raise too_long(path, lines + bare)
            if at >= 0 and len(block) == _BYTES:
                cuts.append((offset + at + 1, lines + block.count(b"\n", 0, at + 1)))
            lines += block.count(b"\n")
            offset += len(block)
    rows = lines + (0 if _ends_line(path, offset) else 1) - (0 if bare else 1)
    head = 0 if bare else 1
    begins = [(0, head), *((byte, line) for byte, line in cuts if byte < offset)]
    ends = [*begins[1:], (offset, rows + head)]
    return tuple(Portion(path, a[1] - head + 1, b[1] - head, a[0], b[0]) for a, b in zip(begins, ends, strict=True))


def _quotes_a_line_end(block: bytes, inside: bool) -> tuple[bool, bool]:
    """Whether a line end stands between quotes, and whether the block ends between them; `inside`: it begins there."""
    if not inside and b'"' not in block:
        return False, False
    for at in range(0, len(block), _LOOK):
        data = np.frombuffer(block, np.uint8, min(_LOOK, len(block) - at), at)
        within = within_quotes(data, inside)
        if bool((within & (data == ord("\n"))).any()):
            return True, True
        inside = bool(within[-1])
    return False, inside


def _ends_line(path: Path, size: int) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(size - 1, 0))
        return stream.read(1) == b"\n"


def read_portion(portion: Portion, header: tuple[str, ...], wanted: Collection[str] | None = None) -> NumberedRows:
    """The rows of a portion of a file that was cut, with those of its margins; `wanted` as in `read_csv`. Raises SourceError."""
    with portion.file.open("rb") as stream:
        return _parquet_rows(portion) if stream.read(4) == b"PAR1" else _csv_rows(portion, header, wanted)


def _parquet_rows(portion: Portion) -> NumberedRows:
    with _opened(portion.file) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        low, high = portion.start, portion.end
        while low > 0 and sum(sizes[low : portion.start]) < _MARGIN_ROWS:
            low -= 1
        while high < len(sizes) and sum(sizes[portion.end : high]) < _MARGIN_ROWS:
            high += 1
        before = sum(sizes[low : portion.start])
        try:
            frame = pl.from_arrow(file.read_row_groups(list(range(low, high))))
        except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(portion.file, error) from error
    if not isinstance(frame, pl.DataFrame):
        raise SourceError("holds no table", file=portion.file, hint="name a Parquet file with columns")
    skip = max(before - _MARGIN_ROWS, 0)
    own = before + (portion.last or 0) - (portion.first or 1) + 1
    return NumberedRows(frame[skip : own + _MARGIN_ROWS], (portion.first or 1) - before + skip)


def _csv_rows(portion: Portion, header: tuple[str, ...], wanted: Collection[str] | None) -> NumberedRows:
    with portion.file.open("rb") as stream:
        names = b"" if header else stream.readline()
        low = max(portion.start - _MARGIN, 0)
        stream.seek(low)
        content = stream.read(portion.end - low + _MARGIN)
    if low:
        cut = content.index(b"\n") + 1 if b"\n" in content else len(content)
        content, low = content[cut:], low + cut
    last = content.rfind(b"\n")
    if low + len(content) > portion.end and last >= 0 and low + last + 1 >= portion.end:
        content = content[: last + 1]
    before = content.count(b"\n", 0, max(portion.start - low, 0))
    if not header and low:
        content = names + content
    elif not header and portion.start:
        before -= 1  # the header stands in the margin
    first = (portion.first or 1) - before
    try:
        return NumberedRows(read_csv(content, portion.file, header, wanted), first)
    except SourceError as error:
        row = None if error.row is None else error.row + first - 1
        raise SourceError(error.message, file=portion.file, row=row, field=error.field, hint=error.hint) from None


def refuse_long_stamp(chunk: Cleaned, portion: Portion) -> None:
    """Raises SourceError where rows of one stamp fill the margin before a portion: how many came before is not known, so a genuine repeat
    would be taken for a row told again. `chunk` has its margins.
    """
    before = chunk.numbers < (portion.first or 1)
    if not chunk.counted or not before.any() or before.all() or int(chunk.numbers.min()) == 1:  # type: ignore[arg-type]
        return
    ts, at = chunk.frame["ts"], int(before.sum())
    if ts[0] == ts[at]:
        found = f"is cut where more than {at:,} rows bear one stamp, {ts[at]}"
        raise SourceError(found, file=portion.file, row=portion.first, field="ts", hint="split the file at a stamp, or by symbol")


def without_margins(chunk: Cleaned, portion: Portion) -> Cleaned:
    """The chunk without the rows of the margins, kept and set aside."""
    if portion.first is None or portion.last is None:
        return chunk
    inside = chunk.numbers.is_between(portion.first, portion.last)
    held = chunk.quarantined
    held = held.filter(pl.col("row").is_between(portion.first, portion.last)) if len(held) else held
    return replace(chunk, frame=chunk.frame.filter(inside), rows=chunk.numbers.filter(inside), quarantined=held, counts=tally(held))


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> SourceError:
    return SourceError(f"is no readable Parquet: {str(error).splitlines()[0]}", file=path, hint=FETCH_AGAIN)
