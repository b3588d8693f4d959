"""Level-5 ticks to a store and back, against DuckDB and plain Parquet, on one core: `python benchmarks/store.py`.

The ticks are simulated on a lattice: a book of five levels each half second, sizes that stay for a while, volume, turnover and open
interest that add up. Rivals write the same columns; each one's rows are compared with ours before its time is taken.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from stopwatch import best

from tickcast.clock import DAY
from tickcast.store import Store
from tickcast.store.day_file import decode, encode
from tickcast.store.row_hash import row_hashes

pa.set_cpu_count(1)
ROWS = 200_000  # of one symbol and day
DAYS = 5
COVERED = 10_000
TICK, MULTIPLIER = 10.0, 5


def ticks(n: int, day: int = 0, seed: int = 0) -> pl.DataFrame:
    """`n` snapshots of a five-level book of one day."""
    rng = np.random.default_rng(seed)
    at = np.arange(n)
    bid = 6900 + rng.choice([-1, 0, 1], n, p=[0.06, 0.88, 0.06]).cumsum()
    ask = bid + 1 + (rng.random(n) < 0.08)
    moved = np.r_[True, np.diff(bid) != 0]
    ts = (19_500 + day) * DAY + at * (DAY // 4 // n // 1_000_000 * 1_000_000)
    columns: dict[str, Any] = {"symbol": np.full(n, "cu2305"), "ts": ts, "ts_event": ts}
    for side, best_price, away in (("bid", bid, -1), ("ask", ask, 1)):
        for level in range(5):
            columns[f"{side}_price_{level + 1}"] = (best_price + away * level) * TICK
            stays = (rng.random(n) < 0.45 + 0.08 * level) & ~moved
            last_change = np.maximum.accumulate(np.where(stays, 0, at))
            columns[f"{side}_size_{level + 1}"] = rng.geometric(1 / (12 + 10 * level), n).astype(float)[last_change]
    traded = np.where(rng.random(n) < 0.45, rng.geometric(0.12, n), 0)
    last = np.where(rng.random(n) < 0.5, bid, ask)[np.maximum.accumulate(np.where(traded > 0, at, 0))] * TICK
    columns |= {"last": last, "volume": traded.cumsum().astype(float), "turnover": (traded * last * MULTIPLIER).cumsum()}
    columns["open_interest"] = 180_000.0 + np.where(rng.random(n) < 0.3, rng.integers(-6, 7, n), 0).cumsum()
    return pl.DataFrame(columns)


def row(what: str, who: str, value: float | None, unit: str, reason: str = "") -> dict[str, Any]:
    return {"what": what, "who": who, "value": value, "unit": unit} | ({"reason": reason} if reason else {})


def ours(folder: Path, days: list[pl.DataFrame]) -> list[dict[str, Any]]:
    kept = days[0].with_columns(sequence=pl.lit(0, pl.Int64))
    digest, content = encode(kept)
    path = folder / "day.parquet"
    path.write_bytes(content)
    assert decode(path, digest).equals(kept)
    out = [
        row("L5 ticks to a file", "tickcast day file", ROWS / best(lambda: encode(kept)) / 1e6, "M rows/s"),
        row("L5 ticks, size", "tickcast day file", len(content) / ROWS, "B/row"),
        row("hash of L5 rows", "tickcast", ROWS / best(lambda: row_hashes(kept)) / 1e6, "M rows/s"),
    ]

    def written(name: int = 0) -> Store:
        store = Store.open(folder / f"store{len(list(folder.glob('store*')))}")
        for day in days:
            store.write("book", day, source="bench")
        return store

    out.append(row("L5 ticks to a store, durable", "tickcast", DAYS * ROWS / best(written) / 1e6, "M rows/s"))
    store = written()
    low, high = int(days[1]["ts"][0]), int(days[1]["ts"][-1]) + 1
    assert len(store.scan("book", ["cu2305"], low, high)) == ROWS
    out.append(
        row(
            "one day of 200,000 L5 rows read, SHA-256 checked",
            "tickcast",
            best(lambda: store.scan("book", ["cu2305"], low, high), 9) * 1e3,
            "ms",
        )
    )
    return out


def covered(folder: Path) -> list[dict[str, Any]]:
    """Coverage of many small days."""
    store = Store.open(folder / "covered")
    names = COVERED // 250
    frame = pl.DataFrame(
        {
            "symbol": [f"S{symbol:02d}" for symbol in range(names) for _ in range(250)],
            "ts": [day * DAY for _ in range(names) for day in range(250)],
            "price": 1.0,
            "size": 1.0,
        }
    )
    writing = best(lambda: store.write("trades", frame, source="bench"), 1)
    assert len(store.coverage("trades")) == COVERED
    reading = best(lambda: store.scan("trades"), 1)
    what = f"{COVERED:,} small days"
    return [
        row(f"{what} written, durable", "tickcast", writing, "s"),
        row(f"{what} read", "tickcast", reading, "s"),
        row(f"coverage of {what}", "tickcast", best(lambda: store.coverage("trades"), 5) * 1e3, "ms"),
    ]


def with_polars(folder: Path, day: pl.DataFrame) -> list[dict[str, Any]]:
    path = folder / "polars.parquet"
    day.write_parquet(path)
    assert pl.read_parquet(path).equals(day)
    who = "polars Parquet, zstd"
    return [
        row("L5 ticks to a file", who, ROWS / best(lambda: day.write_parquet(path)) / 1e6, "M rows/s"),
        row("L5 ticks, size", who, path.stat().st_size / ROWS, "B/row"),
        row("one day of 200,000 L5 rows read, SHA-256 checked", f"{who}, no check", best(lambda: pl.read_parquet(path), 9) * 1e3, "ms"),
    ]


def with_duckdb(folder: Path, days: list[pl.DataFrame]) -> list[dict[str, Any]]:
    what = "L5 ticks to a store, durable"
    try:
        import duckdb
    except ImportError:
        return [row(what, "DuckDB", None, "M rows/s", "duckdb is not installed")]
    path = folder / "duck.db"

    def write() -> None:
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path), config={"threads": 1}) as database:
            for number, day in enumerate(days):
                whole = day.to_arrow()
                database.execute("CREATE TABLE book AS SELECT * FROM whole" if number == 0 else "INSERT INTO book SELECT * FROM whole")
            del whole

    seconds = best(write)
    low, high = int(days[1]["ts"][0]), int(days[1]["ts"][-1])
    with duckdb.connect(str(path), read_only=True, config={"threads": 1}) as database:
        text = f"SELECT * FROM book WHERE symbol = 'cu2305' AND ts BETWEEN {low} AND {high} ORDER BY ts"
        assert _frame(database, text).equals(days[1])
        reading = best(lambda: _frame(database, text), 5)
    return [
        row(what, "DuckDB", DAYS * ROWS / seconds / 1e6, "M rows/s"),
        row("L5 ticks, size", "DuckDB", path.stat().st_size / ROWS / DAYS, "B/row"),
        row("one day of 200,000 L5 rows read, SHA-256 checked", "DuckDB, no check", reading * 1e3, "ms"),
    ]


def _frame(database: Any, text: str) -> pl.DataFrame:
    found = pl.from_arrow(database.execute(text).to_arrow_table())
    assert isinstance(found, pl.DataFrame)
    return found


def rows() -> list[dict[str, Any]]:
    """{what, who, value, unit} of ours and of each rival."""
    with tempfile.TemporaryDirectory() as place:
        folder, days = Path(place), [ticks(ROWS, day, day) for day in range(DAYS)]
        return [*ours(folder, days), *with_polars(folder, days[0]), *with_duckdb(folder, days), *covered(folder)]


if __name__ == "__main__":
    for each in rows():
        print(each)
