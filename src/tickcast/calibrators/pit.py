"""PIT recalibration: a monotone map G of probabilities, so that G(F(outcome)) is uniform.

G is piecewise linear through (u_i, g_i), i = 0..m, with u_0 = g_0 = 0 and u_m = g_m = 1, both increasing. New cdf = G(F(x)).
Kuleshov, Fenner and Ermon (2018), Accurate Uncertainties for Deep Learning Using Calibrated Regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.calibrators.base import Calibrator
from tickcast.distributions import Buckets, Distribution, Floats, Quantiles
from tickcast.distributions.base import row_blocks
from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

__all__ = ["PitMap"]

_GRID = (0.0, 0.01, 0.025, 0.05, *(round(0.1 * k, 1) for k in range(1, 10)), 0.95, 0.975, 0.99, 1.0)
_PRIOR = 500.0  # rows that the identity is worth: 500 outcomes move G half of the way
_SLOPE = 0.05  # least slope of G: the inverse stays defined and no bucket loses all its mass


@dataclass(frozen=True)
class PitMap(Calibrator):
    """`levels` (m + 1,) is the grid u, `values` (h rows of m + 1) is G(u) per horizon.

    Fit: g_i = mean over rows of H((u_i - F-) / (F - F-)), H clipped to [0, 1]: the share of outcomes below level u_i, an outcome on an
    atom (F- < F) spread evenly over it (Czado, Gneiting and Held 2009). Then w g + (1 - w) u with w = n / (n + 500), and every slope is
    at least 0.05.

    Apply, buckets: mass_k = G(c_{k+1}) - G(c_k), c_k = sum of the first k probabilities, c_0 = 0, c_b = 1; masses are then divided by
    their sum. Apply, quantiles: new value at level t = old quantile at G^-1(t), tails included.
    """

    levels: tuple[float, ...] = _GRID
    values: tuple[tuple[float, ...], ...] = ()
    kind: ClassVar[str] = "pit"
    accepts: ClassVar[tuple[str, ...]] = ("buckets", "quantiles")

    def __post_init__(self) -> None:
        for row in (self.levels, *self.values):
            line = np.asarray(row, np.float64)
            if line.shape != (len(self.levels),) or line[0] != 0 or line[-1] != 1 or not (np.diff(line) > 0).all():
                raise ForecastError("a PIT map must increase from 0 to 1 on its levels")

    def fit(self, forecast: Forecast, outcomes: NDArray[np.float64]) -> Self:
        """G per horizon; the identity where no outcome is known."""
        self._check(forecast, None)
        grid = np.asarray(self.levels)
        filled = np.where(np.isfinite(outcomes), outcomes, 0.0)
        lower, upper = forecast.around(filled)
        rows = []
        for j in range(len(forecast.horizons)):
            known = np.isfinite(outcomes[:, j])
            rows.append(tuple(float(value) for value in _fitted(grid, lower[known, j], upper[known, j])))
        return self.parse({"levels": self.levels, "values": rows})

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast whose cdf is G(F)."""
        self._check(forecast, len(self.values))
        law = forecast.law
        new: Distribution
        if isinstance(law, Buckets):
            new = Buckets(law.edges, self._masses(law), law.lattice)
        else:
            assert isinstance(law, Quantiles)
            inverse = np.stack([np.interp(law.levels, row, self.levels) for row in self.values])
            values = np.maximum.accumulate(law.quantile(inverse[None]), axis=2)
            new = Quantiles(law.levels, values)
        return Forecast(forecast.horizons, new, forecast.scale, forecast.unit)

    def _masses(self, law: Buckets) -> Floats:
        mass: Floats = np.empty(law.probabilities.shape)
        for j, row in enumerate(self.values):
            for rows in row_blocks(len(mass), mass.shape[2]):
                below = np.minimum(np.cumsum(law.probabilities[rows, j], axis=1)[:, :-1], 1.0)
                part = np.diff(np.interp(below, self.levels, row), axis=1, prepend=0.0, append=1.0)
                mass[rows, j] = part / part.sum(axis=1, keepdims=True)
        return mass

    def parameters(self) -> dict[str, Any]:
        """{"kind": "pit", "levels": [u], "values": [[G(u)] per horizon]}."""
        return {"kind": self.kind, "levels": list(self.levels), "values": [list(row) for row in self.values]}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """Reads `levels` and `values`."""
        try:
            values = tuple(tuple(float(value) for value in row) for row in parameters["values"])
            return cls(tuple(float(level) for level in parameters["levels"]), values)
        except (KeyError, TypeError, ValueError) as error:
            raise ForecastError(f"no parameters of a pit calibrator: {error}") from None


def _fitted(grid: Floats, lower: Floats, upper: Floats) -> Floats:
    """G on the grid from outcomes whose F- and F are `lower` and `upper` (n,)."""
    if len(upper) == 0:
        return grid
    share = np.empty(len(grid))
    width = np.maximum(upper - lower, 1e-12)
    for i, level in enumerate(grid):
        share[i] = np.clip((level - lower) / width, 0.0, 1.0).mean()
    weight = len(upper) / (len(upper) + _PRIOR)
    rise = np.maximum(np.diff(weight * share + (1 - weight) * grid), _SLOPE * np.diff(grid))
    values = np.concatenate([[0.0], np.cumsum(rise / rise.sum())])
    values[-1] = 1.0
    return values
