"""No correction: the rival every calibrator must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.calibrators.base import Calibrator
from tickcast.forecast import Forecast

__all__ = ["Identity"]


@dataclass(frozen=True)
class Identity(Calibrator):
    """Leaves a forecast as it is."""

    kind: ClassVar[str] = "identity"
    accepts: ClassVar[tuple[str, ...]] = ("buckets", "quantiles")

    def fit(self, forecast: Forecast, outcomes: NDArray[np.float64]) -> Self:
        """Nothing to learn."""
        return self

    def apply(self, forecast: Forecast) -> Forecast:
        """The same forecast."""
        return forecast

    def parameters(self) -> dict[str, Any]:
        """{"kind": "identity"}."""
        return {"kind": self.kind}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """Nothing to read."""
        return cls()
