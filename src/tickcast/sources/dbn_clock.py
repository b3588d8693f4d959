"""The clock that books of order-by-order records go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning import EARLIEST, LATEST
from tickcast.cleaning.order import strays
from tickcast.sources.dbn import stamp

__all__ = ["Clock", "sound_clock"]

_REASONS = ("", "ts_implausible", "outside_request", "ts_ahead")


@dataclass(frozen=True)
class Clock:
    """Records whose stamps can be gone by, and by place why a stamp of the file's could not, as a place in `_REASONS`."""

    records: NDArray[Any]
    why: NDArray[np.int8] | None = None

    def wrong(self, places: NDArray[np.int64]) -> pl.DataFrame:
        """`row` and `reason` of those of these places whose stamp was replaced; rows from 0."""
        at = places[self.why[places] > 0] if self.why is not None else places[:0]
        reasons = [] if self.why is None else [_REASONS[number] for number in self.why[at].tolist()]
        return pl.DataFrame({"row": at, "reason": reasons}, schema={"row": pl.Int64, "reason": pl.String})


def sound_clock(records: NDArray[Any], start: int, end: int | None) -> Clock:
    """Records in the order of the file, [start, end) being its range, UTC ns.

    One stamp far ahead would stop the clock of its book until then. What such a record says of orders is so all the same; it gets the stamp
    of the next sound record of its instrument, by when it was known, else of the one before. So does one outside the file's range.
    """
    ts = stamp(records["ts_recv"])
    implausible = (ts < EARLIEST) | (ts >= LATEST)
    outside = ~implausible & ((ts < start) | (ts >= (LATEST if end is None else end)))
    astray = implausible | outside
    if not astray.any() and bool((np.diff(ts) >= 0).all()):
        return Clock(records)
    ids, inside = records["instrument_id"], np.flatnonzero(~astray)
    ahead = np.zeros(len(ts), dtype=np.bool_)
    ahead[inside] = strays(pl.DataFrame({"ts": ts[inside], "id": ids[inside].astype("U10").tolist()}), "id")[1]
    why = np.select([implausible, outside, ahead], [1, 2, 3], 0).astype(np.int8)
    sound = pl.when(pl.col("ts") >= 0).then("ts")
    stamps = pl.DataFrame({"id": ids, "ts": np.where(why > 0, -1, ts)})
    filled = stamps.select(sound.backward_fill().over("id"), sound.forward_fill().over("id").alias("before"))
    mended = records.copy()
    mended["ts_recv"] = filled.select(pl.coalesce("ts", "before").fill_null(start)).to_series().to_numpy()
    return Clock(mended, why)
