"""A declared mapping over rows of any origin."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tickcast.errors import ConfigError, SourceError
from tickcast.schema import SIGNALS, TRADES
from tickcast.sources.layout import Layout
from tickcast.sources.mapping import DeclaredColumns
from tickcast.sources.stamps import Stamps

COLUMNS = {"ts": "when", "price": "px", "size": "qty"}
ROWS = pl.DataFrame({"when": [1_600_000_000, 1_600_000_001, None], "px": ["1.5", "x", "2"], "qty": [1, 2, 3], "note": ["", "", ""]})


def test_rows_are_mapped_and_those_that_cannot_be_are_kept_aside() -> None:
    cleaned = DeclaredColumns(TRADES, COLUMNS, "A", Stamps(unit="s"), Layout()).cleaned(ROWS, Path("rows"))
    assert cleaned.frame.select("symbol", "ts", "price", "size").rows() == [("A", 1_600_000_000 * 10**9, 1.5, 1.0)]
    assert cleaned.quarantined.select("row", "reason").rows() == [(2, "price_missing"), (3, "ts_missing")]
    assert cleaned.origin == "rows"


def test_a_mapping_that_cannot_be_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'price'"):
        DeclaredColumns(TRADES, {**COLUMNS, "prise": "px"}, "A", Stamps(unit="s"), Layout())
    with pytest.raises(ConfigError, match="Its columns: symbol, ts, ts_event, price, size, side, sequence"):
        DeclaredColumns(TRADES, {**COLUMNS, "xyz": "px"}, "A", Stamps(unit="s"), Layout())
    with pytest.raises(ConfigError, match="no column is mapped to ts"):
        DeclaredColumns(SIGNALS, {"value": "px"}, "A", Stamps(unit="s"), Layout())
    with pytest.raises(SourceError, match="Did you mean 'qty'"):
        DeclaredColumns(TRADES, {**COLUMNS, "size": "qyt"}, "A", Stamps(unit="s"), Layout()).cleaned(ROWS, Path("rows"))
