"""Twelve features of every trade against polars, pandas, duckdb and numba, in one process and on one core: `python benchmarks/ticks.py`.

The set is `ticks12`. Every rival's answers are compared with ours before its time is taken; duckdb has no exponential mean and gives 11.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray
from stopwatch import best

from tickcast.features import FeatureSet

Columns = Mapping[str, NDArray[np.float64]]
SETTLED = 250  # rows after which every window of every library is full


def trades(n: int) -> pl.DataFrame:
    """`n` trades of a price that walks on a grid of cents, at irregular times."""
    rng = np.random.default_rng(11)
    steps = rng.choice([-2, -1, -1, 0, 0, 0, 1, 1, 2], n)
    return pl.DataFrame(
        {
            "ts": np.cumsum(rng.integers(0, 400_000_000, n)),
            "price": 400 + 0.01 * np.abs(20_000 + np.cumsum(steps)),
            "size": rng.integers(1, 500, n).astype(float),
        }
    )


def with_polars(frame: pl.DataFrame) -> pl.DataFrame:
    """ticks12 in polars."""
    p, s = pl.col("price"), pl.col("size")
    move = p.diff()
    tick = pl.when(move != 0).then(move.sign()).forward_fill().fill_null(0.0)
    signed = tick * s
    r = (p / p.shift(1)).log()
    return (
        frame.lazy()
        .select(
            r.alias("log_return"),
            tick.alias("tick"),
            signed.alias("signed_size"),
            (signed.rolling_sum(50) / s.rolling_sum(50)).alias("imbalance_50"),
            (signed.rolling_sum(200) / s.rolling_sum(200)).alias("imbalance_200"),
            (p / ((p * s).rolling_sum(200) / s.rolling_sum(200)) - 1).alias("vwap_deviation_200"),
            (p / p.rolling_mean(50) - 1).alias("mean_deviation_50"),
            (p / p.ewm_mean(span=100, adjust=False) - 1).alias("ewm_deviation_100"),
            r.rolling_std(200).alias("volatility_200"),
            (p.rolling_max(200) / p.rolling_min(200) - 1).alias("range_200"),
            (s / s.rolling_mean(50)).alias("size_ratio_50"),
            (50 / ((pl.col("ts").diff() / 1e9).rolling_sum(50) + 1e-6)).alias("pace_50"),
        )
        .collect()
    )


def with_pandas(columns: Columns) -> Columns:
    """ticks12 in pandas."""
    import pandas as pd

    p, s = pd.Series(columns["price"]), pd.Series(columns["size"])
    tick = np.sign(p.diff()).replace(0, np.nan).ffill().fillna(0.0)
    signed, r = tick * s, np.log(p / p.shift(1))
    size_200 = s.rolling(200).sum()
    out = {
        "log_return": r,
        "tick": tick,
        "signed_size": signed,
        "imbalance_50": signed.rolling(50).sum() / s.rolling(50).sum(),
        "imbalance_200": signed.rolling(200).sum() / size_200,
        "vwap_deviation_200": p / ((p * s).rolling(200).sum() / size_200) - 1,
        "mean_deviation_50": p / p.rolling(50).mean() - 1,
        "ewm_deviation_100": p / p.ewm(span=100, adjust=False).mean() - 1,
        "volatility_200": r.rolling(200).std(),
        "range_200": p.rolling(200).max() / p.rolling(200).min() - 1,
        "size_ratio_50": s / s.rolling(50).mean(),
        "pace_50": 50 / ((pd.Series(columns["ts"]).diff() / 1e9).rolling(50).sum() + 1e-6),
    }
    return {name: column.to_numpy() for name, column in out.items()}


SQL = """
with moved as (select *, price - lag(price) over o as move, ln(price / lag(price) over o) as r, (ts - lag(ts) over o) / 1e9 as apart
               from trades window o as (order by ts, i)),
     sided as (select *, coalesce(last_value(nullif(sign(move), 0) ignore nulls) over (order by ts, i rows unbounded preceding), 0) as tick
               from moved)
select r as log_return, tick, tick * size as signed_size, sum(tick * size) over a / sum(size) over a as imbalance_50,
       sum(tick * size) over b / sum(size) over b as imbalance_200,
       price / (sum(price * size) over b / sum(size) over b) - 1 as vwap_deviation_200,
       price / avg(price) over a - 1 as mean_deviation_50, stddev_samp(r) over b as volatility_200,
       max(price) over b / min(price) over b - 1 as range_200, size / avg(size) over a as size_ratio_50,
       50 / (sum(apart) over a + 1e-6) as pace_50
from sided
window a as (order by ts, i rows between 49 preceding and current row), b as (order by ts, i rows between 199 preceding and current row)
order by ts, i
"""


def with_duckdb(frame: pl.DataFrame) -> Columns:
    """Eleven of ticks12 in duckdb."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as database:
        database.register("trades", frame.with_row_index("i").to_arrow())
        out: Columns = database.execute(SQL).fetchnumpy()
        return out


def rivals(frame: pl.DataFrame) -> dict[str, Callable[[], Columns | pl.DataFrame]]:
    """What each library does with the trades."""
    columns = {name: frame[name].to_numpy() for name in frame.columns}

    def with_numba() -> Columns:
        from numba_ticks import ticks12

        return ticks12(columns["ts"], columns["price"], columns["size"])

    return {
        "polars": lambda: with_polars(frame),
        "pandas": lambda: with_pandas(columns),
        "duckdb, 11 of 12": lambda: with_duckdb(frame),
        "numba, loop by hand": with_numba,
    }


def agree(ours: Columns, theirs: Columns | pl.DataFrame) -> None:
    """Raises AssertionError naming the first feature that differs once all windows are full."""
    names = theirs.columns if isinstance(theirs, pl.DataFrame) else theirs
    for name in names:
        other = theirs[name]
        other = other.to_numpy() if isinstance(other, pl.Series) else np.ma.filled(other, np.nan)
        np.testing.assert_allclose(other[SETTLED:], ours[name][SETTLED:], rtol=1e-6, atol=1e-8, err_msg=name)


def rows(n: int = 5_000_000, checked: int = 200_000) -> list[dict[str, object]]:
    """Every measurement as {what, who, value, unit}; the answers are compared on the first `checked` trades."""
    frame, features = trades(n), FeatureSet.load("ticks12")
    head = frame.head(checked)
    ours = features.compute(head, step=1)
    known = {name: ours.values[:, i] for i, name in enumerate(ours.names)}
    found: list[dict[str, object]] = []
    timed, small = rivals(frame), rivals(head)
    for who, call in timed.items():
        row: dict[str, object] = {"what": f"12 tick features, {n:,} ticks", "who": who, "unit": "M ticks/s"}
        try:
            agree(known, small[who]())
            found.append({**row, "value": n / best(call, 2) / 1e6})
        except ImportError as error:
            found.append({**row, "value": None, "reason": f"{error.name} is not installed"})
    value = n / best(lambda: features.compute(frame, step=1), 5) / 1e6
    return [*found, {"what": f"12 tick features, {n:,} ticks", "who": "tickcast", "unit": "M ticks/s", "value": value}]


def main() -> None:
    for row in rows():
        found = f"{row['value']:10.2f} {row['unit']}" if row["value"] is not None else row["reason"]
        print(f"{row['what']:36} {row['who']:22} {found}")


if __name__ == "__main__":
    main()
