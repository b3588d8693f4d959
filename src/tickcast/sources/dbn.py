"""DBN bytes: the metadata, the records as one array, and which contract an instrument id is on which day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from databento_dbn import DBNError, MBOMsg, MBP1Msg, MBP10Msg, Metadata, OHLCVMsg, TradeMsg
from numpy.typing import NDArray

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import SourceError
from tickcast.sources.files import FETCH_AGAIN

__all__ = ["INTERVALS", "LAYOUTS", "UNDEFINED", "Symbols", "fixed", "metadata_of", "records_of", "spans_of", "stamp", "taken"]

INTERVALS = MappingProxyType({"ohlcv-1s": SECOND, "ohlcv-1m": MINUTE, "ohlcv-1h": HOUR, "ohlcv-1d": DAY})
LAYOUTS: MappingProxyType[str, tuple[Any, int]] = MappingProxyType(
    {"trades": (TradeMsg, 0), "tbbo": (MBP1Msg, 1), "mbp-1": (MBP1Msg, 1), "mbp-10": (MBP10Msg, 10), "mbo": (MBOMsg, 160)}
    | {name: (OHLCVMsg, 32 + i) for i, name in enumerate(INTERVALS)}
)
"""Record and its type, by schema."""
UNDEFINED = int(np.iinfo(np.int64).max)
"""A stamp or price that the vendor does not know."""
_EPOCH = 719_163  # ordinal of 1970-01-01
_FOREVER = 2**31 - 1


def metadata_of(raw: bytes, path: Path) -> tuple[Any, int]:
    """The file's metadata and the byte at which its records begin."""
    length = int.from_bytes(raw[4:8], "little")
    if len(raw) < 8 or raw[:3] != b"DBN" or raw[3] not in (1, 2, 3):
        raise SourceError("is no DBN file of version 1 to 3", file=path, hint="name files ending in .dbn or .dbn.zst")
    if len(raw) < 8 + length:
        raise SourceError(
            f"ends inside its metadata at byte {len(raw)} of {8 + length}", file=path, hint="fetch the file again, it is truncated"
        )
    try:
        return Metadata.decode(raw[: 8 + length]), 8 + length
    except (DBNError, ValueError, OverflowError) as error:
        raise SourceError(f"metadata cannot be read: {error}", file=path, hint=FETCH_AGAIN) from error


def records_of(raw: bytes, offset: int, metadata: Any, path: Path) -> NDArray[Any]:
    """All records as one structured array; SourceError naming the first record that is not of the schema's layout and type."""
    message, rtype = LAYOUTS[str(metadata.schema)]
    layout = np.dtype(list(message._dtypes) + ([("ts_out", "<u8")] if metadata.ts_out else []))
    count, rest = divmod(len(raw) - offset, layout.itemsize)
    records = np.frombuffer(raw, dtype=layout, count=count, offset=offset)
    wrong = (records["length"] != layout.itemsize // 4) | (records["rtype"] != rtype)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = f"record at byte {offset + row * layout.itemsize} has length {4 * records['length'][row]} and type {records['rtype'][row]}"
        raise SourceError(f"{found}, not {layout.itemsize} and {rtype}", file=path, row=row + 1, hint=FETCH_AGAIN)
    if rest:
        raise SourceError(
            f"ends inside a record at byte {len(raw)}", file=path, row=count + 1, hint="fetch the file again, it is truncated"
        )
    return records


def taken(records: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """These records, each copied as one piece: numpy copies the fields of a structured array one by one."""
    return np.take(records.view(np.dtype((np.void, records.dtype.itemsize))), rows).view(records.dtype)


def spans_of(metadata: Any, path: Path) -> pl.DataFrame:
    """`instrument_id`, UTC days `first` and `last` ([first, last), days since 1970) and `symbol`, as the metadata maps them, by `first`."""
    ids, first, last, names = [], [], [], []
    for raw_symbol, intervals in metadata.mappings.items():
        for interval in intervals:
            if not interval["symbol"].isdigit():
                raise SourceError(
                    f"maps {raw_symbol} to {interval['symbol']!r}, not an instrument id", file=path, hint="ask for stype_out=instrument_id"
                )
            ids.append(int(interval["symbol"]))
            first.append(interval["start_date"].toordinal() - _EPOCH)
            last.append(interval["end_date"].toordinal() - _EPOCH)
            names.append(raw_symbol)
    return pl.DataFrame(
        {"instrument_id": ids, "first": first, "last": last, "symbol": names},
        schema={"instrument_id": pl.UInt32, "first": pl.Int32, "last": pl.Int32, "symbol": pl.String},
    ).sort("first")


@dataclass(frozen=True)
class Symbols:
    """Which contract an instrument id is on a UTC day: spans sorted by id and first day."""

    keys: NDArray[np.int64]
    last: NDArray[np.int64]
    names: pl.Series

    @classmethod
    def of(cls, spans: pl.DataFrame) -> Symbols:
        """From `spans_of`; of two spans that begin together the later row counts."""
        spans = spans.sort("instrument_id", "first", maintain_order=True)
        return cls(
            _key(spans["instrument_id"].to_numpy(), spans["first"].to_numpy()), spans["last"].to_numpy().astype("i8"), spans["symbol"]
        )

    @classmethod
    def defined(cls, contracts: pl.DataFrame) -> Symbols:
        """From rows of table `contracts`: each holds from the UTC day it became known to the next one of its id."""
        known = contracts.drop_nulls("instrument_id").sort("instrument_id", "ts")
        first = (pl.col("ts") // DAY).cast(pl.Int32)
        last = first.shift(-1).over("instrument_id").fill_null(_FOREVER)
        spans = known.select(pl.col("instrument_id").cast(pl.UInt32), first.alias("first"), last.alias("last"), "symbol")
        return cls.of(spans.filter(pl.col("first") < pl.col("last")))

    def place(self, ids: NDArray[np.uint32], days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index into `names` for each id on its day, -1 where there is none."""
        if not len(self.keys):
            return np.full(len(ids), -1)
        wanted = _key(ids, days)
        at = np.searchsorted(self.keys, wanted, side="right") - 1
        found = (at >= 0) & (self.keys[at] >> 32 == wanted >> 32) & (days < self.last[at])
        return np.where(found, at, -1)


def _key(ids: NDArray[Any], days: NDArray[Any]) -> NDArray[np.int64]:
    """Sorts by id, then by day; ids have 32 bits and days fewer."""
    return np.asarray((ids.astype(np.int64) << 32) + np.clip(days.astype(np.int64), 0, _FOREVER))


def stamp(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Unsigned ns as int64; the undefined stamp and anything beyond int64 become 0, which cleaning refuses."""
    return np.where(values > np.uint64(UNDEFINED), np.uint64(0), values).astype(np.int64)


def fixed(values: NDArray[np.int64]) -> NDArray[np.float64]:
    """Prices in the quote currency; NaN where the vendor wrote that there is none."""
    found = np.asarray(values / 1e9, dtype=np.float64)
    none = values == UNDEFINED
    return np.where(none, np.nan, found) if none.any() else found
