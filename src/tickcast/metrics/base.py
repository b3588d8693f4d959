"""What a metric is: a number per horizon that is a function of means over rows, so that it can be bootstrapped from block sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions import Floats
from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

__all__ = ["Contribution", "Metric", "Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """What happened.

    Parameters
    ----------
    outcomes: (n, h) log-returns, NaN where there is no label; such cells are left out of every metric.
    tick: (n,) one price tick as a log-return at each row (tick / price) where prices live on a lattice; None for a continuum.
    """

    outcomes: Floats
    tick: Floats | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n, h) True where there is a label."""
        return np.isfinite(self.outcomes)

    @property
    def filled(self) -> Floats:
        """(n, h) outcomes with zeros where there is no label, for arithmetic without NaN."""
        return np.where(self.known, self.outcomes, 0.0)

    def check(self, forecast: Forecast) -> None:
        """Raises ForecastError when the forecast is about other rows or horizons."""
        if forecast.scale.shape != self.outcomes.shape:
            raise ForecastError(f"forecast {forecast.scale.shape} and outcomes {self.outcomes.shape} are of different rows or horizons")

    def bounds(self, forecast: Forecast) -> tuple[Floats, Floats]:
        """(n, h) P(R < y) and P(R <= y): half a tick either side of y on a lattice, else at y itself. Equal where y is no atom."""
        y = self.filled
        if self.tick is None:
            return forecast.around(y)
        half = self.tick[:, None] / 2
        both = forecast.cdf(np.stack([y - half, y + half], axis=2))
        return both[..., 0], both[..., 1]


@dataclass(frozen=True, eq=False)
class Contribution:
    """Per-row terms of a metric.

    Parameters
    ----------
    terms: (n, h, c) numbers whose means over rows the metric is made of; NaN in rows that do not count.
    """

    terms: Floats


class Metric(ABC):
    """One measure. `better` is "lower", "higher", or "target" when it should equal `target`."""

    name: str
    unit: str
    better: str
    target: float | None = None

    @abstractmethod
    def contribute(self, forecast: Forecast, rows: Rows) -> Contribution:
        """Terms per row and horizon."""

    def combine(self, means: Floats) -> Floats:
        """The metric from the means (..., c) of its terms; the mean itself unless the metric says otherwise."""
        return means[..., 0]

    def score(self, forecast: Forecast, rows: Rows) -> Floats:
        """(h,) the metric; NaN at a horizon without labels."""
        rows.check(forecast)
        terms = self.contribute(forecast, rows).terms
        known = np.isfinite(terms)
        count = known.sum(axis=0)
        total = np.where(known, terms, 0.0).sum(axis=0)
        return self.combine(np.where(count > 0, total / np.maximum(count, 1), np.nan))
