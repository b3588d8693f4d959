"""Golden vectors that pytest and cargo test both read: the same graphs, events and bits. Run this file to write them anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

from features.test_engine import bits, market, trades
from features.test_streams import live as live_streams
from tickcast.clock import SECOND
from tickcast.features import FeatureSet

LACKING = (pl.lit(0).alias("session_id"), pl.lit(0).alias("segment_id"))
LINES = ("slope", "rsquare", "resid")
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "features.json"


def case(features: FeatureSet, frame: pl.DataFrame, sides: Mapping[str, pl.DataFrame] = MappingProxyType({})) -> dict[str, object]:
    frame = frame.with_columns(pl.lit(0, pl.Int64).alias(c) for c in ("session_id", "segment_id") if c not in frame.columns)
    table = features.compute({next(iter(features.streams)): frame, **sides})
    known = {c: frame[c].to_list() for c in ("ts", "session_id", "segment_id")}
    columns = {c: frame[c].to_list() for c in features.columns}
    return {
        "graph": features.graph(),
        "events": known,
        "columns": columns,
        "sides": {
            side: {"ts": sides[side]["ts"].to_list(), "columns": [sides[side][c].cast(pl.Float64).to_list() for c in names]}
            for side, names in list(features.streams.items())[1:]
        },
        "ts": table.ts.tolist(),
        "bits": bits(table.values).ravel().tolist(),
    }


def cases() -> dict[str, dict[str, object]]:
    ticks = trades(400, 9)
    return {
        "nq24": case(FeatureSet.load("nq24"), market(120)),
        "ash": case(FeatureSet.load("ash"), ticks.with_columns(ts=pl.col("ts") // 8, session_id=pl.col("session_id") // 8)),
        "streams": case(streams(), *quotes_and_trades()),
        "learned": case(learned(), market(900).tail(100)),
        "operators": case(operators(), market(90).with_columns(session_id=(np.arange(90) // 40 + 1) * 40 * 300 * SECOND)),
    }


def operators() -> FeatureSet:
    """Every window over few rows, many rows and event time, on a series with holes; anchors and filters."""
    one = ("sum", "var", "mean", "median", "skew", "kurt", "rank", "argmin", "argmax", "wma", "mad", "max", "count", *LINES)
    windows = {"few": "5", "many": "66", "time": '"40m"'}
    lines = {"holed": "where(volume > 20, close, log(0 * close - 1))"}
    lines |= {f"{name}_{kind}": f"{name}({'close' if kind == 'many' else 'holed'}, {n})" for name in one for kind, n in windows.items()}
    lines |= {f"{name}_{kind}": f"{name}(close, volume, {n})" for name in ("cov", "corr", "beta") for kind, n in windows.items()}
    lines |= {f"cum_{name}": f"cum_{name}(holed)" for name in ("sum", "mean", "min", "max", "count", "first")}
    lines |= {"since": "since(close > open)", "seconds": "seconds_since(close > open)", "streak": "streak(close - open)"}
    lines |= {"frac": "frac_diff(close, 0.4, 12)", "detail": 'wavelet(close, "db4", 2)', "smooth": 'wavelet_smooth(close, "db2", 3)'}
    words = {"name": "operators", "stream": "bars", "clock": {"on": "bars", "step": "5m"}, "price": "close", "features": lines}
    return FeatureSet.from_dict(words)


def learned() -> FeatureSet:
    """Every model that learns; what it learned is in the file."""
    lines = {
        "r": "diff(log(close))",
        "range": "log(high / low)",
        "shape": 'fitted("pca_2", r, range, log(volume))',
        "latent": 'fitted("autoencoder_1", r, range, log(volume), hidden=4)',
        "wild": 'fitted("hmm_3", r, range, states=3)',
        "usual": 'fitted("hmm_2", r, range, states=3)',
        "run": 'fitted("bocpd_run", r, run=40, longest=30)',
        "change": 'fitted("bocpd_change", r, run=40, longest=30, within=5)',
        "vol": 'fitted("garch_vol", r)',
    }
    words = {"name": "learned", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": lines}
    return FeatureSet.from_dict(words).fit(market(900), int(market(900)["ts"][799]))


def streams() -> FeatureSet:
    """Every way in which rows of one stream reach another's."""
    lines = {
        "last": "trades.price",
        "flow": 'sum(trades.size, "3s") * lag(trades.price, "2s")',
        "effective": 'at("trades", mean(2 * side * (price - mid()), 3))',
        "realised": 'at("trades + 4s", side * (price - mid()))',
        "vpin": 'at("trades 20 volume", mean(abs(buy_volume - sell_volume), 2) / 20)',
        "bar_range": 'at("trades 5s", high - low)',
        "mid_range": 'at("7s", max(high, 2) - min(low, 2))',
        "corr": 'corr(bid_size_1, ask_size_1, "6s")',
        "age": "age(trades.price)",
        "slope": "slope(mid(), 5)",
    }
    words = {"name": "streams", "stream": "book", "streams": {"trades": {"ttl": "5s"}}, "clock": {"every": "2s"}, "price": "mid()"}
    return FeatureSet.from_dict({**words, "session": "mask", "features": lines})


def quotes_and_trades() -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    rng = np.random.default_rng(11)

    def events(n: int, **columns: np.ndarray) -> pl.DataFrame:
        ts = np.sort(rng.integers(0, 120 * SECOND, n)) // 500_000_000 * 500_000_000
        return pl.DataFrame({"ts": ts, **columns, "session_id": np.where(ts < 60 * SECOND, 60, 130) * SECOND, "segment_id": 0 * ts})

    bid = 100 + rng.integers(-2, 3, 200).cumsum() / 4
    sizes = {f"{side}_size_1": rng.integers(1, 40, 200).astype(float) for side in ("bid", "ask")}
    book = events(200, bid_price_1=bid, ask_price_1=bid + 0.25, **sizes)
    trades = events(90, price=100 + rng.integers(-4, 5, 90) / 4, size=rng.integers(1, 30, 90).astype(float), side=rng.choice([-1, 1], 90))
    return book, {"trades": trades}


@pytest.mark.parametrize("name", ["nq24", "ash", "streams", "learned", "operators"])
def test_the_engine_gives_the_golden_bits(name: str) -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))[name]
    features = FeatureSet.from_graph(golden["graph"])
    frames = {next(iter(features.streams)): pl.DataFrame(golden["events"] | golden["columns"])}
    for side, events in golden["sides"].items():
        frames[side] = pl.DataFrame({"ts": events["ts"]} | dict(zip(features.streams[side], events["columns"], strict=True)))
    table = features.compute(frames)
    assert table.ts.tolist() == golden["ts"]
    assert bits(table.values).ravel().tolist() == golden["bits"]
    rows = live_streams(features, {k: v.with_columns(LACKING) if k in golden["sides"] else v for k, v in frames.items()})
    assert (bits(rows[:, 1:].copy()) == bits(table.values)).all()
    assert np.isfinite(table.values).any()


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(cases(), separators=(",", ":")), "utf-8")
