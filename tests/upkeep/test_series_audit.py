"""Faults of a stored series as a whole: a splice, bars on an old scale and a hole are found where they are; odd rows are only counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import calendar
from tickcast.cli import execute
from tickcast.clock import DAY, HOUR, MINUTE, day_text
from tickcast.config import DataConfig
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.progress import Progress
from tickcast.store import Store
from tickcast.upkeep import audit
from tickcast.upkeep.series_audit import SERIES_FINDINGS, SERIES_REMARKS
from upkeep.provider import FIRST

CME = calendar("CME_Equity")
STEP = 5 * MINUTE
PRICES = pl.col("open", "high", "low", "close")


def series(days: int = 18) -> pl.DataFrame:
    """5-minute bars of a random walk in every session of the CME, each opening near the close before it."""
    sessions = CME.sessions(FIRST * DAY, (FIRST + days) * DAY)
    opened = np.concatenate([np.arange(low, high, STEP) for low, high in zip(sessions.open, sessions.close, strict=True)])
    rng = np.random.default_rng(7)
    close = 5_000 * np.exp(np.cumsum(rng.normal(0, 3e-4, len(opened))))
    first = np.concatenate([[5_000.0], close[:-1]]) * np.exp(rng.normal(0, 2e-5, len(opened)))
    frame = pl.DataFrame({"ts_open": opened, "ts": opened + STEP, "open": first, "close": close, "volume": rng.uniform(1, 9, len(opened))})
    ends = pl.max_horizontal("open", "close").alias("high"), pl.min_horizontal("open", "close").alias("low")
    frame = frame.with_columns(*ends, pl.lit("ES").alias("symbol"), pl.lit(STEP).alias("interval"))
    return CME.assign(frame).rows


SOUND = series()
MIDDLE = len(SOUND) // 2


def scaled(bars: pl.DataFrame, first: int, last: int, factor: float) -> pl.DataFrame:
    inside = pl.int_range(pl.len()).is_between(first, last)
    return bars.with_columns(pl.when(inside).then(PRICES * factor).otherwise(PRICES))


def place(bars: pl.DataFrame, ts: int) -> tuple[str, int]:
    """Day and row of the bar stamped `ts`."""
    day = int(bars.filter(pl.col("ts") == ts)["trading_day"][0])
    return day_text(day), bars.filter(pl.col("trading_day") == day)["ts"].to_list().index(ts) + 1


def told(folder: Path, bars: pl.DataFrame, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of `tickcast data audit` on a store that holds `bars`."""
    with Store.open(folder / "s") as store:
        store.write("bars", bars, source="continuous")
    code = execute(["data", "audit", "--store", str(folder / "s"), "--json", *words])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", [("--calendar", "CME_Equity"), ()])
