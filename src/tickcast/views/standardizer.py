"""Features on a common footing before a network reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ModelError

__all__ = ["Standardizer"]

_FLAT = 1e-12  # a spread below this share of the mean is rounding noise


@dataclass(frozen=True, eq=False)
class Standardizer:
    """x' = clip((x - mean) / std, -c, c), computed in float64 and given as float32.

    Parameters
    ----------
    mean, std: (k,) of the training rows; std is 1 where a column is constant.
    clip: the bound c.

    Raises ModelError when the shapes disagree, or a mean, a std or the bound is not finite, or one of the latter not positive.

    >>> Standardizer.fit(np.array([[0.0, 7.0], [2.0, 7.0]])).apply(np.array([[3.0, 8.0]])).tolist()
    [[2.0, 1.0]]
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    clip: float = 8.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", np.asarray(self.mean, np.float64))
        object.__setattr__(self, "std", np.asarray(self.std, np.float64))
        finite = np.isfinite(self.mean).all() and np.isfinite(self.std).all() and np.isfinite(self.clip)
        if self.mean.shape != self.std.shape or self.mean.ndim != 1 or not finite or not (self.std > 0).all() or self.clip <= 0:
            raise ModelError("a standardizer needs finite (k,) means, positive stds and a positive clip")

    @classmethod
    def fit(cls, matrix: NDArray[np.float64], clip: float = 8.0) -> Standardizer:
        """Means and population standard deviations of the training rows (n, k). Raises ModelError on no rows or a value not finite."""
        values = np.asarray(matrix, np.float64)
        if values.ndim != 2 or not len(values):
            raise ModelError(f"cannot standardise an array of shape {values.shape}", hint="give at least one training row")
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise ModelError("a training value is not finite", row=int(row) + 1, field=str(column), hint="train on ready rows only")
        mean, std = values.mean(axis=0), values.std(axis=0)
        return cls(mean, np.where(std > _FLAT * np.abs(mean), std, 1.0), clip)

    def apply(self, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
        """(n, k) standardised; NaN stays NaN, so that rows which are not ready remain visible."""
        return np.clip((matrix - self.mean) / self.std, -self.clip, self.clip).astype(np.float32)

    def parameters(self) -> dict[str, Any]:
        """JSON values, as `standardize` in model.json."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "clip": self.clip}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Standardizer:
        """The standardizer whose `parameters()` these are."""
        return cls(np.array(parameters["mean"], np.float64), np.array(parameters["std"], np.float64), float(parameters["clip"]))
