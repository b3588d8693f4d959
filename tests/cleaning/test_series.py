"""Splices, bars on an old scale and holes planted in real NQ and MGC bars are found, and nothing else is in the years that are clean."""

from __future__ import annotations

import lzma
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.calendars import calendar
from tickcast.cleaning import FOUND, SeriesRules, series_faults
from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.errors import DataError
from tickcast.sources import Databento

CME = calendar("CME_Equity")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(scope="module")
def nq(market_data: Path) -> pl.DataFrame:
    raw = pl.read_parquet(market_data / "nq" / "nq_1m_2019_2024h1.parquet")
    opened = pl.col("ts_open").dt.timestamp("ns")
    prices = pl.col("open", "high", "low", "close").cast(pl.Float64)
    return raw.select(pl.lit("NQ").alias("symbol"), opened, (opened + MINUTE).alias("ts"), prices)


def scaled(bars: pl.DataFrame, first: int, last: int | None, factor: float) -> pl.DataFrame:
    """`bars` with the rows first to last (none: to the end) at another scale."""
    row = pl.int_range(pl.len())
    inside = (row >= first) & (row <= (len(bars) if last is None else last))
    prices = pl.col("open", "high", "low", "close")
    return bars.with_columns(pl.when(inside).then(prices * factor).otherwise(prices))


def told(found: pl.DataFrame) -> list[tuple[str, int]]:
    return found.select("fault", "ts").rows()


def test_what_is_planted_is_found_and_nothing_else(nq: pl.DataFrame) -> None:
    """2023 is clean. A splice of +1.3 % inside a session and one at the evening's hour, two bars on an old scale, 16 hours missing."""
    year = nq.filter(pl.col("ts").is_between(ns("2023-01-01"), ns("2024-01-01")))
    assert told(series_faults(year, CME)) == []
    stamps = year["ts"].to_numpy()
    moments = {"old": "2023-02-14T15:20", "splice": "2023-05-17T14:07", "evening": "2023-08-08T22:01", "hole": "2023-10-03T00:30"}
    at = {name: int(np.searchsorted(stamps, ns(text))) for name, text in moments.items()}
    assert stamps[at["evening"]] - stamps[at["evening"] - 1] == HOUR + MINUTE
    bent = scaled(year, at["old"], at["old"] + 1, 1.013)
    bent = scaled(scaled(bent, at["splice"], None, 1.013), at["evening"], None, 1.013)
    start = int(stamps[at["hole"]])
    bent = bent.filter(~pl.col("ts").is_between(start, start + 16 * HOUR - MINUTE))
    found = series_faults(bent, CME)
    assert told(found) == [
        ("old_scale", int(stamps[at["old"]])),
        ("splice", int(stamps[at["splice"]])),
        ("jump_over_pause", int(stamps[at["evening"]])),
        ("hole", start - MINUTE),
    ]
    assert found["rows"].to_list() == [2, 1, 1, 0]
    assert found["size"].to_list()[:3] == pytest.approx([np.log(1.013)] * 3, abs=2e-3)
    assert found["size"][3] == pytest.approx(16.0)


def test_nights_that_undo_one_another_are_no_old_scale(market_data: Path) -> None:
    """Crude and fuel oil of Shanghai jump from session to session and back. Wire rod trades a few minutes a day, and is left out."""
    with lzma.open(market_data / "shfe" / "futures_5m_2023-03.csv.xz") as stream:
        frame = pl.read_csv(stream.read()).filter(pl.col("symbol") != "WR2305")
    ts = pl.col("datetime").str.to_datetime(time_unit="ns").dt.replace_time_zone("Asia/Shanghai").dt.epoch("ns")
    frame = frame.with_columns(ts.alias("ts"), (ts - 5 * MINUTE).alias("ts_open")).sort("ts")
    contracts = frame.partition_by("symbol", as_dict=True)
    assert len(contracts) == 19
    for (symbol,), bars in contracts.items():
        product = str(symbol)[:2].lower()
        market = calendar(f"{'INE' if product in ('sc', 'nr', 'lu', 'bc') else 'SHFE'}.{product}")
        assert set(series_faults(bars, market)["fault"]) <= {"jump_over_pause", "off_calendar"}, symbol


