"""Folds of training rows for cross-validation: held-out rows in one run of time, and around it no row whose label reaches into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import SplitError
from tickcast.views.view import View

__all__ = ["Fold", "purged_folds"]


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions in the view: `learn` from these, `judge` on those; `purged` rows were left out between."""

    learn: NDArray[np.int64]
    judge: NDArray[np.int64]
    purged: int


def purged_folds(view: View, count: int, embargo: int = 0) -> list[Fold]:
    """`count` folds of nearly equal length. A row is purged when its label interval meets one of the held-out rows, or begins less than
    `embargo` ns after the last of them ends. Raises SplitError when a fold has nothing to learn from.

    López de Prado, Advances in Financial Machine Learning (2018), 7.4.
    """
    start, end = view.labels.start[view.rows], view.labels.end[view.rows].max(axis=1)
    position = np.arange(len(view))
    folds = []
    for judge in np.array_split(position, count):
        if not len(judge):
            raise SplitError(f"{len(view)} rows do not make {count} folds", field="folds")
        first, last = start[judge].min(), end[judge].max()
        outside = (position < judge[0]) | (position > judge[-1])
        clear = (end < first) | (start > last + embargo)
        learn = position[outside & clear]
        if not len(learn):
            raise SplitError(f"labels reach over all of {count} folds", field="folds", hint="use fewer folds or shorter horizons")
        folds.append(Fold(learn, judge, int((outside & ~clear).sum())))
    return folds
