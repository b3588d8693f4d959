"""Feature engine against its rivals, in one process and on one core: `python benchmarks/features.py`."""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np
import polars as pl
from stopwatch import best

from tickcast import _engine
from tickcast.features import FeatureSet

STEP = 300_000_000_000


def bars(n: int) -> pl.DataFrame:
    """`n` 5-minute bars of a random walk."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    first = np.concatenate([[close[0]], close[:-1]])
    return pl.DataFrame(
        {
            "ts": np.arange(1, n + 1) * STEP,
            "open": first,
            "high": np.maximum(first, close) * 1.0003,
            "low": np.minimum(first, close) * 0.9997,
            "close": close,
            "volume": rng.integers(1, 500, n).astype(float),
        }
    )


def with_polars(frame: pl.DataFrame) -> pl.DataFrame:
    """nq24 in polars."""
    c, o, h, low, v = (pl.col(name) for name in ("close", "open", "high", "low", "volume"))
    r = (c / c.shift(1)).log()
    d = c - c.shift(1)

    def ema(n: int) -> pl.Expr:
        return c.ewm_mean(span=n, adjust=False)

    up = d.clip(lower_bound=0).ewm_mean(alpha=1 / 14, adjust=False)
    down = (-d).clip(lower_bound=0).ewm_mean(alpha=1 / 14, adjust=False)
    tr = pl.max_horizontal(h, c.shift(1)) - pl.min_horizontal(low, c.shift(1))
    out = [o, h, low, c, (v + 1).log().alias("lv"), r.alias("r"), (0.5 * (h / low).log() ** 2 - 0.386 * (c / o).log() ** 2).alias("gk")]
    out += [(r**2).rolling_sum(n).sqrt().alias(f"rv{n}") for n in (12, 36, 72)]
    out += [(r.abs() / (c * v)).alias("am"), (100 * up / (up + down)).alias("rsi"), (ema(12) - ema(26)).alias("macd")]
    out += [(c / c.shift(n) - 1).alias(f"roc{n}") for n in (5, 10, 20)]
    out += [(ema(n) - ema(n).shift(1)).alias(f"s{n}") for n in (9, 21, 50)] + [(c / ema(n) - 1).alias(f"d{n}") for n in (9, 21, 50)]
    out += [tr.rolling_mean(14).alias("atr"), (v / v.rolling_mean(20)).alias("vr")]
    return frame.lazy().select(out).collect()


def with_pandas(frame: object) -> object:
    """nq24 in pandas."""
    import pandas as pd

    assert isinstance(frame, dict)
    c, o, h, low, v = (pd.Series(frame[name]) for name in ("close", "open", "high", "low", "volume"))
    r = np.log(c / c.shift(1))
    d = c.diff()
    up = d.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    down = (-d).clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    tr = np.maximum(h, c.shift(1)) - np.minimum(low, c.shift(1))
    ema = {n: c.ewm(span=n, adjust=False).mean() for n in (9, 12, 21, 26, 50)}
    out = {"o": o, "h": h, "l": low, "c": c, "lv": np.log(v + 1), "r": r, "gk": 0.5 * np.log(h / low) ** 2 - 0.386 * np.log(c / o) ** 2}
    out |= {f"rv{n}": np.sqrt((r**2).rolling(n).sum()) for n in (12, 36, 72)}
    out |= {"am": r.abs() / (c * v), "rsi": 100 * up / (up + down), "macd": ema[12] - ema[26]}
    out |= {f"roc{n}": c / c.shift(n) - 1 for n in (5, 10, 20)}
    out |= {f"s{n}": ema[n].diff() for n in (9, 21, 50)} | {f"d{n}": c / ema[n] - 1 for n in (9, 21, 50)}
    return pd.DataFrame(out | {"atr": tr.rolling(14).mean(), "vr": v / v.rolling(20).mean()})


def with_talib(frame: pl.DataFrame) -> list[object]:
    """nq24 in TA-Lib and numpy."""
    import talib

    o, h, low, c, v = (frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    r = np.empty_like(c)
    r[0], r[1:] = 0, np.log(c[1:] / c[:-1])
    out: list[object] = [o, h, low, c, np.log(v + 1), r, 0.5 * np.log(h / low) ** 2 - 0.386 * np.log(c / o) ** 2]
    out += [np.sqrt(talib.SUM(r * r, n)) for n in (12, 36, 72)]
    out += [np.abs(r) / (c * v), talib.RSI(c, 14), talib.EMA(c, 12) - talib.EMA(c, 26)]
    out += [talib.ROCP(c, n) for n in (5, 10, 20)]
    for n in (9, 21, 50):
        ema = talib.EMA(c, n)
        out += [np.diff(ema), c / ema - 1]
    return [*out, talib.SMA(talib.TRANGE(h, low, c), 14), v / talib.SMA(v, 20)]


def batch_rows(n: int) -> list[dict[str, object]]:
    """nq24 over `n` bars."""
    frame = bars(n)
    features = FeatureSet.load("nq24")
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    calls: dict[str, Callable[[], object]] = {
        "pandas": lambda: with_pandas(columns),
        "polars": lambda: with_polars(frame),
        "TA-Lib": lambda: with_talib(frame),
        "tickcast": lambda: features.compute(frame, step=STEP),
    }
    out: list[dict[str, object]] = []
    for who, call in calls.items():
        row: dict[str, object] = {"what": f"nq24 batch, {n:,} bars", "who": who, "unit": "M bars/s"}
        try:
            out.append({**row, "value": n / best(call) / 1e6})
        except ImportError as error:
            out.append({**row, "value": None, "reason": f"{error.name} is not installed"})
    return out


def live_rows(n: int = 20_000) -> list[dict[str, object]]:
    """One live update of nq24: ours through Python, against the same indicators of talipp where it is installed."""
    frame = bars(n)
    features = FeatureSet.load("nq24")
    engine = features.stream()
    rows = list(zip(frame["ts"].to_list(), frame.select(features.columns).rows(), strict=True))
    start = time.perf_counter()
    for ts, values in rows:
        engine.push(ts, 0, 0, values)
    out: list[dict[str, object]] = [
        {"what": "nq24, one live update", "who": "tickcast from Python", "value": (time.perf_counter() - start) / n * 1e6, "unit": "us"}
    ]
    try:
        from talipp.indicators import EMA, RSI, SMA
    except ImportError:
        return [*out, {"what": "nq24, one live update", "who": "talipp", "value": None, "unit": "us", "reason": "talipp is not installed"}]
    indicators = [RSI(14), *(EMA(k) for k in (9, 12, 21, 26, 50)), *(SMA(k) for k in (12, 36, 72, 14, 20))]
    start = time.perf_counter()
    for _, values in rows:
        for indicator in indicators:
            indicator.add(values[0])
    out.append({"what": "nq24, one live update", "who": "talipp", "value": (time.perf_counter() - start) / n * 1e6, "unit": "us"})
    return out


def window_rows(windows: int = 40_000, batch: int = 256) -> list[dict[str, object]]:
    """288 x 24 windows for training, against a torch DataLoader where torch is installed."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(60_000, 24)).astype(np.float32)
    ends = rng.integers(288, 60_000, windows)
    out = np.empty((batch, 288, 24), np.float32)

    def ours() -> None:
        for i in range(0, windows - batch + 1, batch):
            _engine.gather_windows_into(values, ends[i : i + batch], 288, out)

    found: list[dict[str, object]] = [
        {"what": "288 x 24 windows", "who": "tickcast", "value": windows / best(ours) / 1e3, "unit": "k windows/s"}
    ]
    try:
        import torch
    except ImportError:
        reason = "torch is not installed"
        return [*found, {"what": "288 x 24 windows", "who": "torch DataLoader", "value": None, "unit": "k windows/s", "reason": reason}]
    torch.set_num_threads(1)
    tensor, last = torch.from_numpy(values), ends.tolist()

    class Windows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return windows

        def __getitem__(self, i: int) -> torch.Tensor:
            return tensor[last[i] - 287 : last[i] + 1]

    loader = torch.utils.data.DataLoader(Windows(), batch_size=batch)
    found.append(
        {
            "what": "288 x 24 windows",
            "who": "torch DataLoader",
            "value": windows / best(lambda: list(zip(loader)), 1) / 1e3,
            "unit": "k windows/s",
        }
    )
    return found


def rows(n: int = 1_000_000) -> list[dict[str, object]]:
    """Every measurement as {what, who, value, unit}."""
    return [*batch_rows(n), *live_rows(), *window_rows()]


def main() -> None:
    for row in rows():
        found = f"{row['value']:10.2f} {row['unit']}" if row["value"] is not None else row["reason"]
        print(f"{row['what']:32} {row['who']:22} {found}")


if __name__ == "__main__":
    main()
