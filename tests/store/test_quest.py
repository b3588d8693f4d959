"""What is QuestDB's own: exactness of values, order of changes, suspended tables, damage, doors left open."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.schema import BARS, CONTEXT, CONTRACTS, GAPS, OPTIONS, ORDERS, QUARANTINE, SIGNALS, TABLES, TRADES, Table
from tickcast.store import Store
from tickcast.store.base import Block
from tickcast.store.manifest import StoredDefinition
from tickcast.store.quest import Quest
from tickcast.store.quest_address import QuestAddress
from tickcast.store.quest_rows import digest, keepable
from tickcast.store.quest_server import QuestServer
from tickcast.store.records import Define, NoteEmpty


@pytest.fixture(scope="module")
def dataset(questdb: QuestServer) -> Callable[[], QuestAddress]:
    """Datasets that nobody has used."""
    numbers = itertools.count(1)
    return lambda: questdb.address(f"q{next(numbers)}")


@pytest.fixture
def quest(dataset: Callable[[], QuestAddress]) -> Iterator[Quest]:
    backend = Quest(dataset())
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def long_lived(dataset: Callable[[], QuestAddress]) -> Iterator[Quest]:
    backend = Quest(dataset())
    yield backend
    backend.close()


def said(address: QuestAddress, text: str) -> list[tuple[object, ...]]:
    """A statement of somebody else."""
    door = {"host": address.host, "port": address.pg, "user": address.user, "password": address.password, "dbname": "qdb"}
    with psycopg.connect(**door, autocommit=True) as connection:  # type: ignore[arg-type]
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


def trades(n: int, start: int = 0, symbol: str = "A") -> pl.DataFrame:
    return pl.DataFrame({"symbol": symbol, "ts": range(start, start + n), "price": [1.0 + i for i in range(n)], "size": 1.0})


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
TEXTS = PLAIN | st.sampled_from(["", " ", "a,b=c d", 'quo"te', "back\\slash", "line\nbreak", "é😀"])


def cells(column: object, wild: bool) -> st.SearchStrategy[object]:
    """Values of a column's type; only `wild` ones are beyond what a table of QuestDB keeps."""
    dtype, name = column.dtype, column.name  # type: ignore[attr-defined]
    if name == "ts":
        stamps = st.integers(0, 2**62) | st.integers(0, 3)
        return stamps | st.sampled_from([-1, -(2**63), 2**63 - 1]) if wild else stamps
    if dtype == pl.String:
        return TEXTS | st.just("a\0b") if wild else TEXTS
    if dtype == pl.Float64:
        return st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308])
    low = {pl.Int8: -(2**7), pl.Int32: -(2**31), pl.Int64: -(2**63)}[dtype]
    number = st.integers(low, -low - 1) | st.sampled_from([low, low + 1, -low - 1])
    return number if wild or dtype == pl.Int8 else number.filter(lambda value: value != low)


@st.composite
def blocks(draw: st.DrawFn, wild: bool) -> Block:
    """Rows of a table with any values and nulls, in any order."""
    table: Table = draw(st.sampled_from([TRADES, BARS, ORDERS, SIGNALS, OPTIONS, CONTRACTS, GAPS, QUARANTINE]))
    context = draw(st.sets(st.sampled_from(CONTEXT)))
    n = draw(st.integers(1, 6))
    shape = [*table.columns, *(column for column in CONTEXT if column in context)]
    columns = {}
    for column in shape:
        cell = cells(column, wild) if column.required else st.none() | cells(column, wild)
        columns[column.name] = pl.Series(draw(st.lists(cell, min_size=n, max_size=n)), dtype=column.dtype)
    return Block(table.name, "A", draw(st.integers(-5, 20_000)), pl.DataFrame(columns))


@pytest.mark.parametrize("wild", [False, True])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_a_block_holds_comes_back_to_the_last_bit(long_lived: Quest, wild: bool, data: st.DataObject) -> None:
    many = data.draw(st.lists(blocks(wild), min_size=1, max_size=6))
    assert wild or all(map(keepable, many)), "these lie in tables of their own"
    for name, block in zip(long_lived.put(many, 3), many, strict=True):
        found = long_lived.get(name, block.kind)
        assert found.schema == block.rows.schema
        assert found.equals(block.rows, null_equal=True)
        assert digest(found) == digest(block.rows), "signs of zero too"


def test_a_digest_tells_rows_apart_to_the_bit() -> None:
    base = pl.DataFrame({"x": [0.0, None, 1.0], "s": ["a", "b", None], "n": pl.Series([1, 0, None], dtype=pl.Int8)})
    others = [
        base.with_columns(x=pl.Series([-0.0, None, 1.0])),
        base.with_columns(x=pl.Series([0.0, 0.0, 1.0])),
        base.with_columns(s=pl.Series(["ab", "", None])),
        base.with_columns(s=pl.Series(["a", "b", ""])),
        base.with_columns(n=pl.col("n").cast(pl.Int16)),
        base.rename({"x": "y"}),
        base.select("s", "x", "n"),
        base.reverse(),
        base[:2],
    ]
    assert len({digest(frame) for frame in [base, *others]}) == len(others) + 1
    assert digest(base) == digest(base.clone())


