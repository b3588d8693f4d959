"""Every shipped feature set keeps the laws, and planted violators are caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.small_book import market
from features.small_surface import surfaces
from tickcast.checks import LAWS
from tickcast.checks import feature_set as laws
from tickcast.checks.events import CUTS
from tickcast.checks.future import FRAME_FUTURES
from tickcast.clock import MINUTE, SECOND
from tickcast.errors import LawBroken
from tickcast.features import FeatureSet, FeatureTable

SETS = tuple(sorted(path.stem for path in Path(str(files("tickcast.features") / "sets")).glob("*.yaml")))
START = 1_700_000_000_000_000_000 // (5 * MINUTE) * 5 * MINUTE
Law = Callable[..., None]


def bars(n: int, per_session: int, interval: int = 5 * MINUTE) -> pl.DataFrame:
    """Bars in sessions of `per_session`; a roll at the third session."""
    rng = np.random.default_rng(2)
    row = np.arange(n)
    session = row // per_session
    ts = START + interval * (row + 12 * session)
    close = 100 * np.exp(np.cumsum(1e-3 * rng.standard_normal(n)))
    opened = close * np.exp(2e-4 * rng.standard_normal(n))
    volume = rng.integers(1, 500, n).astype(float)
    return pl.DataFrame(
        {
            "symbol": ["X"] * n, "interval": np.full(n, interval), "ts": ts, "ts_open": ts - interval, "open": opened,
            "high": np.maximum(opened, close) * 1.0005, "low": np.minimum(opened, close) * 0.9995, "close": close, "volume": volume,
            "turnover": volume * close, "count": rng.integers(1, 90, n),
            "session_id": START + interval * ((session + 1) * per_session + 12 * session), "segment_id": session // 2,
        }
    )  # fmt: skip


def trades(n: int, per_session: int) -> pl.DataFrame:
    """Trades on a quarter-point grid, many on one stamp, with quiet seconds; a roll at the third session."""
    rng = np.random.default_rng(4)
    session = np.arange(n) // per_session
    gap = rng.choice([0, 0, 1, 2, 700, 4000], n).astype(np.int64) * 1_000_000
    ts = START + np.cumsum(gap) + session * 3600 * SECOND
    last = np.array([ts[session == k].max() for k in range(session.max() + 1)])
    return pl.DataFrame(
        {
            "symbol": ["X"] * n, "ts": ts, "ts_event": ts, "price": 100 + 0.25 * np.cumsum(rng.choice([-1, 0, 0, 1], n)),
            "size": rng.integers(1, 20, n).astype(float), "side": rng.choice([-1, 0, 1], n).astype(np.int8),
            "session_id": (last[session] // SECOND + 60) * SECOND, "segment_id": session // 2,
        }
    )  # fmt: skip


def subject(name: str, *, whole: bool) -> tuple[FeatureSet, Any]:
    """A shipped set, fitted where it learns, and events of its streams; `whole`: one gapless session of one contract."""
    features = FeatureSet.load(name)
    n = 1500
    if features.graph()["stream"] == "book":
        return features, market(3 * n, even=True) if whole else market(n // 2, per_session=n // 6)
    if features.graph()["stream"] == "surface":
        frame = surfaces(n, per_session=n if whole else n // 5)
    elif features.graph()["stream"] == "bars":
        frame = bars(n, n if whole else n // 5, features.graph()["step"] or 5 * MINUTE)
    else:
        frame = trades(n, n if whole else n // 5)
    if features.needs_fit:
        features = features.fit(frame, int(frame["ts"][n // 3]))
    if [side["name"] for side in features.graph()["sides"]] == ["surface"]:
        return features, {"surface": beside(frame), "trades": frame}
    return features, others(features, frame) or frame


def others(features: FeatureSet, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """For a set of several instruments: walks of their own on the same bars, some of them missing, and the main stream's frame."""
    sides = [side for side in features.graph()["sides"] if side["source"]["table"] == "bars"]
    found = {}
    for i, side in enumerate(sides):
        rng = np.random.default_rng(20 + i)
        move = pl.Series(np.exp(np.cumsum(1e-3 * rng.standard_normal(len(frame)))))
        prices = [(50 * move).alias(name) for name in ("open", "high", "low", "close")]
        alike = frame.with_columns(pl.lit(side["source"]["symbol"]).alias("symbol"), *prices)
        found[side["name"]] = alike.filter(pl.Series(rng.random(len(frame)) > 0.02))
    return {**found, features.graph()["stream"]: frame} if found else {}


