"""Data frames from R's `.rda` files (`save()`, XDR, versions 2 and 3), read without R: vectors only, nothing is ever evaluated.

Format: R Internals, section 1.8 "Serialization Formats".
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tickcast.errors import SourceError
from tickcast.sources.files import FETCH_AGAIN, most_unpacked

__all__ = ["read_rda"]

_DEEP = 64  # levels of nesting: a data frame has four
_NOTHING = frozenset({0, 241, 242, 247, 251, 252, 253, 254})  # NULL, environments, absent arguments
_PAIRS = frozenset({2, 5, 6, 17})
_MISSING = -(2**31)


def read_rda(path: Path) -> Mapping[str, pl.DataFrame]:
    """The data frames of the file by name; factors as text, times (POSIXct) as Float64 seconds since 1970.

    Raises SourceError where the file is no such file, is cut short, or holds something else than vectors.
    """
    try:
        content = _unpacked(path.read_bytes())
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise SourceError(f"cannot be read: {error}", file=path, hint="fetch the file again, it is absent or damaged") from error
    if content[:7] not in (b"RDX2\nX\n", b"RDX3\nX\n"):
        raise SourceError("is no R data file of version 2 or 3", file=path, hint="write it with save(), not saveRDS(), in binary")
    try:
        found = _Reader(content, 7).objects()
        return {name: _frame(value) for name, value in found.items() if "names" in value.marks}
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"holds no data frame that can be read: {error}", file=path, hint=FETCH_AGAIN) from error


@dataclass
class _Value:
    """A vector or list with its attributes."""

    data: Any
    marks: dict[str, _Value] = field(default_factory=dict)


class _Reader:
    """A cursor over serialised objects, big endian."""

    def __init__(self, content: bytes, at: int) -> None:
        self.content, self.at, self.seen = content, at, [""]

    def objects(self) -> dict[str, _Value]:
        """The saved objects by name."""
        if self._int() == 3:
            self._skip_version(with_encoding=True)
        else:
            self._skip_version(with_encoding=False)
        found: dict[str, _Value] = self._item(0).data
        return found

    def _skip_version(self, *, with_encoding: bool) -> None:
        self.at += 8
        if with_encoding:
            self._bytes(self._int())

    def _int(self) -> int:
        (value,) = struct.unpack_from(">i", self.content, self.at)
        self.at += 4
        return int(value)

    def _bytes(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.content):
            raise ValueError(f"{count} bytes are said to follow byte {self.at} of {len(self.content)}")
        self.at += count
        return self.content[self.at - count : self.at]

    def _length(self) -> int:
        length = self._int()
        return (self._int() << 32) + self._int() if length == -1 else length

    def _item(self, depth: int) -> _Value:
        if depth > _DEEP:
            raise ValueError("nested too deep")
        flags = self._int()
        kind, marked, tagged = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if kind in _NOTHING:
            return _Value(None)
        if kind in _PAIRS:
            return self._pairs(marked, tagged, depth)
        if kind == 1:
            name = str(self._item(depth + 1).data)
            self.seen.append(name)
            return _Value(name)
        if kind == 255:
            return _Value(self.seen[(flags >> 8) or self._int()])
        if kind == 9:
            length = self._int()
            return _Value(None if length == -1 else self._bytes(length).decode("utf-8", "replace"))
        if kind == 22:
            self.seen.append("")
            self._item(depth + 1), self._item(depth + 1)
            value = _Value(None)
        elif kind == 238:
            info, state = self._item(depth + 1), self._item(depth + 1)
            self._item(depth + 1)
            return self._compact(list(info.data.values()), state)
        else:
            value = _Value(self._vector(kind, depth))
        if marked:
            value.marks = self._item(depth + 1).data or {}
        return value

    def _pairs(self, marked: bool, tagged: bool, depth: int) -> _Value:
        """A pairlist as a dict by tag; what has no tag is numbered."""
        out: dict[str, _Value] = {}
        while True:
            if marked:
                self._item(depth + 1)
            tag = str(self._item(depth + 1).data) if tagged else str(len(out))
            out[tag] = self._item(depth + 1)
            flags = self._int()
            if flags & 0xFF not in _PAIRS:
                return _Value(out)
            marked, tagged = bool(flags & 0x200), bool(flags & 0x400)

    def _vector(self, kind: int, depth: int) -> Any:
        length = self._length()
        if kind in (10, 13):
            return np.frombuffer(self._bytes(4 * length), ">i4").astype(np.int64)
        if kind == 14:
            return np.frombuffer(self._bytes(8 * length), ">f8").astype(np.float64)
        if kind == 16:
            return [self._item(depth + 1).data for _ in range(length)]
        if kind in (19, 20):
            return [self._item(depth + 1) for _ in range(length)]
        raise ValueError(f"an object of type {kind} stands at byte {self.at}")

    def _compact(self, info: list[_Value], state: _Value) -> _Value:
        """Vectors that R keeps in short: sequences, and vectors with notes about them."""
        name = str(info[0].data)
        if name in ("compact_intseq", "compact_realseq"):
            count, first, step = state.data.tolist()
            if not 0 <= count <= len(self.content):  # a row has more bytes in its other columns
                raise ValueError(f"a sequence of {count:g} numbers stands at byte {self.at}")
            return _Value(first + step * np.arange(int(count), dtype=np.float64))
        if name.startswith("wrap_"):
            kept: _Value = next(iter(state.data.values())) if isinstance(state.data, dict) else state.data[0]
            return kept
        raise ValueError(f"a vector of kind {name}")


def _unpacked(content: bytes) -> bytes:
    """The unpacked content; one that unfolds beyond all measure is refused."""
    most = most_unpacked(len(content))
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as stream:
            out = stream.read(most + 1)
    elif content[:3] == b"BZh":
        with bz2.open(io.BytesIO(content)) as stream:
            out = stream.read(most + 1)
    elif content[:6] == b"\xfd7zXZ\x00":
        with lzma.open(io.BytesIO(content)) as stream:
            out = stream.read(most + 1)
    else:
        out = content
    if len(out) > most:
        raise ValueError(f"unfolds to more than {most >> 20} MiB")
    return out


def _frame(value: _Value) -> pl.DataFrame:
    names = value.marks["names"].data
    return pl.DataFrame([_column(name, one) for name, one in zip(names, value.data, strict=True)])


def _column(name: str, value: _Value) -> pl.Series:
    if "levels" in value.marks:
        levels = [None, *value.marks["levels"].data]
        return pl.Series(name, [levels[max(0, int(code))] for code in value.data], dtype=pl.String)
    if isinstance(value.data, np.ndarray) and value.data.dtype == np.int64:
        return pl.Series(name, value.data).set(pl.Series(value.data == _MISSING), None)
    return pl.Series(name, value.data)
