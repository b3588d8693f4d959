"""`tickcast data copy` at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.clock import DAY
from tickcast.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rows = pl.DataFrame({"symbol": ["A", "B"], "ts": [DAY, 2 * DAY], "price": 1.5, "size": 2.0})
    with Store.open(tmp_path / "store") as kept:
        kept.write("trades", rows, source="made up")
    return tmp_path / "store"


def test_a_copy_says_what_it_did_and_that_both_are_equal(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "target"
    assert execute(["data", "copy", str(store), str(target), "--json", "--read-back"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["days"], found["rows"], found["there"], found["read_back"], found["equal"]) == (2, 2, 0, 2, True)
    assert found["version"] == found["target_version"]
    assert execute(["data", "copy", str(store), str(target)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith("0 days (0 rows) copied, 2 were there")
    assert f"version {found['version']}\n" in told.out and "copy: copied 100%" in told.err
    assert execute(["data", "copy", str(store), str(tmp_path / "part"), "--symbol", "A", "--table", "trades", "--quiet"]) == 0
    assert f"the origin's is {found['version']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["NO", "TARGET"], "holds no store"),
        (["STORE", "questdb://10.0.0.1/main?password=/no"], "password cannot be read"),
        (["STORE", "ftp://x/y"], "no store at ftp://"),
        (["STORE", "TARGET", "--table", "trade"], "no table 'trade'"),
    ],
)
def test_what_cannot_be_copied_is_told_in_a_line(
    words: list[str], told: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"NO": str(tmp_path / "no"), "STORE": str(store), "TARGET": str(tmp_path / "target")}
    assert execute(["data", "copy", *(places.get(word, word) for word in words)]) in (1, 2)
    error = capsys.readouterr().err
    assert told in error and "Traceback" not in error
