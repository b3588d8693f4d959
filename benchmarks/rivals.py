"""Alpha158 by qlib and KunQuant: run by the Python of `.venv/rivals`, where `make bench` installs them, beside our own and not with it.

`python rivals.py WHO bars.npz [--out answers.npz] [--repeats N]` prints {"seconds", "rows"}. The input holds (symbols, rows) of open high
low close volume vwap; the answers are (symbols, rows) per factor. Exit status 3: it cannot run here, and standard error says why.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

PRICES = ("open", "high", "low", "close", "volume", "vwap")
Panel = dict[str, np.ndarray]
Answers = Callable[[], Panel]


class Absent(Exception):
    """This rival cannot run here."""


def qlib_store(folder: Path, panel: Panel) -> list[str]:
    """The panel as qlib keeps data: a calendar of days, instruments, and one float32 file per field. Returns the instruments."""
    symbols, rows = panel["close"].shape
    days = [str(day) for day in np.datetime64("1900-01-01") + np.arange(rows)]
    names = [f"S{i:04}" for i in range(symbols)]
    (folder / "calendars").mkdir()
    (folder / "instruments").mkdir()
    (folder / "calendars" / "day.txt").write_text("\n".join(days) + "\n")
    (folder / "instruments" / "all.txt").write_text("".join(f"{name}\t{days[0]}\t{days[-1]}\n" for name in names))
    for i, name in enumerate(names):
        fields = folder / "features" / name.lower()
        fields.mkdir(parents=True)
        for field in PRICES:
            np.concatenate([[0.0], panel[field][i]]).astype("<f4").tofile(fields / f"{field}.day.bin")
    return names


def with_qlib(panel: Panel, folder: Path) -> tuple[Callable[[], object], Answers]:
    """Its loader of features with its own list of expressions, one process, memory cache emptied before each run."""
    try:
        import qlib
        from qlib.contrib.data.loader import Alpha158DL
        from qlib.data import D
        from qlib.data.cache import H
    except ImportError as error:
        raise Absent(f"{error.name} is not installed") from error
    names = qlib_store(folder, panel)
    qlib.init(provider_uri=str(folder), kernels=1, region="us", logging_level=40, expression_cache=None, dataset_cache=None)
    fields, labels = Alpha158DL.get_feature_config()

    def run() -> object:
        H.clear()
        return D.features(names, fields, freq="day")

    def answers() -> Panel:
        frame = run()
        values = frame.to_numpy().reshape(*panel["close"].shape, len(labels))  # type: ignore[attr-defined]
        return {label: values[:, :, i] for i, label in enumerate(labels)}

    return run, answers


def with_kunquant(panel: Panel, dtype: str) -> tuple[Callable[[], object], Answers]:
    """Its own Alpha158, compiled, on one thread; a panel of a multiple of eight symbols, rows outermost."""
    try:
        from KunQuant.Driver import KunCompilerConfig
        from KunQuant.jit import cfake
        from KunQuant.Op import Builder, Input, Output
        from KunQuant.predefined.Alpha158 import AllData
        from KunQuant.runner import KunRunner
        from KunQuant.Stage import Function
    except ImportError as error:
        raise Absent(f"{error.name} is not installed") from error
    builder = Builder()
    with builder:
        data = AllData(**{name: Input(name) for name in ("open", "high", "low", "close", "amount", "volume")})
        price = [("OPEN", data.open), ("HIGH", data.high), ("LOW", data.low), ("VWAP", data.vwap)]
        for node, label in zip(*data.build({"kbar": {}, "price": {"windows": [0], "feature": price}, "rolling": {}}), strict=True):
            Output(node, label)
    config = KunCompilerConfig(input_layout="TS", output_layout="TS", dtype=dtype, partition_factor=8, options={"no_fast_stat": "no_warn"})
    try:
        library = cfake.compileit([("alpha158", Function(builder.ops), config)], "alpha158", cfake.CppCompilerConfig())
    except (OSError, RuntimeError) as error:
        raise Absent("KunQuant found no C++ compiler that works") from error
    module, executor = library.getModule("alpha158"), KunRunner.createSingleThreadExecutor()
    symbols, rows = panel["close"].shape
    lanes = -symbols % 8  # it computes eight symbols at a time; the last one is repeated to fill them
    kind = np.float64 if dtype == "double" else np.float32
    given = {name: panel[name] for name in PRICES if name != "vwap"} | {"amount": panel["vwap"] * panel["volume"]}
    given = {name: np.ascontiguousarray(np.pad(x, ((0, lanes), (0, 0)), "edge").T.astype(kind)) for name, x in given.items()}

    def run() -> dict[str, np.ndarray]:
        return dict(KunRunner.runGraph(executor, module, given, 0, rows))

    return run, lambda: {name: values[:, :symbols].T for name, values in run().items()}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("who", choices=("qlib", "kunquant-double", "kunquant-float"))
    asked.add_argument("bars", type=Path)
    asked.add_argument("--out", type=Path)
    asked.add_argument("--repeats", type=int, default=3)
    given = asked.parse_args()
    panel = {name: np.asarray(values, float) for name, values in np.load(given.bars).items()}
    with tempfile.TemporaryDirectory() as folder:
        try:
            run, answers = with_qlib(panel, Path(folder)) if given.who == "qlib" else with_kunquant(panel, given.who.split("-")[1])
        except Absent as error:
            print(error, file=sys.stderr)
            sys.exit(3)
        if given.out:
            np.savez(given.out, **answers())
            return
        times = []
        for _ in range(given.repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    print(json.dumps({"seconds": min(times), "rows": panel["close"].size}))


if __name__ == "__main__":
    main()
