"""The continuous ranked probability score, in basis points of log-return; lower is better.

Gneiting and Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
"""

from __future__ import annotations

import numpy as np

from tickcast.distributions import Buckets, Floats, Quantiles
from tickcast.distributions.base import frozen
from tickcast.forecast import Forecast
from tickcast.metrics.base import Contribution, Metric, Rows

__all__ = ["CRPS_LEVELS", "Crps", "crps_exact", "pinball"]

CRPS_LEVELS: Floats = frozen(np.linspace(0.025, 0.975, 39))


def pinball(values: Floats, outcomes: Floats, levels: Floats) -> Floats:
    """(n, h, m) pinball losses max(t e, (t - 1) e), e = outcome - value; values (n, h, m), outcomes (n, h), levels (m,)."""
    error = outcomes[..., None] - values
    return np.maximum(levels * error, (levels - 1) * error)


class Crps(Metric):
    """The metric of record: 2 x the mean pinball loss over the 39 levels 0.025, 0.05 … 0.975, in bp.

    It reads quantiles only, so every kind of forecast is measured by the same yardstick; tails beyond 2.5 % are not seen.
    """

    name, unit, better = "crps", "bp", "lower"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: the row's score."""
        out = np.empty(rows.outcomes.shape)
        for start in range(0, len(forecast), 8192):
            part = slice(start, start + 8192)
            values = forecast.take(part).quantile(CRPS_LEVELS)
            out[part] = 2e4 * pinball(values, rows.filled[part], CRPS_LEVELS).mean(axis=2)
        return Contribution(np.where(rows.known, out, np.nan)[..., None])


def crps_exact(forecast: Forecast, outcomes: Floats) -> Floats:
    """(n, h) the integral of (F(x) - 1[x >= y])^2 in bp, tails included; NaN where there is no outcome.

    F is linear between knots and exponential outside, so each piece has a closed form: a segment from (a, p) to (b, q) gives
    (b - a)(p^2 + p q + q^2) / 3, a tail of mass t and mean distance s gives t^2 s / 2.
    """
    known = np.isfinite(outcomes)
    y = np.where(known, outcomes, 0.0)[..., None] / forecast.scale[..., None]
    z, below, left, right = _knots(forecast)
    at_y = forecast.law.cdf(np.ascontiguousarray(y))
    first, last = z[..., :1], z[..., -1:]
    a, b, p, q = z[..., :-1], z[..., 1:], below[..., :-1], below[..., 1:]
    width = np.where(b > a, b - a, 1.0)
    cut = np.clip(y, a, b)
    mid = np.where(b > a, p + (q - p) * (cut - a) / width, q)
    under = (cut - a) * (p * p + p * mid + mid * mid) / 3
    over = (b - cut) * ((1 - mid) ** 2 + (1 - mid) * (1 - q) + (1 - q) ** 2) / 3
    total = (under + over).sum(axis=2)
    t0, t1 = below[..., :1], 1 - below[..., -1:]
    f, g = np.where(y < first, at_y, t0), np.where(y > last, 1 - at_y, t1)
    low = f * f * left / 2 + np.maximum(first - y, 0) - 2 * left * (t0 - f) + left * (t0 * t0 - f * f) / 2
    high = g * g * right / 2 + np.maximum(y - last, 0) - 2 * right * (t1 - g) + right * (t1 * t1 - g * g) / 2
    out: Floats = 1e4 * (total + low[..., 0] + high[..., 0]) * forecast.scale
    return np.where(known, out, np.nan)


def _knots(forecast: Forecast) -> tuple[Floats, Floats, Floats, Floats]:
    """z (n, h, k), F (n, h, k) at the knots, and the mean distances (n, h, 1) of the two exponential tails."""
    law = forecast.law
    n, h = forecast.scale.shape
    if isinstance(law, Quantiles):
        t, v = law.levels, law.values
        left = np.maximum(t[0] * (v[..., 1:2] - v[..., :1]) / (t[1] - t[0]), 1e-12)
        right = np.maximum((1 - t[-1]) * (v[..., -1:] - v[..., -2:-1]) / (t[-1] - t[-2]), 1e-12)
        return v, np.broadcast_to(t, v.shape), left, right
    assert isinstance(law, Buckets)
    below = np.cumsum(law.probabilities, axis=2)
    if law.lattice:
        z = np.repeat(law.centres, 2, axis=1)
        steps = np.concatenate([np.zeros((n, h, 1)), below], axis=2)
        steps[..., -1] = 1.0
        none = np.full((n, h, 1), 1e-12)
        return np.broadcast_to(z, (n, h, z.shape[1])), np.repeat(steps, 2, axis=2)[..., 1:-1], none, none
    widths = law.widths
    left, right = (np.broadcast_to(widths[:, k][:, None], (n, h, 1)) for k in (0, -1))
    return np.broadcast_to(law.edges[:, 1:-1], (n, h, law.edges.shape[1] - 2)), below[..., :-1], left, right
