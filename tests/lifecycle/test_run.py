"""Run, judge, ship: two runs say the same to the byte, and what is shipped is what was judged."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tickcast.bundle import Bundle
from tickcast.config import Experiment
from tickcast.errors import BundleError
from tickcast.lifecycle.build import load_forecaster
from tickcast.lifecycle.describe import Described
from tickcast.lifecycle.fit import Fitted
from tickcast.lifecycle.judge import maker_facts
from tickcast.lifecycle.market import Market
from tickcast.lifecycle.run import RunResult, commit_of, run
from tickcast.lifecycle.ship import golden_events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


def go(experiment: Experiment, folder: Path) -> RunResult:
    ticks = itertools.count()
    return run(experiment, folder / "runs", folder / "store", commit="test", clock=lambda: float(next(ticks)))


@pytest.fixture(scope="module")
def made(experiment: Experiment, folder: Path) -> RunResult:
    return go(experiment, folder)


def test_two_runs_say_the_same_to_the_byte(experiment: Experiment, folder: Path, made: RunResult, tmp_path: Path) -> None:
    resumed, elsewhere = go(experiment, folder), go(experiment, tmp_path)
    assert resumed.bundle and elsewhere.bundle and made.bundle
    for name in ("report.json", "report.html", "run.json", "config.json", "bundle/manifest.json"):
        text = (made.folder / name).read_bytes()
        assert (resumed.folder / name).read_bytes() == text, name
        assert (elsewhere.folder / name).read_bytes() == text, name


def test_another_setting_is_another_run(experiment: Experiment, folder: Path, made: RunResult) -> None:
    other = go(experiment.model_copy(update={"resamples": 60, "bundle": None}), folder)
    assert other.folder != made.folder and other.bundle is None
    assert not (other.folder / "bundle").exists()


def test_what_is_shipped_is_what_was_judged(made: RunResult, experiment: Experiment) -> None:
    assert made.bundle is not None
    manifest = Bundle.open(made.bundle).manifest
    facts = json.loads((made.folder / "run.json").read_text())
    assert manifest["data_version"] == facts["data_version"] and manifest["commit"] == "test"
    assert manifest["metrics"]["config"] == experiment.hash()
    for horizon, value in manifest["metrics"]["crps_bp"].items():
        assert value == pytest.approx(made.evaluation.score("har", horizon), abs=1e-6)
    shipped, judged = load_forecaster(made.bundle), load_forecaster(made.folder / "forecasters" / "har" / "model")
    assert type(shipped) is type(judged)
    assert (made.bundle / "model.json").read_bytes() == (made.folder / "forecasters" / "har" / "model" / "model.json").read_bytes()


def test_a_damaged_bundle_is_replaced_by_the_next_run(experiment: Experiment, folder: Path, made: RunResult) -> None:
    assert made.bundle is not None
    (made.bundle / "model.json").write_text("{}")
    with pytest.raises(BundleError, match=r"model.json"):
        Bundle.open(made.bundle)
    again = go(experiment, folder)
    assert again.bundle is not None and Bundle.open(again.bundle).folder == made.bundle
    assert sorted(path.name for path in made.folder.iterdir() if path.name.startswith("bundle")) == ["bundle"]


def test_golden_events_end_the_warm_up_and_are_the_last(prepared: tuple[Market, Described]) -> None:
    market, described = prepared
    events = golden_events(market, described, 1)
    assert events["ts"].to_list() == market.rows["ts"].tail(len(events)).to_list()
    assert described.features.compute(events, step=described.table.step).ready().sum() >= 16
    with pytest.raises(BundleError, match="never end"):
        golden_events(Market(market.rows.head(30), None, market.sessions), described, 1)


def test_a_maker_says_how_it_was_made(made: RunResult) -> None:
    place = made.folder / "forecasters" / "har" / "model"
    facts = maker_facts("har", Fitted(load_forecaster(place), place, 2.5), (), "log_linear")
    assert (facts.name, facts.seconds) == ("har", 2.5)
    assert "quantiles of return / log_linear, reads one row" in str(facts)


def test_the_commit_of_a_folder_without_history(tmp_path: Path) -> None:
    assert commit_of(tmp_path / "nowhere") == "unknown"


def test_every_score_has_its_interval(made: RunResult) -> None:
    found = made.evaluation
    assert np.isfinite(found.values[:, :, found.metrics.index("crps")]).all()
    assert (found.skill_low <= found.skill_high).all()
