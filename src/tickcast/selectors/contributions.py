"""Keep what moves the answers of boosted trees on unseen rows more than a shuffled column does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickcast.errors import ConfigError
from tickcast.selectors.base import ABOUT, Dropped, Selection, Selector, outcome, selected
from tickcast.selectors.boosting import Boosting
from tickcast.selectors.folds import purged_folds
from tickcast.views.view import View

__all__ = ["Contributions"]


@dataclass(frozen=True)
class Contributions(Selector):
    """Mean absolute Shapley value over the held-out rows of purged folds, against that of shuffled copies of the features.

    A copy keeps a feature's values and loses its moment, so what it contributes is what noise contributes; the largest of them is the limit
    (Kursa and Rudnicki, Feature Selection with the Boruta Package, 2010).

    Parameters
    ----------
    horizon, about: the outcome.
    folds: number of purged folds.
    copies: shuffled columns; as many as features at most.
    seed: of the shuffling and the trees.
    trees: what is fitted.
    """

    horizon: str | None = None
    about: str = "return"
    folds: int = 4
    copies: int = 20
    seed: int = 7
    trees: Boosting = Boosting()

    def __post_init__(self) -> None:
        if self.folds < 2 or self.copies < 1 or self.about not in ABOUT:
            raise ConfigError(f"folds >= 2, copies >= 1, about one of {', '.join(ABOUT)}", field="contributions")

    def select(self, view: View) -> Selection:
        """Score: mean |contribution| to the outcome, in its unit."""
        rows, y = outcome(view, self.horizon, self.about)
        rng = np.random.default_rng(self.seed)
        x, k = rows.matrix(), len(view.table.names)
        chosen = rng.permutation(k)[: min(self.copies, k)]
        both = np.column_stack([x, *(x[rng.permutation(len(x)), j] for j in chosen)])
        folds = purged_folds(rows, self.folds)
        found = [self.trees.judged(both[f.learn], y[f.learn], both[f.judge], y[f.judge], self.seed)[1] for f in folds]
        share = np.mean(found, axis=0)
        limit = float(share[k:].max())
        scores = [(name, float(value)) for name, value in zip(view.table.names, share[:k], strict=True)]
        reason = "contributes no more on unseen rows than a shuffled column"
        return selected("contributions", view, [Dropped(n, "contributions", reason, v, limit) for n, v in scores if not v > limit], scores)
