"""Sign and location: whether the forecast knows where the price goes."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from tickcast.distributions import Floats
from tickcast.forecast import Forecast
from tickcast.metrics.base import Contribution, Metric, Rows

__all__ = ["Brier", "DirectionalAccuracy", "InformationCoefficient", "Rmse"]


class DirectionalAccuracy(Metric):
    """Share of moves (outcome ≠ 0) whose sign is the likelier one, P(R > 0) against P(R < 0); a tie counts one half."""

    name, unit, better = "direction", "share", "higher"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: 1, ½ or 0; NaN where the price did not move."""
        lean = np.sign(forecast.prob_above(0.0) - forecast.cdf_left(0.0))
        moved = rows.known & (rows.filled != 0)
        return Contribution(np.where(moved, (1 + lean * np.sign(rows.filled)) / 2, np.nan)[..., None])


class Brier(Metric):
    """Mean of (p_up - 1[outcome > 0])²."""

    name, unit, better = "brier", "-", "lower"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: the squared error."""
        error = forecast.prob_above(0.0) - (rows.filled > 0)
        return Contribution(np.where(rows.known, error * error, np.nan)[..., None])


class InformationCoefficient(Metric):
    """Spearman's rank correlation of E_r and the outcome. Ranks are those of all rows, also inside a bootstrap."""

    name, unit, better = "ic", "-", "higher"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """Five terms: the two ranks, their squares and their product, ranks centred and divided by the number of rows."""
        means, known = forecast.mean(), rows.known
        terms = np.full((*means.shape, 5), np.nan)
        for j in range(means.shape[1]):
            k = known[:, j]
            n = max(int(k.sum()), 1)
            a, b = (rankdata(x[k, j]) / n - (n + 1) / (2 * n) for x in (means, rows.outcomes))
            terms[k, j] = np.stack([a, b, a * a, b * b, a * b], axis=1)
        return Contribution(terms)

    def combine(self, means: Floats) -> Floats:
        """Pearson's correlation of the ranks; 0 where one of the two never changes."""
        a, b, aa, bb, ab = np.moveaxis(means, -1, 0)
        spread = (aa - a * a) * (bb - b * b)
        out: Floats = np.where(
            spread > 1e-18, (ab - a * b) / np.sqrt(np.maximum(spread, 1e-18)), np.where(np.isfinite(spread), 0.0, np.nan)
        )
        return out


class Rmse(Metric):
    """Root mean squared error of E_r, bp."""

    name, unit, better = "rmse", "bp", "lower"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: the squared error, bp²."""
        return Contribution(((1e4 * (forecast.mean() - rows.outcomes)) ** 2)[..., None])

    def combine(self, means: Floats) -> Floats:
        """Its root."""
        out: Floats = np.sqrt(means[..., 0])
        return out
