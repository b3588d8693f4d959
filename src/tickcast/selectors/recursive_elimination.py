"""Drop the least useful features again and again; keep the fewest that are as good as the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError
from tickcast.selectors.base import ABOUT, Dropped, Selection, Selector, outcome, selected
from tickcast.selectors.boosting import Boosting
from tickcast.selectors.folds import purged_folds
from tickcast.views.view import View

__all__ = ["RecursiveElimination"]


@dataclass(frozen=True)
class RecursiveElimination(Selector):
    """Recursive feature elimination with cross-validation over purged folds.

    Each round fits one model per fold, scores it on the held-out rows and drops the share of features that contribute least there. Kept is
    the smallest set that falls short of the best by no more than one standard error of the difference over the folds (Breiman et al. 1984,
    the rule of one standard error).
    Guyon et al., Gene Selection for Cancer Classification using Support Vector Machines (2002).

    Parameters
    ----------
    horizon, about: the outcome.
    folds: number of purged folds.
    drop: share of the features dropped per round, at least one.
    least: fewest features.
    seed: of the trees.
    trees: what is fitted.
    """

    horizon: str | None = None
    about: str = "return"
    folds: int = 4
    drop: float = 0.2
    least: int = 1
    seed: int = 7
    trees: Boosting = Boosting()

    def __post_init__(self) -> None:
        if self.folds < 2 or not 0 < self.drop < 1 or self.least < 1 or self.about not in ABOUT:
            message = f"folds >= 2, drop in (0, 1), least >= 1, about one of {', '.join(ABOUT)}"
            raise ConfigError(message, field="recursive_elimination")

    def select(self, view: View) -> Selection:
        """Score: mean |contribution| to the outcome in the last round that had the feature."""
        rows, y = outcome(view, self.horizon, self.about)
        x, folds = rows.matrix(), purged_folds(rows, self.folds)
        left = np.arange(x.shape[1])
        rounds: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
        while True:
            own = x[:, left]
            found = [self.trees.judged(own[f.learn], y[f.learn], own[f.judge], y[f.judge], self.seed) for f in folds]
            scores, share = np.array([score for score, _ in found]), np.mean([part for _, part in found], axis=0)
            rounds.append((left, scores, share))
            if len(left) <= self.least:
                break
            fewer = min(max(1, int(self.drop * len(left))), len(left) - self.least)
            left = np.sort(left[np.argsort(share, kind="stable")[fewer:]])
        return self._chosen(view, rounds)

    def _chosen(self, view: View, rounds: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]) -> Selection:
        means = np.array([scores.mean() for _, scores, _ in rounds])
        best = int(np.argmax(means))
        short = [rounds[best][1] - scores for _, scores, _ in rounds]  # fold by fold: folds differ more than sets do
        kept = max(i for i, each in enumerate(short) if each.mean() <= each.std(ddof=1) / np.sqrt(self.folds))
        told = f"the {len(rounds[kept][0])} kept explain {means[kept]:.2%} of the variance of unseen rows, all {means[0]:.2%}"
        names, dropped, scores = view.table.names, list[Dropped](), dict[str, float]()
        for i, (left, _, share) in enumerate(rounds[: kept + 1]):
            scores |= {names[j]: float(value) for j, value in zip(left, share, strict=True)}
            after = set(rounds[i + 1][0].tolist()) if i < kept else set(left.tolist())
            limit = min((value for j, value in zip(left, share, strict=True) if j in after), default=0.0)
            fallen = sorted((scores[names[j]], j) for j in left.tolist() if j not in after)
            reason = f"among the least useful of {len(left)}: {told}"
            dropped += [Dropped(names[j], "recursive_elimination", reason, value, float(limit)) for value, j in fallen]
        return selected("recursive_elimination", view, dropped, [(name, scores[name]) for name in names])
