"""The recorder: whatever happens to the connection, the stored rows are the exchange's rows, once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.feeds import Cut, Script, Step, trades
from tickcast.calendars import AlwaysOpen, Calendar, calendar
from tickcast.cleaning import clean
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ProviderRefused, StoreError
from tickcast.record import Recorder, RecordSettings, open_gaps
from tickcast.schema import BARS, TRADES
from tickcast.store import Store

NOON = 19_000 * DAY + 12 * HOUR
AT_ONCE = RecordSettings(flush_rows=1, flush_seconds=0.0, first_delay=1e-4, last_delay=1e-3)
HELD = RecordSettings(flush_rows=1_000, flush_seconds=60.0, first_delay=1e-4, last_delay=1e-3)


class Heard(list[tuple[str, dict[str, Any]]]):
    """What a recorder told."""

    def __call__(self, event: str, figures: Mapping[str, Any]) -> None:
        self.append((event, dict(figures)))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [figures for name, figures in self if name == event]


def recorder(
    source: Script,
    store: Store,
    heard: Heard,
    *,
    limits: RecordSettings = AT_ONCE,
    calendar: Calendar | None = None,
    now: int = NOON + HOUR,
) -> Recorder:
    symbols = {"A": calendar or AlwaysOpen(), "B": calendar or AlwaysOpen()}
    return Recorder(source, store, symbols, tell=heard, settings=limits, rng=np.random.default_rng(0), clock=lambda: now)


def stored(store: Store) -> pl.DataFrame:
    return store.scan("trades").select("symbol", "ts", "price", "size", "sequence").sort("symbol", "ts", "sequence")


def expected(events: pl.DataFrame) -> pl.DataFrame:
    return clean(events, TRADES).frame.select("symbol", "ts", "price", "size", "sequence").sort("symbol", "ts", "sequence")


@st.composite
def told_feeds(draw: st.DrawFn) -> tuple[pl.DataFrame, list[list[Step]], bool]:
    """Events, and connections that tell them: cut anywhere, beginning some way back, in chunks of any size."""
    numbered = draw(st.booleans())
    steps = draw(st.lists(st.integers(0, 2), min_size=1, max_size=24))
    stamps = (NOON + np.cumsum(steps) * SECOND).tolist()
    first_of_stamp = [stamps.index(each) for each in stamps]
    reached, connections = 0, []
    while reached < len(stamps):
        begin = draw(st.integers(0, reached))
        begin = begin if numbered else first_of_stamp[begin]  # without numbers a feed repeats whole stamps
        end = draw(st.integers(begin, len(stamps)))
        cuts = sorted(draw(st.lists(st.integers(begin, end), max_size=4)))
        edges = [begin, *cuts, end]
        connections.append([range(low, high) for low, high in zip(edges, edges[1:], strict=False)] + [Cut("cut")])
        reached = max(reached, end)
        if len(connections) == 6:
            connections.append([range(0, len(stamps))])
            break
    connections.append([[]])
    return trades(stamps, numbered=numbered), connections, draw(st.booleans())


@given(told_feeds())
@settings(max_examples=60, deadline=None)
def test_any_cut_repetition_and_restart_stores_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, told: tuple[pl.DataFrame, list[list[Step]], bool]
) -> None:
    events, connections, at_once = told
    folder, heard = tmp_path_factory.mktemp("store"), Heard()
    with Store.open(folder) as store:
        status = recorder(Script(events, connections), store, heard, limits=AT_ONCE if at_once else HELD).run(Event())
        assert stored(store).equals(expected(events))
        assert status.acknowledged == len(events) == heard.of("committed")[-1]["acknowledged"]
        assert status.rows == status.acknowledged + status.repeated and status.waiting == 0
        version = store.version()
    with Store.open(folder) as store:  # a second recorder, another process in life: everything is repeated, nothing is written
        again = recorder(Script(events, [[range(len(events))]]), store, Heard()).run(Event())
        assert (again.acknowledged, again.repeated, store.version()) == (0, len(events), version)


def test_two_genuine_equal_trades_stay_two_across_chunks_and_connections(tmp_path: Path) -> None:
    events = trades([NOON, NOON, NOON, NOON + SECOND], numbered=False)
    with Store.open(tmp_path) as store:
        recorder(Script(events, [[[0], [1], Cut("cut")], [[0, 1], [2, 3]]]), store, Heard()).run(Event())
        assert stored(store)["ts"].to_list() == [NOON, NOON, NOON, NOON + SECOND]
        assert stored(store)["sequence"].to_list() == [0, 1, 2, 0]


def test_a_gap_is_noted_where_a_connection_does_not_overlap_and_only_there(tmp_path: Path) -> None:
    events = trades([NOON + each * SECOND for each in range(10)])
    heard = Heard()
    with Store.open(tmp_path) as store:
        script = Script(events, [[[0, 1], Cut("cut")], [[1, 2, 3], Cut("cut")], [[6, 7]]])
        status = recorder(script, store, heard).run(Event())
        gaps = open_gaps(store, "trades", "A")
        first, second = gaps.iter_rows(named=True)
        assert (first["start"], first["ts"], first["reason"]) == (19_000 * DAY, NOON, "not recording")
        assert (second["start"], second["ts"], second["reason"]) == (NOON + 3 * SECOND, NOON + 6 * SECOND, "connection lost")
        assert status.gaps == 2 and status.reconnects == 2
        store.write("gaps", gaps.with_columns(pl.lit(1, pl.Int8).alias("healed")), source="fill")
        assert len(open_gaps(store, "trades")) == 0


def test_a_gap_has_no_part_outside_the_sessions(tmp_path: Path) -> None:
    friday = 19_005 * DAY + 21 * HOUR + 59 * MINUTE  # 2022-01-13 is a Thursday; 16:59 New York
    events = trades([friday, friday + 2 * HOUR])
    with Store.open(tmp_path) as store:
        recorder(Script(events, [[[0], Cut("cut")], [[1]]]), store, Heard(), calendar=calendar("CME_Equity"), now=friday + 3 * HOUR).run(
            Event()
        )
        (gap,) = (
            open_gaps(store, "trades").filter(pl.col("reason") == "connection lost").filter(pl.col("start") == friday).iter_rows(named=True)
        )
        assert gap["ts"] == friday + MINUTE
        rows = store.scan("trades")
        assert rows["trading_day"].to_list() == [19_005, 19_006]


def test_rows_that_cannot_be_used_are_kept_aside_with_their_reason(tmp_path: Path) -> None:
    good = [NOON, NOON + 5 * SECOND, NOON + 6 * SECOND]
    events = pl.concat(
        [trades([NOON, NOON + 5 * SECOND, NOON + 4 * SECOND, NOON + 3 * HOUR, NOON + 6 * SECOND]), trades([NOON + 7 * SECOND], symbol="X")]
    )
    with Store.open(tmp_path) as store:
        status = recorder(Script(events, [[[each] for each in range(6)]]), store, Heard()).run(Event())
        assert stored(store)["ts"].to_list() == good
        kept = store.scan("quarantine").sort("reason")
    assert dict(status.aside) == {"out_of_order": 1, "symbol_unexpected": 1, "ts_ahead": 1}
    assert kept["reason"].to_list() == ["out_of_order", "symbol_unexpected", "ts_ahead"]
    assert kept["source"].unique().to_list() == ["script live"] and json.loads(kept["original"][0])["price"] == "10.0"


def test_rows_outside_the_sessions_are_kept_aside(tmp_path: Path) -> None:
    saturday = 19_007 * DAY + 12 * HOUR
    with Store.open(tmp_path) as store:
        recorder(Script(trades([saturday]), [[[0]]]), store, Heard(), calendar=calendar("CME_Equity"), now=saturday).run(Event())
        assert len(store.scan("trades")) == 0
        assert store.scan("quarantine")["reason"].to_list() == ["outside_session"]


class Refusing:
    """A store that refuses to write while `full`, as one on a full disk."""

    def __init__(self, store: Store) -> None:
        self.store, self.full = store, True

    def write(self, table: str, frame: pl.DataFrame, *, source: str) -> Any:
        if self.full:
            raise StoreError("cannot be written: No space left on device", file="store")
        return self.store.write(table, frame, source=source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_a_full_disk_acknowledges_nothing_bounds_memory_and_heals(tmp_path: Path) -> None:
    events = trades([NOON + each * SECOND for each in range(400)])
    heard, limits = Heard(), RecordSettings(flush_rows=5, flush_seconds=0.0, hold_rows=50)
    with Store.open(tmp_path) as kept:
        store: Any = Refusing(kept)
        each = recorder(Script(events, [[[at] for at in range(400)]]), store, heard, limits=limits)
        thread = Thread(target=each.run, args=(Event(),))
        thread.start()
        for _ in range(400):
            if heard.of("full"):
                break
            thread.join(0.02)
        (full,) = heard.of("full")
        assert full["acknowledged"] == 0 and 50 <= full["waiting"] <= 60 and len(kept.scan("trades")) == 0
        store.full = False
        thread.join(10.0)
        assert not thread.is_alive()
        assert [name for name, _ in heard if name in ("held", "healed", "stopped")] == ["held", "healed", "stopped"]
        assert heard[-1][1]["acknowledged"] == 400
        assert stored(kept).equals(expected(events))


def test_rows_that_never_could_be_committed_are_told_and_not_acknowledged(tmp_path: Path) -> None:
    heard, limits = Heard(), RecordSettings(flush_rows=1, grace_seconds=0.2)
    with Store.open(tmp_path) as kept, pytest.raises(StoreError, match="3 rows could not be committed"):
        store: Any = Refusing(kept)
        recorder(Script(trades([NOON, NOON, NOON]), [[[0, 1, 2]]]), store, heard, limits=limits).run(Event())
    assert heard.of("stopped")[-1]["acknowledged"] == 0


def test_rows_that_contradict_stored_ones_end_the_recording(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        long = clean(trades([NOON - DAY, NOON + HOUR]), TRADES).frame.with_columns(trading_day=pl.lit(1, pl.Int32))
        store.write("trades", long, source="ingest")
        with pytest.raises(StoreError, match="overlap in time"):
            recorder(Script(trades([NOON]), [[[0]]]), store, Heard()).run(Event())


def test_a_provider_that_says_no_is_not_asked_again(tmp_path: Path) -> None:
    script = Script(trades([NOON]), [[[0], ProviderRefused("no such account")]])
    with Store.open(tmp_path) as store:
        with pytest.raises(ProviderRefused):
            recorder(script, store, Heard()).run(Event())
        assert script.calls == 1 and len(store.scan("trades")) == 1


def test_silence_inside_a_session_makes_the_connection_anew_and_ever_more_patiently(tmp_path: Path) -> None:
    heard, limits = Heard(), RecordSettings(flush_rows=1, stale_seconds=0.1, first_delay=1e-4, last_delay=1e-3)
    script = Script(trades([NOON]), [[]], hold=lambda: len(heard.of("lost")) < 3)
    with Store.open(tmp_path) as store:
        recorder(script, store, heard, limits=limits).run(Event())
    assert [each["reason"] for each in heard.of("lost")][:3] == ["stale"] * 3
    assert script.calls == 4


def test_a_closed_market_is_neither_stale_nor_stormed(tmp_path: Path) -> None:
    saturday, stop, heard = 19_007 * DAY + 12 * HOUR, Event(), Heard()
    limits = RecordSettings(stale_seconds=0.02, first_delay=1e-4, last_delay=30.0)
    silent = Script(trades([NOON]), [[]], hold=lambda: not stop.is_set())
    with Store.open(tmp_path) as store:
        each = recorder(silent, store, heard, limits=limits, calendar=calendar("CME_Equity"), now=saturday)
        thread = Thread(target=each.run, args=(stop,))
        thread.start()
        thread.join(0.5)
        stop.set()
        thread.join(5.0)
        assert silent.calls == 1 and heard.of("lost") == []
        cut, stop = Script(trades([NOON]), [[Cut("cut")]]), Event()
        each = recorder(cut, store, heard, limits=limits, calendar=calendar("CME_Equity"), now=saturday)
        thread = Thread(target=each.run, args=(stop,))
        thread.start()
        thread.join(0.5)
        stop.set()
        thread.join(5.0)
    assert cut.calls == 1 and heard.of("lost")[0]["again_in"] == 30.0


def test_a_feed_that_hangs_is_left_behind(tmp_path: Path) -> None:
    release = Event()

    class Hanging(Script):
        def live(self, symbols: Sequence[str], stop: Event) -> Any:
            if self.calls == 0:
                self.calls += 1
                release.wait(20.0)
            yield from super().live(symbols, stop)

    now = [0.0]
    heard, script = Heard(), Hanging(trades([NOON]), [[], [[0]]])
    with Store.open(tmp_path) as store:
        each = Recorder(
            script,
            store,
            {"A": AlwaysOpen()},
            tell=heard,
            settings=AT_ONCE,
            rng=np.random.default_rng(0),
            clock=lambda: NOON,
            monotonic=lambda: now.__setitem__(0, now[0] + 0.5) or now[0],
        )
        each.run(Event())
        release.set()
        assert len(store.scan("trades")) == 1
    assert heard.of("lost")[0]["reason"] == "stale"


def test_stop_commits_what_has_arrived(tmp_path: Path) -> None:
    stop, heard = Event(), Heard()
    script = Script(trades([NOON, NOON + SECOND]), [[[0, 1]]], hold=lambda: True)
    with Store.open(tmp_path) as store:
        each = recorder(script, store, heard, limits=HELD)
        thread = Thread(target=each.run, args=(stop,))
        thread.start()
        while each.status.waiting < 2:
            thread.join(0.01)
        assert len(store.scan("trades")) == 0
        stop.set()
        thread.join(5.0)
        assert len(store.scan("trades")) == 2
    assert heard[-1][0] == "stopped" and heard[-1][1]["acknowledged"] == 2


def test_a_correction_of_a_known_bar_replaces_it(tmp_path: Path) -> None:
    bars = pl.DataFrame(
        {"symbol": "A", "interval": MINUTE, "ts": [NOON, NOON + MINUTE], "open": 1.0, "high": 2.0, "low": 1.0, "close": [1.5, 1.6]}
    )
    bars = bars.with_columns((pl.col("ts") - MINUTE).alias("ts_open"))
    with Store.open(tmp_path) as store:
        recorder(Script(bars, [[[0, 1]]], table=BARS), store, Heard()).run(Event())
        mended = bars.with_columns(pl.Series("close", [1.5, 1.7]))
        status = recorder(Script(mended, [[[0, 1]]], table=BARS), store, Heard()).run(Event())
        assert store.scan("bars")["close"].to_list() == [1.5, 1.7]
        assert (status.acknowledged, status.repeated) == (0, 2)


def test_a_bar_that_is_corrected_within_one_flush_is_stored_once_as_told_last(tmp_path: Path) -> None:
    bars = pl.DataFrame({"symbol": "A", "interval": MINUTE, "ts": [NOON, NOON, NOON + MINUTE], "open": 1.0, "high": 2.0, "low": 1.0})
    bars = bars.with_columns((pl.col("ts") - MINUTE).alias("ts_open"), pl.Series("close", [1.5, 1.6, 1.7]))
    with Store.open(tmp_path) as store:
        status = recorder(Script(bars, [[[0], [1], [2]]], table=BARS), store, Heard(), limits=HELD).run(Event())
        assert store.scan("bars")["close"].to_list() == [1.6, 1.7]
        assert (status.acknowledged, status.repeated, status.waiting) == (2, 1, 0)