@pytest.mark.parametrize("seed", range(6))
def test_a_splice_anywhere_inside_a_session_is_found(nq: pl.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    part = nq.filter(pl.col("ts").is_between(ns("2021-06-01"), ns("2021-12-01")))
    stamps = part["ts"].to_numpy()
    inside = np.flatnonzero(np.diff(stamps, prepend=0) == MINUTE)
    at = int(rng.choice(inside))
    for factor in (1.013, 1 / 1.013):
        assert told(series_faults(scaled(part, at, None, factor), CME)) == [("splice", int(stamps[at]))]


def test_what_is_found_in_five_years_of_nq_is_real(nq: pl.DataFrame) -> None:
    """No splice and no other scale. The rest is told in docs/cleaning.md: an outage, limits, news over a pause, a holiday."""
    found = series_faults(nq, CME).with_columns(pl.from_epoch("ts", time_unit="ns").dt.date().cast(pl.String).alias("day"))
    assert not set(found["fault"]) & {"splice", "old_scale", "off_calendar"}
    days = {fault: sorted(set(part["day"])) for (fault,), part in found.partition_by("fault", as_dict=True).items()}
    assert days["jump_after_silence"] == ["2020-03-09", "2020-03-12", "2020-03-16", "2020-03-18"]
    assert set(days["flat"]) <= {"2020-03-09", "2020-03-13", "2020-03-15", "2020-03-18"}
    assert {"2019-02-27", "2020-03-16"} <= set(days["hole"]) <= {"2019-02-27", "2020-03-16", "2024-03-28"}
    assert len(found.filter(pl.col("fault") == "jump_over_pause")) == 7


def test_a_year_of_micro_gold_is_clean(market_data: Path) -> None:
    """2022; docs/cleaning.md says what all four years gave."""
    files = sorted((market_data / "mgc").glob("*2022*.dbn.zst"))
    bars = pl.concat([chunk.frame for chunk in Databento(files, symbol="MGC").history()])
    volume = bars.group_by("symbol", (pl.col("ts") // DAY).alias("day")).agg(pl.col("volume").sum()).sort("day", "volume")
    front = volume.group_by("day", maintain_order=True).last().select("day", "symbol")
    series = bars.with_columns((pl.col("ts") // DAY).alias("day")).join(front, on=["day", "symbol"]).sort("ts")
    roll = (pl.col("symbol") != pl.col("symbol").shift(1)).fill_null(False).cum_sum().cast(pl.Int64)
    assert len(series) > 300_000
    assert told(series_faults(series.with_columns(roll.alias("segment_id")), calendar("CME_Metals"))) == []


def test_small_series() -> None:
    def bars(ts: list[int], price: float = 5.0) -> pl.DataFrame:
        prices = dict.fromkeys(("open", "high", "low", "close"), price)
        return pl.DataFrame({"symbol": "A", "ts_open": [t - MINUTE for t in ts], "ts": ts}).with_columns(
            **{k: pl.lit(v) for k, v in prices.items()}
        )

    nothing = bars([ns("2023-05-17T14:00")]).clear()
    assert series_faults(nothing, CME).schema == pl.Schema(FOUND)
    saturday = bars([ns("2023-05-20T14:00")])
    assert told(series_faults(saturday, CME)) == [("off_calendar", ns("2023-05-20T14:00"))]
    still = bars([ns("2023-05-17T14:00") + i * MINUTE for i in range(40)])
    assert told(series_faults(still, CME)) == []
    assert series_faults(still, CME, SeriesRules(flat=30))["rows"].to_list() == [39]
    with pytest.raises(DataError, match="time order"):
        series_faults(still.reverse(), CME)
