"""The log in a server's table, the connections below it, the blocks beside it."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest

from tickcast.errors import StoreError
from tickcast.store.base import Block
from tickcast.store.quest_blocks import QuestBlocks
from tickcast.store.quest_log import Entry, QuestLog
from tickcast.store.quest_server import QuestServer
from tickcast.store.quest_wire import QuestWire


@pytest.fixture
def wire(questdb: QuestServer) -> Iterator[QuestWire]:
    connected = QuestWire(questdb.address("log"), patience=10.0)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def fresh_table() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"log_{next(numbers)}"


def test_all_readers_see_the_same_documents_in_the_same_order_once(wire: QuestWire, fresh_table: Callable[[], str]) -> None:
    table = fresh_table()
    one, other = QuestLog(wire, table), QuestLog(wire, table)
    noise = np.random.default_rng(1).integers(33, 127, 900_000, dtype=np.uint8).tobytes().decode()
    given = [Entry(1, "a", "short"), Entry(1, "b", noise), Entry(2, "c", "é\n\0" * 3)]
    for log, entry in zip((one, other, one), given, strict=True):
        log.append(entry.number, entry.token, entry.document)
    assert one.fresh() == other.fresh() == given, "a long document comes whole"
    assert one.fresh() == []
    for number in range(600):
        other.append(number, "d", str(number))
    assert [entry.document for entry in one.fresh()] == [str(number) for number in range(600)]


def test_rows_are_inserted_all_or_none(wire: QuestWire, fresh_table: Callable[[], str]) -> None:
    table = fresh_table()
    wire.execute(f"CREATE TABLE {table} (n LONG, t VARCHAR)")
    with pytest.raises(StoreError, match="refuses"):
        wire.insert(f"INSERT INTO {table} VALUES (%s, %s)", [(1, "a"), ("x", "b")])
    assert wire.rows(f"SELECT count() FROM {table}") == [(0,)]
    wire.insert(f"INSERT INTO {table} VALUES (%s, %s)", [(1, "a"), (2, "b")])
    assert wire.rows(f"SELECT n, t FROM {table}") == [(1, "a"), (2, "b")]


def test_failures_name_the_address_and_the_statement_is_refused(wire: QuestWire) -> None:
    with pytest.raises(StoreError, match=r"questdb://127.0.0.1:\d+/log.*refuses: table does not exist"):
        wire.rows("SELECT * FROM no_such_table")
    with pytest.raises(StoreError, match="no table with a log of its own"):
        wire.settle(["no_such_table"])


def test_a_lost_connection_is_mended_by_the_next_question(wire: QuestWire) -> None:
    for _ in range(2):
        with socket.socket(fileno=os.dup(wire._connection.fileno())) as cut:
            cut.shutdown(socket.SHUT_RDWR)
        assert wire.rows("SELECT 1") == [(1,)]
    with socket.socket(fileno=os.dup(wire._connection.fileno())) as cut:
        cut.shutdown(socket.SHUT_RDWR)
    with pytest.raises(StoreError, match="no answer"):
        wire.insert("INSERT INTO no_such_table VALUES (%s)", [(1,)])
    assert wire.rows("SELECT 1") == [(1,)], "a statement is not repeated by itself, a question is"


def test_rows_that_are_none_of_the_table_are_refused_whole(wire: QuestWire, fresh_table: Callable[[], str]) -> None:
    table = fresh_table()
    wire.execute(f"CREATE TABLE {table} (ts TIMESTAMP_NS, n LONG) TIMESTAMP(ts) PARTITION BY DAY WAL")
    rows = pl.DataFrame({"ts": pl.Series([1, 2]).cast(pl.Datetime("ns")), "n": ["a", "b"]})
    with pytest.raises(StoreError, match="rows were not taken.*Correct the rows"):
        wire.send(table, rows, [])
    wire.send(table, rows.with_columns(n=pl.Series([1, 2])), [])
    wire.settle([table])
    assert wire.rows(f"SELECT n FROM {table}") == [(1,), (2,)]
    assert wire.suspended(table) is None


def test_blocks_are_known_to_every_client_until_they_are_dropped(wire: QuestWire) -> None:
    tokens = itertools.count()
    one, other = (QuestBlocks(wire, "shared", lambda: str(next(tokens))) for _ in range(2))
    block = Block("signals", "A", 0, pl.DataFrame({"name": ["A", "A"], "ts": [1, 2], "value": [0.5, None]}))
    computed = Block("nq24@1", "A", 0, pl.DataFrame({"x": [1.5, float("nan")]}))
    names = one.put([block, computed], 2)
    assert set(other.names()) == set(names)
    assert other.get(names[0]).equals(block.rows)
    other.drop([names[0]])
    assert not one.holds(names[0]) or set(one.names()) == {names[1]}
    assert set(one.names()) == {names[1]} and not one.holds(names[0])
    with pytest.raises(StoreError, match=f"block {names[0]} is not there"):
        one.get(names[0])
