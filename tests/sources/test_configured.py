"""The source of a configuration, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickcast.config import DataConfig
from tickcast.errors import DataError, SourceError
from tickcast.sources import MappedTable, SimulatedMarket
from tickcast.sources.configured import configured


def test_options_and_files_reach_the_source(tmp_path: Path) -> None:
    made = configured(DataConfig(source="simulated", symbol="S", calendar="NYSE", tick=0.5, options={"days": 3, "seed": 5}))
    assert isinstance(made, SimulatedMarket) and (made.symbol, made.seed, made.table.name) == ("S", 5, "bars")
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("t,p,q\n1,2,3\n")
    options = {"columns": {"ts": "t", "price": "p", "size": "q"}, "unit": "ns"}
    table = configured(DataConfig(source="table", table="trades", symbol="S", files=str(tmp_path / "*.csv"), options=options))
    assert isinstance(table, MappedTable) and [path.name for path in table.files] == ["a.csv", "b.csv"]


def test_what_cannot_be_a_source() -> None:
    with pytest.raises(DataError, match=r"dayz.*docs/sources"):
        configured(DataConfig(source="simulated", symbol="S", options={"dayz": 3}))
    with pytest.raises(SourceError, match=r"data\.files"):
        configured(DataConfig(source="lobster", symbol="S"))
