"""What the files tell of contracts reaches the store with the rows, and with it rolls by instrument and lives of contracts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import made_dbn
from tickcast.cli import execute
from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.config import DataConfig
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.progress import Progress
from tickcast.store import Store
from tickcast.upkeep import family, verify

MONDAY = 18_631  # 2021-01-04
IDS = {"MGCG1": 11, "MGCJ1": 12}
ENDS = {"MGCG1": (MONDAY + 3) * DAY + 18 * HOUR, "MGCJ1": (MONDAY + 100) * DAY}


def day_bars(day: int) -> bytes:
    """Ten bars of each contract that is alive; MGCJ1 trades more from the third day on."""
    parts = []
    for symbol, number in IDS.items():
        if day * DAY > ENDS[symbol]:
            continue
        rows = made_dbn.bars([day * DAY + 15 * HOUR + k * MINUTE for k in range(10)], 1800.0 + number, number)
        rows["volume"] = 900 if (day < MONDAY + 2) == (symbol == "MGCG1") else 10
        parts.append(rows)
    return made_dbn.file("ohlcv-1m", np.concatenate(parts), IDS, span=(day * DAY, (day + 1) * DAY))


def defined(day: int) -> bytes:
    """The definitions as they are sent at the beginning of a day, a spread among them."""
    columns = {
        "ts_event": [day * DAY] * 3,
        "ts_recv": [day * DAY] * 3,
        "raw_symbol": [b"MGCG1", b"MGCJ1", b"MGCG1-MGCJ1"],
        "asset": [b"MGC"] * 3,
        "instrument_class": [b"F", b"F", b"S"],
        "expiration": [ENDS["MGCG1"], ENDS["MGCJ1"], ENDS["MGCG1"]],
        "activation": [(MONDAY - 300) * DAY] * 3,
        "min_price_increment": [10**8] * 3,
        "min_price_increment_amount": [10**9] * 3,
        "currency": [b"USD"] * 3,
        "exchange": [b"XCEC"] * 3,
    }
    return made_dbn.file("definition", made_dbn.records("definition", columns, [11, 12, 13]), IDS, span=(day * DAY, (day + 1) * DAY))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of a week of bars, with definitions of two days, in files."""
    for name in ("bars", "definitions"):
        (tmp_path / name).mkdir()
    for day in range(MONDAY, MONDAY + 5):
        (tmp_path / "bars" / f"{day}.dbn").write_bytes(day_bars(day))
    for day in (MONDAY, MONDAY + 1):
        (tmp_path / "definitions" / f"{day}.dbn").write_bytes(defined(day))
    told = {
        "name": "mgc",
        "data": {
            "source": "databento",
            "files": str(tmp_path / "bars"),
            "symbol": "MGC",
            "table": "bars",
            "options": {"definitions": str(tmp_path / "definitions")},
        },
        "rolls": {"product": "MGC", "by": "instrument"},
        "features": ["returns"],
        "target": {"horizons": ["1m"]},
        "forecasters": {"still": {"kind": "gaussian"}},
    }
    path = tmp_path / "mgc.yaml"
    path.write_text(json.dumps(told))
    return path


def answer(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert execute([*words, "--json"]) in (0, 1), capsys.readouterr().err
    return dict(json.loads(capsys.readouterr().out))


def test_files_to_rolls_by_instrument_and_lives(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path / "store")
    told = answer(["ingest", str(config), "--store", store], capsys)
    assert told["quarantined"] == {} and "18631.dbn" in str(told["files"])
    with Store.open(store) as kept:
        known = kept.scan("contracts")
        assert known.select("symbol", "instrument_id", "product", "kind", "expiry", "first_day").rows() == [
            (symbol, IDS[symbol], "MGC", "future", ENDS[symbol], MONDAY - 300) for symbol in IDS
        ], "once a contract, though two days and the bars tell it"
        assert known["ts"].to_list() == [MONDAY * DAY] * 2
        source = json.loads(kept.coverage("contracts")["source"][0])
        assert source["source"] == "databento" and source["origin"] == "what the files tell of contracts"
        version = kept.version()
    shown = answer(["data", "rolls", "show", str(config), "--store", store], capsys)
    assert [(roll["contract"], roll["instrument_id"]) for roll in shown["rolls"]] == [("MGCG1", 11), ("MGCJ1", 12)]  # type: ignore[attr-defined]
    lives = answer(["data", "verify", str(config), "--store", store, "--from", "2021-01-04", "--until", "2021-01-08"], capsys)
    assert [(each["symbol"], each["expected"], each["stored"], each["missing"]) for each in lives["symbols"]] == [  # type: ignore[attr-defined]
        ("MGCG1", 4, 4, []),
        ("MGCJ1", 5, 5, []),
    ]
    data = DataConfig.load(config)
    with Store.open(store) as kept:
        assert kept.version() == version
        ingest(data, kept, tmp_path / "receipts of nobody", Progress())
        assert kept.version() == version, "the same files again change nothing"
        before = verify(family(data, kept), kept, MONDAY - 4, MONDAY, now=(MONDAY + 9) * DAY).symbols
        assert [(each.symbol, each.expected) for each in before] == [("MGC", 1), ("MGCG1", 1), ("MGCJ1", 1)]


def test_what_is_known_later_is_left_for_later(config: Path, tmp_path: Path) -> None:
    data = DataConfig.load(config)
    with Store.open(tmp_path / "store") as kept:
        ingest(data, kept, tmp_path / "receipts", Progress(), clock=lambda: (MONDAY + 9) * DAY)
        assert len(kept.scan("contracts")) == 2
    (tmp_path / "definitions" / "later.dbn").write_bytes(defined(MONDAY + 40).replace(b"XCEC", b"XNEW"))
    for now, rows in ((MONDAY + 39, 2), (MONDAY + 41, 4)):
        with Store.open(tmp_path / "store") as kept:
            ingest(data, kept, tmp_path / f"receipts {now}", Progress(), clock=lambda now=now: now * DAY)  # type: ignore[misc]
            assert len(kept.scan("contracts")) == rows
            assert kept.scan("contracts")["exchange"].unique().sort().to_list() == ["XCEC", "XNEW"][: rows // 2]


def test_files_of_definitions_by_themselves(config: Path, tmp_path: Path) -> None:
    """Table `contracts` asked for by name: rows of no session are kept too, repetitions are not."""
    (tmp_path / "definitions" / "sunday.dbn").write_bytes(defined(MONDAY - 1))
    data = DataConfig(source="databento", table="contracts", symbol="MGC", files=str(tmp_path / "definitions"))
    with Store.open(tmp_path / "store") as kept:
        done = ingest(data, kept, tmp_path / "receipts", Progress())
        assert (done.rows, done.outside) == (6, 0)
        assert kept.scan("contracts").select("symbol", "ts").sort("symbol", "ts").rows()[-1][0] == "MGCJ1"
        assert kept.scan("contracts", end=MONDAY * DAY).select(pl.len()).item() == 2
