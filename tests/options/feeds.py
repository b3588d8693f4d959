"""The three real chains as sources: how each vendor names columns, scales greeks and tells time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tickcast.sources import Cleaned, MappedTable

_DISCOUNT_VENDOR = MappingProxyType(
    {
        "underlying": "underlying",
        "ts": "quotedate",
        "expiry": "expiration",
        "strike": "strike",
        "right": "type",
        "bid": "bid",
        "ask": "ask",
        "last": "last",
        "iv": "impliedvol",
        "delta": "delta",
        "gamma": "gamma",
        "vega": "vega",
        "theta": "theta",
        "volume": "volume",
        "open_interest": "openinterest",
        "underlying_price": "underlying_last",
    }
)
COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "spx_2011-01": {
            "underlying": "symbol",
            "ts": "date",
            "expiry": "option_expiration",
            "strike": "strike",
            "right": "call/put",
            "bid": "bid",
            "ask": "ask",
            "iv": "iv",
            "delta": "delta",
            "gamma": "gamma",
            "vega": "vega",
            "theta": "theta",
            "volume": "volume",
            "open_interest": "open_interest",
            "underlying_price": "stock_price_close",
        },
        "spxw_2018-01_02": _DISCOUNT_VENDOR,
        "vxx_2016-12": _DISCOUNT_VENDOR,
    }
)
# SPX: per volatility point and per day. VXX: per contract of 100, theta per day; its vega per point and contract is ours.
DIVISOR: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"spx_2011-01": {"vega": 0.01, "theta": 1 / 365}, "spxw_2018-01_02": {}, "vxx_2016-12": {"gamma": 100, "theta": 100 / 365}}
)


def feed(folder: Path, name: str) -> Cleaned:
    """One file, read as a user would: New York dates, quotes taken at 16:15, a quarter of an hour after the close."""
    source = MappedTable(
        folder / "options" / f"{name}.csv.xz",
        table="options",
        columns=COLUMNS[name],
        format="%m/%d/%Y",
        layout={"calendar": "NYSE", "delay": "15m", "divisor": DIVISOR[name]},
    )
    (chunk,) = source.history()
    return chunk
