"""The metadata in front of a DBN file's records, read word by word: no count in it is believed before its bytes are there.

Layout: https://databento.com/docs/standards-and-conventions/databento-binary-encoding
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.errors import SourceError
from tickcast.sources.files import FETCH_AGAIN

__all__ = ["BEGIN", "Metadata", "length_of", "metadata_of"]

BEGIN = 8
"""Bytes that say how long the metadata is."""
_SCHEMAS = (
    *("mbo", "mbp-1", "mbp-10", "tbbo", "trades", "ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d", "definition", "statistics"),
    *("status", "imbalance", "ohlcv-eod", "cmbp-1", "cbbo-1s", "cbbo-1m", "tcbbo", "bbo-1s", "bbo-1m"),
)
"""By number."""
_FIXED = 100
_UNDEFINED = 2**64 - 1
_LONGEST = 1 << 28  # bytes of metadata: three million mappings
_TRUNCATED = "fetch the file again, it is truncated"
_EPOCH = 719_163  # ordinal of 1970-01-01
_DIGITS = 10  # of 2**32
_Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Metadata:
    """What a file says of itself.

    `start`, `end`: the records' range in UTC ns, [start, end), None where it does not end. `ts_out`: each record is followed by the moment
    it was sent. `spans`: `instrument_id`, UTC days `first` and `last` ([first, last), days since 1970) and `symbol`, by `first`.
    """

    version: int
    dataset: str
    schema: str
    start: int
    end: int | None
    ts_out: bool
    spans: pl.DataFrame


def length_of(content: bytes, path: Path) -> int:
    """Bytes until the records begin, by the first eight. Raises SourceError where they are no DBN."""
    if len(content) < BEGIN or content[:3] != b"DBN" or content[3] not in (1, 2, 3):
        raise SourceError("is no DBN file of version 1 to 3", file=path, hint="name files ending in .dbn or .dbn.zst")
    length = int.from_bytes(content[4:8], "little")
    if not _FIXED + 20 <= length <= _LONGEST:
        raise SourceError(f"says that its metadata has {length} bytes", file=path, field="metadata length", hint=FETCH_AGAIN)
    return BEGIN + length


def metadata_of(content: bytes, path: Path) -> Metadata:
    """The metadata at the beginning of a file's bytes. Raises SourceError naming the field that cannot be so."""
    whole = length_of(content, path)
    if len(content) < whole:
        raise SourceError(f"ends inside its metadata at byte {len(content)} of {whole}", file=path, hint=_TRUNCATED)
    old = content[3] == 1
    words = _Words(content[:whole], path)
    dataset, number = words.text(16, "dataset"), words.number(2, "schema")
    start, end = words.number(8, "start"), words.number(8, "end")
    words.take(16 if old else 8, "limit")  # version 1 counts records too; neither is asked
    words.take(1, "stype_in")
    out, sent = words.number(1, "stype_out"), words.number(1, "ts_out")
    width = 22 if old else words.number(2, "symbol length")
    words.at = BEGIN + _FIXED
    if number >= len(_SCHEMAS):
        raise words.wrong(f"{number} is no schema", "schema")
    if out != 0:
        raise SourceError(f"stype_out is {out}, not an instrument id", file=path, field="stype_out", hint="ask for stype_out=instrument_id")
    if sent > 1:
        raise words.wrong(f"{sent} is neither 0 nor 1", "ts_out")
    if not 2 <= width <= 1024:
        raise words.wrong(f"symbols of {width} bytes", "symbol length")
    if start >= 2**63 or (end != _UNDEFINED and not start <= end < 2**63):
        raise words.wrong(f"ends at {end} and begins at {start}", "end")
    words.take(words.number(4, "schema definition"), "schema definition")
    for field in ("symbols", "partial", "not_found"):
        words.take(words.number(4, field) * width, field)
    return Metadata(content[3], dataset, _SCHEMAS[number], start, None if end == _UNDEFINED else end, bool(sent), _spans(words, width))


