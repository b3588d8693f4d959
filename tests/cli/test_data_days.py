"""data coverage, verify, fill and update as commands: what is drawn, told as JSON, and which exit code says that something is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.cli.data_range import days_meant
from tickcast.clock import DAY, MINUTE
from tickcast.config import DataConfig
from tickcast.errors import ConfigError
from tickcast.store import Store
from tickcast.upkeep import family

FIRST = 19_783  # Friday, 2024-03-01


def trades(symbol: str, days: tuple[int, ...]) -> pl.DataFrame:
    ts = [(FIRST + day) * DAY + 900 * MINUTE + at for day in days for at in (1, 2)]
    return pl.DataFrame({"symbol": symbol, "ts": ts, "price": 1.5, "size": 2.0})


@pytest.fixture
def store(tmp_path: Path) -> str:
    with Store.open(tmp_path / "store") as kept:
        kept.write("trades", trades("A", (0, 3, 4, 33)), source="made up")
        kept.empty.note("trades", "A", [FIRST + 5], source="calendar", word="calendar")
        kept.empty.note("trades", "A", [FIRST + 6], source="provider")
    return str(tmp_path / "store")


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Three simulated days, from Wednesday 2020-01-01 on, of which five are wanted."""
    path = tmp_path / "data.yaml"
    path.write_text(
        "data: {source: simulated, symbol: SIM, table: bars, calendar: 24/7, start: 2020-01-01, end: 2020-01-05,"
        " options: {days: 3, interval: 60m}}\n"
    )
    return str(path)


def answer(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    assert execute(["data", *words, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_calendar_marks_every_state(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["data", "coverage", "trades", "--calendar", "NYSE", "--store", store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("trades A  4 stored, 1 no data, 1 unsettled, 17 missing")
    assert lines[1] == "  2024-03 ■··■■□?×··×××××··×××××··××××··· 3"
    assert lines[2].startswith("  2024-04 ××■···") and lines[2].endswith(" 1")
    assert "■ stored" in lines[3] and "× missing" in lines[3] and "! unexpected" not in lines[3]


def test_days_with_rows_in_quarantine_are_marked(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    aside = {"symbol": "A", "ts": [FIRST * DAY + 5], "table": "trades", "source": "x.csv", "file_row": 3, "reason": "bad", "original": "{}"}
    with Store.open(store) as kept:
        kept.write("quarantine", pl.DataFrame(aside), source="x.csv")
    (found,) = answer(["coverage", "trades", "--store", store], capsys)
    assert [each["quarantined"] for each in found["days"]] == [1, 0, 0, 0, 0, 0]
    assert execute(["data", "coverage", "trades", "--store", store]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("  2024-03 ◪··■■") and "◪ some rows in quarantine" in out


def test_coverage_in_json_without_a_calendar(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answer(["coverage", "--store", store, "--until", "2024-03-31"], capsys)
    assert [(each["day"], each["state"], each["rows"]) for each in found["days"]] == [
        ("2024-03-01", "stored", 2),
        ("2024-03-04", "stored", 2),
        ("2024-03-05", "stored", 2),
        ("2024-03-06", "no data", 0),
        ("2024-03-07", "unsettled", 0),
    ]


def test_a_dataset_is_filled_verified_and_updated(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path / "s")
    assert answer(["fill", config, "--store", store, "--until", "2020-01-02", "--dry-run"], capsys) == {
        "would_ask": ["2020-01-01", "2020-01-02"]
    }
    done = answer(["fill", config, "--store", store, "--until", "2020-01-02"], capsys)
    assert (done["asked"], done["stored"], done["rows"], done["unanswered"]) == (2, 2, 48, [])
    found = answer(["verify", config, "--store", store], capsys, code=1)
    (line,) = found["symbols"]
    assert not found["ok"] and (line["expected"], line["stored"]) == (5, 2)
    assert line["missing"] == ["2020-01-03", "2020-01-04", "2020-01-05"]
    done = answer(["update", config, "--store", store, "--until", "2020-01-04"], capsys)
    assert (done["asked"], done["stored"], done["unanswered"]) == (2, 1, ["2020-01-04"])
    assert answer(["verify", config, "--store", store, "--until", "2020-01-03", "--hashes"], capsys)["damaged"] == []
    (drawn,) = answer(["coverage", "--config", config, "--store", store], capsys)
    assert drawn["counts"] == {"stored": 3, "missing": 2}
    assert execute(["data", "fill", config, "--store", store, "--quiet"]) == 0
    assert "the source says nothing of 2 days, the first 2020-01-04" in capsys.readouterr().out


def test_damage_is_named_for_every_day(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "s"
    answer(["fill", config, "--store", str(store)], capsys)
    blocks = sorted((store / "days").rglob("*.parquet"))
    rows = [block for block in blocks if "close" in pl.read_parquet_schema(block)]  # not what is known of contracts
    for block in rows[:2]:
        content = bytearray(block.read_bytes())
        content[len(content) // 2] ^= 1
        block.write_bytes(content)
    until = ["--until", "2020-01-03", "--store", str(store)]
    assert answer(["verify", config, *until], capsys)["ok"], "the ledger alone does not see it"
    found = answer(["verify", config, *until, "--hashes"], capsys, code=1)
    assert len(found["damaged"]) == 2 and all("altered" in each["found"] for each in found["damaged"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fill", "DATA", "--from", "2024-3-1"], "is not a date"),
        (["fill", "DATA", "--from", "2020-02-01"], "the last day lies before the first"),
        (["verify", "nosuch.yaml"], "nosuch.yaml"),
        (["coverage", "trades", "--config", "DATA"], "--config names table"),
        (["coverage", "trades", "--calendar", "NYS"], "Did you mean NYSE"),
    ],
)
def test_a_wrong_request_is_told(words: list[str], told: str, config: str, store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["data", *[config if word == "DATA" else word for word in words], "--store", store]) == 2
    assert told in capsys.readouterr().err


def test_a_data_file_holds_a_data_section(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("data: {source: simulated, symbl: A}\n")
    with pytest.raises(ConfigError, match=r"data\.symbl: unknown key.*Did you mean 'symbol'"):
        DataConfig.load(path)
    path.write_text("source: simulated\n")
    with pytest.raises(ConfigError, match="no section data"):
        DataConfig.load(path)
    path.write_text("data: {source: simulated, symbol: A, start: 2024-03-02, end: 2024-03-01}\n")
    with pytest.raises(ConfigError, match="2024-03-01, lies before the first"):
        DataConfig.load(path)
    path.write_text("data: {source: simulated, symbol: A}\n")
    with Store.open(tmp_path / "s") as kept, pytest.raises(ConfigError, match="--from and --until"):
        data = DataConfig.load(path, ["data.table=trades"])
        days_meant(data, family(data, kept), kept, None, None, to=None)


def test_a_file_that_holds_nothing_but_data_is_ingested(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["ingest", config, "--store", str(tmp_path / "fresh"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] > 0
