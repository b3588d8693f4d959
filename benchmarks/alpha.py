"""alpha158 against qlib and KunQuant, on one core: `python benchmarks/alpha.py`.

The rivals run in an environment of their own (`rivals.py`, installed by `make bench`): qlib by its own loader of features, KunQuant by
its own compiled Alpha158. Also what a second core brings, and what memory it takes. A rate on fewer rows is said to be so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from tickcast.features import FeatureSet, compute_each

HERE = Path(__file__).parent
RIVALS = Path(os.environ.get("TICKCAST_RIVALS", HERE.parent / ".venv" / "rivals")) / "bin" / "python"
MINUTE = 60_000_000_000
ABSENT = "its environment .venv/rivals is not installed; `make bench` makes it"
Row = dict[str, object]
Panel = dict[str, np.ndarray]


def panel(symbols: int, n: int) -> Panel:
    """(symbols, n) bars of random walks."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-2, (symbols, n)), axis=1).clip(-5, 5))
    first = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    high, low = np.maximum(first, close) * 1.003, np.minimum(first, close) * 0.997
    volume = rng.integers(1, 500, (symbols, n)).astype(float)
    return {"open": first, "high": high, "low": low, "close": close, "volume": volume, "vwap": (high + low + close) / 3}


def frames(bars: Panel) -> dict[int, pl.DataFrame]:
    """One frame per symbol."""
    symbols, n = bars["close"].shape
    ts = np.arange(1, n + 1) * MINUTE
    names = ("open", "high", "low", "close", "volume")
    return {
        i: pl.DataFrame({"ts": ts, **{k: bars[k][i] for k in names}, "turnover": bars["vwap"][i] * bars["volume"][i]})
        for i in range(symbols)
    }


def seconds(features: FeatureSet, given: dict[int, pl.DataFrame], workers: int = 1, repeats: int = 3) -> float:
    """Of the fastest run over all frames."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        compute_each(features, given, workers=workers)
        times.append(time.perf_counter() - start)
    return min(times)


def rival(who: str, bars: Panel, repeats: int) -> tuple[float | None, str]:
    """Thousands of rows per second of a rival, or None and the reason."""
    if not RIVALS.is_file():
        return None, ABSENT
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bars.npz"
        np.savez(file, **bars)  # type: ignore[arg-type]
        call = [str(RIVALS), str(HERE / "rivals.py"), who, str(file), "--repeats", str(repeats)]
        try:
            done = subprocess.run(call, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **one_thread})
        except subprocess.TimeoutExpired:
            return None, "it did not end within five minutes"
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["it failed"])[-1][:120]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["rows"] / found["seconds"] / 1e3, ""


def rivals(what: str, given: list[tuple[str, str, Panel, int]]) -> list[Row]:
    """One row for each (its name in the table, its name in `rivals.py`, bars, repeats)."""
    out: list[Row] = []
    for label, who, bars, repeats in given:
        value, reason = rival(who, bars, repeats)
        out.append({"what": what, "who": label, "value": value, "unit": "k rows/s"} | ({"reason": reason} if value is None else {}))
    return out


def panel_rows(features: FeatureSet) -> list[Row]:
    """64 symbols x 260 bars: a year of days."""
    bars = panel(64, 260)
    what = "alpha158, 64 symbols x 260 bars"
    ours = bars["close"].size / seconds(features, frames(bars), repeats=20) / 1e3
    given = [("qlib", "qlib", bars, 2), ("KunQuant, 64-bit", "kunquant-double", bars, 20), ("KunQuant, 32-bit", "kunquant-float", bars, 20)]
    return [{"what": what, "who": "tickcast", "value": ours, "unit": "k rows/s"}, *rivals(what, given)]


def long_rows(features: FeatureSet, n: int) -> list[Row]:
    """One symbol. KunQuant computes eight at a time, seven of them for nothing here."""
    what = f"alpha158, 1 symbol x {n:,} bars"
    ours = n / seconds(features, frames(panel(1, n)), repeats=2) / 1e3
    given = [("qlib, 50,000 bars", "qlib", panel(1, 50_000), 2), ("KunQuant, 64-bit, 50,000 bars", "kunquant-double", panel(1, 50_000), 3)]
    return [{"what": what, "who": "tickcast", "value": ours, "unit": "k rows/s"}, *rivals(what, given)]


def scaling_rows(features: FeatureSet) -> list[Row]:
    """What a second core brings."""
    row: Row = {"what": "alpha158, 8 symbols x 40,000 bars, 2 threads against 1", "who": "tickcast", "unit": "x as fast", "value": None}
    if len(os.sched_getaffinity(0)) < 2:
        return [{**row, "reason": "there is one core"}]
    given = frames(panel(8, 40_000))
    return [{**row, "value": seconds(features, given, 1) / seconds(features, given, 2)}]


def memory_rows(name: str, n: int) -> list[Row]:
    """Peak memory while computing, in a process of its own: what it adds to the input, against input + output."""
    call = [sys.executable, str(Path(__file__)), "memory", name, str(n)]
    row: Row = {"what": f"{name}, memory of {n:,} bars", "who": "tickcast", "unit": "x input + output"}
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        return [{**row, "value": None, "reason": (done.stderr.strip().splitlines() or ["it failed"])[-1][:120]}]
    return [{**row, "value": float(done.stdout)}]


def most_held() -> int:
    """Bytes that this process has held at most; what getrusage says would be inherited from the one that started it."""
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1]) * 1024


def memory(name: str, n: int) -> float:
    """Peak over input and output, of a process that does nothing else."""
    features = FeatureSet.load(name)
    frame = frames(panel(1, n))[0]
    features.compute(frame.head(1000))
    before = most_held()
    table = features.compute(frame)
    peak = most_held() - before
    held = sum(array.nbytes for array in (table.ts, table.session, table.segment, table.price, table.values))
    given = frame.estimated_size()
    return (given + peak) / (given + held)


def rows(n: int = 1_000_000) -> list[Row]:
    """Every measurement as {what, who, value, unit}."""
    features = FeatureSet.load("alpha158")
    return [*panel_rows(features), *long_rows(features, n), *scaling_rows(features), *memory_rows("alpha158", n // 2)]


def main() -> None:
    for row in rows():
        found = f"{row['value']:10.2f} {row['unit']}" if row["value"] is not None else row["reason"]
        print(f"{row['what']:58} {row['who']:32} {found}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        print(memory(sys.argv[2], int(sys.argv[3])))
    else:
        main()
