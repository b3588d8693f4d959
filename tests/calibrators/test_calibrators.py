"""Calibrators: what they promise, where they must do nothing, and the vectors that Rust replays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tickcast.calibrators import CALIBRATORS, Calibrator, Identity, PitMap, Temperature, apply_all, parse
from tickcast.distributions import Buckets, Quantiles
from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "calibrators.json"
EDGES = np.linspace(-4, 4, 42)
LEVELS = np.linspace(0.025, 0.975, 39)


def gaussian_buckets(n: int, sigma: float, *, lattice: bool = False) -> Forecast:
    """Bucket forecasts of a normal law with this standard deviation, scale 1e-3."""
    from scipy.stats import norm

    edges = np.arange(-10.5, 11) if lattice else EDGES
    mass = np.diff(norm.cdf(edges[1:-1], scale=sigma), prepend=0, append=1)
    law = Buckets(edges[None], np.broadcast_to(mass, (n, 1, len(mass))), lattice)
    return Forecast(("1m",), law, np.full((n, 1), 1e-3), "ticks" if lattice else "sigma")


def gaussian_quantiles(n: int, sigma: float) -> Forecast:
    from scipy.stats import norm

    return Forecast(("1m",), Quantiles(LEVELS, np.broadcast_to(norm.ppf(LEVELS, scale=sigma), (n, 1, 39))), np.full((n, 1), 1e-3), "sigma")


def outcomes(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1e-3, (n, 1))


def made(kind: str) -> Calibrator:
    if kind == "temperature":
        return Temperature((1.3,))
    return PitMap().fit(gaussian_buckets(4000, 0.7), outcomes(4000)) if kind == "pit" else Identity()


def test_temperature_finds_the_truth() -> None:
    # a normal law raised to 1/T and normalised has standard deviation sigma sqrt(T): 0.7 -> 1 needs T = 2.04
    fitted = Temperature().fit(gaussian_buckets(8000, 0.7), outcomes(8000))
    assert fitted.values[0] == pytest.approx(1 / 0.49, rel=0.06)


def test_temperature_never_loses_on_the_rows_it_was_fitted_on() -> None:
    y = outcomes(500)
    for sigma in (0.3, 0.7, 1.0, 2.0):
        forecast = gaussian_buckets(500, sigma)
        hit = np.clip(np.searchsorted(EDGES, y[:, 0] / 1e-3) - 1, 0, 40)

        def loss(f: Forecast, hit: np.ndarray = hit) -> float:
            return float(-np.log(np.maximum(f.law.arrays()["probabilities"][np.arange(500), 0, hit], 1e-12)).mean())

        assert loss(Temperature().fit(forecast, y).apply(forecast)) <= loss(forecast) + 1e-9


@pytest.mark.parametrize("forecast", [gaussian_buckets(4000, 0.7), gaussian_quantiles(4000, 0.7)], ids=["buckets", "quantiles"])
def test_pit_map_makes_fresh_outcomes_uniform(forecast: Forecast) -> None:
    fresh = outcomes(4000, seed=9)
    fitted = PitMap().fit(forecast, outcomes(4000))
    before, after = (abs(np.histogram(f.cdf(fresh), 10, (0, 1))[0] / 400 - 1).max() for f in (forecast, fitted.apply(forecast)))
    assert after < 0.25 < before


def test_pit_map_of_a_lattice_counts_an_atom_once() -> None:
    rng = np.random.default_rng(3)
    ticks = np.round(rng.normal(0, 1.2, (6000, 1)))
    y = np.log1p(ticks * 1e-3)  # k ticks as a log-return, off the lattice of k times one tick
    fitted = PitMap().fit(gaussian_buckets(6000, 1.2, lattice=True), y)
    assert np.abs(np.array(fitted.values[0]) - np.array(fitted.levels)).max() < 0.02


@pytest.mark.parametrize("kind", ["temperature", "pit"])
def test_a_calibrated_forecast_is_left_nearly_alone_and_few_rows_do_no_harm(kind: str) -> None:
    forecast = gaussian_buckets(5000, 1.0)
    for n in (0, 5, 5000):
        y = outcomes(5000)
        y[n:] = np.nan
        after = CALIBRATORS[kind]().fit(forecast, y).apply(forecast)
        assert np.abs(after.law.arrays()["probabilities"] - forecast.law.arrays()["probabilities"]).max() < 0.01
        if n == 0:
            assert np.allclose(after.quantile(LEVELS), forecast.quantile(LEVELS))


@pytest.mark.parametrize("kind", sorted(CALIBRATORS))
def test_parameters_survive_json(kind: str) -> None:
    calibrator = made(kind)
    again = parse(json.loads(json.dumps(calibrator.parameters())))
    forecast = gaussian_buckets(3, 0.7)
    assert again == calibrator
    assert (again.apply(forecast).quantile(LEVELS) == calibrator.apply(forecast).quantile(LEVELS)).all()


@pytest.mark.parametrize("kind", sorted(CALIBRATORS))
def test_rows_are_corrected_one_by_one_with_grid_scale_and_unit_kept(kind: str) -> None:
    forecast, calibrator = gaussian_buckets(9, 0.7), made(kind)
    whole = calibrator.apply(forecast)
    assert (calibrator.apply(forecast.take(slice(4, 6))).quantile(LEVELS) == whole.quantile(LEVELS)[4:6]).all()
    assert whole.kind == forecast.kind and whole.unit == forecast.unit and (whole.scale == forecast.scale).all()


def test_pit_map_of_quantiles_inverts_the_map() -> None:
    forecast = gaussian_quantiles(2, 0.7)
    fitted = made("pit")
    after = fitted.apply(forecast)
    assert isinstance(fitted, PitMap)
    mapped = np.interp(forecast.cdf(after.quantile(LEVELS)), fitted.levels, fitted.values[0])
    assert np.allclose(mapped, LEVELS, atol=1e-9)


def test_identity_returns_the_same_object_and_chains_apply_in_order() -> None:
    forecast = gaussian_buckets(2, 0.7)
    assert apply_all([Identity(), Identity()], forecast) is forecast
    a, b = Temperature((1.7,)), made("pit")
    assert (apply_all([a, b], forecast).mean() == b.apply(a.apply(forecast)).mean()).all()


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"kind": "wish"},
        {"kind": "temperature"},
        {"kind": "temperature", "values": [0.0]},
        {"kind": "temperature", "values": ["hot"]},
        {"kind": "pit", "levels": [0, 0.5, 1]},
        {"kind": "pit", "levels": [0, 0.5, 1], "values": [[0, 0.5, 0.5]]},
        {"kind": "pit", "levels": [0, 0.5, 1], "values": [[0, 1]]},
    ],
)
def test_damaged_parameters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ForecastError):
        parse(bad)


def test_a_forecast_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ForecastError, match="cannot correct quantiles"):
        Temperature((1.0,)).apply(gaussian_quantiles(1, 1.0))
    with pytest.raises(ForecastError, match="knows 2 horizons"):
        Temperature((1.0, 1.0)).apply(gaussian_buckets(1, 1.0))


def golden_forecast(case: dict[str, object]) -> Forecast:
    arrays = {name: np.asarray(value, float) for name, value in case["input"].items()}  # type: ignore[attr-defined]
    law = Quantiles(arrays["levels"], arrays["values"]) if "levels" in arrays else Buckets(arrays["edges"], arrays["probabilities"])
    n, h = law.shape
    return Forecast(tuple(f"{j + 1}m" for j in range(h)), law, np.ones((n, h)), "sigma")


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text())["cases"], ids=lambda case: case["name"])
def test_golden_vectors(case: dict[str, object]) -> None:
    out = parse(case["parameters"]).apply(golden_forecast(case)).law.arrays()  # type: ignore[arg-type]
    for name, wanted in case["output"].items():  # type: ignore[attr-defined]
        assert np.allclose(out[name], wanted, rtol=0, atol=1e-12)
