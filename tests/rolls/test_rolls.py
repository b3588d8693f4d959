from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.errors import ConfigError, DataError
from tickcast.rolls import RollSchedule, continuous, expiry_month, schedule_by_volume, spliced

CONTRACTS = ("MGCG1", "MGCJ1", "MGCM1")
FIRST = 18_620  # 2020-12-24


def market(seed: int, days: int = 12, bars: int = 4) -> pl.DataFrame:
    """Three contracts and a spread, volumes at random, prices apart by a carry."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(FIRST, FIRST + days):
        volumes = rng.integers(0, 50, len(CONTRACTS))
        for bar in range(bars):
            level = 1900 * np.exp(0.01 * rng.standard_normal())
            for i, symbol in enumerate(CONTRACTS):
                price = round(level * (1 + 0.003 * i), 1)
                rows.append((symbol, day * 1000 + bar, day, price, price + 1, price - 1, price, float(volumes[i])))
            rows.append(("MGCG1-MGCJ1", day * 1000 + bar, day, -5.0, -5.0, -5.0, -5.0, 1e6))
    return pl.DataFrame(rows, schema=["symbol", "ts", "trading_day", "open", "high", "low", "close", "volume"], orient="row")


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_the_future_changes_neither_schedule_nor_series(seed: int, kept: int) -> None:
    whole = market(seed)
    past = whole.filter(pl.col("trading_day") < FIRST + kept)
    if not past.filter(pl.col("symbol").is_in(CONTRACTS))["volume"].sum():
        return
    full, part = schedule_by_volume(whole, "MGC"), schedule_by_volume(past, "MGC")
    assert full.rolls[: len(part.rolls)] == part.rolls
    if (part.segments(past["trading_day"].to_numpy()) < 0).all():
        return
    assert continuous(whole, full).filter(pl.col("trading_day") < FIRST + kept).equals(continuous(past, part))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_each_day_follows_what_was_known_the_day_before_and_never_goes_back(seed: int) -> None:
    frame = market(seed)
    schedule = schedule_by_volume(frame, "MGC")
    series = continuous(frame, schedule)
    assert set(series["underlying_contract"].unique()) <= set(CONTRACTS)
    order = [CONTRACTS.index(contract) for contract in schedule.contracts]
    assert order == sorted(set(order))
    for roll in schedule.rolls:
        assert (series.filter(pl.col("underlying_contract") == roll.contract)["trading_day"] > roll.decided).all()
        assert roll.measure > roll.left_measure


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_returns_inside_a_contract_are_untouched_and_the_first_level_is_kept(seed: int) -> None:
    frame = market(seed)
    schedule = schedule_by_volume(frame, "MGC")
    adjusted, raw = continuous(frame, schedule), spliced(frame, schedule)
    assert adjusted["volume"].equals(raw["volume"])
    for segment in adjusted["segment_id"].unique():
        one, other = (f.filter(pl.col("segment_id") == segment)["close"].to_numpy() for f in (adjusted, raw))
        np.testing.assert_allclose(np.diff(np.log(one)), np.diff(np.log(other)), atol=1e-12)
    first = adjusted["segment_id"] == 0
    assert adjusted.filter(first)["close"].equals(raw.filter(first)["close"])


def test_adjusting_bridges_the_gap_between_contracts() -> None:
    frame = market(1)
    volume = pl.when((pl.col("symbol") == "MGCG1") == (pl.col("trading_day") < FIRST + 4)).then(90.0).otherwise(1.0)
    schedule = schedule_by_volume(frame.with_columns(volume.alias("volume")).filter(pl.col("symbol") != "MGCM1"), "MGC")
    assert [roll.contract for roll in schedule.rolls] == ["MGCG1", "MGCJ1"]
    assert schedule.rolls[1].decided == FIRST + 4
    last = frame.filter((pl.col("trading_day") == FIRST + 4) & (pl.col("ts") % 1000 == 3))
    closes = dict(last.select("symbol", "close").iter_rows())
    assert schedule.rolls[1].ratio == closes["MGCG1"] / closes["MGCJ1"]
    assert "volume 360 against 4" in schedule.explain()[1]


def test_a_schedule_survives_json_and_its_digest_names_it() -> None:
    schedule = schedule_by_volume(market(3), "MGC")
    again = RollSchedule.parse(json.loads(json.dumps(schedule.as_dict())))
    assert again == schedule and again.digest == schedule.digest
    assert schedule_by_volume(market(4), "MGC").digest != schedule.digest


@pytest.mark.parametrize(
    ("symbol", "day", "year", "month"),
    [("MGCG1", 18_617, 2021, 2), ("MGCZ0", 18_617, 2020, 12), ("MGCG1", 18_690, 2031, 2), ("MGCJ25", 18_617, 2025, 4)],
)
def test_a_year_digit_is_the_next_such_year(symbol: str, day: int, year: int, month: int) -> None:
    assert expiry_month(symbol, "MGC", day) == 12 * year + month - 1


def test_what_cannot_be_rolled_is_refused() -> None:
    frame = market(1)
    with pytest.raises(DataError, match="calendar"):
        schedule_by_volume(frame.drop("trading_day"), "MGC")
    with pytest.raises(DataError, match="no outright"):
        schedule_by_volume(frame, "GC")
    with pytest.raises(DataError, match="field volume"):
        schedule_by_volume(frame.with_columns(volume=pl.lit(None, dtype=pl.Float64)), "MGC")
    with pytest.raises(DataError, match="rolled before"):
        continuous(continuous(frame, schedule_by_volume(frame, "MGC")), schedule_by_volume(frame, "MGC"))
    with pytest.raises(ConfigError, match="not a roll schedule"):
        RollSchedule.parse({"product": "MGC", "rolls": [{"contract": "MGCG1"}]})
    with pytest.raises(DataError, match="no outright"):
        expiry_month("MGCG1-MGCJ1", "MGC", 18_617)
