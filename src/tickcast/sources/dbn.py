"""DBN records: their layouts, and which contract an instrument id is on which day."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from databento_dbn import MBOMsg, MBP1Msg, MBP10Msg, OHLCVMsg, TradeMsg
from numpy.typing import NDArray

from tickcast.clock import DAY, HOUR, MINUTE, SECOND

__all__ = ["INTERVALS", "LAYOUTS", "UNDEFINED", "Symbols", "fixed", "stamp", "stamped_by", "taken"]

INTERVALS = MappingProxyType({"ohlcv-1s": SECOND, "ohlcv-1m": MINUTE, "ohlcv-1h": HOUR, "ohlcv-1d": DAY})
LAYOUTS: MappingProxyType[str, tuple[Any, int]] = MappingProxyType(
    {"trades": (TradeMsg, 0), "tbbo": (MBP1Msg, 1), "mbp-1": (MBP1Msg, 1), "mbp-10": (MBP10Msg, 10), "mbo": (MBOMsg, 160)}
    | {name: (OHLCVMsg, 32 + i) for i, name in enumerate(INTERVALS)}
)
"""Record and its type, by schema."""
UNDEFINED = int(np.iinfo(np.int64).max)
"""A stamp or price that the vendor does not know."""
_FOREVER = 2**31 - 1


def stamped_by(layout: np.dtype[Any]) -> str:
    """The field that a file is ordered and cut by: the moment of receipt where that is told."""
    return "ts_recv" if "ts_recv" in (layout.names or ()) else "ts_event"


def taken(records: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """These records, each copied as one piece: numpy copies the fields of a structured array one by one."""
    return np.take(records.view(np.dtype((np.void, records.dtype.itemsize))), rows).view(records.dtype)


@dataclass(frozen=True)
class Symbols:
    """Which contract an instrument id is on a UTC day: spans sorted by id and first day."""

    keys: NDArray[np.int64]
    last: NDArray[np.int64]
    names: pl.Series

    @classmethod
    def of(cls, spans: pl.DataFrame) -> Symbols:
        """From the spans of `Metadata`; of two spans that begin together the later row counts."""
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
