"""Small files of R data, written as `save()` writes them (XDR, version 2)."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping, Sequence

_END = struct.pack(">i", 254)
_TAGGED, _OBJECT = 0x402, 0x313  # a pair with a tag; a list with attributes that has a class


def _text(value: str) -> bytes:
    return struct.pack(">ii", 0x40009, len(value)) + value.encode()


def _texts(values: Sequence[str]) -> bytes:
    return struct.pack(">ii", 16, len(values)) + b"".join(map(_text, values))


def _column(values: Sequence[str] | Sequence[float]) -> bytes:
    if values and isinstance(values[0], str):
        return _texts([str(value) for value in values])
    return struct.pack(">ii", 14, len(values)) + struct.pack(f">{len(values)}d", *map(float, values))


def file(name: str, columns: Mapping[str, Sequence[str] | Sequence[float]]) -> bytes:
    """One data frame of texts and numbers."""
    rows = len(next(iter(columns.values())))
    body = struct.pack(">ii", _OBJECT, len(columns)) + b"".join(map(_column, columns.values()))
    attributes = {
        "names": _texts(list(columns)),
        "row.names": struct.pack(">iiii", 13, 2, -(2**31), -rows),
        "class": _texts(["data.frame"]),
    }
    for tag, value in attributes.items():
        body += struct.pack(">ii", _TAGGED, 1) + _text(tag) + value
    pair = struct.pack(">ii", _TAGGED, 1) + _text(name) + body + _END
    return gzip.compress(b"RDX2\nX\n" + struct.pack(">iii", 2, 0x40000, 0x20300) + pair + _END)