def beside(frame: pl.DataFrame, n: int = 40) -> pl.DataFrame:
    """Surfaces known at `n` moments from the frame's first row on, some at its very stamps."""
    at = frame["ts"].to_numpy()[np.linspace(0, len(frame) - 1, n).astype(int)] + np.arange(n) % 2 * 1_000_000
    return surfaces(n).with_columns(ts=pl.Series(np.sort(at)), session_id=pl.lit(0, pl.Int64), segment_id=pl.lit(0, pl.Int64))


@pytest.mark.parametrize("law", LAWS["feature_set"], ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", SETS)
def test_feature_set(name: str, law: Law) -> None:
    features, frame = subject(name, whole=law is laws.warmup_is_as_declared)
    assert law(features, frame, np.random.default_rng(9)) is None


def test_no_shipped_set_is_skipped() -> None:
    """Sets are found in the package; a law or a set that goes missing is noticed."""
    known = {
        "alpha158",
        "ash",
        "ash_options",
        "comovement",
        "cross",
        "es_scale",
        "har",
        "lob",
        "mtf",
        "nq24",
        "nq_price",
        "options",
        "regime",
    }
    assert known <= set(SETS)
    assert len(LAWS["feature_set"]) == 8
    assert len(FRAME_FUTURES) == 8 and CUTS == 25


@dataclass(frozen=True)
class Lead(FeatureSet):
    """Shows each row what the next row holds."""

    def compute(self, frame: pl.DataFrame, *, step: int | None = None, tick: float | None = None) -> FeatureTable:
        made = super().compute(frame, step=step, tick=tick)
        made.values[:-1] = made.values[1:].copy()
        return made


@dataclass(frozen=True)
class Scaled(FeatureSet):
    """Scales by the whole sample."""

    def compute(self, frame: pl.DataFrame, *, step: int | None = None, tick: float | None = None) -> FeatureTable:
        made = super().compute(frame, step=step, tick=tick)
        made.values[:] = made.values / np.nanstd(made.values, axis=0)
        return made


@dataclass(frozen=True)
class SinceFirst(FeatureSet):
    """Measures everything from the first row it was given."""

    def compute(self, frame: pl.DataFrame, *, step: int | None = None, tick: float | None = None) -> FeatureTable:
        made = super().compute(frame, step=step, tick=tick)
        made.values[:] = made.values - made.price[0]
        return made


@dataclass(frozen=True)
class Drifting(FeatureSet):
    """Grows with the date."""

    def compute(self, frame: pl.DataFrame, *, step: int | None = None, tick: float | None = None) -> FeatureTable:
        made = super().compute(frame, step=step, tick=tick)
        made.values[:] *= made.ts[:, None] / START
        return made


@dataclass(frozen=True)
class Restless(FeatureSet):
    """Learns from all there is, whatever it was told."""

    @classmethod
    def from_graph(cls, graph: Any) -> FeatureSet:
        return cls(FeatureSet.from_graph(graph).document)

    def fit(self, frame: pl.DataFrame, until: int) -> FeatureSet:
        return super().fit(frame, int(frame["ts"][-1]))


@pytest.mark.parametrize(
    ("law", "violator"),
    [
        (laws.looks_back_only, Lead),
        (laws.looks_back_only, Scaled),
        (laws.batch_is_stream, Lead),
        (laws.restart_changes_nothing, Scaled),
        (laws.warmup_is_as_declared, Lead),
        (laws.corrections_wait, Scaled),
        (laws.fresh_start_agrees, SinceFirst),
        (laws.weeks_change_nothing, Drifting),
    ],
)
def test_a_feature_set_that_breaks_its_law_is_caught(law: Law, violator: type[FeatureSet]) -> None:
    features, frame = subject("nq_price", whole=law is laws.warmup_is_as_declared)
    with pytest.raises(LawBroken):
        law(violator(features.document), frame, np.random.default_rng(9))


def test_a_set_that_learns_from_what_comes_later_is_caught() -> None:
    features, frame = subject("har", whole=False)
    with pytest.raises(LawBroken, match="after the training rows is tenfold"):
        laws.learns_from_the_past(Restless(features.document), frame, np.random.default_rng(9))
