"""What returns have been at this time of day."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions import Quantiles
from tickcast.errors import ConfigError, ModelError
from tickcast.forecast import Forecast
from tickcast.models.base import Forecaster, Spec
from tickcast.models.model_file import read_model, write_model
from tickcast.models.residual import LEVELS, empirical_quantiles, levels_with_atoms
from tickcast.views.view import View

__all__ = ["Climatology"]

_MOST_SLOTS = 2048


class Climatology(Forecaster):
    """Quantiles of the training outcomes, overall or by slot of the day.

    Parameters
    ----------
    slot: feature whose floor is the slot, 0 … slots - 1; None for one law at all times, the skill table's climatology.
    shrink: rows' worth of the overall quantiles mixed into each slot's, n / (n + shrink) of its own weight.
    levels: (q,) increasing probabilities.

    A slot outside those seen in training is read as the nearest of them.
    """

    def __init__(self, slot: str | None = None, shrink: float = 500.0, levels: tuple[float, ...] = LEVELS) -> None:
        if shrink < 0:
            raise ConfigError(f"{shrink} is less than no shrinkage", field="shrink", hint="use 0 or more")
        self.slot, self.shrink, self.levels = slot, shrink, np.array(levels, np.float64)
        self.horizons: tuple[str, ...] = ()
        self.values: NDArray[np.float64] | None = None  # (slots, h, q)

    @property
    def spec(self) -> Spec:
        """A baseline on one row, giving quantiles."""
        return Spec("climatology", "baseline", "matrix", "quantiles", streaming=True)

    def fit(self, train: View, valid: View) -> Self:
        """Quantiles of all training rows with a label. Raises ModelError naming a horizon without any."""
        outcomes, slot = train.outcomes, self._slots(train)
        samples = [column[np.isfinite(column)] for column in outcomes.T]
        for horizon, sample in zip(train.horizons, samples, strict=True):
            if not len(sample):
                raise ModelError("no training row has a label", field=f"horizon {horizon}")
        self.levels = levels_with_atoms(samples, self.levels)
        overall = np.array([empirical_quantiles(sample, self.levels) for sample in samples])
        count = 1 if self.slot is None else int(slot.max()) + 1
        if count > _MOST_SLOTS:
            raise ModelError(f"{count} slots are too many", field=self.slot, hint=f"use a feature below {_MOST_SLOTS}")
        values = np.repeat(overall[None], count, axis=0)
        for s in range(count if self.slot is not None else 0):
            for j, column in enumerate(outcomes.T):
                own = column[(slot == s) & np.isfinite(column)]
                if len(own):
                    weight = len(own) / (len(own) + self.shrink)
                    values[s, j] = weight * np.quantile(own, self.levels) + (1 - weight) * overall[j]
        self.values, self.horizons = np.maximum.accumulate(values, axis=2), tuple(train.horizons)
        return self

    def _slots(self, view: View) -> NDArray[np.int64]:
        if self.slot is None:
            return np.zeros(len(view), np.int64)
        column = view.matrix((self.slot,))[:, 0]
        if not np.isfinite(column).all() or (len(column) and column.min() < 0):
            raise ModelError("a slot is not known or negative", field=self.slot, hint="forecast ready rows only")
        return np.floor(np.minimum(column, 1e9)).astype(np.int64)

    def predict(self, view: View) -> Forecast:
        """One forecast per row. Raises ModelError before `fit`."""
        if self.values is None:
            raise ModelError("the forecaster climatology is not fitted", hint="call fit first")
        law = Quantiles(self.levels, self.values[np.minimum(self._slots(view), len(self.values) - 1)])
        return Forecast(self.horizons, law, np.ones((len(view), len(self.horizons))), "log_return")

    def save(self, folder: Path) -> None:
        """Write model.json."""
        if self.values is None:
            raise ModelError("the forecaster climatology is not fitted", hint="call fit first")
        values = self.values.tolist()
        fixed = {"values": values[0]} if self.slot is None else {"column": self.slot, "values": values}
        document = {
            "forecaster": "climatology",
            "horizons": list(self.horizons),
            "unit": "log_return",
            "columns": [],
            "fixed": fixed,
            "law": {"kind": "quantiles", "levels": self.levels.tolist()},
            "scale": {"kind": "unit"},
        }
        write_model(folder, document)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        document = read_model(folder)
        fixed = document["fixed"]
        made = cls(fixed.get("column"), levels=tuple(document["law"]["levels"]))
        values = np.array(fixed["values"], np.float64)
        made.horizons, made.values = tuple(document["horizons"]), values if "column" in fixed else values[None]
        return made
