"""The ledger: a change happens wholly, not at all, and the same in every ledger that is given it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.places import Places
from tickcast.clock import DAY, HOUR
from tickcast.errors import StoreError
from tickcast.store import Store, StoredDefinition
from tickcast.store.applied import SETTLES
from tickcast.store.definitions import Definitions
from tickcast.store.embedded import Embedded
from tickcast.store.empty import Empty
from tickcast.store.ledger import Ledger
from tickcast.store.manifest import Day, DerivedDay, Part
from tickcast.store.records import Collect, Commit, Define, Derive, NoteEmpty, Record, Reopen, Retire, from_json, to_json

TABLES = ("versions", "days", "parts", "definitions", "derived", "empties", "fence")
PLACE = "ledger in memory"


def day(number: int, total: int = 7) -> Day:
    return Day("bars", "A", number, 2, number * DAY, number * DAY + 1, 1, 2**64 - 1, total, 0, 1, "s")


def commit(fence: int, *days: Day, gone: tuple[str, ...] = ()) -> Commit:
    parts = tuple(Part(f"{one.content[:8]}-{fence}", "bars", "A", one.trading_day, 2, one.first_ts, one.last_ts) for one in days)
    return Commit(fence, 100 + fence, "s", days, gone, parts)


CHANGES = (
    commit(1, day(1), day(2)),
    NoteEmpty("bars", "A", (2, 3, 4), "s", "answer", 5),
    Define(StoredDefinition("d", 1, "h", "{}", "{}", 1)),
    commit(2, day(2, 8), gone=(f"{day(2).content[:8]}-1",)),
    Derive(3, DerivedDay("k@1", "A", 1, "in", "p-3", 4, "c", 9, "{}"), b"\x00state\xff"),
    Retire("d", 1, 7),
    Reopen("bars", "A", (3,)),
    Collect(4, (1,), (("k@1", "A", 1, "in"),)),
)


def everything(ledger: Ledger) -> list[list[tuple[object, ...]]]:
    return [ledger.query(f"SELECT * FROM {table} ORDER BY 1, 2, 3" if table != "fence" else "SELECT * FROM fence") for table in TABLES]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_comes_back_from_its_line(change: Record) -> None:
    assert from_json(to_json(change)) == change and "\n" not in to_json(change)


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"change":"Drop"}', '{"change":"Retire","name":"a"}', '{"change":"Derive","state":"?"}'])
def test_what_is_no_change_is_refused(line: str) -> None:
    with pytest.raises(StoreError, match="no change of a ledger"):
        from_json(line)


def test_a_replayed_ledger_is_the_ledger(tmp_path: Path) -> None:
    first, second = Ledger(str(tmp_path / "ledger.sqlite"), PLACE), Ledger(":memory:", PLACE)
    for change in CHANGES:
        first.apply(change)
        second.apply(from_json(to_json(change)))
        assert everything(first) == everything(second)
    assert first.version()[1] == f"{(int(day(1).content, 16) + int(day(2, 8).content, 16)) % 2**256:064x}"


@pytest.mark.parametrize("change", [commit(1, day(5)), commit(4, day(5)), Collect(1, (), ()), CHANGES[4], CHANGES[2]])
def test_a_refused_change_leaves_nothing(change: Record) -> None:
    ledger = Ledger(":memory:", PLACE)
    for one in CHANGES[:3]:
        ledger.apply(one)
    before = everything(ledger)
    with pytest.raises(StoreError):
        ledger.apply(change)
    assert everything(ledger) == before


def test_a_change_fails_as_a_whole(tmp_path: Path) -> None:
    ledger = Ledger(":memory:", PLACE)
    ledger.apply(CHANGES[0])
    before = everything(ledger)
    with pytest.raises(StoreError, match="UNIQUE"):
        ledger.apply(Commit(2, 5, "s", (day(3),), (), (Part(f"{day(1).content[:8]}-1", "bars", "A", 3, 2, 0, 0),)))
    assert everything(ledger) == before


def test_a_writer_that_was_overtaken_writes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, Store.open(tmp_path) as other:
        bar = {"symbol": ["A"], "interval": [60], "ts": [60], "ts_open": [0]} | dict.fromkeys(("open", "high", "low", "close"), [1.0])

        class Late(Embedded):  # type: ignore[misc]
            """Stops between its blocks and its commit, while another writes."""

            def commit(self, change: Record) -> None:
                other.write("bars", pl.DataFrame(bar).with_columns(close=2.0), source="other")
                super().commit(change)

        late = Late(str(tmp_path))
        late.exclusive = lambda: Embedded(str(tmp_path / "elsewhere")).exclusive()  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="another writer took over"):
            Store(late, lambda: 1).write("bars", pl.DataFrame(bar), source="late")
        assert store.scan("bars")["close"].to_list() == [2.0]
        assert len(store._backend.ledger.query("SELECT 1 FROM versions")) == 1
        late.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.tuples(st.integers(0, 3 * HOUR), st.sampled_from(["answer", "answer", "calendar"])), min_size=1, max_size=4))
def test_a_day_is_empty_on_the_calendars_word_or_a_second_answer_an_hour_later(opened: Places, answers) -> None:
    answers = sorted(answers)
    moments = iter([at for at, _ in answers])
    store = opened.new(clock=lambda: next(moments))
    for _, word in answers:
        store.empty.note("trades", "A", [5], source="s", word=word)
    (found,) = store.empty.days("trades", "A").iter_rows(named=True)
    assert found["settled"] == (any(word == "calendar" for _, word in answers) or answers[-1][0] - answers[0][0] >= SETTLES == HOUR)
    assert (found["first"], found["last"], found["answers"]) == (answers[0][0], answers[-1][0], len(answers))
    assert found["word"] == ("calendar" if any(word == "calendar" for _, word in answers) else "answer")


def test_rows_and_a_word_reopen_an_empty_day(store: Store) -> None:
    store.empty.note("trades", "A", range(3), source="cme", word="calendar")
    store.empty.note("trades", "B", [1], source="x")
    assert store.empty.days("trades", "A")["trading_day"].to_list() == [0, 1, 2] and store.empty.days("trades")["symbol"].n_unique() == 2
    store.empty.reopen("trades", "A", [2])
    store.write("trades", pl.DataFrame({"symbol": "A", "ts": [DAY + 1], "price": 1.0, "size": 1.0}), source="found after all")
    assert store.empty.days("trades", "A")["trading_day"].to_list() == [0]
    store.empty.note("trades", "A", [1], source="x", word="calendar")
    assert store.empty.days("trades", "A")["trading_day"].to_list() == [0], "a day with rows is not empty, whoever says so"
    assert store.empty.days("trades", "B").row(0, named=True)["settled"] is False
    assert isinstance(store.empty, Empty) and isinstance(store.definitions, Definitions)
    with pytest.raises(StoreError, match="no table"):
        store.empty.note("trade", "A", [1], source="x")


def steps(ledger: Ledger) -> int:
    """Steps of SQLite's machine for what is asked of one symbol."""
    taken = [0]

    def step() -> bool:
        taken[0] += 1
        return False

    ledger._connection.set_progress_handler(step, 1)
    found = ledger.days("bars", ["A"], 1), ledger.parts("bars", ["A"], 1)
    ledger._connection.set_progress_handler(None)
    assert len(found[0]) == len(found[1]) == 1
    return taken[0]


