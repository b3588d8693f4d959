"""Joining, collecting, examining: nothing that counts is lost, everything that is wrong is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.places import Places
from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.store import Collected, Damage, Soundness, Store, StoredDefinition


def trades(*stamps: int, price: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"symbol": "A", "ts": list(stamps), "price": price, "size": 1.0}, schema_overrides={"ts": pl.Int64})


def signals(day: int, value: float) -> pl.DataFrame:
    return pl.DataFrame({"name": ["a", "a"], "ts": [day * DAY + 1, day * DAY + 2], "value": [0.0, value]})


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def test_joined_parts_are_the_same_version(store: Store) -> None:
    for stamps in (range(1, 9), (10, 11), (20,), (DAY + 1,)):
        store.write("trades", trades(*stamps), source="live")
    version, rows = store.version(), store.scan("trades")
    assert store.coverage("trades")["parts"].to_list() == [3, 1]
    assert (store.compact("trades", ["B"]), store.compact("trades"), store.compact()) == (0, 1, 0)
    assert store.coverage("trades")["parts"].to_list() == [1, 1]
    assert store.version() == version and store.scan("trades").equals(rows)
    assert store.coverage("trades")["source"].to_list() == ["live", "live"]
    store.collect()
    assert store.scan("trades", as_of=version).equals(rows) and store.verify(full=True) == 2


WRITES = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3).map(float)), min_size=1, max_size=6)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, data=st.data())
def test_a_collection_keeps_what_is_kept_and_nothing_else(opened: Places, writes, data) -> None:
    store = opened.new()
    rows = pl.DataFrame({"x": [1.0]})
    days = [store.derived.write(("k@1", "A", day, "in"), rows + day, b"", made=1, source="{}") for day in range(2)]
    seen = {}
    for day, value in writes:
        version = store.write("signals", signals(day, value), source="s").version
        seen[version] = store.scan("signals")
    kept = data.draw(st.sets(st.sampled_from(sorted(seen))))
    store.collect(kept, derived=days[:1])
    for version, frame in seen.items():
        assert store.holds(version) is (version in kept or version == store.version())
        if store.holds(version):
            assert store.scan("signals", as_of=version).equals(frame)
        else:
            with pytest.raises(StoreError, match="no version"):
                store.scan("signals", as_of=version)
    assert store.derived.days() == days[1:] and store.derived.read(days[1]).equals(rows + 1)
    assert store.collect(kept) == Collected(0, 0), "nothing is left to collect"
    assert not store.holds("") and not store.holds("0" * 63 + "1")
    assert not store.examine(full=True).damage
    assert sorted(store._backend.names()) == sorted(store._backend.ledger.needed())


def test_a_reader_reads_on_or_is_told(opened: Places) -> None:
    store, other = opened(), opened()
    for day in range(3):
        store.write("signals", signals(day, 1.0), source="s")
    reading = other.chunks("signals")
    first = next(reading)
    store.write("signals", signals(2, 5.0), source="corrected")
    store.collect()
    assert next(reading)["ts"].to_list() == [DAY + 1, DAY + 2], "a day that the present version has is read on"
    with pytest.raises(StoreError, match="day 2: this version was collected while it was read"):
        next(reading)
    assert first["ts"].to_list() == [1, 2] and len(store.scan("signals")) == 6
    with pytest.raises(StoreError, match="no version"):
        store.collect(["f" * 64])


def test_a_reader_meets_parts_that_were_joined(opened: Places) -> None:
    store, other = opened(), opened()
    for stamps in ((1, 2, 3, 4), (5, 6), (DAY + 1, DAY + 2), (DAY + 3,)):
        store.write("trades", trades(*stamps), source="live")
    reading = other.chunks("trades", None, 2, DAY + 3)
    assert next(reading)["ts"].to_list() == [2, 3, 4, 5, 6]
    assert (store.compact(), store.collect().blocks) == (2, 4)
    assert [frame["ts"].to_list() for frame in reading] == [[DAY + 1, DAY + 2]]


def test_what_a_cut_off_writer_left_is_collected_and_no_more(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", trades(1, 2), source="s")
        (file,) = files(tmp_path)
        orphan, ahead = (tmp_path / "days" / "00" / f"{'0' * 64}-{fence}.parquet" for fence in (1, "ff"))
        for name in (orphan, ahead):
            name.parent.mkdir(exist_ok=True)
            name.write_bytes(b"never committed")
        assert store.collect() == Collected(0, 1)
        assert files(tmp_path) == sorted([file, ahead]), "a larger number belongs to a writer that has overtaken us"


def test_every_damage_is_told(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for day in range(4):
            store.write("signals", signals(day, 1.0), source="s")
        derived = store.derived.write(("k@1", "A", 3, "in"), pl.DataFrame({"x": [1.0]}), b"", made=1, source="{}")
        old = store.version()
        store.write("signals", signals(3, 2.0), source="s")
        assert store.examine() == Soundness(4, ()) and store.examine(full=True) == Soundness(6, ())
        parts = store._backend.ledger.parts("signals", ["a"], 4)
        (tmp_path / "days" / parts["a", 0][0].name[:2] / f"{parts['a', 0][0].name}.parquet").unlink()
        for name in (parts["a", 1][0].name, parts["a", 3][0].name, derived.part):
            (tmp_path / "days" / name[:2] / f"{name}.parquet").write_bytes(b"PAR1")
        assert [(each.symbol, each.trading_day) for each in store.examine().damage] == [("a", 0), ("a", 1)]
        found = store.examine(full=True)
        assert [(each.name, each.symbol, each.trading_day) for each in found.damage] == [
            (parts["a", 0][0].name, "a", 0),
            (parts["a", 1][0].name, "a", 1),
            (parts["a", 3][0].name, "a", 3),
            (derived.part, "A", 3),
        ]
        with pytest.raises(StoreError, match="2 damages in the ledger and 4 blocks"):
            store.verify()
        assert store.version(old) == old


def test_a_day_that_is_not_as_its_manifest_says_is_told(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, Store.open(tmp_path / "other") as other:
        store.write("signals", signals(0, 1.0), source="s")
        other.write("signals", signals(0, 2.0), source="s")
        name = next(other._backend.names())
        (tmp_path / "days" / name[:2]).mkdir(exist_ok=True)
        (tmp_path / "other" / "days" / name[:2] / f"{name}.parquet").rename(tmp_path / "days" / name[:2] / f"{name}.parquet")
        store._backend.ledger._connection.execute("UPDATE parts SET name = ?", (name,))
        assert store.examine().damage == (Damage(name, "a", 0, store.examine().damage[0].found),)
        assert "not those of the manifest" in store.examine().damage[0].found


def answers(folder: Path) -> object:
    """Everything a store can be asked."""
    with Store.open(folder) as store:
        empty, kept, ledger = store.empty.days("trades"), store.coverage("signals"), store._backend.ledger
        rows = [ledger.query(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("versions", "days", "parts", "definitions", "derived")]
        by_index = [[row[0] for row in ledger.query("SELECT content FROM days WHERE content = ?", (each,))] for each in kept["content"]]
        states = [store.derived.state(day) for day in store.derived.days()]
        return empty.rows(), kept.rows(), rows, by_index, states, store.version(), store.version(2), ledger.fence()


@pytest.mark.parametrize("flips", [60, pytest.param(4000, marks=pytest.mark.soak)])
def test_no_flipped_bit_of_the_ledger_changes_an_answer_unseen(tmp_path: Path, flips: int) -> None:
    with Store.open(tmp_path, clock=iter(range(1000)).__next__) as store:
        for day in range(40):
            store.write("signals", signals(day % 30, float(day)), source="s")
        store.empty.note("trades", "A", range(5), source="cme", word="calendar")
        store.definitions.add(StoredDefinition("d", 1, "h", "{}" * 50, "{}", 1))
        store.derived.write(("k@1", "A", 3, "in"), pl.DataFrame({"x": [1.0]}), b"state" * 40, made=1, source="{}")
    ledger = tmp_path / "ledger.sqlite"
    content, known = ledger.read_bytes(), answers(tmp_path)
    assert len(content) > 50_000
    rng, unseen = np.random.default_rng(flips), 0
    for at in rng.integers(0, 8 * len(content), flips):
        altered = bytearray(content)
        altered[at // 8] ^= 1 << at % 8
        ledger.write_bytes(altered)
        try:
            with Store.open(tmp_path) as store:
                damage = store.examine().damage
        except StoreError:
            continue
        if not damage:
            unseen += 1
            assert answers(tmp_path) == known, f"bit {at} changes an answer and is not found"
        for rest in tmp_path.glob("ledger.sqlite-*"):
            rest.unlink()
    assert unseen < flips, "most flips are found"
