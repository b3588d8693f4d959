"""A server or a writer that is killed while rows are written: what was acknowledged stays, once, and the next writer goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from store.conftest import SMALL, questdb_jar
from tickcast.errors import StoreError
from tickcast.store import Store
from tickcast.store.quest import Quest
from tickcast.store.quest_server import QuestServer

ROWS, SYMBOLS = 400, 3


def part(number: int) -> pl.DataFrame:
    """The rows of write `number`: later than those before, and some of an earlier write again."""
    start = number * ROWS * 1_000_000_000
    ts = np.arange(start, start + ROWS * 1_000_000_000, 1_000_000_000)
    rows = {"ts": ts, "price": ts / 1e12 + 1.0, "size": 1.0, "symbol": [f"S{i % SYMBOLS}" for i in range(ROWS)]}
    return pl.DataFrame(rows, schema_overrides={"ts": pl.Int64})


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestServer]:
    """A server to be killed."""
    server = QuestServer(tmp_path_factory.mktemp("mortal"), questdb_jar(), durable=False, more=SMALL).start()
    yield server
    server.kill()
    shutil.rmtree(server.root)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.soak)])
def test_a_server_killed_while_rows_are_written_keeps_what_it_acknowledged(mortal: QuestServer, kills: int) -> None:
    dice, name = np.random.default_rng(kills), f"main{kills}"
    where = str(mortal.address(name))
    acknowledged = 0
    for _ in range(kills):
        told: list[str] = []
        done = acknowledged

        def write(first: int = acknowledged, told: list[str] = told) -> None:
            nonlocal done
            try:
                with Store(Quest(mortal.address(name), patience=2.0), time.time_ns) as store:
                    for number in range(first, first + 1000):
                        store.write("trades", part(number), source="a")
                        done = number + 1
            except StoreError as error:
                told.append(str(error))

        writer = threading.Thread(target=write)
        writer.start()
        deadline = time.monotonic() + 60
        while done == acknowledged and writer.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(float(dice.random()))
        mortal.kill()
        writer.join(60)
        assert told and "questdb://127.0.0.1" in told[0] and "make questdb" in told[0]
        mortal.start()
        with Store.open(where) as store:
            rows = store.scan("trades")
            written = len(rows) // ROWS
            assert written in (done, done + 1), "whole writes, each acknowledged one, and at most the one that was under way"
            assert rows.select("ts", "price").equals(pl.concat([part(n) for n in range(written)]).select("ts", "price"))
            store.verify(full=True)
            store.write("trades", part(written), source="a")
            acknowledged = written + 1
    assert acknowledged > kills
    with Store.open(where) as store:
        assert store.write("trades", pl.concat([part(n) for n in range(acknowledged)]), source="again").added == 0


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from store.test_quest_crash import part
from tickcast.store import Store
with Store.open(sys.argv[1]) as store:
    for number in range(1000):
        store.write("trades", part(number), source="a")
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("kill", [0, 1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 40))])
def test_a_writer_killed_while_it_writes_leaves_whole_writes(mortal: QuestServer, kill: int) -> None:
    address = mortal.address(f"w{kill}")
    command = [sys.executable, "-c", WRITER, str(address), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(2 + kill)]
        time.sleep(0.005 * (7 * kill % 10))
        writer.kill()
        acknowledged += writer.stdout.readlines()
    done = len([line for line in acknowledged if line.endswith("\n")])
    assert done >= 2 + kill, "it wrote before it was killed"
    with Store.open(str(address)) as store:
        written = len(store.scan("trades")) // ROWS
        assert written in (done, done + 1)
        assert store.scan("trades").select("ts", "price").equals(pl.concat([part(n) for n in range(written)]).select("ts", "price"))
        store.verify(full=True)
        store.write("trades", part(written), source="b")
        assert len(store.scan("trades")) == (written + 1) * ROWS


DOORS = {
    "takes QuestDB's default password.*pg.password": "pg.readonly.user.enabled=true\npg.readonly.user=admin\npg.readonly.password=quest\n",
    "over HTTP without a password.*http.password": "http.user=\nhttp.password=\n",
}


@pytest.mark.parametrize("told", DOORS)
def test_a_server_with_an_open_door_is_refused(tmp_path: Path, told: str) -> None:
    server = QuestServer(tmp_path, questdb_jar(), durable=False, more=SMALL + DOORS[told]).start()
    with pytest.raises(StoreError, match=told):
        Quest(server.address("main"))
    server.kill()
    shutil.rmtree(tmp_path)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be run: No such file"):
        QuestServer(tmp_path / "a", questdb_jar(), java="/no/such/java").start()
    with pytest.raises(StoreError, match="ended at once.*Read server.log"):
        QuestServer(tmp_path / "b", tmp_path / "no.jar").start()


def test_the_folder_of_a_server_is_its_owners_alone(mortal: QuestServer) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (mortal.root, mortal.secret, mortal.root / "conf" / "server.conf")}
    assert set(modes.values()) == {0o700, 0o600} and modes["password"] == 0o600 and modes["server.conf"] == 0o600
    bound = [line for line in (mortal.root / "conf" / "server.conf").read_text().splitlines() if ".bind.to=" in line]
    assert len(bound) == 2 and all("=127.0.0.1:" in line for line in bound)
