"""Databases as sources: SQLite always, PostgreSQL where its server is on the machine."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tickcast.cleaning import Rules, Screen
from tickcast.clock import DAY
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import CONTRACTS, TRADES
from tickcast.sources.sql import SqlTable

COLUMNS = {"ts": "at", "price": "px", "size": "qty", "symbol": "ticker"}
ROWS = [
    ("B", 1_600_000_001_000, 10.25, 3),
    ("A", 1_600_000_000_000, 5.5, 1),
    ("A", 1_600_000_001_000, 5.75, 2),
    ("A", 1_600_000_002_000, -1.0, 2),
]
CREATE = "CREATE TABLE stock_trades (ticker TEXT, at BIGINT, px DOUBLE PRECISION, qty INTEGER)"


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "ticks.db"
    with sqlite3.connect(path) as opened:
        opened.execute(CREATE)
        opened.executemany("INSERT INTO stock_trades VALUES (?, ?, ?, ?)", ROWS)
    return f"sqlite:///{path}"


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_rows_come_sorted_and_cleaned_however_they_are_batched(database: str, batch: int) -> None:
    source = SqlTable(database, relation="stock_trades", table="trades", columns=COLUMNS, unit="ms", batch=batch)
    chunks = list(source.history())
    assert pl.concat(chunk.frame for chunk in chunks).select("symbol", "ts", "price", "size", "sequence").rows() == [
        ("A", 1_600_000_000 * 10**9, 5.5, 1.0, 0),
        ("A", 1_600_000_001 * 10**9, 5.75, 2.0, 0),
        ("B", 1_600_000_001 * 10**9, 10.25, 3.0, 0),
    ]
    assert [reason for chunk in chunks for reason in chunk.quarantined["reason"]] == ["price_not_positive"]


def test_a_query_selects_and_a_range_cuts(database: str) -> None:
    asked = "SELECT at, px AS px, qty FROM stock_trades WHERE ticker = 'A';"
    columns = {name: column for name, column in COLUMNS.items() if name != "symbol"}
    source = SqlTable(database, query=asked, table="trades", columns=columns, symbol="A", unit="ms")
    assert pl.concat(chunk.frame for chunk in source.history(end=1_600_000_001 * 10**9))["price"].to_list() == [5.5]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_rows_are_numbered_on_through_the_batches_and_a_range_cuts_the_numbers_too(database: str, batch: int) -> None:
    source = SqlTable(database, relation="stock_trades", table="trades", columns=COLUMNS, unit="ms", batch=batch)
    chunks = list(source.history(start=1_600_000_001 * 10**9))
    assert [number for chunk in chunks for number in chunk.numbers] == [2, 3]
    assert [number for chunk in chunks for number in chunk.quarantined["row"]] == [4]
    late = [Screen(TRADES, Rules(symbols=frozenset("B"))).take(chunk).quarantined for chunk in chunks]
    assert sorted(number for held in late for number in held["row"]) == [2, 4]


def test_signals_that_tell_only_what_they_are_about_are_sorted_by_it(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cpi.db") as opened:
        opened.execute("CREATE TABLE cpi (observed BIGINT, value DOUBLE PRECISION)")
        opened.executemany("INSERT INTO cpi VALUES (?, ?)", [(1_600_000_001, 2.0), (1_600_000_000, 1.0)])
    words = {"columns": {"ts_event": "observed", "value": "value"}, "symbol": "cpi", "unit": "s", "layout": {"delay": "13d"}}
    source = SqlTable(f"sqlite:///{tmp_path / 'cpi.db'}", relation="cpi", table="signals", batch=1, **words)
    rows = pl.concat(chunk.frame for chunk in source.history())
    assert rows["value"].to_list() == [1.0, 2.0]
    assert (rows["ts"] - rows["ts_event"]).to_list() == [13 * DAY, 13 * DAY]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"relation": None, "query": "DELETE FROM stock_trades"}, "not one SELECT"),
        ({"relation": None, "query": "SELECT 1; DROP TABLE stock_trades"}, "not one SELECT"),
        ({"query": "SELECT 1"}, "Give one of the two"),
        ({"url": "nonsense"}, "cannot be read"),
        ({"url": "klingon://x"}, "klingon"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(database: str, changed: dict[str, str], message: str) -> None:
    words = {"url": database, "relation": "stock_trades", **changed}
    with pytest.raises(ConfigError, match=message):
        SqlTable(words.pop("url"), table="trades", columns=COLUMNS, unit="ms", **words)


def test_a_missing_relation_and_a_hidden_password(database: str) -> None:
    with pytest.raises(SourceError, match="no such table"):
        next(SqlTable(database, relation="trade", table="trades", columns=COLUMNS, unit="ms").history())


def test_a_password_is_taken_from_the_environment_and_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="a password stands in the url"):
        SqlTable("sqlite://reader:secret@/x.db", relation="t", table="trades", columns=COLUMNS, unit="ms")
    place = "mysql+pymysql://reader@127.0.0.1:9/market"
    with pytest.raises(ConfigError, match="the environment has no MARKET_PASSWORD"):
        SqlTable(place, relation="t", table="trades", columns=COLUMNS, unit="ms", password_env="MARKET_PASSWORD")
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    monkeypatch.setenv("MARKET_PASSWORD", "s3cret")
    place = "postgresql+psycopg://reader@127.0.0.1:9/market"
    source = SqlTable(place, relation="t", table="trades", columns=COLUMNS, unit="ms", password_env="MARKET_PASSWORD")
    with pytest.raises(SourceError) as told:
        next(source.history())
    assert "s3cret" not in f"{told.value} {source.place}"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server of its own on a free port of loopback, gone with the test."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    found = [path for path in (shutil.which("initdb"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))) if path]
    if not found:
        pytest.skip("no PostgreSQL server on this machine")
    who = {"user": "nobody"} if os.getuid() == 0 else {}  # the server refuses to run as root
    with tempfile.TemporaryDirectory(prefix="pg") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        data = Path(folder) / "data"
        Path(folder).chmod(0o777)
        subprocess.run([found[-1], "-D", data, "-U", "reader", "-A", "trust"], check=True, capture_output=True, cwd=folder, **who)
        control = [str(Path(found[-1]).with_name("pg_ctl")), "-D", str(data), "-w", "-l", f"{folder}/log"]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=folder, **who)
        try:
            yield f"postgresql+psycopg://reader@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder, **who)


def test_a_real_server_gives_the_same_rows(postgres: str, database: str) -> None:
    import sqlalchemy

    with sqlalchemy.create_engine(postgres).begin() as connection:
        connection.exec_driver_sql(CREATE)
        connection.exec_driver_sql("INSERT INTO stock_trades VALUES " + ", ".join(map(str, ROWS)))
    both = [
        pl.concat(chunk.frame for chunk in SqlTable(url, relation=name, table="trades", columns=COLUMNS, unit="ms", batch=2).history())
        for url, name in ((database, "stock_trades"), (postgres, "public.stock_trades"))
    ]
    assert both[0].equals(both[1])
    assert len(both[0]) == 3


def test_contracts_are_the_mapped_rows_and_none_where_the_relation_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "contracts.db"
    columns = {"symbol": "ticker", "ts": "at", "expiry": "ends"}
    source = SqlTable(f"sqlite:///{path}", table="contracts", columns=columns, relation="listed", unit="ms")
    with sqlite3.connect(path) as opened:
        opened.execute("CREATE TABLE listed (ticker TEXT, at BIGINT, ends BIGINT)")
    assert source.contracts().equals(CONTRACTS.empty())
    with sqlite3.connect(path) as opened:
        opened.executemany("INSERT INTO listed VALUES (?, ?, ?)", [("B", 2_000_000_000_000, 7), ("A", 2_000_000_000_000, 5)])
    assert source.contracts()["symbol"].to_list() == ["A", "B"]
