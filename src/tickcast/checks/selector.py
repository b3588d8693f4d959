"""Laws of a selector: it sees training rows only, answers the same twice, and says of every feature why it stays or goes."""

from __future__ import annotations

import json

import numpy as np

from tickcast.checks.learning import sees_its_rows_only
from tickcast.errors import LawBroken
from tickcast.selectors import Selector
from tickcast.views.view import View

__all__ = ["answers_the_same_twice", "every_feature_is_accounted_for", "sees_training_rows_only"]


def sees_training_rows_only(selector: Selector, train: View, rng: np.random.Generator) -> None:
    """Whatever the rows outside the view hold, what is kept, dropped and scored stays the same to the bit."""
    sees_its_rows_only(lambda view: selector.select(view).to_json(), train, rng)


def answers_the_same_twice(selector: Selector, train: View, rng: np.random.Generator) -> None:
    """The same view gives the same selection."""
    if selector.select(train).to_json() != selector.select(train).to_json():
        raise LawBroken(f"{type(selector).__name__} answers differently the second time")


def every_feature_is_accounted_for(selector: Selector, train: View, rng: np.random.Generator) -> None:
    """Each feature is either kept or dropped once with a reason; kept ones keep their order; the answer can be read back."""
    found = selector.select(train)
    dropped = [one.feature for one in found.dropped]
    if sorted([*found.kept, *dropped]) != sorted(train.table.names):
        raise LawBroken(f"{type(selector).__name__} loses or repeats a feature")
    if list(found.kept) != [name for name in train.table.names if name in found.kept]:
        raise LawBroken(f"{type(selector).__name__} changes the order of what it keeps")
    if any(not one.reason or not one.by for one in found.dropped):
        raise LawBroken(f"{type(selector).__name__} drops a feature without a reason")
    if json.loads(found.to_json())["kept"] != list(found.kept) or len(found.to_csv().splitlines()) != len(train.table.names) + 1:
        raise LawBroken(f"{type(selector).__name__} cannot be read back")
