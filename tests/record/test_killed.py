"""`kill -9` while recording: what was acknowledged is there, nothing is there twice, and the next recorder goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from record.exchange import Exchange, event_rows
from tickcast.cleaning import clean
from tickcast.record import open_gaps
from tickcast.schema import TRADES
from tickcast.store import Store

SCRIPT = Path(__file__).with_name("exchange.py")
VALUES = ("ts", "sequence", "price", "size")


def record(exchange: Exchange, folder: Path) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(SCRIPT.parents[1]), *sys.path])
    command = [sys.executable, str(SCRIPT), str(exchange.port), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})


def told(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """The whole lines it wrote."""
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout if line.endswith("\n")]


def until(process: subprocess.Popen[str], event: str) -> list[dict[str, Any]]:
    """The lines it writes until it tells this event."""
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline())]
    while lines[-1]["event"] not in (event, "stopped"):
        lines.append(json.loads(process.stdout.readline()))
    return lines


def kill_many_times(folder: Path, kills: int, seed: int) -> tuple[int, int, int]:
    """Kill `kills` recorders and let one finish. Returns rows acknowledged before kills, cuts of connections, and gaps."""
    rng = np.random.default_rng(seed)
    exchange = Exchange(2_500 * (kills + 1), rate=4_000.0, rng=rng)
    acknowledged, cuts, held = 0, 0, 0
    try:
        for number in range(kills):
            process = record(exchange, folder)
            lines = until(process, "ready" if number % 4 == 3 else "committed")  # one in four may die before its first commit
            time.sleep(float(rng.uniform(0.0, 0.6)))
            process.send_signal(signal.SIGKILL)
            commits = [each for each in [*lines, *told(process)] if each["event"] == "committed"]
            process.wait(10)
            rows = stored(folder)
            assert not rows["sequence"].is_duplicated().any()
            if commits:
                assert len(rows) >= held + commits[-1]["acknowledged"] and commits[-1]["last_ts"] in rows["ts"]
                acknowledged += commits[-1]["acknowledged"]
                cuts += commits[-1]["reconnects"]
            held = len(rows)
        process = record(exchange, folder)
        done = told(process)[-1]
        assert process.wait(60) == 0 and done["event"] == "stopped" and done["waiting"] == 0
        assert len(stored(folder)) == held + done["acknowledged"]
    finally:
        exchange.close()
    every = clean(event_rows(0, exchange.total), TRADES).frame
    return acknowledged, cuts, healed(folder, every)


def stored(folder: Path) -> pl.DataFrame:
    """The rows in the store; it is ready at once."""
    began = time.process_time()  # what else the machine does is no matter
    with Store.open(folder) as store:
        rows = store.scan("trades").select(VALUES)
    assert time.process_time() - began < 2.0
    return rows


def healed(folder: Path, every: pl.DataFrame) -> int:
    """What the exchange sent to nobody lies inside gaps that were noted; filled from its history the store holds every event once."""
    with Store.open(folder) as store:
        gaps = open_gaps(store, "trades")
        for start, end in gaps.select("start", "ts").iter_rows():
            store.write("trades", every.filter(pl.col("ts").is_between(start, end)), source="history")
        kept = store.scan("trades").select(VALUES).sort("sequence")
        assert kept.equals(every.select(VALUES).sort("sequence"))
        return len(gaps)


def test_nothing_acknowledged_is_lost_and_nothing_is_stored_twice(tmp_path: Path) -> None:
    acknowledged, _, _ = kill_many_times(tmp_path, kills=3, seed=1)
    assert acknowledged > 0


@pytest.mark.soak
def test_a_hundred_kills(tmp_path: Path) -> None:
    acknowledged, cuts, gaps = kill_many_times(tmp_path, kills=100, seed=2)
    assert acknowledged > 10_000 and cuts > 20 and gaps > 0
