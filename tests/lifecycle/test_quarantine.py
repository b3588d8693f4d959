"""What an ingest sets aside is kept: with its reason, its file, its number and its values; once, however often it is read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from tickcast.clock import DAY, SECOND
from tickcast.config import CleaningConfig, DataConfig
from tickcast.lifecycle.ingest import Ingested, ingest
from tickcast.lifecycle.progress import Progress
from tickcast.store import Store

T = 1_700_492_400 * SECOND  # Monday 2023-11-20 10:00 New York
NOW = T + 90 * DAY
LINES = [
    f"{T + SECOND},4500.25,1",
    f"{T + 2 * SECOND},nan,1",
    f"{T + 3 * SECOND},45002.5,1",
    f"{T + 4 * SECOND},4500.5,-0.0",
    f"{(T + 5 * SECOND) // 1000},4500.5,1",
    f"{T + 6 * SECOND},4500.30,1",
    f"{T + 7 * SECOND},4500.5,2",
    f"{T - 2 * DAY - DAY // 2},4500.5,7",
    f"{NOW + DAY},4500.5,3",
]
REASONS = ["price_not_finite", "price_far", "size_not_positive", "ts_wrong_unit", "off_tick", "out_of_order", "ts_ahead"]


def read(folder: Path, name: str = "a.csv", lines: list[str] = LINES) -> Ingested:
    file = folder / name
    file.write_text("t,p,s\n" + "\n".join(lines) + "\n")
    data = DataConfig(
        source="table",
        files=str(file),
        symbol="ES",
        table="trades",
        tick=0.25,
        cleaning=CleaningConfig(off_tick="quarantine"),
        options={"columns": {"ts": "t", "price": "p", "size": "s"}, "unit": "ns"},
    )
    with Store.open(folder / "store") as store:
        return ingest(data, store, folder / "receipts" / name, Progress(), clock=lambda: NOW)


def aside(folder: Path) -> pl.DataFrame:
    with Store.open(folder / "store") as store:
        return store.scan("quarantine").sort("source", "file_row")


def test_every_row_set_aside_is_kept_as_it_was_read(tmp_path: Path) -> None:
    done = read(tmp_path)
    assert done.rows == 2 and dict(done.quarantined) == dict.fromkeys(sorted(REASONS), 1)
    rows = aside(tmp_path)
    assert rows["reason"].to_list() == REASONS
    assert rows["file_row"].to_list() == [2, 3, 4, 5, 6, 8, 9]
    assert set(rows["source"]) == {"a.csv"} and set(rows["table"]) == {"trades"}
    read_back = [json.loads(text) for text in rows["original"]]
    assert read_back[0]["price"] == "NaN" and read_back[2]["size"] == "-0.0"
    assert read_back[3]["ts"] == str((T + 5 * SECOND) // 1000)
    assert rows["ts"][3] == T + SECOND  # the last usable row before it


def test_reading_again_adds_nothing_and_the_version_names_usable_rows_only(tmp_path: Path) -> None:
    first = read(tmp_path).version
    before = aside(tmp_path)
    (tmp_path / "receipts" / "a.csv").rename(tmp_path / "elsewhere")
    assert read(tmp_path).version == first
    assert aside(tmp_path).equals(before)
    (tmp_path / "clean").mkdir()
    assert read(tmp_path / "clean", lines=[LINES[0], LINES[6]]).version == first
    with Store.open(tmp_path / "store") as store:
        assert store.verify(full=True)


def test_rows_outside_every_session_are_kept_too(tmp_path: Path) -> None:
    saturday = T + 5 * DAY
    done = read(tmp_path, lines=[LINES[0], f"{saturday},4500.5,1", f"{saturday},4500.5,1", f"{saturday + 2 * DAY},4500.5,1"])
    assert (done.rows, done.outside) == (2, 2)
    rows = aside(tmp_path)
    assert rows["reason"].to_list() == ["outside_session"] * 2 and rows["file_row"].to_list() == [2, 3]
