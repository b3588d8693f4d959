"""A month of one-minute bars of micro gold contracts, as the exchange sent them. Only for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import databento_dbn as dbn
import polars as pl
import zstandard

from tickcast.calendars import calendar
from tickcast.clock import MINUTE

__all__ = ["contracts"]


def contracts(market_data: Path, count: int) -> list[pl.DataFrame]:
    """June 2023: bars of the contracts that traded most, the busiest first."""
    decoder = dbn.DBNDecoder()
    with (market_data / "mgc" / "glbx-mdp3-20230601-20230630.ohlcv-1m.dbn.zst").open("rb") as file:
        decoder.write(zstandard.ZstdDecompressor().stream_reader(file).read())
    records: list[Any] = decoder.decode()[1:]
    rows = [(r.instrument_id, r.ts_event, r.open, r.high, r.low, r.close, r.volume) for r in records]
    frame = pl.DataFrame(rows, schema=["instrument", "ts_open", "open", "high", "low", "close", "volume"], orient="row")
    busiest = frame.group_by("instrument").agg(pl.col("volume").sum()).sort("volume", descending=True)["instrument"][:count]
    prices = pl.col("open", "high", "low", "close") / 1e9
    found = []
    for instrument in busiest:
        one = frame.filter(pl.col("instrument") == instrument).sort("ts_open")
        one = one.select("ts_open", (pl.col("ts_open") + MINUTE).alias("ts"), prices, pl.col("volume").cast(float), symbol=pl.lit("MGC"))
        found.append(calendar("CME_Metals").assign(one).rows.with_columns(segment_id=pl.lit(0, pl.Int64)))
    return found
