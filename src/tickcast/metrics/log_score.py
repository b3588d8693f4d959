"""The logarithmic score; higher is better."""

from __future__ import annotations

import numpy as np

from tickcast.forecast import Forecast
from tickcast.metrics.base import Contribution, Metric, Rows

__all__ = ["LogScore"]

_RESOLUTION = 1e-5  # log-return: 0.1 bp, finer than a tick of the instruments we meet
_FLOOR = 1e-9  # least probability an outcome is given credit for


class LogScore(Metric):
    """log P(the move that happened), in nats.

    On a tick lattice P = F(y + ½ tick) - F(y - ½ tick), the same for every kind of forecast. Without ticks it is the density per basis
    point at a resolution of 0.1 bp: log((F(y + 0.05 bp) - F(y - 0.05 bp)) / 0.1), so an atom cannot win an infinite score. P is floored at
    1e-9 before the logarithm (-20.7 nats on a lattice).
    """

    name, unit, better = "log_score", "nats", "higher"

    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """One term: the row's score."""
        width = np.full(len(forecast), _RESOLUTION) if rows.tick is None else rows.tick
        lower, upper = Rows(rows.outcomes, width).bounds(forecast)
        mass = np.log(np.maximum(upper - lower, _FLOOR))
        score = mass - (np.log(_RESOLUTION * 1e4) if rows.tick is None else 0.0)
        return Contribution(np.where(rows.known, score, np.nan)[..., None])
