"""Each fit on rows whose answer is known."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.autoencoder import encoder
from tickcast.features.bocpd import run_prior
from tickcast.features.garch import garch
from tickcast.features.hmm import hidden_markov, stationary
from tickcast.features.pca import principal_components
from tickcast.features.training import Training


def training(x: np.ndarray, outputs: int = 1) -> Training:
    return Training.of(x.reshape(len(x), -1), np.zeros(len(x), np.int64), outputs, 10)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**31))
def test_loadings_are_orthonormal_and_do_not_care_for_scale(series: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((200, series)) @ rng.standard_normal((series, series)) + 0.1 * rng.standard_normal((200, series))
    count, *flat = principal_components(training(x))
    loadings = np.array(flat).reshape(int(count), series)
    assert count == series
    assert_allclose(loadings @ loadings.T, np.eye(series), atol=1e-9)
    size = np.abs(loadings)
    largest = (size > (1 - 1e-6) * size.max(axis=1, keepdims=True)).argmax(axis=1)  # two series load alike, but for the last bits
    assert (loadings[np.arange(series), largest] > 0).all()
    scores = training(x).z @ loadings.T
    assert (np.diff(scores.var(axis=0)) <= 1e-9).all()
    scaled = principal_components(training(x * rng.uniform(1e-6, 1e6, series) + 3))
    assert_allclose(scaled, [count, *flat], atol=1e-6)


def test_series_that_say_the_same_have_one_component() -> None:
    x = np.random.default_rng(1).standard_normal(100)
    twice = np.column_stack([x, -2 * x])
    assert principal_components(training(twice)) == pytest.approx([1, 0.5**0.5, -(0.5**0.5)])
    with pytest.raises(FeatureError, match="move in 1 directions only, no pca_2"):
        principal_components(training(twice, outputs=2))


def test_an_encoder_is_the_same_bits_for_the_same_seed() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).standard_normal((300, 1)) @ np.ones((1, 4)) + 0.1 * np.random.default_rng(2).standard_normal((300, 4))
    torch.manual_seed(3)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    made = [encoder(training(x), latent=1, hidden=3, steps=30, seed=seed) for seed in (7, 7, 8)]
    assert made[0] == made[1] != made[2]
    assert len(made[0]) == 2 + 3 * 4 + 3 + 3 + 1
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_prior_of_runs_comes_from_their_moments() -> None:
    rng, rows, blocks = np.random.default_rng(5), 100, 400
    variance = 4.0 / rng.gamma(5.0, size=blocks)  # inverse gamma: alpha 5, beta 4, mean 1
    mean = np.sqrt(variance / 0.5) * rng.standard_normal(blocks)  # kappa 0.5
    x = (mean[:, None] + np.sqrt(variance)[:, None] * rng.standard_normal((blocks, rows))).ravel()
    longest, hazard, kappa, alpha, beta, ratio = run_prior(training(x), run=rows, longest=60)
    assert (longest, hazard) == (60, 0.01)
    assert kappa == pytest.approx(0.5, rel=0.25)
    assert alpha == pytest.approx(5, rel=0.3)
    assert beta / (alpha - 1) * x.var() == pytest.approx(1, rel=0.1)
    assert ratio == pytest.approx(np.sqrt(alpha - 0.25), rel=0.01)  # gamma(a + 1/2) / gamma(a) is close to that
    steady = run_prior(training(rng.standard_normal(20_000)), run=100, longest=60)
    assert steady[2] == 100 and steady[3] == 20  # equal blocks: the mean and variance are known


def test_stretches_are_learned_apart() -> None:
    """A jump of state between two stretches is no move: it teaches nothing about how long a state lasts."""
    pytest.importorskip("hmmlearn")
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((40, 25)) * np.where(np.arange(40) % 2, 5.0, 1.0)[:, None]).ravel()
    stretch = np.repeat(np.arange(40), 25)
    apart = hidden_markov(Training.of(x[:, None], stretch, 1, 10), states=2)
    joined = hidden_markov(training(x), states=2)
    assert apart[3] > 0.995 > joined[3] > 0.9
    assert garch(Training.of(x[:, None], stretch, 1, 10)) != garch(training(x))


def test_what_does_not_converge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hmmlearn")
    x = training(np.random.default_rng(2).standard_normal(400))
    monkeypatch.setattr("tickcast.features.hmm._MOST_PASSES", 3)
    monkeypatch.setattr("tickcast.features.hmm._GAIN", 1e-12)
    with pytest.raises(FeatureError, match="still change after 3 passes. Use fewer states"):
        hidden_markov(x, states=4)
    monkeypatch.setattr("tickcast.features.garch.negative_log_likelihood", lambda *_: float("nan"))
    with pytest.raises(FeatureError, match="no maximum that can be found. Train on more rows"):
        garch(x)


@pytest.mark.parametrize(
    ("package", "asked"), [("torch", 'fitted("autoencoder_1", close, open, latent=1)'), ("hmmlearn", 'fitted("hmm_1", close)')]
)
def test_an_absent_package_is_named(package: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (package, f"{package}.hmm"):
        monkeypatch.setitem(sys.modules, name, None)
    x = np.random.default_rng(1).standard_normal((200, 2))
    frame = pl.DataFrame({"ts": np.arange(200), "close": x[:, 0], "open": x[:, 1]})
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": {"f": asked}}
    with pytest.raises(FeatureError, match=f"field f: .*{package}, which is not installed. Install tickcast.train."):
        FeatureSet.from_dict(words).fit(frame, 199)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**31))
def test_the_stationary_distribution_stays(states: int, seed: int) -> None:
    moves = np.random.default_rng(seed).dirichlet(np.full(states, 0.3), states) + 1e-8
    moves /= moves.sum(axis=1, keepdims=True)
    share = stationary(moves)
    assert (share > 0).all()
    assert_allclose(share @ moves, share, atol=1e-9)
