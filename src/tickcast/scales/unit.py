"""No scale: z is the log-return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.scales.base import Scale
from tickcast.views.view import View

__all__ = ["Unit"]


class Unit(Scale):
    """1 everywhere."""

    name: ClassVar[str] = "unit"
    unit: ClassVar[str] = "log_return"

    def fit(self, train: View, valid: View) -> Self:
        """Nothing to learn."""
        return self

    def evaluate(self, view: View) -> NDArray[np.float64]:
        """(m, h) ones."""
        return np.ones((len(view), len(view.horizons)))

    def parameters(self) -> dict[str, Any]:
        """{"kind": "unit"}."""
        return {"kind": "unit"}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The unit scale."""
        return cls()
