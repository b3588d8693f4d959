"""A copied dataset is the dataset: in either direction, in parts, interrupted, and with all that is known about it."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl
import pytest

from store.places import Places
from tickcast.clock import DAY, HOUR
from tickcast.errors import StoreError
from tickcast.store import Store, StoredDefinition
from tickcast.store.copying import copy
from tickcast.store.day_file import encode


def trades(days: range, symbol: str, *, context: bool = False) -> pl.DataFrame:
    ts = [day * DAY + at for day in days for at in (5, 5, 9)]
    frame = pl.DataFrame({"symbol": symbol, "ts": ts, "price": [1.0 + at / 1e15 for at in ts], "size": 2.0})
    return frame.with_columns(pl.lit("C1").alias("underlying_contract")) if context else frame


def bars(days: range) -> pl.DataFrame:
    ts = [day * DAY + 60 for day in days]
    close = dict.fromkeys(("open", "high", "low", "close"), 2.5)
    return pl.DataFrame({"symbol": "A", "interval": 60, "ts": ts, "ts_open": [each - 60 for each in ts], **close})


@pytest.fixture
def origin(tmp_path: Path) -> Store:
    """A folder with rows of two tables and three symbols, corrected once, no-data days, definitions and a derived day."""
    ticks = itertools.count(10**18, 2 * HOUR)
    with Store.open(tmp_path / "origin", clock=lambda: next(ticks)) as store:
        store.write("trades", pl.concat([trades(range(3), "A"), trades(range(4), "B")]), source="a")
        store.write("trades", trades(range(2, 5), "C", context=True), source="c")
        store.write("bars", bars(range(6)), source="b")
        store.write("bars", bars(range(2)).with_columns(close=pl.lit(3.5)), source="b2")
        store.empty.note("trades", "A", [3, 4], source="s", word="calendar")
        store.empty.note("trades", "A", [5, 6], source="s")
        store.empty.note("trades", "A", [5], source="t")
        for version in (1, 2):
            store.definitions.add(StoredDefinition("set", version, f"h{version}", "{}", "{}", 7))
        store.definitions.retire("set", 1, 9)
        rows = pl.DataFrame({"row.ts": [1, 2], "x": [float("nan"), 1.0]})
        store.derived.write(("set@2", "A", 0, "inputs"), rows, b"state", made=3, source="{}")
        yield store  # type: ignore[misc]


def same(one: Store, other: Store) -> None:
    assert one.version() == other.version()
    for table in ("trades", "bars"):
        assert encode(one.scan(table)) == encode(other.scan(table))
        assert one.coverage(table).drop("parts").equals(other.coverage(table).drop("parts")), "sources too"
        assert one.empty.days(table).equals(other.empty.days(table))
    assert one.definitions.versions() == other.definitions.versions()
    (day,), (copied,) = one.derived.days(), other.derived.days()
    assert one.derived.read(day).equals(other.derived.read(copied), null_equal=True)
    assert one.derived.state(day) == other.derived.state(copied)


def test_there_and_back_is_the_same(origin: Store, opened: Places, tmp_path: Path) -> None:
    target = opened()
    done = copy(origin, target, read_back=True)
    assert (done.days, done.rows, done.there, done.read_back) == (16, 36, 0, 16)
    assert (done.definitions, done.no_data, done.derived) == (2, 4, 1)
    assert done.version == done.target_version == origin.version()
    same(origin, target)
    with Store.open(tmp_path / "back") as back:
        copy(target, back)
        same(origin, back)
    again = copy(origin, target)
    assert (again.days, again.there, again.definitions, again.no_data, again.derived) == (0, 16, 0, 0, 0)


def test_an_interrupted_copy_is_gone_on_with(origin: Store, opened: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickcast.store.copying._ROWS_PER_WRITE", 7)
    target, seen = opened(), []

    def stop(what: str, share: float) -> None:
        seen.append(share)
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(origin, target, progress=stop)
    held = sum(target.coverage(table)["rows"].sum() for table in ("trades", "bars"))
    assert seen == sorted(seen) and 0 < held < 36
    done = copy(origin, target)
    assert done.there > 0 and done.rows == 36 - held
    same(origin, target)


def test_a_table_or_a_symbol_alone(origin: Store, opened: Places) -> None:
    target = opened()
    done = copy(origin, target, tables=["trades"], symbols=["B"])
    assert (done.days, done.rows, done.definitions, done.no_data) == (4, 12, 0, 0)
    assert target.scan("bars").is_empty() and set(target.scan("trades")["symbol"]) == {"B"}
    assert done.version != done.target_version
    assert copy(origin, target, tables=["trades"], symbols=["A"]).no_data == 4


def test_corrections_at_the_origin_follow_and_rows_of_the_targets_own_are_told(origin: Store, opened: Places) -> None:
    target = opened()
    copy(origin, target)
    origin.write("bars", bars(range(1)).with_columns(close=pl.lit(9.5)), source="b3")
    assert copy(origin, target).days == 1
    assert target.version() == origin.version()
    target.write("trades", trades(range(1), "A").with_columns(ts=pl.col("ts") + 1), source="own")
    with pytest.raises(StoreError, match="1 days differ from their origin, first trades A day 0"):
        copy(origin, target)


def test_another_definition_of_the_same_number_is_refused(origin: Store, opened: Places) -> None:
    target = opened()
    target.definitions.add(StoredDefinition("set", 1, "another", "{}", "{}", 7))
    with pytest.raises(StoreError, match="set@1 is another definition"):
        copy(origin, target)
