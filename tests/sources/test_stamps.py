"""Times of files: numbers of any unit, texts with and without a zone, and the day that stands in a file's name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.errors import ConfigError, SourceError
from tickcast.sources.layout import Layout
from tickcast.sources.stamps import UNITS, Stamps

SECONDS = st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=20)


@given(SECONDS, st.sampled_from(UNITS))
def test_whole_numbers_of_any_unit_name_the_same_moments(seconds: list[int], unit: tuple[str, int]) -> None:
    name, length = unit
    values = pl.Series([second * (10**9 // length) for second in seconds])
    assert Stamps(unit=name).nanoseconds(values, file="a", field="t")["ts"].to_list() == [second * 10**9 for second in seconds]


@given(SECONDS, st.sampled_from(["America/New_York", "Asia/Shanghai", "UTC"]))
def test_local_texts_name_the_moment_or_are_told_apart_as_ambiguous(seconds: list[int], zone: str) -> None:
    local = [datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for second in seconds]
    read = Stamps(zone=zone).nanoseconds(pl.Series([each.isoformat(sep=" ") for each in local]), file="a", field="t")
    for second, ts, trouble in zip(seconds, read["ts"], read["trouble"], strict=True):
        assert ts == second * 10**9 if trouble is None else trouble == "ambiguous_local_time"


def test_a_zone_or_unit_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="America/Chicago"):
        Stamps(zone="America/Chikago")
    with pytest.raises(ConfigError, match="no unit of time"):
        Stamps(unit="minutes")


def test_the_day_in_a_files_name_is_its_midnight() -> None:
    layout = Layout.from_dict({"day": "%Y%m%d"})
    assert layout.midnight(Path("20131007_trade.csv"), "America/New_York") == 1_381_118_400 * 10**9
    with pytest.raises(SourceError, match="no date"):
        layout.midnight(Path("trade.csv"), None)
    with pytest.raises(ConfigError, match="a layout has no 'headers'"):
        Layout.from_dict({"headers": ["a"]})
