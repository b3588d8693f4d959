"""The parts of the recorder, each by itself."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import polars as pl
import pytest

from record.feeds import Cut, Script, quiet, trades
from tickcast.calendars import AlwaysOpen, calendar
from tickcast.cleaning import Rules, clean
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError
from tickcast.record import Backoff, RecordSettings
from tickcast.record.hours import Hours
from tickcast.record.intake import Intake, together
from tickcast.record.reader import Reader
from tickcast.record.repeats import unstored
from tickcast.schema import TRADES
from tickcast.store import Store

NOON = 19_000 * DAY + 12 * HOUR


def test_delays_double_stay_bounded_and_are_forgotten_after_a_healthy_time() -> None:
    backoff = Backoff(np.random.default_rng(1), first=1.0, last=10.0, healthy=60.0)
    delays = [backoff.after(1.0) for _ in range(8)]
    for delay, whole in zip(delays, (1, 2, 4, 8, 10, 10, 10, 10), strict=True):
        assert 0.5 * whole <= delay <= whole
    assert len(set(delays)) == 8
    assert backoff.after(60.0) <= 1.0 < backoff.after(59.0)
    with pytest.raises(ConfigError):
        Backoff(np.random.default_rng(1), first=2.0, last=1.0)


@pytest.mark.parametrize("wrong", [{"flush_rows": 0}, {"flush_rows": 10, "hold_rows": 9}, {"stale_seconds": -1.0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        RecordSettings(**wrong)  # type: ignore[arg-type]


def test_hours_of_two_markets_are_told_together() -> None:
    friday = 19_006 * DAY  # 2022-01-14: CME closes at 22:00 UTC and opens on Sunday at 23:00
    cme = Hours((calendar("CME_Equity"),))
    assert cme.open_for(friday + 12 * HOUR) == 13 * 3600 and cme.opens_in(friday + 12 * HOUR) == 0.0
    assert cme.open_for(friday + 22 * HOUR) == 0.0 and cme.opens_in(friday + 22 * HOUR) == 49 * 3600
    both = Hours((calendar("CME_Equity"), AlwaysOpen()))
    assert both.opens_in(friday + 22 * HOUR) == 0.0 and both.open_for(friday + 22 * HOUR) == 22 * 3600


def intake() -> Intake:
    def nothing(symbol: str, ts: int, number: int | None) -> pl.DataFrame:
        return pl.DataFrame(schema={"ts": pl.Int64, "reason": pl.String})

    return Intake(TRADES, {"A": AlwaysOpen()}, Rules(), earlier=nothing, source="feed live", arriving=True)


def test_rows_of_a_stamp_are_numbered_over_the_chunks_of_a_connection() -> None:
    one = intake()
    events = trades([NOON, NOON, NOON, NOON + SECOND], numbered=False)
    chunks = [clean(events[:2], TRADES), clean(events[2:3], TRADES), clean(events[3:], TRADES)]
    taken = [one.take(chunk, NOON + MINUTE) for chunk in chunks]
    assert [each.rows["sequence"].to_list() for each in taken] == [[0, 1], [2], [0]]
    one.begin()
    assert one.take(together(chunks, TRADES), NOON + MINUTE).rows["sequence"].to_list() == [0, 1, 2, 0]


def test_numbers_of_the_source_are_kept() -> None:
    one = intake()
    events = trades([NOON, NOON, NOON]).with_columns(pl.Series("sequence", [7, 7, 9]))
    assert [one.take(clean(part, TRADES), NOON).rows["sequence"].to_list() for part in (events[:1], events[1:])] == [[7], [7, 9]]


@pytest.mark.parametrize("ahead", [SECOND // 4, 59 * SECOND, 61 * SECOND])
def test_a_stamp_ahead_of_the_clock_makes_no_good_row_late(ahead: int) -> None:
    one, out = intake(), []
    events = trades([NOON, NOON + SECOND + ahead, NOON + SECOND, NOON + SECOND // 2, NOON + 2 * SECOND])
    for each, now in enumerate((0, 1, 1, 1, 2)):
        out.append(one.take(clean(events[[each]], TRADES), NOON + now * SECOND))
    assert [number for each in out for number in each.rows["sequence"].to_list()] == [0, 2, 4]
    assert [reason for each in out for reason in each.aside["reason"].to_list()] == ["ts_ahead", "out_of_order"]


def test_a_row_that_is_early_waits_until_the_clock_has_reached_it_or_the_connection_ends() -> None:
    one, none = intake(), quiet()
    early = clean(trades([NOON + SECOND, NOON + 2 * SECOND], numbered=False), TRADES)
    assert len(one.take(early, NOON).rows) == 0 and one.waiting == 2
    first = one.take(none, NOON + SECOND)
    assert first.rows.select("ts", "sequence", "trading_day").rows() == [(NOON + SECOND, 0, 19_000)] and one.waiting == 1
    assert one.take(none, NOON + SECOND, last=True).rows["ts"].to_list() == [NOON + 2 * SECOND] and one.waiting == 0


def test_a_reader_hands_over_everything_and_says_why_it_is_over() -> None:
    events = trades([NOON, NOON + SECOND])
    ended, cut = (Reader(Script(events, [steps]), ["A"]) for steps in ([[0], [1]], [[0], Cut("cut")]))
    assert [chunk.frame["sequence"].item() for chunk in iter(lambda: ended.take(5.0), None)] == [0, 1]
    assert [chunk.frame["sequence"].item() for chunk in iter(lambda: cut.take(5.0), None)] == [0]
    ended.close(5.0)
    cut.close(5.0)
    assert ended.over and ended.failure is None
    assert cut.over and isinstance(cut.failure, Cut)


def test_a_closed_reader_ends_its_feed() -> None:
    stopped = Event()
    reader = Reader(Script(trades([NOON]), [[]], hold=lambda: not stopped.is_set()), ["A"])
    reader.close(5.0)
    while reader.take(0.0) is not None:
        continue
    assert reader.over and reader.failure is None


def test_only_stamps_that_the_store_lacks_are_written_and_each_whole(tmp_path: Path) -> None:
    rows = clean(trades([NOON, NOON, NOON + SECOND, NOON + 2 * SECOND]), TRADES).frame
    with Store.open(tmp_path) as store:
        store.write("trades", rows[:2], source="a")
        last = {"A": NOON}
        assert unstored(rows[:2], store, TRADES, last).height == 0
        assert unstored(rows, store, TRADES, last)["sequence"].to_list() == [2, 3]
        third = rows[:1].with_columns(pl.lit(9, pl.Int64).alias("sequence"))
        assert unstored(third, store, TRADES, last)["sequence"].sort().to_list() == [0, 1, 9]
