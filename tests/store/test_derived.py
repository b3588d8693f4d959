"""Derived days and definitions: a day or version once written never changes, and every one is checked when it is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw
import polars as pl
import pytest

from store.places import Places
from tickcast.errors import StoreError
from tickcast.store import Store, StoredDefinition
from tickcast.store.manifest import DerivedDay

ROWS = pl.DataFrame({"row.ts": [1, 2], "x": [1.5, float("nan")]})
KEY = ("s@1", "A", 3, "in")


def test_a_day_and_its_state_come_back_and_other_inputs_make_another_day(opened: Places) -> None:
    with opened() as store:
        first = store.derived.write(KEY, ROWS, b"state", made=5, source="{}")
        again = store.derived.write(KEY, ROWS, b"state", made=9, source="other")
        other = store.derived.write((*KEY[:3], "new"), ROWS[:1], b"later", made=6, source="{}")
    with opened() as store:
        assert replace(first, part=again.part) == again == DerivedDay(*KEY, again.part, 2, first.content, 5, "{}")
        first = again
        assert store.derived.days("s@1", "A") == store.derived.days() == [first, other]
        assert store.derived.days("s@2") == store.derived.days("s@1", "B") == []
        assert store.derived.read(first).equals(ROWS, null_equal=True) and store.derived.read(other).equals(ROWS[:1])
        assert (store.derived.state(first), store.derived.state(other)) == (b"state", b"later")
        assert store.version() == "0" * 64, "derived rows are no data"
        assert (store.verify(), store.verify(full=True)) == (0, 2)


def test_the_same_inputs_cannot_give_other_rows(opened: Places) -> None:
    with opened() as store:
        kept = store.derived.write(KEY, ROWS, b"state", made=5, source="{}")
        with pytest.raises(StoreError, match="s@1 for A, day 3"):
            store.derived.write(KEY, ROWS[:1], b"state", made=5, source="{}")
        assert store.derived.days() == [kept]


def test_damage_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        kept = store.derived.write(KEY, ROWS, b"state" * 100, made=5, source="{}")
        (file,) = (tmp_path / "days").rglob("*.parquet")
        content = file.read_bytes()
        file.write_bytes(content[:30] + bytes([content[30] ^ 1]) + content[31:])
        for read in (lambda: store.derived.read(kept), lambda: store.verify(full=True)):
            with pytest.raises(StoreError, match=file.name):
                read()
        store._backend.ledger._connection.execute("UPDATE derived SET state = zeroblob(30)")
        with pytest.raises(StoreError, match="end of day 3 is damaged"):
            store.derived.state(kept)
        with pytest.raises(StoreError, match="no day 4"):
            store.derived.state(DerivedDay("s@1", "A", 4, "in", "f", 0, "", 0, ""))


def test_a_store_of_another_release_is_refused(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "ledger.sqlite")).execute("CREATE TABLE days (kind TEXT)")
    with pytest.raises(StoreError, match="another release"):
        Store.open(tmp_path)


def test_versions_follow_each_other_in_one_name(opened: Places) -> None:
    with opened() as store:
        for name, version in (("a", 1), ("b", 1), ("a", 2)):
            store.definitions.add(StoredDefinition(name, version, "h", "{}", "{}", version))
        for version in (1, 2, 4):
            with pytest.raises(StoreError, match="a has 2 versions"):
                store.definitions.add(StoredDefinition("a", version, "h", "{}", "{}", 0))
        store.definitions.retire("a", 1, 7)
        kept = [(one.name, one.version, one.retired) for one in store.definitions.versions()]
        assert kept == [("a", 1, 7), ("a", 2, None), ("b", 1, None)]
        assert [one.version for one in store.definitions.versions("a")] == [1, 2]
        assert store.derived.days() == []
