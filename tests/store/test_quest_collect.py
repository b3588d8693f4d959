"""Collecting in a QuestDB server: rows that nothing needs are freed, whatever is read, written or cut off meanwhile."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

import polars as pl
import psycopg
import pytest

from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.store import Store
from tickcast.store.quest import Quest
from tickcast.store.quest_address import QuestAddress
from tickcast.store.quest_server import QuestServer

CLOCK = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def dataset(questdb: QuestServer) -> Callable[[], QuestAddress]:
    """Datasets that nobody has used."""
    numbers = itertools.count(1)
    return lambda: questdb.address(f"c{next(numbers)}")


def said(address: QuestAddress, text: str) -> list[tuple[object, ...]]:
    """A statement of somebody else."""
    door = {"host": address.host, "port": address.pg, "user": address.user, "password": address.password, "dbname": "qdb"}
    with psycopg.connect(**door, autocommit=True) as connection:  # type: ignore[arg-type]
        return connection.execute(text.encode()).fetchall()


def tables(address: QuestAddress) -> list[object]:
    """The dataset's tables of rows."""
    found = sorted(str(row[0]) for row in said(address, "SELECT table_name FROM tables()"))
    return [name for name in found if name.startswith(f"{address.name}_") and not name.endswith(("_log", "_blocks"))]


def bars(close: float, days: int = 3, count: int = 20) -> pl.DataFrame:
    """Some bars of each day; another close is a correction."""
    stamps = [day * DAY + at * 60 for day in range(days) for at in range(count)]
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return pl.DataFrame({"symbol": "A", "ts": [ts + 60 for ts in stamps], "ts_open": stamps, "interval": 60, **prices})


def test_rows_of_forgotten_versions_are_freed(dataset: Callable[[], QuestAddress]) -> None:
    address = dataset()
    with Store.open(str(address)) as store:
        for close in (1.0, 2.0, 3.0):
            store.write("bars", bars(close), source=str(close))
        store.write("trades", pl.DataFrame({"symbol": "A", "ts": [1], "price": 1.0, "size": 1.0}), source="a")
        old = pl.DataFrame({"symbol": "A", "ts": [-40 * 365 * DAY], "price": 1.0, "size": 1.0})
        store.write("trades", old, source="before 1970")
        version, rows, found = store.version(), store.scan("bars"), store.scan("trades")
        assert said(address, f"SELECT count() FROM {address.name}_bars") == [(180,)]
        assert store.collect().blocks == 6
        assert tables(address) == [f"{address.name}_{kind}" for kind in ("bars_2", "blobs", "trades")]
        assert said(address, f"SELECT count() FROM {address.name}_bars_2") == [(60,)]
        assert store.version() == version and store.scan("bars").equals(rows) and store.scan("trades").equals(found)
        with Store.open(str(address)) as other:
            assert other.scan("bars").equals(rows) and other.verify(full=True) == 5
            other.write("bars", bars(4.0, days=4), source="4")
            other.collect()
        assert tables(address) == [f"{address.name}_{kind}" for kind in ("bars_2", "blobs", "trades")], "less than half is left over"
        assert store.scan("bars").equals(bars_of(store)) and store.scan("bars")["close"].unique().to_list() == [4.0]
        for close in (5.0, 6.0):
            store.write("bars", bars(close, days=4), source=str(close))
        store.collect()
        assert tables(address) == [f"{address.name}_{kind}" for kind in ("bars_3", "blobs", "trades")]
        assert said(address, f"SELECT count() FROM {address.name}_bars_3") == [(80,)]
        assert store.scan("bars")["close"].unique().to_list() == [6.0] and store.verify(full=True) == 6


def bars_of(store: Store) -> pl.DataFrame:
    return pl.concat(list(store.chunks("bars")))


def test_versions_that_are_kept_move_with_the_rest(dataset: Callable[[], QuestAddress]) -> None:
    with Store.open(str(dataset())) as store:
        versions = [store.write("bars", bars(float(n)), source=str(n)).version for n in range(6)]
        store.collect(keep=versions[1:2])
        assert store.scan("bars", as_of=versions[1])["close"].unique().to_list() == [1.0]
        assert store.scan("bars")["close"].unique().to_list() == [5.0] and store.verify(full=True) == 6


