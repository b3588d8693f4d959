"""A scale: how large returns are about to be, row by row, from what is known at the row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.views.view import View

__all__ = ["Scale"]


class Scale(ABC):
    """A causal estimate of the size of the coming log-return per row and horizon; distributions are learned of z = return / scale.

    `parameters()` is what the bundle carries and the Rust predictor evaluates, with the same order of floating-point operations.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # the Forecast's unit under this scale: "log_return", "sigma" or "ticks"

    @abstractmethod
    def fit(self, train: View, valid: View) -> Self:
        """Learn from the training rows; choose among settings on the validation rows. Returns self."""

    @abstractmethod
    def evaluate(self, view: View) -> NDArray[np.float64]:
        """(m, h) positive, finite scales of log-returns."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """JSON values with a "kind"; `tickcast.scales.parse` reads them back."""

    @classmethod
    @abstractmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The scale whose `parameters()` these are."""
