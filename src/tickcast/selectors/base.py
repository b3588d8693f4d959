"""The contract of everything that selects features, and what it hands over: what was kept, what was dropped and why."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ModelError
from tickcast.views.view import View

__all__ = ["ABOUT", "Dropped", "Selection", "Selector", "outcome", "selected"]

ABOUT = ("return", "size")
"""What features may be selected for: the log-return itself, or its absolute value."""


@dataclass(frozen=True)
class Dropped:
    """A feature that was not kept.

    Parameters
    ----------
    feature: its name.
    by: the selector that dropped it.
    reason: why, in words.
    score, limit: what was measured and what it was measured against, in the selector's unit.
    """

    feature: str
    by: str
    reason: str
    score: float
    limit: float


@dataclass(frozen=True)
class Selection:
    """What a selector found.

    Parameters
    ----------
    by: the selector.
    kept: names, in the order of the table.
    dropped: the others, in the order in which they fell.
    scores: (name, score) of every feature that was measured, in the order of the table.
    rows: training rows looked at.
    """

    by: str
    kept: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    scores: tuple[tuple[str, float], ...]
    rows: int

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"kept": list(self.kept), "dropped": [asdict(one) for one in self.dropped], "scores": dict(self.scores)}

    def to_json(self) -> str:
        """One JSON document."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A line per feature: feature, kept, by, reason, score, limit."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("feature", "kept", "by", "reason", "score", "limit"))
        scores = dict(self.scores)
        writer.writerows((name, "yes", self.by, "", scores.get(name, ""), "") for name in self.kept)
        writer.writerows((one.feature, "no", one.by, one.reason, one.score, one.limit) for one in self.dropped)
        return out.getvalue()


class Selector(ABC):
    """Chooses among the features of a view's table by looking at the rows of the view and no others."""

    @abstractmethod
    def select(self, view: View) -> Selection:
        """What to keep and why; the same view gives the same answer. Raises ModelError when the rows teach nothing."""


def outcome(view: View, horizon: str | None, about: str) -> tuple[View, NDArray[np.float64]]:
    """The rows of the view that have an outcome at the horizon (None: the first), and (m,) those outcomes.

    Raises ModelError for a horizon that the labels do not have, or when fewer than 50 rows have an outcome.
    """
    name = view.horizons[0] if horizon is None else horizon
    if name not in view.horizons:
        raise ModelError(f"there is no horizon {name!r}", field="horizon", hint=f"the labels have {', '.join(view.horizons)}")
    y = view.outcomes[:, view.horizons.index(name)]
    known = np.isfinite(y)
    if known.sum() < 50:
        raise ModelError(f"{int(known.sum())} rows with an outcome are too few to select features on", field="horizon")
    return view.take(np.flatnonzero(known)), np.abs(y[known]) if about == "size" else y[known]


def selected(by: str, view: View, dropped: Sequence[Dropped], scores: Sequence[tuple[str, float]]) -> Selection:
    """The selection that drops these and keeps the rest."""
    gone = {one.feature for one in dropped}
    kept = tuple(name for name in view.table.names if name not in gone)
    return Selection(by, kept, tuple(dropped), tuple(scores), len(view))