class _Words:
    """A place in the metadata that moves on."""

    def __init__(self, content: bytes, path: Path) -> None:
        self.content, self.path, self.at = content, path, BEGIN

    def take(self, size: int, field: str) -> bytes:
        if size > len(self.content) - self.at:
            raise self.wrong(f"needs {size} bytes, {len(self.content) - self.at} are left", field)
        self.at += size
        return self.content[self.at - size : self.at]

    def number(self, size: int, field: str) -> int:
        return int.from_bytes(self.take(size, field), "little")

    def text(self, size: int, field: str) -> str:
        found = self.take(size, field).split(b"\0", 1)[0]
        if not found.isascii() or not found.decode("ascii").isprintable():
            raise self.wrong(f"{found!r} is no name", field)
        return found.decode("ascii")

    def wrong(self, told: str, field: str) -> SourceError:
        return SourceError(f"its metadata cannot be so: {told}", file=self.path, field=field, hint=FETCH_AGAIN)


def _spans(words: _Words, width: int) -> pl.DataFrame:
    """Which contract an instrument id is when. Raises SourceError where one id would be two contracts."""
    names, counts, parts = [], [], []
    interval = np.dtype([("first", "<u4"), ("last", "<u4"), ("symbol", f"S{width}")])
    for _ in range(words.number(4, "mappings")):
        names.append(words.text(width, "mappings"))
        counts.append(words.number(4, "mappings"))
        parts.append(words.take(counts[-1] * interval.itemsize, "mappings"))
    told, owner = np.frombuffer(b"".join(parts), interval), np.repeat(np.arange(len(names)), counts)
    some = told["symbol"] != b""  # without one it stood for nothing then
    told, owner = told[some], owner[some]
    ids = _numbers(told["symbol"], names, owner, words)
    first, last = (_days(told[name], words) for name in ("first", "last"))
    if (last < first).any():
        at = int(np.flatnonzero(last < first)[0])
        raise words.wrong(f"{names[owner[at]]} is {ids[at]} until {told['last'][at]}, from {told['first'][at]} on", "mappings")
    some = first < last
    _refuse_twins(ids[some], first[some], last[some], owner[some], names, words.path)
    order = np.flatnonzero(some)[np.argsort(first[some], kind="stable")]
    symbols = pl.Series("symbol", names, dtype=pl.String).gather(owner[order])
    return pl.DataFrame({"instrument_id": ids[order].astype(np.uint32), "first": first[order], "last": last[order], "symbol": symbols})


def _numbers(symbols: NDArray[np.bytes_], names: Sequence[str], owner: _Numbers, words: _Words) -> _Numbers:
    """Instrument ids, written as text."""
    good = np.char.isdigit(symbols) & (np.char.str_len(symbols) <= _DIGITS)
    ids = np.where(good, symbols, b"4294967296").astype(np.int64)
    if (ids >= 2**32).any():
        at = int(np.flatnonzero(ids >= 2**32)[0])
        told = f"maps {names[owner[at]]} to {symbols[at].decode('ascii', 'replace')!r}, not an instrument id"
        raise SourceError(told, file=words.path, field="mappings", hint="ask for stype_out=instrument_id")
    return ids


def _days(numbers: NDArray[np.uint32], words: _Words) -> NDArray[np.int32]:
    """Days since 1970 of dates written as 20240131."""
    found, at = np.unique(numbers, return_inverse=True)
    return np.array([_day(number, words) for number in found.tolist()], dtype=np.int32)[at]


def _day(number: int, words: _Words) -> int:
    try:
        return date(number // 10_000, number // 100 % 100, number % 100).toordinal() - _EPOCH
    except ValueError:
        raise words.wrong(f"{number} is no date", "mappings") from None


def _refuse_twins(
    ids: _Numbers, first: NDArray[np.int32], last: NDArray[np.int32], owner: _Numbers, names: Sequence[str], path: Path
) -> None:
    """A record names its contract by the id alone."""
    order = np.lexsort((last, first, ids))
    one, other = order[:-1], order[1:]
    twins = np.flatnonzero((ids[one] == ids[other]) & (first[other] < last[one]) & (owner[one] != owner[other]))
    for a, b in zip(one[twins], other[twins], strict=True):
        if names[owner[a]] != names[owner[b]]:
            told = f"instrument {ids[a]} is {names[owner[a]]} and {names[owner[b]]} on {date.fromordinal(int(first[b]) + _EPOCH)}"
            raise SourceError(told, file=path, field="mappings", hint="ask for one of the symbols a file")
