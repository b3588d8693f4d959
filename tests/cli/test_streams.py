"""Events by stream: the last rows of the main one, and what is as young of the others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import small_market
from tickcast.cli.streams import events_by_stream, last_events
from tickcast.cli.terminal import Terminal
from tickcast.errors import ConfigError
from tickcast.features import FeatureSet

SMALL = FeatureSet.from_dict(small_market.WORDS)


def asked(features: FeatureSet, *data: str) -> object:
    return last_events(events_by_stream(features, data, None, (), store=Path("nowhere"), terminal=Terminal(quiet=True)), 7)


def test_the_last_rows_are_given(events_file: Path) -> None:
    for data in (str(events_file), f"bars={events_file}"):
        found = asked(SMALL, data)
        assert isinstance(found, pl.DataFrame)
        assert found["ts"].to_list() == small_market.bars()["ts"].tail(7).to_list()


def test_nothing_named_is_said() -> None:
    with pytest.raises(ConfigError, match="no events are named"):
        asked(SMALL)


def test_of_other_streams_what_is_as_young_is_given_and_each_needs_a_file(events_file: Path, tmp_path: Path) -> None:
    words = {**small_market.WORDS, "streams": {"trades": {}}, "features": {"f": "close - trades.price"}}
    two, trades = FeatureSet.from_dict(words), tmp_path / "trades.parquet"
    small_market.bars().select("ts", price="close").write_parquet(trades)
    found = asked(two, str(events_file), f"trades={trades}")
    assert isinstance(found, dict) and list(found) == ["trades", "bars"]
    assert len(found["trades"]) == len(found["bars"]) == 7
    with pytest.raises(ConfigError, match="no rows of trades.*--data trades=FILE"):
        asked(two, str(events_file))
    with pytest.raises(ConfigError, match="one file for each of bars, trades|One file for each of bars, trades"):
        asked(two, f"book={trades}")
