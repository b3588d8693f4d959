"""`tickcast data sql` at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.store import Store


@pytest.fixture
def store(tmp_path: Path) -> str:
    with Store.open(tmp_path / "store") as kept:
        rows = {"ts": [86_400 * 10**9 * day for day in (1, 2, 3)], "price": [1.5, 2.5, 3.5], "size": [1.0] * 3}
        kept.write("trades", pl.DataFrame({"symbol": ["A"] * 3, **rows}), source="made")
    return str(tmp_path / "store")


def test_answers_as_table_json_and_file(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "SELECT utc(ts) AS at, price, 0.0 / 0.0 AS nothing FROM trades ORDER BY ts"
    assert execute(["data", "sql", asked, "--store", store, "--from", "1970-01-03", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["rows"] == [
        {"at": "1970-01-03 00:00:00", "price": 2.5, "nothing": None},
        {"at": "1970-01-04 00:00:00", "price": 3.5, "nothing": None},
    ]
    assert execute(["data", "sql", asked, "--store", store, "--until", "1970-01-02"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["1970-01-02", "00:00:00", "1.5"]
    for ending, read in ((".parquet", pl.read_parquet), (".csv", pl.read_csv), (".json", pl.read_json)):
        assert execute(["data", "sql", asked, "--store", store, "--rows", "2", "--out", str(tmp_path / f"a{ending}")]) == 0
        assert len(read(tmp_path / f"a{ending}")) == 2
        assert "first 2 rows" in capsys.readouterr().err


def test_what_is_refused_is_one_line(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["DROP TABLE trades"], ["SELECT 1", "--out", "a.xls"], ["SELECT 1", "--from", "yesterday"]):
        assert execute(["data", "sql", *words, "--store", store]) == 2
        told = capsys.readouterr()
        assert told.out == "" and len(told.err.strip().splitlines()) == 1


def test_lists_are_values_in_json_and_refused_in_csv(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["data", "sql", "SELECT list(price ORDER BY ts) AS prices, sum(1) AS n FROM trades", "--store", store]
    assert execute([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [{"prices": [1.5, 2.5, 3.5], "n": 3}]
    assert execute([*asked, "--out", str(tmp_path / "a.csv")]) == 2
    assert "column prices holds lists" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()
