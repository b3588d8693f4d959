"""Laws of every kind of distribution, on hypothesis' worst ideas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.distributions import DISTRIBUTIONS, Buckets, Distribution, Quantiles, parse
from tickcast.distributions.base import row_blocks
from tickcast.errors import ForecastError

LEVELS = np.array([0.001, 0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 0.999])


@st.composite
def quantiles(draw: st.DrawFn) -> Quantiles:
    """Quantile laws with atoms (equal neighbours) now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, h, q = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(3, 12))
    levels = np.sort(rng.choice(np.arange(1, 100), q, replace=False)) / 100
    steps = rng.exponential(1.0, (n, h, q - 1)) * (rng.random((n, h, q - 1)) < 0.8)
    steps[..., [0, -1]] += 0.1  # tails of an outermost atom have no width
    start = rng.normal(0, 3, (n, h, 1))
    return Quantiles(levels, np.concatenate([start, start + np.cumsum(steps, axis=2)], axis=2))


@st.composite
def buckets(draw: st.DrawFn) -> Buckets:
    """Bucket laws with empty buckets now and then, spread or on a lattice."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, h, b = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(3, 12))
    lattice = draw(st.booleans())
    widths = np.ones((h, b)) if lattice else rng.uniform(0.1, 2.0, (h, b))
    edges = np.concatenate([np.zeros((h, 1)), np.cumsum(widths, axis=1)], axis=1) - b / 2
    mass = rng.exponential(1.0, (n, h, b)) * (rng.random((n, h, b)) < 0.8) + 1e-12
    return Buckets(edges, mass / mass.sum(axis=2, keepdims=True), lattice)


laws = st.one_of(quantiles(), buckets())


def grid(law: Distribution, points: int = 41) -> np.ndarray:
    n, h = law.shape
    ends = law.quantile(np.array([1e-6, 1 - 1e-6]))
    return ends[..., :1] + (ends[..., 1:] - ends[..., :1]) * np.linspace(-0.2, 1.2, points)


@given(laws)
@settings(max_examples=60, deadline=None)
def test_cdf_rises_from_zero_to_one(law: Distribution) -> None:
    values = law.cdf(grid(law))
    assert (np.diff(values, axis=2) >= -1e-12).all()
    assert (values >= 0).all() and (values <= 1).all()
    far = np.stack([np.full(law.shape, -1e6), np.full(law.shape, 1e6)], axis=2)
    assert np.allclose(law.cdf(far), [0.0, 1.0], atol=1e-12)


@given(laws)
@settings(max_examples=60, deadline=None)
def test_quantile_is_the_generalised_inverse(law: Distribution) -> None:
    z = law.quantile(LEVELS)
    assert (law.cdf(z) >= LEVELS - 1e-9).all()
    assert (law.cdf_left(z) <= LEVELS + 1e-9).all()
    below = law.cdf(z - 1e-6)
    flat = below >= LEVELS  # only rounding of the cdf may reach the level earlier
    assert (below[flat] - np.broadcast_to(LEVELS, z.shape)[flat] < 1e-4).all()


@given(laws)
@settings(max_examples=60, deadline=None)
def test_quantiles_never_cross(law: Distribution) -> None:
    assert (np.diff(law.quantile(np.linspace(0.001, 0.999, 199)), axis=2) >= -1e-12).all()


@given(laws)
@settings(max_examples=30, deadline=None)
def test_levels_per_law_agree_with_shared_levels(law: Distribution) -> None:
    n, h = law.shape
    own = np.broadcast_to(LEVELS, (n, h, len(LEVELS))).copy()
    assert (law.quantile(own) == law.quantile(LEVELS)).all()
    assert (law.quantile(own[:1]) == law.quantile(LEVELS)).all()


@given(laws)
@settings(max_examples=40, deadline=None)
def test_moments_equal_the_integral_over_the_quantile_function(law: Distribution) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    z = law.quantile(u)
    mean, variance = z.mean(axis=2), z.var(axis=2)
    spread = np.sqrt(law.variance()) + 1e-9
    assert (np.abs(law.mean() - mean) < 2e-3 * spread).all()
    assert np.allclose(law.variance(), variance, rtol=2e-2, atol=1e-9)


@given(st.one_of(quantiles(), buckets()))
@settings(max_examples=30, deadline=None)
def test_the_density_is_the_slope_of_the_cdf(law: Distribution) -> None:
    z, step = grid(law, 101), 1e-7
    slope = (law.cdf(z + step) - law.cdf(z - step)) / (2 * step)
    density = law.pdf(z)
    smooth = np.isfinite(density) & (np.abs(law.pdf(z - 1e-5) - law.pdf(z + 1e-5)) < 1e-3)
    assert np.allclose(density[smooth], slope[smooth], rtol=1e-3, atol=1e-4)


@given(quantiles())
@settings(max_examples=30, deadline=None)
def test_the_entropy_of_a_density_is_minus_the_mean_of_its_logarithm(law: Quantiles) -> None:
    if (np.diff(law.values, axis=2) < 1e-6).any():
        return  # an atom's differential entropy is minus infinity, floored
    u = (np.arange(100_000) + 0.5) / 100_000
    assert np.allclose(law.entropy(), -np.log(law.pdf(law.quantile(u))).mean(axis=2), atol=1e-2)


def test_lattice_mass_sits_on_centres() -> None:
    edges = np.arange(-2.5, 3.0)[None]
    law = Buckets(edges, np.array([[[0.1, 0.2, 0.4, 0.2, 0.1]]]), lattice=True)
    at = np.array([[[-2.0, 0.0, 0.4, 2.0]]])
    assert np.allclose(law.cdf(at), [0.1, 0.7, 0.7, 1.0])
    assert np.allclose(law.cdf_left(at), [0.0, 0.3, 0.7, 0.9])
    assert np.isinf(law.pdf(at)).tolist() == [[[True, True, False, True]]]
    assert law.quantile(np.array([0.1, 0.3, 0.31, 0.99])).tolist() == [[[-2.0, -1.0, 0.0, 2.0]]]
    assert law.mean()[0, 0] == pytest.approx(0.0) and law.variance()[0, 0] == pytest.approx(1.2)


def test_taking_rows_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    mass = rng.dirichlet(np.ones(7), (50, 2)).astype(np.float32)
    law = Buckets(np.stack([np.arange(8.0)] * 2), mass)
    part = law.take(np.array([3, 4])).take(slice(1, 2))
    assert (part.probabilities[0] == law.probabilities[4]).all()


def test_arrays_cannot_be_written_and_the_callers_stay_writable() -> None:
    values = np.zeros((1, 1, 3)) + np.arange(3)
    law = Quantiles(np.array([0.1, 0.5, 0.9]), values)
    with pytest.raises(ValueError, match="read-only"):
        law.values[0, 0, 0] = 1.0
    values[0, 0, 0] = -1.0


@pytest.mark.parametrize("kind", sorted(DISTRIBUTIONS))
def test_parse_reads_back_arrays(kind: str) -> None:
    edges = np.stack([np.arange(5.0)] * 2)
    law = (
        Buckets(edges, np.full((3, 2, 4), 0.25), lattice=True)
        if kind == "buckets"
        else Quantiles(np.array([0.1, 0.5, 0.9]), np.zeros((3, 2, 3)) + np.arange(3))
    )
    again = parse(kind, law.arrays())
    assert type(again) is DISTRIBUTIONS[kind]
    assert all((again.arrays()[name] == array).all() for name, array in law.arrays().items())
    with pytest.raises(ForecastError, match="needs the array"):
        parse(kind, {})


def test_parse_refuses_an_unknown_kind() -> None:
    with pytest.raises(ForecastError, match="unknown kind"):
        parse("splines", {})


@pytest.mark.parametrize(
    ("edges", "mass", "said"),
    [
        ([[0, 1, 2]], [[[0.5, 0.5]]], "do not fit"),
        ([[0, 1, 1, 2]], [[[0.5, 0.25, 0.25]]], "do not increase"),
        ([[0, 1, 2, np.inf]], [[[0.5, 0.25, 0.25]]], "not finite"),
        ([[0, 1, 2, 3]], [[[0.5, 0.25, 0.3]]], "sum to one"),
        ([[0, 1, 2, 3]], [[[1.5, -0.25, -0.25]]], "negative"),
        ([[0, 1, 2, 3]], [[[np.nan, 0.5, 0.5]]], "not finite"),
    ],
)
def test_buckets_refuse_what_is_no_distribution(edges: object, mass: object, said: str) -> None:
    with pytest.raises(ForecastError, match=said):
        Buckets(np.array(edges, float), np.array(mass, float))


@pytest.mark.parametrize(
    ("levels", "values", "said"),
    [
        ([0.1, 0.9], [[[0, 1]]], "do not fit"),
        ([0.1, 0.5, 1.0], [[[0, 1, 2]]], "between 0 and 1"),
        ([0.5, 0.1, 0.9], [[[0, 1, 2]]], "increase"),
        ([0.1, 0.5, 0.9], [[[0, 2, 1]]], "cross"),
        ([0.1, 0.5, 0.9], [[[0, np.nan, 1]]], "not finite"),
    ],
)
def test_quantiles_refuse_what_is_no_distribution(levels: object, values: object, said: str) -> None:
    with pytest.raises(ForecastError, match=said):
        Quantiles(np.array(levels, float), np.array(values, float))


@given(st.integers(0, 10_000), st.integers(1, 300_000))
def test_row_blocks_cover_every_row_once(rows: int, width: int) -> None:
    if rows * width > 2e8:
        return
    covered = [0]
    for part in row_blocks(rows, width):
        assert part.start == covered[-1] and part.stop > part.start
        covered.append(part.stop)
    assert covered[-1] == rows
