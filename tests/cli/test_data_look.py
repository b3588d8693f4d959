"""data list (list_datasets) and coverage: what is told of a store, that looking makes none, and how a wrong request is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.clock import DAY, MINUTE
from tickcast.schema import CONTEXT, TABLES
from tickcast.store import Store

FIRST = 19_783  # 2024-03-01


def trades(symbol: str, days: tuple[int, ...]) -> pl.DataFrame:
    """Two trades on each of the days."""
    ts = [(FIRST + day) * DAY + at * MINUTE for day in days for at in (1, 2)]
    return pl.DataFrame({"symbol": symbol, "ts": ts, "price": 1.5, "size": 2.0})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "store") as kept:
        kept.write("trades", pl.concat([trades("A", (0, 3, 31)), trades("[b]", (1,))]), source="made up")
    return tmp_path / "store"


def answer(words: list[str], capsys: pytest.CaptureFixture[str]) -> object:
    assert execute(["data", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert execute(["data", *words]) == 0
    return capsys.readouterr().out


def test_the_list_names_tables_and_symbols(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(["list", "--store", str(store)], capsys)
    assert isinstance(found, dict) and len(found["version"]) == 64
    a, b = found["datasets"]
    assert (a["table"], a["symbol"], a["days"], a["rows"]) == ("trades", "A", 3, 6)
    assert (a["first_day"], a["last_day"]) == ("2024-03-01", "2024-04-01")
    assert (b["symbol"], b["rows"], b["first_ts"]) == ("[b]", 2, (FIRST + 1) * DAY + MINUTE)
    text = told(["list", "--store", str(store)], capsys)
    assert "[b]" in text and "2024-04-01" in text
    assert "nothing stored is called 'zz'" in told(["list", "--search", "zz", "--store", str(store)], capsys)


def test_the_calendar_marks_the_stored_days(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(["coverage", "trades", "--symbol", "A", "--store", str(store)], capsys).splitlines()
    assert lines[:3] == ["trades A  3 stored", f"  2024-03 ■··■{'·' * 27} 2", f"  2024-04 ■{'·' * 29}  1"]
    found = answer(["coverage", "--store", str(store)], capsys)
    assert isinstance(found, list) and [(each["symbol"], len(each["days"])) for each in found] == [("A", 3), ("[b]", 1)]
    assert found[1]["days"] == [{"day": "2024-03-02", "state": "stored", "rows": 2, "quarantined": 0}]
    assert told(["coverage", "bars", "--store", str(store)], capsys) == "no stored day\n"


def test_the_columns_of_tables_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["columns"], capsys) == {name: list(table.names) for name, table in TABLES.items()}
    for name, table in TABLES.items():
        found = answer(["columns", name], capsys)
        assert isinstance(found, dict) and found["identity"] == list(table.identity)
        assert [each["column"] for each in found["columns"]] == [*table.names, *(column.name for column in CONTEXT)]
        text = told(["columns", name], capsys)
        assert all(column.name in text and column.unit in text for column in table.columns)
    assert execute(["data", "columns", "quotes"]) == 1
    assert "no table 'quotes'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--symbol", "Z"], ["--table", "bars"], ["--table", "trades", "--symbol", "Z"]])
def test_an_audit_of_what_is_not_stored_is_no_clean_bill(words: list[str], store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["data", "audit", *words, "--store", str(store)]) == 1
    assert f"holds nothing of {' and '.join(words[1::2])}. See what is stored" in capsys.readouterr().err


def test_what_tells_of_the_data_has_no_days_of_its_own(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The days on which a contract was told are no coverage, and between them none is missing."""
    with Store.open(store) as kept:
        kept.write("contracts", pl.DataFrame({"symbol": "A", "ts": [FIRST * DAY, (FIRST + 9) * DAY]}), source="made up")
    words = ["coverage", "--calendar", "24/7", "--store", str(store)]
    assert "contracts" not in told(words, capsys)
    named = told([*words[:1], "contracts", *words[1:]], capsys)
    assert "contracts A  2 stored\n" in named and "missing" not in named


@pytest.mark.parametrize("command", ["list", "coverage"])
def test_looking_makes_no_store(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["data", command, "--store", str(tmp_path / "no")]) == 1
    assert "holds no store" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_table_that_is_none(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["data", "coverage", "trade", "--store", str(store)]) == 1
    assert "no table 'trade'" in capsys.readouterr().err
