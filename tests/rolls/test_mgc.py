"""Real micro gold, 2020-12 to 2024-12: the schedule that a trader would recognise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.calendars import calendar
from tickcast.rolls import continuous, schedule_by_instrument, schedule_by_volume, spliced
from tickcast.sources import SOURCES


@pytest.fixture(scope="module")
def source(market_data: Path) -> object:
    return SOURCES["databento"](files=str(market_data / "mgc"), table="bars", symbol="MGC")


@pytest.fixture(scope="module")
def minutes(source: object) -> pl.DataFrame:
    frame = pl.concat([chunk.frame for chunk in source.history()])  # type: ignore[attr-defined]
    placed = calendar("CME_Metals").assign(frame.sort("ts", maintain_order=True))
    assert len(placed.outside) == 0
    return placed.rows


def test_five_rolls_a_year_and_nearly_all_volume(minutes: pl.DataFrame) -> None:
    schedule = schedule_by_volume(minutes, "MGC")
    assert schedule.contracts == tuple(f"MGC{letter}{year}" for year in "1234" for letter in "GJMQZ") + ("MGCG5",)
    series = continuous(minutes, schedule)
    outright = minutes.filter(~pl.col("symbol").str.contains("-"))
    daily = outright.group_by("trading_day").agg(pl.col("volume").sum().alias("all"))
    share = daily.join(series.group_by("trading_day").agg(pl.col("volume").sum()), on="trading_day").select(
        pl.col("volume") / pl.col("all")
    )
    assert share["volume"].median() == pytest.approx(0.97, abs=0.015)


def test_instrument_ids_name_the_same_contracts(minutes: pl.DataFrame, source: object) -> None:
    by_id = schedule_by_instrument(minutes, "MGC", source.contracts())  # type: ignore[attr-defined]
    assert [(r.decided, r.contract, r.ratio) for r in by_id.rolls] == [
        (r.decided, r.contract, r.ratio) for r in schedule_by_volume(minutes, "MGC").rolls
    ]
    assert len({roll.instrument_id for roll in by_id.rolls} - {None}) == 21


def test_returns_inside_a_contract_are_those_of_the_exchange(minutes: pl.DataFrame) -> None:
    schedule = schedule_by_volume(minutes, "MGC")
    adjusted, raw = continuous(minutes, schedule), spliced(minutes, schedule)
    inside = np.diff(adjusted["segment_id"].to_numpy()) == 0
    one, other = (np.diff(np.log(frame["close"].to_numpy())) for frame in (adjusted, raw))
    assert np.abs(one - other)[inside].max() < 1e-12
    assert (np.abs(one - other)[~inside] > 5e-4).all()


def test_a_truncated_future_changes_no_bit(minutes: pl.DataFrame) -> None:
    past = minutes.filter(pl.col("trading_day") < 18_800)
    whole = continuous(minutes, schedule_by_volume(minutes, "MGC")).filter(pl.col("trading_day") < 18_800)
    assert whole.equals(continuous(past, schedule_by_volume(past, "MGC")))
