"""Rolls against those of others: the ES table of 2009 to 2023, ES contracts of December 2013, the unadjusted NQ sample."""

from __future__ import annotations

import csv
import io
import json
import lzma
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.clock import DAY
from tickcast.rolls import Roll, RollSchedule, continuous, schedule_by_open_interest, schedule_by_volume

EPOCH = date(1970, 1, 1)
LAST_DAY, OPEN_INTEREST = 0, 2  # how the table names the rules


def table(market_data: Path, mode: int) -> list[tuple[int, float]]:
    """(day, backward scale) of the table's rolls by one rule, in time order."""
    lines = (market_data / "futures_contracts/cme/factor_files/es.csv").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    kept = [row for row in rows if row["DataMappingMode"] == mode and row["Date"] < "2024"]
    return [((date.fromisoformat(row["Date"][:10]) - EPOCH).days, row["BackwardsRatioScale"][0]) for row in kept]


def daily(market_data: Path) -> pl.DataFrame:
    """Daily bars of ES contracts in autumn 2013 with their open interest, Sundays booked on Monday."""
    folder = market_data / "futures_contracts/cme/daily"
    frames = []
    for kind, names in (("trade", ["open", "high", "low", "close", "volume"]), ("openinterest", ["open_interest"])):
        rows = []
        with zipfile.ZipFile(folder / f"es_{kind}.zip") as archive:
            for code, symbol in (("201312", "ESZ3"), ("201403", "ESH4"), ("201406", "ESM4")):
                for stamp, *values in csv.reader(io.StringIO(archive.read(f"es_{kind}_{code}.csv").decode())):
                    day = (date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8])) - EPOCH).days
                    rows.append(
                        (symbol, day + (day + 4) % 7 // 6 if (day + 4) % 7 == 6 else day + ((day + 4) % 7 == 0), *map(float, values))
                    )
        frames.append(pl.DataFrame(rows, schema=["symbol", "trading_day", *names], orient="row"))
    bars, interest = (frame.group_by("symbol", "trading_day").last() for frame in frames)
    frame = bars.join(interest, on=["symbol", "trading_day"], how="left")
    return frame.with_columns((pl.col("trading_day") * DAY + DAY).alias("ts"), pl.col("trading_day").cast(pl.Int32)).sort("ts", "symbol")


def test_december_2013_rolls_when_the_table_says(market_data: Path) -> None:
    rows = daily(market_data)
    rolled = next(day for day, _ in table(market_data, OPEN_INTEREST) if day >= (date(2013, 12, 1) - EPOCH).days)
    by_interest = schedule_by_open_interest(rows, "ES").rolls[1]
    by_volume = schedule_by_volume(rows, "ES").rolls[1]
    assert (by_interest.left, by_interest.contract) == (by_volume.left, by_volume.contract) == ("ESZ3", "ESH4")
    assert by_volume.trading_day == (date(2013, 12, 14) - EPOCH).days  # Friday the 13th decided, Monday follows
    # open interest is in the files for 16 and 20 December only: the 16th does not decide, the next day known does
    assert rolled == (date(2013, 12, 17) - EPOCH).days
    assert rolled <= by_interest.trading_day <= (date(2013, 12, 21) - EPOCH).days


def test_the_price_ratio_of_december_2013_is_that_of_the_table(market_data: Path) -> None:
    rolls = table(market_data, OPEN_INTEREST)
    at = next(i for i, (day, _) in enumerate(rolls) if day >= (date(2013, 12, 1) - EPOCH).days)
    ours = schedule_by_volume(daily(market_data), "ES").rolls[1].ratio
    # scale[i] multiplies prices until the roll i, so the ratio new over old is scale[i] over scale[i + 1]
    assert ours == pytest.approx(rolls[at + 1][1] / rolls[at][1], rel=3e-4)


def test_a_table_of_backward_scales_gives_the_same_returns_adjusted_forward(market_data: Path) -> None:
    for mode in (LAST_DAY, OPEN_INTEREST):
        rolls = table(market_data, mode)
        scales = np.array([scale for _, scale in rolls])
        months = [f"ES{'HMUZ'[i % 4]}{i // 4 % 10}" for i in range(len(rolls))]
        steps = [1.0, *(scales[1:] / scales[:-1])]
        schedule = RollSchedule(
            "ES", tuple(Roll(day, name, float(step), 1.0) for (day, _), name, step in zip(rolls, months, steps, strict=True))
        )
        np.testing.assert_allclose(schedule.factors / scales, schedule.factors[0] / scales[0], rtol=1e-12)
        assert 50 <= len(rolls) <= 56  # four a year from the end of 2009 to the middle of 2023
        gaps = np.diff([day for day, _ in rolls])
        assert np.median(gaps) == 91


def test_unadjusted_nq_minutes_have_the_returns_of_the_adjusted_file(market_data: Path) -> None:
    with lzma.open(market_data / "nq/nq_1m_unadjusted_2023-11.csv.xz") as stream:
        raw = pl.read_csv(stream.read())
    stamp = pl.col("timestamp").str.to_datetime(time_unit="ns").dt.replace_time_zone("America/New_York").dt.epoch("ns")
    raw = raw.select(stamp.alias("ts"), "close")
    adjusted = pl.read_parquet(market_data / "nq/nq_1m_2019_2024h1.parquet", columns=["ts_open", "close"])
    adjusted = adjusted.select(
        pl.col("ts_open").dt.cast_time_unit("ns").cast(pl.Int64).alias("ts"), pl.col("close").cast(pl.Float64).alias("other")
    )
    both = raw.join(adjusted, on="ts").sort("ts")
    assert len(both) > 0.99 * len(raw)
    moved = np.abs(np.diff(np.log(both["close"].to_numpy())) - np.diff(np.log(both["other"].to_numpy())))
    assert (moved > 1e-6).sum() == 0  # the file keeps prices as float32: 1e-7
    ratio = both["other"] / both["close"]
    assert float(ratio.std()) < 1e-6 * float(ratio.mean())  # type: ignore[arg-type]
    # our own series of one contract is that contract: what another calls adjusted is a constant times it
    day = (pl.col("ts") // DAY).cast(pl.Int32)
    rows = both.select(pl.lit("NQZ3").alias("symbol"), "ts", "close", day.alias("trading_day"), pl.lit(1.0).alias("volume"))
    series = continuous(rows, schedule_by_volume(rows, "NQ"))
    assert series["close"].equals(rows.filter(pl.col("trading_day") > rows["trading_day"][0])["close"])
