"""Recorded is ingested: a feed that was recorded and the same rows read from a file give the same stored rows and the same quarantine."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.feeds import Cut, Script, Step
from record.test_recorder import AT_ONCE, HELD, NOON, Heard, recorder
from tickcast.calendars import AlwaysOpen
from tickcast.cleaning import Rules, clean
from tickcast.clock import HOUR, SECOND
from tickcast.record import EarlierRows, Intake
from tickcast.schema import TRADES
from tickcast.store import Store


@st.composite
def feeds(draw: st.DrawFn) -> tuple[pl.DataFrame, list[list[Step]]]:
    """Trades, some impossible, some with a price that jumps, some late; connections that are cut and repeat whole stamps."""
    steps = draw(st.lists(st.integers(0, 2), min_size=3, max_size=20))
    price = st.sampled_from([10.0, 10.0, 10.5, 100.0, 101.0, -1.0])
    ts, rows = NOON, []
    for step in steps:
        ts += step * SECOND
        rows.append({"symbol": "A", "ts": ts, "price": draw(price), "size": 1.0})
    stamps = [row["ts"] for row in rows]
    starts = [i for i in range(len(rows)) if i == 0 or stamps[i] > stamps[i - 1]]
    reached, connections = 0, []
    while reached < len(rows) and len(connections) < 4:
        begin = draw(st.sampled_from([i for i in starts if i <= reached]))
        end = draw(st.integers(reached, len(rows)))
        if end < len(rows) and end not in starts:
            end = max(i for i in starts if i <= end)
        cuts = sorted(draw(st.lists(st.integers(begin, max(begin, end)), max_size=3)))
        edges = [begin, *cuts, max(begin, end)]
        connections.append([range(low, high) for low, high in zip(edges, edges[1:], strict=False)] + [Cut("cut")])
        reached = max(reached, end)
    connections.append([range(max(i for i in starts if i <= reached), len(rows))] if reached < len(rows) else [[]])
    return pl.DataFrame(rows), connections


def of(store: Store) -> tuple[pl.DataFrame, list[tuple[object, ...]]]:
    """The rows, and what was set aside without where it came from."""
    rows = store.scan("trades").drop("trading_day", "session_id", strict=False)
    aside = store.scan("quarantine").select("symbol", "ts", "reason", pl.col("original").str.json_path_match("$.price")).unique()
    return rows, sorted(aside.rows())


@settings(deadline=None, max_examples=25)
@given(feeds(), st.booleans())
def test_a_recorded_feed_is_the_file_of_its_rows(
    tmp_path_factory: pytest.TempPathFactory, told: tuple[pl.DataFrame, list[list[Step]]], at_once: bool
) -> None:
    events, connections = told
    with Store.open(tmp_path_factory.mktemp("file")) as store:
        intake = Intake(TRADES, AlwaysOpen(), Rules(), earlier=EarlierRows(store, TRADES), source="file")
        taken = intake.take(clean(events, TRADES), NOON + HOUR)
        store.write("quarantine", taken.aside, source="file")
        store.write("trades", taken.rows, source="file")
        ingested = of(store)
    with Store.open(tmp_path_factory.mktemp("feed")) as store:
        script = Script(events, connections, raw=True)
        status = recorder(script, store, Heard(), limits=AT_ONCE if at_once else HELD).run(Event())
        recorded = of(store)
    assert recorded[0].equals(ingested[0])
    assert recorded[1] == ingested[1]
    assert status.waiting == 0


def test_rows_told_again_are_set_aside_once(tmp_path: Path) -> None:
    events = pl.DataFrame({"symbol": "A", "ts": [NOON + i * SECOND for i in range(4)], "price": [10.0, 100.0, -1.0, 10.0], "size": 1.0})
    script = Script(events, [[[0, 1], [2], Cut("cut")], [[1, 2, 3], Cut("cut")], [[0, 1, 2, 3]]], raw=True)
    with Store.open(tmp_path) as store:
        recorder(script, store, Heard()).run(Event())
        assert store.scan("quarantine")["reason"].to_list() == ["price_far", "price_not_positive"]
        assert store.scan("trades")["ts"].to_list() == [NOON, NOON + 3 * SECOND]


def test_rows_set_aside_count_among_those_held(tmp_path: Path) -> None:
    events = pl.DataFrame({"symbol": "A", "ts": [NOON + i * SECOND for i in range(6)], "price": [10.0, *[-1.0] * 5], "size": 1.0})
    with Store.open(tmp_path) as store:
        each = recorder(Script(events, [[range(6)]], raw=True, hold=lambda: each.status.waiting == 6), store, Heard(), limits=HELD)
        each.run(Event())
        seen = each.status
    assert (seen.rows, seen.waiting, dict(seen.aside)) == (1, 0, {"price_not_positive": 5})
