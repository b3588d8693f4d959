"""Law of everything that learns: scalers, scales, calibrators, selections. What it was not given it cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import LawBroken
from tickcast.views.view import View

__all__ = ["sees_its_rows_only"]


def _otherwise(view: View, rng: np.random.Generator) -> Iterator[tuple[str, View]]:
    """The view of a table whose other rows hold something else: noise, ten times as much, nothing known, another order, other outcomes."""
    others = np.setdiff1d(np.arange(len(view.table)), view.rows)

    def changed(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> View:
        table, labels = view.table, view.labels
        price, values, outcomes = table.price.copy(), table.values.copy(), labels.values.copy()
        for each in (price, values, outcomes):
            each[others] = change(each[others])
        return replace(view, table=replace(table, price=price, values=values), labels=replace(labels, values=outcomes))

    yield "noise", changed(lambda x: x * np.exp(rng.standard_normal(x.shape)))
    yield "tenfold", changed(lambda x: x * 10.0)
    yield "unknown", changed(lambda x: np.full(x.shape, np.nan))
    yield "in another order", changed(lambda x: x[rng.permutation(len(x))])


def sees_its_rows_only(learn: Callable[[View], object], view: View, rng: np.random.Generator) -> None:
    """What is learned from a view stays what it is, compared by ==, when the rows outside the view are others.

    learn: fits on the view and returns what it learned, as JSON values, text or a tuple of names.
    """
    learned = learn(view)
    for what, other in _otherwise(view, rng):
        if learn(other) != learned:
            raise LawBroken(f"what is learned from {len(view)} rows changes when the other {len(view.table) - len(view)} rows are {what}")
