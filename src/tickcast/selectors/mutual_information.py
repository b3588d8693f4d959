"""Keep what shares more information with the outcome than chance does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError
from tickcast.selectors.base import ABOUT, Dropped, Selection, Selector, outcome, selected
from tickcast.views.view import View

__all__ = ["MutualInformation", "codes", "information"]


def codes(x: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """(n,) number of the quantile bin of each value, `bins` for NaN; equal values share a bin.

    >>> codes(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), 2).tolist()
    [0, 0, 1, 1, 2]
    """
    known = np.isfinite(x)
    out = np.full(len(x), bins, np.int64)
    if known.any():
        edges = np.quantile(x[known], np.linspace(0, 1, bins + 1)[1:-1])
        out[known] = np.searchsorted(edges, x[known], side="left")
    return out


def information(a: NDArray[np.int64], b: NDArray[np.int64], bins: int) -> float:
    """Mutual information in nats of two columns of codes in 0…bins, by counting.

    Cover and Thomas, Elements of Information Theory (2006), 2.3.
    """
    joint = np.bincount(a * (bins + 1) + b, minlength=(bins + 1) ** 2).reshape(bins + 1, bins + 1) / len(a)
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    held = joint > 0
    return float((joint[held] * np.log(joint[held] / product[held])).sum())


@dataclass(frozen=True)
class MutualInformation(Selector):
    """A feature stays when it shares more with the outcome than with the same outcome moved around the circle of rows.

    Moving in one piece keeps the memory of both columns, so that two slow series which never met do not pass for informative.

    Parameters
    ----------
    horizon, about: the outcome.
    bins: quantile bins of either column.
    shifts: how often the outcome is moved; the largest of these is the limit, so chance passes once in `shifts` + 1.
    most: at most so many features, the best; None for no limit.
    seed: of the shifts.
    """

    horizon: str | None = None
    about: str = "return"
    bins: int = 8
    shifts: int = 99
    most: int | None = None
    seed: int = 7

    def __post_init__(self) -> None:
        if self.bins < 2 or self.shifts < 1 or self.about not in ABOUT or (self.most is not None and self.most < 1):
            raise ConfigError(f"bins >= 2, shifts >= 1, most >= 1, about one of {', '.join(ABOUT)}", field="mutual_information")

    def select(self, view: View) -> Selection:
        """Score: nats shared with the outcome."""
        rows, y = outcome(view, self.horizon, self.about)
        n, coded = len(rows), codes(y, self.bins)
        away = np.random.default_rng(self.seed).integers(n // 10, n - n // 10, self.shifts)
        dropped, scores = [], []
        for name, column in zip(view.table.names, rows.matrix().T, strict=True):
            own = codes(column, self.bins)
            shared = information(own, coded, self.bins)
            chance = max(information(own, np.roll(coded, shift), self.bins) for shift in away)
            scores.append((name, shared))
            if not shared > chance:
                dropped.append(Dropped(name, "mutual_information", "shares no more with the outcome than chance does", shared, chance))
        gone = {one.feature for one in dropped}
        best = sorted((each for each in scores if each[0] not in gone), key=lambda each: -each[1])
        for name, shared in best[self.most :] if self.most is not None else []:
            worst = best[self.most - 1][1] if self.most else 0.0
            dropped.append(Dropped(name, "mutual_information", f"{self.most} features share more with the outcome", shared, worst))
        return selected("mutual_information", view, dropped, scores)
