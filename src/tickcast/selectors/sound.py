"""Drop what is hardly ever known or never changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickcast.errors import ConfigError
from tickcast.selectors.base import Dropped, Selection, Selector, selected
from tickcast.views.view import View

__all__ = ["Sound"]


@dataclass(frozen=True)
class Sound(Selector):
    """Features known on enough rows, and with more than one value.

    Parameters
    ----------
    missing: largest share of rows without a number.
    alike: largest share of the known rows that hold one and the same number.
    """

    missing: float = 0.2
    alike: float = 0.999

    def __post_init__(self) -> None:
        if not 0 <= self.missing < 1 or not 0 < self.alike <= 1:
            raise ConfigError("missing lies in [0, 1) and alike in (0, 1]", field="sound")

    def select(self, view: View) -> Selection:
        """Score: share of rows that are known."""
        x = view.matrix()
        dropped, scores = [], []
        for i, name in enumerate(view.table.names):
            known = x[np.isfinite(x[:, i]), i]
            absent = 1 - len(known) / len(x) if len(x) else 1.0
            scores.append((name, 1 - absent))
            if absent > self.missing:
                dropped.append(Dropped(name, "sound", f"{absent:.1%} of the rows hold no number", absent, self.missing))
                continue
            most = np.unique(known, return_counts=True)[1].max() / len(known)
            if most > self.alike:
                dropped.append(Dropped(name, "sound", f"{most:.1%} of the known rows hold the same number", float(most), self.alike))
        return selected("sound", view, dropped, scores)
