"""data compact and collect: what is joined and removed, and what a receipt keeps. See tickcast.cli.data_sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.store import Store

FIRST = 19_783  # 2024-03-01


def trades(first: int, price: float = 1.0, count: int = 4) -> pl.DataFrame:
    ts = [FIRST * DAY + first + at for at in range(count)]
    return pl.DataFrame({"symbol": "A", "ts": ts, "price": price, "size": 1.0})


def answer(words: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert execute(["data", *words, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_parts_are_joined_and_collected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(tmp_path) as store:
        for first, count in ((0, 9), (100, 4), (200, 1)):
            store.write("trades", trades(first, count=count), source="live")
        assert store.coverage("trades")["parts"].to_list() == [3]
        before, rows = store.version(), store.scan("trades")
    where = ["--store", str(tmp_path)]
    assert answer(["compact", "trades", "--symbol", "A", *where], capsys) == {"days": 1, "version": before}
    assert answer(["compact", *where], capsys)["days"] == 0
    told = answer(["collect", *where], capsys)
    assert told["blocks"] == 3 and told["versions"] >= 3
    with Store.open(tmp_path) as store:
        assert store.version() == before and store.scan("trades").equals(rows)
        assert store.coverage("trades")["parts"].to_list() == [1] and store.verify(full=True) == 1


def test_versions_are_kept_by_name_by_day_and_by_receipt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = [FIRST * DAY]
    versions = []
    with Store.open(tmp_path, clock=lambda: now[0]) as store:
        for day in range(5):
            now[0] = (FIRST + day) * DAY + 1
            store.write("bars", bar(price=day + 1.0), source="corrected")
            versions.append(store.version())
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "a.json").write_text(json.dumps({"version": versions[1]}))
    (tmp_path / "receipts" / "b.json").write_text("{")
    (tmp_path / "receipts" / "c.json").write_text(json.dumps({"version": "0" * 63 + "9"}))
    told = answer(["collect", "--keep", versions[0], "--keep", "2024-03-03", "--store", str(tmp_path)], capsys)
    assert told == {"versions": 1, "blocks": 1}
    with Store.open(tmp_path) as store:
        assert [store.scan("bars", as_of=versions[at])["close"].to_list() for at in (0, 1, 2, 4)] == [[1.0], [2.0], [3.0], [5.0]]
        with pytest.raises(StoreError):
            store.scan("bars", as_of=versions[3])
    assert answer(["collect", "--forget-receipts", "--store", str(tmp_path)], capsys) == {"versions": 3, "blocks": 3}


def bar(price: float) -> pl.DataFrame:
    told = dict.fromkeys(("open", "high", "low", "close"), price)
    return pl.DataFrame({"symbol": ["A"], "interval": 60, "ts": FIRST * DAY + 60, "ts_open": FIRST * DAY, **told})


def test_a_version_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", trades(0), source="x")
    assert execute(["data", "collect", "--keep", "1" * 64, "--store", str(tmp_path)]) == 1
    assert "no version" in capsys.readouterr().err
    assert execute(["data", "collect", "--keep", "yesterday", "--store", str(tmp_path)]) == 2
    assert "is not a date" in capsys.readouterr().err
