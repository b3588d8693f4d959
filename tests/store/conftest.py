"""One suite, every kind of store: `opened` opens stores, `store` is one of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.places import Places
from tickcast.store import Store
from tickcast.store.quest_server import QuestServer

KINDS = ("embedded", "questdb")
SMALL = """\
cairo.writer.data.append.page.size=64k
cairo.wal.writer.data.append.page.size=64k
cairo.o3.column.memory.size=256k
"""
"""Lines of server.conf: QuestDB gives a file 16 MB in advance for each column of each day."""
JARS = Path(__file__).resolve().parents[2] / "target" / "questdb"


def questdb_jar() -> Path:
    """The server's jar; skips the test, saying why, where it or Java 17 is missing."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("no java here; QuestDB needs Java 17 or newer")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < 17:
        pytest.skip(f"QuestDB needs Java 17 or newer; {java} is {told.splitlines()[0] if told else 'mute'}")
    named = os.environ.get("TICKCAST_QUESTDB_JAR")
    jars = [Path(named)] if named else sorted(JARS.glob("questdb-*.jar"))
    if not jars or not jars[-1].is_file():
        pytest.skip(f"no QuestDB jar in {JARS}; make/questdb.sh target/questdb fetches it, or set TICKCAST_QUESTDB_JAR")
    return jars[-1]


@pytest.fixture(scope="session")
def questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestServer]:
    """A running server. It does not wait for the disk: tests kill it, not the machine."""
    root = tmp_path_factory.mktemp("questdb")
    server = QuestServer(root, questdb_jar(), durable=False, more="dev.mode.enabled=true\n" + SMALL).start()
    yield server
    server.kill()
    shutil.rmtree(root)


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    """Opens stores of each kind."""
    server = request.getfixturevalue("questdb") if request.param == "questdb" else None
    places = Places(request.param, tmp_path, server)
    yield places
    places.close()


@pytest.fixture
def store(opened: Places) -> Store:
    """An empty store of each kind."""
    return opened()
