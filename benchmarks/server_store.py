"""Rows into a QuestDB server of its own until they can be read, and a day back, on this machine: `python benchmarks/server_store.py`.

The table is `trades`: symbol, ts (ns), price, size, side, sequence, and the block and place of each row, with the keys that make a row sent
twice one. The rival is the bare client: the same columns over one connection, no keys, no checks. Java and the server's
jar are needed (`make/questdb.sh target/questdb`).
"""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from stopwatch import best

from tickcast.clock import DAY

JARS = Path(__file__).parents[1] / "target" / "questdb"
ROWS, BLOCKS = 250_000, 8
WHAT = "trades into QuestDB"


def blocks(first: int) -> Iterator[Any]:
    """Days of trades, from the day `first` on."""
    from tickcast.store.base import Block

    rng = np.random.default_rng(first)
    for day in range(first, first + BLOCKS):
        columns = {
            "symbol": "ESZ3",
            "ts": day * DAY + np.sort(rng.integers(0, DAY, ROWS)),
            "price": 4000 + rng.integers(0, 400, ROWS) * 0.25,
            "size": rng.integers(1, 9, ROWS).astype(float),
            "side": pl.Series(rng.choice([-1, 1], ROWS), dtype=pl.Int8),
            "sequence": np.zeros(ROWS, np.int64),
        }
        yield Block("trades", "ESZ3", day, pl.DataFrame(columns))


def measured(server: Any) -> Iterator[dict[str, Any]]:
    """Rows of the table; the first round of each warms the server's compiler and is not counted."""
    from tickcast.store.quest import Quest
    from tickcast.store.quest_rows import as_rows, as_sent
    from tickcast.store.quest_wire import QuestWire

    days = itertools.count(19_000, BLOCKS)
    quest, wire = Quest(server.address("ours")), QuestWire(server.address("bare"))
    names: list[str] = []

    def ours(given: list[Any]) -> float:
        start = time.perf_counter()
        names[:] = quest.put(iter(given), 1)
        return time.perf_counter() - start

    def bare(given: list[Any]) -> float:
        start = time.perf_counter()
        for block in given:
            wire.send("bare", as_sent(as_rows(block, 1)), ["symbol"])
        wire.settle(["bare"])
        return time.perf_counter() - start

    columns = "ts TIMESTAMP_NS, part LONG, place INT, symbol SYMBOL, price DOUBLE, size DOUBLE, side INT, sequence LONG"
    wire.execute(f"CREATE TABLE bare ({columns}) TIMESTAMP(ts) PARTITION BY DAY WAL")
    for who, send in (("tickcast, keyed and checked", ours), ("questdb client", bare)):
        fastest = min([send(list(blocks(next(days)))) for _ in range(4)][1:])
        yield {"what": WHAT, "who": who, "value": ROWS * BLOCKS / fastest, "unit": "rows/s"}
    seconds = best(lambda: quest.get(names[0], "trades"))
    yield {"what": "a day of 250,000 trades back from QuestDB", "who": "tickcast", "value": seconds * 1e3, "unit": "ms"}
    quest.close()
    wire.close()


def rows() -> Iterator[dict[str, Any]]:
    """What `table.py` prints."""
    jars, absent = sorted(JARS.glob("questdb-*.jar")), {"what": WHAT, "who": "tickcast", "value": None, "unit": "rows/s"}
    missing = [name for name in ("psycopg", "questdb") if importlib.util.find_spec(name) is None]
    if missing or not jars or shutil.which("java") is None:
        yield {**absent, "reason": f"no {missing[0] if missing else 'java' if jars else 'jar; make/questdb.sh target/questdb fetches it'}"}
        return
    from tickcast.store.quest_server import QuestServer

    root = Path(tempfile.mkdtemp(prefix="questdb-"))
    server = QuestServer(root, jars[-1]).start()
    try:
        yield from measured(server)
    finally:
        server.kill()
        shutil.rmtree(root)


if __name__ == "__main__":
    for row in rows():
        print(row)
