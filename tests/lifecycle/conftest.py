"""Twenty simulated days as an experiment, prepared once."""

from __future__ import annotations

import pytest

from tickcast.config import Experiment
from tickcast.lifecycle.describe import Described, describe
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.market import Market, market
from tickcast.lifecycle.progress import Progress
from tickcast.store import Store

TREE = {
    "name": "small",
    "data": {
        "source": "simulated",
        "table": "bars",
        "symbol": "SIM",
        "calendar": "24/7",
        "options": {"days": 20, "interval": "5m"},
    },
    "features": ["nq24", "har"],
    "target": {"horizons": ["15m", "60m"]},
    "split": {"embargo": "1h"},
    "forecasters": {
        "climatology": {"kind": "climatology"},
        "har": {"kind": "residual", "scale": {"kind": "log_linear", "features": ["har", "!half_hour"]}},
    },
    "baselines": ["climatology"],
    "resamples": 50,
    "bundle": "har",
}


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    return Experiment.model_validate(TREE)


@pytest.fixture(scope="session")
def prepared(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Market, Described]:
    """Market rows, and features, labels and split over them."""
    folder = tmp_path_factory.mktemp("prepared")
    with Store.open(folder / "store") as store:
        arrived = ingest(experiment.data, store, folder / "receipts", Progress())
        rows = market(experiment, store, arrived)
    return rows, describe(experiment, rows, 1)
