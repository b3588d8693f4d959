"""View: rows of a feature table with their outcomes, as arrays for a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tickcast.features.table import FeatureTable
from tickcast.targets.base import Labels

__all__ = ["View"]


@dataclass(frozen=True, eq=False)
class View:
    """Some rows of one table. All models see the same rows; what lies before a row may be used, never what lies after.

    Parameters
    ----------
    table, labels: all n rows; shared between views, never copied.
    rows: (m,) int64, increasing positions into them.
    """

    table: FeatureTable
    labels: Labels
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def horizons(self) -> tuple[str, ...]:
        """(h,) names of the horizons."""
        return self.labels.horizons

    @property
    def ts(self) -> NDArray[np.int64]:
        """(m,) UTC ns."""
        return self.table.ts[self.rows]

    @property
    def price(self) -> NDArray[np.float64]:
        """(m,) price at ts."""
        return self.table.price[self.rows]

    @property
    def outcomes(self) -> NDArray[np.float64]:
        """(m, h) log-returns, NaN where there is no label."""
        return self.labels.values[self.rows]

    def matrix(self, names: Sequence[str] | None = None) -> NDArray[np.float64]:
        """(m, k) features of the rows, all or the named ones."""
        if names is None:
            return self.table.values[self.rows]
        return self.table.values[self.rows[:, None], np.array(self.table.indices(names), np.int64)[None, :]]

    def take(self, positions: NDArray[np.int64] | slice) -> View:
        """The view of these of its rows."""
        return replace(self, rows=self.rows[positions])
