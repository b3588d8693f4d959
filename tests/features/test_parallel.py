"""Many symbols side by side: the same bits as one after the other, and one error for the first that is wrong."""

from __future__ import annotations

import polars as pl
import pytest

from features.test_engine import bits, market
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, compute_each

FRAMES = {name: market(300 + i).with_columns(close=pl.col("close") * (1 + i)) for i, name in enumerate("ABCD")}


@pytest.mark.parametrize("workers", [1, 3])
def test_side_by_side_is_one_after_the_other(workers: int) -> None:
    features = FeatureSet.load("nq24")
    tables = compute_each(features, FRAMES, workers=workers, tick=0.25)
    assert list(tables) == list(FRAMES)
    for name, frame in FRAMES.items():
        assert (bits(tables[name].values) == bits(features.compute(frame).values)).all()
        assert tables[name].tick == 0.25


def test_what_is_wrong_is_told() -> None:
    features = FeatureSet.load("nq24")
    with pytest.raises(FeatureError, match="no volume"):
        compute_each(features, {**FRAMES, "E": FRAMES["A"].drop("volume")}, workers=2)
    with pytest.raises(FeatureError, match="0 workers"):
        compute_each(features, FRAMES, workers=0)
    assert compute_each(features, {}, workers=2) == {}


@pytest.mark.parametrize("name", ["nq24", "mtf", "alpha158"])
def test_a_cleared_engine_is_as_new(name: str) -> None:
    features, frame = FeatureSet.load(name), market(400).with_columns(turnover=pl.col("close") * pl.col("volume"))
    engine = features.stream()
    features.compute(frame.with_columns(pl.col("close") * 3), engine=engine)
    engine.clear()
    assert engine.save() == features.stream().save()
    assert (bits(features.compute(frame, engine=engine).values) == bits(features.compute(frame).values)).all()
