"""DBN files block by block: memory is that of a block, whatever the file.

A block ends where the stamps move on, so that records of one stamp stay together, and is told with a margin on either side, so that rules
of order see the neighbours of its first and last records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import SourceError
from tickcast.sources.dbn import LAYOUTS, stamped_by
from tickcast.sources.dbn_metadata import BEGIN, length_of, metadata_of
from tickcast.sources.files import FETCH_AGAIN, blocks

__all__ = ["DbnBlock", "DbnFile"]

_BYTES = 32 << 20
_MARGIN = 4096
_WIDEST = 8  # blocks that one stamp may fill before it is cut
_TRUNCATED = "fetch the file again, it is truncated"


@dataclass(frozen=True)
class DbnBlock:
    """Some records of a file, those of its margins among them.

    `first` is the number of the first record, from 1; `begin` and `end` are the places in `records` of those that are the block's own;
    `last` says that the file ends here.
    """

    records: NDArray[Any]
    first: int
    begin: int
    end: int
    last: bool

    @property
    def numbers(self) -> tuple[int, int]:
        """[first, last) numbers of its own records."""
        return self.first + self.begin, self.first + self.end


class DbnFile:
    """A file of one schema: its metadata, read at once, and its records, read as they are asked for.

    Raises SourceError naming file, record and field of what cannot be so.
    """

    def __init__(self, path: Path) -> None:
        self.path, whole, content = path, BEGIN, b""
        self._coming: Iterator[bytes] | None = blocks(path)
        for part in self._coming:
            content += part
            if whole == BEGIN and len(content) >= BEGIN:
                whole = length_of(content[:BEGIN], path)
            if whole > BEGIN and len(content) >= whole:
                break
        self.metadata, self._begin, self._read = metadata_of(content, path), whole, content[whole:]

    def blocks(self, width: int = 0) -> Iterator[DbnBlock]:
        """The records in order, at least one block. A file of several is looked through once before the first: a damaged one gives none.

        `width`: bytes that a record becomes, where that is more than it has; the blocks are the smaller.
        """
        layout = self.layout
        size = max(_BYTES * layout.itemsize // max(width, layout.itemsize), layout.itemsize)
        before, number = np.zeros(0, layout), 1
        coming = self._parts(layout, size)
        own = next(coming, before)
        after = next(coming, None)
        if after is not None:
            deque(self._parts(layout, size), maxlen=0)
        while after is not None:
            whole = np.concatenate([before, own, after[:_MARGIN]])
            yield DbnBlock(whole, number - len(before), len(before), len(before) + len(own), False)
            number += len(own)
            before, own, after = own[-_MARGIN:].copy(), after, next(coming, None)
        whole = np.concatenate([before, own]) if len(before) else own
        yield DbnBlock(whole, number - len(before), len(before), len(whole), True)

    @property
    def layout(self) -> np.dtype[Any]:
        """A record."""
        message, _ = LAYOUTS[self.metadata.schema]
        return np.dtype(list(message._dtypes) + ([("ts_out", "<u8")] if self.metadata.ts_out else []))

    def _content(self) -> Iterator[bytes]:
        """The bytes of the records; those that were read along with the metadata are not read again the first time."""
        if self._coming is not None:
            coming, begun, self._coming, self._read = self._coming, self._read, None, b""
            yield begun
            yield from coming
            return
        at = 0
        for part in blocks(self.path):
            if at + len(part) > self._begin:
                yield part[max(self._begin - at, 0) :]
            at += len(part)

    def _parts(self, layout: np.dtype[Any], size: int) -> Iterator[NDArray[Any]]:
        """Whole records, about `size` bytes a time, every one of them looked at."""
        waiting, held, offset = [b""], 0, self._begin
        for content in (part[at : at + size] for part in self._content() for at in range(0, len(part), size)):
            waiting.append(content)
            held += len(content)
            if held < size:
                continue
            records = self._checked(b"".join(waiting), layout, offset)
            stamps = records[stamped_by(layout)]
            moves = np.flatnonzero(stamps[1:] > stamps[:-1])
            cut = int(moves[-1]) + 1 if len(moves) else len(records) if held >= _WIDEST * size else 0
            rest = b"".join(waiting)[cut * layout.itemsize :]
            waiting, held = [rest], len(rest)
            if cut:
                yield records[:cut]
                offset += cut * layout.itemsize
        raw = b"".join(waiting)
        records = self._checked(raw, layout, offset)
        if len(raw) % layout.itemsize:
            row = (offset - self._begin) // layout.itemsize + len(records) + 1
            raise SourceError(f"ends inside a record at byte {offset + len(raw)}", file=self.path, row=row, hint=_TRUNCATED)
        if len(records):
            yield records

    def _checked(self, raw: bytes, layout: np.dtype[Any], offset: int) -> NDArray[Any]:
        """The whole records in these bytes, the first of them at byte `offset`."""
        rtype = LAYOUTS[self.metadata.schema][1]
        records = np.frombuffer(raw, layout, count=len(raw) // layout.itemsize)
        wrong = (records["length"] != layout.itemsize // 4) | (records["rtype"] != rtype)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            place = offset + row * layout.itemsize
            found = f"record at byte {place} has length {4 * int(records['length'][row])} and type {records['rtype'][row]}"
            number = (place - self._begin) // layout.itemsize + 1
            field = "length" if 4 * int(records["length"][row]) != layout.itemsize else "rtype"
            raise SourceError(f"{found}, not {layout.itemsize} and {rtype}", file=self.path, row=number, field=field, hint=FETCH_AGAIN)
        return records
