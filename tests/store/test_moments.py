"""What was known at a moment stays what was known then; a reader beside a collection misses nothing; a ledger that is gone is told."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

import polars as pl
import pytest

from store.places import Places
from tickcast.clock import DAY
from tickcast.durable import exclusive
from tickcast.errors import StoreError
from tickcast.store import Collected, Damage, Store
from tickcast.store.ledger import Ledger


def signals(*days: int, value: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"name": "a", "ts": [day * DAY + 1 for day in days], "value": value})


def test_a_clock_that_is_set_back_rewrites_no_moment(opened: Places) -> None:
    now = [100]
    store = opened.new(clock=lambda: now[0])
    first = store.write("signals", signals(0), source="s").version
    now[0] = 50
    second = store.write("signals", signals(1), source="s").version
    assert store.version(100) == first and len(store.scan("signals", as_of=100)) == 1
    assert store.version(99) == "0" * 64 and store.version(101) == second


def test_a_moment_whose_version_was_collected_is_refused(opened: Places) -> None:
    now = [0]
    store = opened.new(clock=lambda: now[0])
    versions = []
    for day in range(6):
        now[0] = 10 * (day + 1)
        versions.append(store.write("signals", signals(day), source="s").version)
    for _ in range(2):  # what was kept by a moment is found by it, and kept again
        store.collect([35])
        assert store.version(5) == "0" * 64 and store.version(30) == store.version(35) == versions[2]
        assert store.version(60) == store.version(10**6) == versions[5]
        assert len(store.scan("signals", as_of=39)) == 3
        for moment in (10, 20, 29, 40, 50, 59):
            with pytest.raises(StoreError, match=f"the version of the moment {moment} was collected"):
                store.scan("signals", as_of=moment)
    assert store.collect([35]) == Collected(0, 0) and not store.examine(full=True).damage
    with pytest.raises(StoreError, match="no version"):
        store.version("")
    assert store.collect() == Collected(1, 0)
    with pytest.raises(StoreError, match="was collected"):
        store.coverage("signals", as_of=35)


@pytest.mark.parametrize("moment", ["parts", "days", "rows_of_days"])
def test_a_collection_between_two_looks_hides_no_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    store, other = Store.open(tmp_path), Store.open(tmp_path)  # a file changes between two looks; what was replayed does not
    store.write("signals", signals(0, 1), source="s")
    look, done = getattr(Ledger, moment), []

    def collected(self: Ledger, *asked: object) -> object:
        if not done:
            done.append(True)
            other.write("signals", signals(0, value=2.0), source="corrected")
            other.collect()
        return look(self, *asked)

    monkeypatch.setattr(Ledger, moment, collected)
    if moment != "rows_of_days":
        assert store.scan("signals")["value"].to_list() == [2.0, 1.0]
    else:
        assert store.coverage("signals")["source"].to_list() == ["corrected", "s"]
    assert done


def test_what_is_collected_while_it_is_examined_is_no_damage(opened: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = opened(), opened()
    for table_days in ((0, 1), (2,)):
        store.write("signals", signals(*table_days), source="s")
    look, done = Ledger.parts, []

    def collected(self: Ledger, *asked: object) -> object:
        found = look(self, *asked)
        if not done and asked[1] is not None:
            done.append(True)
            other.write("signals", signals(0, value=2.0), source="corrected")
            other.collect()
        return found

    monkeypatch.setattr(Ledger, "parts", collected)
    assert store.examine(full=True).damage == () and done


@pytest.mark.parametrize("emptied", [False, True])
def test_blocks_without_their_ledger_are_no_empty_store(tmp_path: Path, emptied: bool) -> None:
    with Store.open(tmp_path) as store:
        store.write("signals", signals(0), source="s")
    ledger = tmp_path / "ledger.sqlite"
    ledger.write_bytes(b"") if emptied else ledger.unlink()
    with pytest.raises(StoreError, match="the ledger is gone, the blocks are there"):
        Store.open(tmp_path)
    assert len(list(tmp_path.glob("days/??/*.parquet"))) == 1


def test_an_older_ledger_under_newer_blocks_is_told(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    for day in range(3):
        with Store.open(tmp_path) as store:
            store.write("signals", signals(day), source="s")
        if day == 0:
            backup = ledger.read_bytes()
    ledger.write_bytes(backup)
    with Store.open(tmp_path) as store:
        assert store.examine().damage == (Damage("ledger", "", None, "it is older than the blocks: fence 1, theirs 3"),)


def test_a_store_that_is_moved_or_replaced_while_it_is_open_acknowledges_nothing(tmp_path: Path) -> None:
    """As somebody does who puts a backup in its place: rows would go to the new folder and be known to the old ledger only."""
    here, old = tmp_path / "here", tmp_path / "old"
    store = Store.open(here)
    store.write("signals", signals(0), source="s")
    here.rename(old)
    with pytest.raises(StoreError, match="moved or replaced"):
        store.write("signals", signals(1), source="s")
    assert not here.exists()
    shutil.copytree(old, here)
    backup = Store.open(here)
    backup.write("signals", signals(2), source="s")
    for change in (lambda: store.write("signals", signals(1), source="s"), store.collect, lambda: store.empty.reopen("signals", "a", [1])):
        with pytest.raises(StoreError, match="moved or replaced"):
            change()
    for where, days in ((here, [0, 2]), (old, [0])):
        with Store.open(where) as found:
            assert (found.scan("signals")["ts"] // DAY).to_list() == days and found.verify(full=True) == len(days)
            assert found.unnamed() == []


def test_two_paths_of_one_store_are_one_store(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "store", target_is_directory=True)
    store = Store.open(tmp_path / "store")
    other = Store.open(tmp_path / "link")
    for number, each in enumerate((store, other, store, other)):
        each.write("signals", signals(number), source="s")
    assert len(store.scan("signals")) == len(other.scan("signals")) == 4 and other.verify(full=True) == 4
    with exclusive(tmp_path / "link" / "write.lock"), pytest.raises(BlockingIOError):
        fcntl.flock((tmp_path / "store" / "write.lock").open("r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
