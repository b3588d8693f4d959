"""data quarantine: rows set aside are counted by reason, and shown as they were read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.cleaning import clean, quarantine_rows
from tickcast.cli import execute
from tickcast.clock import SECOND
from tickcast.schema import TRADES
from tickcast.store import Store

T = 1_700_000_000 * SECOND


@pytest.fixture
def where(tmp_path: Path) -> list[str]:
    frame = pl.DataFrame({"symbol": "ES", "ts": T, "price": [1.0, float("nan"), -7.5, 1e18, float("nan")], "size": 1.0})
    with Store.open(tmp_path / "store") as store:
        store.write("quarantine", quarantine_rows(clean(frame, TRADES), TRADES, source="a.csv"), source="made up")
    return ["--store", str(tmp_path / "store")]


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert execute(["data", "quarantine", *words]) == 0
    return capsys.readouterr().out


def test_reasons_are_counted_and_explained(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told([*where, "--json"], capsys))
    assert found["rows"] == 4
    assert {one["reason"]: one["rows"] for one in found["reasons"]} == {
        "price_implausible": 1,
        "price_not_finite": 2,
        "price_not_positive": 1,
    }
    assert all(one["meaning"].startswith("price: ") for one in found["reasons"])
    assert "price: NaN or an infinity" in told(where, capsys)


def test_rows_are_shown_as_they_were_read(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(["trades", "--reason", "price_not_positive", "--rows", "9", *where, "--json"], capsys))
    assert found["rows"] == 1
    assert (found["shown"][0]["source"], found["shown"][0]["file_row"], found["shown"][0]["original"]["price"]) == ("a.csv", 3, "-7.5")
    assert found["shown"][0]["time"] == "2023-11-14 22:13:20 UTC"
    assert "2023-11-14 22:13:20 UTC" in told(["--rows", "9", *where], capsys)
    assert "1e+18" in told(["--rows", "9", "--day", "2023-11-14", *where], capsys)
    assert "no row was set aside" in told(["--symbol", "NQ", *where], capsys)
    assert "no row was set aside" in told(["bars", "--rows", "9", *where], capsys)
