"""Temperature: one number per horizon that makes bucket probabilities flatter or sharper.

p'_k = p_k^(1/T) / sum_j p_j^(1/T), with 0^(1/T) = 0. T > 1 flattens, T < 1 sharpens, T = 1 changes nothing.
Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tickcast.calibrators.base import Calibrator
from tickcast.distributions import Buckets, Floats
from tickcast.distributions.base import row_blocks
from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

__all__ = ["Temperature"]

_BOUNDS = (0.25, 4.0)  # beyond a factor of four the forecaster is wrong in more than its confidence
_LEAST = 100  # outcomes that a horizon needs before its temperature is touched
_FLOOR = 1e-12  # probability given to a bucket of zero mass that happened
_ROWS = 20_000  # rows enough to find T to three digits


@dataclass(frozen=True)
class Temperature(Calibrator):
    """`values` holds one T per horizon, found by bounded scalar minimisation of the mean -log p' of the bucket that happened.

    p' is computed as exp((ln p_k - m) / T) normalised, m = max_j ln p_j, sums taken over k from 0 to b - 1.
    """

    values: tuple[float, ...] = ()
    kind: ClassVar[str] = "temperature"
    accepts: ClassVar[tuple[str, ...]] = ("buckets",)

    def __post_init__(self) -> None:
        if not all(np.isfinite(value) and value > 0 for value in self.values):
            raise ForecastError(f"temperatures {self.values} are not positive and finite")

    def fit(self, forecast: Forecast, outcomes: NDArray[np.float64]) -> Self:
        """T per horizon; 1 where fewer than 100 outcomes are known. At most 20,000 rows, evenly chosen, are read."""
        self._check(forecast, None)
        law = forecast.law
        assert isinstance(law, Buckets)
        found = []
        for j in range(len(forecast.horizons)):
            known = np.flatnonzero(np.isfinite(outcomes[:, j]))
            if len(known) < _LEAST:
                found.append(1.0)
                continue
            rows = known[:: -(-len(known) // _ROWS)]
            hit = np.clip(
                np.searchsorted(law.edges[j], outcomes[rows, j] / forecast.scale[rows, j], side="right") - 1, 0, law.edges.shape[1] - 2
            )
            found.append(_best(np.log(np.maximum(law.probabilities[rows, j], _FLOOR)), hit))
        return self.parse({"values": found})

    def apply(self, forecast: Forecast) -> Forecast:
        """Bucket probabilities at the fitted temperatures."""
        self._check(forecast, len(self.values))
        law = forecast.law
        assert isinstance(law, Buckets)
        mass: Floats = np.empty(law.probabilities.shape)
        for j, temperature in enumerate(self.values):
            for rows in row_blocks(len(mass), mass.shape[2]):
                mass[rows, j] = _tempered(law.probabilities[rows, j], temperature)
        return Forecast(forecast.horizons, Buckets(law.edges, mass, law.lattice), forecast.scale, forecast.unit)

    def parameters(self) -> dict[str, Any]:
        """{"kind": "temperature", "values": [T per horizon]}."""
        return {"kind": self.kind, "values": list(self.values)}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """Reads `values`."""
        try:
            return cls(tuple(float(value) for value in parameters["values"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ForecastError(f"no parameters of a temperature calibrator: {error}") from None


def _tempered(mass: Floats, temperature: float) -> Floats:
    """(n, b) probabilities at this temperature; T = 1 returns the very bits."""
    if temperature == 1.0:
        return mass
    with np.errstate(divide="ignore"):  # log 0 = -inf, and exp brings it back to 0
        log_mass = np.log(mass)
    raised = np.exp((log_mass - log_mass.max(axis=1, keepdims=True)) / temperature)
    out: Floats = raised / raised.sum(axis=1, keepdims=True)
    return out


def _best(log_mass: Floats, hit: NDArray[np.int64]) -> float:
    """T minimising the mean -log p' of the buckets `hit` (n,); `log_mass` (n, b)."""
    centred = log_mass - log_mass.max(axis=1, keepdims=True)
    happened = centred[np.arange(len(hit)), hit]

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        return float(np.mean(np.log(np.exp(centred / temperature).sum(axis=1)) - happened / temperature))

    result = minimize_scalar(loss, bounds=(np.log(_BOUNDS[0]), np.log(_BOUNDS[1])), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(result.x)) if result.fun < loss(0.0) else 1.0
