"""Central intervals: how often they hold the outcome, and how wide they are."""

from __future__ import annotations

import numpy as np

from tickcast.forecast import Forecast
from tickcast.metrics.base import Contribution, Metric, Rows

__all__ = ["Coverage", "Width"]


class Coverage(Metric):
    """Expected share of outcomes inside the central interval of this probability; an outcome on an atom counts by the share of the
    atom that lies inside, so that a lattice forecast can reach its nominal level. Nonrandomised, after Czado, Gneiting and Held (2009).
    """

    better, unit = "target", "share"

    def __init__(self, level: float) -> None:
        self.target = level
        self.name = f"coverage_{level * 100:.0f}"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: 1 inside, 0 outside, a share on an atom that the bound cuts."""
        assert self.target is not None
        lower, upper = rows.bounds(forecast)
        a, b = (1 - self.target) / 2, (1 + self.target) / 2
        width = upper - lower
        point = (upper >= a) & (lower <= b)
        share = np.clip(np.minimum(upper, b) - np.maximum(lower, a), 0.0, None) / np.where(width > 1e-12, width, 1.0)
        return Contribution(np.where(rows.known, np.where(width > 1e-12, share, point), np.nan)[..., None])


class Width(Metric):
    """Mean width of the central interval, bp; narrower is better among forecasts of equal coverage."""

    better, unit = "lower", "bp"

    def __init__(self, level: float) -> None:
        self.level = level
        self.name = f"width_{level * 100:.0f}"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: the width."""
        ends = forecast.quantile([(1 - self.level) / 2, (1 + self.level) / 2])
        return Contribution(np.where(rows.known, 1e4 * (ends[..., 1] - ends[..., 0]), np.nan)[..., None])
