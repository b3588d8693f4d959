"""Every kind of forecaster, shipped, keeps the laws of a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast.checks import LAWS, bundle
from tickcast.config import Experiment
from tickcast.errors import LawBroken
from tickcast.evaluate import evaluate
from tickcast.lifecycle.describe import describe
from tickcast.lifecycle.fit import Fitted, calibrate, fit
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.market import market
from tickcast.lifecycle.progress import Progress
from tickcast.lifecycle.ship import golden_events, ship
from tickcast.store import Store

pytest.importorskip("torch", reason="networks need tickcast[train]")

HAR = '{kind: log_linear, features: [har, "!half_hour"]}'
TINY = "options: {backbone: {width: 8}, training: {epochs: 1}}"
WINDOW = "options: {backbone: {width: 8, heads: 2, layers: 1, window: 12}, training: {epochs: 1, rows_per_epoch: 500}}"
KINDS = {
    "climatology": "{kind: climatology, options: {slot: half_hour}}",
    "ewma": "{kind: residual, scale: {kind: ewma, features: [har]}}",
    "har": f"{{kind: residual, scale: {HAR}}}",
    "trees": "{kind: residual, scale: {kind: trees, features: [har], options: {rounds: 10}}}",
    "gru_buckets": f"{{kind: gru_buckets, features: [har], scale: {HAR}, {TINY}}}",
    "gru_quantiles": f"{{kind: gru_quantiles, features: [har], scale: {HAR}, {TINY}}}",
    "transformer_buckets": f"{{kind: price_transformer_buckets, features: [har], scale: {HAR}, {WINDOW}}}",
    "transformer_quantiles": f"{{kind: price_transformer_quantiles, features: [har], scale: {HAR}, {WINDOW}}}",
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], pl.DataFrame]:
    """Bundles by kind, and the events before them."""
    folder = tmp_path_factory.mktemp("bundles")
    config = folder / "all.yaml"
    lines = "".join(f"  {name}: {text}\n" for name, text in KINDS.items())
    config.write_text(
        "name: all\ndata: {source: simulated, symbol: SIM, calendar: 24/7, options: {days: 25, interval: 5m}}\nbars: {interval: 5m}\n"
        f"features: [har]\ntarget: {{horizons: [15m, 60m]}}\nforecasters:\n{lines}"
    )
    experiment = Experiment.load(config)
    store = Store.open(folder / "store")
    arrived = ingest(experiment.data, store, folder / "receipts", Progress())
    rows = market(experiment, store, arrived)
    store.close()
    described = describe(experiment, rows, 12)
    facts = {"config": experiment.hash(), "data_version": arrived.version, "commit": "test"}
    bundles = {}
    for name, settings in experiment.forecasters.items():
        fitted: Fitted = fit(name, settings, described, folder / name, version="v", seed=1, clock=lambda: 0.0, progress=Progress())
        valid = fitted.forecaster.predict(described.view(described.split.valid))
        calibrators = calibrate(("temperature", "pit"), valid, described)
        test = described.view(described.split.test)
        found = evaluate({name: fitted.forecaster.predict(test)}, test, baselines=(), rng=np.random.default_rng(0), resamples=50)
        named = experiment.model_copy(update={"bundle": name})
        bundles[name] = ship(named, rows, described, fitted, calibrators, found, facts, folder / "bundles" / name)
    return bundles, golden_events(rows, described, 12)


def test_every_kind_is_shipped(shipped: tuple[dict[str, Path], pl.DataFrame]) -> None:
    assert sorted(shipped[0]) == sorted(KINDS)
    assert len(LAWS["bundle"]) == 3, "a new law is called here too"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_bundle(kind: str, shipped: tuple[dict[str, Path], pl.DataFrame], tmp_path: Path) -> None:
    bundles, events = shipped
    assert bundle.serves_what_research_says(bundles[kind], events) is None
    assert bundle.restart_changes_nothing(bundles[kind], events) is None
    assert bundle.refuses_a_flipped_bit(bundles[kind], tmp_path, np.random.default_rng(5)) is None


def test_a_bundle_that_serves_something_else_is_caught(
    shipped: tuple[dict[str, Path], pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles, events = shipped
    other = bundle.research(bundles["ewma"], events)
    monkeypatch.setattr(bundle, "research", lambda folder, rows: other)
    with pytest.raises(LawBroken, match="differs from research"):
        bundle.serves_what_research_says(bundles["har"], events)
