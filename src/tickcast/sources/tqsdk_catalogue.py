"""Which contracts there are: what TqSdk's service says, what its package remembers of before, and what a store already holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tickcast.clock import DAY, SECOND
from tickcast.schema import CONTRACTS, conform
from tickcast.sources.base import no_contracts

__all__ = ["LISTED_AHEAD", "merged_catalogue"]

LISTED_AHEAD = 400 * DAY
"""A contract is taken as known this long before it ends (ns): Shanghai lists at most thirteen months ahead; nobody tells the day."""
_NAMES: Mapping[str, str] = {"price_tick": "price_tick", "volume_multiple": "multiplier", "exchange_id": "exchange"}


def merged_catalogue(
    listed: Sequence[Mapping[str, Any]], bundled: Sequence[Mapping[str, Any]] = (), held: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Rows of table `contracts`, one per symbol, sorted: the service's word before the package's, both before a store's.

    Parameters
    ----------
    listed, bundled: futures as TqSdk words them; the service knows contracts from September 2020 on, the list in the package older ones.
    held: `Store.coverage` of the table recorded, or None. A symbol known by its rows alone has a name, a first day and nothing else;
        rows older than the usual listing make the contract known from their first stamp on.
    """
    told = {str(each["instrument_id"]): each for each in (*bundled, *listed) if each.get("ins_class") == "FUTURE"}
    rows = [_worded(symbol, each) for symbol, each in told.items()]
    known = conform(pl.DataFrame(rows, infer_schema_length=None), CONTRACTS) if rows else no_contracts()
    if held is None or not len(held):
        return known.sort("symbol", "ts")
    seen = held.group_by("symbol").agg(pl.col("first_ts").min(), pl.col("trading_day").min().cast(pl.Int32).alias("day"))
    both = known.join(seen, on="symbol", how="full", coalesce=True)
    both = both.with_columns(pl.min_horizontal("ts", "first_ts").alias("ts"), pl.coalesce("first_day", "day").alias("first_day"))
    return conform(both.drop("first_ts", "day"), CONTRACTS).sort("symbol", "ts")


def _worded(symbol: str, each: Mapping[str, Any]) -> dict[str, Any]:
    ends = each.get("expire_datetime")
    expiry = None if ends is None else round(float(ends)) * SECOND
    row: dict[str, Any] = {ours: None if each.get(theirs) is None else each[theirs] for theirs, ours in _NAMES.items()}
    row |= {
        "symbol": symbol,
        "kind": "future",
        "product": f"{each['exchange_id']}.{each['product_id']}",
        "currency": "CNY",
        "expiry": expiry,
    }
    row["ts"] = max(1, ((expiry or DAY) - LISTED_AHEAD) // DAY * DAY)
    row |= {name: float(row[name]) for name in ("price_tick", "multiplier") if row[name] is not None}
    return row
