"""`tickcast data record` on a market that needs no account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tickcast.cli import execute
from tickcast.store import Store

CONFIG = "data: {source: simulated, symbol: SIM, table: bars, calendar: CME_Equity, options: {days: 8, interval: 30m}}\n"


def test_a_simulated_feed_is_recorded_and_recorded_again_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, store = tmp_path / "market.yaml", str(tmp_path / "store")
    config.write_text(CONFIG)
    words = ["data", "record", str(config), "--store", store]
    assert execute([*words, "--flush-rows", "50", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "connecting" and events[-1]["event"] == "stopped"
    with Store.open(store) as kept:
        rows, version = len(kept.scan("bars")), kept.version()
    assert events[-1]["acknowledged"] == rows > 200 and events[-1]["waiting"] == 0
    assert len([each for each in events if each["event"] == "committed"]) > 3
    assert execute([*words, "--quiet"]) == 0
    assert f"0 rows recorded, {rows} repeated" in capsys.readouterr().out
    with Store.open(store) as kept:
        assert kept.version() == version


def test_symbols_and_settings_are_taken_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, store = tmp_path / "market.yaml", str(tmp_path / "store")
    config.write_text(CONFIG)
    assert execute(["data", "record", str(config), "--store", store, "--symbol", "SIM", "--set", "data.calendar=24/7"]) == 0
    assert "set aside: none" in capsys.readouterr().out


def test_a_source_without_a_feed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "files.yaml"
    config.write_text("data: {source: lobster, symbol: ABC, table: book, files: nowhere.zip}\n")
    assert execute(["data", "record", str(config), "--store", str(tmp_path / "store")]) in (1, 2)
    config.write_text(CONFIG)
    assert execute(["data", "record", str(config), "--store", str(tmp_path / "store"), "--symbol", "OTHER"]) == 2
    assert "OTHER" in capsys.readouterr().err


def test_who_stops_before_the_first_row_is_told_and_has_an_empty_store(tmp_path: Path) -> None:
    config, store = tmp_path / "market.yaml", tmp_path / "store"
    config.write_text(CONFIG)
    early = "import os, signal, sys\nfrom tickcast.cli import data_record as one, execute\nfrom tickcast import config\n"
    early += "load = config.DataConfig.load\n"
    early += "def signalled(*words):\n    os.kill(os.getpid(), signal.SIGINT)\n    return load(*words)\n"
    early += "one.DataConfig = type('Early', (), {'load': staticmethod(signalled)})\nsys.exit(execute(sys.argv[1:]))\n"
    command = [sys.executable, "-c", early, "data", "record", str(config), "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0 and "0 rows recorded" in done.stdout, done.stderr
    with Store.open(store) as kept:
        assert len(kept.scan("bars")) == 0 and store.is_dir()
