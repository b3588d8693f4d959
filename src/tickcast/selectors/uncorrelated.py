"""Of two features that say the same, keep one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError
from tickcast.selectors.base import ABOUT, Dropped, Selection, Selector, outcome, selected
from tickcast.views.view import View

__all__ = ["Uncorrelated", "rank_correlations"]


def rank_correlations(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, k) Spearman correlations of the columns of (n, k) over the rows where all are known; 0 for a column that never changes.

    Ranks, so that one wild value neither makes nor hides a likeness.

    >>> rank_correlations(np.array([[1.0, 1.0], [2.0, 8.0], [3.0, 27.0]])).round(3).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    from scipy.stats import rankdata

    known = x[np.isfinite(x).all(axis=1)]
    k = x.shape[1]
    if len(known) < 3:
        return np.eye(k)
    ranks = rankdata(known, axis=0)
    centred = ranks - ranks.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    out: NDArray[np.float64] = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(out, 1.0)
    return out


@dataclass(frozen=True)
class Uncorrelated(Selector):
    """No two kept features have a rank correlation beyond `limit`; of such two the one nearer to the outcome
    stays, the earlier one when they are equal.

    Parameters
    ----------
    limit: largest |Spearman correlation|.
    horizon, about: the outcome that settles which of two stays.
    """

    limit: float = 0.95
    horizon: str | None = None
    about: str = "return"

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1 or self.about not in ABOUT:
            raise ConfigError(f"a limit lies in (0, 1], about is one of {', '.join(ABOUT)}", field="uncorrelated")

    def select(self, view: View) -> Selection:
        """Score: |rank correlation| with the outcome."""
        rows, y = outcome(view, self.horizon, self.about)
        between = np.abs(rank_correlations(rows.matrix()))
        near = np.array([abs(rank_correlations(np.column_stack([column, y]))[0, 1]) for column in rows.matrix().T])
        names, kept, dropped = view.table.names, list[int](), []
        for i in sorted(range(len(names)), key=lambda i: (-round(float(near[i]), 12), i)):
            rival = max(kept, key=lambda j: between[i, j], default=None)
            if rival is not None and between[i, rival] > self.limit:
                reason = f"says what {names[rival]} says"
                dropped.append(Dropped(names[i], "uncorrelated", reason, float(between[i, rival]), self.limit))
            else:
                kept.append(i)
        return selected("uncorrelated", view, dropped, [(name, float(value)) for name, value in zip(names, near, strict=True)])
