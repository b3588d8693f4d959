"""A small life of a store, deed by deed, and the process that lives it under `fault.c`: run as a script it forks a child per line."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tickcast.errors import StoreError
from tickcast.store import Store, StoredDefinition

COUNT, KILL, TEAR, FAIL = range(4)
DAY, SECOND = 86_400 * 10**9, 10**9
Deed = Callable[[Store], object]


def trades(symbol: str, day: int, first: int, count: int, price: float = 100.0) -> pl.DataFrame:
    ts = day * DAY + (first + pl.int_range(count, dtype=pl.Int64, eager=True)) // 2 * SECOND  # two genuine trades a stamp
    return pl.DataFrame({"symbol": [symbol] * count, "ts": ts, "price": price + ts // SECOND % 7 * 0.25, "size": [1.0] * count})


def bars(day: int, close: float) -> pl.DataFrame:
    ts = day * DAY + (1 + pl.int_range(50, dtype=pl.Int64, eager=True)) * 60 * SECOND
    columns = {"open": 10.0, "high": 99.0, "low": 1.0, "close": close, "volume": 3.0}
    frame = pl.DataFrame({"symbol": ["B"] * 50, "interval": [60 * SECOND] * 50, "ts": ts, "ts_open": ts - 60 * SECOND})
    return frame.with_columns(pl.lit(value).alias(name) for name, value in columns.items())


def _derive(store: Store) -> object:
    return store.derived.write(("f@1", "A", 1, "inputs"), trades("A", 1, 0, 30), b"state", made=1, source="{}")


def _define(store: Store) -> object:
    if store.definitions.versions("set"):
        return None
    return store.definitions.add(StoredDefinition("set", 1, "0" * 64, "{}", "{}", 1))


DEEDS: tuple[Deed, ...] = (
    lambda store: store.write("trades", trades("A", 1, 0, 400), source="first"),
    lambda store: store.write("trades", trades("A", 1, 400, 60), source="later"),  # a part more
    lambda store: store.write("bars", bars(1, 50.0), source="bars"),
    lambda store: store.write("trades", pl.concat([trades(name, 2, 0, 20) for name in "ABCDE"]), source="many"),
    lambda store: store.write("bars", bars(1, 51.0), source="corrected"),
    lambda store: store.empty.note("trades", "A", [3, 4], source="exchange", word="calendar"),
    _define,
    _derive,
    lambda store: store.write("trades", trades("A", 1, 200, 500), source="overlapping"),
    lambda store: store.compact(),
    lambda store: store.collect(),
    lambda store: store.write("trades", trades("A", 2, 20, 7), source="last"),
)


def told(store: Store) -> str:
    """All that a store would answer, in one text: equal for equal content."""
    rows = [store.coverage(table).drop("parts", "content", strict=False).rows() for table in ("trades", "bars")]
    kept = [store.derived.read(day).rows()[:3] for day in store.derived.days()]
    return json.dumps([store.version(), rows, kept, store.empty.days("trades").select("trading_day", "settled").rows(), _names(store)])


def _names(store: Store) -> list[tuple[str, int]]:
    return [(each.name, each.version) for each in store.definitions.versions()]


def live(folder: str, acknowledge: Callable[[int], None], heal: Callable[[], None]) -> int:
    """All deeds in order, each acknowledged once it returned. One that fails is done again after the disk has healed."""
    failed = 0
    for number, deed in enumerate(DEEDS):
        try:
            with Store.open(folder) as store:
                deed(store)
        except StoreError:
            failed += 1
            heal()
            with Store.open(folder) as store:
                deed(store)
        acknowledge(number)
    return failed


def _child(asked: dict[str, object], shim: ctypes.CDLL) -> int:
    """The life of one child: armed, acknowledging into a file that lies outside the store. 9: a failure that was no StoreError."""
    log = os.open(str(asked["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    healed: list[float] = []

    def heal() -> None:
        shim.fault_heal()
        healed.append(time.monotonic())

    def acknowledge(number: int) -> None:
        os.write(log, f"{number} {time.monotonic() - healed[0] if healed else 0:.3f}\n".encode())

    if asked["after"] is not None:  # killed by the clock, wherever that is
        signal.setitimer(signal.ITIMER_REAL, float(str(asked["after"])))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    shim.fault_arm(int(str(asked["mode"])), int(str(asked["call"])), int(str(asked["errno"])), str(asked["folder"]).encode())
    live(str(asked["folder"]), acknowledge, heal)
    os.write(log, f"calls {shim.fault_seen()}\n".encode())
    return 0


def main() -> None:
    """Fork a child per line of JSON; tell how each ended."""
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 9
            try:
                code = _child(json.loads(line), shim)
            finally:
                os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{ended}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
