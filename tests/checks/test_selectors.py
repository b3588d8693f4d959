"""Every selector keeps the laws, scalers and scales learn from their rows only, and planted violators are caught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

import small_features as small
from checks import market_rows
from tickcast.checks import LAWS, learning
from tickcast.checks import selector as laws
from tickcast.errors import LawBroken
from tickcast.selectors import SELECTORS, Dropped, RecursiveElimination, Selection, Selector, Uncorrelated
from tickcast.views import View
from tickcast.views.standardizer import Standardizer

Law = Callable[..., None]
VIEW = small.view(900)
QUICKER: Mapping[str, Selector] = {"recursive_elimination": RecursiveElimination(drop=0.5, folds=2)}


@pytest.mark.parametrize("law", LAWS["selector"], ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", sorted(SELECTORS))
def test_selector(name: str, law: Law) -> None:
    assert law(QUICKER.get(name, SELECTORS[name]()), VIEW, np.random.default_rng(2)) is None


def test_no_selector_is_skipped() -> None:
    assert len(SELECTORS) * len(LAWS["selector"]) == 18


class SeesTestRows(Selector):
    """Ranks features on all labelled rows there are."""

    def select(self, view: View) -> Selection:
        return Uncorrelated().select(replace(view, rows=np.arange(len(view.table))))


class Moody(Selector):
    """Scores by chance."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(1)

    def select(self, view: View) -> Selection:
        return Selection("moody", view.table.names, (), tuple((name, float(self._rng.random())) for name in view.table.names), len(view))


class Silent(Selector):
    """Drops a feature without a word, and another without a reason."""

    def __init__(self, lost: int) -> None:
        self._lost = lost

    def select(self, view: View) -> Selection:
        kept = view.table.names[1:]
        dropped = () if self._lost else (Dropped(view.table.names[0], "silent", "", 0.0, 0.0),)
        return Selection("silent", kept, dropped, (), len(view))


@pytest.mark.parametrize(
    ("law", "violator"),
    [
        (laws.sees_training_rows_only, SeesTestRows()),
        (laws.answers_the_same_twice, Moody()),
        (laws.every_feature_is_accounted_for, Silent(1)),
        (laws.every_feature_is_accounted_for, Silent(0)),
    ],
)
def test_a_selector_that_breaks_its_law_is_caught(law: Law, violator: Selector) -> None:
    with pytest.raises(LawBroken):
        law(violator, VIEW, np.random.default_rng(2))


def test_scalers_and_scales_learn_from_their_rows_only() -> None:
    table = market_rows.table()
    train, valid, _ = market_rows.views(table)
    rng = np.random.default_rng(2)
    learning.sees_its_rows_only(lambda view: Standardizer.fit(view.matrix()).parameters(), train, rng)
    with pytest.raises(LawBroken, match="when the other"):
        learning.sees_its_rows_only(lambda view: Standardizer.fit(view.table.values).parameters(), train, rng)
