"""Forecast: the same laws through scale, units and conversions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.distributions import Buckets, Quantiles
from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

LEVELS = np.linspace(0.025, 0.975, 39)


def make(kind: str, n: int = 40, h: int = 2, seed: int = 0, *, lattice: bool = False) -> Forecast:
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(-7, 0.5, (n, h)))
    names = tuple(f"{j + 1}m" for j in range(h))
    if kind == "quantiles":
        return Forecast(names, Quantiles(LEVELS, np.sort(rng.normal(0, 1, (n, h, 39)), axis=2)), scale, "sigma")
    edges = np.broadcast_to(np.arange(-10.5, 11) if lattice else np.linspace(-5, 5, 22), (h, 22))
    return Forecast(names, Buckets(edges, rng.dirichlet(np.ones(21), (n, h)), lattice), scale, "ticks" if lattice else "sigma")


KINDS = [("quantiles", False), ("buckets", False), ("buckets", True)]


@pytest.mark.parametrize(("kind", "lattice"), KINDS)
def test_results_scale_with_the_scale(kind: str, lattice: bool) -> None:
    forecast = make(kind, lattice=lattice)
    wider = Forecast(forecast.horizons, forecast.law, forecast.scale * 4.0, forecast.unit)
    assert np.allclose(wider.quantile(LEVELS), 4 * forecast.quantile(LEVELS), rtol=1e-12)
    assert np.allclose(wider.mean(), 4 * forecast.mean()) and np.allclose(wider.std(), 4 * forecast.std())
    x = forecast.quantile([0.3])[..., 0]
    assert (wider.cdf(4 * x) == forecast.cdf(x)).all()
    if not lattice:
        assert np.allclose(4 * wider.pdf(4 * x), forecast.pdf(x))
        assert np.allclose(wider.entropy() - forecast.entropy(), np.log(4))


@pytest.mark.parametrize(("kind", "lattice"), KINDS)
def test_p_up_is_the_probability_above_zero(kind: str, lattice: bool) -> None:
    forecast = make(kind, lattice=lattice)
    out = forecast.outputs()
    assert set(out) == {"p_up", "E_r", "q05", "q50", "q95", "std"}
    assert (out["p_up"] == forecast.prob_above(0.0)).all()
    assert np.allclose(out["p_up"], 1 - forecast.cdf(np.zeros((40, 2))))
    assert (out["q05"] <= out["q50"]).all() and (out["q50"] <= out["q95"]).all()


@pytest.mark.parametrize(("kind", "lattice"), KINDS)
def test_x_may_be_scalar_matrix_or_cube(kind: str, lattice: bool) -> None:
    forecast = make(kind, lattice=lattice)
    cube = np.full((40, 2, 3), 1e-3)
    assert forecast.cdf(cube).shape == (40, 2, 3)
    assert (forecast.cdf(cube)[..., 1] == forecast.cdf(1e-3)).all()


@pytest.mark.parametrize(("kind", "lattice"), KINDS)
def test_draws_have_the_moments_and_the_cdf_of_the_law(kind: str, lattice: bool) -> None:
    forecast = make(kind, n=3, lattice=lattice)
    draws = forecast.sample(np.random.default_rng(1), 40_000)
    assert draws.shape == (3, 2, 40_000)
    error = forecast.std() / 200
    assert (np.abs(draws.mean(axis=2) - forecast.mean()) < 5 * error).all()
    assert np.allclose(draws.std(axis=2), forecast.std(), rtol=0.05)
    x = forecast.quantile([0.2, 0.5, 0.9])
    seen = (draws[..., None, :] <= x[..., None] + 1e-12).mean(axis=3)
    assert (np.abs(seen - forecast.cdf(x)) < 0.013).all()
    assert (draws == forecast.sample(np.random.default_rng(1), 40_000)).all()


def test_quantiles_read_at_their_own_levels_are_themselves() -> None:
    forecast = make("quantiles")
    again = forecast.to_quantiles(LEVELS)
    assert np.allclose(again.quantile(LEVELS), forecast.quantile(LEVELS), rtol=1e-9)


@pytest.mark.parametrize("kind", ["quantiles", "buckets"])
def test_bucket_masses_are_differences_of_the_cdf(kind: str) -> None:
    forecast = make(kind)
    edges = np.stack([np.linspace(-3, 3, 12), np.linspace(-4, 2, 12)])
    held = forecast.to_buckets(edges)
    inner = np.broadcast_to(edges[:, 1:-1], (40, 2, 10)) * forecast.scale[..., None]
    assert np.allclose(held.cdf(inner), forecast.cdf(inner), atol=1e-12)


def test_fine_buckets_keep_quantiles_and_moments() -> None:
    forecast = make("quantiles")
    held = forecast.to_buckets(np.stack([np.linspace(-12, 12, 2001)] * 2))
    assert (np.abs(held.quantile(LEVELS) - forecast.quantile(LEVELS)) < 0.02 * forecast.scale[..., None]).all()
    assert np.allclose(held.mean(), forecast.mean(), atol=1e-3 * forecast.scale.max())
    assert np.allclose(held.std(), forecast.std(), rtol=0.01)


@given(st.lists(st.integers(0, 39), min_size=1, max_size=60))
@settings(max_examples=20, deadline=None)
def test_taking_rows_commutes_with_asking(rows: list[int]) -> None:
    for kind, lattice in KINDS:
        forecast = make(kind, lattice=lattice)
        part = forecast.take(np.array(rows))
        assert (part.quantile(LEVELS) == forecast.quantile(LEVELS)[rows]).all()
        assert (part.mean() == forecast.mean()[rows]).all()


@pytest.mark.parametrize(("kind", "lattice"), KINDS)
def test_parts_join_to_the_whole(kind: str, lattice: bool) -> None:
    forecast = make(kind, lattice=lattice)
    joined = Forecast.concatenate([forecast.take(slice(0, 7)), forecast.take(slice(7, None))])
    assert (joined.quantile(LEVELS) == forecast.quantile(LEVELS)).all() and joined.unit == forecast.unit


def test_parts_that_differ_do_not_join() -> None:
    left, right = make("buckets"), make("quantiles")
    with pytest.raises(ForecastError, match="different kind"):
        Forecast.concatenate([left, right])
    other = left.to_buckets(np.stack([np.linspace(-6, 6, 22)] * 2))
    with pytest.raises(ForecastError, match="different grids"):
        Forecast.concatenate([left, other])
    with pytest.raises(ForecastError, match="no forecasts"):
        Forecast.concatenate([])


def test_an_empty_forecast_answers_with_empty_arrays() -> None:
    empty = make("buckets").take(slice(0, 0))
    assert len(empty) == 0 and empty.quantile(LEVELS).shape == (0, 2, 39)
    assert empty.sample(np.random.default_rng(0), 3).shape == (0, 2, 3)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_must_be_positive_and_finite(bad: float) -> None:
    good = make("quantiles", n=1, h=1)
    with pytest.raises(ForecastError, match="positive and finite"):
        Forecast(good.horizons, good.law, np.array([[bad]]), "sigma")


def test_shapes_units_and_levels_are_checked() -> None:
    good = make("quantiles", n=2, h=2)
    with pytest.raises(ForecastError, match="disagree"):
        Forecast(("1m",), good.law, good.scale, "sigma")
    with pytest.raises(ForecastError, match="unknown unit"):
        Forecast(good.horizons, good.law, good.scale, "percent")
    with pytest.raises(ForecastError, match="between 0 and 1"):
        good.quantile([0.0])
    with pytest.raises(ForecastError, match="one row of edges"):
        good.to_buckets(np.linspace(-1, 1, 5)[None])
