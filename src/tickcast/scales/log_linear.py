"""A linear model of the log of the size of returns, as HAR (Corsi 2009, J. Financial Econometrics 7:174) on log scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError, ModelError
from tickcast.scales.base import Scale
from tickcast.scales.exponential import exp_of_log
from tickcast.views.view import View

__all__ = ["LogLinear", "expanded", "least_squares"]

_OFFSET = 1e-5  # added to |outcome|: a tenth of a basis point, so that an unchanged price has a log
_RIDGE = 1e-9  # share of the regressors' variance; settles collinear regressors and changes no digit that matters


class LogLinear(Scale):
    """exp(b + w1 f1 + w2 f2 + …), one set of weights per horizon.

    Parameters
    ----------
    columns: (k,) features; "{horizon}" in a name stands for each horizon in turn, and such a column serves its own horizon only.
    floor: least scale.

    `fit` regresses log(|outcome| + 1e-5) on the features by least squares over the training rows that have a label. The level of the
    scale carries no meaning: a law learned on outcome / scale absorbs it.
    """

    name: ClassVar[str] = "log_linear"
    unit: ClassVar[str] = "sigma"

    def __init__(self, columns: tuple[str, ...], floor: float = 1e-9) -> None:
        if not columns:
            raise ConfigError("a log-linear scale needs features", field="columns", hint="name a feature set, as har")
        self.columns, self.floor = tuple(columns), float(floor)
        self.weights: NDArray[np.float64] | None = None  # (h, k)
        self.intercept = np.zeros(0)  # (h,)

    def fit(self, train: View, valid: View) -> Self:
        """Least squares per horizon over all training rows with a label. Raises ModelError naming a horizon with too few."""
        own = {h: expanded(self.columns, h) for h in train.horizons}
        names = tuple(dict.fromkeys(name for columns in own.values() for name in columns))
        matrix, outcomes = train.matrix(names), train.outcomes
        weights, intercept = np.zeros((len(own), len(names))), np.zeros(len(own))
        for j, (horizon, columns) in enumerate(own.items()):
            rows = np.isfinite(outcomes[:, j]) & np.isfinite(matrix).all(axis=1)
            if rows.sum() <= len(columns) + 1:
                raise ModelError(f"{int(rows.sum())} training rows are too few for {len(columns)} features", field=f"horizon {horizon}")
            where = [names.index(name) for name in columns]
            size = np.log(np.abs(outcomes[rows, j]) + _OFFSET)
            weights[j, where], intercept[j] = least_squares(matrix[rows][:, where], size)
        self.columns, self.weights, self.intercept = names, weights, intercept
        return self

    def evaluate(self, view: View) -> NDArray[np.float64]:
        """(m, h) scales; the sum runs from the intercept through the columns in order. Raises ModelError before `fit`."""
        if self.weights is None or len(self.intercept) != len(view.horizons):
            raise ModelError(f"the scale {self.name} is not fitted for these {len(view.horizons)} horizons", hint="call fit first")
        matrix = view.matrix(self.columns)
        total = np.repeat(self.intercept[None, :], len(view), axis=0)
        for k in range(len(self.columns)):
            total += self.weights[None, :, k] * matrix[:, k, None]
        return exp_of_log(total, self.floor)

    def parameters(self) -> dict[str, Any]:
        """{"kind": "log_linear", "columns", "weights" [[k] per h], "intercept" [h], "floor"}."""
        if self.weights is None:
            raise ModelError(f"the scale {self.name} is not fitted", hint="call fit first")
        return {
            "kind": "log_linear",
            "columns": list(self.columns),
            "weights": self.weights.tolist(),
            "intercept": self.intercept.tolist(),
            "floor": self.floor,
        }

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The fitted scale."""
        scale = cls(tuple(parameters["columns"]), parameters["floor"])
        scale.intercept = np.array(parameters["intercept"], np.float64)
        scale.weights = np.array(parameters["weights"], np.float64).reshape(len(scale.intercept), len(scale.columns))
        return scale


def expanded(columns: tuple[str, ...], horizon: str) -> tuple[str, ...]:
    """The columns of one horizon.

    >>> expanded(("log_vol_12", "log_ahead_{horizon}"), "15m")
    ('log_vol_12', 'log_ahead_15m')
    """
    return tuple(name.replace("{horizon}", horizon) for name in columns)


def least_squares(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights (k,) and intercept of the regression of `target` (n,) on `matrix` (n, k); constant columns get weight 0.

    Solved through the correlation matrix of the standardised columns, summed without BLAS: the same bits with any number of threads.
    """
    mean, std = matrix.mean(axis=0), matrix.std(axis=0)
    alive = std > 1e-12 * (np.abs(mean) + 1e-300)
    scaled = (matrix[:, alive] - mean[alive]) / std[alive]
    middle = target.mean()
    gram = np.einsum("ni,nj->ij", scaled, scaled) / len(target)
    moment = np.einsum("ni,n->i", scaled, target - middle) / len(target)
    weights = np.zeros(matrix.shape[1])
    if alive.any():
        weights[alive] = np.linalg.solve(gram + _RIDGE * np.eye(len(gram)), moment) / std[alive]
    return weights, float(middle - (weights * mean).sum())
