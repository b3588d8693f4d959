"""`data rolls show`: the schedule with its reasons, kept in the store under its name; a wrong request is one line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.clock import DAY, MINUTE
from tickcast.store import Store

FIRST = 18_620


def bars(days: int) -> pl.DataFrame:
    rows = [
        (symbol, MINUTE, (FIRST + d) * DAY + MINUTE, (FIRST + d) * DAY, *[100.0 + i] * 4, 9.0 if (d < 2) == (i == 0) else 1.0, FIRST + d)
        for d in range(days)
        for i, symbol in enumerate(("MGCG1", "MGCJ1", "MGCG1-MGCJ1"))
    ]
    names = ["symbol", "interval", "ts", "ts_open", "open", "high", "low", "close", "volume", "trading_day"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("trading_day").cast(pl.Int32), session_id=(FIRST + 99) * DAY)


def test_rolls_are_explained_kept_and_never_changed_by_more_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "rolls", "show", "MGC", "--store", str(tmp_path), "--json"]
    answers = []
    for days in (2, 4, 4):
        with Store.open(tmp_path) as store:
            store.write("bars", bars(days), source="made up")
        assert execute(words) == 0
        answers.append(json.loads(capsys.readouterr().out))
    short, whole, again = answers
    assert [each["version"] for each in answers] == [1, 2, 2]
    assert whole["hash"] == again["hash"] != short["hash"]
    assert whole["rolls"][:1] == short["rolls"] and whole["extends_the_version_before"]
    assert [roll["contract"] for roll in whole["rolls"]] == ["MGCG1", "MGCJ1"]
    assert "MGCG1 -> MGCJ1, volume 9 against 1" in whole["why"][1]
    with Store.open(tmp_path) as store:
        assert [each.version for each in store.definitions.versions("rolls/MGC.volume")] == [1, 2]


def test_a_file_that_holds_a_data_section_alone_names_the_product(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(tmp_path / "s") as store:
        store.write("bars", bars(4), source="made up")
    config = tmp_path / "my.yaml"
    config.write_text("data: {source: databento, symbol: MGC, table: bars, files: raw}\n")
    hashes = []
    for what in ("MGC", str(config)):
        assert execute(["data", "rolls", "show", what, "--store", str(tmp_path / "s"), "--json"]) == 0
        hashes.append(json.loads(capsys.readouterr().out)["hash"])
    assert hashes[0] == hashes[1]


def test_what_cannot_be_shown_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(tmp_path / "s") as store:
        store.write("bars", bars(2), source="made up")
    for words, found in (
        (["GC"], "no bars of outright contracts of GC"),
        (["MGC", "--by", "open_interest"], "open interest of MGC"),
        (["MGC", "--by", "instrument"], "no instrument id of MGC"),
        (["configs/nq-5m.yaml"], "has no rolls"),
    ):
        assert execute(["data", "rolls", "show", *words, "--store", str(tmp_path / "s")]) != 0
        told = capsys.readouterr().err
        assert found in " ".join(told.split()) and "Traceback" not in told
