"""Book factors on a real day (LOBSTER sample GOOG 2012-06-21, ten levels): `python benchmarks/lob.py`.

All factors of `lob`; then a part of them that polars and numpy can say without a loop, in all three; then one live update. The file is
looked for in $TICKCAST_TEST_DATA/lobster, else in ../shared/data/lobster.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from stopwatch import best

from tickcast.features import FeatureSet
from tickcast.sources import Lobster

LEVELS = range(1, 11)
SIDES = ("bid", "ask")
SPAN = 10_000_000_000
Row = dict[str, object]


def day() -> Path:
    """Where the day is looked for."""
    folder = os.environ.get("TICKCAST_TEST_DATA")
    data = Path(folder) if folder else Path(__file__).resolve().parents[2] / "shared" / "data"
    return data / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"


def in_polars(book: pl.DataFrame) -> pl.DataFrame:
    """The part in polars: time windows by `rolling_sum_by`, which lets a row see later rows of its own stamp."""
    price = {(s, k): pl.col(f"{s}_price_{k}") for s in SIDES for k in LEVELS}
    size = {(s, k): pl.col(f"{s}_size_{k}") for s in SIDES for k in LEVELS}
    first = {f"depth_{s}_5": pl.sum_horizontal(size[s, k] for k in range(1, 6)) for s in SIDES}
    rest = {f"depth_{s}_10": pl.col(f"depth_{s}_5") + pl.sum_horizontal(size[s, k] for k in range(6, 11)) for s in SIDES}
    frame = book.lazy().with_columns(mid=(price["bid", 1] + price["ask", 1]) / 2, **first).with_columns(**rest)
    mid, depth = pl.col("mid"), {(s, n): pl.col(f"depth_{s}_{n}") for s in SIDES for n in (5, 10)}

    def over(x: pl.Expr) -> pl.Expr:
        return x.rolling_sum_by("ts", window_size=f"{SPAN}i")

    both = depth["bid", 10] + depth["ask", 10]
    level = over(both.shift(1)) / over(both * 0 + 1) / 20
    out = {"mid": mid, "spread_bp": 1e4 * (price["ask", 1] - price["bid", 1]) / mid, "log_depth_10": both.log(), "level_size_10s": level}
    for k in LEVELS:
        b, a, p, q = price["bid", k], price["ask", k], size["bid", k], size["ask", k]
        zero = pl.lit(0.0)
        flow = pl.when(b >= b.shift(1)).then(p).otherwise(zero) - pl.when(b <= b.shift(1)).then(p.shift(1)).otherwise(zero)
        flow += pl.when(a >= a.shift(1)).then(q.shift(1)).otherwise(zero) - pl.when(a <= a.shift(1)).then(q).otherwise(zero)
        out |= {f"imbalance_{k}": (p - q) / (p + q), f"ofi_{k}": over(flow) / level}
    for s, sign in zip(SIDES, (1, -1), strict=True):
        for n in (5, 10):
            span = 1e4 * sign * (mid - price[s, n]) / mid
            out |= {f"depth_{s}_{n}": depth[s, n], f"span_{s}_{n}_bp": span, f"slope_{s}_{n}": depth[s, n] / span}
        out[f"herfindahl_{s}"] = pl.sum_horizontal(size[s, k] ** 2 for k in LEVELS) / depth[s, 10] ** 2
        out[f"centre_{s}_bp"] = 1e4 * sign * (1 - pl.sum_horizontal(size[s, k] * price[s, k] for k in LEVELS) / depth[s, 10] / mid)
        out[f"nearness_{s}_5"] = pl.sum_horizontal(size[s, k] / (sign * (mid - price[s, k])) for k in range(1, 6))
    r = 1e4 * (mid / mid.shift(1)).log()
    out |= {"mid_return_bp": r, "rv_10s_bp": over(r**2).sqrt(), "momentum_ticks_100": 100 * (mid - mid.shift(100))}
    return frame.select(**out).collect()


def in_numpy(book: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The part in numpy: time windows by differences of running sums, which is fast and drifts."""
    ts = book["ts"]
    price = {(s, k): book[f"{s}_price_{k}"] for s in SIDES for k in LEVELS}
    size = {(s, k): book[f"{s}_size_{k}"] for s in SIDES for k in LEVELS}
    mid = (price["bid", 1] + price["ask", 1]) / 2
    start, end = np.searchsorted(ts, ts - SPAN, side="right"), np.arange(1, len(ts) + 1)

    def over(x: np.ndarray) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum(x)])
        return np.asarray(total[end] - total[start])

    depth = {(s, n): sum(size[s, k] for k in range(1, n + 1)) for s in SIDES for n in (5, 10)}
    both = depth["bid", 10] + depth["ask", 10]
    level = over(np.concatenate([both[:1], both[:-1]])) / (end - start) / 20
    out = {"mid": mid, "spread_bp": 1e4 * (price["ask", 1] - price["bid", 1]) / mid, "log_depth_10": np.log(both), "level_size_10s": level}
    for k in LEVELS:
        p, q = size["bid", k], size["ask", k]
        flow = np.zeros(len(ts))
        for s, sign in zip(SIDES, (1, -1), strict=True):
            step, x = sign * np.diff(price[s, k]), size[s, k]
            flow[1:] += sign * ((step >= 0) * x[1:] - (step <= 0) * x[:-1])
        out |= {f"imbalance_{k}": (p - q) / (p + q), f"ofi_{k}": over(flow) / level}
    for s, sign in zip(SIDES, (1, -1), strict=True):
        for n in (5, 10):
            span = 1e4 * sign * (mid - price[s, n]) / mid
            out |= {f"depth_{s}_{n}": depth[s, n], f"span_{s}_{n}_bp": span, f"slope_{s}_{n}": depth[s, n] / span}
        out[f"herfindahl_{s}"] = sum(size[s, k] ** 2 for k in LEVELS) / depth[s, 10] ** 2
        out[f"centre_{s}_bp"] = 1e4 * sign * (1 - sum(size[s, k] * price[s, k] for k in LEVELS) / depth[s, 10] / mid)
        out[f"nearness_{s}_5"] = sum(size[s, k] / (sign * (mid - price[s, k])) for k in range(1, 6))
    r = np.concatenate([[0.0], 1e4 * np.diff(np.log(mid))])
    out |= {"mid_return_bp": r, "rv_10s_bp": np.sqrt(np.maximum(over(r**2), 0)), "momentum_ticks_100": 100 * (mid - np.roll(mid, 100))}
    return out


