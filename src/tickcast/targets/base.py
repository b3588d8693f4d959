"""What is asked about the future: a target labels rows and knows which interval each label looks at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.features.table import FeatureTable

__all__ = ["Labels", "Target"]


@dataclass(frozen=True, eq=False)
class Labels:
    """Outcomes of `n` rows at `h` horizons.

    Parameters
    ----------
    horizons: (h,) names.
    values: (n, h) log-returns, NaN where there is no label.
    start: (n,) int64, UTC ns; the label of row i looks at [start[i], end[i, j]].
    end: (n, h) int64, UTC ns; equal to start where there is no label.
    """

    horizons: tuple[str, ...]
    values: NDArray[np.float64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(n, h) True where there is a label."""
        return np.isfinite(self.values)


class Target(ABC):
    """A question about the future of `FeatureTable.price`."""

    horizons: tuple[str, ...]

    @abstractmethod
    def label(self, table: FeatureTable) -> Labels:
        """Labels of every row of the table; rows keep their order."""
