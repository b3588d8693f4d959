"""Two hours of minute bars, a feature set over them, and a bundle without a network: enough to forecast and to serve in a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tickcast.bundle import Bundle, write_bundle
from tickcast.calibrators.pit import PitMap
from tickcast.clock import MINUTE
from tickcast.features import FeatureSet
from tickcast.models.model_file import write_model
from tickcast.models.residual import ResidualQuantiles

HORIZONS = ("1m", "5m")
SESSIONS = ((0, 400 * MINUTE, 0), (400 * MINUTE, 800 * MINUTE, 1))
WORDS = {
    "name": "small",
    "stream": "bars",
    "clock": {"on": "bars", "step": "1m"},
    "session": "carry",
    "price": "close",
    "features": {"r": "log(close / lag(close, 1))", "rv": "sqrt(mean(r ** 2, 10))"},
}


def bars(n: int = 120) -> pl.DataFrame:
    """`n` minute bars of a random walk in one session."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 1e-3, n)))
    ts = (np.arange(n) + 1) * MINUTE
    return pl.DataFrame({"ts": ts, "close": close, "session_id": np.full(n, 400 * MINUTE), "segment_id": np.zeros(n, np.int64)})


def bundle(folder: Path, features: FeatureSet | None = None, columns: tuple[str, str] = ("rv", "r")) -> Bundle:
    """A bundle of residual quantiles under a log-linear scale of two features, calibrated, in `folder`/bundle."""
    model = folder / "model"
    document = {
        "forecaster": "residual",
        "horizons": list(HORIZONS),
        "unit": "sigma",
        "columns": [],
        "standardize": None,
        "network": None,
        "fixed": {"values": [[-2.0, -0.5, 0.0, 0.4, 2.2], [-1.5, -0.6, 0.0, 0.7, 1.5]]},
        "law": {"kind": "quantiles", "levels": [0.05, 0.25, 0.5, 0.75, 0.95]},
        "scale": {
            "kind": "log_linear",
            "columns": list(columns),
            "weights": [[30.0, 2.0], [40.0, -1.0]],
            "intercept": [-7.0, -6.5],
            "floor": 1e-9,
        },
    }
    write_model(model, document)
    return write_bundle(
        folder / "bundle",
        forecaster=ResidualQuantiles.load(model),
        features=features or FeatureSet.from_dict(WORDS),
        calibrators=[PitMap((0.0, 0.3, 1.0), ((0.0, 0.2, 1.0), (0.0, 0.4, 1.0)))],
        sessions=SESSIONS,
        target={"kind": "forward_return", "horizons": list(HORIZONS)},
        metrics={"crps_bp": {"1m": 1.25}},
        data_version="v1",
        commit="abc",
        golden=bars(),
    )