def part_of_lob(names: list[str]) -> FeatureSet:
    """These factors alone, as the set says them."""
    words = FeatureSet.load("lob").graph()["source"][0]
    lines = {name: line for name, line in words["features"] if name in names}
    return FeatureSet.from_dict({key: value for key, value in words.items() if key != "streams"} | {"features": lines})


def frames() -> dict[str, pl.DataFrame]:
    """The day as the streams of `lob`, in one session."""
    out = {}
    for table in ("book", "trades", "orders"):
        (chunk,) = Lobster(day(), table=table).history()
        out[table] = chunk.frame.with_columns(session_id=pl.lit(0), segment_id=pl.lit(0))
    return out


def live_microseconds(features: FeatureSet, given: Mapping[str, pl.DataFrame], n: int = 20_000) -> float:
    """One update of the book through Python, the other streams' events pushed between and timed with it."""
    engine, events = features.stream(), []
    for number, (stream, columns) in enumerate(features.streams.items()):
        frame = given[stream][: 2 * n].with_columns(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in columns)
        rows = frame.select(columns).rows()
        events += [(ts, number or 99, number, row) for ts, row in zip(frame["ts"].to_list(), rows, strict=True)]
    events.sort(key=lambda event: event[:2])
    books = 0
    start = time.perf_counter()
    for ts, _, number, row in events:
        engine.push(ts, 0, 0, row, number)
        books += number == 0
        if books == n:
            break
    return (time.perf_counter() - start) / n * 1e6


def rows() -> list[Row]:
    """Every measurement as {what, who, value, unit}."""
    if not day().is_file():
        absent = {"what": "lob on GOOG", "who": "tickcast", "value": None, "unit": "M events/s"}
        return [{**absent, "reason": f"{day().name} is absent; set TICKCAST_TEST_DATA"}]
    given, features = frames(), FeatureSet.load("lob")
    book = given["book"]
    n, step = len(book), 100_000_000
    what = f"lob, all {len(features.names)} factors, {n:,} books of 10 levels"
    out: list[Row] = [
        {"what": what, "who": "tickcast", "value": n / best(lambda: features.compute(given, step=step)) / 1e6, "unit": "M events/s"}
    ]
    columns = {name: book[name].to_numpy() for name in book.columns if name == "ts" or name.startswith(SIDES)}
    part = part_of_lob(list(in_numpy({name: values[:1000] for name, values in columns.items()})))
    calls: dict[str, Callable[[], object]] = {
        "tickcast": lambda: part.compute(book, step=step),
        "polars": lambda: in_polars(book),
        "numpy": lambda: in_numpy(columns),
    }
    what = f"lob, {len(part.names)} of the book's factors"
    out += [{"what": what, "who": who, "value": n / best(call) / 1e6, "unit": "M events/s"} for who, call in calls.items()]
    live = {"what": "lob, one live update", "unit": "us"}
    return [*out, {**live, "who": "tickcast from Python", "value": live_microseconds(features, given)}]


def main() -> None:
    for row in rows():
        found = f"{row['value']:10.2f} {row['unit']}" if row["value"] is not None else row["reason"]
        print(f"{row['what']:52} {row['who']:22} {found}")


if __name__ == "__main__":
    main()
