"""Ship: the chosen forecaster, its features and its calibrators as one bundle."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tickcast.bundle import write_bundle
from tickcast.calibrators import Calibrator
from tickcast.config import Experiment
from tickcast.errors import BundleError
from tickcast.evaluate import Evaluation
from tickcast.lifecycle.describe import Described
from tickcast.lifecycle.fit import Fitted
from tickcast.lifecycle.market import Market
from tickcast.targets import ForwardReturn
from tickcast.views import eligible

__all__ = ["golden_events", "ship"]

_SPARE = 64  # rows past the warm-up whose forecasts the golden vectors may keep


def golden_events(market: Market, described: Described, window: int) -> pl.DataFrame:
    """The shortest run of last events that ends the warm-up and yields some forecasts, found by doubling.

    Raises BundleError when even all events yield none.
    """
    rows = market.rows
    size = max(described.features.warmup.values(), default=0) + window + _SPARE
    while True:
        part = rows.tail(size)
        table = described.features.compute(part, step=described.table.step, tick=described.table.tick)
        if eligible(table, np.arange(len(table)), window).sum() >= _SPARE // 2:
            return part
        if size >= len(rows):
            raise BundleError("the events never end the features' warm-up", hint="use more data or shorter windows")
        size *= 2


def ship(
    experiment: Experiment,
    market: Market,
    described: Described,
    fitted: Fitted,
    calibrators: tuple[Calibrator, ...],
    evaluation: Evaluation,
    facts: Mapping[str, Any],
    folder: Path,
) -> Path:
    """Write the bundle to `folder`; an older one there is replaced only by a whole new one that opens.

    The manifest carries the test scores of the shipped forecaster, the data version, the commit and the hash of the settings.
    """
    target = ForwardReturn(experiment.target.horizons, within=experiment.target.within)
    name = str(experiment.bundle)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    write_bundle(
        fresh,
        forecaster=fitted.forecaster,
        features=described.features,
        calibrators=list(calibrators),
        sessions=market.sessions.as_rows(),
        target={"kind": "forward_return", "horizons": list(target.horizons), "within": target.within, "symbol": experiment.data.symbol},
        metrics={
            "crps_bp": {h: round(float(evaluation.score(name, h, "crps")), 6) for h in evaluation.horizons},
            "test_rows": len(described.split.test),
            "config": facts["config"],
        },
        data_version=str(facts["data_version"]),
        commit=str(facts["commit"]),
        golden=golden_events(market, described, fitted.forecaster.spec.window),
    )
    if folder.exists():
        old = folder.with_name(f"{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)
    return folder
