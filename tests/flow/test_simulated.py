"""The whole path on markets whose law is known: calibrated where there is something to know, silent where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from tickcast.calibrators import apply_all
from tickcast.config import Experiment
from tickcast.lifecycle.build import load_forecaster
from tickcast.lifecycle.describe import Described, describe
from tickcast.lifecycle.fit import calibrate
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.market import Market, market
from tickcast.lifecycle.progress import Progress
from tickcast.lifecycle.replay import replay
from tickcast.lifecycle.run import RunResult, run
from tickcast.metrics import METRICS, Rows
from tickcast.sources import SimulatedMarket
from tickcast.store import Store

CONFIG = Path(__file__).parents[2] / "configs" / "simulated.yaml"


def small(*changes: str, keep: tuple[str, ...]) -> Experiment:
    whole = Experiment.load(CONFIG, changes)
    kept = {name: one for name, one in whole.forecasters.items() if name in keep}
    return whole.model_copy(
        update={
            "forecasters": kept,
            "baselines": tuple(name for name in whole.baselines if name in kept),
            "bundle": whole.bundle if whole.bundle in kept else None,
        }
    )


def prepared(experiment: Experiment, folder: Path) -> tuple[Market, Described]:
    store = Store.open(folder / "store")
    arrived = ingest(experiment.data, store, folder / "receipts", Progress())
    rows = market(experiment, store, arrived)
    store.close()
    return rows, describe(experiment, rows, 1)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, RunResult, Path]:
    """Sixty days with a small GRU, from source to bundle."""
    folder = tmp_path_factory.mktemp("flow")
    options = "forecasters.gru_buckets.options={backbone: {width: 8}, training: {epochs: 1}}"
    experiment = small("data.options={days: 60, interval: 5m}", "resamples=50", options, keep=("climatology", "har", "gru_buckets"))
    made = run(experiment, folder / "runs", folder / "store", commit="test", clock=lambda: 0.0)
    return experiment, made, folder


def test_a_run_leaves_report_config_facts_and_bundle(shipped: tuple[Experiment, RunResult, Path]) -> None:
    experiment, made, _ = shipped
    facts = json.loads((made.folder / "run.json").read_text())
    assert json.loads((made.folder / "config.json").read_text())["name"] == "simulated"
    assert facts["config"] == experiment.hash()
    assert len(facts["data_version"]) == 64
    assert made.report.read_text().startswith("<!doctype html>")
    assert json.loads((made.folder / "report.json").read_text())["facts"]["title"] == "simulated"
    assert made.bundle is not None and (made.bundle / "manifest.json").is_file()


def test_a_second_run_fits_nothing_and_says_the_same(shipped: tuple[Experiment, RunResult, Path]) -> None:
    experiment, made, folder = shipped
    before = (made.folder / "report.json").read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in made.folder.glob("forecasters/*/model/model.json")}
    again = run(experiment, folder / "runs", folder / "store", commit="test", clock=lambda: 0.0)
    assert (again.folder / "report.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_the_server_gives_the_forecasts_of_research(shipped: tuple[Experiment, RunResult, Path]) -> None:
    experiment, made, folder = shipped
    assert made.bundle is not None
    rows, _ = prepared(experiment, folder)
    events = rows.rows.tail(400)
    found = replay(made.bundle, events, last=200 * 300 * 10**9, every=300 * 10**9)
    assert found.compared >= 190
    assert found.largest < 1e-9


def test_the_calibrated_forecast_knows_the_simulated_market(tmp_path: Path) -> None:
    """PIT uniform inside its 99 % band and at least 80 % of the oracle's skill over climatology, at every horizon."""
    experiment = small("data.options={days: 400, interval: 5m}", keep=("climatology", "har"))
    _, described = prepared(experiment, tmp_path)
    made = run(experiment, tmp_path / "runs", tmp_path / "store", commit="test", clock=lambda: 0.0)
    test = described.view(described.split.test)
    models = {name: load_forecaster(made.folder / "forecasters" / name / "model") for name in experiment.forecasters}
    valid = models["har"].predict(described.view(described.split.valid))
    forecast = apply_all(calibrate(("pit",), valid, described), models["har"].predict(test))
    oracle = SimulatedMarket(symbol="SIM", days=400, interval="5m").oracle(test.ts, test.horizons)
    score = {
        name: METRICS["crps"].score(one, Rows(test.outcomes, None))
        for name, one in (("climatology", models["climatology"].predict(test)), ("forecast", forecast), ("oracle", oracle))
    }
    share = (1 - score["forecast"] / score["climatology"]) / (1 - score["oracle"] / score["climatology"])
    assert (share >= 0.8).all(), share
    assert (score["oracle"] < score["forecast"]).all()
    for j, steps in enumerate((3, 6, 12)):  # rows whose labels do not overlap
        rows = np.arange(0, len(test), steps)
        known = rows[np.isfinite(test.outcomes[rows, j])]
        value = forecast.take(known).cdf(test.outcomes[known])[:, j]
        assert kstest(value, "uniform").pvalue > 0.01, (j, kstest(value, "uniform"))


def test_nothing_is_found_in_a_random_walk(tmp_path: Path) -> None:
    """Direction, volatility and CRPS skill stay inside the band of nothing for every forecaster, a network included."""
    experiment = small(
        "data.options={days: 90, interval: 5m, dynamics: random_walk}",
        "forecasters.gru_buckets.options={backbone: {width: 8}, training: {epochs: 2}}",
        "resamples=200",
        "bundle=null",
        keep=("climatology", "har", "lightgbm", "gru_buckets"),
    )
    experiment = experiment.model_copy(update={"baselines": ("climatology",)})
    found = run(experiment, tmp_path / "runs", tmp_path / "store", commit="test", clock=lambda: 0.0).evaluation
    for i, name in enumerate(found.forecasters):
        assert (found.skill_low[i] <= 1e-4).all(), (name, found.skill_low[i])
        assert (found.skill[i] < 0.005).all(), (name, found.skill[i])
        for horizon in found.horizons:  # labels of an hour overlap twelve times: so many independent rows are left
            independent = found.rows[found.horizons.index(horizon)] / 12
            direction, ic = found.score(name, horizon, "direction"), found.score(name, horizon, "ic")
            assert np.isnan(direction) or abs(direction - 0.5) < 2.58 * 0.5 / np.sqrt(independent), (name, horizon, direction)
            assert np.isnan(ic) or abs(ic) < 2.58 / np.sqrt(independent), (name, horizon, ic)
