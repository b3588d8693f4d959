"""Small tables, labels and forecasts that the laws are tried on."""

from __future__ import annotations

import numpy as np

from tickcast.clock import MINUTE
from tickcast.distributions import Buckets, Quantiles
from tickcast.features.table import FeatureTable
from tickcast.forecast import Forecast
from tickcast.splits import Chronological, Split
from tickcast.targets import ForwardReturn, Labels
from tickcast.views import View

START = 1_700_000_000_000_000_000 // MINUTE * MINUTE
HORIZONS = ("1m", "5m")


def table(n: int = 600, *, session: int = 200, seed: int = 3) -> FeatureTable:
    """`n` one-minute rows in sessions of `session` rows with a roll after half of them; three features of what is known."""
    rng = np.random.default_rng(seed)
    row = np.arange(n)
    number = row // session
    ts = START + MINUTE * (row + 60 * number)
    close = START + MINUTE * ((number + 1) * session + 60 * number)
    segment = (number > n // session // 2).astype(np.int64)
    shock = rng.standard_normal(n) * 1e-3 * (1 + 0.5 * np.sin(row / 40))
    price = 100 * np.exp(np.cumsum(shock))
    size = np.sqrt(np.convolve(shock**2, np.ones(20) / 20)[:n] + 1e-9)
    values = np.column_stack([np.log(size), shock / size, (row % session) / session])
    return FeatureTable(("log_size", "last", "time"), ts, close, segment, price, values, MINUTE, 0.01)


def labels(of: FeatureTable) -> Labels:
    """Forward returns at one and five minutes."""
    return ForwardReturn(HORIZONS).label(of)


def parts(of: FeatureTable) -> tuple[Split, Labels]:
    """A chronological split and the labels it was made of."""
    found = labels(of)
    return next(iter(Chronological(embargo="5m").split(found, of.ready()))), found


def views(of: FeatureTable) -> tuple[View, View, View]:
    """Train, valid and test."""
    split, found = parts(of)
    return View(of, found, split.train), View(of, found, split.valid), View(of, found, split.test)


def forecast(kind: str, n: int = 300, seed: int = 5) -> Forecast:
    """`n` forecasts of either kind with heavy mass in the middle and varying scales."""
    rng = np.random.default_rng(seed)
    scale = 1e-3 * np.exp(rng.standard_normal((n, 2)))
    if kind == "buckets":
        edges = np.tile(np.linspace(-4, 4, 22), (2, 1))
        mass = rng.gamma(2.0, size=(n, 2, 21))
        return Forecast(HORIZONS, Buckets(edges, mass / mass.sum(axis=2, keepdims=True)), scale, "sigma")
    levels = np.linspace(0.05, 0.95, 19)
    values = np.sort(rng.standard_normal((n, 2, 19)) * 1.5, axis=2)
    return Forecast(HORIZONS, Quantiles(levels, values), scale, "sigma")


def outcomes(of: Forecast, seed: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(n, h) log-returns, one in ten unknown."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal(of.scale.shape) * of.scale
    return np.where(rng.random(of.scale.shape) < 0.1, np.nan, drawn)
