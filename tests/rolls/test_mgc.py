"""Real micro gold, 2020-12 to 2021-12: the schedule that a trader would recognise."""

from __future__ import annotations

from pathlib import Path

import databento_dbn as dbn
import numpy as np
import polars as pl
import pytest
import zstandard

from tickcast.calendars import calendar
from tickcast.clock import MINUTE
from tickcast.rolls import continuous, schedule_by_volume, spliced


@pytest.fixture(scope="module")
def minutes(market_data: Path) -> pl.DataFrame:
    parts = []
    for path in sorted((market_data / "mgc").glob("*-2020*.dbn.zst")) + sorted((market_data / "mgc").glob("*-2021*.dbn.zst")):
        decoder = dbn.DBNDecoder()
        decoder.write(zstandard.ZstdDecompressor().stream_reader(path.open("rb")).read())
        metadata, *records = decoder.decode()
        names = {
            (int(each["symbol"]), day): name
            for name, intervals in metadata.mappings.items()
            for each in intervals
            for day in range(np.datetime64(each["start_date"], "D").astype(int), np.datetime64(each["end_date"], "D").astype(int))
        }
        rows = [
            (
                names[r.instrument_id, r.ts_event // 86_400_000_000_000],
                r.ts_event,
                r.ts_event + MINUTE,
                r.open,
                r.high,
                r.low,
                r.close,
                r.volume,
            )
            for r in records
        ]
        parts.append(pl.DataFrame(rows, schema=["symbol", "ts_open", "ts", "open", "high", "low", "close", "volume"], orient="row"))
    frame = pl.concat(parts).with_columns(pl.col("open", "high", "low", "close") / 1e9, pl.col("volume").cast(pl.Float64))
    placed = calendar("CME_Metals").assign(frame.sort("ts", maintain_order=True))
    assert len(placed.outside) == 0
    return placed.rows


def test_five_rolls_a_year_and_nearly_all_volume(minutes: pl.DataFrame) -> None:
    schedule = schedule_by_volume(minutes, "MGC")
    assert schedule.contracts == ("MGCG1", "MGCJ1", "MGCM1", "MGCQ1", "MGCZ1", "MGCG2")
    series = continuous(minutes, schedule)
    outright = minutes.filter(~pl.col("symbol").str.contains("-"))
    daily = outright.group_by("trading_day").agg(pl.col("volume").sum().alias("all"))
    share = daily.join(series.group_by("trading_day").agg(pl.col("volume").sum()), on="trading_day").select(
        pl.col("volume") / pl.col("all")
    )
    assert share["volume"].median() == pytest.approx(0.97, abs=0.015)


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
