"""FI-2010 matrices, made in their format: the benchmark itself may not be passed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tickcast.errors import ConfigError, SourceError
from tickcast.sources.fi2010 import Fi2010


def matrix(events: int, price: float, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    mid = price + np.cumsum(random.integers(-1, 2, events)) * 1e-4
    values = np.zeros((149, events))
    for level in range(10):
        values[4 * level] = mid + (level + 1) * 1e-4
        values[4 * level + 1], values[4 * level + 3] = random.integers(1, 900, (2, events)) * 1e-5
        values[4 * level + 2] = mid - (level + 1) * 1e-4
    values[144:] = random.integers(1, 4, (5, events))
    return values


def test_events_stocks_and_labels_come_out_as_they_were(tmp_path: Path) -> None:
    days = [np.hstack([matrix(50, 0.26, 1), matrix(30, 0.17, 2)]), matrix(20, 0.17, 3)]
    for number, values in enumerate(days, start=1):
        np.savetxt(tmp_path / f"Test_Dst_NoAuction_DecPre_CF_{number}.txt", values, fmt="%.7e")
    source = Fi2010(tmp_path, symbol="FI", step="1s")
    first, second = (chunk.frame for chunk in source.history())
    assert first["ask_price_1"].to_list() == pytest.approx(days[0][0])
    assert first["bid_size_10"].to_list() == pytest.approx(days[0][39])
    assert first["segment_id"].to_list() == [0] * 50 + [1] * 30
    assert pl.concat([first, second])["ts"].diff().drop_nulls().unique().to_list() == [10**9]
    assert set(second["segment_id"]).isdisjoint(first["segment_id"])
    assert (source.labels(source.files[0]) == days[0][144:].T).all()


def test_files_that_hold_no_prices_or_are_damaged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "Train_NoAuction_DecPre_CF_1.txt"
    np.savetxt(path, np.random.default_rng(0).normal(size=(149, 40)))
    with pytest.raises(SourceError, match="holds no prices"):
        list(Fi2010(path, symbol="FI").history())
    whole = matrix(10, 0.2, 1)
    np.savetxt(path, whole[:100])
    with pytest.raises(SourceError, match="has 100 rows, not 149"):
        list(Fi2010(path, symbol="FI").history())
    np.savetxt(path, whole)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(SourceError, match="cannot be read as numbers: .*row 149"):
        list(Fi2010(path, symbol="FI").history())
    whole[3, 4] = np.nan
    np.savetxt(path, whole)
    with pytest.raises(SourceError, match="row 4: holds a number that is not finite"):
        list(Fi2010(path, symbol="FI").history())
    with pytest.raises(ConfigError, match="is no date"):
        Fi2010(path, symbol="FI", start="June")
