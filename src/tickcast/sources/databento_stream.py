"""DBN as it arrives: decompressed piece by piece, every record looked at, nothing believed before its end has been seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import zstandard
from databento_dbn import DBNError, MBOMsg, Metadata, OHLCVMsg, TradeMsg

from tickcast.errors import ProviderRefused, ProviderUnavailable
from tickcast.sources.databento_request import SCHEMAS

__all__ = ["Arrival", "Seen"]

_SLICE = 2048
"""Compressed bytes taken at a time: what a bomb of a few bytes makes of itself stays below 100 MB."""
_BATCH = 1 << 20
_HEADER_LIMIT = 64 << 20
_LARGEST = 1 << 10  # bytes of a record; a length of it is one byte, in words of four
_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Seen:
    """What came: records, those of them inside the range that was asked for, and bytes without compression."""

    records: int
    inside: int
    size: int


class Arrival:
    """Checks a zstd stream of DBN against what was asked.

    Parameters
    ----------
    dataset, schema, start, end: as asked, UTC ns.
    most: records that may come; a stream that goes on is broken off.

    `take` raises ProviderUnavailable for bytes that are damaged or too many, ProviderRefused for another schema or data set than asked.
    """

    def __init__(self, dataset: str, schema: str, start: int, end: int, most: int) -> None:
        self._asked, self._span, self._most = (dataset, schema), (start, end), most
        self._decoder = zstandard.ZstdDecompressor().decompressobj()
        self._waiting, self._size, self._records, self._inside = bytearray(), 0, 0, 0
        self._width, self._begun, self._started = 0, False, False

    def take(self, content: bytes) -> None:
        """The next compressed bytes."""
        if not self._started and content:
            if not _MAGIC.startswith(content[:4]) and not content.startswith(_MAGIC):
                raise ProviderUnavailable("the answer is not compressed DBN")
            self._started = True
        for at in range(0, len(content), _SLICE):
            rest = content[at : at + _SLICE]
            while rest:
                if self._decoder.eof:
                    self._decoder = zstandard.ZstdDecompressor().decompressobj()
                try:
                    made = self._decoder.decompress(rest)
                except zstandard.ZstdError:
                    raise ProviderUnavailable(f"the answer is damaged after {self._size} bytes") from None
                self._size += len(made)
                self._waiting += made
                rest = self._decoder.unused_data if self._decoder.eof else b""
                if len(self._waiting) >= _BATCH:
                    self._look()

    def end(self) -> Seen:
        """All of it. Raises ProviderUnavailable where it ends too early."""
        self._look()
        if not self._begun or not self._decoder.eof or self._waiting:
            raise ProviderUnavailable(f"the answer is cut off after {self._size} bytes and {self._records} records")
        return Seen(self._records, self._inside, self._size)

    def _look(self) -> None:
        if not self._begun and not self._header():
            return
        if not self._width and self._waiting:
            self._width = 4 * self._waiting[0]
            if not 16 <= self._width <= _LARGEST:
                raise ProviderUnavailable(f"the answer's first record has a length of {self._width} bytes")
        whole = len(self._waiting) // self._width * self._width if self._width else 0
        if not whole:
            return
        rows = np.frombuffer(bytes(self._waiting[:whole]), np.uint8).reshape(-1, self._width)
        del self._waiting[:whole]
        rtype = SCHEMAS[self._asked[1]].rtype
        wrong = (rows[:, 0] != self._width // 4) | (rows[:, 1] != rtype)
        if wrong.any():
            at = self._records + int(np.flatnonzero(wrong)[0]) + 1
            raise ProviderUnavailable(f"record {at} of the answer is of another kind than {self._asked[1]}", row=at)
        place = _stamped_at(self._asked[1])
        stamps = np.ascontiguousarray(rows[:, place : place + 8]).view(np.uint64)[:, 0]
        low, high = self._span
        self._inside += int(((stamps >= np.uint64(low)) & (stamps < np.uint64(high))).sum())
        self._records += len(rows)
        if self._records > self._most:
            raise ProviderUnavailable(f"the answer goes on after {self._most} records")

    def _header(self) -> bool:
        """Whether the metadata is complete; it is taken off and compared with what was asked."""
        if len(self._waiting) < 8:
            return False
        length = int.from_bytes(self._waiting[4:8], "little")
        if self._waiting[:3] != b"DBN" or self._waiting[3] not in (1, 2, 3) or length > _HEADER_LIMIT:
            raise ProviderUnavailable("the answer is no DBN of version 1 to 3")
        if len(self._waiting) < 8 + length:
            return False
        try:
            metadata = Metadata.decode(bytes(self._waiting[: 8 + length]))
        except (DBNError, ValueError, OverflowError):
            raise ProviderUnavailable("the answer's metadata is damaged") from None
        given = (metadata.dataset, str(metadata.schema))
        if given != self._asked:
            hint = "check the address of the service"
            raise ProviderRefused(f"asked for {' '.join(self._asked)}, the answer is {' '.join(given)}", field="schema", hint=hint)
        del self._waiting[: 8 + length]
        self._begun = True
        return True


def _stamped_at(schema: str) -> int:
    """The byte in a record of the stamp that a request goes by: when it was received where that is told, else when it happened."""
    if schema == "definition":
        return 16
    kind = OHLCVMsg if schema.startswith("ohlcv") else MBOMsg if schema == "mbo" else TradeMsg  # books begin as trades do
    layout = np.dtype(list(kind._dtypes))
    return int(layout.fields["ts_recv" if "ts_recv" in (layout.names or ()) else "ts_event"][1])  # type: ignore[index]
