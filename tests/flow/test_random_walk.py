"""On a random walk no shipped set predicts anything; where a signal is planted, it is found.

Directions and sizes are counted as hits, which are binomial under the null whatever the features are; the gain in CRPS against the true law
is a sum of terms with conditional mean at most zero. One band of 99 % is shared by all sets, measures and seeds (Bonferroni).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from checks.test_feature_sets import beside, others
from flow.walks import Skill, Walk, bars, books, chains, oracle, predicted, trade_by_trade, trades
from tickcast.features import FeatureSet, FeatureTable

SETS = tuple(sorted(path.stem for path in Path(str(files("tickcast.features") / "sets")).glob("*.yaml")))
SEEDS = (11, 12, 13)
ROWS = 12_000
ENOUGH = 0.8  # share of the oracle's skill
LEVEL = 0.01 / (len(SETS) * len(SEEDS) * 3)


@cache
def walk(name: str, seed: int) -> Walk:
    """A walk of the stream that a set reads; on trades also of its clock, since a second holds several of them."""
    graph = FeatureSet.load(name).graph()
    kinds = {"bars": bars, "book": books, "surface": chains, "trades": trades if graph["clock"] else trade_by_trade}
    return kinds[str(graph["stream"])](seed, ROWS)


def table_of(name: str, given: Walk) -> FeatureTable:
    features = FeatureSet.load(name)
    if features.needs_fit and isinstance(given.events, pl.DataFrame):
        features = features.fit(given.events, int(given.events["ts"][len(given.events) // 2]))
    if [side["name"] for side in features.graph()["sides"]] == ["surface"]:
        return features.compute({"surface": beside(given.events), features.graph()["stream"]: given.events})
    if isinstance(given.events, pl.DataFrame):
        return features.compute(others(features, given.events) or given.events)
    return features.compute(given.events)


def outside(found: Skill) -> list[str]:
    """Measures outside the band: hits on either side, CRPS where it is better than the truth."""
    out = []
    for name, (hit, of) in (("direction", found.direction), ("size", found.size)):
        low, high = binom.ppf([LEVEL / 2, 1 - LEVEL / 2], of, 0.5)
        if not low <= hit <= high:
            out.append(f"{name}: {hit} of {of}, allowed {low:.0f} to {high:.0f}")
    z = float(found.gain.mean() / found.gain.std() * np.sqrt(len(found.gain)))
    if not z <= NormalDist().inv_cdf(1 - LEVEL):
        out.append(f"CRPS: {z:.1f} standard errors better than the truth")
    return out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SETS)
def test_no_set_predicts_a_random_walk(name: str, seed: int) -> None:
    given = walk(name, seed)
    found = predicted(table_of(name, given), given)
    assert found.direction[1] > ROWS // 4
    assert outside(found) == []


@pytest.mark.parametrize("name", ["nq24", "es_scale"])
def test_a_set_that_looks_one_row_ahead_is_far_outside(name: str) -> None:
    given = walk(name, SEEDS[0])
    honest = table_of(name, given)
    ahead = np.abs(np.diff(np.log(honest.price), append=np.nan))
    signed = np.diff(np.log(honest.price), append=np.nan)
    leaky = replace(honest, values=np.column_stack([honest.values, ahead, signed]), names=(*honest.names, "size_ahead", "return_ahead"))
    assert len(outside(predicted(leaky, given))) == 3


@pytest.mark.parametrize(("follows", "clusters", "measures"), [(0.25, 0.0, ("direction", "gain")), (0.0, 0.8, ("size", "gain"))])
def test_a_planted_signal_is_found(follows: float, clusters: float, measures: tuple[str, ...]) -> None:
    """A set that sees the signal gets 80 % of what the oracle gets that knows the conditional law, and lies outside the band."""
    ours, best = [], []
    for seed in SEEDS:
        given = bars(seed, 40_000, follows=follows, clusters=clusters)
        table = table_of("nq24", given)
        ours.append(predicted(table, given))
        best.append(oracle(table, given))
        assert len(outside(ours[-1])) >= 2
    for measure in measures:
        found, possible = (sum(_skill(each, measure) for each in them) for them in (ours, best))
        assert found >= ENOUGH * possible > 0, f"{measure}: {found / possible:.0%} of the oracle's skill"


def _skill(found: Skill, measure: str) -> float:
    """Share of hits above one half, or the mean gain."""
    if measure == "gain":
        return float(found.gain.mean())
    hit, of = found.direction if measure == "direction" else found.size
    return hit / of - 0.5
