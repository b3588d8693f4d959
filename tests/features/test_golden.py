"""Golden vectors that pytest and cargo test both read: the same graphs, events and bits. Run this file to write them anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.test_engine import bits, live, market, trades
from tickcast.features import FeatureSet

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "features.json"


def case(name: str, frame: pl.DataFrame) -> dict[str, object]:
    features = FeatureSet.load(name)
    frame = frame.with_columns(pl.lit(0, pl.Int64).alias(c) for c in ("session_id", "segment_id") if c not in frame.columns)
    table = features.compute(frame)
    known = {c: frame[c].to_list() for c in ("ts", "session_id", "segment_id")}
    columns = {c: frame[c].to_list() for c in features.columns}
    return {
        "graph": features.graph(),
        "events": known,
        "columns": columns,
        "ts": table.ts.tolist(),
        "bits": bits(table.values).ravel().tolist(),
    }


def cases() -> dict[str, dict[str, object]]:
    ticks = trades(400, 9)
    return {
        "nq24": case("nq24", market(120)),
        "ash": case("ash", ticks.with_columns(ts=pl.col("ts") // 8, session_id=pl.col("session_id") // 8)),
    }


@pytest.mark.parametrize("name", ["nq24", "ash"])
def test_the_engine_gives_the_golden_bits(name: str) -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))[name]
    features = FeatureSet.from_graph(golden["graph"])
    frame = pl.DataFrame(golden["events"] | golden["columns"])
    table = features.compute(frame)
    assert table.ts.tolist() == golden["ts"]
    assert bits(table.values).ravel().tolist() == golden["bits"]
    assert (bits(live(features, frame)) == bits(table.values)).all()
    assert np.isfinite(table.values).any()


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(cases(), separators=(",", ":")), "utf-8")
