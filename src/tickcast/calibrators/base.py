"""A calibrator: what past outcomes teach about a forecaster's habit of being too sure, too vague or off to one side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

__all__ = ["Calibrator"]


class Calibrator(ABC):
    """Forecast → Forecast, learned on validation rows; the same law in Python and in the Rust predictor.

    `parameters()` is the whole state: JSON values with a "kind", which `tickcast.calibrators.parse` reads back.
    """

    kind: ClassVar[str]
    accepts: ClassVar[tuple[str, ...]]  # kinds of forecast it can be applied to

    @abstractmethod
    def fit(self, forecast: Forecast, outcomes: NDArray[np.float64]) -> Self:
        """A fitted calibrator; `outcomes` (n, h) log-returns, NaN where there is none. A horizon without outcomes stays as it is."""

    @abstractmethod
    def apply(self, forecast: Forecast) -> Forecast:
        """The corrected forecast, of the same kind, grid, scale and unit."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """JSON values with a "kind"."""

    @classmethod
    @abstractmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The calibrator whose `parameters()` these are. Raises ForecastError when they are none."""

    def _check(self, forecast: Forecast, horizons: int | None) -> None:
        if forecast.kind not in self.accepts:
            raise ForecastError(f"calibrator {self.kind} cannot correct {forecast.kind}", hint=f"it accepts {', '.join(self.accepts)}")
        if horizons is not None and horizons != len(forecast.horizons):
            raise ForecastError(f"calibrator {self.kind} knows {horizons} horizons, the forecast has {len(forecast.horizons)}")