@pytest.mark.parametrize("cut", ["fenced", "_make", "settle", "_note", "drop"])
def test_a_renewal_that_was_cut_off_is_taken_up_again(dataset: Callable[[], QuestAddress], cut: str) -> None:
    address = dataset()
    quest = Quest(address)
    blocks, wire = quest._blocks, quest._wire
    store = Store(quest, time.time_ns)
    for close in (1.0, 2.0, 3.0):
        store.write("bars", bars(close), source=str(close))
    version = store.version()

    def refuse(*given: object) -> None:
        if cut in ("fenced", "_make", "settle") or "put" in given or "DROP" in str(given[0]):
            raise StoreError("cut off")
        real(*given)

    owner = {"fenced": quest, "_make": blocks, "settle": wire, "_note": blocks, "drop": wire}[cut]
    name = {"fenced": "_fenced", "drop": "execute"}.get(cut, cut)
    real = getattr(owner, name)
    setattr(owner, name, refuse)
    with pytest.raises(StoreError, match="cut off"):
        store.collect()
    with Store.open(str(address)) as other:
        assert other.version() == version and other.verify(full=True) == 3
        assert other.scan("bars")["close"].unique().to_list() == [3.0]
        other.collect()
        assert tables(address) == [f"{address.name}_bars_2"] and other.verify(full=True) == 3
        assert said(address, f"SELECT count() FROM {address.name}_bars_2") == [(60,)]
    store.close()


def test_readers_read_on_while_rows_move(dataset: Callable[[], QuestAddress]) -> None:
    address = dataset()
    over, failures, read = threading.Event(), [], []

    def reading() -> None:
        try:
            with Store.open(str(address)) as store:
                while not over.is_set() or not read:
                    found = store.scan("trades", ["A"])
                    read.append(found["ts"].to_list() == list(range(50)))
        except StoreError as error:
            failures.append(error)

    with Store.open(str(address)) as store:
        store.write("trades", pl.DataFrame({"symbol": "A", "ts": range(50), "price": 1.0, "size": 1.0}), source="a")
        threads = [threading.Thread(target=reading) for _ in range(3)]
        for thread in threads:
            thread.start()
        for close in range(1, 5):
            store.write("trades", pl.DataFrame({"symbol": "B", "ts": range(50), "price": float(close), "size": 1.0}), source="b")
            quest = store._backend
            assert isinstance(quest, Quest)
            quest._blocks._left[quest._blocks._table("trades")] += 1000
            store.collect()
        over.set()
        for thread in threads:
            thread.join()
        assert tables(address) == [f"{address.name}_trades_5"]
    assert failures == [] and all(read)


def test_a_writer_whose_table_was_dropped_is_refused_and_one_that_comes_later_is_not(dataset: Callable[[], QuestAddress]) -> None:
    address = dataset()
    slow, quick = Quest(address), Quest(address)
    put, told = slow.put, []
    slow.exclusive = nullcontext  # type: ignore[method-assign, assignment]

    def collected_meanwhile(*given: object) -> list[str]:
        names = put(*given)  # type: ignore[arg-type]
        with Store(quick, time.time_ns) as store:
            told.append(store.collect().blocks)
        return names

    with Store(slow, time.time_ns) as store:
        for close in (1.0, 2.0, 3.0):
            store.write("bars", bars(close), source=str(close))
        slow.put = collected_meanwhile  # type: ignore[method-assign, assignment]
        with pytest.raises(StoreError, match="another writer took over"):
            store.write("bars", bars(4.0), source="slow")
        assert len(told) == 1 and told[0] >= 6 and store.scan("bars")["close"].unique().to_list() == [3.0]
        slow.put = put  # type: ignore[method-assign]
        store.write("bars", bars(5.0), source="again")
        assert store.scan("bars")["close"].unique().to_list() == [5.0] and store.verify(full=True) >= 3


def test_a_writer_that_stands_still_is_overtaken_and_one_that_goes_on_is_waited_for(dataset: Callable[[], QuestAddress]) -> None:
    address = dataset()
    holder, other = Quest(address), Quest(address, patience=0.4)
    with Store(other, time.time_ns) as store, holder.exclusive():
        began = time.monotonic()
        store.write("bars", bars(1.0), source="overtaker")
        assert time.monotonic() - began > 0.4
    over = threading.Event()

    def work() -> None:
        with holder.exclusive():
            for _ in range(12):
                time.sleep(0.1)
                holder._alive()
            over.set()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)
    with Quest(address, patience=0.4).exclusive():
        assert over.is_set(), "it made progress, so it was waited for"
    thread.join()
    holder.close()
