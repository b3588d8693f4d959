"""SQL over a store: honest questions are answered, hostile ones reach nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tickcast.errors import ConfigError, QueryError
from tickcast.query import Limits, query
from tickcast.query.kinds import distinct
from tickcast.query.statement import Refused, admitted
from tickcast.store import Store

HOSTILE = Path(__file__).with_name("hostile.sql").read_text(encoding="utf-8").splitlines()[1:]
REACHING = [line for line in HOSTILE if line.startswith(("SELECT * FROM read", "ATTACH", "INSTALL", "SET", "COPY (", "SELECT * FROM '"))]
MINUTE = 60 * 10**9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    kept = Store.open(tmp_path_factory.mktemp("store"))
    at = pl.int_range(1, 201, dtype=pl.Int64, eager=True)
    for symbol in ("A", "B"):
        prices = {"price": 100.0 + at % 5, "size": (at % 3 + 1).cast(pl.Float64), "ts": at * MINUTE}
        kept.write("trades", pl.DataFrame({"symbol": [symbol] * 200, **prices}), source="made")
    return kept


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT symbol, count(*), sum(size) FROM trades GROUP BY symbol ORDER BY 1", [("A", 200, 401.0), ("B", 200, 401.0)]),
        ("WITH t AS (SELECT price p FROM trades WHERE symbol = 'A') SELECT max(p), min(p) FROM t", [(104.0, 100.0)]),
        ("SELECT a.symbol FROM trades a JOIN trades b USING (symbol, ts) WHERE a.ts = 60000000000 ORDER BY 1", [("A",), ("B",)]),
        ("SELECT \"table\", symbol, rows FROM coverage ORDER BY symbol", [("trades", "A", 200), ("trades", "B", 200)]),
        ("SELECT count(*) FROM trades", [(400,)]),
        ("SELECT count(*) FROM bars", [(0,)]),
        ("SELECT CAST(utc(ts) AS VARCHAR) FROM trades LIMIT 1", [("1970-01-01 00:01:00",)]),
        ("SELECT t.n, 2 * t.n FROM range(2) t(n)", [(0, 0), (1, 2)]),
        ("SELECT 1 AS a, 2 AS a, 3 AS a_2", [(1, 2, 3)]),
        ("SELECT price - lag(price) OVER (ORDER BY ts) d FROM trades WHERE symbol = 'A' ORDER BY ts LIMIT 2", [(None,), (1.0,)]),
    ],
)  # fmt: skip
def test_honest_questions_are_answered(store: Store, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert query(store, sql).frame.rows() == rows


def test_all_columns_are_those_of_the_store(store: Store) -> None:
    found = query(store, "SELECT * FROM trades ORDER BY symbol, ts").frame
    kept = store.scan("trades").sort("symbol", "ts")
    assert found.select(kept.columns).equals(kept)


def test_symbols_times_and_the_row_limit_narrow_what_is_seen(store: Store) -> None:
    assert query(store, "SELECT count(*) FROM trades", symbols=["A"], start=11 * MINUTE, end=21 * MINUTE).frame.item() == 10
    cut = query(store, "SELECT ts FROM trades ORDER BY ts", limits=Limits(rows=7))
    assert (len(cut.frame), cut.cut) == (7, True)
    assert not query(store, "SELECT ts FROM trades", limits=Limits(rows=400)).cut


@pytest.mark.parametrize("sql", HOSTILE)
def test_the_hostile_are_refused(tmp_path: Path, sql: str) -> None:
    """By the first wall alone, before any row is sent."""
    (tmp_path / "secret.csv").write_text("secret\n")
    spelled = sql.replace("NEWLINE", "\n").replace("FOLDER", str(tmp_path))
    for quote in ("'", '"'):
        spelled = spelled.replace(f"{quote}SECRET{quote}", f"{quote}{tmp_path}/secret.csv{quote}")
    tables = {"trades": ["ts", "price", "size", "symbol"], "coverage": ["table", "rows"]}
    with pytest.raises(Refused):
        admitted(duckdb.connect(), spelled, tables)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_no_function_that_gives_a_table_is_admitted_but_three() -> None:
    """Whatever the release of DuckDB brings: the list is its own."""
    connection = duckdb.connect()
    text = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro', 'pragma')"
    names = [name for (name,) in connection.execute(text).fetchall()]
    admits = []
    for name in names:
        try:
            admitted(connection, f'SELECT * FROM "{name}"(1)', {})
        except Refused:
            continue
        admits.append(name)
    assert sorted(admits) == ["generate_series", "range", "unnest"]
    assert len(names) > 90


@pytest.mark.parametrize("sql", REACHING)
def test_the_second_wall_holds_without_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """The statement reaches a database as the worker leaves it; nothing is read, written or changed."""
    from tickcast.query import worker

    monkeypatch.setattr(worker.resource, "setrlimit", lambda *limits: None)  # the test's own process goes on
    (tmp_path / "SECRET").write_text("secret\n")
    asked = {"threads": 1, "memory": 512, "seconds": 5, "spill": str(tmp_path / "spill")}
    connection = worker._locked_out(asked)
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    with pytest.raises(duckdb.Error):
        connection.execute(sql.replace("FOLDER", str(tmp_path)).replace("'SECRET'", f"'{tmp_path}/SECRET'")).fetchall()
    assert {path.name for path in tmp_path.iterdir()} <= {"SECRET", "spill"}


@pytest.mark.parametrize(
    ("sql", "limits", "message"),
    [
        ("SELECT count(*) FROM range(100000000000) a(x), range(1000) b(y) WHERE x * y % 7 = 3", Limits(seconds=2), "stopped after 2 s"),
        ("SELECT list(x) FROM range(200000000) t(x)", Limits(memory=64), "needs more than 64 MiB"),
        ("SELECT repeat('x', 2000000000)", Limits(memory=64), "needs more than 64 MiB|ended with code"),
        ("SELECT nonsense FROM trades", Limits(), "nonsense"),
        ("SELECT pric FROM trades", Limits(), r"not found in FROM clause\. Mend it: tickcast data columns TABLE"),
        ("SELECT summ(price) FROM trades", Limits(), 'did you mean "sum"'),
        ("SELEKT 1", Limits(), "syntax error"),
    ],
)
def test_a_greedy_or_broken_question_is_one_line(store: Store, sql: str, limits: Limits, message: str) -> None:
    with pytest.raises(QueryError, match=message) as told:
        query(store, sql, limits=limits)
    assert "\n" not in str(told.value)


def test_the_process_sees_nothing_of_ours(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABENTO_API_KEY", "db-secret")
    before = set(Path("/proc/self/fd").iterdir())
    for sql in ("SELECT * FROM '/proc/self/environ'", "SELECT count(*) FROM trades"):
        try:
            assert query(store, sql).frame.item() == 400
        except QueryError as error:
            assert "db-secret" not in str(error)
    assert len(set(Path("/proc/self/fd").iterdir()) - before) <= 1  # no pipe is left open


def test_limits_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="field rows"):
        Limits(rows=0)
    with pytest.raises(ConfigError, match="field seconds"):
        Limits(seconds=float("nan"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("INTERVAL 1 DAY", "1 day"),
        ("union_value(a := 1)", "1"),
        ("MAP {'a': 1}", "{a=1}"),
        ("'101'::BIT", "101"),
        ("'ab'::BLOB", "ab"),
        ("TIMETZ '12:00:00+02'", "12:00:00+02"),
        ("[INTERVAL 1 DAY]", "[1 day]"),
        ("[DATE 'infinity']", "[infinity]"),
        ("5::BIGNUM", "5"),
        ("[1, 2]", [1, 2]),
        ("{'a': 1.5::DOUBLE}", {"a": 1.5}),
        ("TIMESTAMP '2024-01-02 03:04:05'", datetime(2024, 1, 2, 3, 4, 5)),
        ("sum(x) FROM range(3) t(x)", 3),
    ],
)
def test_a_kind_that_frames_lack_comes_as_text(store: Store, asked: str, told: object) -> None:
    assert query(store, f"SELECT {asked}").frame.rows() == [(told,)]


@pytest.mark.parametrize(
    "asked",
    ["TIMESTAMP '200000-01-01'", "TIMESTAMP 'infinity'", "DATE '20000-01-01'", "DATE '0044-01-01 (BC)'", "TIME '24:00:00'", f"{10**38}"],
)
def test_a_value_beyond_what_frames_hold_names_its_column(store: Store, asked: str) -> None:
    with pytest.raises(QueryError, match="column it's holds .* cast it to VARCHAR"):
        query(store, f'SELECT {asked} AS "it\'s"')
    assert query(store, f"SELECT ({asked})::VARCHAR").frame.height == 1


def test_an_answer_is_whole_or_an_error(store: Store) -> None:
    """Also where the database fails after its first rows were sent."""
    with pytest.raises(QueryError, match="late"):
        query(store, "SELECT if(x < 300000, x, error('late')) FROM range(1000000) t(x)", limits=Limits(rows=10**6))
    with pytest.raises(QueryError, match="the answer is larger than 64 MiB"):
        query(store, "SELECT repeat('a', 100) FROM range(1000000)", limits=Limits(rows=10**6, memory=64))


def test_a_long_answer_is_cut_before_it_is_made(store: Store) -> None:
    found = query(store, "SELECT * FROM range(100000000000)", limits=Limits(rows=3, memory=64))
    assert (found.frame.to_series().to_list(), found.cut) == ([0, 1, 2], True)


@pytest.mark.parametrize("sql", ["SELECT trades FROM trades", "SELECT t FROM trades t", "SELECT unnest(trades) FROM trades"])
def test_a_table_where_a_column_stands_is_refused(store: Store, sql: str) -> None:
    with pytest.raises(QueryError, match=r"stands for whole rows; name columns, or write .*\.\*"):
        query(store, sql)
    assert query(store, "SELECT count(*) t FROM trades t ORDER BY t").frame.item() == 400


def test_names_of_columns_are_distinct() -> None:
    names = ["a", "a_2", "a", 'quo"ted', "a"]
    assert distinct(names) == ["a", "a_2", "a_3", 'quo"ted', "a_4"]
    assert distinct(distinct(names)) == distinct(names)