def test_planted_faults_are_told_with_their_place(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A splice of +1.3 % for good, two bars on an old scale, 16 hours missing; with the exchange's calendar and without one."""
    stamps = SOUND["ts"].to_numpy()
    inside = np.flatnonzero(np.diff(stamps, prepend=0) == STEP)
    old, splice = (int(inside[np.searchsorted(inside, at)]) for at in (MIDDLE // 2, MIDDLE))
    session = SOUND["session_id"].unique().sort()[12]
    start = int(stamps[SOUND["session_id"].to_numpy() == session][24])
    bent = scaled(scaled(SOUND, old, old + 1, 1.013), splice, len(SOUND), 1.013)
    bent = bent.filter(~pl.col("ts").is_between(start + STEP, start + 16 * HOUR))
    code, found = told(tmp_path, bent, *words, capsys=capsys)
    assert code == 1 and not found["ok"]
    expected = [("old_scale", int(stamps[old])), ("splice", int(stamps[splice])), ("hole", start)]
    assert [(each["kind"], each["day"], each["row"]) for each in found["findings"]] == [(kind, *place(bent, ts)) for kind, ts in expected]
    for each in found["findings"]:
        assert (each["table"], each["symbol"], each["do"]) == ("bars", "ES", SERIES_FINDINGS[each["kind"]])
    texts = [each["found"] for each in found["findings"]]
    assert "2 bars lie +1.3" in texts[0] and "jumps by +1.3" in texts[1] and "16.0 h of open market" in texts[2]


@pytest.mark.parametrize("words", [("--calendar", "CME_Equity"), ()])
def test_a_sound_series_raises_no_alarm(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(tmp_path, SOUND, *words, capsys=capsys)
    assert code == 0 and found["findings"] == [] and found["rows"] == len(SOUND)


def test_the_simulated_market_raises_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "d.yaml"
    config.write_text("data: {source: simulated, symbol: SIM, table: bars, calendar: 24/7, options: {days: 10, interval: 1m}}\n")
    with Store.open(tmp_path / "s") as store:
        ingest(DataConfig.load(config, ()), store, tmp_path / "receipts", Progress())
    for words in (["--config", str(config)], []):
        assert execute(["data", "audit", "--store", str(tmp_path / "s"), "--json", *words]) == 0
        assert json.loads(capsys.readouterr().out)["findings"] == []


@settings(max_examples=15, deadline=None)
@given(at=st.integers(60, len(SOUND) - 60), factor=st.sampled_from([1.013, 1 / 1.013]))
def test_a_splice_anywhere_is_told(at: int, factor: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Inside a session it is a finding; over the evening's pause it may be news, and is a remark."""
    with Store.open(tmp_path_factory.mktemp("s")) as store:
        store.write("bars", scaled(SOUND, at, len(SOUND), factor), source="spliced")
        found = audit(store, calendar=lambda table, symbol: CME)
    day = int(SOUND["trading_day"][at])
    if SOUND["ts_open"][at] == SOUND["ts"][at - 1]:
        assert [(each.kind, each.day) for each in found.findings] == [("splice", day)]
    else:
        assert found.ok and ("jump_over_pause", day) in [(each.kind, each.day) for each in found.remarks]


def test_hours_in_which_a_symbol_hardly_trades_are_no_hole(tmp_path: Path) -> None:
    """A contract far from its expiry has a bar now and then."""
    rare = SOUND.filter(pl.Series(np.random.default_rng(3).uniform(size=len(SOUND)) < 0.02))
    with Store.open(tmp_path) as store:
        store.write("bars", rare, source="far month")
        found = audit(store, calendar=lambda table, symbol: CME)
    assert found.ok
    (quiet,) = (each for each in found.remarks if each.kind == "quiet")  # told once, not an hour at a time
    assert quiet.row is not None
    assert re.fullmatch(r"\d+ stretches of an hour and more without a bar, the first one here, the longest \d+\.\d h", quiet.found)


def test_a_roll_is_no_splice_and_a_day_that_cannot_be_read_no_hole(tmp_path: Path) -> None:
    stamps = SOUND["ts"].to_numpy()
    roll = pl.Series("segment_id", (stamps >= stamps[MIDDLE]).astype(np.int64))
    with Store.open(tmp_path) as store:
        store.write("bars", scaled(SOUND, MIDDLE, len(SOUND), 1.02).with_columns(roll), source="rolled")
        assert audit(store, calendar=lambda table, symbol: CME).ok
        next(iter(sorted((tmp_path / "days").rglob("*.parquet")))).unlink()
        assert [each.kind for each in audit(store, calendar=lambda table, symbol: CME).findings] == ["damaged"]


def test_odd_rows_are_counted_and_leave_the_exit_code_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A spike and back, three quarters of an hour of silence, books that cross, lock and stand still."""
    spiked = scaled(SOUND, MIDDLE + 40, MIDDLE + 40, 1.008)
    middle = SOUND["ts"][MIDDLE + 60]
    spiked = spiked.filter(~pl.col("ts").is_between(middle, middle + 45 * MINUTE))
    second = MINUTE // 60
    ts = SOUND["session_id"][0] - 6 * HOUR + np.arange(200) * second
    bid = np.full(200, 10.0)
    bid[50], bid[51] = 10.5, 10.25
    book = pl.DataFrame({"ts": ts, "bid_price_1": bid, "bid_size_1": 1.0, "ask_price_1": 10.25, "ask_size_1": 1.0})
    with Store.open(tmp_path / "s") as store:
        store.write("book", CME.assign(book.with_columns(pl.lit("ES").alias("symbol"))).rows, source="odd")
    code, found = told(tmp_path, spiked, "--calendar", "CME_Equity", capsys=capsys)
    assert code == 0 and found["ok"] and found["findings"] == []
    kinds = {(each["table"], each["kind"]): each for each in found["remarks"]}
    assert {("bars", "spike"), ("bars", "silence"), ("book", "crossed"), ("book", "locked"), ("book", "still")} <= set(kinds)
    assert kinds["book", "crossed"]["row"] == 51 and kinds["book", "crossed"]["found"].startswith("1 row on 1 day,")
    assert all(each["do"] == SERIES_REMARKS[each["kind"]] for each in found["remarks"])
    assert execute(["data", "audit", "--store", str(tmp_path / "s"), "--calendar", "CME_Equity", "--quiet"]) == 0
    assert "(crossed)" in capsys.readouterr().out
