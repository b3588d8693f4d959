"""Where events come from. `SOURCES` is the table of names a configuration may use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tickcast.cleaning import Cleaned
from tickcast.sources.base import FileSource, LiveSource, PortionSource, Progress, Source, no_contracts
from tickcast.sources.databento import Databento
from tickcast.sources.databento_history import DatabentoHistory, Estimate
from tickcast.sources.days import DayRange, trading_days
from tickcast.sources.es_ticks import fetch_es_ticks
from tickcast.sources.fi2010 import Fi2010
from tickcast.sources.lean import Lean
from tickcast.sources.lobster import Lobster
from tickcast.sources.lobster_replay import Replay, replay_lobster
from tickcast.sources.mapped import MappedTable
from tickcast.sources.sgx import Sgx
from tickcast.sources.simulated import SimulatedMarket
from tickcast.sources.sql import SqlTable
from tickcast.sources.taq import Taq
from tickcast.sources.tqsdk import TqSdk

__all__ = [
    "SOURCES",
    "Cleaned",
    "Databento",
    "DatabentoHistory",
    "DayRange",
    "Estimate",
    "Fi2010",
    "FileSource",
    "Lean",
    "LiveSource",
    "Lobster",
    "MappedTable",
    "PortionSource",
    "Progress",
    "Replay",
    "Sgx",
    "SimulatedMarket",
    "Source",
    "SqlTable",
    "Taq",
    "TqSdk",
    "fetch_es_ticks",
    "no_contracts",
    "replay_lobster",
    "trading_days",
]

SOURCES: Mapping[str, type[Source]] = MappingProxyType(
    {
        "databento": Databento,
        "databento-history": DatabentoHistory,
        "fi2010": Fi2010,
        "lean": Lean,
        "lobster": Lobster,
        "sgx": Sgx,
        "simulated": SimulatedMarket,
        "sql": SqlTable,
        "table": MappedTable,
        "taq": Taq,
        "tqsdk": TqSdk,
    }
)
