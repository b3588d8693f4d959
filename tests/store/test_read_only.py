"""A store on a file system that cannot be written: it is read as ever, and a change is refused in a line."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.store import Store
from tickcast.store.ledger import Ledger
from tickcast.store.manifest import StoredDefinition
from tickcast.store.records import NoteEmpty

READING = [["data", "list"], ["data", "coverage", "trades"], ["data", "audit"], ["data", "sql", "SELECT count(*) AS n FROM trades"]]
READ = """
    import json, sys
    from tickcast.cli import execute
    from tickcast.store import Store
    where, commands = sys.argv[1], json.loads(sys.argv[2])
    with Store.open(where) as store:
        assert store.scan("trades")["ts"].to_list() == [86400000000000, 86400000000001]
        assert store.verify(full=True) == 1 and store.examine(full=True).damage == ()
    for words in commands:
        print("exit code", execute([*words, "--store", where]), flush=True)
"""
WRITE = """
    import json, sys
    from tickcast.cli import execute
    from tickcast.errors import StoreError
    from tickcast.store import Store
    where, commands = sys.argv[1], json.loads(sys.argv[2])
    with Store.open(where) as store:
        changes = [
            lambda: store.write("trades", store.scan("trades"), source="s"),
            lambda: store.empty.note("trades", "A", [9], source="s"),
            lambda: store.definitions.retire("small", 1, 1),
            store.collect,
        ]
        for change in changes:
            try:
                change()
                print("written")
            except StoreError as error:
                print(error)
    for words in commands:
        print("exit code", execute([*words, "--store", where]), flush=True)
"""


def kept(folder: Path) -> Path:
    with Store.open(folder) as store:
        store.write("trades", pl.DataFrame({"symbol": "A", "ts": [DAY, DAY + 1], "price": 1.0, "size": 1.0}), source="s")
        store.definitions.add(StoredDefinition("small", 1, "h", "{}", "{}", 1))
    return folder


def spoken(code: str, folder: Path, commands: list[list[str]]) -> list[str]:
    """The command line of a process that runs `code`."""
    return [sys.executable, "-c", textwrap.dedent(code), str(folder), json.dumps(commands)]


def mounted(code: str, folder: Path, commands: list[list[str]]) -> subprocess.CompletedProcess[str]:
    """The same in a process that sees `folder` mounted read-only; skips where this user may not mount."""
    mount = f"mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}'"
    enter = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    try:
        tried = subprocess.run([*enter, f"{mount} && ! touch '{folder}/x'"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here, so nothing can be mounted read-only")
    if tried.returncode:
        pytest.skip(f"nothing can be mounted read-only here: {tried.stderr.strip()[:100]}")
    run = [*enter, f'{mount} && exec "$@"', "sh", *spoken(code, folder, commands)]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def test_a_store_mounted_read_only_answers_as_before(tmp_path: Path) -> None:
    folder = kept(tmp_path / "s")
    done = mounted(READ, folder, READING)
    assert done.returncode == 0, done.stderr
    before = subprocess.run(spoken(READ, folder, READING), capture_output=True, text=True, check=True)
    assert done.stdout == before.stdout and done.stdout.count("exit code") == len(READING) and "trades" in done.stdout


def test_a_store_mounted_read_only_refuses_every_change_in_a_line(tmp_path: Path) -> None:
    done = mounted(WRITE, kept(tmp_path / "s"), [["data", "collect"]])
    assert done.returncode == 0, done.stderr
    *refused, last = done.stdout.splitlines()
    assert len(refused) == 4 and all("can be read here, not written" in line for line in refused), refused
    assert last == "exit code 1" and "can be read here, not written" in done.stderr and "Traceback" not in done.stderr


def test_a_live_store_is_read_while_somebody_writes_it_elsewhere(tmp_path: Path) -> None:
    kept(tmp_path / "s")
    with Store.open(tmp_path / "s") as store:  # its log lies beside the ledger
        assert store.version()
        done = mounted(READ, tmp_path / "s", READING[:1])
    assert done.returncode == 0 and "exit code 0" in done.stdout, done.stderr


def test_a_frozen_ledger_answers_and_takes_no_change(tmp_path: Path) -> None:
    folder = kept(tmp_path / "a ?b#")
    path = str(folder / "ledger.sqlite")
    ledger = Ledger(path, path, frozen=True)
    assert ledger.version()[0] == 1 and ledger.faults() == []
    before = (folder / "ledger.sqlite").read_bytes()
    for change in (ledger.apply, ledger.check, ledger.commit):
        with pytest.raises(StoreError, match="can be read here, not written"):
            change(NoteEmpty("trades", "A", (9,), "s", "answer", 1))
    ledger.close()
    assert (folder / "ledger.sqlite").read_bytes() == before
    with pytest.raises(StoreError, match="ledger"):
        Ledger(str(tmp_path / "none"), "none", frozen=True)