def test_rows_that_sql_can_read_lie_in_a_table_of_their_own(quest: Quest, questdb: QuestServer) -> None:
    address = QuestAddress.parse(quest.place)
    with Store(quest, time.time_ns) as store:
        store.write("trades", trades(3, start=1_700_000_000_123_456_789), source="a")
        found = said(address, f"SELECT symbol, ts::LONG, price FROM {address.name}_trades ORDER BY ts")
        assert found == [("A", 1_700_000_000_123_456_789 + i, 1.0 + i) for i in range(3)]
        late = trades(2, start=1_700_000_001_000_000_000).with_columns(ts_event=pl.col("ts") - 1, side=pl.Series([1, None], dtype=pl.Int8))
        store.write("trades", late, source="b")
        found = said(address, f"SELECT ts_event::LONG, side FROM {address.name}_trades WHERE side = 1 OR ts_event IS NULL")
        assert sorted(found, key=str) == [(late["ts_event"][0], 1), *[(None, None)] * 3], "a column comes with the first row that fills it"
        types = dict(said(address, f"SELECT \"column\", type FROM table_columns('{address.name}_trades')"))
        assert (types["ts"], types["ts_event"], types["symbol"], types["side"]) == ("TIMESTAMP_NS", "TIMESTAMP_NS", "SYMBOL", "INT")
        keys = said(address, f"SELECT \"column\" FROM table_columns('{address.name}_trades') WHERE upsertKey")
        assert sorted(keys) == [("part",), ("place",), ("ts",)]


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_table_of_the_schema_is_kept_widened_and_moved(dataset: Callable[[], QuestAddress], tmp_path: Path, table: Table) -> None:
    """Whatever its columns are called: the column `table` is a word of SQL. The last rows bring all columns, an earlier row a new block."""
    made = {pl.String: "a", pl.Float64: 1.5}
    address = str(dataset())
    with Store.open(address) as store, Store.open(tmp_path) as folder:
        for at in (3, 2, 1, 0):
            filled = [column for column in table.columns if column.required or at < 3]
            row = {column.name: made.get(column.dtype, 1) for column in filled} | {"ts": 1_700_000_000_000_000_000 + at}
            frame = pl.DataFrame([row], schema={column.name: column.dtype for column in filled})
            for each in (store, folder):
                each.write(table.name, frame, source="made up")
        assert store.scan(table.name).equals(folder.scan(table.name)) and len(store.scan(table.name)) == 4
        store.collect()
        assert store.scan(table.name).equals(folder.scan(table.name))
        tables = {name for (name,) in said(QuestAddress.parse(address), "SELECT table_name FROM tables()")}
        assert f"{QuestAddress.parse(address).name}_{table.name}_2" in tables, "what was forgotten is freed in a fresh table"


def test_rows_before_1970_and_the_lowest_number_are_kept_too(quest: Quest) -> None:
    old = trades(3, start=-40 * 365 * DAY)
    assert not keepable(Block("trades", "A", -14600, old))
    with Store(quest, time.time_ns) as store:
        store.write("trades", old, source="a")
        store.write("trades", trades(1).with_columns(sequence=pl.lit(-(2**63))), source="b")
        assert store.scan("trades")["ts"].to_list() == [*old["ts"], 0]
        assert store.scan("trades")["sequence"][-1] == -(2**63)


def test_rows_sent_twice_are_one(quest: Quest) -> None:
    block = Block("trades", "A", 0, trades(50).select(pl.all()))
    rows = Store(quest, time.time_ns)
    rows.write("trades", block.rows, source="a")
    block = Block("trades", "A", 0, rows.scan("trades"))
    one, two = quest.put([block], 7), quest.put([block], 7)
    assert one == two and quest.get(one[0], "trades").equals(block.rows)


def test_eight_clients_at_once_lose_no_change_and_make_none_twice(dataset: Callable[[], QuestAddress]) -> None:
    address, each = dataset(), 12
    clients = [Quest(address) for _ in range(8)]
    failures: list[StoreError] = []

    def work(number: int) -> None:
        try:
            for i in range(each):
                clients[number].commit(NoteEmpty("trades", "A", (1,), "s", "answer", i))
                clients[number].commit(Define(StoredDefinition(f"d{number}", i + 1, "h", "{}", "{}", i)))
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for client in [*clients, Quest(address)]:
        assert client.ledger.query("SELECT answers FROM empties") == [(8 * each,)], "each change is made once"
        assert client.ledger.query("SELECT count(*), max(version) FROM definitions") == [(8 * each, each)]
        client.close()
    numbers = said(address, f"SELECT number FROM {address.name}_log ORDER BY number")
    assert {row[0] for row in numbers} == set(range(1, 16 * each + 1))


