"""Where events come from. `SOURCES` is the table of names a configuration may use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tickcast.sources.base import FileSource, LiveSource, Progress, Source, no_contracts
from tickcast.sources.cleaning import Cleaned
from tickcast.sources.databento import Databento
from tickcast.sources.days import Day, trading_days
from tickcast.sources.es_ticks import fetch_es_ticks
from tickcast.sources.lobster import Lobster
from tickcast.sources.mapped import MappedTable
from tickcast.sources.simulated import SimulatedMarket

__all__ = [
    "SOURCES",
    "Cleaned",
    "Databento",
    "Day",
    "FileSource",
    "LiveSource",
    "Lobster",
    "MappedTable",
    "Progress",
    "SimulatedMarket",
    "Source",
    "fetch_es_ticks",
    "no_contracts",
    "trading_days",
]

SOURCES: Mapping[str, type[Source]] = MappingProxyType(
    {"databento": Databento, "lobster": Lobster, "simulated": SimulatedMarket, "table": MappedTable}
)
