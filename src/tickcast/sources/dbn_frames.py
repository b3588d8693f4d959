"""Records of a DBN file as rows of a table, before they are cleaned. `row` counts the file's records from 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.schema import BOOK_LEVELS
from tickcast.sources.dbn import UNDEFINED, fixed, stamp

__all__ = ["bars_frame", "packet_ends", "quotes_frame", "trades_frame"]

_LAST = 128


def bars_frame(records: NDArray[Any], interval: int) -> pl.DataFrame:
    """Bars, stamped with their close; the vendor stamps them with their start."""
    begin = stamp(records["ts_event"])
    undefined = np.logical_or.reduce([records[name] == UNDEFINED for name in ("open", "high", "low", "close")])
    begin_ok = (begin > 0) & (begin < UNDEFINED - interval)
    return pl.DataFrame(
        {
            "undefined": undefined,
            "interval": np.full(len(records), interval, dtype=np.int64),
            "ts": np.where(begin_ok, begin + interval * begin_ok, 0),
            "ts_open": begin,
            **{name: np.asarray(records[name] / 1e9, dtype=np.float64) for name in ("open", "high", "low", "close")},
            "volume": records["volume"].astype(np.float64),
        }
    )


def trades_frame(records: NDArray[Any]) -> pl.DataFrame:
    """Prints, known when they were received. Those of a packet share the exchange's sequence, so their order is left to `clean`."""
    side = np.select([records["side"] == b"B", records["side"] == b"A"], [1, -1], 0).astype(np.int8)
    return pl.DataFrame(
        {
            "undefined": records["price"] == UNDEFINED,
            "ts": stamp(records["ts_recv"]),
            "ts_event": stamp(records["ts_event"]),
            "price": np.asarray(records["price"] / 1e9, dtype=np.float64),
            "size": records["size"].astype(np.float64),
            "side": side,
        }
    )


def quotes_frame(records: NDArray[Any]) -> pl.DataFrame:
    """Books of mbp-1 and mbp-10 records, known when they were received."""
    columns = {"ts": stamp(records["ts_recv"]), "ts_event": stamp(records["ts_event"])}
    there = [k for k in range(BOOK_LEVELS) if f"bid_px_{k:02d}" in (records.dtype.names or ())]
    prices = {
        f"{side}_price_{k + 1}": pl.Series(fixed(records[f"{side}_px_{k:02d}"]), nan_to_null=True) for side in ("bid", "ask") for k in there
    }
    sizes = {f"{side}_size_{k + 1}": records[f"{side}_sz_{k:02d}"].astype(np.float64) for side in ("bid", "ask") for k in there}
    return pl.DataFrame({**columns, **prices, **sizes})


def packet_ends(records: NDArray[Any]) -> NDArray[np.bool_]:
    """Records marked as the last of their packet; files that mark none have no packets."""
    return np.asarray((records["flags"] & _LAST) > 0)
