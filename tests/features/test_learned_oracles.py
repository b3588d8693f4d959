"""What is learned agrees with scikit-learn, hmmlearn and arch; what the engine makes of it with plain numpy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from features import learned
from tickcast.clock import MINUTE
from tickcast.features import FeatureSet, FeatureTable
from tickcast.features.garch import negative_log_likelihood
from tickcast.features.hmm import stationary

pytest.importorskip("torch")
N = 1500


def regimes(n: int = N, seed: int = 1) -> pl.DataFrame:
    """Calm and wild stretches, with a drift that differs; three series that move together."""
    rng = np.random.default_rng(seed)
    wild = np.cumsum(rng.random(n) < 0.01) % 2 == 1
    r = np.where(wild, 3e-3, 1e-3) * rng.standard_normal(n)
    high = np.abs(r) + 1e-3 * rng.random(n)
    volume = high**0.5 + 0.01 * rng.random(n)
    return pl.DataFrame({"ts": (1 + np.arange(n)) * MINUTE, "open": r, "high": high, "volume": volume, "close": 1.0})


def fit(features: dict[str, str], frame: pl.DataFrame, rows: int = 1000) -> tuple[list[list[float]], FeatureTable]:
    """The tables and the features, learned on the first `rows`."""
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": features}
    fitted = FeatureSet.from_dict(words).fit(frame, int(frame["ts"][rows - 1]))
    return [table["values"] for table in fitted.graph()["tables"]], fitted.compute(frame)


def three(frame: pl.DataFrame) -> np.ndarray:
    return frame.select("open", "high", "volume").to_numpy()


def test_pca_is_that_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    frame = regimes()
    _, table = fit({f"p{i}": f'fitted("pca_{i}", open, high, volume)' for i in (1, 2, 3)}, frame)
    scaler = preprocessing.StandardScaler().fit(three(frame)[:1000])
    pca = decomposition.PCA().fit(scaler.transform(three(frame)[:1000]))
    loadings = pca.components_
    sign = np.sign(loadings[np.arange(3), np.abs(loadings).argmax(axis=1)])
    assert_allclose(table.values, scaler.transform(three(frame)) @ (loadings * sign[:, None]).T, rtol=0, atol=1e-9)


def test_the_encoder_is_that_of_numpy_and_was_trained() -> None:
    frame = regimes()
    (values,), table = fit({f"a{i}": f'fitted("autoencoder_{i}", open, high, volume, hidden=5)' for i in (1, 2)}, frame)
    z, rest = learned.standardise(three(frame), values)
    assert_allclose(table.values, learned.encode(z, rest), rtol=0, atol=1e-14)
    codes = np.column_stack([table.values[:1000], np.ones(1000)])
    left = z[:1000] - codes @ np.linalg.lstsq(codes, z[:1000], rcond=None)[0]
    assert (left**2).mean() < 0.2  # two numbers say most of three series that move together
    assert (np.abs(np.corrcoef(table.values[:1000].T, z[:1000].T)[:2, 2:]).max(axis=1) > 0.5).all()


def test_states_are_filtered_and_smoothed_ones_would_leak() -> None:
    hmm = pytest.importorskip("hmmlearn.hmm")
    frame = regimes()
    states = {f"h{i}": f'fitted("hmm_{i}", open, high, states=3)' for i in (1, 2, 3)}
    (values,), table = fit(states, frame)
    z, rest = learned.standardise(frame.select("open", "high").to_numpy(), values)
    start, moves, means, variances = learned.chain(rest, 2)
    assert_allclose(table.values[:7], learned.filtered(z[:7], start, moves, means, variances), rtol=1e-9, atol=1e-12)
    assert_allclose(table.values.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(start @ moves, start, atol=1e-12)
    assert (np.diff(np.log(variances).sum(axis=1)) > 0).all()

    model = hmm.GaussianHMM(3, "diag")
    model.startprob_, model.transmat_, model.means_, model.covars_ = start, moves, means, variances
    whole, cut = model.predict_proba(z), 600
    assert_allclose(whole[-1], table.values[-1], rtol=1e-7, atol=1e-9)  # the last row has no future
    assert_allclose(model.predict_proba(z[: cut + 1])[-1], table.values[cut], rtol=1e-7, atol=1e-9)
    assert np.abs(whole - table.values).max() > 0.1  # smoothing changes what was said before
    leaky = z.copy()
    leaky[cut + 1 :, 0] = 3
    assert np.abs(model.predict_proba(leaky)[: cut + 1] - whole[: cut + 1]).max() > 0.01
    shaken = frame.with_columns(pl.when(pl.int_range(pl.len()) > cut).then(9e-3).otherwise(pl.col("open")).alias("open"))
    _, after = fit(states, shaken, rows=cut)
    _, before = fit(states, frame, rows=cut)
    assert (after.values[: cut + 1] == before.values[: cut + 1]).all()


def test_the_fit_of_states_finds_the_regimes() -> None:
    frame = regimes()
    (values,), _ = fit({"h": 'fitted("hmm_1", open)'}, frame)
    _, rest = learned.standardise(frame.select("open").to_numpy(), values)
    start, moves, _, variances = learned.chain(rest, 1)
    assert np.sqrt(variances[1] / variances[0]) == pytest.approx(3, rel=0.15)
    assert moves.diagonal().min() > 0.95
    assert_allclose(stationary(moves), start, rtol=1e-12)


@pytest.mark.parametrize("longest", [200, 30])
def test_run_lengths_are_those_of_the_slow_algorithm(longest: int) -> None:
    frame = regimes(260).with_columns(pl.when(pl.int_range(pl.len()) < 130).then("open").otherwise(pl.col("open") + 0.006).alias("open"))
    asked = f"run=40, longest={longest}"
    lines = {"run": f'fitted("bocpd_run", open, {asked})', "change": f'fitted("bocpd_change", open, {asked}, within=15)'}
    (values,), table = fit(lines, frame, rows=130)
    z, rest = learned.standardise(frame.select("open").to_numpy(), values)
    assert rest[0] == longest
    slow = learned.run_lengths(z[:160, 0], rest)
    assert_allclose(slow.sum(axis=1), 1, rtol=1e-9)
    assert_allclose(table.column("run")[:160], slow @ np.arange(1, longest + 1), rtol=1e-9)
    assert_allclose(table.column("change")[15:160], slow[15:, :15].sum(axis=1), rtol=1e-9, atol=1e-12)
    assert np.isnan(table.column("change")[:15]).all()
    assert table.column("run").max() <= longest
    assert table.column("change")[120] < 0.4 < 0.9 < table.column("change")[140]  # the mean moves at row 130


def test_garch_is_that_of_arch() -> None:
    arch = pytest.importorskip("arch")
    rng, n = np.random.default_rng(7), 4000
    h, r = 1.0, np.zeros(n)
    for t in range(n):
        r[t] = np.sqrt(h) * rng.standard_normal()
        h = 0.05 + 0.1 * r[t] ** 2 + 0.85 * h
    frame = pl.DataFrame({"ts": (1 + np.arange(n)) * MINUTE, "open": 1e-3 * r, "close": 1.0})
    (values,), table = fit({"vol": 'fitted("garch_vol", open)'}, frame, rows=n)
    z, (omega, alpha, beta) = learned.standardise(frame.select("open").to_numpy(), values)
    oracle = arch.arch_model(z[:, 0], mean="Zero", rescale=False).fit(disp="off", backcast=1.0)
    assert_allclose([omega, alpha, beta], oracle.params.to_numpy(), rtol=5e-3, atol=1e-4)
    ours, theirs = (negative_log_likelihood(z[:, 0] ** 2, np.array([0]), *p) for p in ((omega, alpha, beta), oracle.params))
    assert ours <= theirs + 1e-7
    assert alpha == pytest.approx(0.1, abs=0.03)
    assert beta == pytest.approx(0.85, abs=0.04)
    assert_allclose(table.column("vol"), learned.volatility(z[:, 0], [omega, alpha, beta], values[1]), rtol=1e-12)
    following = oracle.forecast(horizon=1, reindex=False).variance.to_numpy()[-1, 0]
    assert table.column("vol")[-1] == pytest.approx(values[1] * np.sqrt(following), rel=1e-2)
