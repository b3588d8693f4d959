"""mtf, 205 features of one-minute bars on nine time frames, against polars: `python benchmarks/frames.py`.

polars computes the 108 indicators that every frame has, the ones it has operators for: bars by `group_by_dynamic`, joined as of the minute.
What is compared is numbers per second. Its Wilder averages begin at the first value and not at a mean; otherwise the answers are ours.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")


import numpy as np
import polars as pl
from stopwatch import best

from tickcast.features import FeatureSet

MINUTE = 60_000_000_000
FRAMES = (1, 5, 10, 15, 20, 25, 30, 45, 60)


def bars(n: int) -> pl.DataFrame:
    """`n` one-minute bars of a random walk on a tick of 0.25."""
    rng = np.random.default_rng(7)
    close = 15_000 + 0.25 * np.abs(20_000 + np.cumsum(rng.integers(-8, 9, n)))
    first = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(first, close) + 0.25 * rng.integers(0, 9, n), np.minimum(first, close) - 0.25 * rng.integers(0, 9, n)
    volume = rng.integers(1, 500, n).astype(float)
    return pl.DataFrame(
        {"ts": (28_000_001 + np.arange(n)) * MINUTE, "open": first, "high": high, "low": low, "close": close, "volume": volume}
    )


def indicators(minutes: int) -> list[pl.Expr]:
    """The twelve of a frame."""
    o, h, low, c, v = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))
    change, up, down = c.diff(), h.diff(), -low.diff()

    def rma(x: pl.Expr) -> pl.Expr:
        return x.ewm_mean(alpha=1 / 14, adjust=False)

    gain, loss = rma(change.clip(lower_bound=0)), rma((-change).clip(lower_bound=0))
    plus = rma(pl.when(up > down).then(up.clip(lower_bound=0)).otherwise(0.0))
    minus = rma(pl.when(down > up).then(down.clip(lower_bound=0)).otherwise(0.0))
    ranges = pl.max_horizontal(h, c.shift(1)) - pl.min_horizontal(low, c.shift(1))
    bottom, top = low.rolling_min(14), h.rolling_max(14)
    found = {
        "rsi": 100 * gain / (gain + loss),
        "macd": (c.ewm_mean(span=12, adjust=False) - c.ewm_mean(span=26, adjust=False)) / c,
        "stoch": 100 * (c - bottom) / (top - bottom),
        "adx": rma(pl.when(plus + minus > 0).then(100 * (plus - minus).abs() / (plus + minus)).otherwise(0.0)),
        "atr": rma(ranges) / c,
        "parkinson": ((h / low).log() ** 2 / (4 * np.log(2))).rolling_mean(20).sqrt(),
        "garman_klass": (0.5 * (h / low).log() ** 2 - (2 * np.log(2) - 1) * (c / o).log() ** 2).rolling_mean(20).sqrt(),
        "band_width": 4 * c.rolling_std(20, ddof=0) / c.rolling_mean(20),
        "vwap": c / ((c * v).rolling_sum(20) / v.rolling_sum(20)) - 1,
        "obv": (change.sign() * v).rolling_sum(20) / v.rolling_sum(20),
        "volume_ratio": v / v.rolling_mean(20),
        "volume_mean": (v.rolling_mean(20) + 1).log(),
    }
    return [expression.alias(f"{name}_{minutes}") for name, expression in found.items()]


def with_polars(frame: pl.DataFrame) -> pl.DataFrame:
    """108 features in polars."""
    candle = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()]
    out = frame.select("ts", *indicators(1))
    for minutes in FRAMES[1:]:
        made = frame.group_by_dynamic("ts", every=f"{minutes * MINUTE}i", closed="right", label="right").agg(candle)
        out = out.join_asof(made.select("ts", *indicators(minutes)), on="ts")
    return out


def differing(frame: pl.DataFrame, features: FeatureSet) -> float:
    """The largest difference of the two where both are settled, relative to the feature's deviation."""
    ours, theirs = features.compute(frame), with_polars(frame)
    worst = 0.0
    for minutes in FRAMES:
        label = "1h" if minutes == 60 else f"{minutes}m"
        for expression in indicators(minutes):
            name = expression.meta.output_name()
            x = ours.column(name.rsplit("_", 1)[0] + f"_{label}")[-2000:]
            y = theirs[name].to_numpy()[-2000:]
            worst = max(worst, float(np.nanmax(np.abs(x - y)) / (np.nanstd(y) + 1e-9)))
    return worst


def rows(n: int = 1_000_000) -> list[dict[str, object]]:
    """Every measurement as {what, who, value, unit}."""
    features, frame = FeatureSet.load("mtf"), bars(n)
    apart = differing(frame.head(60_000), features)
    what, unit = f"mtf, {n:,} one-minute bars", "M numbers/s"
    ours = best(lambda: features.compute(frame), 2)
    theirs = best(lambda: with_polars(frame), 2)
    found: list[dict[str, object]] = [
        {"what": what, "who": f"tickcast, {len(features.names)} features", "value": n * len(features.names) / ours / 1e6, "unit": unit},
        {"what": what, "who": "polars, 108 of them", "value": n * 108 / theirs / 1e6, "unit": unit},
        {"what": what, "who": "tickcast, all", "value": ours, "unit": "s"},
    ]
    if apart > 1e-4:
        found[1] |= {"value": None, "reason": f"its answers differ from ours by {apart:.2g} deviations"}
    return found


def main() -> None:
    for row in rows():
        found = f"{row['value']:10.2f} {row['unit']}" if row["value"] is not None else row["reason"]
        print(f"{row['what']:32} {row['who']:28} {found}")


if __name__ == "__main__":
    main()
