"""Documents in a table of a QuestDB server that only grows: every client sees the same ones in the same order.

The table has no WAL and no stamp, so its rows lie in the order of their commits, one writer at a time, and are seen at once.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import final

from tickcast.store.quest_wire import QuestWire

__all__ = ["Entry", "QuestLog"]

_CHUNK = 200_000
_PAGE = 256


@dataclass(frozen=True)
class Entry:
    """One document, the number it was appended under and the token of who did."""

    number: int
    token: str
    document: str


@final
class QuestLog:
    """The log in `table`, made if absent."""

    def __init__(self, wire: QuestWire, table: str) -> None:
        self._wire, self._table, self._read = wire, table, 0
        columns = "number LONG, token VARCHAR, place INT, pieces INT, document VARCHAR"
        wire.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")

    def append(self, number: int, token: str, document: str) -> None:
        """Add a document; on return it is durable and seen by all. A failure leaves open whether it is there: `fresh` tells."""
        text = base64.b64encode(zlib.compress(document.encode(), 6)).decode()
        pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
        rows = [(number, token, place, len(pieces), piece) for place, piece in enumerate(pieces)]
        self._wire.insert(f"INSERT INTO {self._table} VALUES (%s, %s, %s, %s, %s)", rows)

    def fresh(self) -> list[Entry]:
        """The entries that this object has not given yet. Raises StoreError for one that is damaged."""
        out: list[Entry] = []
        held: list[str] = []
        while True:
            text = f"SELECT number, token, place, pieces, document FROM {self._table} LIMIT {self._read}, {self._read + _PAGE}"
            found = self._wire.rows(text)
            for number, token, place, pieces, piece in found:
                if place != len(held):
                    raise self._damaged(f"piece {place} of {pieces} where {len(held)} is due")
                held.append(piece)
                if len(held) == pieces:
                    out.append(Entry(int(number), str(token), self._text("".join(held))))
                    held = []
            self._read += len(found)
            if len(found) < _PAGE:
                break
        if held:
            raise self._damaged("its last document is cut")
        return out

    def _text(self, content: str) -> str:
        try:
            return zlib.decompress(base64.b64decode(content, validate=True)).decode()
        except (binascii.Error, zlib.error, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, found: str) -> Exception:
        return self._wire.failure(f"{self._table} is damaged near row {self._read + 1}: {found}", hint="restore the server's folder")
