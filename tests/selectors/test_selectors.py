"""Selectors keep what carries the outcome, drop the rest, and say why; hostile rows first."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import mutual_info_score

import small_features as small
from tickcast.errors import ConfigError, ModelError, SplitError
from tickcast.selectors import Chain, Contributions, MutualInformation, RecursiveElimination, Selector, Sound, Uncorrelated
from tickcast.selectors.boosting import Boosting
from tickcast.selectors.folds import purged_folds
from tickcast.selectors.mutual_information import codes, information
from tickcast.selectors.uncorrelated import rank_correlations
from tickcast.views import View

VIEW = small.view()
USUAL = ("linear", "bent", "noise_1", "noise_2", "noise_3", "slow")


def of(*names: str, n: int = 1200, seed: int = 1, strength: float = 1.0) -> View:
    made = small.view(n, seed, strength=strength)
    return replace(made, table=made.table.select(names))


@pytest.mark.parametrize("selector", [Uncorrelated(), MutualInformation(), Contributions(), RecursiveElimination(), Chain()])
def test_rows_that_teach_nothing(selector: Selector) -> None:
    with pytest.raises(ModelError, match="too few to select"):
        selector.select(VIEW.take(slice(0, 20)))
    blind = replace(VIEW, labels=replace(VIEW.labels, values=np.full_like(VIEW.labels.values, np.nan)))
    with pytest.raises(ModelError, match="0 rows with an outcome"):
        selector.select(blind)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sound(missing=1.0),
        lambda: Uncorrelated(limit=0.0),
        lambda: Uncorrelated(about="colour"),
        lambda: MutualInformation(bins=1),
        lambda: Contributions(folds=1),
        lambda: RecursiveElimination(drop=1.0),
        lambda: Boosting(rounds=0),
        lambda: Chain(()),
    ],
)
def test_settings_that_make_no_sense(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


def test_a_horizon_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="labels have 1m, 5m"):
        MutualInformation(horizon="2h").select(VIEW)


def test_what_is_absent_or_flat_is_dropped_with_its_share() -> None:
    found = Sound().select(VIEW)
    assert [(one.feature, round(one.score, 1)) for one in found.dropped] == [("flat", 1.0), ("absent", 0.7)]
    assert "70." in found.dropped[1].reason or "69." in found.dropped[1].reason


def test_of_two_that_say_the_same_the_nearer_one_stays() -> None:
    found = Uncorrelated().select(of("twin", "linear", "noise_1"))
    assert len(found.dropped) == 1 and found.dropped[0].feature in ("twin", "linear") and found.dropped[0].score > 0.95
    kept = dict(found.scores)
    other = {"twin": "linear", "linear": "twin"}[found.dropped[0].feature]
    assert kept[other] >= kept[found.dropped[0].feature] and other in found.dropped[0].reason
    assert not Uncorrelated(limit=0.9999).select(of("twin", "linear")).dropped


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 40), k=st.integers(2, 4))
def test_rank_correlations_are_those_of_scipy(seed: int, n: int, k: int) -> None:
    x = np.random.default_rng(seed).integers(0, 6, (n, k)).astype(float)
    x[:, 0] += np.arange(n) / (2 * n)
    ours = rank_correlations(x)
    for i in range(k):
        for j in range(i):
            if len(set(x[:, i])) > 1 and len(set(x[:, j])) > 1:
                assert ours[i, j] == pytest.approx(spearmanr(x[:, i], x[:, j]).statistic, abs=1e-12)
    assert np.array_equal(ours, ours.T) and (np.diag(ours) == 1).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 200), bins=st.integers(2, 9))
def test_information_is_that_of_scikit_learn(seed: int, n: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = codes(np.where(rng.random(n) < 0.1, np.nan, rng.standard_normal(n)), bins), codes(rng.integers(0, 4, n).astype(float), bins)
    assert information(x, y, bins) == pytest.approx(mutual_info_score(x, y), abs=1e-12)
    assert x.min() >= 0 and x.max() <= bins


def test_information_finds_a_bend_that_correlation_misses() -> None:
    rows = of(*USUAL)
    assert abs(rank_correlations(np.column_stack([rows.matrix(["bent"])[:, 0], rows.outcomes[:, 0]]))[0, 1]) < 0.1
    found = MutualInformation().select(rows)
    assert set(small.SIGNALS) <= set(found.kept)
    assert {"noise_1", "noise_2", "noise_3", "slow"} & {one.feature for one in found.dropped}
    best = MutualInformation(most=1).select(rows)
    assert best.kept == ("linear",) or best.kept == ("bent",)
    assert any("1 features share more" in one.reason for one in best.dropped)


def test_two_slow_series_that_never_met_are_told_apart() -> None:
    """Random walks share a lot by accident; moved around the circle they share as much."""
    kept = 0
    for seed in range(12):
        rows = of("slow", seed=seed)
        walk = np.cumsum(np.random.default_rng(100 + seed).standard_normal(rows.labels.values.shape), axis=0)
        kept += len(MutualInformation(shifts=39, seed=seed).select(replace(rows, labels=replace(rows.labels, values=walk))).kept)
    assert kept <= 2


@pytest.mark.parametrize("selector", [Contributions(), RecursiveElimination()], ids=lambda each: type(each).__name__)
def test_trees_keep_the_signals(selector: Selector) -> None:
    found = selector.select(of(*USUAL, n=2000))
    assert set(small.SIGNALS) <= set(found.kept)
    assert len({"noise_1", "noise_2", "noise_3", "slow"} & {one.feature for one in found.dropped}) >= 3
    scores = dict(found.scores)
    assert min(scores[name] for name in small.SIGNALS) > max(value for name, value in scores.items() if name not in small.SIGNALS)


def test_noise_alone_leaves_little() -> None:
    found = Contributions().select(of("noise_1", "noise_2", "noise_3", strength=0.0))
    assert len(found.kept) <= 2
    with pytest.raises(ModelError, match="leaves no feature"):
        Chain((MutualInformation(seed=3, shifts=199), Sound())).select(of("noise_1", strength=0.0, seed=4))


def test_a_chain_tells_who_dropped_what() -> None:
    found = Chain().select(VIEW)
    assert "bent" in found.kept and len({"linear", "twin"} & set(found.kept)) == 1 and len(found.kept) <= 4
    by = {one.feature: one.by for one in found.dropped}
    assert by["flat"] == by["absent"] == "sound" and "uncorrelated" in (by.get("twin"), by.get("linear"))
    assert json.loads(found.to_json())["dropped"][0]["reason"] and found.to_csv().startswith("feature,kept,by,reason,score,limit\n")


@settings(max_examples=60, deadline=None)
@given(n=st.integers(20, 90), count=st.integers(2, 6), reach=st.integers(1, 12), embargo=st.integers(0, 5))
def test_folds_are_purged(n: int, count: int, reach: int, embargo: int) -> None:
    given = small.view(n + 10, test=10)
    minute = given.table.step
    given = replace(given, labels=replace(given.labels, end=given.labels.start[:, None] + minute * np.array([[1, reach]])))
    try:
        folds = purged_folds(given, count, embargo * minute)
    except SplitError:
        assert reach * 2 + embargo >= n // count
        return
    assert np.array_equal(np.concatenate([fold.judge for fold in folds]), np.arange(n))
    start, end = given.labels.start[given.rows], given.labels.end[given.rows].max(axis=1)
    for fold in folds:
        assert len(fold.learn) + len(fold.judge) + fold.purged == n
        before = fold.learn[fold.learn < fold.judge[0]]
        after = fold.learn[fold.learn > fold.judge[-1]]
        assert (end[before] < start[fold.judge].min()).all() and (start[after] > end[fold.judge].max() + embargo * minute).all()
