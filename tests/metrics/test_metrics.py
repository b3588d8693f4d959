"""Metrics against closed forms, an outside library, and their own laws."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from scipy.stats import norm, spearmanr

from tickcast.distributions import Buckets, Quantiles
from tickcast.errors import ConfigError, ForecastError
from tickcast.forecast import Forecast
from tickcast.metrics import (
    CRPS_LEVELS,
    METRICS,
    BlockBootstrap,
    Rows,
    coverage_by_level,
    crps_exact,
    expected_calibration_error,
    pinball,
    pit_histogram,
    reliability,
)

LEVELS = np.linspace(0.005, 0.995, 199)


def gaussian(n: int, sigma: float = 1.0, mu: float = 0.0) -> Forecast:
    values = np.broadcast_to(norm.ppf(LEVELS, mu, sigma), (n, 1, 199))
    return Forecast(("1m",), Quantiles(LEVELS, values), np.full((n, 1), 1e-3), "sigma")


def lattice(n: int) -> tuple[Forecast, Rows]:
    """Ticks from a known law at price 1000, tick 1: one tick is 1e-3; outcomes lie off the linear lattice as real ones do."""
    edges = np.arange(-6.5, 7)[None]
    mass = np.diff(norm.cdf(edges[0, 1:-1], scale=1.3), prepend=0, append=1)
    moves = np.random.default_rng(5).choice(np.arange(-6, 7), n, p=mass)
    law = Buckets(edges, np.broadcast_to(mass, (n, 1, 13)), lattice=True)
    return Forecast(("1s",), law, np.full((n, 1), 1e-3), "ticks"), Rows(np.log1p(moves * 1e-3)[:, None], np.full(n, 1e-3))


def rows(n: int, seed: int = 0) -> Rows:
    return Rows(np.random.default_rng(seed).normal(0, 1e-3, (n, 1)))


def test_crps_of_record_is_twice_the_mean_pinball_in_bp() -> None:
    forecast, seen = gaussian(50), rows(50)
    error = seen.outcomes - forecast.quantile(CRPS_LEVELS)[:, 0]
    by_hand = 2e4 * np.maximum(CRPS_LEVELS * error, (CRPS_LEVELS - 1) * error).mean()
    assert METRICS["crps"].score(forecast, seen)[0] == pytest.approx(by_hand, rel=1e-12)


def test_exact_crps_of_a_gaussian_agrees_with_scoringrules() -> None:
    seen = rows(300)
    ours = crps_exact(gaussian(300), seen.outcomes)[:, 0]
    theirs = scoringrules.crps_normal(seen.outcomes[:, 0], 0.0, 1e-3) * 1e4
    assert np.allclose(ours, theirs, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("kind", ["quantiles", "buckets", "lattice"])
def test_exact_crps_is_the_integral(kind: str) -> None:
    if kind == "lattice":
        forecast, _ = lattice(5)
    else:
        forecast = gaussian(5).to_quantiles([0.1, 0.3, 0.5, 0.9])
        forecast = forecast.to_buckets(np.linspace(-2, 2, 9)[None]) if kind == "buckets" else forecast
    y = np.array([-9e-3, -5e-4, 1e-4, 1.5e-3, 8e-3])[:, None]
    x = np.linspace(-0.03, 0.03, 600_001)
    cdf = forecast.cdf(np.broadcast_to(x, (5, 1, len(x))))
    by_sum = ((cdf - (x >= y[..., None])) ** 2).sum(axis=2) * (x[1] - x[0]) * 1e4
    assert np.allclose(crps_exact(forecast, y), by_sum, rtol=1e-3, atol=2e-3)


def test_pinball_is_zero_at_the_outcome_and_positive_elsewhere() -> None:
    loss = pinball(np.array([[[0.0, 1.0, -1.0]]]), np.zeros((1, 1)), np.array([0.5, 0.9, 0.9]))
    assert loss[0, 0].tolist() == pytest.approx([0.0, 0.1, 0.9])


def test_log_score_of_a_gaussian_is_its_log_density_per_bp() -> None:
    seen = rows(20_000)
    wanted = norm.logpdf(seen.outcomes[:, 0] * 1e4, scale=10).mean()
    assert METRICS["log_score"].score(gaussian(20_000), seen)[0] == pytest.approx(wanted, abs=0.01)


def test_log_score_on_a_lattice_is_the_probability_of_the_move() -> None:
    forecast, seen = lattice(400)
    k = np.round(np.expm1(seen.outcomes[:, 0]) * 1e3).astype(int) + 6
    wanted = np.log(forecast.law.arrays()["probabilities"][0, 0, k]).mean()
    assert METRICS["log_score"].score(forecast, seen)[0] == pytest.approx(wanted, rel=1e-9)


def test_log_score_is_floored() -> None:
    seen = Rows(np.array([[0.5]]), np.array([1e-3]))
    assert METRICS["log_score"].score(gaussian(1), seen)[0] == pytest.approx(np.log(1e-9))


@pytest.mark.parametrize("name", ["crps", "log_score", "brier"])
def test_the_truth_scores_best(name: str) -> None:
    seen = rows(20_000)
    metric = METRICS[name]
    sign = -1 if metric.better == "higher" else 1
    true, wide, off = (sign * metric.score(f, seen)[0] for f in (gaussian(20_000), gaussian(20_000, 1.5), gaussian(20_000, 1.0, 0.5)))
    assert true < off and true <= wide + 1e-9


@pytest.mark.parametrize("level", [50, 80, 90])
def test_coverage_of_the_truth_is_its_level_also_on_a_lattice(level: int) -> None:
    metric = METRICS[f"coverage_{level}"]
    assert metric.score(gaussian(20_000), rows(20_000))[0] == pytest.approx(level / 100, abs=0.012)
    forecast, seen = lattice(20_000)
    assert metric.score(forecast, seen)[0] == pytest.approx(level / 100, abs=0.012)
    assert METRICS[f"width_{level}"].score(gaussian(5), rows(5))[0] == pytest.approx(20 * norm.ppf(0.5 + level / 200), rel=1e-3)


def test_pit_of_the_truth_stays_in_its_band_and_of_a_narrow_forecast_does_not() -> None:
    for forecast, seen in ((gaussian(8000), rows(8000)), lattice(8000)):
        pit = pit_histogram(forecast, seen)
        assert np.allclose(pit.density.mean(axis=1), 1.0)
        assert ((pit.density >= pit.low[:, None]) & (pit.density <= pit.high[:, None])).mean() > 0.9
    pit = pit_histogram(gaussian(8000, 0.6), rows(8000))
    assert pit.density[0, 0] > pit.high[0] and pit.density[0, -1] > pit.high[0]
    assert np.abs(coverage_by_level(gaussian(8000), rows(8000), np.array([0.1, 0.5, 0.9])) - [0.1, 0.5, 0.9]).max() < 0.02


def test_overlapping_labels_widen_the_pit_band() -> None:
    plain, wide = (pit_histogram(gaussian(5000), rows(5000), overlap=overlap) for overlap in (None, np.array([12.0])))
    assert wide.high[0] > plain.high[0] and wide.low[0] < plain.low[0]


def test_reliability_and_direction_know_a_seer_from_a_coin() -> None:
    seen = rows(4000)
    n = len(seen.outcomes)
    sign = np.sign(seen.outcomes)[..., None]
    seer = Forecast(("1m",), Quantiles(LEVELS, norm.ppf(LEVELS) + sign * 2.0), np.full((n, 1), 1e-3), "sigma")
    assert METRICS["direction"].score(seer, seen)[0] == 1.0
    assert METRICS["direction"].score(gaussian(n), seen)[0] == pytest.approx(0.5, abs=0.03)
    assert expected_calibration_error(reliability(gaussian(n), seen))[0] < 0.06
    assert reliability(seer, seen, groups=8).count.sum() == n


def test_ic_is_spearman() -> None:
    rng = np.random.default_rng(2)
    seen = rows(500)
    mu = seen.outcomes * 300 + rng.normal(0, 1, (500, 1))
    forecast = Forecast(("1m",), Quantiles(LEVELS, norm.ppf(LEVELS) + mu[..., None]), np.full((500, 1), 1e-3), "sigma")
    wanted = spearmanr(forecast.mean()[:, 0], seen.outcomes[:, 0]).statistic
    assert METRICS["ic"].score(forecast, seen)[0] == pytest.approx(wanted, abs=1e-9)
    assert METRICS["ic"].score(gaussian(500), seen)[0] == 0.0


@pytest.mark.parametrize("name", sorted(METRICS))
def test_rows_without_a_label_do_not_count(name: str) -> None:
    seen = rows(60)
    holes = seen.outcomes.copy()
    holes[40:] = np.nan
    short, held = METRICS[name].score(gaussian(40), Rows(seen.outcomes[:40])), METRICS[name].score(gaussian(60), Rows(holes))
    assert np.allclose(short, held, rtol=1e-12)
    assert np.isnan(METRICS[name].score(gaussian(3), Rows(np.full((3, 1), np.nan)))[0])


def test_a_forecast_of_other_rows_is_refused() -> None:
    with pytest.raises(ForecastError, match="different rows"):
        METRICS["crps"].score(gaussian(3), rows(4))


def test_bootstrap_means_equal_means_over_the_drawn_rows() -> None:
    rng = np.random.default_rng(0)
    terms = rng.normal(0, 1, (101, 2))
    terms[rng.random((101, 2)) < 0.2] = np.nan
    draw = BlockBootstrap.draw(101, 7, 20, rng)
    drawn = (draw.starts[:, :, None] + np.arange(7)) % 101
    wanted = np.nanmean(terms[drawn.reshape(20, -1)], axis=1)
    assert np.allclose(draw.means(terms), wanted)


def test_intervals_of_dependent_rows_cover_where_independent_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    held = {1: 0, 60: 0}
    for _ in range(80):
        noise = rng.normal(0, 1, 1220)
        series = np.convolve(noise, np.ones(20) / 20, "valid")[:1200]
        for block in held:
            low, high = BlockBootstrap.interval(BlockBootstrap.draw(1200, block, 200, rng).means(series))
            held[block] += int(low <= 0 <= high)
    assert held[60] >= 66 and held[1] <= 45


def test_bootstrap_refuses_nothing_to_draw_from() -> None:
    with pytest.raises(ConfigError):
        BlockBootstrap.draw(0, 1, 10, np.random.default_rng(0))
