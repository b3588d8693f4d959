"""The contract of everything that forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tickcast.forecast import Forecast
from tickcast.views.view import View

__all__ = ["Forecaster", "Spec"]


@dataclass(frozen=True)
class Spec:
    """What a forecaster is.

    Parameters
    ----------
    name: key in the table of forecasters.
    family: "baseline", "trees", "recurrent", "attention", ...
    view: "matrix" (one row), "window" (the last `window` rows) or "sequence" (everything before, as carried state).
    output: kind of its forecasts, "buckets" or "quantiles".
    causal: what it says about row t does not depend on rows after t; tested by `tickcast.checks`, not trusted.
    streaming: served one step per row with carried state, O(1).
    zero_shot: forecasts without being fitted.
    window: rows a window model reads, 1 for others.
    """

    name: str
    family: str
    view: str
    output: str
    causal: bool = True
    streaming: bool = False
    zero_shot: bool = False
    window: int = 1


class Forecaster(ABC):
    """Fitted on views, returns forecasts; saved as a folder that Python and the Rust predictor both read."""

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """What it is."""

    @abstractmethod
    def fit(self, train: View, valid: View) -> Self:
        """Learn from `train`; `valid` serves early stopping and the choice of settings only. Returns self."""

    @abstractmethod
    def predict(self, view: View) -> Forecast:
        """One forecast per row of the view, in its order; uses `view.table` up to each row only. Raises ModelError before `fit`."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write `model.json` and the weight files it names. No pickle."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the caller has verified the hashes."""
