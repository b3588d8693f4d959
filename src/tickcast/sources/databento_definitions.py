"""Databento's instrument definitions as rows of table `contracts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
from databento_dbn import DBNDecoder, DBNError, InstrumentDefMsg, VersionUpgradePolicy

from tickcast.cleaning import Cleaned, clean
from tickcast.clock import DAY
from tickcast.errors import SourceError
from tickcast.schema import CONTRACTS
from tickcast.sources.dbn import UNDEFINED
from tickcast.sources.dbn_metadata import length_of, metadata_of
from tickcast.sources.files import FETCH_AGAIN

__all__ = ["read_definitions"]

_NEVER = 2**64 - 1
_SCALE = 1_000_000_000
_PIECE = 4 << 20
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "B": "bond",
        "C": "option",
        "F": "future",
        "I": "index",
        "K": "stock",
        "M": "option_spread",
        "P": "option",
        "S": "spread",
        "T": "option_spread",
        "X": "fx",
    }
)
"""By instrument class: https://databento.com/docs/schemas-and-data-formats/instrument-definitions"""


def read_definitions(raw: bytes, path: Path) -> Cleaned:
    """The definitions in the bytes of a DBN file, without compression, of any version; each known when it was received.

    `multiplier` is what one tick is worth over the tick, else the quantity of a contract, where the venue tells one. Raises SourceError
    naming the file where it holds anything else or is cut off.
    """
    decoder = DBNDecoder(upgrade_policy=VersionUpgradePolicy.UPGRADE_TO_V3)  # type: ignore[arg-type]
    whole = length_of(raw, path)
    rows: list[tuple[Any, ...]] = []
    metadata_of(raw[:whole], path)  # the decoder would make room for whatever count it reads
    for record in _decoded(decoder, raw, whole, path):
        if not isinstance(record, InstrumentDefMsg):
            told = f"holds a {type(record).__name__}, not definitions"
            raise SourceError(told, file=path, row=len(rows) + 1, hint="use files of schema definition")
        rows.append(_row(record))
    columns = {column.name: column.dtype for column in CONTRACTS.columns}
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_row_index("row", offset=1)
    return clean(frame, CONTRACTS, origin=path.name)


def _decoded(decoder: DBNDecoder, raw: bytes, whole: int, path: Path) -> Iterator[object]:
    """The records, some MiB at a time. Raises SourceError where the bytes are none, or end inside one."""
    try:
        decoder.write(raw[:whole])
        decoder.decode()
        for at in range(whole, len(raw), _PIECE):
            decoder.write(raw[at : at + _PIECE])
            yield from decoder.decode()
        rest = decoder.buffer()
    except (DBNError, ValueError) as error:
        raise SourceError(f"is no readable DBN: {error}", file=path, hint=FETCH_AGAIN) from error
    if rest:
        raise SourceError(f"ends inside a record, {len(rest)} bytes are left", file=path, hint="fetch the file again, it is truncated")


def _row(record: InstrumentDefMsg) -> tuple[Any, ...]:
    tick, worth = _number(record.min_price_increment), _number(record.min_price_increment_amount)
    multiplier = worth / tick if worth and tick else _number(record.unit_of_measure_qty)
    begins = _moment(record.activation)
    return (
        record.raw_symbol,
        min(record.ts_recv, UNDEFINED),
        record.instrument_id,
        record.asset or None,
        _KINDS.get(str(record.instrument_class)),
        _moment(record.expiration),
        None if begins is None else begins // DAY,
        tick if tick is not None and tick > 0 else None,
        multiplier,
        record.currency or None,
        record.exchange or None,
    )


def _number(value: int) -> float | None:
    return None if value == UNDEFINED else value / _SCALE


def _moment(value: int) -> int | None:
    return None if value in (0, _NEVER) or value >= UNDEFINED else value