def test_eight_writers_of_one_symbol_write_each_row_once(dataset: Callable[[], QuestAddress]) -> None:
    address = dataset()
    failures: list[StoreError] = []

    def work(number: int) -> None:
        try:
            with Store(Quest(address), time.time_ns) as store:
                for i in range(3):
                    store.write("trades", trades(20, start=100 * (3 * number + i)), source="a")
                    store.write("trades", trades(5, start=0), source="all write these")
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Store(Quest(address), time.time_ns) as store:
        assert store.scan("trades")["ts"].to_list() == sorted(i for start in range(0, 2400, 100) for i in range(start, start + 20))
        assert store.verify(full=True) >= 1


def test_a_writer_that_was_overtaken_writes_nothing(dataset: Callable[[], QuestAddress]) -> None:
    address = dataset()
    slow, quick = Quest(address), Quest(address)
    stuck, go = threading.Event(), threading.Event()
    put = slow.put

    def stop_before_the_commit(*given: object) -> list[str]:
        names = put(*given)  # type: ignore[arg-type]
        stuck.set()
        assert go.wait(30)
        return names

    slow.put = stop_before_the_commit  # type: ignore[method-assign, assignment]
    slow.exclusive = nullcontext  # type: ignore[method-assign, assignment]
    refused: list[str] = []

    def zombie() -> None:
        with pytest.raises(StoreError, match="another writer took over") as failure, Store(slow, time.time_ns) as store:
            store.write("trades", trades(9, start=50), source="zombie")
        refused.append(str(failure.value))

    thread = threading.Thread(target=zombie)
    thread.start()
    assert stuck.wait(30)
    with Store(quick, time.time_ns) as store:
        store.write("trades", trades(3), source="quick")
        go.set()
        thread.join()
        assert len(refused) == 1 and address.name in refused[0]
        assert store.scan("trades")["ts"].to_list() == [0, 1, 2]


def test_a_suspended_table_is_told_with_its_reason_and_cure(quest: Quest) -> None:
    address = QuestAddress.parse(quest.place)
    table = f"{address.name}_trades"
    with Store(quest, time.time_ns) as store:
        store.write("trades", trades(3), source="a")
        said(address, f"ALTER TABLE {table} SUSPEND WAL WITH 28, 'no space left'")
        with pytest.raises(StoreError, match=f"{table} is suspended .*no space left.*ALTER TABLE {table} RESUME WAL"):
            store.write("trades", trades(3, start=10), source="b")
        assert store.scan("trades")["ts"].to_list() == [0, 1, 2], "what was committed is still read"
        said(address, f"ALTER TABLE {table} RESUME WAL")
        store.write("trades", trades(3, start=10), source="b")
        assert store.scan("trades")["ts"].to_list() == [0, 1, 2, 10, 11, 12]


@pytest.mark.parametrize(
    "change", ["SET price = price + 1e-9 WHERE place = 1", "SET place = 7 WHERE place = 1", "SET sequence = null WHERE place = 0"]
)
def test_rows_that_somebody_altered_in_the_server_are_not_read(quest: Quest, change: str) -> None:
    address = QuestAddress.parse(quest.place)
    with Store(quest, time.time_ns) as store:
        store.write("trades", trades(3), source="a")
        keys = "place" in change.split("SET ")[1].split(" ")[0]
        if keys:
            said(address, f"ALTER TABLE {address.name}_trades DEDUP DISABLE")
        said(address, f"UPDATE {address.name}_trades {change}")
        _until(lambda: _fails(store))
        with pytest.raises(StoreError, match=f"{address.name}_trades .*(altered|cannot be read)"):
            store.verify()


def test_rows_that_are_gone_from_the_server_are_missed(quest: Quest) -> None:
    address = QuestAddress.parse(quest.place)
    with Store(quest, time.time_ns) as store:
        store.write("trades", trades(3), source="a")
        said(address, f"TRUNCATE TABLE {address.name}_trades")
        _until(lambda: _fails(store))
        with pytest.raises(StoreError, match="has 0 of 3 rows"):
            store.scan("trades")


def test_a_damaged_log_is_named(quest: Quest) -> None:
    address = QuestAddress.parse(quest.place)
    quest.commit(NoteEmpty("trades", "A", (1,), "s", "answer", 1))
    said(address, f"INSERT INTO {address.name}_log VALUES (2, 'x', 0, 1, 'not base64!')")
    with pytest.raises(StoreError, match=f"{address.name}_log is damaged"):
        _ = quest.ledger


def test_a_server_that_is_gone_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    (tmp_path / "password").chmod(0o600)
    where = f"questdb://127.0.0.1:9/main?http=9&password={tmp_path}/password"
    with pytest.raises(StoreError, match=r"questdb://127.0.0.1:9/main.* no answer .*make questdb"):
        Store.open(where)


def test_the_password_must_be_the_servers(questdb: QuestServer) -> None:
    address = questdb.address("a")
    with pytest.raises(StoreError, match="no answer|refuses") as failure:
        Quest(QuestAddress("a", address.pg, address.http, address.user, "another"))
    assert "another" not in str(failure.value).replace("another port", "")


def _fails(store: Store) -> bool:
    try:
        store.scan("trades")
    except StoreError:
        return True
    return False


def _until(holds: Callable[[], bool]) -> None:
    """A statement of somebody else is applied a moment later."""
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
