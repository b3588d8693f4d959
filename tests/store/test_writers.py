"""Several writers of one store in several processes: each row once, whoever is stopped, overtaken or resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.places import Places
from tickcast.clock import DAY
from tickcast.durable import exclusive
from tickcast.errors import StoreError
from tickcast.store import Store
from tickcast.store.embedded import Embedded

START = textwrap.dedent("""
    import sys
    from pathlib import Path
    import polars as pl
    from tickcast.errors import StoreError
    from tickcast.store import Store
    from tickcast.store.embedded import Embedded
    import time
    where, who = sys.argv[1], int(sys.argv[2])
    def rows(number):
        return pl.DataFrame({"symbol": "A", "ts": [number + 1], "price": float(who), "size": 1.0}, schema_overrides={"ts": pl.Int64})
""")


def started(code: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START + textwrap.dedent(code), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


MANY = """
    with Store.open(where) as store:
        for number in range(6):
            store.write("trades", rows(number), source=str(who))
            store.write("trades", rows(number), source=str(who))
"""


@pytest.mark.slow
@pytest.mark.parametrize("writers", [2, 8])
def test_writers_of_one_symbol_lose_and_double_nothing(opened: Places, writers: int) -> None:
    children = [started(MANY, opened.where(), who) for who in range(writers)]
    for child in children:
        _, told = child.communicate(timeout=120)
        assert child.returncode == 0, told
    found = opened().scan("trades").select("ts", "price").sort("ts", "price").rows()
    assert found == [(number + 1, float(who)) for number in range(6) for who in range(writers)]
    assert opened().examine(full=True).damage == ()


STOPPED = """
    class Stopping(Embedded):
        \"\"\"Says so and waits where it is asked to: with its files written, before the change that would make them visible.\"\"\"
        def commit(self, change):
            print("committing", flush=True)
            sys.stdin.readline()
            super().commit(change)
    store = Store(Stopping(where, 0.2), time.time_ns)
    try:
        store.write("trades", rows(0), source="stopped")
    except StoreError as error:
        print(error)
"""


def test_a_holder_that_is_stopped_overtaken_and_resumed_writes_nothing(tmp_path: Path) -> None:
    child = started(STOPPED, tmp_path, 7)
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == "committing\n"
    os.kill(child.pid, signal.SIGSTOP)
    before = time.monotonic()
    with Store(Embedded(str(tmp_path), 0.3), time.time_ns) as store:
        frame = pl.DataFrame({"symbol": "A", "ts": [1, 2], "price": 1.0, "size": 1.0})
        version = store.write("trades", frame, source="overtaker").version
        assert time.monotonic() - before > 0.3, "the holder was waited for"
        left = set(store._backend.names())
        os.kill(child.pid, signal.SIGCONT)
        told, _ = child.communicate("go\n", timeout=60)
        assert "another writer took over (fence 1, ours 1)" in told
        assert store.version() == version and store.scan("trades")["price"].to_list() == [1.0, 1.0]
        assert set(store._backend.names()) == left and store.collect().blocks == 1
        assert store.verify(full=True) == 1


def test_a_holder_that_makes_progress_is_waited_for(tmp_path: Path) -> None:
    moments = iter(range(1000))
    lock = tmp_path / "lock"
    with exclusive(lock) as alive:
        tries = []

        def sleep(_: float) -> None:
            tries.append(lock.stat().st_ino)
            alive()
            os.utime(lock, ns=(len(tries), len(tries)))
            if len(tries) == 50:
                raise StoreError("waited long enough")

        with pytest.raises(StoreError, match="long enough"), exclusive(lock, 5.0, clock=lambda: next(moments), sleep=sleep):
            pass
        assert len(set(tries)) == 1, "nobody took its place"
        with exclusive(lock, 5.0, clock=lambda: next(moments), sleep=lambda _: None):
            assert lock.stat().st_ino != tries[0], "a holder that stands still is overtaken"


FILES = [[(day, n) for n in range(first, first + 4)] for day in range(2) for first in (1, 3, 7)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([*range(len(FILES))] * 3), seed=st.integers(0, 99))
def test_files_loaded_three_times_overlapped_and_shuffled_are_the_files_sorted_once(opened: Places, order: list[int], seed: int) -> None:
    def frame(places: list[tuple[int, int]]) -> pl.DataFrame:
        rows = [("A", day * DAY + n // 2, float(n), 1.0, n % 2) for day, n in places]
        return pl.DataFrame(rows, schema=["symbol", "ts", "price", "size", "sequence"], orient="row")

    once, often = opened.new(), opened.new()
    version = once.write("trades", frame(sorted({place for file in FILES for place in file})), source="sorted").version
    for number in order:
        often.write("trades", frame(FILES[number]).sample(fraction=1.0, shuffle=True, seed=seed), source="file")
    assert often.version() == version
    assert often.scan("trades").equals(once.scan("trades"))