def test_one_symbol_costs_the_same_however_many_lie_beside_it() -> None:
    alone, among = Ledger(":memory:", PLACE), Ledger(":memory:", PLACE)
    alone.apply(commit(1, day(1)))
    others = tuple(replace(day(1), symbol=f"S{number}") for number in range(1000))
    parts = tuple(Part(f"{one.symbol}-1", "bars", one.symbol, 1, 2, one.first_ts, one.last_ts) for one in others)
    one = commit(1, day(1))
    among.apply(replace(one, days=(*one.days, *others), parts=(*one.parts, *parts)))
    assert steps(among) < 2 * steps(alone)


def test_what_a_write_and_a_scan_ask_of_the_ledger_does_not_grow_with_the_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A symbol of years in day files took twice as long a day after 700 of them."""
    answered: list[int] = []
    honest = Ledger.query

    def query(self: Ledger, text: str, values: tuple[int | str | None, ...] = ()) -> list[tuple[Any, ...]]:
        found = honest(self, text, values)
        answered.append(len(found))
        return found

    rows = pl.DataFrame({"symbol": "A", "ts": [day * DAY for day in range(60)], "price": 1.0, "size": 1.0})
    with Store.open(tmp_path / "store") as store:
        store.write("trades", rows, source="x")
        monkeypatch.setattr(Ledger, "query", query)
        store.write("trades", rows.tail(1).with_columns(pl.col("ts") + DAY), source="x")
        assert len(store.scan("trades", ["A"], 30 * DAY, 31 * DAY)) == 1
        assert store.coverage("trades", "A", within=(30 * DAY, 32 * DAY))["trading_day"].to_list() == [30, 31]
        assert sum(answered) <= 12
        assert store.coverage("trades", "A", within=(100 * DAY, 101 * DAY)).is_empty()
        assert len(store.coverage("trades", "A")) == 61 and len(store.scan("trades")) == 61
        for day, late in ((40, 50), (20, 60)):  # rows of a day that reach over later ones, which are not asked for by the rows alone
            wide = rows[day : day + 1].with_columns(pl.lit(day, pl.Int32).alias("trading_day"), pl.lit(late * DAY + 5).alias("ts"))
            with pytest.raises(StoreError, match="overlap in time"):
                store.write("trades", wide, source="x")
