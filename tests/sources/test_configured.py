"""The source of a configuration, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickcast.config import DataConfig
from tickcast.errors import SourceError, TickcastError
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
    for source, options, found in (
        ("simulated", {"dayz": 3}, r"data\.options\.dayz: source simulated has no such option\. Did you mean 'days'\?"),
        ("lobster", {"zzz": 3}, r"data\.options\.zzz: .* no such option\. Its options: none"),
        ("table", {"unit": "ns"}, r"data\.options\.columns: source table needs it"),
        ("table", {"columns": {}, "member": 7, "zone": 3}, r"data\.options|zone"),
    ):
        data = DataConfig(source=source, symbol="S", table="bars" if source == "simulated" else "trades", files="a.csv", options=options)
        with pytest.raises(TickcastError, match=found):
            configured(data)
    with pytest.raises(SourceError, match=r"data\.files"):
        configured(DataConfig(source="lobster", symbol="S"))
