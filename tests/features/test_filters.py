"""One-sided filters: the coefficients of PyWavelets, taps on the past only, the stated delay."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from features.test_windows import of, series
from tickcast.features.filters import MAX_LEVEL, SCALING, frac_diff, taps, wavelet

pywt = pytest.importorskip("pywt")
DELAY = {"haar": 0.5, "db2": 0.63, "db4": 1.01}
NAMES = sorted(SCALING)


def impulse(n: int, at: int) -> pl.DataFrame:
    return series(np.where(np.arange(n) == at, 1.0, 0.0))


def response(name: str, level: int, smooth: bool) -> np.ndarray:
    """Weights of the whole cascade, newest first."""
    weights = np.ones(1)
    for tapped, spacing in wavelet(name, level, smooth):
        spread = np.zeros((len(tapped) - 1) * spacing + 1)
        spread[::spacing] = tapped
        weights = np.convolve(weights, spread)
    return weights


@pytest.mark.parametrize("name", NAMES)
def test_coefficients_are_those_of_pywavelets(name: str) -> None:
    known = pywt.Wavelet(name)
    ((low, _),), ((high, _),) = wavelet(name, 1, True), wavelet(name, 1, False)
    assert_allclose(np.array(low) * math.sqrt(2), known.rec_lo, atol=1e-15)
    assert_allclose(np.array(high) * math.sqrt(2), known.rec_hi, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [1, 2, 5])
@pytest.mark.parametrize("smooth", [True, False])
def test_an_impulse_answers_with_the_cascade_and_not_before(name: str, level: int, smooth: bool) -> None:
    weights = response(name, level, smooth)
    text = f"wavelet{'_smooth' if smooth else ''}(close, '{name}', {level})"
    found = of(impulse(1000, 500), text)[:, 0]
    assert np.isnan(found[: len(weights) - 1]).all()
    assert np.isfinite(found[len(weights) - 1 :]).all()
    assert (found[len(weights) - 1 : 500] == 0).all()
    assert_allclose(found[500 : 500 + len(weights)], weights, atol=1e-15)
    assert (found[500 + len(weights) :] == 0).all()
    assert weights.sum() == pytest.approx(1 if smooth else 0, abs=1e-14)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_interior_is_pywavelets_stationary_transform(name: str, level: int) -> None:
    """PyWavelets runs its filters the other way and centres them: seen in a mirror, its coefficients are ours, only later."""
    x = np.cumsum(np.random.default_rng(4).normal(size=256))
    theirs = pywt.swt(x, name, level=level, norm=True)[0]
    ours = of(series(x[::-1].copy()), f"wavelet_smooth(close, '{name}', {level})", f"wavelet(close, '{name}', {level})")[::-1]
    early = (len(SCALING[name]) // 2 - 1) * (2**level - 1)
    for i in range(2):
        assert_allclose(ours[100:-100, i], np.roll(theirs[i], -early)[100:-100], atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [1, 3, 6])
def test_a_smooth_lags_by_the_stated_delay(name: str, level: int) -> None:
    weights = response(name, level, True)
    delay = float(np.arange(len(weights)) @ weights)
    assert delay == pytest.approx((2**level - 1) * DELAY[name], rel=0.01)
    ramp = of(series(np.arange(1500.0)), f"wavelet_smooth(close, '{name}', {level})")[-1, 0]
    assert 1499 - ramp == pytest.approx(delay, rel=1e-9)


def test_fractional_differences_join_the_whole_ones() -> None:
    x = np.cumsum(np.random.default_rng(2).normal(size=300))
    found = of(series(x), "frac_diff(close, 1, 50)", "frac_diff(close, 2, 50)", "frac_diff(close, 0.4, 50)")
    assert_allclose(found[60:, 0], np.diff(x)[59:], atol=1e-12)
    assert_allclose(found[60:, 1], np.diff(x, 2)[58:], atol=1e-12)
    assert_allclose(found[49:, 2], np.convolve(x, frac_diff(0.4, 50))[49:300], atol=1e-12)
    # (1 - L)^0.4 (1 - L)^0.6 = 1 - L, term by term
    assert_allclose(np.convolve(frac_diff(0.4, 40), frac_diff(0.6, 40))[:40], [1, -1, *[0] * 38], atol=1e-15)


def test_every_filter_has_finite_weights() -> None:
    for name in NAMES:
        assert all(math.isfinite(w) for weights, _ in wavelet(name, MAX_LEVEL, False) for w in weights)
    assert len(taps("frac_diff", {"d": 0.3, "rows": 7})[0][0]) == 7
